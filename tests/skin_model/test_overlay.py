"""The overlay touches only what it may, and shows no more than the map holds."""

import numpy as np
import pytest

from skin_model.overlay import NOTICEABLE, RAISED, opacity, overlay


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


BOX = (20, 10, 60, 50)


def test_strength_0_returns_the_photo_unchanged(photo):
    np.testing.assert_array_equal(overlay(photo, np.ones((7, 7)), BOX, 0), photo)


def test_the_overlay_changes_nothing_outside_the_box_and_something_inside(photo):
    drawn = overlay(photo, np.ones((7, 7), np.float32), BOX, 0.5)

    changed = (drawn != photo).any(2)
    inside = np.zeros((60, 90), bool)
    inside[10:50, 20:60] = True
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.99


def test_the_overlay_leaves_its_arguments_alone(photo):
    before = photo.copy()

    overlay(photo, np.ones((7, 7)), BOX, 1)

    np.testing.assert_array_equal(photo, before)


def test_full_strength_paints_what_raised_the_risk_most_orange(photo):
    drawn = overlay(photo, np.ones((7, 7)), BOX, 1)

    assert tuple(drawn[30, 40]) == RAISED


def test_what_lowered_the_risk_is_blue_and_paler(photo):
    # 60 % of (37, 99, 235) over 40 % of white: 124.2, 161.4, 243.
    white = np.full_like(photo, 255)

    drawn = overlay(white, -np.ones((7, 7)), BOX, 1)

    np.testing.assert_allclose(drawn[30, 40], (124, 161, 243), atol=1)


def test_a_cold_map_leaves_the_photo_as_it_is(photo):
    np.testing.assert_array_equal(overlay(photo, np.zeros((7, 7)), BOX, 1), photo)


def test_half_strength_lies_halfway_between_photo_and_full_strength(photo):
    heat = np.ones((7, 7))
    half, full = overlay(photo, heat, BOX, 0.5), overlay(photo, heat, BOX, 1)

    halfway = (photo.astype(float) + full) / 2
    assert np.abs(half - halfway).max() <= 1


def test_a_warm_corner_is_drawn_in_that_corner_of_the_box(photo):
    heat = np.zeros((4, 4))
    heat[0, 3] = 1

    changed = (overlay(photo, heat, BOX, 1) != photo).any(2)

    rows, columns = np.nonzero(changed)
    assert rows.min() == 10 and rows.max() < 30
    assert columns.min() >= 40 and columns.max() == 59


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(photo, strength):
    with pytest.raises(ValueError, match="strength"):
        overlay(photo, np.ones((7, 7)), BOX, strength)


def test_a_box_outside_the_photo_is_refused(photo):
    with pytest.raises(ValueError, match="inside the photo"):
        overlay(photo, np.ones((7, 7)), (60, 10, 100, 50))


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_said_to_have_counted_covers_a_tenth_of_the_photo_at_the_usual_strength(sign):
    assert opacity(np.array([sign * NOTICEABLE]), 0.5) >= 0.1
