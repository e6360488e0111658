"""A photograph's file as it may be given away: the same pixels and colours, without place, device, thumbnail or notes.

JPEG and PNG keep their compressed pixels byte for byte; a file that holds nothing else comes back as it is. Only where
pixels lie on their side, or the format is another one, is the picture encoded anew.
"""

import io
import struct
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from train import UserError

QUALITY = 95
_ORIENTATION = 0x0112
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"cICP"}
)
_END, _SCAN = 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})

register_heif_opener()


def without_metadata(file: Path) -> tuple[bytes, str]:
    """(content, ending) of a photograph without its metadata; raises UserError for what is no picture."""
    content = file.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as picture:
            kind, upright = picture.format or "", picture.getexif().get(_ORIENTATION, 1) in (0, 1)
            if upright and kind in ("JPEG", "MPO"):
                return jpeg_without_metadata(content), ".jpg"
            if upright and kind == "PNG":
                return png_without_metadata(content), ".png"
            return _encoded(ImageOps.exif_transpose(picture), kind)
    except (UnidentifiedImageError, OSError, ValueError, struct.error, IndexError) as problem:
        raise UserError(f"{file} cannot be given away, since it is no whole picture: {problem}") from None


def jpeg_without_metadata(content: bytes) -> bytes:
    """A JPEG's first picture with its tables, JFIF header, ICC profile and Adobe marker, and nothing else."""
    kept, at = [content[:2]], 2
    while True:
        if content[at] != 0xFF:
            raise ValueError("a JPEG marker is missing")
        while content[at + 1] == 0xFF:
            at += 1
        marker = content[at + 1]
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"])
        if marker in _WITHOUT_LENGTH:
            kept.append(content[at : at + 2])
            at += 2
            continue
        end = at + 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]
        segment = content[at:end]
        if _is_needed(marker, segment[4:]):
            kept.append(segment)
        at = end
        if marker == _SCAN:
            end = _end_of_scan(content, at)
            kept.append(content[at:end])
            at = end


def png_without_metadata(content: bytes) -> bytes:
    """A PNG with the chunks that decide its pixels and colours, and nothing else."""
    kept, at = [_PNG_HEAD], len(_PNG_HEAD)
    while True:
        length = struct.unpack(">I", content[at : at + 4])[0]
        kind, end = content[at + 4 : at + 8], at + 12 + length
        if kind in _PNG_KEPT:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def _is_needed(marker: int, payload: bytes) -> bool:
    if marker == 0xE0:
        return not payload.startswith(b"JFXX")
    if marker == 0xE2:
        return payload.startswith(b"ICC_PROFILE")
    return marker == 0xEE or not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _end_of_scan(content: bytes, at: int) -> int:
    """Where the compressed pixels that begin at ``at`` end: the next marker that is no restart and no stuffed byte."""
    while True:
        at = content.index(b"\xff", at)
        if content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7 and content[at + 1] != 0xFF:
            return at
        at += 1 if content[at + 1] == 0xFF else 2


def _encoded(picture: Image.Image, kind: str) -> tuple[bytes, str]:
    profile = picture.info.get("icc_profile")
    lossless = kind in ("PNG", "BMP", "TIFF")
    written = io.BytesIO()
    plain = picture if picture.mode in ("RGB", "L") else picture.convert("RGB")
    plain.info = {}
    if lossless:
        plain.save(written, "PNG", icc_profile=profile)
    else:
        plain.save(written, "JPEG", quality=QUALITY, icc_profile=profile)
    return written.getvalue(), ".png" if lossless else ".jpg"
