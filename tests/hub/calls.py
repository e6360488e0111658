"""A request as the rooms of a local Hub see it, and what they answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.hub import LocalHub
    from tests.hub.repositories import Repository


@dataclass(frozen=True)
class Request:
    """A request that came: what it asked, how large its body was, and the status that it was given (0: none)."""

    method: str
    path: str
    size: int
    status: int


@dataclass
class Answer:
    """What is sent back. A dict or a list as body goes as JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refusal(Exception):
    """An answer that is an error; code is the Hub's X-Error-Code."""

    def __init__(self, status: int, message: str, code: str | None = None, **body: Any) -> None:
        super().__init__(message)
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.answer = Answer(status, {"error": message, **body}, headers)


@dataclass
class Call:
    """A request as the rooms see it. user: who asks, None for nobody. writes: whether the token may write."""

    hub: LocalHub
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    user: str | None
    writes: bool

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def repository(self, kind: str, name: str, *, write: bool = False) -> Repository:
        """The repository, if this caller may see it, and with write if this caller may change it; else a Refusal."""
        found = self.hub.repositories.get((kind, name))
        if found is None or (found.private and self.user is None):
            if self.user is None:  # the Hub does not tell strangers what exists
                raise Refusal(401, "Invalid username or password.")
            raise Refusal(404, "Repository not found", "RepoNotFound")
        if write:
            self.require_writing(name.partition("/")[0])
        return found

    def require_writing(self, namespace: str) -> None:
        """Raises Refusal unless the token may write there."""
        if self.user is None:
            raise Refusal(401, "Invalid username or password.")
        if not self.writes:
            raise Refusal(403, "Forbidden: you must use a write token to upload to a repository.")
        if namespace not in (self.user, *self.hub.organisations):
            raise Refusal(
                403, f'You don\'t have the rights to create or change a repo under the namespace "{namespace}"'
            )
