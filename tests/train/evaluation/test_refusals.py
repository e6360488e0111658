"""Refusal rates: counts by hand of ten photographs, of which three are refused and four are of a cancer."""

from __future__ import annotations

import pandas as pd
import pytest

from train.evaluation.refusals import measure_refusals, refusal_rates

COUNTS = ("n", "n_refused", "n_not_skin", "n_unfamiliar")
# refused, malignant, source, modality, skin type
TEN = [
    ("not_skin", 0, "clinic", "dermoscopic", "2"),
    ("unfamiliar", 0, "clinic", "dermoscopic", "II"),
    ("unfamiliar", 1, "phones", "smartphone", "5"),
    ("", 1, "clinic", "dermoscopic", "2"),
    ("", 1, "phones", "smartphone", ""),
    ("", 1, "phones", "smartphone", ""),
    ("", 0, "clinic", "dermoscopic", "5"),
    ("", 0, "clinic", "", ""),
    ("", 0, "clinic", "dermoscopic", ""),
    ("", 0, "phones", "smartphone", "6"),
]


def ten_photographs(**columns):
    """Each its own group, unless ``group`` says otherwise."""
    rows = pd.DataFrame(TEN, columns=["refused", "malignant", "source", "modality", "fitzpatrick"])
    return rows.assign(**{"group": [f"g{i}" for i in range(len(rows))], **columns})


def counts(found):
    return tuple(found[key] for key in COUNTS)


def rates(**columns):
    return refusal_rates(ten_photographs(**columns), resamples=50)


def test_three_of_ten_photographs_are_refused():
    found = rates()["refused"]["all"]
    assert counts(found) == (10, 3, 1, 2)
    assert found["share"]["value"] == pytest.approx(0.3)


def test_one_of_four_cancers_is_refused():
    found = rates()["refused_malignant"]["all"]
    assert counts(found) == (4, 1, 0, 1)
    assert found["share"]["value"] == pytest.approx(0.25)


def test_the_sources_of_the_refused_are_told_apart():
    found = rates()
    assert {name: counts(of) for name, of in found["refused"]["by_source"].items()} == {
        "clinic": (6, 2, 1, 1),
        "phones": (4, 1, 0, 1),
    }
    assert {name: counts(of) for name, of in found["refused_malignant"]["by_source"].items()} == {
        "clinic": (1, 0, 0, 0),
        "phones": (3, 1, 0, 1),
    }


def test_a_photograph_without_a_modality_is_counted_as_unknown_and_last():
    found = rates()["refused"]["by_modality"]
    assert {name: counts(of) for name, of in found.items()} == {
        "dermoscopic": (5, 2, 1, 1),
        "smartphone": (4, 1, 0, 1),
        "unknown": (1, 0, 0, 0),
    }
    assert list(found)[-1] == "unknown"


def test_a_skin_type_in_roman_numerals_is_the_one_in_figures():
    found = rates()["refused"]["by_skin_tone"]
    assert {name: counts(of) for name, of in found.items()} == {
        "2": (3, 2, 1, 1),
        "5": (2, 1, 0, 1),
        "6": (1, 0, 0, 0),
        "unknown": (4, 0, 0, 0),
    }


def test_a_skin_tone_without_cancers_keeps_its_name_and_has_no_share_of_them():
    found = rates()["refused_malignant"]["by_skin_tone"]["6"]
    assert counts(found) == (0, 0, 0, 0)
    assert found["share"] is None


def test_rows_without_a_skin_type_are_unknown_everywhere():
    found = refusal_rates(ten_photographs().drop(columns="fitzpatrick"), resamples=5)["refused"]["by_skin_tone"]
    assert {name: counts(of) for name, of in found.items()} == {"unknown": (10, 3, 1, 2)}


def test_a_file_that_cannot_be_opened_is_refused_for_neither_reason():
    rows = ten_photographs()
    rows.loc[9, "refused"] = "damaged_file"
    assert counts(measure_refusals(rows, resamples=5)) == (10, 4, 1, 2)


def test_where_none_is_refused_the_share_is_zero():
    found = measure_refusals(ten_photographs(refused=""), resamples=5)["share"]
    assert (found["value"], found["low"], found["high"]) == (0, 0, 0)


def test_the_interval_draws_whole_groups():
    # Three refused in one group, seven others in another: a draw of two groups refuses 0, 3 of 10 or all.
    found = measure_refusals(ten_photographs(group=["a"] * 3 + ["b"] * 7), resamples=400)["share"]
    assert (found["low"], found["value"], found["high"]) == (0, 0.3, 1)


def test_a_share_of_fewer_than_30_groups_is_marked():
    thirty = pd.concat([ten_photographs()] * 3, ignore_index=True)
    own = thirty.assign(group=[f"g{i}" for i in range(30)])
    assert measure_refusals(thirty, resamples=5)["share"]["too_few"] is True
    assert "too_few" not in measure_refusals(own, resamples=5)["share"]
