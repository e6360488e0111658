"""Non-inferiority on made-up risks: figures by hand, paired draws, margins, and when too little is known to judge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from train.hub import non_inferiority
from train.hub.non_inferiority import MARGINS, Scores, compare


def photographs(n: int, source: str = "clinic", malignant: tuple[int, ...] = (1, 0)) -> pd.DataFrame:
    """n photographs, each a group of its own, whose labels repeat."""
    truth = np.resize(malignant, n)
    return pd.DataFrame({"group": [f"{source}{k}" for k in range(n)], "source": source, "malignant": truth})


def row(rows, name):
    return next(found for found in rows if found.name == name)


def test_the_auc_difference_is_that_of_the_areas_by_hand():
    # Of the 2 × 2 pairs the candidate orders 4 rightly, the published one 3 (0.4 against 0.5 is wrong).
    rows = compare(
        photographs(4, malignant=(1, 1, 0, 0)),
        Scores(np.array([0.9, 0.6, 0.5, 0.1]), 0.5, 0.15),
        Scores(np.array([0.9, 0.4, 0.5, 0.1]), 0.5, 0.15),
        resamples=20,
    )
    area = row(rows, "AUC within sources")
    assert (area.candidate, area.published, area.difference) == (1.0, 0.75, 0.25)


def test_sensitivity_and_specificity_are_at_each_checkpoints_own_threshold():
    risks = np.array([0.9, 0.3, 0.2, 0.1])
    rows = compare(
        photographs(4, malignant=(1, 1, 0, 0)), Scores(risks, 0.5, 0.15), Scores(risks, 0.15, 0.15), resamples=20
    )
    assert (row(rows, "sensitivity").candidate, row(rows, "sensitivity").published) == (0.5, 1.0)
    assert (row(rows, "specificity").candidate, row(rows, "specificity").published) == (1.0, 0.5)


def test_equal_scores_differ_by_nothing_in_every_draw_and_pass():
    rng = np.random.default_rng(0)
    table = photographs(160)
    risks = np.clip(0.5 * table["malignant"] + rng.uniform(0, 0.6, 160), 0, 1).to_numpy()
    rows = compare(table, Scores(risks, 0.4, 0.15), Scores(risks, 0.4, 0.15), resamples=50)
    assert [(found.difference, found.low, found.high, found.passed) for found in rows] == [(0, 0, 0, True)] * len(rows)


def test_a_candidate_that_has_unlearnt_everything_fails_by_auc():
    table = photographs(160)
    good = np.where(table["malignant"] == 1, 0.8, 0.1) + np.arange(160) / 1000
    rows = compare(table, Scores(good[::-1].copy(), 0.4, 0.15), Scores(good, 0.4, 0.15), resamples=50)
    assert row(rows, "AUC within sources").passed is False


def test_a_small_loss_with_a_wide_interval_fails_since_neither_is_shown_to_be_good():
    # One in ten malignant is missed by the candidate alone: 0.1 of sensitivity, twice the margin.
    table = photographs(80)
    caught = np.where(table["malignant"] == 1, 0.8, 0.1)
    missed = caught.copy()
    missed[[0, 2, 4, 6]] = 0.3
    rows = compare(table, Scores(missed, 0.5, 0.15), Scores(caught, 0.5, 0.15), resamples=200)
    found = row(rows, "sensitivity")
    assert found.difference == pytest.approx(-0.1) and found.low < -MARGINS["sensitivity"]
    assert found.passed is False


def test_the_interval_is_the_one_of_groups_drawn_whole():
    # 40 groups of one malignant and one benign photograph; the candidate misses the malignant one of 8 groups. The
    # difference is then a mean over 40 draws of 0 or -1 with mean -0.2: standard error sqrt(0.2 * 0.8 / 40) = 0.063.
    table = photographs(80).assign(group=[f"g{k // 2}" for k in range(80)])
    caught = np.where(table["malignant"] == 1, 0.8, 0.1)
    missed = caught.copy()
    missed[: 2 * 8 : 2] = 0.3
    found = row(compare(table, Scores(missed, 0.5, 0.15), Scores(caught, 0.5, 0.15), resamples=2000), "sensitivity")
    assert found.difference == pytest.approx(-0.2)
    assert (found.high - found.low) / 3.92 == pytest.approx(0.063, abs=0.006)


def test_a_higher_calibration_error_counts_as_worse():
    table = photographs(400, malignant=(1, 0, 0, 0))
    right = np.where(table["malignant"] == 1, 0.5, 0.1)
    # At a reference prevalence equal to the set's, nothing is shifted: mean risk 0.2 and 0.45 against a share of 0.25.
    too_high = right + 0.25
    found = row(
        compare(table, Scores(too_high, 0.05, 0.25), Scores(right, 0.05, 0.25), resamples=50), "calibration error"
    )
    assert found.candidate > found.published and not found.higher_is_better and found.passed is False


def test_a_family_with_fewer_than_thirty_groups_of_a_class_is_shown_but_not_judged():
    few = photographs(59, source="few")
    table = pd.concat([photographs(60, source="many"), few], ignore_index=True)
    risks = np.where(table["malignant"] == 1, 0.8, 0.1) + np.arange(119) / 1000
    worse = np.where(table["source"] == "few", 1 - risks, risks)
    rows = compare(table, Scores(worse, 0.5, 0.15), Scores(risks, 0.5, 0.15), resamples=20)
    assert row(rows, "AUC within many").passed is True
    found = row(rows, "AUC within few")
    assert found.candidate == 0 and found.published == 1 and found.passed is None


def test_families_weigh_the_same_in_sensitivity_however_many_photographs_they_have():
    table = pd.concat([photographs(60, source="small"), photographs(600, source="large")], ignore_index=True)
    caught = np.where(table["malignant"] == 1, 0.8, 0.1)
    missed = np.where(table["source"] == "small", 0.1, caught)
    rows = compare(table, Scores(missed, 0.5, 0.15), Scores(caught, 0.5, 0.15), resamples=20)
    assert row(rows, "sensitivity").candidate == pytest.approx(0.5)


def test_risks_that_alterations_change_count_as_flips_and_in_the_auc():
    table = photographs(80)
    risks = np.where(table["malignant"] == 1, 0.8, 0.1)
    steady = pd.DataFrame({"position": range(80), "unaltered": risks, "blur": risks, "ink": risks})
    # Ink takes every malignant photograph below the threshold: half of all photographs under one of two alterations.
    shaken = steady.assign(ink=np.full(80, 0.1))
    rows = compare(table, Scores(risks, 0.5, 0.15, shaken), Scores(risks, 0.5, 0.15, steady), drawn=table, resamples=50)
    assert row(rows, "answers that alterations change").candidate == pytest.approx(0.25)
    assert row(rows, "answers that alterations change").passed is False
    # Blur costs the candidate nothing, ink all that an AUC has above chance: 0.5, a mean of 0.25.
    found = row(rows, "AUC that alterations cost")
    assert (found.candidate, found.published, found.passed) == (pytest.approx(0.25), 0, False)


def test_without_a_published_checkpoint_figures_are_shown_and_nothing_is_judged():
    table = photographs(80)
    rows = compare(table, Scores(np.linspace(0, 1, 80), 0.5, 0.15), None, resamples=20)
    assert rows and all(found.published is None and found.passed is None for found in rows)


def test_every_kind_of_figure_has_a_stated_margin():
    assert all(0 < margin <= 0.1 for margin in non_inferiority.MARGINS.values())
