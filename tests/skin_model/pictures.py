"""Rendered pictures in every format that the gate opens, and files whose headers lie."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from skin_model.photo import PhotoRefused, open_photo


@cache
def rendered(width: int = 160, height: int = 120) -> np.ndarray:
    """A skin-coloured ramp with a dark spot off-centre: no two corners alike. (height, width, 3) uint8."""
    y, x = np.ogrid[:height, :width]
    ramp = np.empty((height, width, 3), np.uint8)
    ramp[..., 0], ramp[..., 1], ramp[..., 2] = 150 + 80 * x // width, 110 + 60 * y // height, 90 + 40 * x // width
    cv2.circle(ramp, (width // 4, height // 3), min(width, height) // 6, (90, 50, 40), cv2.FILLED)
    ramp.flags.writeable = False
    return ramp


def encode(picture: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, kind, **options)
    return file.getvalue()


LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}}
NEAR_LOSSLESS = LOSSLESS | {"JPEG": {"quality": 98, "subsampling": 0}, "HEIF": {"quality": 98, "chroma": 444}}
READ = tuple(NEAR_LOSSLESS)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def refusal(source: object, **options) -> str:
    with pytest.raises(PhotoRefused) as caught:
        open_photo(source, **options)
    return caught.value.code


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_stating(picture: np.ndarray | Image.Image, **chunks: bytes) -> bytes:
    """A PNG with these chunks before its pixels: ``cICP=…``, ``gAMA=…``."""
    stated = PngImagePlugin.PngInfo()
    for kind, content in chunks.items():
        stated.add(kind.encode("ascii"), content)
    return encode(picture, "PNG", pnginfo=stated)


def colour_tags(interoperability: str | None, space: int) -> Image.Exif:
    """Exif that states colours, as cameras do by DCF: R03 for Adobe RGB, R98 for sRGB."""
    tags = Image.Exif()
    tags[0x8769] = {0xA001: space} | ({0xA005: {1: interoperability}} if interoperability else {})
    return tags


def claiming(width: int, height: int, kind: str) -> bytes:
    """A small file whose header claims another size."""
    data = bytearray(encode(rendered(), kind))
    if kind == "PNG":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    else:
        extents = data.index(b"ispe")
        data[extents + 8 : extents + 16] = struct.pack(">II", width, height)
    return bytes(data)
