"""The rendered examples are what ``examples.json`` says of them."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from examples.render import FACTS, FOLDER, SCENES, render
from skin_model import border
from skin_model.assess import Assessor
from skin_model.photo import open_photo

EXAMPLES = json.loads(FACTS.read_text())
by_file = pytest.mark.parametrize("facts", EXAMPLES, ids=[facts["file"] for facts in EXAMPLES])


def picture(facts) -> np.ndarray:
    return open_photo(FOLDER / facts["file"]).rgb


def inside_outline(facts) -> np.ndarray:
    mask = np.zeros((facts["height"], facts["width"]), np.uint8)
    return cv2.fillPoly(mask, [np.round(facts["outline"]).astype(np.int32)], 1).astype(bool)


def test_every_skin_tone_is_there_with_hairs_a_circle_and_a_blurred_one():
    assert {facts["tone"] for facts in EXAMPLES} == {1, 2, 3, 4, 5, 6}
    assert sum(facts["circle"] is not None for facts in EXAMPLES) == 1
    assert any(len(facts["hairs"]) >= 10 for facts in EXAMPLES)
    assert any(facts["blur"] > 5 for facts in EXAMPLES)


def test_the_files_are_the_ones_that_are_listed_and_small():
    files = sorted(FOLDER.glob("*.jpg"))
    assert [f.name for f in files] == sorted(facts["file"] for facts in EXAMPLES)
    assert max(f.stat().st_size for f in files) < 200_000


def test_rendering_again_gives_the_same_picture_and_facts():
    scene = next(s for s in SCENES if s.name == "tone-3-dermatoscope")
    rgb, facts = render(scene)
    assert json.loads(json.dumps(facts)) == next(f for f in EXAMPLES if f["file"] == facts["file"])
    difference = np.abs(rgb.astype(int) - picture(facts))
    assert difference.mean() < 3  # JPEG


@by_file
def test_the_mole_is_darker_inside_its_outline_than_the_skin_around(facts):
    grey = cv2.cvtColor(picture(facts), cv2.COLOR_RGB2GRAY)
    inside = inside_outline(facts)
    size = max(3, round(0.3 * np.sqrt(inside.sum())))
    around = cv2.dilate(inside.astype(np.uint8), np.ones((size, size), np.uint8)).astype(bool) & ~inside
    assert np.median(grey[inside]) < 0.9 * np.median(grey[around])


def test_skin_gets_darker_from_tone_to_tone():
    brightness = {}
    for facts in EXAMPLES:
        if facts["circle"] is None:  # its dark rim is not skin
            grey = cv2.cvtColor(picture(facts), cv2.COLOR_RGB2GRAY)
            brightness.setdefault(facts["tone"], []).append(np.median(grey[~inside_outline(facts)]))
    for tone in range(1, 6):
        assert min(brightness[tone]) > max(brightness[tone + 1])


def test_hairs_lie_where_the_facts_say():
    facts = next(f for f in EXAMPLES if f["file"] == "tone-2-hairs.jpg")
    grey = cv2.cvtColor(picture(facts), cv2.COLOR_RGB2GRAY)
    around = cv2.medianBlur(grey, 31)
    darker = []
    for hair in facts["hairs"]:
        for x, y in hair["points"][:-2]:  # the tips are too thin to see
            if 0 <= round(x) < facts["width"] and 0 <= round(y) < facts["height"]:
                darker.append(int(around[round(y), round(x)]) - int(grey[round(y), round(x)]))
    assert len(darker) > 50
    assert np.mean(np.array(darker) > 20) > 0.9


@by_file
def test_the_dermatoscopes_circle_is_found_and_no_other(facts):
    found = border.find(picture(facts))
    if facts["circle"] is None:
        assert found is None
        return
    side = min(facts["width"], facts["height"])
    for name in ("x", "y", "radius"):
        assert getattr(found, name) == pytest.approx(facts["circle"][name], abs=0.03 * side)


def test_the_examples_do_not_all_get_the_same_answer():
    assessor = Assessor.load()
    assert len({assessor.assess(open_photo(FOLDER / facts["file"])).band for facts in EXAMPLES}) > 1
