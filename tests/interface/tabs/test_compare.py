"""Two photos of one spot: what the sentences say, and that a warning in either photo stands."""

from dataclasses import replace
from html import escape

import pytest

from interface.components.scored_photo import URGENCY
from interface.tabs import compare
from skin_model.wording import Words
from tests.interface.served import random_assessor

WORDS = Words()


@pytest.fixture(scope="module")
def shot(examples):
    return compare.shoot(random_assessor(), examples / "tone-1.jpg")


@pytest.fixture(scope="module")
def other(examples):
    return compare.shoot(random_assessor(), examples / "tone-4-uneven.jpg")


def as_band(shot, band, problems=()):
    return replace(shot, assessment=replace(shot.assessment, risk=0.5, band=band, problems=problems))


def said(before, after):
    return compare.changes(WORDS, compare.pair(before, after))


@pytest.mark.parametrize("urgent_first", [True, False])
def test_the_more_urgent_answer_of_the_two_stands(shot, urgent_first):
    low, high = as_band(shot, "low"), as_band(shot, "high")
    text = said(*((high, low) if urgent_first else (low, high)))
    assert WORDS("band.high") in text
    assert escape(WORDS("next_step.high")) in text


def test_two_low_answers_ask_to_watch_for_changes(shot):
    text = said(as_band(shot, "low"), as_band(shot, "low"))
    assert WORDS("compare.next") in text
    assert not [band for band in URGENCY if escape(WORDS(f"next_step.{band}")) in text]


def test_the_faults_of_both_photos_are_told(shot):
    text = said(as_band(shot, "low", ("glare",)), as_band(shot, "low", ("too_blurred",)))
    assert escape(WORDS("problem.glare")) in text
    assert escape(WORDS("problem.too_blurred")) in text


def test_photos_whose_skin_does_not_match_ask_whether_it_is_one_spot(shot, other):
    assert WORDS("compare.same_spot") in said(shot, other)
    assert WORDS("compare.same_spot") not in said(shot, shot)


def test_a_spot_that_the_photos_edge_cuts_has_no_growth_and_the_true_reason(shot):
    left, _, right, _ = shot.outline.box
    rgb = shot.photo.rgb[:, (left + right) // 2 :]
    cut = replace(shot, photo=replace(shot.photo, rgb=rgb), outline=compare.outline.find(rgb))
    assert cut.outline.is_cut
    text = said(cut, cut)
    assert WORDS("compare.size.cut") in text
    assert WORDS("compare.size.unknown") not in text
