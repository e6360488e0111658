"""The page's answer is Python's, for the same file."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from skin_model.assess import Assessor
from skin_model.photo import PhotoRefused, open_photo
from tests import rendering
from tests.conftest import REPOSITORY
from tests.on_device.conftest import encoded

pytestmark = pytest.mark.browser

MOST_DIFFERENCE = 0.01
PIXEL = 1.0
"""By how much a spot's place and size may differ, in pixels of the working copy."""
A_SOURCE = 6
"""Real photographs of every source that are compared."""
RENDERED = sorted((REPOSITORY / "examples").glob("*.jpg"))
ASSESS = """async (folder, [file, region]) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    const found = await (await import(folder + "app.js")).assessFile(new File([bytes], "photo"), region);
    return { ...found, input: null, turned: null };
}"""

EXPLAIN = """async (folder, file) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    return Array.from(await (await import(folder + "app.js")).explainFile(new File([bytes], "photo")));
}"""


@pytest.fixture(scope="module")
def assessor():
    return Assessor.load()


@pytest.fixture(scope="module")
def in_browser(scripts):
    return lambda content, region=None: scripts(ASSESS, [encoded(content), region])


def in_python(assessor, content, region=None):
    """What the app would say of a photo, or of the part of it that a visitor chose."""
    try:
        photo = open_photo(content, region=region)
    except PhotoRefused as problem:
        return {"refused": problem.code, "risk": None}
    view = assessor.view(photo, chosen=region is not None)
    others = [[round(edge * photo.scale) for edge in square] for square in assessor.spot_squares(view)[1:]]
    return assessor.assess(photo, view).to_json("photo") | {"others": others, "scale": photo.scale}


def assert_agreement(page, python, thresholds):
    assert page["refused"] == python["refused"]
    if python["risk"] is None:
        return
    assert abs(page["risk"] - python["risk"]) <= MOST_DIFFERENCE
    assert_same_spot(page["located"], python["located"], python["scale"])
    borders = (thresholds.low, thresholds.high, thresholds.malignant_from, thresholds.benign_to)
    if all(abs(python["risk"] - threshold) > MOST_DIFFERENCE for threshold in borders):
        assert page["band"] == python["band"]


def assert_same_spot(page, python, scale):
    assert (page is None) == (python is None)
    if python is not None:
        assert abs(page["certainty"] - python["certainty"]) <= MOST_DIFFERENCE
        for side in ("x", "y", "width", "height"):
            assert abs(page[side] - python[side]) <= PIXEL * scale + 0.05  # which Python rounds off


def jpeg(picture, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", **{"quality": 92} | options)
    return file.getvalue()


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def large(width, height, name="tone-3-dermatoscope.jpg"):
    """A rendered photo with as many pixels, and the noise, of a phone's camera."""
    picture = cv2.cvtColor(cv2.imread(str(REPOSITORY / "examples" / name)), cv2.COLOR_BGR2RGB)
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 4, picture.shape[:2])[..., None]
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("file", RENDERED, ids=lambda file: file.name)
def test_a_rendered_photo_gets_pythons_answer(in_browser, assessor, file):
    page, python = in_browser(file.read_bytes()), in_python(assessor, file.read_bytes())
    assert_agreement(page, python, assessor.checkpoint.config.thresholds)
    assert page["problems"] == python["problems"]
    assert page["crop"] == python["crop"]
    for code, share in python["diagnoses"].items():
        assert abs(page["diagnoses"][code] - share) <= MOST_DIFFERENCE


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_gets_pythons_answer(in_browser, assessor, orientation):
    picture = np.asarray(Image.open(REPOSITORY / "examples" / "tone-4-uneven.jpg"))
    content = jpeg(picture, exif=turned(orientation))
    assert_agreement(in_browser(content), in_python(assessor, content), assessor.checkpoint.config.thresholds)


LARGER = [pytest.param(size, marks=pytest.mark.slow) for size in ((2016, 1512), (4032, 3024), (6016, 4512))]


@pytest.mark.parametrize("size", [(1600, 1200), *LARGER])
@pytest.mark.parametrize("name", ["tone-3-dermatoscope.jpg", "tone-4-uneven.jpg"])
def test_a_large_photo_that_python_decodes_reduced_gets_its_answer(in_browser, assessor, size, name):
    content = jpeg(large(*size, name), exif=turned(6))
    assert_agreement(in_browser(content), in_python(assessor, content), assessor.checkpoint.config.thresholds)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "L", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGB", {"quality": 90}),
        ("JPEG", "L", {}),
        ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    ],
)
def test_every_format_gets_pythons_answer(in_browser, assessor, kind, mode, options):
    picture = Image.open(REPOSITORY / "examples" / "tone-4-uneven.jpg").convert(mode)
    content = saved(picture, kind, **options)
    page, python = in_browser(content), in_python(assessor, content)
    assert_agreement(page, python, assessor.checkpoint.config.thresholds)
    assert page["problems"] == python["problems"]
    assert ("no_colour" in page["problems"]) == (mode == "L")


def small_jpeg(width, height):
    return jpeg(np.full((height, width, 3), 180, np.uint8))


EXAMPLE = (REPOSITORY / "examples" / "tone-1.jpg").read_bytes()
UNUSABLE = {
    "empty": b"",
    "text": b"This is not a picture at all, but a letter.",
    "gif": b"GIF89a" + bytes(100),
    "cut JPEG": EXAMPLE[: len(EXAMPLE) // 2],
    "JPEG filled up with zeros": EXAMPLE[: len(EXAMPLE) // 2] + bytes(len(EXAMPLE) // 2),
    "only a JPEG's beginning": b"\xff\xd8\xff",
    "cut PNG": saved(Image.new("RGB", (300, 300), "tan"), "PNG")[:-40],
    "cut WebP": saved(Image.new("RGB", (300, 300), "tan"), "WEBP", lossless=True)[:-10],
    "too small": small_jpeg(200, 95),
    "too elongated": small_jpeg(500, 120),
    "too many pixels": saved(Image.new("1", (7800, 7800)), "PNG"),
    "too large a file": EXAMPLE + bytes(20 * 1024 * 1024),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_python_refuses_the_page_refuses_for_the_same_reason(in_browser, assessor, name):
    refused = in_python(assessor, UNUSABLE[name])["refused"]
    assert refused is not None
    assert in_browser(UNUSABLE[name])["refused"] == refused


def test_a_picture_that_is_no_skin_is_refused_as_in_python(in_browser, assessor):
    y, x = np.mgrid[:400, :400]
    board = np.repeat((((x // 40 + y // 40) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    content = saved(Image.fromarray(board), "PNG")
    assert in_python(assessor, content)["refused"] == "not_skin"
    assert in_browser(content)["refused"] == "not_skin"


def test_a_mole_in_a_light_that_no_photograph_knows_is_refused_as_in_python(in_browser, assessor):
    hsv = cv2.cvtColor(open_photo(REPOSITORY / "examples" / "tone-1.jpg").rgb, cv2.COLOR_RGB2HSV).astype(int)
    green = np.clip(np.add(hsv, (60, 60, 0)) % (180, 512, 512), 0, 255).astype(np.uint8)
    content = jpeg(cv2.cvtColor(green, cv2.COLOR_HSV2RGB))
    assert in_python(assessor, content)["refused"] == "unfamiliar"
    assert in_browser(content)["refused"] == "unfamiliar"


def test_a_further_spot_is_offered_where_python_offers_it(in_browser, assessor):
    content = jpeg(rendering.two_moles())
    page, python = in_browser(content), in_python(assessor, content)
    assert len(python["others"]) == 1
    assert np.abs(np.subtract(page["spots"][1:], python["others"])).max() <= 2


PARTS = [(300, 200, 520, 420), (301, 211, 420, 330), (500, 100, 900, 300)]


@pytest.mark.parametrize("region", PARTS, ids=["with the mole", "small, at odd places", "over the edge"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_chosen_part_gets_pythons_answer(in_browser, assessor, region, orientation):
    content = jpeg(np.asarray(Image.open(REPOSITORY / "examples" / "tone-1.jpg")), exif=turned(orientation))
    page, python = in_browser(content, region), in_python(assessor, content, region)
    assert python["located"] is None
    assert_agreement(page, python, assessor.checkpoint.config.thresholds)


@pytest.mark.parametrize("region", [(901, 700, 1701, 1500), (301, 201, 2000, 1801)], ids=["in full", "reduced"])
def test_a_part_of_a_large_photo_gets_pythons_answer(in_browser, assessor, region):
    content = jpeg(large(2400, 1900, "tone-1.jpg"), exif=turned(3))
    page, python = in_browser(content, region), in_python(assessor, content, region)
    assert_agreement(page, python, assessor.checkpoint.config.thresholds)


def test_a_part_that_is_too_small_is_refused_as_in_python(in_browser, assessor):
    region = (100, 100, 131, 200)
    assert in_python(assessor, EXAMPLE, region)["refused"] == "too_small_photo"
    assert in_browser(EXAMPLE, region)["refused"] == "too_small_photo"


def test_a_heic_photo_that_the_browser_cannot_read_is_refused_with_a_way_out(in_browser):
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (300, 300), "tan")).save(file)
    assert in_browser(file.getvalue())["refused"] == "heic_unreadable"


@pytest.mark.parametrize("name", ["tone-4-uneven.jpg", "tone-3-dermatoscope.jpg"])
def test_the_colours_show_what_python_shows(scripts, assessor, name):
    content = (REPOSITORY / "examples" / name).read_bytes()
    python = assessor.heatmap(assessor.view(open_photo(content)))
    page = np.array(scripts(EXPLAIN, encoded(content)), np.float32).reshape(python.shape)
    assert np.abs(python).max() > 0.2
    assert np.abs(page - python).max() < 0.05


def chosen_photographs(shared_data: Path) -> list[Path]:
    """Of every source some, spread over its sorted files: always the same ones, whatever split is prepared."""
    sources = defaultdict(list)
    with (shared_data / "lesions.csv").open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            sources[row["source"]].append(shared_data / row["file"])
    chosen = []
    for _, files in sorted(sources.items()):
        files.sort()
        chosen += files[:: max(1, len(files) // A_SOURCE)][:A_SOURCE]
    return chosen


@pytest.mark.real_data
def test_real_photographs_of_every_source_get_pythons_answer(in_browser, assessor, shared_data):
    files = chosen_photographs(shared_data)
    assert len(files) >= 40
    largest, problems = 0.0, 0
    for file in files:
        content = file.read_bytes()
        page, python = in_browser(content), in_python(assessor, content)
        assert_agreement(page, python, assessor.checkpoint.config.thresholds)
        largest = max(largest, abs(page["risk"] - python["risk"]))
        problems += page["problems"] != python["problems"]
    print(f"{len(files)} photographs, largest difference {largest:.6f}, other hints on {problems}")
    assert problems == 0
