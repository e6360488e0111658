"""Colours that a file states otherwise than by an ICC profile: the page's pixels are Python's, and the sRGB twin's."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image

from skin_model.assess import Assessor
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY
from tests.hostile import stated_colours
from tests.on_device.conftest import encoded
from tests.skin_model.pictures import colour_tags, encode, png_stating

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
    yield "gAMA under sRGB", png_stating(picture, gAMA=numbers(100_000), sRGB=b"\0")
    for kind, options in (("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True})):
        yield f"Adobe RGB in {kind}", encode(picture, kind, exif=colour_tags("R03", 65_535), **options)
        yield f"sRGB in {kind}", encode(picture, kind, exif=colour_tags("R98", 1), **options)


STATED = dict(stated())


@pytest.mark.parametrize("name", STATED)
def test_the_page_sees_the_pixels_that_python_sees(scripts, name):
    python = open_photo(STATED[name]).rgb
    page = np.frombuffer(base64.b64decode(scripts(PIXELS, encoded(STATED[name]))), np.uint8).reshape(python.shape)
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
