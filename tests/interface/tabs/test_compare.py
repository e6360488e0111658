"""Two photos of one spot: one verdict, what it rests on, and that a warning in either photo stands."""

from dataclasses import replace
from html import escape

import pytest

from interface.components.scored_photo import URGENCY
from interface.tabs import compare
from skin_model.comparison import Comparison, Limits, shoot
from skin_model.comparison import compare as compared
from skin_model.lesion import outline
from skin_model.photo import open_photo
from skin_model.wording import Words
from tests.interface.served import random_assessor

WORDS = Words()
LIMITS = Limits({"size": 0.2, "shape": 0.1, "colour": 8.0, "risk": 1.0}, 0.5, 0.5, "network")


@pytest.fixture(scope="module")
def shot(examples):
    return shoot(random_assessor(), open_photo(examples / "tone-1.jpg"))


@pytest.fixture(scope="module")
def other(examples):
    return shoot(random_assessor(), open_photo(examples / "tone-4-uneven.jpg"))


def as_band(shot, band, problems=(), risk=0.5):
    return replace(shot, assessment=replace(shot.assessment, risk=risk, band=band, problems=problems))


def pair(before, after) -> Comparison:
    return compared(before, after, "network", LIMITS)


def said(before, after):
    return compare.changes(WORDS, pair(before, after))


def test_the_same_photo_twice_is_no_change_that_the_tool_can_tell(shot):
    assert compare.verdict(WORDS, pair(shot, shot)) == WORDS("compare.verdict.none")


def test_a_change_is_named_in_the_verdict_and_marked_in_the_list(shot):
    both = pair(as_band(shot, "low", risk=0.1), as_band(shot, "high", risk=0.6))
    assert compare.verdict(WORDS, both) == WORDS("compare.verdict.changed", what=WORDS("compare.what.risk"))
    assert compare.measures(WORDS, both).count('data-mark="changed"') == 1


def test_that_no_change_is_no_all_clear_is_said_of_no_change_alone(shot, other):
    assert WORDS("compare.not_harmless") in said(shot, shot)
    assert WORDS("compare.not_harmless") not in said(as_band(shot, "low", risk=0.01), as_band(shot, "high", risk=0.9))
    unmatched = said(as_band(replace(shot, outline=None), "low"), as_band(other, "low"))
    assert WORDS("compare.verdict.unknown") in unmatched
    assert WORDS("compare.aligned.none") in unmatched
    assert WORDS("compare.not_harmless") not in unmatched


def test_risks_within_chance_are_told_with_what_chance_gives(shot):
    # Log-odds of 63 % are 0.532; one less is 38.5 %, one more 82.2 %.
    text = compare.measures(WORDS, pair(as_band(shot, "high", risk=0.63), as_band(shot, "high", risk=0.42)))
    assert escape(WORDS("compare.measure.risk", before="63%", after="42%", low="39%", high="82%")) in text


def test_without_outlines_that_hold_no_measure_of_the_spot_is_told(shot):
    doubtful = replace(shot, edge=0.1)
    text = said(shot, doubtful)
    assert WORDS("compare.verdict.unknown") in text
    assert escape(WORDS("compare.uncertain")) in text
    assert compare.measures(WORDS, pair(shot, doubtful)).count("<li") == 1  # the risk
    assert "–" in compare.table(WORDS, pair(shot, doubtful))


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
    cut = replace(shot, photo=replace(shot.photo, rgb=rgb), outline=outline.find(rgb))
    assert cut.outline.is_cut
    text = said(cut, cut)
    assert WORDS("compare.size.cut") in text
    assert WORDS("compare.size.unknown") not in text
