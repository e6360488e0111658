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
from PIL import Image, ImageCms, PngImagePlugin

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


def profile_stating(*codes: int) -> bytes:
    """sRGB's ICC profile with a ``cicp`` tag of these four code points, which says otherwise."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", plain, 128)
    entries = [struct.unpack_from(">4sII", plain, 132 + 12 * at) for at in range(count)]
    moved = [struct.pack(">4sII", tag, place + 12, length) for tag, place, length in entries]
    added = struct.pack(">4sII", b"cicp", len(plain) + 12, 12)
    body = plain[132 + 12 * count :] + b"cicp" + bytes(4) + bytes(codes)
    return (
        (len(plain) + 24).to_bytes(4, "big")
        + plain[4:128]
        + struct.pack(">I", count + 1)
        + b"".join([*moved, added])
        + body
    )


def grey_profile(gamma: int) -> bytes:
    """An ICC profile of grey levels that are light to this power."""
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63_190, 65_536, 54_061),
        b"kTRC": b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", gamma << 8) + bytes(2),
    }
    place = 132 + 12 * len(tags)
    table = b"".join(struct.pack(">4sII", tag, place + 20 * at, 20 - 4 * at) for at, tag in enumerate(tags))
    body = table + b"".join(tags.values())
    head = struct.pack(">I4xI4s4s4s", 132 + len(body), 0x02100000, b"mntr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp"
    white = struct.pack(">3i", 63_190, 65_536, 54_061)
    return (head.ljust(68, b"\0") + white).ljust(128, b"\0") + struct.pack(">I", len(tags)) + body


def with_png_chunks(data: bytes, **chunks: bytes) -> bytes:
    """A PNG with further chunks behind its header: also those that Pillow would not write as they are."""
    return (
        data[:33] + b"".join(png_chunk(kind.encode("ascii"), content) for kind, content in chunks.items()) + data[33:]
    )


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
