"""The one gate for an untrusted picture: bytes in, upright sRGB pixels out, and nothing else of the file."""

import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image, ImageCms

from skin_model.photo.colours import Colours, UnknownColours
from skin_model.photo.decoding import Stored, format_of, read_header
from skin_model.photo.jpeg_end import with_its_end
from skin_model.wording import sentence

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 60_000_000
MAX_SCANS = 20
"""Of one JPEG; encoders write at most a dozen. Hostile files hold thousands, each a pass over every pixel."""

MAX_COEFFICIENTS = 3 * MAX_PIXELS
"""Of a JPEG in several scans, two bytes each: three full colours. Only four colours of over 45 megapixels have more."""

MIN_SHORT_SIDE = 96
MIN_REGION_SIDE = 32
MAX_ASPECT = 4
WORKING_SHORT_SIDE = 750
"""The reduced working copy keeps at least this many pixels on its short side, where the file has them."""

STRIP_PIXELS = 1_500_000
"""So many stored pixels are turned, reduced and coloured at a time, so that a large picture lies in memory once."""

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels."""
ToSrgb = Callable[[Image.Image], Image.Image]


class PhotoRefused(ValueError):
    """A picture that cannot be scored; ``code`` says why, and the message is a visitor's sentence in English."""

    code: ClassVar[str]

    def __init_subclass__(cls, code: str) -> None:
        cls.code = code

    def __init__(self) -> None:
        super().__init__(sentence(f"refused.{self.code}"))


class EmptyFile(PhotoRefused, code="empty_file"):
    """No bytes at all."""


class DamagedFile(PhotoRefused, code="damaged_file"):
    """Starts like a format that is read here, but its header or its pixels cannot be decoded completely."""


class UnsupportedFormat(PhotoRefused, code="unsupported_format"):
    """Neither JPEG, PNG, WebP nor HEIC/HEIF; also a folder or a device."""


class FileTooLarge(PhotoRefused, code="file_too_large"):
    """More than ``MAX_BYTES``."""


class UnreadableColours(PhotoRefused, code="unreadable_colours"):
    """States colours that cannot be converted to sRGB here."""


class TooManyPixels(PhotoRefused, code="too_many_pixels"):
    """The header claims more than ``MAX_PIXELS``."""


class TooSmall(PhotoRefused, code="too_small_photo"):
    """A short side under ``MIN_SHORT_SIDE``, or a region under ``MIN_REGION_SIDE`` on a side."""


class TooElongated(PhotoRefused, code="too_elongated"):
    """A long side over ``MAX_ASPECT`` times the short one."""


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

    region: (left, top, right, bottom) in upright full-size pixels, clipped to the picture. The picture, or the region
    of it, is reduced by 2, 4 or 8 to a working copy whose short side keeps ``WORKING_SHORT_SIDE`` pixels; a smaller one
    keeps every pixel, so that a small mole keeps its own.

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
    kind = format_of(data)
    if kind is None:
        raise UnsupportedFormat
    ended = kind != "jpeg" or _check_scans(data)
    with _damage_refused():
        stored = read_header(data, kind)
        claimed = stored.size
    _check_size(*claimed)
    if not ended:
        with _damage_refused():
            stored = read_header(with_its_end(data), kind)
    factor = _reduction(*claimed) if region is None else 1

    with _damage_refused():
        stored.decode(factor)
        turn = _TURNS.get(stored.orientation)
        decoded, profile = stored.size, stored.profile
    if decoded == claimed or kind == "heif":
        _check_size(*decoded)  # libheif may find another size than the header's
        factor, (width, height) = _reduction(*decoded), decoded
    else:
        factor, (width, height) = 1, claimed  # reduced by its decoder
    if turn in _SIDES_SWAPPED:
        width, height, decoded = height, width, decoded[::-1]

    box = (0, 0, *decoded)
    if region is not None:
        box = _clipped(region, width, height)
        width, height = box[2] - box[0], box[3] - box[1]
        factor = _reduction(width, height)
    with _damage_refused():
        return Photo(_upright(stored, turn, box, factor, profile), width, height)


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
    except MemoryError as error:
        raise TooManyPixels from error
    except UnknownColours as error:
        raise UnreadableColours from error
    except Exception as error:
        raise DamagedFile from error


_MARKER_SEGMENT = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
"""Any JPEG marker but a stuffed byte (00), a restart (D0 to D7) and those without content (01, D8)."""


def _check_scans(data: bytes) -> bool:
    """Whether a JPEG has its end marker. Refuses one that holds more than ``MAX_SCANS`` scans, whose coefficients,
    which a decoder keeps from scan to scan, would take more than ``MAX_COEFFICIENTS``, or that never ends (cut, or
    filled up with zeros) and is not of the one scan of which can be told whether it is whole.
    """
    scans, coefficients, position, colours, one_scan = 0, 0, 2, None, False
    while scans <= MAX_SCANS and (marker := _MARKER_SEGMENT.search(data, position)):
        kind, position = data[marker.start() + 1], marker.end()
        if kind == 0xD9:
            if scans > 1 and coefficients > MAX_COEFFICIENTS:
                raise TooManyPixels
            return True
        scans += kind == 0xDA
        if kind in (0xC0, 0xC1):  # sequential
            colours = data[position + 7 : position + 8]
        elif kind == 0xDA:
            one_scan = scans == 1 and colours == data[position + 2 : position + 3]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            coefficients = max(coefficients, _coefficients(data[position : position + 20]))
        position += int.from_bytes(data[position : position + 2], "big")
    if one_scan:
        return False
    raise DamagedFile


def _coefficients(frame: bytes) -> int:
    """How many coefficients a frame header (behind its marker) announces, of up to four colours."""
    height, width = int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[5:7], "big")
    sampling = frame[9 : 8 + 3 * frame[7] : 3] if len(frame) > 7 else b""
    across, down = [value >> 4 for value in sampling], [value & 15 for value in sampling]
    return sum(
        -(-width * a // max(across)) * -(-height * d // max(down)) for a, d in zip(across, down, strict=True) if a and d
    )


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


def _stored_box(box: Box, turn: Image.Transpose | None, width: int, height: int) -> Box:
    """Where a box of the upright picture lies in the stored one, whose sides are ``width`` and ``height``."""
    left, top, right, bottom = box
    match turn:
        case Image.Transpose.FLIP_LEFT_RIGHT:
            return width - right, top, width - left, bottom
        case Image.Transpose.ROTATE_180:
            return width - right, height - bottom, width - left, height - top
        case Image.Transpose.FLIP_TOP_BOTTOM:
            return left, height - bottom, right, height - top
        case Image.Transpose.TRANSPOSE:
            return top, left, bottom, right
        case Image.Transpose.ROTATE_270:
            return top, height - right, bottom, height - left
        case Image.Transpose.TRANSVERSE:
            return width - bottom, height - right, width - top, height - left
        case Image.Transpose.ROTATE_90:
            return width - bottom, left, width - top, right
    return box


def _upright(
    stored: Stored, turn: Image.Transpose | None, box: Box, factor: int, profile: bytes | Colours | None
) -> np.ndarray:
    """Upright sRGB pixels of a box (upright pixels, as decoded), means of blocks of ``factor``, strip by strip."""
    left, top, right, bottom = box
    rgb = np.empty((-((top - bottom) // factor), -((left - right) // factor), 3), np.uint8)
    to_srgb: dict[str, ToSrgb] = {}
    rows = STRIP_PIXELS // (right - left) // factor * factor or factor
    for start in range(top, bottom, rows):
        end = min(start + rows, bottom)
        strip = _eight_bit(stored.part(_stored_box((left, start, right, end), turn, *stored.size)))
        if turn is not None:
            strip = strip.transpose(turn)
        if factor > 1:
            strip = strip.reduce(factor)
        mode = strip.mode.removesuffix("A")
        to_srgb[mode] = to_srgb.get(mode) or _to_srgb(mode, profile)
        first = (start - top) // factor
        rgb[first : first + strip.height] = np.asarray(_on_white(strip, to_srgb[mode]))
    return rgb


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
    if picture.mode in ("LA", "RGBA") and picture.getchannel("A").getextrema() == (255, 255):
        return picture.convert(picture.mode[:-1])  # nothing shines through: quicker without
    return picture


def _clipped(region: Box, width: int, height: int) -> Box:
    left, top, right, bottom = region
    left, top = max(0, int(left)), max(0, int(top))
    right, bottom = min(width, int(right)), min(height, int(bottom))
    if min(right - left, bottom - top) < MIN_REGION_SIDE:
        raise TooSmall
    return left, top, right, bottom


def _on_white(picture: Image.Image, to_srgb: ToSrgb) -> Image.Image:
    """8-bit pixels in the file's colours to RGB pixels in sRGB."""
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    colours = to_srgb(picture.convert(picture.mode.removesuffix("A")) if alpha else picture)
    return Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha) if alpha else colours


_SRGB = ImageCms.createProfile("sRGB")
_EXACT = ImageCms.Flags.NOOPTIMIZE
"""For grey, whose curve LittleCMS would otherwise look up at 33 places: ten levels off where it is steep."""
_ALL_LEVELS = Image.fromarray(np.arange(256, dtype=np.uint8)[None])


def _to_srgb(mode: str, profile: bytes | Colours | None) -> ToSrgb:
    """What makes sRGB of pixels in a file's colours. mode: L, RGB or CMYK."""
    if isinstance(profile, Colours):
        return profile.to_srgb
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            # Grey pixels may carry the RGB profile of their camera.
            grey_under_rgb = mode == "L" and source.profile.xcolor_space == "RGB "
            matching = "RGB" if grey_under_rgb else mode
            transform = ImageCms.buildTransform(source, _SRGB, matching, "RGB", flags=_EXACT if matching == "L" else 0)
            if matching == "L":
                levels = np.asarray(ImageCms.applyTransform(_ALL_LEVELS, transform))[0]
                return lambda colours: Image.fromarray(levels[np.asarray(colours)])
            return lambda colours: ImageCms.applyTransform(colours.convert(matching), transform)
        except Exception:  # a broken profile, or one of another colour space, says nothing about the colours
            pass
    return lambda colours: colours.convert("RGB")
