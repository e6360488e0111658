"""Rules of the gate: what it refuses, in which words, and that nothing else can come out."""

from __future__ import annotations

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from skin_model.photo import Photo, PhotoRefused, open_photo, opening
from skin_model.wording import sentence
from tests.skin_model.pictures import (
    READ,
    claiming,
    encode,
    refusal,
    rendered,
)

# Refusals


def test_every_refusal_says_its_own_sentence():
    refusals = PhotoRefused.__subclasses__()
    codes = {kind.code for kind in refusals}
    assert codes == {
        "empty_file", "damaged_file", "unsupported_format", "file_too_large",
        "too_many_pixels", "too_small_photo", "too_elongated", "unreadable_colours",
    }  # fmt: skip
    assert all(str(kind()) == sentence(f"refused.{kind.code}") for kind in refusals)


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        (opening.FileTooLarge, [f"{opening.MAX_BYTES // 2**20} MB"]),
        (opening.TooManyPixels, [f"{opening.MAX_PIXELS // 10**6} megapixels"]),
        (opening.TooSmall, [f"{opening.MIN_SHORT_SIDE} pixels", f"at least {opening.MIN_REGION_SIDE}"]),
        (opening.TooElongated, [f"{opening.MAX_ASPECT} times"]),
    ],
)
def test_a_sentence_names_the_limit_that_is_enforced(kind, limits):
    assert all(limit in str(kind()) for limit in limits)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    assert refusal(b"") == refusal(path) == "empty_file"


FOREIGN = {
    "text": b"This is not a picture.",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"/>',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "one byte": b"\xff",
    "video": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
} | {kind: encode(rendered(), kind) for kind in ("GIF", "TIFF", "BMP", "AVIF", "JPEG2000")}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_formats_are_unsupported(name):
    assert refusal(FOREIGN[name]) == "unsupported_format"


def test_a_folder_is_unsupported(tmp_path):
    assert refusal(tmp_path) == "unsupported_format"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_unsupported_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert refusal(tmp_path / "pipe.jpg") == "unsupported_format"


@pytest.mark.parametrize("name", ["missing.jpg", "nul\0inside.jpg", "long" * 200 + ".jpg", "file.txt/inside.jpg"])
def test_a_missing_file_raises_file_not_found(tmp_path, name):
    (tmp_path / "file.txt").write_text("a file, not a folder")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        open_photo(f"{tmp_path}/{name}")


def test_a_file_over_20_megabytes_is_refused_without_reading_it_all(tmp_path):
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(10**13)  # sparse: takes no space, and would not fit in memory
    assert refusal(path) == "file_too_large"


def test_20_megabytes_are_allowed_and_one_byte_more_is_not():
    data = encode(rendered(), "JPEG")  # what follows the end of a JPEG is nobody's business
    assert open_photo(data.ljust(20 * 2**20, b"\0")).rgb.shape == (120, 160, 3)
    assert refusal(data.ljust(20 * 2**20 + 1, b"\0")) == "file_too_large"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [7746, 20_000, 65_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_too_many_pixels_are_refused_from_the_header(kind, side):
    assert refusal(claiming(side, side, kind)) == "too_many_pixels"


@pytest.mark.filterwarnings("error")
def test_a_webp_of_34_bytes_that_decodes_to_256_megapixels_is_refused():
    # Lossless, one colour: 16000 × 16000 fits in 20 bytes of pixels.
    bomb = bytes.fromhex("524946461a000000574542505650384c0e0000002f7f9e9f0f07508affd0c200")
    assert refusal(bomb + b"\0\0") == "too_many_pixels"


def test_60_megapixels_are_allowed():
    # Allowed by the header; the claimed pixels are not there, so decoding was tried.
    assert refusal(claiming(10_000, 6_000, "PNG")) == "damaged_file"
    assert refusal(claiming(10_000, 6_001, "PNG")) == "too_many_pixels"


def test_pillow_keeps_its_own_settings_and_they_do_not_matter(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    readers = set(Image.OPEN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_photo(encode(rendered(), "PNG")).width == 160
        assert open_photo(encode(rendered(), "PNG"), region=(0, 0, 50, 50)).width == 50
        assert refusal(claiming(65_000, 65_000, "JPEG")) == "too_many_pixels"
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, set(Image.OPEN)) == (1, False, readers)


@pytest.mark.parametrize("kind", READ)
def test_96_pixels_on_the_short_side_are_enough(kind):
    assert open_photo(encode(rendered(128, 96), kind)).height == 96
    assert refusal(encode(rendered(128, 95), kind)) == "too_small_photo"


def test_an_aspect_of_4_is_allowed():
    assert open_photo(encode(rendered(400, 100), "PNG")).width == 400
    assert refusal(encode(rendered(401, 100), "PNG")) == "too_elongated"
    assert refusal(encode(rendered(100, 401), "PNG")) == "too_elongated"


# Damage

COMPLETE = {
    "JPEG": encode(rendered(), "JPEG"),
    "progressive JPEG": encode(rendered(), "JPEG", progressive=True),
    "PNG": encode(rendered(), "PNG"),
    "WebP": encode(rendered(), "WEBP"),
    "lossless WebP": encode(rendered(), "WEBP", lossless=True),
    "HEIC": encode(rendered(), "HEIF"),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_a_file_cut_anywhere_is_damaged(name):
    whole = COMPLETE[name]
    # A file whose last pixel is there is complete: what may lack are end marks and the checksums of a PNG.
    last = len(whole) - {"PNG": 32, "JPEG": 3}.get(name, 1)
    for length in {*range(12, last, max(1, last // 60)), last}:
        assert refusal(whole[:length]) == "damaged_file", length


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("zeros", [0, 500])
@pytest.mark.parametrize("quality", [50, 90, 100])
def test_a_jpeg_that_lost_its_end_mark_alone_is_whole(quality, lost, zeros):
    """python-pillow/Pillow issues 1510 and 4414: every browser shows them."""
    whole = encode(rendered(), "JPEG", quality=quality)
    assert np.array_equal(open_photo(whole[:-lost] + bytes(zeros)).rgb, open_photo(whole).rgb)


def jpeg_of_a_scan_a_colour() -> bytes:
    """Sequential: the scans of three grey JPEGs under one frame of three components."""
    greys = [encode(channel, "JPEG", quality=90) for channel in Image.fromarray(rendered()).convert("YCbCr").split()]
    frame, scan = greys[0].index(b"\xff\xc0"), greys[0].index(b"\xff\xda")
    tables = greys[0][frame + 13 : scan]  # behind the frame of one component
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    head = greys[0][:frame] + b"\xff\xc0\0\x11" + greys[0][frame + 4 : frame + 9] + b"\3" + components + tables
    scans = b"".join(
        b"\xff\xda\0\x08\1" + bytes((number, 0)) + grey[grey.index(b"\xff\xda") + 7 : -2]
        for number, grey in enumerate(greys, 1)
    )
    return head + scans + b"\xff\xd9"


def test_a_jpeg_that_ends_before_the_scans_of_its_colours_is_damaged():
    """No bit is missing in what is there."""
    whole = jpeg_of_a_scan_a_colour()
    assert np.ptp(open_photo(whole).rgb.mean((0, 1))) > 10  # it is coloured
    second = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    assert refusal(whole[:second]) == "damaged_file"


def test_a_progressive_jpeg_that_ends_before_its_fine_scans_is_damaged():
    whole = encode(rendered(), "JPEG", progressive=True)
    first = whole.index(b"\xff\xda")
    assert refusal(whole[: whole.index(b"\xff\xc4", first)]) == "damaged_file"


def test_a_jpeg_filled_up_with_zeros_is_damaged():
    whole = encode(rendered(), "JPEG")
    assert refusal(whole[: len(whole) // 2].ljust(len(whole), b"\0")) == "damaged_file"


def test_a_jpeg_of_a_thousand_scans_is_refused_unread():
    """Each is a pass over every pixel: 112 bytes of file cost 45 ms at 60 megapixels."""
    data = encode(Image.new("RGB", (7700, 7700), "tan"), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert refusal(data[:-2] + 1000 * last_scan + data[-2:]) == "damaged_file"


def test_a_preview_inside_a_jpeg_is_not_taken_for_its_end():
    preview = encode(rendered(), "JPEG")
    assert open_photo(encode(rendered(400, 300), "JPEG", exif=b"Exif\0\0" + preview)).width == 400


@st.composite
def mutated(draw) -> bytes:
    data = bytearray(draw(st.sampled_from(sorted(COMPLETE.values()))))
    for _ in range(draw(st.integers(1, 6))):
        # Half of the changes hit the header, where the structure is.
        position = draw(st.integers(0, min(400, len(data) - 1)) | st.integers(0, len(data) - 1))
        change = draw(st.sampled_from(["set", "delete", "insert", "cut"]))
        if change == "set":
            data[position] = draw(st.integers(0, 255))
        elif change == "delete":
            del data[position : position + draw(st.integers(1, 16))]
        elif change == "insert":
            data[position:position] = draw(st.binary(min_size=1, max_size=16))
        else:
            del data[max(position, 1) :]
        if not data:
            break
    if data[:4] == b"\x89PNG" and draw(st.booleans()):
        data = with_true_checksums(data)
    return bytes(data)


def with_true_checksums(data: bytes) -> bytes:
    """Checksums made to fit what a PNG's chunks hold now, so that the damage gets past them."""
    data, position = bytearray(data), 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(data)


@pytest.mark.filterwarnings("ignore:.*(EXIF|APNG|Truncated)")
@settings(max_examples=500, deadline=None)
@given(mutated())
def test_whatever_is_changed_in_a_file_only_a_photo_or_a_refusal_comes_out(data):
    try:
        opened = open_photo(data)
    except PhotoRefused as refused:
        assert str(refused) == sentence(f"refused.{refused.code}")
    else:
        assert isinstance(opened, Photo)
        assert opened.rgb.shape[2] == 3
        assert opened.rgb.dtype == np.uint8
        assert opened.width * opened.height <= opening.MAX_PIXELS


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", b"\0\0\0\x18ftypheic", b""]),
    st.binary(max_size=200),
)
def test_random_bytes_behind_a_true_beginning_are_refused(beginning, rest):
    assert refusal(beginning + rest) in {"damaged_file", "unsupported_format", "empty_file"}


def branded(kind: str, brand: bytes) -> bytes:
    """A file with another main brand; the compatible ones stay as they were."""
    content = encode(rendered(), kind)
    return content[:8] + brand + content[12:]


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"msf1", b"miaf"])
def test_an_avif_is_unsupported_and_not_damaged_whatever_its_main_brand(brand):
    assert refusal(branded("AVIF", brand)) == "unsupported_format"


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"miaf", b"MiHE", b"1pic"])
def test_a_heic_opens_whatever_its_main_brand(brand):
    assert (open_photo(branded("HEIF", brand)).width, open_photo(branded("HEIF", brand)).height) == (160, 120)
