"""Reads a WebP file's own account of itself, and decodes one picture of it.

Pillow opens every WebP as an animation: two canvases of four bytes a pixel, before its size could be refused, and five
such copies while it decodes: 900 MB at 60 megapixels. OpenCV calls the same decoder (libwebp) on one buffer.
Chunks as in the container's specification, https://developers.google.com/speed/webp/docs/riff_container.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

_FRAME_FACTS = 16
"""Bytes of an animation's frame before its chunks: place, size, duration and flags."""
_MOST_BYTES = 390_000_000
"""That decoding may take: two copies of three bytes a pixel, or eight bytes where there is more to keep."""
_OUT_OF_MEMORY = -4
"""``cv::Error::StsNoMem``."""


@dataclass(frozen=True)
class WebP:
    """What the header of a WebP file says, and the bytes of its picture, of an animation the first frame's.

    width, height: of the whole picture. left, top: where the frame lies in it. profile, exif: as stored, or None.
    """

    width: int
    height: int
    still: bytes
    left: int = 0
    top: int = 0
    profile: bytes | None = None
    exif: bytes | None = None


def read_header(data: bytes) -> WebP:
    """Read a WebP file without decoding a pixel. Raises ValueError, IndexError or struct.error for a broken one."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("The file is shorter than it says.")
    chunks: dict[bytes, bytes] = {}
    for kind, content in _chunks(data, 12, end):
        chunks.setdefault(kind, content)  # of several the first counts, as in libwebp
    first = data[12:16]
    kept = {"profile": chunks.get(b"ICCP"), "exif": chunks.get(b"EXIF")}
    if first != b"VP8X":
        return WebP(*_size(first, chunks[first]), data[:end], **kept)
    width, height = 1 + _three(chunks[first], 4), 1 + _three(chunks[first], 7)
    if b"ANMF" not in chunks:
        return WebP(width, height, data[:end], **kept)
    frame = chunks[b"ANMF"]
    left, top = 2 * _three(frame, 0), 2 * _three(frame, 3)
    if left + 1 + _three(frame, 6) > width or top + 1 + _three(frame, 9) > height:
        raise ValueError("The first frame sticks out of the picture.")
    return WebP(width, height, _still(frame), left, top, **kept)


def decode(webp: WebP) -> np.ndarray:
    """The picture as (h, w, 3 or 4) uint8, blue first, as OpenCV has it.

    Raises ValueError for a broken one, and MemoryError for one that is too large to decode: of over 48 megapixels a
    transparent or lossless one, of which libwebp itself keeps four bytes a pixel.
    """
    kinds = {kind for kind, _ in _chunks(webp.still, 12, len(webp.still))}
    if webp.width * webp.height * (8 if kinds & {b"ALPH", b"VP8L"} else 6) > _MOST_BYTES:
        raise MemoryError
    try:
        pixels = cv2.imdecode(np.frombuffer(webp.still, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as problem:
        if problem.code == _OUT_OF_MEMORY:
            raise MemoryError from problem
        raise ValueError(problem.err) from problem
    if pixels is None:
        raise ValueError("Its pixels cannot be decoded.")
    if webp.left + pixels.shape[1] > webp.width or webp.top + pixels.shape[0] > webp.height:
        raise ValueError("Its pixels are more than its header says.")
    return pixels


def _chunks(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while position + 8 <= end:
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + length > end:
            raise ValueError("A chunk is longer than the file.")
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _still(frame: bytes) -> bytes:
    """A frame of an animation as a file of its own."""
    inside = dict(_chunks(frame, _FRAME_FACTS, len(frame)))
    body = b""
    if b"ALPH" in inside:
        # Flag 16 says that there is transparency; then the sides, less one, as the frame has them.
        body = _chunk(b"VP8X", struct.pack("<I", 16) + frame[6:12]) + _chunk(b"ALPH", inside[b"ALPH"])
    kind = b"VP8L" if b"VP8L" in inside else b"VP8 "
    body += _chunk(kind, inside[kind])
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _size(kind: bytes, bitstream: bytes) -> tuple[int, int]:
    """Width and height of a still as its bitstream begins: 14 bits each."""
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", bitstream, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", bitstream, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("Its first chunk is no picture.")


def _three(data: bytes, position: int) -> int:
    if position + 3 > len(data):
        raise IndexError("A chunk is cut.")
    return int.from_bytes(data[position : position + 3], "little")
