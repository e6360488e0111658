"""Screening: who is left out, what a difference means, and that nothing is trained twice."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.conftest import REPOSITORY
from train import UserError
from train.studies import experiments
from train.studies.experiments import BASELINE, FAMILIES, FOLD_FILE, IDEAS, SCORES_FILE

SOURCES = {
    "ham10000": "ham10000",
    "isic_2017": "isic_archive",
    "siim_acral": "siim_isic_2020",
    "pad_ufes_20": "pad_ufes_20",
}


def test_a_group_that_reaches_into_the_left_out_family_is_not_trained_on():
    rows = pd.DataFrame(
        [
            ("ham10000", "alone", "train"),
            ("ham10000", "shared", "train"),
            ("isic_2017", "shared", "train"),
            ("isic_2017", "its own", "validation"),
            ("pad_ufes_20", "phone", "validation"),
        ],
        columns=["source", "group", "split"],
    )

    training, validation, unseen = experiments.split_off(rows, "isic_2017")

    assert list(training) == [0]
    assert list(validation) == [4]
    assert list(unseen) == [2, 3]


def test_every_idea_names_fields_that_a_recipe_has_and_keeps_the_protocol_or_says_so():
    for idea in IDEAS.values():
        recipe = idea.recipe()
        for name, value in {**experiments.PROTOCOL, **idea.changes}.items():
            assert getattr(recipe, name) == value


def test_an_unknown_idea_is_one_sentence_that_names_the_known_ones():
    with pytest.raises(UserError, match=r"There is no idea 'wings'\. The ideas are: baseline, "):
        experiments.find("wings")


def write_fold(out, idea, left_out, log_odds, malignant, seconds=60):
    folder = out / idea / left_out
    folder.mkdir(parents=True)
    count = len(malignant)
    scores = pd.DataFrame(
        {
            "file": [f"{i}.jpg" for i in range(count)],
            "source": SOURCES[left_out],
            "group": [f"g{i}" for i in range(count)],
            "malignant": malignant,
            "log_odds": log_odds,
        }
    )
    scores.to_csv(folder / SCORES_FILE, index=False)
    from sklearn.metrics import roc_auc_score

    auc = roc_auc_score(malignant, log_odds)
    fold = {"idea": idea, "left_out": left_out, "auc": auc, "seen_auc": 0.9, "seconds": seconds, "key": ""}
    (folder / FOLD_FILE).write_text(json.dumps(fold))


@pytest.fixture
def screened(tmp_path):
    """The baseline ranks 3 of 4 pairs of each family rightly (AUC 0.75, repeated); the other idea ranks all."""
    malignant = [0, 0, 1, 1] * 10
    for left_out in FAMILIES:
        write_fold(tmp_path, BASELINE, left_out, [0.1, 0.3, 0.2, 0.4] * 10, malignant)
        write_fold(tmp_path, "phone", left_out, [0.1, 0.2, 0.3, 0.4] * 10, malignant)
    return tmp_path


def test_the_difference_is_that_of_the_means_over_the_families_left_out(screened):
    found = experiments.table(screened).set_index("idea")
    assert found.loc[BASELINE, "mean"] == pytest.approx(0.75)
    assert found.loc["phone", "mean"] == 1
    assert found.loc["phone", "difference"] == pytest.approx(0.25)
    assert 0 < found.loc["phone", "low"] < 0.25 < found.loc["phone", "high"] < 0.5
    assert found.loc["phone", "minutes"] == pytest.approx(4)


def test_the_baseline_is_not_compared_with_itself(screened):
    found = experiments.table(screened)
    assert np.isnan(found.set_index("idea").loc[BASELINE, "difference"])
    baseline = next(line for line in experiments.markdown(found).splitlines() if line.startswith("| baseline"))
    assert "| 0.750 | – |" in baseline


def test_the_best_idea_comes_first(screened):
    assert list(experiments.table(screened)["idea"]) == ["phone", BASELINE]


def test_an_idea_with_a_fold_missing_is_not_in_the_table(screened):
    (screened / "phone" / FAMILIES[0] / FOLD_FILE).unlink()
    assert list(experiments.table(screened)["idea"]) == [BASELINE]


def test_the_pages_table_is_the_one_that_its_rows_give():
    page = REPOSITORY / "docs" / "experiments.md"
    table = page.read_text().partition(experiments.START)[2].partition(experiments.END)[0]
    assert table.strip() == experiments.markdown(pd.read_csv(page.with_suffix(".csv")))
