"""Bad ZIP files for the batch, made on the fly."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable

PHOTOS = "photos"
"""The outcome of a ZIP whose entries are looked at, one line of the table each."""


def _zip(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return file.getvalue()


def slips(good: bytes) -> dict[str, bytes]:
    """ZIPs whose entries want to lie elsewhere. good: a photo that each of them holds."""
    names = {
        "parent": "../../../../../../tmp/slipped.jpg",
        "absolute": "/tmp/slipped.jpg",
        "drive": "C:\\Windows\\slipped.jpg",
        "backslashes": "..\\..\\slipped.jpg",
        "device": "/dev/stdout",
        "home": "~/slipped.jpg",
        "share": "\\\\server\\share\\slipped.jpg",
        "long": "a" * 60_000 + ".jpg",
        "script": "<img src=x onerror=alert(1)>.jpg",
        "turned-round": "photo\u202egpj.exe",
        "lines": "photo\r\nSet-Cookie: a=b.jpg",
    }
    return {name: _zip((entry, good)) for name, entry in names.items()}


def link(target: str) -> bytes:
    """A symbolic link to a file of the server."""
    entry = zipfile.ZipInfo("link.jpg")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return _zip((entry, target.encode()))


def _changed(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    changed, at = bytearray(data), data.index(signature) + offset
    changed[at : at + len(value)] = value
    return bytes(changed)


def broken(good: bytes) -> dict[str, tuple[Callable[[], bytes], str]]:
    """ZIPs that lie, by name: how to make one, and its outcome: PHOTOS or the code of the batch's refusal."""
    whole = _zip(("photo.jpg", good))
    listed, local, end = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
    thousand = _zip(*[(f"{number}.jpg", b"x") for number in range(1_000)])
    flags = struct.pack("<H", 0x800)
    return {
        "cut": (lambda: whole[:-30], "broken_zip"),
        "empty": (lambda: b"", "broken_zip"),
        "text": (lambda: b"This is no ZIP.", "broken_zip"),
        "of-1000": (lambda: thousand, "too_many"),
        "claims-65535": (lambda: _changed(whole, end, 10, b"\xff\xff"), PHOTOS),
        "list-of-4-gigabytes": (lambda: _changed(whole, end, 12, b"\xff\xff\xff\x7f"), "broken_zip"),
        "list-behind-the-end": (lambda: _changed(whole, end, 16, b"\xff\xff\xff\x7f"), PHOTOS),
        "size-of-4-gigabytes": (lambda: _changed(whole, listed, 24, b"\xfe\xff\xff\xff"), PHOTOS),
        "size-of-nothing": (lambda: _changed(whole, listed, 24, bytes(4)), PHOTOS),
        "photo-elsewhere": (lambda: _changed(whole, listed, 42, b"\xff\xff\xff\x7f"), PHOTOS),
        "wrong-checksum": (lambda: _changed(whole, listed, 16, b"abcd"), PHOTOS),
        "broken-pixels": (lambda: _changed(whole, local, 60, b"\xff" * 60), PHOTOS),
        "unknown-method": (lambda: _changed(whole, listed, 10, b"\x63\0"), "packed_zip"),
        "lzma-that-is-none": (lambda: _changed(_changed(whole, listed, 10, b"\x0e\0"), local, 8, b"\x0e\0"), PHOTOS),
        "bzip2-that-is-none": (lambda: _changed(_changed(whole, listed, 10, b"\x0c\0"), local, 8, b"\x0c\0"), PHOTOS),
        "locked": (lambda: _changed(whole, listed, 8, b"\x01\0"), "locked_zip"),
        "name-that-is-no-text": (
            lambda: _changed(_changed(whole, listed, 8, flags), listed, 46, b"\xff\xfe\xff"),
            "broken_zip",
        ),
        "bomb-of-one-photo": (lambda: _zip(("photo.jpg", bytes(10**8))), PHOTOS),
        "zip-in-zip": (lambda: _zip(("inner.zip", whole)), "none"),
        "of-100000": (_of_100000, "too_many"),
    }


def _of_100000() -> bytes:
    """Entries that all name the same photo: 6 MB of list."""
    one = _zip(("a", b"x"), method=zipfile.ZIP_STORED)
    start, stop = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entries = one[start:stop] * 100_000
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(entries), start, 0)
    return one[:start] + entries + tail
