"""Rules of the gate: what it opens, and that nothing but upright pixels comes out."""

from __future__ import annotations

import csv
import io
import struct
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from pillow_heif import HeifImageFile

from skin_model.photo import open_photo
from tests.skin_model.pictures import (
    LOSSLESS,
    NEAR_LOSSLESS,
    READ,
    difference,
    encode,
    png_chunk,
    refusal,
    rendered,
)

# What is opened


@pytest.mark.parametrize("kind", READ)
def test_each_format_opens_to_its_own_pixels(kind):
    opened = open_photo(encode(rendered(), kind, **NEAR_LOSSLESS[kind]))
    assert (opened.width, opened.height, opened.scale) == (160, 120, 1.0)
    assert difference(opened.rgb, rendered()) < (0.01 if kind in LOSSLESS else 2)


def test_pixels_are_contiguous_writable_bytes():
    rgb = open_photo(encode(rendered(), "PNG")).rgb
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable


def test_a_path_its_text_and_its_bytes_open_alike_whatever_the_file_is_called(tmp_path):
    data = encode(rendered(), "PNG")
    path = tmp_path / "mole.jpg"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data)):
        assert np.array_equal(open_photo(source).rgb, rendered())


def test_nothing_but_pixels_and_size_survives():
    exif = Image.Exif()
    exif[0x010F] = "Maker of phones"
    opened = open_photo(encode(rendered(), "JPEG", exif=exif, comment=b"at home"))
    assert set(vars(opened)) == {"rgb", "width", "height"}
    assert type(opened.rgb) is np.ndarray


# Colours


def test_cmyk_becomes_rgb():
    ink = Image.new("CMYK", (100, 100), (0, 255, 255, 0))  # full magenta and yellow, no cyan, no black: red
    rgb = open_photo(encode(ink, "JPEG", quality=98)).rgb
    assert difference(rgb, np.full((100, 100, 3), (255, 0, 0))) < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_grey_becomes_three_equal_channels(kind):
    grey = rendered()[..., 0]
    rgb = open_photo(encode(grey, kind, quality=98)).rgb
    assert difference(rgb, np.repeat(grey[..., None], 3, axis=-1)) < 2


def test_one_bit_becomes_black_and_white():
    bits = Image.fromarray(rendered()[..., 0] > 128)
    assert bits.mode == "1"
    assert np.array_equal(open_photo(encode(bits, "PNG")).rgb[..., 1], np.where(rendered()[..., 0] > 128, 255, 0))


def with_palette(*colours: tuple[int, int, int]) -> Image.Image:
    """100 × 100 palette picture whose left half has the first colour and right half the second."""
    picture = Image.new("P", (100, 100), 0)
    picture.putpalette([value for colour in colours for value in colour])
    picture.paste(1, (50, 0, 100, 100))
    return picture


def test_a_palette_becomes_its_colours():
    rgb = open_photo(encode(with_palette((10, 20, 30), (200, 150, 100)), "PNG")).rgb
    assert (rgb[0, 0].tolist(), rgb[0, 99].tolist()) == ([10, 20, 30], [200, 150, 100])


def test_a_transparent_palette_entry_becomes_white():
    rgb = open_photo(encode(with_palette((10, 20, 30), (200, 150, 100)), "PNG", transparency=0)).rgb
    assert (rgb[0, 0].tolist(), rgb[0, 99].tolist()) == ([255, 255, 255], [200, 150, 100])


def test_half_transparent_palette_entries_are_blended_with_white():
    # 51 of 255 is a fifth: 255 - (255 - 10) / 5 = 206, 255 - (255 - 20) / 5 = 208, 255 - (255 - 30) / 5 = 210
    rgb = open_photo(encode(with_palette((10, 20, 30), (200, 150, 100)), "PNG", transparency=b"\x33\xff")).rgb
    assert (rgb[0, 0].tolist(), rgb[0, 99].tolist()) == ([206, 208, 210], [200, 150, 100])


@pytest.mark.parametrize("kind", LOSSLESS)
def test_alpha_is_flattened_on_white(kind):
    rgba = np.zeros((100, 100, 4), np.uint8)
    rgba[..., :3] = (100, 50, 0)
    rgba[:50, :, 3], rgba[50:, :, 3] = 51, 255
    rgb = open_photo(encode(rgba, kind, **LOSSLESS[kind])).rgb
    assert (rgb[0, 0].tolist(), rgb[99, 0].tolist()) == ([224, 214, 204], [100, 50, 0])


def test_grey_with_alpha_is_flattened_on_white():
    grey = Image.new("LA", (100, 100), (100, 51))
    assert (open_photo(encode(grey, "PNG")).rgb == 224).all()


def test_one_transparent_colour_becomes_white():
    grey = np.full((100, 100), 40, np.uint8)
    grey[:50] = 7
    for picture, key in ((grey, 7), (np.repeat(grey[..., None], 3, axis=-1), (7, 7, 7))):
        rgb = open_photo(encode(picture, "PNG", transparency=key)).rgb
        assert (rgb[0, 0, 0], rgb[99, 0, 0]) == (255, 40)


def test_16_bit_grey_is_scaled_and_not_clipped():
    levels = np.linspace(0, 65535, 160 * 120).astype(np.uint16).reshape(120, 160)
    rgb = open_photo(cv2.imencode(".png", levels)[1].tobytes()).rgb
    assert Image.fromarray(levels).mode == "I;16"
    assert np.array_equal(rgb, np.repeat((levels // 256)[..., None], 3, axis=-1))


def test_16_bit_grey_keeps_its_transparent_level():
    levels = np.full((100, 100), 40 * 257, np.uint16)
    levels[:50] = 1000
    data = cv2.imencode(".png", levels)[1].tobytes()
    at = data.index(b"IDAT") - 4
    rgb = open_photo(data[:at] + png_chunk(b"tRNS", struct.pack(">H", 1000)) + data[at:]).rgb
    assert (rgb[0, 0, 0], rgb[99, 0, 0]) == (255, 40)


def test_16_bit_colour_is_scaled_and_not_clipped():
    levels = rendered().astype(np.uint16) * 257
    rgb = open_photo(cv2.imencode(".png", levels[..., ::-1])[1].tobytes()).rgb
    assert np.array_equal(rgb, rendered())


def test_16_bit_grey_heic_is_scaled_and_not_clipped():
    levels = rendered()[..., 0].astype(np.uint16) * 257
    rgb = open_photo(encode(levels, "HEIF", quality=98)).rgb
    assert difference(rgb[..., 1], rendered()[..., 0]) < 2


def red_and_green_swapped() -> bytes:
    """The sRGB profile with the entries of its red and green primaries exchanged: in it, red looks green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ") + 4, profile.index(b"gXYZ") + 4
    profile[red : red + 8], profile[green : green + 8] = profile[green : green + 8], profile[red : red + 8]
    return bytes(profile)


PROFILED = [(kind, "RGB") for kind in READ] + [("PNG", "RGBA"), ("WEBP", "RGBA"), ("HEIF", "RGBA"), ("PNG", "P")]


@pytest.mark.parametrize(("kind", "mode"), PROFILED)
def test_the_colour_profile_is_applied(kind, mode):
    red = Image.new("RGB", (100, 100), (255, 0, 0)).convert(mode)
    if kind == "HEIF":
        red.info["icc_profile"] = red_and_green_swapped()
        data = encode(red, kind, **NEAR_LOSSLESS[kind])
    else:
        data = encode(red, kind, icc_profile=red_and_green_swapped(), **NEAR_LOSSLESS[kind])
    assert difference(open_photo(data).rgb, np.full((100, 100, 3), (0, 255, 0))) < 4


def test_an_rgb_profile_on_a_grey_photo_leaves_it_grey():
    rgb = open_photo(encode(rendered()[..., 0], "PNG", icc_profile=red_and_green_swapped())).rgb
    assert difference(rgb, np.repeat(rendered()[..., :1], 3, axis=-1)) < 1


def test_grey_pixels_follow_the_curve_of_an_rgb_profile():
    """Cameras write their RGB profile into grey pictures too; the same pixels as RGB are the oracle."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = profile.index(b"para") + 12
    darker = profile[:curve] + struct.pack(">i", 4 * 65536) + profile[curve + 4 :]  # exponent 4 and not 2.4
    grey = Image.fromarray(rendered()[..., 0])
    one, three = (open_photo(encode(picture, "PNG", icc_profile=darker)).rgb for picture in (grey, grey.convert("RGB")))
    assert np.array_equal(one, three)
    assert three.mean() < rendered()[..., 0].mean() - 20


LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200, red_and_green_swapped()[:300], LAB])
@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_profile_that_is_broken_or_of_other_colours_is_ignored(kind, profile):
    data = encode(rendered(), kind, icc_profile=profile, **LOSSLESS[kind])
    assert np.array_equal(open_photo(data).rgb, rendered())


def test_an_rgb_profile_on_a_cmyk_photo_is_ignored():
    ink = Image.new("CMYK", (100, 100), (0, 255, 255, 0))
    rgb = open_photo(encode(ink, "JPEG", quality=98, icc_profile=red_and_green_swapped())).rgb
    assert difference(rgb, np.full((100, 100, 3), (255, 0, 0))) < 3


# Which way is up

STORED = {
    1: lambda up: up,
    2: lambda up: up[:, ::-1],
    3: lambda up: up[::-1, ::-1],
    4: lambda up: up[::-1],
    5: lambda up: up.swapaxes(0, 1),
    6: lambda up: up.swapaxes(0, 1)[::-1],
    7: lambda up: up.swapaxes(0, 1)[::-1, ::-1],
    8: lambda up: up.swapaxes(0, 1)[:, ::-1],
}
"""How EXIF 2.3 (tag 0x0112) says an upright picture is stored; 6: row 0 is the right side, column 0 the top."""


def turned(kind: str, orientation: int, picture: np.ndarray, **options) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED.get(orientation, STORED[1])(picture)))
    return encode(stored, kind, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", READ)
def test_every_orientation_is_made_upright_once(kind, orientation):
    opened = open_photo(turned(kind, orientation, rendered(), **NEAR_LOSSLESS[kind]))
    assert (opened.width, opened.height) == (160, 120)
    assert difference(opened.rgb, rendered()) < 2


def test_a_heic_turned_by_a_phone_says_so_twice_and_is_turned_once():
    data = turned("HEIF", 6, rendered(), **NEAR_LOSSLESS["HEIF"])
    assert b"irot" in data  # the file's own rotation, beside the EXIF tag
    assert HeifImageFile(io.BytesIO(data)).info["original_orientation"] == 6
    assert difference(open_photo(data).rgb, rendered()) < 2


def test_an_exif_orientation_alone_does_not_turn_a_heic():
    upright = turned("HEIF", 1, rendered(), **NEAR_LOSSLESS["HEIF"])
    tag = bytes.fromhex("0112 0003 00000001")
    data = upright.replace(tag + b"\0\x01", tag + b"\0\x06")
    assert HeifImageFile(io.BytesIO(data)).info["original_orientation"] == 6
    assert difference(open_photo(data).rgb, rendered()) < 2


def test_a_heic_is_not_turned_again_by_an_xmp_tag():
    # pillow-heif empties this tag as it does EXIF's, but not with a space in it, which Pillow still reads.
    xmp = b"<x:xmpmeta><tiff:Orientation>6 </tiff:Orientation></x:xmpmeta>"
    data = encode(STORED[6](rendered()).copy(), "HEIF", xmp=xmp, **NEAR_LOSSLESS["HEIF"])
    assert b"irot" in data
    assert difference(open_photo(data).rgb, rendered()) < 2


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    assert np.array_equal(open_photo(turned("PNG", orientation, rendered())).rgb, rendered())


@pytest.mark.filterwarnings("ignore:.*EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0" + b"\xff" * 40])
@pytest.mark.parametrize("kind", READ)
def test_broken_exif_is_ignored(kind, exif):
    opened = open_photo(encode(rendered(), kind, exif=exif, **NEAR_LOSSLESS[kind]))
    assert difference(opened.rgb, rendered()) < 2


# Large photos


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_12_megapixel_photo_gets_a_working_copy_of_1000_by_750(kind):
    whole = rendered(4000, 3000)
    opened = open_photo(encode(whole, kind, **({"compress_level": 1} if kind == "PNG" else {"quality": 95})))
    assert (opened.width, opened.height, opened.scale) == (4000, 3000, 4.0)
    assert opened.rgb.shape == (750, 1000, 3)
    averaged = cv2.resize(whole, (1000, 750), interpolation=cv2.INTER_AREA)
    assert difference(opened.rgb, averaged) < 2


def test_a_12_megapixel_jpeg_is_not_decoded_in_full():
    data = encode(rendered(4000, 3000), "JPEG", quality=90)

    def seconds(work: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(lambda: open_photo(data)) < 0.6 * seconds(lambda: Image.open(io.BytesIO(data)).load())


@pytest.mark.parametrize(("short", "reduced"), [(1499, 1499), (1500, 750), (2999, 1500), (3000, 750)])
def test_the_short_side_keeps_750_pixels(short, reduced):
    jpeg, png = (open_photo(encode(Image.new("RGB", (short, 3200), "tan"), kind)) for kind in ("JPEG", "PNG"))
    assert min(jpeg.rgb.shape[:2]) == min(png.rgb.shape[:2]) == reduced
    assert jpeg.rgb.shape == png.rgb.shape


def test_a_large_photo_on_its_side_is_reduced_and_turned():
    opened = open_photo(turned("JPEG", 6, rendered(1600, 3200), quality=95))
    assert (opened.width, opened.height) == (1600, 3200)
    assert opened.rgb.shape == (1600, 800, 3)
    assert difference(opened.rgb, cv2.resize(rendered(1600, 3200), (800, 1600), interpolation=cv2.INTER_AREA)) < 3


def test_transparent_pixels_do_not_bleed_into_a_reduced_copy():
    rgba = np.zeros((1500, 1500, 4), np.uint8)
    rgba[:, ::2] = (100, 50, 0, 255)  # every other column opaque, the others black but transparent
    assert open_photo(encode(rgba, "PNG")).rgb[9, 9].tolist() == [177, 152, 127]  # half the colour, half white


# A region


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_region_holds_the_full_size_pixels(kind):
    opened = open_photo(encode(rendered(1600, 1500), kind, **LOSSLESS[kind]), region=(300, 200, 900, 700))
    assert np.array_equal(opened.rgb, rendered(1600, 1500)[200:700, 300:900])
    assert (opened.width, opened.height, opened.scale) == (600, 500, 1.0)


def test_a_region_of_a_large_jpeg_is_decoded_in_full():
    opened = open_photo(encode(rendered(4000, 3000), "JPEG", quality=95), region=(900, 900, 1100, 1050))
    assert difference(opened.rgb, rendered(4000, 3000)[900:1050, 900:1100]) < 2


def test_a_region_is_given_in_upright_pixels():
    opened = open_photo(turned("PNG", 6, rendered()), region=(10, 20, 90, 60))
    assert np.array_equal(opened.rgb, rendered()[20:60, 10:90])


def test_a_region_is_clipped_to_the_picture():
    opened = open_photo(encode(rendered(), "PNG"), region=(-50, 60, 40, 999))
    assert np.array_equal(opened.rgb, rendered()[60:, :40])


@pytest.mark.parametrize("region", [(0, 0, 31, 100), (0, 0, 100, 31), (500, 500, 600, 600), (90, 90, 20, 20)])
def test_a_region_under_32_pixels_is_too_small(region):
    assert refusal(encode(rendered(), "PNG"), region=region) == "too_small_photo"


def test_a_region_of_32_pixels_is_enough():
    assert open_photo(encode(rendered(), "PNG"), region=(0, 0, 32, 32)).rgb.shape == (32, 32, 3)


# Animations


@pytest.mark.parametrize("kind", LOSSLESS)
def test_of_an_animation_the_first_frame_is_taken(kind):
    first, *others = (Image.new("RGB", (100, 100), colour) for colour in ("red", "green", "blue"))
    data = encode(first, kind, save_all=True, append_images=others, duration=100, **LOSSLESS[kind])
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert np.array_equal(open_photo(data).rgb, np.full((100, 100, 3), (255, 0, 0)))


# Real photographs


@pytest.mark.real_data
def test_real_photographs_open_as_opencv_decodes_them(shared_data):
    with (shared_data / "lesions.csv").open(encoding="utf-8") as file:
        files = [shared_data / row["file"] for row in csv.DictReader(file)][::95]
    assert len(files) >= 190
    for file in files:
        assert difference(open_photo(file).rgb, cv2.imread(str(file))[..., ::-1]) < 0.5, file.name
