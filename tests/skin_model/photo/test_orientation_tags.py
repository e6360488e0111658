"""An orientation counts as browsers read it: the first in the first directory, one SHORT; all else turns nothing."""

from __future__ import annotations

import struct

import pytest

from skin_model.photo import open_photo
from tests.skin_model.pictures import encode, rendered

SHORT, LONG, SSHORT, BYTE = 3, 4, 8, 1
FORMATS = {SHORT: "HH", LONG: "I", SSHORT: "hH", BYTE: "BBH"}
ON_ITS_SIDE = (120, 160)
"""Width and height of the picture, which is stored as 160 × 120, once it is turned by a quarter."""


def exif(*tags, order="<"):
    """tags: (type, number of values, orientation) of each entry."""
    entries = b""
    for kind, values, orientation in tags:
        field = (orientation, *[0] * (len(FORMATS[kind]) - 1))
        entries += struct.pack(f"{order}HHI", 0x0112, kind, values) + struct.pack(order + FORMATS[kind], *field)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return b"Exif\0\0" + head + entries + bytes(4)


def jpeg(*segments):
    plain = encode(rendered(), "JPEG")
    marked = b"".join(b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment for segment in segments)
    return plain[:2] + marked + plain[2:]


def size(content):
    photo = open_photo(content)
    return photo.width, photo.height


@pytest.mark.parametrize("order", "<>")
def test_one_short_turns_the_photo_in_either_byte_order(order):
    assert size(jpeg(exif((SHORT, 1, 6), order=order))) == ON_ITS_SIDE


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [LONG, SSHORT, BYTE])
def test_an_orientation_of_another_type_turns_nothing(kind, order):
    assert size(jpeg(exif((kind, 1, 6), order=order))) == (160, 120)


def test_an_orientation_of_two_values_turns_nothing():
    assert size(jpeg(exif((SHORT, 2, 6)))) == (160, 120)


@pytest.mark.parametrize(("first", "second", "shown"), [(6, 1, ON_ITS_SIDE), (1, 6, (160, 120))])
def test_of_two_orientations_the_first_counts(first, second, shown):
    assert size(jpeg(exif((SHORT, 1, first), (SHORT, 1, second)))) == shown
    assert size(jpeg(exif((SHORT, 1, first)), exif((SHORT, 1, second)))) == shown


def test_a_directory_that_claims_more_entries_than_there_are_still_turns_the_photo():
    claimed = bytearray(exif((SHORT, 1, 6)))
    claimed[14:16] = struct.pack("<H", 200)
    assert size(jpeg(bytes(claimed))) == ON_ITS_SIDE
