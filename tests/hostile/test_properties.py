"""What holds for every file of a kind, found out with files that hypothesis makes."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from skin_model.photo import Photo, PhotoRefused, heif, open_photo, opening, webp
from tests.hostile import containers
from tests.skin_model.pictures import encode, rendered


def opened(data: bytes, **options) -> Photo | str:
    """The photo, or the refusal's code; every other exception fails the test."""
    try:
        return open_photo(data, **options)
    except PhotoRefused as refused:
        return refused.code


@settings(max_examples=60, deadline=None)
@given(
    st.integers(96, 400), st.integers(96, 400), st.integers(1, 8), st.sampled_from(["L", "LA", "RGB", "RGBA", "P", "1"])
)
def test_strips_give_what_the_whole_picture_gives(width, height, orientation, mode):
    """Pillow's own way, all at once, is the oracle: convert, turn, reduce, and lay on white."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(rendered(width, height))).convert(mode)
    if max(width, height) > 4 * min(width, height):
        return
    data = encode(picture, "PNG", exif=tags)
    working_side, rows = opening.WORKING_SHORT_SIDE, opening.STRIP_PIXELS
    opening.WORKING_SHORT_SIDE, opening.STRIP_PIXELS = 48, 3_000  # many strips of small pictures, reduced by 2, 4 or 8
    try:
        found = open_photo(data)
    finally:
        opening.WORKING_SHORT_SIDE, opening.STRIP_PIXELS = working_side, rows
    factor = next((f for f in (8, 4, 2) if min(width, height) // f >= 48), 1)
    plain = picture.convert("RGBA" if mode in ("LA", "RGBA") else "RGB" if mode != "1" else "L")
    plain.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(plain)
    expected = np.asarray(upright.reduce(factor).convert("RGB"))
    assert (found.width, found.height) == upright.size
    assert np.abs(found.rgb.astype(int) - expected).max() <= 1


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[st.integers(-(2**40), 2**40)] * 4))
def test_any_region_of_whole_numbers_gives_a_part_or_says_that_it_is_too_small(region):
    found = opened(encode(rendered(), "PNG"), region=region)
    if isinstance(found, str):
        assert found == "too_small_photo"
    else:
        assert 32 <= found.width <= 160 and 32 <= found.height <= 120


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"VP8X", b"VP8 ", b"VP8L", b"ANMF", b"ALPH", b"ICCP", b"EXIF"]), st.binary(max_size=60)
        )
    ),
    st.integers(0, 2**32 - 1) | st.none(),
)
def test_any_chunks_of_a_webp_are_read_or_refused(chunks, length):
    data = bytearray(containers._riff(*chunks))
    if length is not None:
        data[4:8] = struct.pack("<I", length)
    assert isinstance(opened(bytes(data)), Photo | str)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 2**14), st.integers(1, 2**14))
def test_a_webp_says_its_size_as_it_was_written(width, height):
    still = containers.webp_of_one_colour(width, height)
    moving = containers.webp_animation(max(width, 160), max(height, 120), 1)
    header, canvas = webp.read_header(still), webp.read_header(moving)
    assert (header.width, header.height) == (width, height)
    assert (canvas.width, canvas.height) == (max(width, 160), max(height, 120))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(0, 1))
def test_a_heif_that_names_a_part_twice_is_refused_and_no_other(parts, version):
    width = "I" if version else "H"
    named = containers._box(b"dimg", struct.pack(f">{width}H{len(parts)}{width}", 99, len(parts), *parts))
    meta = containers._box(b"meta", containers._box(b"iref", named, version=version), version=0)
    try:
        heif.check_parts(meta)
        repeated = False
    except ValueError:
        repeated = True
    assert repeated == (len(set(parts)) < len(parts))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"iloc", b"iref", b"meta"]), st.binary(max_size=300))
def test_any_content_of_a_heif_box_is_read_in_no_time_or_refused(kind, content):
    data = containers._box(b"ftyp", b"heic", bytes(4)) + containers._box(
        b"meta", containers._box(kind, content), version=0
    )
    assert opened(data) == "damaged_file"
