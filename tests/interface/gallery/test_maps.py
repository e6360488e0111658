"""The map of a case: a line round what raised the risk, and colours to lie over the photograph."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from interface.gallery import maps
from interface.gallery.cases import Case, Details

DETAILS = Details(200, 100, (50, 0, 150, 100), heat=np.array([[0, 0], [0, 1]], np.float32))


def case(details: Details | None) -> Case:
    texts = dict.fromkeys(("source", "group", "modality", "site", "sex", "fitzpatrick", "diagnosis"), "")
    texts |= dict.fromkeys(("confirmed_by", "licence", "attribution", "band", "refused"), "")
    return Case(image_id="x", age=None, malignant=True, risk=0.5, diagnoses=None, details=details, **texts)


def points(path: str) -> np.ndarray:
    pairs = path.replace("M", "L").replace("Z", "").strip("L").split("L")
    return np.array([[float(number) for number in pair.split()] for pair in pairs])


def test_the_line_lies_in_the_warm_corner_of_the_crops_square():
    drawn = maps.lines(case(DETAILS))
    assert (drawn.width, drawn.height, drawn.square) == (200, 100, (50, 0, 100, 100))
    found = points(drawn.path)
    # The square's lower right quarter is x in 100…150 and y in 50…100.
    assert (found > (98, 48)).all()
    assert (found <= (150, 100)).all()


def test_the_line_lies_in_the_square_that_the_gallery_names():
    drawn = maps.lines(case(replace(DETAILS, square=(60, 10, 100, 50))))
    assert drawn.square == (60, 10, 40, 40)
    assert (points(drawn.path) > (79, 29)).all()
    assert (points(drawn.path) <= (100, 50)).all()


def test_an_empty_map_has_no_line_and_no_colours():
    empty = case(replace(DETAILS, heat=np.zeros((7, 7), np.float32)))
    assert maps.lines(empty).path == ""
    assert maps.colours(empty) == ""


@pytest.mark.parametrize("details", [None, replace(DETAILS, heat=None)])
def test_without_a_map_nothing_is_drawn(details):
    assert maps.lines(case(details)) is None
    assert maps.colours(case(details)) == ""


def test_where_it_is_cold_the_photograph_shows_through():
    content = base64.b64decode(maps.colours(case(DETAILS)).partition(",")[2])
    opacity = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)[..., 3]
    assert opacity[0, 0] < 5
    assert opacity[-1, -1] > 250
