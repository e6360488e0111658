"""Colours that a file states otherwise than by an ICC profile: an sRGB twin comes out, or a refusal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from skin_model.photo import PhotoRefused, open_photo
from skin_model.photo.colours import ADOBE_RGB, Colours, UnknownColours, by_code_points
from tests.conftest import REPOSITORY

CASES = REPOSITORY.parent / "shared/cases/colours-told-without-an-icc-profile"
STATED = ("_MG_adobergb.jpg", "cicp_p3.png", "gama_linear.png", "hlg10.heic", "p3_8.heic", "pq10.heic", "srgb8.heic")


def one_colour(*level):
    return Image.new("RGB", (100, 100), level)


def png(picture, **chunks):
    stated, file = PngImagePlugin.PngInfo(), io.BytesIO()
    for kind, content in chunks.items():
        stated.add(kind.encode(), content)
    picture.save(file, "PNG", pnginfo=stated)
    return file.getvalue()


def jpeg(picture, interoperability, space):
    tags, file = Image.Exif(), io.BytesIO()
    tags.get_ifd(0x8769)[0xA001] = space
    tags.get_ifd(0xA005)[1] = interoperability
    picture.save(file, "JPEG", quality=100, exif=tags)
    return file.getvalue()


def seen(data):
    return open_photo(data).rgb[50, 50].tolist()


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize("name", STATED)
def test_a_photo_in_other_colours_equals_its_srgb_twin(name):
    twin = open_photo(REPOSITORY / "examples/tone-4-uneven.jpg").rgb.astype(int)
    assert np.abs(open_photo(CASES / name).rgb - twin).mean() < 2.5  # a lossy HEIC of 90 kB: 1.9; untold: 22


def test_display_p3_by_cicp_is_converted_by_its_primaries():
    # Display P3's (234, 51, 35) is sRGB's pure red.
    assert np.abs(np.subtract(seen(png(one_colour(234, 51, 35), cICP=bytes((12, 13, 0, 1)))), (255, 0, 0))).max() <= 2


def test_pq_white_at_203_nits_is_white_and_a_highlight_no_whiter():
    # BT.2408: 58 % of PQ's signal is 203 cd/m².
    for level in (148, 200, 255):
        assert seen(png(one_colour(level, level, level), cICP=bytes((9, 16, 0, 1)))) == [255, 255, 255]
    assert max(seen(png(one_colour(120, 120, 120), cICP=bytes((9, 16, 0, 1))))) < 220


def test_hlg_white_is_75_percent_of_its_signal():
    assert min(seen(png(one_colour(191, 191, 191), cICP=bytes((9, 18, 0, 1))))) >= 253


def test_the_power_of_gama_is_applied_unless_srgb_or_cicp_say_otherwise():
    half, linear = one_colour(128, 128, 128), (100_000).to_bytes(4, "big")
    assert seen(png(half, gAMA=linear)) == [188, 188, 188]  # sRGB's level of half the light
    assert seen(png(half, gAMA=linear, sRGB=b"\0")) == [128, 128, 128]
    assert seen(png(half, gAMA=linear, cICP=bytes((1, 13, 0, 1)))) == [128, 128, 128]


def test_gama_of_zero_says_nothing():
    assert seen(png(one_colour(128, 128, 128), gAMA=bytes(4))) == [128, 128, 128]


def test_adobe_rgb_is_known_by_its_dcf_tag_and_srgb_by_its_own():
    # Adobe RGB's (219, 0, 0) is sRGB's pure red.
    assert np.abs(np.subtract(seen(jpeg(one_colour(219, 0, 0), "R03", 65535)), (255, 0, 0))).max() <= 3
    assert np.abs(np.subtract(seen(jpeg(one_colour(219, 0, 0), "R98", 1)), (219, 0, 0))).max() <= 3


@pytest.mark.parametrize("codes", [(10, 13, 0, 1), (1, 9, 0, 1), (1, 13, 9, 1), (1, 13, 0, 0)])
def test_colours_that_cannot_be_converted_are_refused(codes):
    with pytest.raises(PhotoRefused) as refusal:
        open_photo(png(one_colour(9, 9, 9), cICP=bytes(codes)))
    assert refusal.value.code == "unreadable_colours"


def test_white_stays_white_in_every_known_light():
    white = one_colour(255, 255, 255)
    for primaries in (4, 5, 6, 7, 8, 9, 11, 12, 22):
        assert np.asarray(by_code_points(primaries, 13).to_srgb(white)).min() >= 254
    assert np.asarray(ADOBE_RGB.to_srgb(white)).min() >= 254


def test_what_says_srgb_or_nothing_is_taken_as_it_is():
    assert by_code_points(1, 13) is by_code_points(2, 2) is by_code_points(1, 1) is None
    assert Colours().to_srgb(one_colour(1, 2, 3)).getpixel((0, 0)) == (1, 2, 3)
    with pytest.raises(UnknownColours):
        by_code_points(99, 13)


def test_an_orientation_that_only_xmp_tells_is_not_followed_as_no_browser_does():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    file = io.BytesIO()
    Image.new("RGB", (120, 100)).save(file, "JPEG", xmp=xmp)
    assert (open_photo(file.getvalue()).width, open_photo(file.getvalue()).height) == (120, 100)
