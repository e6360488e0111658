"""Colours that a file states, and how it says that it lies: the page's pixels are Python's, and the sRGB twin's."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from PIL import Image

from skin_model.assess import Assessor
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY
from tests.hostile import stated_colours
from tests.on_device.conftest import encoded
from tests.skin_model.pictures import (
    NEAR_LOSSLESS,
    colour_tags,
    encode,
    grey_profile,
    png_stating,
    profile_stating,
    rendered,
    with_png_chunks,
)

pytestmark = pytest.mark.browser

CASES = REPOSITORY.parent / "shared/cases/colours-told-without-an-icc-profile"
MOST_DIFFERENCE = 0.01
PIXELS = """async (folder, file) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    const { openPhoto } = await import(folder + "path/photo.js");
    const limits = (await (await fetch(folder + "config.json")).json()).photo;
    const { rgb } = await openPhoto(new File([bytes], "photo"), limits);
    let text = "";
    for (let i = 0; i < rgb.data.length; i += 8192) text += String.fromCharCode(...rgb.data.subarray(i, i + 8192));
    return btoa(text);
}"""
RISK = """async (folder, file) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    return (await (await import(folder + "app.js")).assessFile(new File([bytes], "photo"))).risk;
}"""
ADOBE_PLACES = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)


def numbers(*values):
    return b"".join(value.to_bytes(4, "big") for value in values)


def stated():
    picture = Image.open(REPOSITORY / "examples" / "tone-4-uneven.jpg").convert("RGB").crop((200, 150, 600, 450))
    for name, codes in stated_colours.CODES.items():
        yield name, png_stating(picture, cICP=bytes(codes))
    for gamma in (45_455, 55_556, 100_000):
        yield f"gAMA {gamma}", png_stating(picture, gAMA=numbers(gamma))
        places = {"gAMA": numbers(gamma), "cHRM": numbers(*ADOBE_PLACES)}
        yield f"gAMA {gamma}, cHRM", png_stating(picture, **places)
    plain, linear = encode(picture, "PNG"), numbers(100_000)
    for gamma in (44_000, 45_000):
        yield f"gAMA {gamma}", png_stating(picture, gAMA=numbers(gamma))
    for name, content in (("no zlib", b"x\0\0no zlib"), ("no profile", b"x\0\0" + zlib.compress(b"no profile" * 20))):
        yield f"gAMA beside {name}", with_png_chunks(plain, iCCP=content, gAMA=linear)
    for kind, options in (("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True})):
        for primaries, transfer in ((1, 13), (9, 16), (12, 18)):
            stated = {"icc_profile": profile_stating(primaries, transfer, 0, 1), **options}
            yield f"profile of transfer {transfer} in {kind}", encode(picture, kind, **stated)
        tagged = {"exif": colour_tags("R03", 65_535), **options}
        yield f"Adobe RGB beside no profile in {kind}", encode(picture, kind, icc_profile=b"none" * 40, **tagged)
        yield (
            f"profile beside Adobe RGB in {kind}",
            encode(picture, kind, icc_profile=profile_stating(1, 13, 0, 1), **tagged),
        )
    tagged = encode(picture, "JPEG", exif=colour_tags("R03", 65_535), quality=95)
    yield "Adobe RGB behind padding", tagged[:2] + b"\xff\xff" + tagged[2:]
    yield "Adobe RGB beside half a profile", tagged[:2] + b"\xff\xe2\0\x13ICC_PROFILE\0\1\2abc" + tagged[2:]
    yield "linear grey profile", encode(picture.convert("L"), "PNG", icc_profile=grey_profile(1))
    yield "gAMA under sRGB", png_stating(picture, gAMA=numbers(100_000), sRGB=b"\0")
    for kind, options in (("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True})):
        yield f"Adobe RGB in {kind}", encode(picture, kind, exif=colour_tags("R03", 65_535), **options)
        yield f"sRGB in {kind}", encode(picture, kind, exif=colour_tags("R98", 1), **options)


STATED = dict(stated())


def pixels(scripts, content):
    """(H, W, 3) as the page sees a file that Python sees in this shape."""
    python = open_photo(content).rgb
    return np.frombuffer(base64.b64decode(scripts(PIXELS, encoded(content))), np.uint8).reshape(python.shape), python


@pytest.mark.parametrize("name", STATED)
def test_the_page_sees_the_pixels_that_python_sees(scripts, name):
    page, python = pixels(scripts, STATED[name])
    assert np.abs(page.astype(int) - python).max() <= 1


def lying(orientation, kind, **options):
    """A file of 200 × 160 pixels, no two corners alike, with this orientation in its tags."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(rendered(200, 160), kind, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_says_how_it_lies_is_turned_as_in_python(scripts, kind, orientation):
    page, python = pixels(scripts, lying(orientation, kind, **NEAR_LOSSLESS[kind]))
    assert np.abs(page.astype(int) - python).max() <= 1


def test_tags_behind_a_pngs_pixels_and_beside_other_colours_turn_it_too(scripts):
    tagged = lying(6, "PNG")
    start = tagged.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(tagged[start : start + 4], "big")
    behind = tagged[:start] + tagged[end:-12] + tagged[start:end] + tagged[-12:]
    stated = lying(6, "WEBP", lossless=True, icc_profile=profile_stating(9, 16, 0, 1))
    for content in (behind, with_png_chunks(tagged, cICP=bytes((12, 13, 0, 1))), stated):
        page, python = pixels(scripts, content)
        assert python.shape == (200, 160, 3)
        assert np.abs(page.astype(int) - python).max() <= 1


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
def test_a_photo_in_other_colours_gets_the_answer_of_its_srgb_twin(scripts):
    assessor = Assessor.load()
    twin = assessor.assess(open_photo(REPOSITORY / "examples" / "tone-4-uneven.jpg"))
    for file in sorted(CASES.glob("*.*")):
        if file.suffix == ".md":
            continue
        found = assessor.assess(open_photo(file))
        assert abs(found.risk - twin.risk) <= MOST_DIFFERENCE and found.band == twin.band, file.name
        if file.suffix != ".heic":  # which Chromium does not open
            assert abs(scripts(RISK, encoded(file.read_bytes())) - found.risk) <= MOST_DIFFERENCE, file.name
