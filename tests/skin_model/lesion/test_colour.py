"""Colour differences against the published test pairs and an independent implementation."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from skin_model.lesion import colour

SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]
"""From table 1 of Sharma, Wu & Dalal 2005."""


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_ciede2000_gives_the_published_values(first, second, expected):
    assert colour.ciede2000(first, second) == pytest.approx(expected, abs=1e-4)
    assert colour.ciede2000(second, first) == pytest.approx(expected, abs=1e-4)


def test_ciede2000_agrees_with_scikit_image():
    rng = np.random.default_rng(0)
    for _ in range(200):
        first, second = rng.uniform((0, -90, -90), (100, 90, 90), (2, 3))
        assert colour.ciede2000(first, second) == pytest.approx(float(deltaE_ciede2000(first, second)), abs=1e-6)


def test_a_colour_does_not_differ_from_itself_nor_grey_from_grey_in_hue():
    assert colour.ciede2000((40, 10, 20), (40, 10, 20)) == 0
    assert colour.ciede2000((50, 0, 0), (50, 0, 0)) == 0


def test_lab_agrees_with_scikit_image():
    rgb = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    assert colour.lab(rgb) == pytest.approx(rgb2lab(rgb[None] / 255)[0], abs=0.3)


def test_encoding_undoes_linear_light():
    values = np.arange(256.0)
    assert colour.encoded(colour.linear(values)) == pytest.approx(values, abs=1e-9)
