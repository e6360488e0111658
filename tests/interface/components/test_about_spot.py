"""What a visitor tells of a spot gives a second number beside the picture's, and never talks a warning away."""

from dataclasses import replace

import gradio as gr
import pytest

from interface.components import about_spot, scored_photo
from skin_model.assess import Assessor
from skin_model.network.calibration import Thresholds
from skin_model.network.context import ContextModel
from skin_model.wording import ENGLISH, Words, languages
from tests.interface.served import random_assessor

LIMITS = Thresholds(low=0.1, high=0.3, malignant_from=1.0, benign_to=0.0)
MODEL = ContextModel((40.0, 60.0), (-1.0, 1.0), {"female": -0.5, "male": 0.5}, {"head_neck": 2.0})
WORDS = Words(ENGLISH)


@pytest.fixture(scope="module")
def assessor():
    plain = random_assessor().checkpoint
    return Assessor(replace(plain, config=replace(plain.config, context=MODEL, thresholds=LIMITS)))


@pytest.fixture(scope="module")
def photo(examples, assessor):
    found = scored_photo.score_photo(assessor, examples / "tone-1.jpg")
    return replace(found, assessment=replace(found.assessment, risk=0.05, band="low", refused=None))


def test_nothing_told_says_nothing(assessor, photo):
    assert about_spot.told(assessor, WORDS, photo, None, "", "") == ""


def test_an_age_that_nobody_typed_is_none_and_no_nought():
    with gr.Blocks():
        age = about_spot.build(WORDS).age
    assert age.get_config()["value"] == ""  # Gradio shows, and sends, 0 for a number that is not there
    assert [age.preprocess(typed) for typed in ("", None, 0, 45.6)] == [None, None, 0, 46]


def test_without_a_photo_nothing_is_said(assessor):
    assert about_spot.told(assessor, WORDS, None, 60, "male", "head_neck") == ""


def test_the_second_number_is_that_of_the_checkpoints_context(assessor, photo):
    # ln(0.05 / 0.95) + 1 + 0.5 = -1.444439, so 0.19088
    assert "With what you told us: 19%" in about_spot.told(assessor, WORDS, photo, 60, "male", "")


def test_a_more_serious_answer_with_context_is_said(assessor, photo):
    assert "Raised risk" in about_spot.told(assessor, WORDS, photo, 60, "male", "")


def test_a_less_serious_answer_with_context_takes_nothing_back(assessor, photo):
    worried = replace(photo, assessment=replace(photo.assessment, risk=0.4, band="high"))
    said = about_spot.told(assessor, WORDS, worried, 40, "female", "")
    assert "With what you told us: 13%" in said  # ln(0.4 / 0.6) - 1.5 = -1.905465
    assert not any(WORDS(f"band.{band}") in said for band in scored_photo.URGENCY)


def test_an_age_that_is_none_gets_a_sentence(assessor, photo):
    assert "between 0 and 120" in about_spot.told(assessor, WORDS, photo, 400, "", "")


@pytest.mark.parametrize("language", languages())
def test_every_field_and_choice_has_its_words(language):
    words = Words(language)
    keys = ["title", "line", "age", "sex", "site", "untold", "age.wrong", "risk.line"]
    keys += [f"site.{code}" for code in about_spot.ASKED_SITES] + ["sex.female", "sex.male"]
    assert all(words(f"context.{key}").strip() for key in keys)
