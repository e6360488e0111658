"""What is said of the colours follows from what is drawn, and an empty map is said to be empty."""

import numpy as np
import pytest

from interface.components import result_card
from skin_model.assess import Assessment
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.overlay import NOTICEABLE
from skin_model.wording import Words

WORDS = Words()


def said(band, most, least):
    heatmap = np.array([[most, least], [0.0, 0.0]])
    return result_card.reasons(WORDS, Assessment(risk=0.1, band=band), heatmap), result_card.is_drawn(heatmap)


@pytest.mark.parametrize(("band", "key"), [("low", "none"), ("high", "whole"), ("cannot_tell", "whole")])
def test_where_nothing_raised_the_risk_it_is_said_and_nothing_is_drawn(band, key):
    text, drawn = said(band, 0.9 * NOTICEABLE, -0.9 * NOTICEABLE)
    assert WORDS(f"interface.why.{key}") in text
    assert "legend" not in text and not drawn


def test_the_legend_names_only_the_colours_that_are_there():
    raised, lowered = (WORDS(f"interface.legend.{name}") for name in ("raised", "lowered"))
    both, _ = said("raised", NOTICEABLE, -NOTICEABLE)
    assert raised in both and lowered in both
    only, _ = said("raised", NOTICEABLE, 0.0)
    assert raised in only and lowered not in only


def test_a_low_risk_that_was_only_lowered_says_that_nothing_raised_it():
    text, drawn = said("low", 0.0, -1.0)
    assert WORDS("interface.why.none") in text and WORDS("interface.legend.lowered") in text and drawn


def test_at_the_limit_of_photos_no_further_one_is_asked_for():
    found = Assessment(risk=0.02, band="low")
    more = WORDS("interface.sure.more")
    assert more in result_card.how_sure(WORDS, found, (0.01, 0.03), 2, more=True)
    assert more not in result_card.how_sure(WORDS, found, (0.01, 0.03), 3, more=False)


def card(assessment, **further):
    thresholds = Thresholds(low=0.1, high=0.3, malignant_from=1.0, benign_to=0.0)
    return result_card.answer(WORDS, assessment, thresholds, Calibration(), **further)


def test_the_range_over_turned_copies_stands_beside_the_number():
    text = card(Assessment(risk=0.24, band="raised"), interval=(0.17, 0.28))
    assert WORDS("interface.range.turned", low="17%", high="28%") in text


def test_a_range_that_begins_under_one_per_cent_names_only_its_upper_end():
    text = card(Assessment(risk=0.008, band="low"), interval=(0.006, 0.013))
    assert WORDS("interface.range.turned_to", high="1.3%") in text and "between under" not in text


def test_of_several_photos_it_is_said_which_one_is_shown():
    text = card(Assessment(risk=0.24, band="raised"), interval=(0.17, 0.28), photos=3, number=2)
    assert WORDS("interface.photos.shown", number=2, count=3) in text


def test_a_refused_photo_too_comes_with_the_word_to_see_a_doctor():
    assert WORDS("notice.screening") in card(Assessment.refusal("not_skin"))
