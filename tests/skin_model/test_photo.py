"""Rules of the gate: what it opens, what it refuses and in which words, and that nothing else can come out."""

from __future__ import annotations

import csv
import io
import os
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile
from pillow_heif import HeifImageFile

from skin_model import photo
from skin_model.photo import Photo, PhotoRefused, open_photo
from skin_model.wording import sentence


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


# Refusals


def test_every_refusal_says_its_own_sentence():
    refusals = PhotoRefused.__subclasses__()
    codes = {kind.code for kind in refusals}
    assert codes == {
        "empty_file", "damaged_file", "unsupported_format", "file_too_large",
        "too_many_pixels", "too_small_photo", "too_elongated",
    }  # fmt: skip
    assert all(str(kind()) == sentence(f"refused.{kind.code}") for kind in refusals)


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        (photo.FileTooLarge, [f"{photo.MAX_BYTES // 2**20} MB"]),
        (photo.TooManyPixels, [f"{photo.MAX_PIXELS // 10**6} megapixels"]),
        (photo.TooSmall, [f"{photo.MIN_SHORT_SIDE} pixels", f"at least {photo.MIN_REGION_SIDE}"]),
        (photo.TooElongated, [f"{photo.MAX_ASPECT} times"]),
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
    # A PNG whose last pixel is there is complete; what follows it are checksums and its end mark.
    last = len(whole) - 32 if name == "PNG" else len(whole) - 1
    for length in {*range(12, last, max(1, last // 60)), last}:
        assert refusal(whole[:length]) == "damaged_file", length


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
        assert opened.width * opened.height <= photo.MAX_PIXELS


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", b"\0\0\0\x18ftypheic", b""]),
    st.binary(max_size=200),
)
def test_random_bytes_behind_a_true_beginning_are_refused(beginning, rest):
    assert refusal(beginning + rest) in {"damaged_file", "unsupported_format", "empty_file"}


# Real photographs


@pytest.mark.real_data
def test_real_photographs_open_as_opencv_decodes_them(shared_data):
    with (shared_data / "lesions.csv").open(encoding="utf-8") as file:
        files = [shared_data / row["file"] for row in csv.DictReader(file)][::95]
    assert len(files) >= 190
    for file in files:
        assert difference(open_photo(file).rgb, cv2.imread(str(file))[..., ::-1]) < 0.5, file.name
