"""The pixels of a file as its decoder gives them: not turned yet, in its own colours, to be taken out in strips.

A picture of 60 megapixels is a quarter of a gigabyte. Each further copy of it, to turn it, to resolve its palette, to
hand it from one library to the next, would be another, so all of that is done to one strip after the other.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from skin_model.photo import heif, webp
from skin_model.photo.colours import Colours, by_code_points, by_exif, by_png, by_profile, is_profile

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels."""

_ORIENTATION, _SHORT = 0x0112, 3


class Stored(Protocol):
    """A file whose header was read. Whatever is wrong with it comes as an exception of any kind.

    size: (width, height) as the header says, and as decoded after ``decode``. orientation: the EXIF orientation, known
    after ``decode``; None where there is none or where the decoder has turned the picture. profile: an ICC profile, or
    what else the file states of its colours; it raises UnknownColours where that is not converted here.
    """

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def orientation(self) -> int | None: ...

    @property
    def profile(self) -> bytes | Colours | None: ...

    def decode(self, factor: int) -> None:
        """Decode the pixels, ``factor`` (1, 2, 4 or 8) times smaller where the decoder can: ``size`` says so."""
        ...

    def part(self, box: Box) -> Image.Image:
        """Some of the decoded pixels, in a mode of 8 or 16 bits a channel, or with a palette."""
        ...


class ByPillow:
    """A JPEG or a PNG."""

    def __init__(self, picture: ImageFile.ImageFile, stated: Colours | None = None) -> None:
        self._picture, self._stated = picture, stated

    @property
    def size(self) -> tuple[int, int]:
        return self._picture.size

    @property
    def orientation(self) -> int | None:
        return _orientation(self._picture.info.get("exif"))

    def _tags(self) -> Image.Exif:
        # Not getexif(), which would also look into XMP and text, where no browser does.
        tags = Image.Exif()
        tags.load(self._picture.info.get("exif"))
        return tags

    @property
    def profile(self) -> bytes | Colours | None:
        return self._stated or _by_icc(self._picture.info.get("icc_profile")) or _by_tags(self._tags)

    def decode(self, factor: int) -> None:
        if isinstance(self._picture, JpegImageFile) and factor > 1:
            # libjpeg decodes at 1/2, 1/4 or 1/8 for a fraction of the cost; None keeps the colour mode.
            width, height = self._picture.size
            self._picture.draft(None, (width // factor, height // factor))
        self._picture.load()

    def part(self, box: Box) -> Image.Image:
        if box == (0, 0, *self._picture.size):
            return self._picture
        # Not crop(): that compares with Pillow's global pixel limit, which is the caller's business.
        size = box[2] - box[0], box[3] - box[1]
        return self._picture.resize(size, Image.Resampling.NEAREST, box)


class ByLibheif:
    """The primary picture of a HEIC/HEIF file; in sRGB already where an ``nclx`` box states its colours, or where they
    have high dynamic range.

    libheif has turned it already: in HEIF the EXIF tag is only a note (ISO/IEC 23008-12).
    """

    orientation = None

    def __init__(self, data: bytes) -> None:
        heif.check_parts(data)
        self._image = _primary(data, to_8_bit=True)
        self._stated: Colours | None = None
        told = self._image.info
        if is_profile(told.get("icc_profile")):
            self._stated = by_profile(told["icc_profile"])
        elif told.get("nclx_profile"):
            codes = (told["nclx_profile"][key] for key in ("color_primaries", "transfer_characteristics"))
            self._stated = by_code_points(*map(int, codes))
        if self._stated and told["bit_depth"] > 8:
            # The curves of high dynamic range are steep: eight of their ten bits would show in the answer.
            self._image = _primary(data, to_8_bit=False)

    @property
    def size(self) -> tuple[int, int]:
        return self._image.size

    @property
    def profile(self) -> bytes | None:
        return None if self._stated else self._image.info.get("icc_profile")

    def decode(self, factor: int) -> None:
        self._image.load()

    @cached_property
    def _pixels(self) -> np.ndarray:
        return np.asarray(self._image)

    def part(self, box: Box) -> Image.Image:
        left, top, right, bottom = box
        cut = np.ascontiguousarray(self._pixels[top:bottom, left:right])
        if self._stated:
            return self._stated.picture(cut, max(8, self._image.info["bit_depth"]))
        return Image.frombytes(self._image.mode, (right - left, bottom - top), cut)


def _primary(data: bytes, to_8_bit: bool) -> pillow_heif.HeifImage:
    """to_8_bit: where the file has more; grey, which libheif leaves as it is, comes in 16 bits then."""
    images = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=to_8_bit, hdr_to_16bit=to_8_bit)
    return images[images.primary_index]


@dataclass
class ByLibwebp:
    """A WebP file; of an animation the first frame, on nothing."""

    header: webp.WebP
    _pixels: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.header.width, self.header.height

    @property
    def orientation(self) -> int | None:
        return _orientation(self.header.exif)

    def _tags(self) -> Image.Exif:
        tags = Image.Exif()
        tags.load(self.header.exif)
        return tags

    @property
    def profile(self) -> bytes | Colours | None:
        return _by_icc(self.header.profile) or _by_tags(self._tags)

    def decode(self, factor: int) -> None:
        self._pixels = webp.decode(self.header)

    def part(self, box: Box) -> Image.Image:
        left, top, right, bottom = box
        frame, across, down = self._pixels, self.header.left, self.header.top
        if frame.shape[:2] != (self.header.height, self.header.width):
            canvas = np.zeros((bottom - top, right - left, 4), np.uint8)
            y0, y1 = max(top, down), min(bottom, down + frame.shape[0])
            x0, x1 = max(left, across), min(right, across + frame.shape[1])
            if y0 < y1 and x0 < x1:
                inside = canvas[y0 - top : y1 - top, x0 - left : x1 - left]
                seen = frame[y0 - down : y1 - down, x0 - across : x1 - across]
                inside[..., :3] = seen[..., :3]
                inside[..., 3] = seen[..., 3] if seen.shape[2] == 4 else 255
            cut = canvas
        else:
            cut = frame[top:bottom, left:right]
        return Image.fromarray(cv2.cvtColor(cut, cv2.COLOR_BGRA2RGBA if cut.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def _by_icc(profile: bytes | None) -> bytes | Colours | None:
    return (by_profile(profile) or profile) if profile is not None and is_profile(profile) else None


def _by_tags(tags: Callable[[], Image.Exif]) -> Colours | None:
    try:
        return by_exif(tags())
    except Exception:  # unreadable tags say nothing about the colours
        return None


def _orientation(exif: bytes | None) -> int | None:
    """The first orientation in the first directory that is one SHORT, as browsers read it.

    Pillow takes the last of several and a LONG too, and so turns photos that browsers show as they are stored.
    """
    tiff = (exif or b"").removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return None
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values, value = struct.unpack_from(f"{order}HHIH", tiff, at)
            if (tag, kind, values) == (_ORIENTATION, _SHORT, 1):
                return value
    except struct.error:  # a directory that is cut off: unreadable tags hide no pixel
        pass
    return None


HEAD = 256
"""Bytes that tell a format: a file type box with all brands that writers list."""
_HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AV1_BRANDS = frozenset({b"avif", b"avis", b"avio"})
_ANY_CODEC = frozenset({b"mif1", b"msf1"})
"""Brands of HEIF whatever its pictures are coded with."""


def format_of(data: bytes) -> str | None:
    """jpeg, png, webp or heif, by the first bytes; None for everything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "heif" if data[4:8] == b"ftyp" and _is_heic(data) else None


def _is_heic(data: bytes) -> bool:
    """Whether a file type box names HEVC, as main brand or among the compatible ones, or any codec and not AV1's."""
    main, end = data[8:12], min(int.from_bytes(data[:4], "big"), HEAD)
    brands = {main, *(data[at : at + 4] for at in range(16, end, 4))}
    if main in _HEVC_BRANDS:
        return True
    return not brands & _AV1_BRANDS and bool(main in _ANY_CODEC or brands & _HEVC_BRANDS)


def read_header(data: bytes, kind: str) -> Stored:
    """Read a file's header with the reader of its kind (see ``format_of``), and nothing else of it.

    Image.open would consult Pillow's global plug-ins and raise its own pixel limit. Raises whatever the reader raises.
    """
    if kind == "jpeg":
        return ByPillow(JpegImageFile(io.BytesIO(data)))
    if kind == "png":
        picture = PngImageFile(io.BytesIO(data))
        return ByPillow(picture, by_png(data, is_profile(picture.info.get("icc_profile"))))
    return ByLibwebp(webp.read_header(data)) if kind == "webp" else ByLibheif(data)
