"""A local Hub over HTTP that speaks what the real ``huggingface_hub``, ``datasets`` and timm clients call.

Repositories live in memory; Xet is off, so large files travel by Git LFS as they do for clients without ``hf_xet``.
Faults come on demand: ``local.fail("POST", "/commit/", status=500)``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.hub.calls import Request
from tests.hub.faults import Fault
from tests.hub.repositories import Repository

__all__ = ["Fault", "LocalHub", "Repository", "environment", "point_clients_at", "serve"]


class LocalHub:
    """The Hub's state and its server; a context manager. ``token`` may write as ``user``, ``reading_token`` may not.

    part_bytes: uploads above it go in parts. page_entries: how many files a page of a listing holds.
    """

    user = "owner"
    token = "hf_localTokenThatMayWrite0123456789"
    reading_token = "hf_localTokenThatMayRead00123456789"

    def __init__(self, *, part_bytes: int | None = None, page_entries: int = 1000) -> None:
        self.part_bytes, self.page_entries = part_bytes, page_entries
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        """Large File Storage objects by their SHA-256."""
        self.parts: dict[tuple[str, int], bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.waited: list[float] = []
        """Seconds that clients in this process would have waited before trying again."""
        self.clock = SimpleNamespace(**{**vars(time), "sleep": self.waited.append})
        """For modules in this process to use as ``time``: their waits take no time but are noted."""
        self.lock = threading.RLock()
        self.organisations = ("clinic",)

    def __enter__(self) -> LocalHub:
        from tests.hub.server import Handler

        handler = type("Handler", (Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self) -> str:
        """Where large files come from: another host, as the Hub's content delivery network is."""
        return f"http://localhost:{self.port}"

    def create(
        self, name: str, files: Mapping[str, bytes] | Path | None = None, *, kind: str = "models", **options: Any
    ) -> Repository:
        """Put a repository there, with files by path or those of a folder. options go to ``Repository``."""
        repository = Repository(kind, name, self.user, **options)
        self.repositories[kind, name] = repository
        if isinstance(files, Path):
            files = {f.relative_to(files).as_posix(): f.read_bytes() for f in sorted(files.rglob("*")) if f.is_file()}
        if files:
            self.keep(repository.upload(files).blobs.values())
        return repository

    def repository(self, name: str, kind: str = "models") -> Repository:
        return self.repositories[kind, name]

    def keep(self, blobs: Any) -> None:
        """Let the Large File Storage hold the objects among these blobs."""
        self.objects.update({blob.sha256: blob.content for blob in blobs if blob.lfs})

    def fail(self, method: str | None, path: str, **options: Any) -> Fault:
        """Let requests that match fail from now on; options as in ``Fault``."""
        fault = Fault(method, path, **options)
        self.faults.append(fault)
        return fault

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests that came with this method and this text in their path."""
        return [request for request in self.requests if request.method == method and path in request.path]


def environment(endpoint: str, home: Path, token: str | None = None, **more: str) -> dict[str, str]:
    """The environment in which a process of its own speaks to a local Hub, with an empty cache and no other token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    kept |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return kept | ({"HF_TOKEN": token} if token else {}) | more


def point_clients_at(local: LocalHub, monkeypatch: Any, home: Path, token: str | None = None) -> None:
    """Let the clients in this process speak to a local Hub; their waits between tries take no time but are noted."""
    from huggingface_hub import constants, file_download, utils

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(constants, "ENDPOINT", local.endpoint)
    template = local.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
    monkeypatch.setattr(utils._http, "time", local.clock)
    monkeypatch.setattr(file_download, "time", local.clock)


@contextmanager
def serve(repo: str, folder: Path, revisions: tuple[str, ...] = ("main",), *, kind: str = "models") -> Iterator[str]:
    """Serve ``folder`` as ``repo`` of a kind (models, datasets), with tags; yields the address."""
    with LocalHub() as local:
        repository = local.create(repo, folder, kind=kind)
        repository.tags |= {name: repository.heads["main"] for name in revisions if name != "main"}
        yield local.endpoint
