"""The middleware that every request passes: what is let in, how much of it, and the headers of every answer.

Gradio answers many more addresses than this page needs: it proxies other servers, records screens, lists runs and keeps
links to a session's content. Here only what is named is reached.
"""

import asyncio
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interface.server import page_base, single_photos
from interface.server.sessions import Sessions
from interface.server.settings import Settings
from interface.server.uploads import MAX_TOTAL_BYTES
from skin_model.wording import ENGLISH, Words, languages

MAX_QUESTION_BYTES = 4 * 2**20
"""A request that is no upload: settings, names and places of files."""
MAX_UPLOAD_BYTES = MAX_TOTAL_BYTES + 2**20
KEPT_FREE_BYTES = 64 * 2**20
"""Space on the disk that no upload may take: the pictures of answers go there too."""
MAX_UPLOADS, MAX_STREAMS = 256, 2048
"""Uploads, and pages that listen, at the same time."""
SHARE_OF_ONE_ADDRESS = 3 / 4
"""Of everything of which there are only so many, so that one sender leaves places for others."""
SILENT_SECONDS = 30
"""For how long an upload may stand still."""

_API = "/gradio_api"
_LANGUAGES = "|".join(languages())
_READ = re.compile(
    rf"/?|/({_LANGUAGES})/?|/config/?|/(static|assets|svelte)/.+|/(favicon\.ico|robots\.txt|manifest\.json|theme\.css)"
    rf"|/on-device(/.*)?|/mistakes/photo/[^/]+"
    rf"|{_API}/(info/?|openapi\.json|app_id/?|theme\.css|startup-events|queue/status|upload_progress)"
)
_PAGE = re.compile(rf"/?|/({_LANGUAGES})")
_PAGE_AND_SLASH = re.compile(rf"/({_LANGUAGES})/")
_FILE = re.compile(rf"{_API}/file=(?!\w+:).+")
_STREAM = re.compile(rf"{_API}/(heartbeat/(?P<page>[^/]+)|queue/data|call/[^/]+/(?P<event>[^/]+))")
_QUESTION = re.compile(rf"{_API}/(queue/join|call/[^/]+/?|cancel|reset/?)")
_UPLOAD = re.compile(rf"{_API}/upload/?")
_PROGRAMS = re.compile(rf"{_API}/mcp(/.*)?")
_ELSEWHERE = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")

HEADERS = {
    # Gradio's page starts from scripts in its HTML, compiles the templates of its components, and keeps styles in
    # attributes; none of it comes from elsewhere, nothing is sent elsewhere, and only Spaces may show it in a frame.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    # To this server the address says in which language to answer; no other one learns it.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()",
}


class _Gone(Exception):
    """The body did not come: the sender left, was silent for too long, or sent too much."""

    def __init__(self, status: int = 400) -> None:
        self.status = status


class AdmissionMiddleware:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, sessions: Sessions, settings: Settings) -> None:
        self.app, self.sessions, self.settings = app, sessions, settings
        self._uploads: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            sweeping = asyncio.create_task(self.sessions.keep_sweeping(scope["app"]))
            try:
                await self.app(scope, receive, send)
            finally:
                sweeping.cancel()
        elif scope["type"] == "http":
            # With the prefix before the path, as routes and mounts expect it, whether or not a proxy took it off.
            prefix = _prefix(scope)
            below = {**scope, "root_path": prefix}
            scope = {**below, "path": prefix + _path(below)}
            await self._answer(scope, receive, self._with_headers(_path(scope), send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = _path(scope), scope["method"]
        if method in ("GET", "HEAD") and (found := _PAGE_AND_SLASH.fullmatch(path)):
            # Gradio would forget the tab in the address, and the prefix of a proxy.
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"../{found[1]}" + ("?" + query if query else ""), 308)(scope, receive, send)
        elif method == "GET" and scope["root_path"] and _PAGE.fullmatch(path):
            await self.app(scope, receive, page_base.based(scope["root_path"], send))
        elif method in ("GET", "HEAD") and (_READ.fullmatch(path) or _FILE.fullmatch(path)):
            await self.app(scope, receive, send)
        elif method == "GET" and (found := _STREAM.fullmatch(path)):
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
            await self._stream(found["page"] or found["event"] or asked, scope, receive, send)
        elif method == "POST" and _QUESTION.fullmatch(path):
            await self._question(scope, receive, send)
        elif method == "POST" and _UPLOAD.fullmatch(path):
            await self._upload(scope, receive, send)
        elif (self.settings.mcp and _PROGRAMS.fullmatch(path)) or method == "OPTIONS":
            await self.app(scope, receive, send)
        else:
            await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)

    async def _stream(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        """What a page or program listens to: everything that it is told to fetch is its own."""

        async def overheard(message: Message) -> None:
            if message["type"] == "http.response.body":
                self.sessions.is_shown(session, message.get("body", b""))
            await send(message)

        with _place(self._streams, _address(scope), MAX_STREAMS) as free, self.sessions.connected(session):
            await (self.app(scope, receive, overheard) if free else self._busy(scope)(scope, receive, send))

    async def _question(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A question to one of the page's functions, read as a whole before it is let in."""
        try:
            body = await _body(Headers(scope=scope), receive, MAX_QUESTION_BYTES)
            question = json.loads(body) if body else {}
        except _Gone as gone:
            await JSONResponse({"detail": "The request is too large or incomplete."}, gone.status)(scope, receive, send)
            return
        except (ValueError, RecursionError):
            await JSONResponse({"detail": "The request is not JSON."}, 400)(scope, receive, send)
            return
        if not isinstance(question, dict):
            await JSONResponse({"detail": "The request is not a JSON object."}, 400)(scope, receive, send)
            return
        if _names_elsewhere(question):
            text = (
                "Send the photo itself (gradio_client.handle_file, or /gradio_api/upload): nothing is fetched for you."
            )
            await JSONResponse({"detail": text}, 400)(scope, receive, send)
            return
        if not _path(scope).endswith(("/cancel", "/reset", "/reset/")) and not self._may_wait(scope):
            await self._busy(scope)(scope, receive, send)
            return
        session = question.get("session_hash")
        if isinstance(session, str):
            self.sessions.asks(session)
            self.sessions.mentions(session, body)
        await self.app(scope, _again(body, receive), send)

    def _may_wait(self, scope: Scope) -> bool:
        """Whether the queue has a place left for this sender."""
        queue = scope["app"].get_blocks()._queue
        waiting = [event for each in queue.event_queue_per_concurrency_id.values() for event in each.queue]
        own = sum(_address(event.request.scope) == _address(scope) for event in waiting if event.request is not None)
        return len(waiting) < self.settings.queue and own < max(1, SHARE_OF_ONE_ADDRESS * self.settings.queue)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        words = self._words(scope)
        refusal: Response | None = None
        if not (length.isascii() and length.isdigit()):
            refusal = PlainTextResponse("The length of the upload is missing (Content-Length).", 411)
        elif int(length) > MAX_UPLOAD_BYTES:
            refusal = PlainTextResponse(words("batch.refused.too_large", megabytes=MAX_TOTAL_BYTES // 2**20), 413)
        elif not self._has_room(int(length)):
            refusal = self._busy(scope)
        with _place(self._uploads, _address(scope), MAX_UPLOADS) as free:
            if refusal is None and not free:
                refusal = self._busy(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            try:
                patient = _patiently(receive, self.sessions.keep)
                await self.app(scope, single_photos.held(patient, Headers(scope=scope).get("content-type", "")), send)
            except single_photos.PhotoTooLarge:
                await PlainTextResponse(words("refused.file_too_large"), 413)(scope, receive, send)
            except ClientDisconnect:  # or stood still for too long, and may be listening
                await PlainTextResponse(words("refused.damaged_file"), 408)(scope, receive, send)
            except OSError:  # the disk is full, or cannot be written
                await self._busy(scope)(scope, receive, send)
            finally:
                _forget_progress(scope)
                if self._uploads.total() == 1:  # only this one, and it is over
                    self.sessions.drop_unfinished_uploads()

    def _has_room(self, size: int) -> bool:
        try:
            self.sessions.folder.mkdir(mode=0o700, exist_ok=True)
            return shutil.disk_usage(self.sessions.folder).free >= size + KEPT_FREE_BYTES
        except OSError:
            return False

    def _busy(self, scope: Scope) -> Response:
        text = self._words(scope)("interface.busy")
        if _UPLOAD.fullmatch(_path(scope)):
            return PlainTextResponse(text, 503, {"Retry-After": "10"})
        return JSONResponse({"detail": text}, 503, {"Retry-After": "10"})

    def _words(self, scope: Scope) -> Words:
        """In the language of the page that asks."""
        page = urlsplit(Headers(scope=scope).get("referer", "")).path.strip("/").rpartition("/")[2]
        return Words(page if page in languages() else self.settings.language or ENGLISH)

    @staticmethod
    def _with_headers(path: str, send: Send) -> Send:
        on_device = path.startswith("/on-device")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    # The page for one's own device says in itself what it may reach, and more strictly.
                    if not (on_device and name in ("Content-Security-Policy", "Referrer-Policy")):
                        headers[name] = value
                if _FILE.fullmatch(path) or path.startswith(f"{_API}/queue") or path.startswith(f"{_API}/call"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return answer


def _prefix(scope: Scope) -> str:
    """Below which path the app lies for its visitors (GRADIO_ROOT_PATH, a path or an address), "" at the root."""
    inside = urlsplit(scope.get("root_path", "")).path.strip("/")
    return f"/{inside}" if inside else ""


def _path(scope: Scope) -> str:
    """The path below the prefix, whether the proxy in front takes it off or passes it on."""
    path, prefix = scope["path"], scope["root_path"]
    return path[len(prefix) :] if prefix and (path + "/").startswith(prefix + "/") else path


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


@contextmanager
def _place(taken: Counter[str], address: str, most: int) -> Iterator[bool]:
    """Whether there is a place among ``most``, and for this address; it is held while the block lasts."""
    free = taken.total() < most and taken[address] < SHARE_OF_ONE_ADDRESS * most
    if free:
        taken[address] += 1
    try:
        yield free
    finally:
        if free:
            taken[address] -= 1
        if not taken[address]:
            del taken[address]


async def _body(headers: Headers, receive: Receive, most: int) -> bytes:
    """The whole body. Raises _Gone."""
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most:
        raise _Gone(413)
    body, patient = bytearray(), _patiently(receive, SILENT_SECONDS)
    while True:
        message = await patient()
        if message["type"] != "http.request":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > most:
            raise _Gone(413)
        if not message.get("more_body"):
            return bytes(body)


def _patiently(receive: Receive, most: float) -> Receive:
    """``receive`` that says that the sender left when nothing comes for SILENT_SECONDS, or not all in ``most``."""
    deadline: float | None = None
    complete = False

    async def wait() -> Message:
        nonlocal deadline, complete
        if complete:  # what then comes is only that the sender leaves
            return await receive()
        now = asyncio.get_running_loop().time()
        deadline = now + most if deadline is None else deadline
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(SILENT_SECONDS, deadline - now)))
        except TimeoutError:
            return {"type": "http.disconnect"}
        complete = not message.get("more_body")
        return message

    return wait


def _again(body: bytes, receive: Receive) -> Receive:
    """``receive`` that gives a body that was read already."""
    given = False

    async def wait() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return wait


def _names_elsewhere(question: dict[str, Any]) -> bool:
    """Whether a file in the question is to be fetched from somewhere, be it a server or a scheme of this machine."""
    left: list[Any] = [question]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            is_file = "path" in value or (isinstance(value.get("meta"), dict) and "_type" in value["meta"])
            path = value.get("path")
            if is_file and isinstance(path, str) and _ELSEWHERE.match(path) and not Path(path).is_absolute():
                return True
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def _forget_progress(scope: Scope) -> None:
    """Gradio would keep an upload's name until somebody asks how far it is."""
    from gradio.routes import file_upload_statuses

    for upload in parse_qs(scope["query_string"].decode("latin-1")).get("upload_id", []):
        # After what listens has seen the end.
        asyncio.get_running_loop().call_later(SILENT_SECONDS, _stop, file_upload_statuses, upload)


def _stop(statuses: Any, upload: str) -> None:
    statuses.stop_tracking(upload)
    statuses._signals.pop(upload, None)
