"""A local Hub over HTTP that answers what ``huggingface_hub`` asks when it downloads a checkpoint or a data set."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "a" * 40


@contextmanager
def serve(repo: str, folder: Path, revisions: tuple[str, ...] = ("main",), *, kind: str = "models") -> Iterator[str]:
    """Serve ``folder`` as ``repo`` of a kind (models, datasets) on a free loopback port; yields the address."""
    served = {"repo": repo, "folder": folder, "revisions": (*revisions, COMMIT), "kind": kind}
    handler = type("Handler", (_Handler,), served)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repo: str
    folder: Path
    revisions: tuple[str, ...]
    kind: str

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's output is not the server's."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        paths = (f for f in self.folder.rglob("*") if f.is_file())
        files = {f.relative_to(self.folder).as_posix(): f.read_bytes() for f in paths}
        if found := re.fullmatch(rf"/api/{self.kind}/{self.repo}/revision/([^/]+)", path):
            if found[1] not in self.revisions:
                return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"}, with_body)
            siblings = [{"rfilename": name} for name in files]
            body = json.dumps({"id": self.repo, "sha": COMMIT, "siblings": siblings}).encode()
            return self._send(200, body, {"Content-Type": "application/json"}, with_body)
        if found := re.fullmatch(rf"/api/{self.kind}/{self.repo}/tree/([^/]+)", path):
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            return self._send(200, json.dumps(listed).encode(), {"Content-Type": "application/json"}, with_body)
        found = re.fullmatch(
            rf"/{'' if self.kind == 'models' else self.kind + '/'}{self.repo}/resolve/([^/]+)/(.+)", path
        )
        if found and found[1] in self.revisions and found[2] in files:
            content = files[found[2]]
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            return self._send(200, content, headers, with_body)
        return self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)

    def _send(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)
