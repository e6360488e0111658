"""Picture files put together by hand, where an encoder would refuse to write them."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

from tests.skin_model.pictures import encode, png_chunk, rendered

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Left, top, and distance across and down of the seven passes of an interlaced PNG."""


# PNG


def _png_header(width: int, height: int, depth: int, colour: int, interlaced: bool = False) -> bytes:
    return _SIGNATURE + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(rgb: np.ndarray, *, interlaced: bool = False) -> bytes:
    """A PNG of (H, W, 3) uint8 pixels without filters, whose passes Pillow cannot write."""
    height, width = rgb.shape[:2]
    passes = [rgb[y::down, x::across] for x, y, across, down in _ADAM7] if interlaced else [rgb]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    return _png_header(width, height, 8, 2, interlaced) + _png_end(zlib.compress(rows))


def _png_end(packed: bytes) -> bytes:
    return png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def png_of_zeros(
    width: int,
    height: int,
    *,
    colours: int = 1,
    depth: int = 8,
    interlaced: bool = False,
    rows: int | None = None,
    header: tuple[int, int] | None = None,
) -> bytes:
    """A PNG of black pixels, ``rows`` of them. header: another depth and colour type than the pixels have."""
    bits = colours * depth
    parts = (
        [(-((x - width) // across), -((y - height) // down)) for x, y, across, down in _ADAM7]
        if interlaced
        else [(width, height if rows is None else rows)]
    )
    packer = zlib.compressobj(1)
    packed = b""
    for wide, high in parts:
        row = bytes(1 + (wide * bits + 7) // 8)
        for _ in range(high if wide > 0 else 0):
            packed += packer.compress(row)
    packed += packer.flush()
    chosen = header or (depth, _COLOUR_TYPES[colours])
    return _png_header(width, height, *chosen, interlaced) + _png_end(packed)


def png_palette(entries: float | None, used: int, transparency: bytes | None = None) -> bytes:
    """A PNG whose pixels name colours up to ``used``, though its palette has only ``entries`` of them."""
    pixels = np.linspace(0, used, 120 * 120).astype(np.uint8).reshape(120, 120)
    data = _png_header(120, 120, 8, 3)
    if entries is not None:
        data += png_chunk(b"PLTE", bytes(range(256))[: int(3 * entries)].ljust(int(3 * entries), b"\x7f"))
    if transparency is not None:
        data += png_chunk(b"tRNS", transparency)
    return data + _png_end(zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels)))


def apng(count: int) -> bytes:
    """An animated PNG of ``count`` frames of one pixel after the first."""
    good = encode(rendered(), "PNG")
    at, end = good.index(b"IDAT") - 4, good.index(b"IEND") - 4
    control = struct.pack(">IIIIIHHBB", 0, 160, 120, 0, 0, 1, 10, 0, 0)
    frames, pixel = b"", zlib.compress(b"\0\x01\x02\x03")
    for number in range(count):
        sequence = 1 + 2 * number
        frames += png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, 1, 1, 0, 0, 1, 10, 0, 0))
        frames += png_chunk(b"fdAT", struct.pack(">I", sequence + 1) + pixel)
    first = png_chunk(b"acTL", struct.pack(">II", count + 1, 0)) + png_chunk(b"fcTL", control)
    return good[:at] + first + good[at:end] + frames + good[end:]


# WebP


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_of_one_colour(width: int, height: int) -> bytes:
    """34 bytes, lossless, of up to 16384 × 16384 pixels."""
    known = bytes.fromhex("2f7f9e9f0f07508affd0c200")  # 16000 × 16000
    bits = int.from_bytes(known[1:5], "little") & ~((1 << 28) - 1)
    size = struct.pack("<I", bits | (width - 1) | (height - 1) << 14)
    return _riff((b"VP8L", known[:1] + size + known[5:] + b"\0\0"))


def _three(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def webp_animation(width: int, height: int, count: int, *, left: int = 0) -> bytes:
    """``count`` frames of 160 × 120 on a canvas of another size."""
    still = encode(rendered(), "WEBP")[12:]
    frame = _three(left // 2) + _three(0) + _three(159) + _three(119) + _three(40) + b"\0" + still
    chunks = [(b"VP8X", b"\x02\0\0\0" + _three(width - 1) + _three(height - 1)), (b"ANIM", bytes(6))]
    return _riff(*chunks, *[(b"ANMF", frame)] * count)


def webp_lying_canvas() -> bytes:
    """A still of 160 × 120 that says 400 × 300."""
    still = encode(rendered(), "WEBP")
    return _riff((b"VP8X", bytes(4) + _three(399) + _three(299)), (b"VP8 ", still[20:]))


# GIF and TIFF


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """Frames of one pixel on a canvas."""
    frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + frames * frame + b";"


def tiff(width: int, height: int) -> bytes:
    """The header of a large TIFF without pixels."""
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 8))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(12)


# JPEG


def jpeg_ycck() -> bytes:
    """Four colours with Adobe's mark for YCCK."""
    data = bytearray(encode(Image.new("CMYK", (120, 120), (9, 80, 70, 6)), "JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def jpeg_arithmetic() -> bytes:
    """60 megapixels in arithmetic coding, which takes any bytes for pixels: 19 MB of them."""
    frame = b"\xff\xc9\0\x11\x08" + struct.pack(">HH", 7_745, 7_745) + b"\x03\x01\x11\0\x02\x11\0\x03\x11\0"
    start = b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0"
    noise = np.random.default_rng(0).integers(0, 255, 19_000_000, np.uint8).tobytes()
    return b"\xff\xd8\xff\xdb\0\x43\0" + bytes([1] * 64) + frame + start + noise + b"\xff\xd9"


def jpeg_sampling(factors: int) -> bytes:
    """A JPEG whose first colour claims to be sampled that often: 4 bits across, 4 down."""
    data = bytearray(encode(rendered(), "JPEG"))
    data[data.index(b"\xff\xc0") + 11] = factors
    return bytes(data)


def without_segments(jpeg: bytes, *kinds: int) -> bytes:
    """A JPEG without its segments of these kinds."""
    kept, position = jpeg[:2], 2
    while jpeg[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
        if jpeg[position + 1] not in kinds:
            kept += jpeg[position:end]
        position = end
    return kept + jpeg[position:]


def exif_of_orientation(value: object) -> bytes:
    """EXIF tags whose orientation is a number, a text, a fraction or two numbers."""
    if isinstance(value, str):
        kind, count, content = 2, len(value) + 1, value.encode() + b"\0"
    elif isinstance(value, float):
        kind, count, content = 5, 1, struct.pack("<II", int(value * 2), 2)
    else:
        values = value if isinstance(value, tuple) else (value,)
        kind, count, content = 3, len(values), struct.pack(f"<{len(values)}H", *values)
    inline = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", 26)
    entry = struct.pack("<HHI", 0x0112, kind, count) + inline
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4) + content


# HEIF


def _box(kind: bytes, *contents: bytes, version: int | None = None) -> bytes:
    body = (b"" if version is None else struct.pack(">I", version << 24)) + b"".join(contents)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _content(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind)
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


def heic_grid(rows: int, columns: int, *, tile: int = 1, references: int | None = None, noisy: bool = False) -> bytes:
    """A grid of rows × columns tiles of 512 × 512 pixels that are all the same one.

    tile: the item that they are: 1 the picture, 2 the grid itself. references: how many the grid names, else all.
    """
    side = 512
    square = np.ascontiguousarray(cv2.resize(rendered(), (side, side)))
    if noisy:
        square = np.random.default_rng(0).integers(60, 200, square.shape, np.uint8)
    coded = encode(square, "HEIF", quality=80)
    pixels = _content(coded, b"mdat")
    named = rows * columns if references is None else references
    handler = _box(b"hdlr", bytes(4), b"pict", bytes(13), version=0)
    kinds = [
        _box(b"infe", struct.pack(">HH", item, 0), kind, b"\0", version=2)
        for item, kind in ((1, b"hvc1"), (2, b"grid"))
    ]
    properties = _box(
        b"ipco",
        _box(b"hvcC", _content(coded, b"hvcC")),
        _box(b"ispe", struct.pack(">II", side, side), version=0),
        _box(b"ispe", struct.pack(">II", side * columns, side * rows), version=0),
    )
    owned = struct.pack(">I", 2) + struct.pack(">HBBB", 1, 2, 0x81, 2) + struct.pack(">HBB", 2, 1, 3)
    refers = _box(b"dimg", struct.pack(f">HH{named}H", 2, named, *[tile] * named))
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, side * columns, side * rows)

    def whole(start: int) -> bytes:
        place = struct.pack(">HHHHII", 1, 0, 0, 1, start, len(pixels)) + struct.pack(
            ">HHHHII", 2, 1, 0, 1, 0, len(grid)
        )
        meta = _box(
            b"meta",
            handler,
            _box(b"pitm", struct.pack(">H", 2), version=0),
            _box(b"iloc", b"\x44\0" + struct.pack(">H", 2) + place, version=1),
            _box(b"iinf", struct.pack(">H", 2), *kinds, version=0),
            _box(b"iprp", properties, _box(b"ipma", owned, version=0)),
            _box(b"iref", refers, version=0),
            _box(b"idat", grid),
            version=0,
        )
        return _box(b"ftyp", b"heic", bytes(4), b"mif1heic") + meta + _box(b"mdat", pixels)

    return whole(len(whole(0)) - len(pixels))


def heic_with(whole: bytes, kind: bytes, *, length: int | None = None, content: bytes | None = None) -> bytes:
    """A HEIC file with another length, or another content of the same length, of its first box of that kind."""
    data, at = bytearray(whole), whole.index(kind)
    if length is not None:
        data[at - 4 : at] = struct.pack(">I", length)
    if content is not None:
        data[at + 4 : at + 4 + len(content)] = content
    return bytes(data)


def heic_of(count: int) -> bytes:
    """Several pictures in one file."""
    import pillow_heif

    pictures = [Image.fromarray(rendered()) for _ in range(count)]
    file = io.BytesIO()
    first = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        first.add_from_pillow(picture)
    first.save(file)
    return file.getvalue()
