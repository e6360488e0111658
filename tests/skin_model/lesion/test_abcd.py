"""The four measures on shapes whose numbers are worked out by hand."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from skin_model.lesion import abcd
from skin_model.lesion.outline import Outline

SKIN, LIGHT, DARK = (226, 186, 163), (180, 125, 95), (105, 66, 50)


def grid(height=400, width=400):
    """x and y of every pixel's middle, from the picture's middle."""
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    return x, y


def ellipse(a, b, angle=0.0, size=400):
    x, y = grid(size, size)
    across, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return (across / a) ** 2 + (down / b) ** 2 <= 1


def half_disc(radius=120, angle=0.4):
    x, y = grid()
    return (np.hypot(x, y) <= radius) & (y * np.cos(angle) - x * np.sin(angle) >= 0)


def painted(mask, lesion=LIGHT):
    rgb = np.full((*mask.shape, 3), SKIN, np.uint8)
    rgb[mask] = lesion
    return rgb


def measured(rgb, mask):
    return abcd.measure(rgb, Outline.of_mask(mask))


@pytest.mark.parametrize("mask", [ellipse(100, 100), ellipse(150, 75, 0.6), ellipse(60, 20, 1.2)])
def test_discs_and_ellipses_are_symmetric_however_they_lie(mask):
    assert abcd.asymmetry(mask) < 0.02


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.9, 3.0])
def test_a_half_discs_asymmetry_is_what_the_integral_says(angle):
    # One axis mirrors it onto itself. About the other, through the centroid c = 4 / (3 π) above the flat side of a unit
    # half disc, the part covered is 2 c wide where the arc is higher than 2 c and 2 (arc - c) where it is above c:
    # 1.2796 of π / 2. So 0.1854 is missed about one axis and nothing about the other.
    assert abcd.asymmetry(half_disc(angle=angle)) == pytest.approx(0.1854 / 2, abs=0.008)


def test_asymmetry_does_not_depend_on_the_photos_size():
    small = ellipse(20, 20, size=100) & (grid(100, 100)[1] > 0)
    assert abcd.asymmetry(small) == pytest.approx(abcd.asymmetry(half_disc(angle=0.0)), abs=0.02)


def test_a_discs_border_is_one_at_any_size():
    for radius in (12, 40, 150):
        assert abcd.compactness(ellipse(radius, radius)) == pytest.approx(1, abs=0.015)


def test_an_ellipse_of_two_to_one_has_its_own_compactness():
    # Axes 2 and 1: perimeter 9.6884 (complete elliptic integral), area 2 π: 9.6884² / (8 π²) = 1.1888.
    assert abcd.compactness(ellipse(160, 80, 0.3)) == pytest.approx(1.1888, abs=0.02)


def test_a_notched_border_is_more_irregular_than_a_smooth_one():
    x, y = grid()
    angle = np.arctan2(y, x)
    gentle, deep = (np.hypot(x, y) <= 120 * (1 + depth * np.cos(8 * angle)) for depth in (0.05, 0.15))
    assert abcd.compactness(ellipse(120, 120)) + 0.03 < abcd.compactness(gentle) < abcd.compactness(deep) - 0.2


def test_two_colours_in_equal_halves_spread_by_half_their_distance():
    mask = ellipse(100, 100)
    rgb = painted(mask)
    rgb[mask & (grid()[0] > 0)] = DARK
    light, dark = rgb2lab(np.array([[LIGHT, DARK]]) / 255)[0]
    assert measured(rgb, mask).colour_spread == pytest.approx(np.linalg.norm(light - dark) / 2, rel=0.04)


def test_a_lesion_of_one_colour_spreads_by_nothing():
    mask = ellipse(100, 100)
    assert measured(painted(mask), mask).colour_spread < 0.01


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        (LIGHT, "light_brown"),
        (DARK, "dark_brown"),
        ((190, 80, 80), "red"),
        ((100, 108, 125), "blue_grey"),
        ((28, 22, 24), "black"),
        ((245, 240, 238), "white"),
    ],
)
def test_each_of_the_six_colours_is_told(rgb, name):
    mask = ellipse(100, 100)
    assert measured(painted(mask, rgb), mask).colours == (name,)


def test_two_colours_are_both_named_in_the_rules_order():
    mask = ellipse(100, 100)
    rgb = painted(mask, DARK)
    rgb[mask & (grid()[0] > 0)] = LIGHT
    assert measured(rgb, mask).colours == ("light_brown", "dark_brown")


def test_a_colour_on_less_than_a_twentieth_does_not_count():
    mask = ellipse(100, 100)
    rgb = painted(mask)
    rgb[ellipse(20, 20)] = DARK  # 4 %
    assert measured(rgb, mask).colours == ("light_brown",)
    rgb[ellipse(30, 30)] = DARK  # 9 %
    assert measured(rgb, mask).colours == ("light_brown", "dark_brown")


def test_pink_light_does_not_turn_brown_to_red():
    mask = ellipse(100, 100)
    plain = painted(mask, LIGHT)
    pink = np.clip(plain * np.array([1.0, 0.68, 0.9]), 0, 255).astype(np.uint8)
    assert measured(pink, mask).colours == measured(plain, mask).colours == ("light_brown",)
    assert abcd.present(rgb2lab(pink[mask][:1] / 255.0)) == ("red",)


def test_white_counts_only_where_it_is_lighter_than_the_skin():
    mask = ellipse(100, 100)
    rgb = np.full((400, 400, 3), (240, 228, 222), np.uint8)
    rgb[mask] = (230, 222, 218)
    assert "white" not in measured(rgb, mask).colours


def test_the_diameter_is_a_share_of_the_shorter_side():
    x, y = grid(200, 400)
    mask = (x / 80) ** 2 + (y / 40) ** 2 <= 1
    assert measured(painted(mask), mask).diameter == pytest.approx(160 / 200, abs=0.01)


def test_a_lesion_that_a_side_of_the_photo_cuts_says_so():
    whole, cut = ellipse(100, 100), ellipse(220, 100)
    assert not measured(painted(whole), whole).is_cut
    assert measured(painted(cut), cut).is_cut


def test_an_outline_of_another_array_is_refused():
    with pytest.raises(ValueError, match="pixels"):
        abcd.measure(np.zeros((10, 10, 3), np.uint8), Outline.of_mask(ellipse(100, 100)))
