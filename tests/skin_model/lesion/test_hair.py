"""Hairs are found and painted over; lesions stay."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from skin_model.lesion import hair
from tests import rendering

SIZES = ((256, 256), (256, 341), (600, 800))
DARK, LIGHT = (40, 28, 24), (226, 214, 198)


def _hairy_lesion(
    rng: np.random.Generator, height: int, width: int, colour: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo, its hairs' mask, and the same photo without them."""
    short = min(height, width)
    tones = rendering.SKIN_TONES[:4] if colour == DARK else rendering.SKIN_TONES[2:]
    picture = rendering.skin(height, width, rng, tones[rng.integers(len(tones))])
    spot = rendering.lesion_mask(height, width, rng, x=width / 2, y=height / 2, radius=0.25 * short, edge=0.03 * short)
    picture = rendering.add_lesion(picture, spot, rng, darkness=rng.uniform(0.3, 0.6))
    hairy, truth = rendering.add_hairs(
        picture, rng, count=int(rng.integers(5, 25)), thickness=short * rng.uniform(0.006, 0.014), colour=colour
    )
    return rendering.photograph(hairy, rng), truth, rendering.photograph(picture, rng)


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    return 2 * np.count_nonzero(found & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colour", [DARK, LIGHT], ids=["dark", "light"])
def test_rendered_hairs_are_found(colour: tuple[int, int, int], size: tuple[int, int], capsys) -> None:
    scores = []
    for i in range(6):
        picture, truth, _ = _hairy_lesion(np.random.default_rng([1, i]), *size, colour)
        scores.append(_dice(hair.mask(picture), truth))
    with capsys.disabled():
        good = sum(score >= 0.7 for score in scores)
        print(f"\nDice of hairs: mean {np.mean(scores):.2f}, at least 0.7 in {good} of {len(scores)}")
    assert np.mean(scores) >= 0.7


@pytest.mark.parametrize("tone", range(len(rendering.SKIN_TONES)))
@pytest.mark.parametrize("mottled", [0.15, 0.4])
def test_a_lesion_without_hair_stays(tone: int, mottled: float) -> None:
    rng = np.random.default_rng([2, tone])
    spot = rendering.lesion_mask(256, 341, rng, x=170, y=128, radius=75, edge=5)
    picture = rendering.skin(256, 341, rng, rendering.SKIN_TONES[tone])
    photo = rendering.photograph(rendering.add_lesion(picture, spot, rng, darkness=0.6, mottled=mottled), rng)
    inside = spot > 0.5
    assert np.mean(hair.mask(photo)[inside]) < 0.02
    change = hair.remove(photo)[inside].mean(axis=0) - photo[inside].mean(axis=0)
    assert np.abs(change).max() < 1.0


def test_skin_without_hair_is_untouched() -> None:
    photo = rendering.photograph(rendering.skin(256, 256, np.random.default_rng(3)), np.random.default_rng(3))
    assert np.mean(hair.mask(photo)) < 0.005


def test_round_dots_are_not_hairs() -> None:
    rng = np.random.default_rng(4)
    photo = rendering.photograph(rendering.skin(256, 256, rng), rng)
    for x, y in rng.uniform(10, 246, (40, 2)):
        cv2.circle(photo, (int(x), int(y)), 3, (60, 40, 35), -1, cv2.LINE_AA)
    assert np.mean(hair.mask(photo)) < 0.005


@pytest.mark.parametrize("colour", [DARK, LIGHT], ids=["dark", "light"])
def test_removing_hairs_brings_back_most_of_what_they_hide(colour: tuple[int, int, int]) -> None:
    before, after = [], []
    for i in range(6):
        picture, truth, bald = _hairy_lesion(np.random.default_rng([5, i]), 256, 341, colour)
        cleaned = hair.remove(picture)
        assert cleaned.shape == picture.shape
        assert cleaned.dtype == np.uint8
        before.append(np.abs(picture.astype(float) - bald)[truth].mean())
        after.append(np.abs(cleaned.astype(float) - bald)[truth].mean())
    assert np.mean(after) < 0.4 * np.mean(before)


def test_removing_leaves_the_photo_it_was_given_alone() -> None:
    picture, _, _ = _hairy_lesion(np.random.default_rng(6), 256, 256, DARK)
    kept = picture.copy()
    hair.remove(picture)
    assert np.array_equal(picture, kept)


def test_time_of_removal_is_told(capsys) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for height, width in ((256, 341), (750, 1000)):
            picture, _, _ = _hairy_lesion(np.random.default_rng(7), height, width, DARK)
            times = []
            for _ in range(5):
                start = time.thread_time()
                hair.remove(picture)
                times.append(1000 * (time.thread_time() - start))
            with capsys.disabled():
                print(f"\nhair.remove, {width}x{height}: {min(times):.0f} ms")
            assert min(times) < 400
    finally:
        cv2.setNumThreads(threads)
