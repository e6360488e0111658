"""What a HEIF file says of how its picture is put together, read without libheif.

A grid may name one tile hundreds of times, or hundreds of tiles that all lie in the same bytes: 60 megapixels of work
out of 300 kilobytes. No camera writes that. Boxes as in ISO/IEC 14496-12 (``iloc``, ``iref``) and 23008-12 (``dimg``).
"""

from collections.abc import Iterator

_MOST_BOXES, _MOST_BYTES = 10_000, 2**20
"""In a row, and of a box that lists items: a camera's hold a few hundred."""


def check_parts(data: bytes) -> None:
    """Raises ValueError for a file in which a part of a picture is used twice, or bytes belong to several items."""
    for kind, content in _boxes(data):
        if kind != b"meta":
            continue
        for inner, body in _boxes(content[4:]):
            if inner in (b"iref", b"iloc") and len(body) > _MOST_BYTES:
                raise ValueError("It lists more items than any picture has.")
            if inner == b"iref" and _repeats(body):
                raise ValueError("A part of its picture is used twice.")
            if inner == b"iloc" and _located(body) > 2 * len(data):
                raise ValueError("Its items are longer than the file.")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes in a row; a broken one ends them, as libheif will say so better."""
    position = 0
    for _ in range(_MOST_BOXES):
        if position + 8 > len(data):
            return
        length, start = int.from_bytes(data[position : position + 4], "big"), position + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        elif length == 0:
            length = len(data) - position
        if position + length < start:
            return
        yield data[position + 4 : position + 8], data[start : position + length]
        position += length
    raise ValueError("It has more boxes than any picture has.")


def _repeats(references: bytes) -> bool:
    wide = 4 if references[:1] != b"\0" else 2
    named: list[bytes] = []
    for kind, body in _boxes(references[4:]):
        if kind == b"dimg":
            named += [body[at : at + wide] for at in range(wide + 2, len(body), wide)]
    return len(set(named)) < len(named)


def _located(locations: bytes) -> int:
    """How many bytes all items have together, as ``iloc`` places them."""
    version, sizes = locations[0], locations[4:6]
    offset, length, base = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index = sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2
    position, total = 6 + wide, 0
    while position < len(locations):
        position += wide + (2 if version else 0) + 2 + base
        extents = int.from_bytes(locations[position : position + 2], "big")
        position += 2
        for _ in range(extents if length else 0):
            position += index + offset
            total += int.from_bytes(locations[position : position + length], "big")
            position += length
            if position >= len(locations):
                break
        if not length:
            position += extents * (index + offset)
    return total
