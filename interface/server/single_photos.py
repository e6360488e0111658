"""Single photos in an upload are held to their limit; Gradio knows only one for the whole app, that of ZIP files.

What a photo has over the limit is dropped as it arrives, but for the byte that tells the gate that it is too large: so
one of many costs a line of the table and not all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message as Header

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from starlette.types import Message, Receive

from skin_model.photo import MAX_BYTES

_ZIP = (b"PK\3\4", b"PK\5\6")
"""What a ZIP file begins with; the second one is empty."""


class PhotoTooLarge(Exception):
    """The only file of an upload is no ZIP and over the limit by more than the byte that tells the gate."""


def held(receive: Receive, content_type: str) -> Receive:
    """``receive`` of a multipart upload whose files are cut to one byte over MAX_BYTES, but for ZIP files.

    Raises PhotoTooLarge at the end of an upload that is one such file. What cannot be parsed is passed on as it is.
    """
    header = Header()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        return receive
    parts = _Parts(boundary.encode("latin-1", "replace"))

    async def wait() -> Message:
        message = await receive()
        if message["type"] != "http.request":
            return message
        body = parts.feed(message.get("body", b""))
        if not message.get("more_body") and parts.files == parts.cut == 1:
            raise PhotoTooLarge
        return {**message, "body": body}

    return wait


class _Parts:
    """A multipart body, written anew with its files cut. files, cut: how many there were, and were too large."""

    def __init__(self, boundary: bytes) -> None:
        self.files = self.cut = 0
        self._boundary, self._out, self._broken = boundary, bytearray(), False
        self._begin()
        named: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._write(data[start:end]),
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": lambda: self._write(b"\r\n"),
            "on_part_data": self._part_data,
            "on_part_end": self._end_part,
            "on_end": lambda: self._write(b"--" + boundary + b"--\r\n"),
        }
        self._parser = MultipartParser(boundary, named)  # type: ignore[arg-type]

    def feed(self, data: bytes) -> bytes:
        if self._broken:
            return data
        try:
            self._parser.write(data)
        except FormParserError:
            self._broken = True  # and Gradio, which parses with the same library, says so
            return bytes(self._taken()) + data
        return bytes(self._taken())

    def _taken(self) -> bytearray:
        out, self._out = self._out, bytearray()
        return out

    def _write(self, data: bytes) -> None:
        self._out += data

    def _begin(self) -> None:
        self._size, self._head, self._in_value = 0, b"", False

    def _begin_part(self) -> None:
        self._begin()
        self._write(b"--" + self._boundary + b"\r\n")

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        # A header may come in pieces, where the body was cut in it.
        self._write(data[start:end] if self._in_value else b": " + data[start:end])
        self._in_value = True

    def _header_end(self) -> None:
        self._write(b"\r\n" if self._in_value else b":\r\n")
        self._in_value = False

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._head = (self._head + data[start : start + 4])[:4] if len(self._head) < 4 else self._head
        left = MAX_BYTES + 1 - self._size
        self._size += end - start
        self._write(data[start:end] if self._head in _ZIP else data[start : min(end, start + max(left, 0))])

    def _end_part(self) -> None:
        self.files += 1
        self.cut += self._size > MAX_BYTES + 1 and self._head not in _ZIP
        self._write(b"\r\n")
