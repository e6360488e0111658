"""Training images: what augmentation may and may not do, and which photographs an epoch draws."""

import numpy as np
import pandas as pd
import pytest

from skin_model.network import Preprocessing, square_input
from tests.train.rendered_lesions import render_lesion, write_work
from train import UserError
from train.images import EpochSampler, augment, load_squares
from train.recipes import NO_AUGMENTATION, RECIPES, Augmentation

SQUARE = render_lesion(True, np.random.default_rng(0))


def test_without_changes_the_picture_is_what_the_app_would_see():
    picture = augment(SQUARE, 64, NO_AUGMENTATION, np.random.default_rng(0))
    assert np.array_equal(picture, square_input(SQUARE, 64))


def test_the_seed_alone_decides_the_picture():
    changes = RECIPES["released"].augmentation
    first, again, other = (augment(SQUARE, 64, changes, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_change_keeps_shape_and_type():
    always = Augmentation(soft=1, jpeg=1, noise=1, dark_corners=1, tint=0.1, gamma=0.2)
    for seed in range(20):
        picture = augment(SQUARE, 64, always, np.random.default_rng(seed))
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8


def test_a_lesion_in_the_middle_stays_in_view():
    changes = RECIPES["released"].augmentation
    shares = [
        (augment(SQUARE, 64, changes, np.random.default_rng(seed)).mean(axis=2) < 110)[16:48, 16:48].mean()
        for seed in range(50)
    ]
    assert min(shares) > 0.2


def test_dark_corners_darken_the_corners_and_leave_the_middle():
    only = Augmentation(**{**NO_AUGMENTATION.__dict__, "dark_corners": 1.0})
    bright = np.full((96, 96, 3), 200, np.uint8)
    pictures = [augment(bright, 64, only, np.random.default_rng(seed)) for seed in range(20)]
    assert all(np.all(p[28:36, 28:36] == 200) for p in pictures)
    assert np.mean([p[0, 0].mean() for p in pictures]) < 100


def test_turning_keeps_colours():
    only = Augmentation(**{**NO_AUGMENTATION.__dict__, "rotation": 180.0})
    turned = augment(SQUARE, 64, only, np.random.default_rng(3))
    assert turned.reshape(-1, 3).mean(axis=0) == pytest.approx(SQUARE.reshape(-1, 3).mean(axis=0), abs=4)


def test_an_epoch_without_weights_shows_every_photograph_once():
    sampler = EpochSampler(10, 10, seed=0)
    assert sorted(index for index, _ in sampler) == list(range(10))


def test_two_epochs_differ_and_each_repeats_itself():
    sampler = EpochSampler(10, 10, seed=0)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert second != first


def test_a_weight_of_zero_is_never_drawn_and_a_triple_weight_three_times_as_often():
    drawn = [index for index, _ in EpochSampler(3, 4000, seed=0, weights=np.array([0.0, 1.0, 3.0]))]
    assert drawn.count(0) == 0
    assert drawn.count(2) / drawn.count(1) == pytest.approx(3, rel=0.1)


def test_decoded_squares_are_kept_and_found_again(tmp_path):
    work = write_work(tmp_path, training=4, validation=2)
    rows = pd.read_csv(work / "split.csv")
    first = load_squares(rows, Preprocessing(), work / "cache", 64)
    (kept,) = (work / "cache").glob("*.npy")
    changed = kept.stat().st_mtime_ns
    again = load_squares(rows, Preprocessing(), work / "cache", 64)
    assert first.shape == (6, 64, 64, 3)
    assert np.array_equal(first, again)
    assert kept.stat().st_mtime_ns == changed


def test_a_photograph_that_cannot_be_decoded_is_named(tmp_path):
    work = write_work(tmp_path, training=4, validation=2)
    (tmp_path / "data" / "images" / "3.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"3\.png cannot be decoded"):
        load_squares(pd.read_csv(work / "split.csv"), Preprocessing(), work / "cache", 64)
