"""Training images: decoded once, and which photographs an epoch draws."""

import numpy as np
import pandas as pd
import pytest

from skin_model.network.preprocessing import Preprocessing
from tests.train.rendered_lesions import write_work
from train import UserError
from train.data.images import EpochSampler, load_squares


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
