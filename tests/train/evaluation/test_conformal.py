"""Abstaining, by hand: who is left out first, what that does to the figures, and whether the conformal set holds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from skin_model.network.calibration import Thresholds
from train.evaluation.conformal import abstention, confidence, conformal, risk_coverage

THRESHOLDS = Thresholds(low=0.2, high=0.6, malignant_from=0.15, benign_to=0.3)


def some_rows(malignant, benign, family="a"):
    """Rows of one source and family with these risks, each photograph its own group."""
    risks = [*malignant, *benign]
    return pd.DataFrame(
        {
            "risk": np.array(risks, dtype=float),
            "malignant": [1] * len(malignant) + [0] * len(benign),
            "group": [f"{family}{i}" for i in range(len(risks))],
            "source": family,
            "family": family,
        }
    )


def at(curve, coverage):
    return next(point for point in curve if point["coverage"] == coverage)


def test_confidence_is_the_distance_from_the_threshold_in_log_odds():
    # The odds of 0.2 are 1/4, of 0.5 are 1, of 0.8 are 4, of 1/17 are 1/16.
    found = confidence(np.array([0.2, 0.5, 0.8, 1 / 17]), 0.2)
    assert found == pytest.approx([0, math.log(4), math.log(16), math.log(4)])


def test_certain_risks_are_the_surest_and_finite():
    found = confidence(np.array([0.0, 1.0, 0.999]), 0.2)
    assert np.isfinite(found).all()
    assert found[:2].min() > found[2]


def test_the_least_sure_are_left_out_first():
    # From the surest: benign 0.001, malignant 0.97, benign 0.01, malignant 0.7, false alarm 0.4, missed cancer 0.18.
    rows = some_rows([0.97, 0.7, 0.18], [0.001, 0.01, 0.4])
    found = risk_coverage(rows, THRESHOLDS)["a"]
    assert [point["coverage"] for point in found] == pytest.approx([1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6], abs=1e-6)
    assert found[0] == pytest.approx(
        # 0.18 is beaten by 0.4 only: 8 of 9 pairs rank right.
        {"coverage": 1, "sensitivity": 2 / 3, "specificity": 2 / 3, "auc": 8 / 9},
        abs=1e-6,
    )
    # Without the missed cancer, then without the false alarm.
    assert (found[1]["sensitivity"], found[1]["specificity"]) == pytest.approx((1, 2 / 3), abs=1e-6)
    assert (found[2]["sensitivity"], found[2]["specificity"], found[2]["auc"]) == (1, 1, 1)
    # Only the benign 0.001 is left.
    assert found[5] == {"coverage": pytest.approx(1 / 6, abs=1e-6), "sensitivity": None, "specificity": 1, "auc": None}


def test_a_large_set_has_a_point_every_twentieth():
    risks = np.linspace(0.01, 0.99, 200)
    found = risk_coverage(some_rows(risks[100:], risks[:100]), THRESHOLDS)["a"]
    assert [point["coverage"] for point in found] == [step / 20 for step in range(20, 1, -1)]


def test_equally_sure_photographs_stay_or_go_together_whatever_their_order():
    rows = some_rows([0.9] * 10, [0.1] * 10)
    found = risk_coverage(rows, THRESHOLDS)["a"]
    assert [point["coverage"] for point in found] == [1, 0.5]
    assert risk_coverage(rows.iloc[::-1], THRESHOLDS)["a"] == found


def test_the_auc_of_a_family_is_within_its_sources():
    # Each source ranks perfectly; pooled, the cancer of a lies below the benign one of b.
    rows = pd.concat([some_rows([0.3], [0.1], "a"), some_rows([0.9], [0.5], "b")]).assign(family="f")
    assert risk_coverage(rows, THRESHOLDS)["f"][0]["auc"] == 1.0


def test_all_is_the_mean_over_families_with_both_classes():
    right = some_rows([0.9] * 10, [0.01] * 10, "a")
    wrong = some_rows([0.01] * 10, [0.9] * 10, "b")
    benign = some_rows([], [0.9] * 10, "c")
    found = risk_coverage(pd.concat([right, wrong, benign], ignore_index=True), THRESHOLDS)
    assert at(found["a"], 1.0) == {"coverage": 1, "sensitivity": 1, "specificity": 1, "auc": 1}
    assert at(found["all"], 1.0) == {"coverage": 1, "sensitivity": 0.5, "specificity": 0.5, "auc": 0.5}
    assert at(found["c"], 1.0)["specificity"] == 0
    assert risk_coverage(benign, THRESHOLDS).keys() == {"c"}


def test_conformal_coverage_and_cannot_tell_by_hand():
    # The set holds malignant from 0.15 and benign to 0.3; both on either limit and between.
    rows = some_rows([0.1, 0.15, 0.3, 0.9], [0.05, 0.1, 0.2, 0.3, 0.31])
    found = conformal(rows, THRESHOLDS, resamples=5)["a"]
    values = {name: (of["n"], of["coverage"]["value"], of["cannot_tell"]["value"]) for name, of in found.items()}
    assert values == {"malignant": (4, 0.75, 0.5), "benign": (5, 0.8, 0.4)}


def test_limits_that_do_not_overlap_leave_nobody_untold():
    apart = Thresholds(low=0.2, high=0.6, malignant_from=0.4, benign_to=0.1)
    found = conformal(some_rows([0.2, 0.9], [0.05, 0.2]), apart, resamples=5)["a"]
    assert [found[name]["cannot_tell"]["value"] for name in ("malignant", "benign")] == [0, 0]
    assert [found[name]["coverage"]["value"] for name in ("malignant", "benign")] == [0.5, 0.5]


def test_each_source_and_class_has_its_own_coverage_and_mark():
    rows = pd.concat([some_rows([0.9] * 30, [0.1] * 29, "a"), some_rows([], [0.1] * 30, "b")], ignore_index=True)
    found = conformal(rows, THRESHOLDS, resamples=5)
    assert "too_few" not in found["a"]["malignant"]["coverage"]
    assert found["a"]["benign"]["cannot_tell"]["too_few"] is True
    assert found["b"]["malignant"] == {"n": 0, "coverage": None, "cannot_tell": None}
    assert "too_few" not in found["b"]["benign"]["coverage"]


def test_the_interval_of_a_coverage_is_that_of_the_groups_drawn():
    # 100 cancers, half of them covered: the bootstrap's interval is that of a mean of 100 coin tosses.
    found = conformal(some_rows([0.9] * 50 + [0.1] * 50, []), THRESHOLDS, resamples=2000)["a"]["malignant"]["coverage"]
    assert (found["low"], found["high"]) == pytest.approx((0.40, 0.60), abs=0.015)


def test_photographs_without_a_risk_do_not_count():
    rows = some_rows([0.9, 0.1], [0.1, 0.25])
    both = pd.concat([rows, some_rows([np.nan], [np.nan], "z")], ignore_index=True)
    assert abstention(both, THRESHOLDS, resamples=5) == abstention(rows, THRESHOLDS, resamples=5)
