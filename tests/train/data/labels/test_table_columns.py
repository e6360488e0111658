"""A column of labels is judged as a whole: whether its numbers are answers or the ids of classes."""

from __future__ import annotations

import pytest

from train.data.labels import LabelColumns, answer, taken_for


def read(words, **asked):
    rows = [{"label": word} for word in words]
    columns = LabelColumns(rows, **(asked or {"classes": ["label"]}))
    return [taken_for(columns.of(row)).partition(":")[0] for row in rows]


def test_zero_and_one_alone_are_answers():
    assert read(["0", "1", "1.0"]) == ["benign, no diagnosis", "malignant, no diagnosis", "malignant, no diagnosis"]


def test_in_a_column_with_other_numbers_zero_and_one_are_ids_of_classes():
    assert read(["0", "1", "6"]) == ["no label"] * 3


def test_zeros_and_ones_that_contradict_the_words_beside_them_are_ids_by_the_alphabet():
    rows = [{"label": "0", "name": "melanoma"}, {"label": "1", "name": "nevus"}]
    columns = LabelColumns(rows, classes=["label", "name"])
    assert [taken_for(columns.of(row)) for row in rows] == ["mel, malignant", "nv, benign"]


def test_a_single_row_that_contradicts_itself_is_a_conflict():
    rows = [*[{"label": "1", "name": "melanoma"}] * 3, {"label": "0", "name": "melanoma"}]
    columns = LabelColumns(rows, classes=["label", "name"])
    assert taken_for(columns.of(rows[-1])) == "conflicting label: diagnosis mel, but called benign"


def test_words_beside_ids_keep_their_meaning():
    assert read(["melanoma", "2", "1"]) == ["mel, malignant", "no label", "no label"]


def test_a_column_that_asks_for_malignancy_takes_yes_and_no():
    asked = {"answers": ["label"]}
    assert read(["yes", "No", "TRUE", "t"], **asked) == [
        "malignant, no diagnosis",
        "benign, no diagnosis",
        "malignant, no diagnosis",
        "malignant, no diagnosis",
    ]
    assert read(["yes", "no"]) == ["no label"] * 2


def test_zeros_and_ones_in_scientific_notation_are_answers_too():
    assert read(["0.000e+00", "1.000e+00"]) == ["benign, no diagnosis", "malignant, no diagnosis"]


@pytest.mark.parametrize("share", ["0.93", "1.2e-05", ".5"])
def test_in_a_column_of_probabilities_zero_and_one_are_no_answers(share):
    assert read(["0", "1", share], answers=["label"]) == ["no label"] * 3


def test_an_empty_cell_says_nothing():
    assert LabelColumns([{"label": ""}], ["label"]).of({"label": ""}) == []


@pytest.mark.parametrize(
    ("text", "said"), [("1,0", 1), ("0,0", 0), ("0.5", None), ("2", None), ("indeterminate", None)]
)
def test_an_answer_is_zero_or_one_or_none(text, said):
    assert answer(text) == said
