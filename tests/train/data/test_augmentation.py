"""Augmentation: what it may change of a photograph and what it may not."""

from dataclasses import replace

import numpy as np
import pytest

from skin_model.network.preprocessing import square_input
from tests.train.rendered_lesions import render_lesion
from train.data.augmentation import NO_AUGMENTATION, Augmentation, augment
from train.fitting.recipes import RECIPES

SQUARE = render_lesion(True, np.random.default_rng(0))
ALL_DRAWN = dict.fromkeys(("melanin", "phone", "hairs", "ruler", "ink", "cutout"), 1.0)
SKIN = np.full((96, 96, 3), (220, 170, 140), np.uint8)


def only(**changes):
    return replace(NO_AUGMENTATION, **changes)


def drawn(picture, changes, seeds, size=96):
    return [augment(picture, size, changes, np.random.default_rng(seed)) for seed in range(seeds)]


def test_without_changes_the_picture_is_what_the_app_would_see():
    picture = augment(SQUARE, 64, NO_AUGMENTATION, np.random.default_rng(0))
    assert np.array_equal(picture, square_input(SQUARE, 64))


def test_the_seed_alone_decides_the_picture():
    changes = RECIPES["single-run"].augmentation
    first, again, other = (augment(SQUARE, 64, changes, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_change_keeps_shape_and_type():
    always = Augmentation(soft=1, jpeg=1, noise=1, dark_corners=1, tint=0.1, gamma=0.2, hue=10, **ALL_DRAWN)
    for seed in range(20):
        picture = augment(SQUARE, 64, always, np.random.default_rng(seed))
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8


def test_a_lesion_in_the_middle_stays_in_view():
    changes = RECIPES["single-run"].augmentation
    shares = [
        (augment(SQUARE, 64, changes, np.random.default_rng(seed)).mean(axis=2) < 110)[16:48, 16:48].mean()
        for seed in range(50)
    ]
    assert min(shares) > 0.2


def test_dark_corners_darken_the_corners_and_leave_the_middle():
    bright = np.full((96, 96, 3), 200, np.uint8)
    pictures = [augment(bright, 64, only(dark_corners=1.0), np.random.default_rng(seed)) for seed in range(20)]
    assert all(np.all(p[28:36, 28:36] == 200) for p in pictures)
    assert np.mean([p[0, 0].mean() for p in pictures]) < 100


def test_turning_keeps_colours():
    turned = augment(SQUARE, 64, only(rotation=180.0), np.random.default_rng(3))
    assert turned.reshape(-1, 3).mean(axis=0) == pytest.approx(SQUARE.reshape(-1, 3).mean(axis=0), abs=4)


def test_a_change_that_is_off_leaves_the_random_numbers_of_the_others_alone():
    first = RECIPES["first-release"].augmentation
    rng, other = np.random.default_rng(4), np.random.default_rng(4)
    augment(SQUARE, 64, replace(first, hairs=0.0), rng)
    augment(SQUARE, 64, replace(first, hairs=0.0, cutout=0.0), other)
    assert rng.bit_generator.state == other.bit_generator.state


def test_turning_the_hue_keeps_the_sum_of_the_channels():
    for turned in drawn(SKIN, only(hue=12.0), 10):
        assert int(turned[0, 0].sum()) == pytest.approx(530, abs=2)
    assert any(abs(int(turned[0, 0, 1]) - 170) > 3 for turned in drawn(SKIN, only(hue=12.0), 10))


def test_melanin_takes_more_blue_than_green_and_more_green_than_red():
    for darker in drawn(SKIN, only(melanin=1.0), 20):
        red, green, blue = darker[0, 0] / np.array([220, 170, 140])
        assert blue < green < red < 1


def test_melanin_keeps_the_order_of_light_and_dark():
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8), 64).reshape(64, 64)
    for darker in drawn(np.dstack([ramp] * 3), only(melanin=1.0), 20, size=64):
        assert np.all(np.diff(darker[:, 0].astype(int), axis=0) >= 0)


def test_hairs_are_thin_and_leave_most_of_the_skin():
    for hairy in drawn(SKIN, only(hairs=1.0), 20):
        touched = np.any(hairy != SKIN, axis=2).mean()
        assert 0 < touched < 0.35


def test_a_ruler_lies_along_one_edge_and_leaves_the_middle():
    edges = set()
    for marked in drawn(SKIN, only(ruler=1.0), 30):
        touched = np.any(marked != SKIN, axis=2)
        assert touched.any()
        assert not touched[24:72, 24:72].any()
        strips = {"top": touched[:20], "bottom": touched[-20:], "left": touched[:, :20], "right": touched[:, -20:]}
        edges.add(max(strips, key=lambda name: strips[name].sum()))
    assert edges == {"top", "bottom", "left", "right"}


def test_ink_is_bluer_than_skin_and_never_brightens():
    for inked in drawn(SKIN, only(ink=1.0), 20):
        assert np.all(inked <= SKIN)
    stained = np.concatenate([p[np.any(p != SKIN, axis=2)] for p in drawn(SKIN, only(ink=1.0), 20)]).mean(axis=0)
    assert stained[0] / 220 < stained[2] / 140


def test_cutout_hides_one_square_of_a_tenth_to_a_third_of_the_side():
    for cut in drawn(SQUARE, only(cutout=1.0), 10, size=SQUARE.shape[0]):
        rows, columns = np.nonzero(np.any(cut != SQUARE, axis=2))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert max(height, width) <= 0.35 * len(SQUARE)
        assert (
            len(np.unique(cut[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].reshape(-1, 3), axis=0))
            < 5
        )


def test_a_phone_changes_the_light_from_side_to_side():
    slopes = [np.ptp(p.astype(float).mean(axis=(1, 2))) for p in drawn(SKIN, only(phone=1.0), 20)]
    assert max(slopes) > 15
