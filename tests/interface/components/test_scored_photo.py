"""Several photos of one spot: their median, and that it never talks a warning away."""

from dataclasses import replace

import pytest

from interface.components import scored_photo
from skin_model.assess import Assessment
from skin_model.network.calibration import Thresholds
from tests.interface.served import random_assessor

LIMITS = Thresholds(low=0.1, high=0.3, malignant_from=1.0, benign_to=0.0)
BANDS = {0.01: "low", 0.02: "low", 0.05: "low", 0.2: "raised", 0.25: "raised", 0.48: "high", 0.6: "high"}


@pytest.fixture(scope="module")
def first(examples):
    return scored_photo.score_photo(random_assessor(), examples / "tone-1.jpg")


def photo(risk, problems=()):
    return Assessment(risk=risk, band=BANDS[risk], diagnoses={"mel": risk, "nv": 1 - risk}, problems=problems)


def added_one_by_one(first, *assessments):
    spot, *further = (replace(first, assessment=each, spread=(0.0, 1.0)) for each in assessments)
    for each in further:
        spot = scored_photo.most_serious_first(spot, each)
    return spot


def together(first, *assessments):
    return scored_photo.combine(added_one_by_one(first, *assessments), LIMITS)


def test_one_photo_stands_for_itself(first):
    found = together(first, photo(0.2))
    assert (found.assessment.risk, found.assessment.band, found.interval, found.risks) == (
        0.2,
        "raised",
        (0, 1),
        (0.2,),
    )


def test_photos_that_agree_give_their_median(first):
    found = together(first, photo(0.01), photo(0.05), photo(0.02))
    assert (found.assessment.risk, found.assessment.band, found.disagree) == (0.02, "low", False)
    assert found.interval == (0.01, 0.05)
    assert found.assessment.diagnoses["mel"] == pytest.approx(0.08 / 3)


@pytest.mark.parametrize(
    ("risks", "risk", "band"),
    [((0.48, 0.01, 0.01), 0.48, "high"), ((0.01, 0.01, 0.2), 0.2, "raised"), ((0.25, 0.48, 0.2), 0.48, "high")],
)
def test_where_one_photo_is_more_urgent_than_the_median_it_alone_is_the_answer(first, risks, risk, band):
    found = together(first, *map(photo, risks))
    assert (found.assessment.risk, found.assessment.band, found.disagree) == (risk, band, True)
    assert found.assessment.diagnoses["mel"] == risk


def test_of_two_photos_that_disagree_the_more_urgent_one_is_the_answer(first):
    found = together(first, photo(0.01), photo(0.48))
    assert (found.assessment.risk, found.assessment.band, found.disagree) == (0.48, "high", True)


def test_two_photos_of_one_band_give_the_value_between_them(first):
    found = together(first, photo(0.05), photo(0.01))
    assert (found.assessment.risk, found.disagree) == (pytest.approx(0.03), False)


def test_the_most_serious_photo_is_the_one_that_is_shown_and_each_keeps_its_number(first):
    spot = added_one_by_one(first, photo(0.01), photo(0.6), photo(0.02))
    assert (spot.assessment.risk, spot.number) == (0.6, 2)
    assert [(each.assessment.risk, each.number) for each in spot.further] == [(0.01, 1), (0.02, 3)]
    assert scored_photo.combine(spot, LIMITS).risks == (0.01, 0.6, 0.02)


def test_a_median_as_urgent_as_the_most_urgent_photo_keeps_its_band(first):
    found = together(first, photo(0.48), photo(0.6), photo(0.01))
    assert (found.assessment.risk, found.assessment.band, found.disagree) == (0.48, "high", False)


def test_the_faults_of_every_photo_are_told_once(first):
    found = together(first, photo(0.01, ("glare",)), photo(0.02, ("too_blurred", "glare")))
    assert found.assessment.problems == ("glare", "too_blurred")
