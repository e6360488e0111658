"""The Hub's answers over HTTP: who asks, which repository, and which room answers."""

from __future__ import annotations

import re
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub import uploads, views
from tests.hub.calls import Answer, Call, Refusal, Request
from tests.hub.faults import MESSAGES, Fault

if TYPE_CHECKING:
    from tests.hub import LocalHub

KINDS = ("models", "datasets", "spaces")


class Handler(BaseHTTPRequestHandler):
    """One connection. Subclassed with the hub that it serves."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    hub: LocalHub

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's output is not the server's."""

    def do_GET(self) -> None:
        body = self._read()
        path, size = self.path, len(body)
        with self.hub.lock:
            fault = next((fault for fault in self.hub.faults if fault.meets(self.command, path)), None)
        if fault is not None and fault.delay:
            time.sleep(fault.delay)
        answer = self._fault_answer(fault) if fault is not None and not fault.afterwards else None
        cut = fault is not None and fault.cut
        if answer is None and not (cut and not fault.afterwards):
            answer = self._answer(body)
        if fault is not None and fault.afterwards:
            answer = self._fault_answer(fault)
        with self.hub.lock:
            self.hub.requests.append(Request(self.command, path, size, 0 if cut or answer is None else answer.status))
        if cut or answer is None:
            self.close_connection = True
            return
        self._send(answer, fault)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, body: bytes) -> Answer:
        split = urlsplit(self.path)
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            on_storage = self.headers.get("Host", "").startswith("localhost")
            if on_storage and given:
                raise Refusal(400, "Only one auth mechanism allowed")  # as a signed address with a token on top
            if given and given not in (self.hub.token, self.hub.reading_token):
                raise Refusal(401, MESSAGES[401])
            query = parse_qs(split.query, keep_blank_values=True)
            headers = {name.lower(): value for name, value in self.headers.items()}
            user = self.hub.user if given else None
            call = Call(self.hub, self.command, split.path, query, headers, body, user, given == self.hub.token)
            with self.hub.lock:
                return route(call, on_storage=on_storage)
        except Refusal as refusal:
            return refusal.answer

    @staticmethod
    def _fault_answer(fault: Fault) -> Answer | None:
        if fault.status is None:
            return None
        message = MESSAGES.get(fault.status, "Error")
        headers = {"X-Error-Message": message}
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        return Answer(fault.status, {"error": message}, headers)

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        content = answer.content()
        sent, length = content, len(content)
        if fault is not None and fault.shorten is not None:
            sent = content[: int(length * fault.shorten)]
            length = len(sent)
        if fault is not None and fault.truncate is not None:
            sent = content[: int(length * fault.truncate)]
        headers = {"Content-Length": str(length), "X-Request-Id": "local", **answer.headers}
        if not isinstance(answer.body, bytes):
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)
        self.wfile.flush()
        if len(sent) < length and self.command != "HEAD":
            self.close_connection = True


def route(call: Call, *, on_storage: bool) -> Answer:
    """Ask the room that knows; what nobody knows is a 404, as on the Hub."""
    if on_storage or call.path.startswith("/storage/"):
        return uploads.storage(call)
    if found := re.fullmatch(r"/(datasets/|spaces/)?([^/]+/[^/]+)\.git/info/lfs/(objects/batch|verify)", call.path):
        repository = call.repository(found[1].rstrip("/") if found[1] else "models", found[2], write=True)
        return uploads.LFS[found[3]](call, repository)
    if found := re.fullmatch(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/(?:resolve|raw)/([^/]+)/(.+)", call.path):
        repository = call.repository(found[1] or "models", found[2])
        return views.resolve(call, repository, unquote(found[3]), unquote(found[4]))
    if call.path.startswith("/api/"):
        general = {
            ("POST", "/api/repos/create"): uploads.create,
            ("DELETE", "/api/repos/delete"): uploads.delete,
            ("GET", "/api/whoami-v2"): views.whoami,
            ("POST", "/api/validate-yaml"): uploads.validate_yaml,
        }
        if answer := general.get((call.method, call.path)):
            return answer(call)
        found = re.fullmatch(rf"/api/({'|'.join(KINDS)})/([^/]+/[^/]+)(?:/([^/]+)(?:/(.+))?)?", call.path)
        if found and (room := REPOSITORY.get((call.method, found[3] or ""))):
            answer, write = room
            repository = call.repository(found[1], unquote(found[2]), write=write)
            return answer(call, repository, found[4] or "")
    raise Refusal(404, f"Sorry, we can't find the page you are looking for: {call.method} {call.path}", "NotFound")


REPOSITORY = {
    ("GET", ""): (views.info, False),
    ("GET", "revision"): (views.info, False),
    ("GET", "tree"): (views.tree, False),
    ("POST", "paths-info"): (views.paths_info, False),
    ("GET", "refs"): (views.refs, False),
    ("GET", "commits"): (views.commits, False),
    ("GET", "discussions"): (views.discussions, False),
    ("POST", "discussions"): (uploads.change_discussion, True),
    ("POST", "preupload"): (uploads.preupload, True),
    ("POST", "commit"): (uploads.commit, True),
    ("POST", "tag"): (uploads.tag, True),
    ("DELETE", "tag"): (uploads.delete_tag, True),
    ("POST", "branch"): (uploads.branch, True),
    ("DELETE", "branch"): (uploads.delete_branch, True),
    ("PUT", "settings"): (uploads.settings, True),
    ("GET", "runtime"): (views.runtime, False),
    ("GET", "logs"): (views.logs, False),
    ("GET", "variables"): (views.variables, False),
    ("POST", "variables"): (uploads.set_variable, True),
    ("DELETE", "variables"): (uploads.delete_variable, True),
    ("POST", "secrets"): (uploads.set_secret, True),
}
"""By method and first word after the repository's name: who answers, and whether it needs the right to write."""
