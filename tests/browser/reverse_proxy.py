"""A small reverse proxy that offers the app below a path: it takes the path off, as nginx can, or passes it on."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


class _Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: str
    prefix: str
    strips: bool
    refused: list[str]

    def log_message(self, *arguments: object) -> None:
        pass

    def pass_on(self) -> None:
        if not (self.path + "/").startswith(self.prefix + "/"):
            if self.path != "/favicon.ico":  # which browsers ask for by themselves
                self.refused.append(self.path)
            self.send_error(404)
            return
        path = (self.path[len(self.prefix) :] or "/") if self.strips else self.path
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        headers |= {"X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Proto": "http"}
        connection = http.client.HTTPConnection(self.target)
        connection.request(self.command, path, self.rfile.read(length) if length else None, headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(BrokenPipeError, ConnectionResetError):
            while data := answer.read1(65_536):
                self.wfile.write(data)
                self.wfile.flush()
        connection.close()

    do_GET = do_POST = do_HEAD = pass_on


@contextmanager
def offered_below(prefix: str, address: str, *, strips: bool) -> Iterator[tuple[str, list[str]]]:
    """The address of the app below the prefix, and a list of the paths that are asked for beside it."""
    facts = {"target": urlsplit(address).netloc, "prefix": prefix, "strips": strips, "refused": []}
    handler = type("Proxy", (_Proxy,), facts)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}", handler.refused
    finally:
        server.shutdown()
        server.server_close()
