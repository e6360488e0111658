"""The photos of a batch: files, and entries of ZIP files with their names as their makers meant them."""

import lzma
import mimetypes
import re
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from interface.server.uploads import MAX_TOTAL_BYTES
from skin_model.command_line import printable
from skin_model.photo import MAX_BYTES, Photo, open_photo
from skin_model.photo.decoding import HEAD, format_of
from skin_model.photo.folders import ENDINGS
from skin_model.wording import ENGLISH

MOST_ENTRIES = 10_000
"""Of a ZIP, folders and hidden files included: listing hundreds of thousands takes seconds and memory."""
_ENTRY = b"PK\x01\x02"
_LONGEST_NAME = 255
_LOCKED, _UTF_8 = 1, 1 << 11
"""Flags of an entry."""
_UNICODE_PATH = 0x7075
_CODE_PAGES = {"pl": ("cp852", "cp1250"), "ar": ("cp720", "cp1256")}
_WESTERN = ("cp850", "cp1252")
"""Of Windows, by language: that of its archives, and the other one, which some programs write instead."""
_RAW = frozenset((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"))
"""Cameras' own formats, which ``mimetypes`` does not know: photos, though none that can be read."""
_LETTERS = frozenset(("Ll", "Lu", "Lo"))
_PACKED = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
UNREADABLE = (
    # A decompressor's own, and that of one that asks for gigabytes.
    *(zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError),
    *(UnicodeError, struct.error, MemoryError),
)
"""What reading an entry of a broken ZIP raises."""

Place = Path | tuple[Path, zipfile.ZipInfo]
"""Where a photo lies: a file, or a ZIP file and the entry in it, for two entries may bear one name."""


class BatchRefused(ValueError):
    """A batch that is not scored at all. code: names the sentence under ``batch.refused``; values: its placeholders."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


@dataclass(frozen=True)
class Batch:
    """What was chosen. photos: name and place of each. others: how many files of ZIPs are no photos."""

    photos: list[tuple[str, Place]]
    others: int = 0


def batch(files: list[Path], most: int, language: str = ENGLISH) -> Batch:
    """The photos among files, and in ZIP files among them. In a ZIP, folders, hidden files, and what neither is nor
    calls itself a picture (Google Takeout lays a text beside each photo) are left out.

    language: the page's, which tells the code page of old ZIP files. Raises BatchRefused for a broken or locked ZIP,
    for none, for more than ``most``, and for too many bytes.
    """
    found: list[tuple[str, Place]] = []
    total = others = 0
    for file in files:
        if file.suffix.lower() != ".zip" or _is_photo(file):
            found.append((printable(file.name), file))
            total += file.stat().st_size
            continue
        try:
            if _entries(file) > MOST_ENTRIES:
                raise BatchRefused("too_many", most=most)
            with zipfile.ZipFile(file) as archive:
                listed = [entry for entry in archive.infolist() if not _is_folder(entry) and not _is_hidden(entry)]
                if any(entry.flag_bits & _LOCKED for entry in listed):
                    raise BatchRefused("locked_zip", file=printable(file.name))
                inside = [entry for entry in listed if _is_picture(archive, entry)]
                if any(entry.compress_type not in _PACKED for entry in inside):
                    raise BatchRefused("packed_zip", file=printable(file.name))
        # zipfile meets hostile lists with ValueError and struct.error too.
        except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeError, struct.error, EOFError):
            raise BatchRefused("broken_zip", file=printable(file.name)) from None
        others += len(listed) - len(inside)
        total += sum(min(entry.file_size, MAX_BYTES) for entry in inside)
        found += [(entry_name(entry, language)[-_LONGEST_NAME:], (file, entry)) for entry in inside]
        if len(found) > most:
            break
    if not found:
        raise BatchRefused("none")
    if len(found) > most:
        raise BatchRefused("too_many", most=most)
    if total > MAX_TOTAL_BYTES:
        raise BatchRefused("too_large", megabytes=MAX_TOTAL_BYTES // 2**20)
    return Batch(found, others)


def _entries(file: Path) -> int:
    """At least as many as the ZIP lists, counted without reading the list into memory, nor the file at once."""
    count, kept = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            count += (kept + block).count(_ENTRY)
            kept = block[1 - len(_ENTRY) :]
    return count


def _is_photo(file: Path) -> bool:
    """Whether a file is a photo by its first bytes, whatever it is called."""
    with file.open("rb") as stream:
        return format_of(stream.read(HEAD)) is not None


def _path(entry: zipfile.ZipInfo) -> str:
    """With slashes, as ZIPs should have it; those of .NET and PowerShell came with backslashes (cpython issue 91036).
    Behind a letter of an unknown code page a backslash is half a letter: Shift-JIS and GBK have many.
    """
    if entry.flag_bits & _UTF_8:
        return entry.filename.replace("\\", "/")
    return re.sub(r"(?<![^\0-\x7f])\\", "/", entry.filename)


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return _path(entry).endswith("/")


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(_path(entry)).parts
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


def _is_picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a picture by its name, be it one that cannot be read, or by its first bytes."""
    name = PurePosixPath(_path(entry))
    kind = mimetypes.guess_type(name.name)[0] or ""
    if name.suffix.lower() in ENDINGS | _RAW or kind.startswith("image/"):
        return True
    try:
        with archive.open(entry) as stream:
            return format_of(stream.read(HEAD)) is not None
    except UNREADABLE:
        return not kind  # a line of the table says that it is damaged


def entry_name(entry: zipfile.ZipInfo, language: str) -> str:
    """An entry's name as its maker meant it. Without the UTF-8 flag zipfile takes it for cp437; it is UTF-8 all the
    same (macOS), or told once more in UTF-8 (7-Zip, WinZip), or in the code page of the maker's Windows.
    """
    name = entry.filename
    if not entry.flag_bits & _UTF_8 and not name.isascii():
        try:
            stored = name.encode("cp437")
        except UnicodeEncodeError:
            return printable(name)
        name = _unicode_path(entry.extra, stored) or _decoded(stored, language)
    return printable(name)


def _unicode_path(extra: bytes, stored: bytes) -> str:
    """Info-ZIP's Unicode Path, an extra field: version, CRC-32 of the other name, and the name in UTF-8; "" without."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(field) > 5 and int.from_bytes(field[1:5], "little") == zlib.crc32(stored):
            return field[5:].decode(errors="replace")
    return ""


def _decoded(stored: bytes, language: str) -> str:
    """UTF-8; else the first code page in which all that is not ASCII is letters; else the first at all."""
    found: list[str] = []
    for encoding in ("utf-8", *_CODE_PAGES.get(language, _WESTERN), "cp437"):
        try:
            found.append(stored.decode(encoding))
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8":
            break
    return next(
        (name for name in found if all(c.isascii() or unicodedata.category(c) in _LETTERS for c in name)), found[0]
    )


def opened(place: Place) -> Photo:
    """The photo; raises what ``open_photo`` raises, and one of UNREADABLE for a broken entry."""
    if isinstance(place, Path):
        return open_photo(place)
    with zipfile.ZipFile(place[0]) as archive, archive.open(place[1]) as entry:
        # One byte over the bound is enough to be refused as too large.
        return open_photo(entry.read(MAX_BYTES + 1))
