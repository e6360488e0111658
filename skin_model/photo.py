"""The one gate for an untrusted picture: bytes in, upright sRGB pixels out, and nothing else of the file."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image, ImageCms, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from .wording import sentence

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 60_000_000
MAX_SCANS = 64
"""Of one JPEG; encoders write at most a dozen. Hostile files hold thousands, each a pass over every pixel."""

MIN_SHORT_SIDE = 96
MIN_REGION_SIDE = 32
MAX_ASPECT = 4
WORKING_SHORT_SIDE = 750
"""The reduced working copy keeps at least this many pixels on its short side, where the file has them."""


class PhotoRefused(ValueError):
    """A picture that cannot be scored; ``code`` says why, and the message is a visitor's sentence in English."""

    code: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(sentence(f"refused.{self.code}"))


class EmptyFile(PhotoRefused):
    """No bytes at all."""

    code = "empty_file"


class DamagedFile(PhotoRefused):
    """Starts like a format that is read here, but its header or its pixels cannot be decoded completely."""

    code = "damaged_file"


class UnsupportedFormat(PhotoRefused):
    """Neither JPEG, PNG, WebP nor HEIC/HEIF; also a folder or a device."""

    code = "unsupported_format"


class FileTooLarge(PhotoRefused):
    """More than ``MAX_BYTES``."""

    code = "file_too_large"


class TooManyPixels(PhotoRefused):
    """The header claims more than ``MAX_PIXELS``."""

    code = "too_many_pixels"


class TooSmall(PhotoRefused):
    """A short side under ``MIN_SHORT_SIDE``, or a region under ``MIN_REGION_SIDE`` on a side."""

    code = "too_small_photo"


class TooElongated(PhotoRefused):
    """A long side over ``MAX_ASPECT`` times the short one."""

    code = "too_elongated"


@dataclass(frozen=True, eq=False)
class Photo:
    """Upright sRGB pixels of a photo, or of the region that was asked for.

    rgb: (H, W, 3) uint8, contiguous and writable. width, height: the size in full-size upright pixels; ``rgb`` may be
    smaller, since a large photo is decoded at reduced scale.
    """

    rgb: np.ndarray
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Full-size pixels per pixel of ``rgb``; 1.0 where nothing was reduced."""
        return self.width / self.rgb.shape[1]


def open_photo(source: str | os.PathLike | bytes, *, region: tuple[int, int, int, int] | None = None) -> Photo:
    """Opens a JPEG, PNG, WebP or HEIC/HEIF picture from a path or from its bytes; of an animation the first frame.

    region: (left, top, right, bottom) in upright full-size pixels, clipped to the picture. A region is decoded in full,
    so that a small mole keeps its pixels; without one, a large picture is reduced by 2, 4 or 8 to a working copy whose
    short side keeps ``WORKING_SHORT_SIDE`` pixels.

    Size, format, pixel count and shape are judged from the header, before any pixel is decoded. EXIF orientation and
    colour profile are applied (a broken profile is ignored), transparency is flattened on white.

    Raises a subclass of PhotoRefused for whatever bytes cannot be scored, FileNotFoundError for a path that does not
    exist, and another OSError (for example PermissionError) for a file that may not be read.
    """
    data = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else _read(source)
    if not data:
        raise EmptyFile
    if len(data) > MAX_BYTES:
        raise FileTooLarge
    picture = _header(data)
    width, height = whole = picture.size
    _check_size(width, height)
    factor = _reduction(width, height) if region is None else 1

    with _damage_refused():
        if isinstance(picture, JpegImageFile) and factor > 1:
            # libjpeg decodes at 1/2, 1/4 or 1/8 for a fraction of the cost; None keeps the colour mode.
            picture.draft(None, (width // factor, height // factor))
        picture.load()
        turn = _turn(picture)
        profile = picture.info.get("icc_profile")
        upright = _eight_bit(picture)
        if turn is not None:
            upright = upright.transpose(turn)
            if turn in _SIDES_SWAPPED:
                width, height = height, width

    if region is not None:
        upright = _cut(upright, region)
        width, height = upright.size
    elif factor > 1 and picture.size == whole:  # not reduced by its decoder
        upright = upright.reduce(factor)
    return Photo(np.array(_on_white(upright, profile)), width, height)


def _read(path: str | os.PathLike) -> bytes:
    path = Path(path)
    try:
        status = path.stat()
    except PermissionError:
        raise
    except (OSError, ValueError) as error:  # a name that no file can have (too long, a NUL inside) is missing as well
        raise FileNotFoundError(sentence("refused.no_such_file")) from error
    if not stat.S_ISREG(status.st_mode):
        raise UnsupportedFormat
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)  # enough to know that it is too large


@contextmanager
def _damage_refused() -> Iterator[None]:
    """Decoders meet hostile bytes with every kind of exception (SyntaxError, struct.error, zlib.error, …)."""
    try:
        yield
    except Exception as error:
        raise DamagedFile from error


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})


def _reader(data: bytes) -> type[ImageFile.ImageFile]:
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImageFile
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return HeifImageFile
    raise UnsupportedFormat


def _header(data: bytes) -> ImageFile.ImageFile:
    """Reads the header only. Image.open would consult Pillow's global plug-ins and raise its own pixel limit."""
    reader = _reader(data)
    if reader is JpegImageFile:
        _check_scans(data)
    with _damage_refused():
        return reader(io.BytesIO(data))


_MARKER_SEGMENT = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
"""Any JPEG marker but a stuffed byte (00), a restart (D0 to D7) and those without content (01, D8)."""


def _check_scans(data: bytes) -> None:
    """Refuses a JPEG that never ends (cut, or filled up with zeros) or that holds more than ``MAX_SCANS`` scans."""
    scans, position = 0, 2
    while scans <= MAX_SCANS and (marker := _MARKER_SEGMENT.search(data, position)):
        kind, position = data[marker.start() + 1], marker.end()
        if kind == 0xD9:
            return
        scans += kind == 0xDA
        position += int.from_bytes(data[position : position + 2], "big")
    raise DamagedFile


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooManyPixels
    if min(width, height) < MIN_SHORT_SIDE:
        raise TooSmall
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise TooElongated


def _reduction(width: int, height: int) -> int:
    """By how much the working copy may be reduced: 1, 2, 4 or 8."""
    return next((factor for factor in (8, 4, 2) if min(width, height) // factor >= WORKING_SHORT_SIDE), 1)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by the value of its EXIF orientation."""

_SIDES_SWAPPED = frozenset(_TURNS[orientation] for orientation in (5, 6, 7, 8))


def _turn(picture: ImageFile.ImageFile) -> Image.Transpose | None:
    if isinstance(picture, HeifImageFile):
        return None  # libheif has turned it already: in HEIF the EXIF tag is only a note (ISO/IEC 23008-12)
    try:
        return _TURNS.get(picture.getexif().get(0x0112))
    except Exception:  # unreadable tags hide no pixel
        return None


def _eight_bit(picture: Image.Image) -> Image.Image:
    """L, LA, RGB, RGBA or CMYK with 8 bits a channel, any palette or transparent colour resolved."""
    if picture.mode.startswith("I"):
        levels = np.array(picture).astype(np.uint16)
        grey = Image.fromarray((levels >> 8).astype(np.uint8))
        transparent = picture.info.get("transparency")
        if transparent is not None:
            grey.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
        return grey
    if "transparency" in picture.info or picture.mode in ("P", "PA"):
        return picture.convert("RGBA")
    if picture.mode == "1":
        return picture.convert("L")
    return picture


def _cut(picture: Image.Image, region: tuple[int, int, int, int]) -> Image.Image:
    left, top, right, bottom = region
    left, top = max(0, int(left)), max(0, int(top))
    right, bottom = min(picture.width, int(right)), min(picture.height, int(bottom))
    if min(right - left, bottom - top) < MIN_REGION_SIDE:
        raise TooSmall
    # Not crop(): that compares with Pillow's global pixel limit, which is the caller's business.
    return picture.resize((right - left, bottom - top), Image.Resampling.NEAREST, (left, top, right, bottom))


def _on_white(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """8-bit pixels in the file's colours to RGB pixels in sRGB."""
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    colours = picture.convert(picture.mode.removesuffix("A")) if alpha else picture
    colours = _to_srgb(colours, profile) if profile else colours.convert("RGB")
    return Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha) if alpha else colours


_SRGB = ImageCms.createProfile("sRGB")


def _to_srgb(colours: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # Grey pixels may carry the RGB profile of their camera.
        grey_under_rgb = colours.mode == "L" and source.profile.xcolor_space == "RGB "
        matching = colours.convert("RGB") if grey_under_rgb else colours
        return ImageCms.profileToProfile(matching, source, _SRGB, outputMode="RGB")
    except Exception:  # a broken profile, or one of another colour space, says nothing about the colours
        return colours.convert("RGB")
