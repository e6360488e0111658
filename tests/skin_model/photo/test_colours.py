"""Colours that a file states otherwise than by an ICC profile: an sRGB twin comes out, or a refusal."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from skin_model.photo import PhotoRefused, open_photo
from skin_model.photo.colours import ADOBE_RGB, Colours, UnknownColours, by_code_points
from tests.conftest import REPOSITORY
from tests.skin_model.pictures import colour_tags, encode, grey_profile, png_stating, profile_stating, with_png_chunks

CASES = REPOSITORY.parent / "shared/cases/colours-told-without-an-icc-profile"
STATED = ("_MG_adobergb.jpg", "cicp_p3.png", "gama_linear.png", "hlg10.heic", "p3_8.heic", "pq10.heic", "srgb8.heic")


def one_colour(*level):
    return Image.new("RGB", (100, 100), level)


def adobe_jpeg(interoperability, space):
    return encode(one_colour(219, 0, 0), "JPEG", quality=100, exif=colour_tags(interoperability, space))


def seen(data):
    return open_photo(data).rgb[50, 50].tolist()


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize("name", STATED)
def test_a_photo_in_other_colours_equals_its_srgb_twin(name):
    twin = open_photo(REPOSITORY / "examples/tone-4-uneven.jpg").rgb.astype(int)
    assert np.abs(open_photo(CASES / name).rgb - twin).mean() < 1.2  # a lossy JPEG; untold: 22


def test_display_p3_by_cicp_is_converted_by_its_primaries():
    # Display P3's (234, 51, 35) is sRGB's pure red.
    content = png_stating(one_colour(234, 51, 35), cICP=bytes((12, 13, 0, 1)))
    assert np.abs(np.subtract(seen(content), (255, 0, 0))).max() <= 2


def test_pq_white_at_203_nits_is_white_and_a_highlight_no_whiter():
    # BT.2408: 58 % of PQ's signal is 203 cd/m².
    for level in (148, 200, 255):
        assert seen(png_stating(one_colour(level, level, level), cICP=bytes((9, 16, 0, 1)))) == [255, 255, 255]
    assert max(seen(png_stating(one_colour(120, 120, 120), cICP=bytes((9, 16, 0, 1))))) < 220


def test_hlg_white_is_75_percent_of_its_signal():
    assert min(seen(png_stating(one_colour(191, 191, 191), cICP=bytes((9, 18, 0, 1))))) >= 253


def test_the_power_of_gama_is_applied_unless_srgb_or_cicp_say_otherwise():
    half, linear = one_colour(128, 128, 128), (100_000).to_bytes(4, "big")
    assert seen(png_stating(half, gAMA=linear)) == [188, 188, 188]  # sRGB's level of half the light
    assert seen(png_stating(half, gAMA=linear, sRGB=b"\0")) == [128, 128, 128]
    assert seen(png_stating(half, gAMA=linear, cICP=bytes((1, 13, 0, 1)))) == [128, 128, 128]


def test_gama_of_zero_says_nothing():
    assert seen(png_stating(one_colour(128, 128, 128), gAMA=bytes(4))) == [128, 128, 128]


def test_adobe_rgb_is_known_by_its_dcf_tag_and_srgb_by_its_own():
    # Adobe RGB's (219, 0, 0) is sRGB's pure red.
    for said in (("R03", 65535), (None, 2)):
        assert np.abs(np.subtract(seen(adobe_jpeg(*said)), (255, 0, 0))).max() <= 3
    for said in (("R98", 1), ("R03", 1), (None, 65535)):
        assert np.abs(np.subtract(seen(adobe_jpeg(*said)), (219, 0, 0))).max() <= 3


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_a_camera_s_tag_is_heeded_in_formats_that_programs_copy_it_to(kind, options):
    content = encode(one_colour(219, 0, 0), kind, exif=colour_tags("R03", 65535), **options)
    assert np.abs(np.subtract(seen(content), (255, 0, 0))).max() <= 1


def test_an_srgb_chunk_counts_more_than_a_camera_s_tag():
    content = png_stating(one_colour(219, 0, 0), sRGB=b"\0", eXIf=colour_tags("R03", 65535).tobytes()[6:])
    assert seen(content) == [219, 0, 0]


def test_the_usual_gama_beside_nothing_is_srgb_as_browsers_take_it():
    assert seen(png_stating(one_colour(40, 40, 40), gAMA=(45_455).to_bytes(4, "big"))) == [40, 40, 40]


@pytest.mark.parametrize("gamma", [44_000, 45_000, 45_454, 47_000])
def test_a_gama_within_a_twentieth_of_the_usual_one_is_srgb_as_browsers_take_it(gamma):
    assert seen(png_stating(one_colour(40, 40, 40), gAMA=gamma.to_bytes(4, "big"))) == [40, 40, 40]


@pytest.mark.parametrize("content", [b"x\0\0no zlib", b"x\0\0" + zlib.compress(b"no profile" * 20)])
def test_a_gama_beside_what_is_no_profile_counts(content):
    stated = with_png_chunks(encode(one_colour(128, 128, 128), "PNG"), iCCP=content, gAMA=(100_000).to_bytes(4, "big"))
    assert seen(stated) == [188, 188, 188]


def test_a_profile_counts_more_than_gama():
    profile = b"x\0\0" + zlib.compress(profile_stating(1, 13, 0, 1))
    plain = encode(one_colour(128, 128, 128), "PNG")
    assert seen(with_png_chunks(plain, iCCP=profile, gAMA=(100_000).to_bytes(4, "big"))) == [128, 128, 128]


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 100}), ("WEBP", {"lossless": True})])
def test_a_profile_counts_more_than_a_camera_s_tag_and_what_is_none_less(kind, options):
    tagged = {"exif": colour_tags("R03", 65535), **options}
    for profile, red in ((profile_stating(1, 13, 0, 1), 219), (b"no profile" * 20, 255)):
        content = encode(one_colour(219, 0, 0), kind, icc_profile=profile, **tagged)
        assert abs(seen(content)[0] - red) <= 3


NEAR = {"JPEG": {"quality": 100}, "PNG": {}, "WEBP": {"lossless": True}, "HEIF": {"quality": 100, "chroma": 444}}


@pytest.mark.parametrize("kind", NEAR)
@pytest.mark.parametrize(("transfer", "level"), [(16, 148), (18, 191)])
def test_high_dynamic_range_told_by_a_profile_is_mapped_as_by_code_points(kind, transfer, level):
    content = encode(
        one_colour(level, level, level), kind, icc_profile=profile_stating(9, transfer, 0, 1), **NEAR[kind]
    )
    assert min(seen(content)) >= 252


def test_a_profile_of_high_dynamic_range_in_an_unknown_light_is_refused():
    with pytest.raises(PhotoRefused) as refusal:
        open_photo(encode(one_colour(9, 9, 9), "PNG", icc_profile=profile_stating(99, 16, 0, 1)))
    assert refusal.value.code == "unreadable_colours"


def test_a_grey_profile_s_curve_is_exact_where_it_is_steep():
    levels = np.tile(np.arange(256, dtype=np.uint8), (100, 1))
    content = encode(Image.fromarray(levels), "PNG", icc_profile=grey_profile(1))
    light = np.arange(256) / 255
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(open_photo(content).rgb[0, :, 0] - expected).max() <= 1


def heic_10_bit(level, transfer, mode="RGB;16"):
    channels = {"RGB;16": 3, "RGBA;16": 4, "L;16": 1}[mode]
    file, levels = io.BytesIO(), np.full((120, 120, channels), level << 6, np.uint16)
    levels[..., 3:] = 65535
    stated = {"color_primaries": 9, "transfer_characteristics": transfer, "matrix_coefficients": 9}
    pillow_heif.encode(mode, (120, 120), levels.tobytes(), file, quality=95, full_range_flag=1, **stated)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB;16", "RGBA;16", "L;16"])
def test_all_ten_bits_of_a_heic_in_high_dynamic_range_count(mode):
    # PQ's 512 of 1023 is 92.8 cd/m², of 203: 0.457 of the light, level 180; each step of four is 2 % more light.
    found = [seen(heic_10_bit(level, 16, mode)) for level in (512, 515)]
    assert np.abs(np.subtract(found[0], 180)).max() <= 1
    assert np.abs(np.subtract(found[1], 181)).max() <= 1
    # HLG's half is a twelfth of the scene's light, of 0.265: 0.315 of the light, level 152.
    assert np.abs(np.subtract(seen(heic_10_bit(512, 18, mode)), 152)).max() <= 1


@pytest.mark.parametrize("codes", [(10, 13, 0, 1), (1, 9, 0, 1), (1, 13, 9, 1), (1, 13, 0, 0)])
def test_colours_that_cannot_be_converted_are_refused(codes):
    with pytest.raises(PhotoRefused) as refusal:
        open_photo(png_stating(one_colour(9, 9, 9), cICP=bytes(codes)))
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
