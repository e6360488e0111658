"""Figures: scikit-learn as the oracle, small cases by hand, and intervals against a bootstrap that draws for real."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as oracle

from skin_model.diagnoses import DIAGNOSES, malignant_mask
from skin_model.network.calibration import (
    Calibration,
    DiagnosisCalibration,
    Thresholds,
    diagnosis_probabilities,
    probabilities,
    risk,
    shift_prevalence,
)
from train.bootstrap import Draws, figure
from train.evaluation.curves import curves, uncalibrated_risk
from train.evaluation.metrics import (
    FIGURES,
    decisions,
    expected_calibration_error,
    measure,
    measure_diagnoses,
    ranking,
    source_only_auc,
    summarise,
)

THRESHOLDS = Thresholds(low=0.2, high=0.6, malignant_from=0.25, benign_to=0.3)


def some_rows(n=400, seed=0, source="a", photographs_of_a_group=2, prevalence=0.4):
    """Rows of a set on which risk and diagnosis are somewhat right; a twentieth of it is refused."""
    rng = np.random.default_rng(seed)
    malignant = (rng.random(n) < prevalence).astype(int)
    diagnosis = np.where(malignant, rng.choice(["mel", "bcc"], n), rng.choice(["nv", "bkl"], n))
    logits = rng.normal(size=(n, 7))
    logits[np.arange(n), [DIAGNOSES.index(code) for code in diagnosis]] += 1.5
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = pd.DataFrame(
        {
            "file": [f"{source}{i}.jpg" for i in range(n)],
            "risk": probability[:, :3].sum(axis=1).round(2),  # rounded, so that there are ties
            "refused": np.where(np.arange(n) % 20 == 7, "not_skin", ""),
            "malignant": malignant,
            "diagnosis": diagnosis,
            "group": [f"{source}{i // photographs_of_a_group}" for i in range(n)],
            "source": source,
            "modality": "dermoscopic",
            "family": source,
        }
    )
    return rows.assign(**{f"p_{code}": probability[:, i] for i, code in enumerate(DIAGNOSES)})


def value(found, name):
    return found[name]["value"]


@pytest.mark.parametrize("seed", range(5))
def test_weighted_ranking_figures_equal_scikit_learn_with_ties(seed):
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 12, 150) / 11, rng.integers(0, 2, 150)
    weights = rng.integers(0, 4, (3, 150)).astype(float)
    found = ranking(scores, truth, weights)
    for b, weight in enumerate(weights):
        assert found["auc"][b] == pytest.approx(oracle.roc_auc_score(truth, scores, sample_weight=weight))
        assert found["average_precision"][b] == pytest.approx(
            oracle.average_precision_score(truth, scores, sample_weight=weight)
        )


def test_specificity_at_95_sensitivity_by_hand():
    # 20 malignant at 0.81 … 1.00: one may be missed, so the threshold is 0.82; 3 of 10 benign lie at or above it.
    scores = np.array([*np.arange(81, 101) / 100, *[0.1] * 6, 0.81, 0.82, 0.9, 0.9])
    truth = np.array([1] * 20 + [0] * 10)
    found = ranking(scores, truth, np.ones((1, 30)))
    assert found["specificity_at_95_sensitivity"][0] == pytest.approx(0.7)


def test_decisions_by_hand():
    # 3 caught, 1 missed, 2 false alarms, 4 cleared.
    yes = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    truth = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    found = {name: values[0] for name, values in decisions(yes, truth, np.ones((1, 10))).items()}
    assert found == pytest.approx(
        {
            "sensitivity": 3 / 4,
            "specificity": 4 / 6,
            "precision": 3 / 5,
            "f1": 6 / 9,
            "accuracy": 0.7,
            "balanced_accuracy": (3 / 4 + 4 / 6) / 2,
        }
    )


def test_expected_calibration_error_by_hand():
    # Two bins of two: mean risk 0.15 and share 0.5, then mean risk 0.85 and share 0.5.
    assert expected_calibration_error(np.array([0.9, 0.1, 0.8, 0.2]), np.array([1, 1, 0, 0]), bins=2) == pytest.approx(
        0.35
    )


def test_bins_of_the_calibration_error_hold_equally_many_photographs():
    rng = np.random.default_rng(3)
    risks = rng.random(137)
    truth = (rng.random(137) < risks).astype(int)
    order = np.argsort(risks)
    by_hand = sum(len(part) / 137 * abs(risks[part].mean() - truth[part].mean()) for part in np.array_split(order, 10))
    assert expected_calibration_error(risks, truth) == pytest.approx(by_hand)


def test_every_binary_figure_of_a_set_equals_scikit_learn():
    rows = some_rows()
    found = measure(rows, THRESHOLDS, 0.15, resamples=2)
    truth, risks = rows["malignant"].to_numpy(), rows["risk"].to_numpy()
    yes = risks >= 0.2
    kept = (rows["refused"] == "").to_numpy()
    expected = {
        "auc": oracle.roc_auc_score(truth, risks),
        "auc_without_refused": oracle.roc_auc_score(truth[kept], risks[kept]),
        "auc_melanoma": oracle.roc_auc_score(rows["diagnosis"] == "mel", rows["p_mel"]),
        "average_precision": oracle.average_precision_score(truth, risks),
        "sensitivity": oracle.recall_score(truth, yes),
        "specificity": oracle.recall_score(truth, yes, pos_label=0),
        "precision": oracle.precision_score(truth, yes),
        "f1": oracle.f1_score(truth, yes),
        "accuracy": oracle.accuracy_score(truth, yes),
        "balanced_accuracy": oracle.balanced_accuracy_score(truth, yes),
        "brier": oracle.brier_score_loss(truth, risks),
    }
    assert {name: value(found, name) for name in expected} == pytest.approx(expected, abs=1e-6)
    assert list(found["confusion"].values()) == oracle.confusion_matrix(truth, yes).ravel().tolist()


def test_the_calibration_error_is_of_the_risk_at_the_sets_own_prevalence():
    rng = np.random.default_rng(5)
    reference, own = 0.15, 0.6
    truth_risk = rng.random(6000)
    rows = some_rows(6000)
    rows["malignant"] = (rng.random(6000) < truth_risk).astype(int)
    own = rows["malignant"].mean()
    rows["risk"] = shift_prevalence(truth_risk, own, reference)
    found = measure(rows, THRESHOLDS, reference, resamples=2)
    assert value(found, "ece") == pytest.approx(
        expected_calibration_error(truth_risk, rows["malignant"].to_numpy()), abs=1e-5
    )
    assert value(found, "ece") < 0.03
    assert value(found, "ece_raw") > 0.2
    assert value(found, "brier_shifted") < value(found, "brier")


def test_malignant_photographs_without_a_diagnosis_are_no_negatives_for_melanoma():
    rows = some_rows()
    unnamed = (rows.index % 3 == 0) & (rows["malignant"] == 1)
    rows.loc[rows.index % 3 == 0, "diagnosis"] = ""
    found = measure(rows, THRESHOLDS, 0.15, resamples=2)
    kept = rows[~unnamed]
    assert value(found, "auc_melanoma") == pytest.approx(
        oracle.roc_auc_score(kept["diagnosis"] == "mel", kept["p_mel"]), abs=1e-6
    )


def test_a_binary_checkpoint_ranks_melanoma_by_its_risk_and_has_no_diagnoses():
    rows = some_rows()
    rows[[f"p_{code}" for code in DIAGNOSES]] = np.nan
    found = measure(rows, THRESHOLDS, 0.15, resamples=2)
    assert found["diagnoses"] is None
    assert value(found, "auc_melanoma") == pytest.approx(
        oracle.roc_auc_score(rows["diagnosis"] == "mel", rows["risk"]), abs=1e-6
    )


def test_every_diagnosis_figure_equals_scikit_learn():
    rows = some_rows()
    found = measure_diagnoses(rows, resamples=2)
    probability = rows[[f"p_{code}" for code in DIAGNOSES]].to_numpy()
    truth = np.array([DIAGNOSES.index(code) for code in rows["diagnosis"]])
    called = probability.argmax(axis=1)
    assert set(called) > set(truth)  # classes that never occur are called, and must not enter the averages
    present = sorted(set(truth))
    report = oracle.classification_report(truth, called, labels=present, output_dict=True, zero_division=0)
    for i in present:
        of = found["per_class"][DIAGNOSES[i]]
        assert of["support"] == report[str(i)]["support"]
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert value(of, ours) == pytest.approx(report[str(i)][theirs], abs=1e-6)
    for kind in ("macro", "weighted"):
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert value(found[kind], ours) == pytest.approx(report[f"{kind} avg"][theirs], abs=1e-6)
    assert found["confusion"] == oracle.confusion_matrix(truth, called, labels=range(7)).tolist()
    assert value(found, "accuracy") == pytest.approx((truth == called).mean(), abs=1e-6)
    assert value(found, "balanced_accuracy") == pytest.approx(value(found["macro"], "recall"), abs=1e-6)
    for k in (2, 3):
        expected = oracle.top_k_accuracy_score(truth, probability, k=k, labels=range(7))
        assert value(found, f"top_{k}") == pytest.approx(expected, abs=1e-6)


def test_a_diagnosis_that_does_not_occur_has_no_figures():
    assert measure_diagnoses(some_rows(), resamples=2)["per_class"]["vasc"] == {
        "precision": None,
        "recall": None,
        "f1": None,
        "support": 0,
    }


def test_a_group_is_drawn_whole():
    draws = Draws(np.array(["x", "y", "x", "z"]), resamples=50, seed=0)
    weights = draws.weights
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (draws.counts.sum(axis=1) == 3).all()
    assert (weights[0] == 1).all()
    assert (draws.counts[1:] != 1).any()


def test_the_interval_equals_a_bootstrap_that_draws_groups_and_scores_with_scikit_learn():
    rows = some_rows(120)
    rng = np.random.default_rng(9)
    photographs = rows.groupby("group").indices
    names = np.array(list(photographs))
    drawn = [rows.iloc[np.concatenate([photographs[g] for g in rng.choice(names, len(names))])] for _ in range(500)]
    aucs = [oracle.roc_auc_score(part["malignant"], part["risk"]) for part in drawn]
    found = measure(rows, THRESHOLDS, 0.15, resamples=1000)["auc"]
    assert found["low"] == pytest.approx(np.quantile(aucs, 0.025), abs=0.015)
    assert found["high"] == pytest.approx(np.quantile(aucs, 0.975), abs=0.015)


def test_copies_of_a_photograph_in_one_group_do_not_narrow_the_interval():
    rows = some_rows(100, photographs_of_a_group=1)
    copied = pd.concat([rows] * 4, ignore_index=True)
    once, often = (measure(part, THRESHOLDS, 0.15, resamples=300)["auc"] for part in (rows, copied))
    assert often == once


def test_the_same_seed_gives_the_same_intervals_and_another_one_others():
    rows = some_rows(100)
    first, again, other = (measure(rows, THRESHOLDS, 0.15, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["auc"] != other["auc"]


def test_one_class_leaves_what_needs_both_undefined():
    rows = some_rows()
    found = measure(rows[rows["malignant"] == 0], THRESHOLDS, 0.15, resamples=20)
    undefined = {name for name in FIGURES if found[name] is None}
    assert undefined == {
        "auc",
        "auc_without_refused",
        "auc_melanoma",
        "average_precision",
        "specificity_at_95_sensitivity",
        "sensitivity",
        "f1",
        "balanced_accuracy",
        "ece",
        "brier_shifted",
    }
    assert found["curves"] is None


def test_a_figure_on_fewer_than_30_groups_of_a_class_is_marked():
    rows = some_rows(400, photographs_of_a_group=1)
    ill = rows[rows["malignant"] == 1]
    well = rows[rows["malignant"] == 0]
    enough = measure(pd.concat([ill.iloc[:30], well.iloc[:30]]), THRESHOLDS, 0.15, resamples=5)
    short = measure(pd.concat([ill.iloc[:29], well]), THRESHOLDS, 0.15, resamples=5)
    assert not enough["too_few"]
    assert "too_few" not in enough["auc"]
    assert short["too_few"]
    assert short["auc"]["too_few"] is True
    # Of the 30 malignant ones only some are melanoma.
    assert enough["auc_melanoma"]["too_few"] is True


def test_a_file_that_cannot_be_opened_is_counted_and_not_scored():
    rows = some_rows()
    damaged = rows.index < 3
    whole = measure(rows[~damaged], THRESHOLDS, 0.15, resamples=2)
    rows.loc[damaged, "refused"] = "damaged_file"
    rows.loc[damaged, ["risk", *(f"p_{code}" for code in DIAGNOSES)]] = np.nan
    found = measure(rows, THRESHOLDS, 0.15, resamples=2)
    assert (found["n"], found["n_unreadable"], found["n_refused"]) == (400, 3, 23)
    assert value(found, "auc") == value(whole, "auc")


def test_the_refused_cancers_of_a_set_are_counted_apart():
    # Of ten photographs the first four are cancers; one of these and two others are refused.
    refused = ["", "unfamiliar", "", "", "not_skin", "", "", "unfamiliar", "", ""]
    rows = some_rows(10).assign(malignant=[1] * 4 + [0] * 6, refused=refused)
    found = measure(rows, THRESHOLDS, 0.15, resamples=2)
    assert (found["n_refused"], found["n_refused_malignant"]) == (3, 1)


def test_a_set_in_which_nothing_could_be_opened_has_no_figures():
    rows = some_rows(10).assign(refused="damaged_file", risk=np.nan)
    found = measure(rows, THRESHOLDS, 0.15, resamples=2)
    assert all(found[name] is None for name in FIGURES)
    assert found["n_unreadable"] == 10


def test_refused_photographs_are_in_the_band_that_says_cannot_tell():
    rows = some_rows(4).assign(risk=[0.1, 0.2, 0.6, 0.9], refused=["", "", "", "not_skin"], malignant=[0, 0, 1, 1])
    assert measure(rows, THRESHOLDS, 0.15, resamples=2)["bands"] == {
        "low": {"malignant": 0, "benign": 1},
        "raised": {"malignant": 0, "benign": 1},
        "high": {"malignant": 1, "benign": 0},
        "cannot_tell": {"malignant": 1, "benign": 0},
    }


def test_an_undefined_resample_is_left_out_of_the_interval():
    assert figure(np.array([0.5, np.nan, 0.4, 0.6]))["low"] == pytest.approx(0.405)
    assert figure(np.array([np.nan, 0.4])) is None


def test_the_source_alone_scores_the_auc_of_its_prevalence():
    # Source a: 1 of 4 malignant; b: 3 of 4. Of 16 malignant-benign pairs 9 rank right and 6 tie: 12 / 16.
    rows = some_rows(8).assign(source=list("aaaabbbb"), malignant=[1, 0, 0, 0, 1, 1, 1, 0])
    assert source_only_auc(rows, resamples=5)["value"] == 0.75


def test_a_summary_has_sets_by_source_and_modality_families_and_a_pool_beside_its_baseline():
    rows = pd.concat([some_rows(80, 1, "a"), some_rows(80, 2, "b", prevalence=0.8)], ignore_index=True)
    rows["family"] = "one"
    rows.loc[rows["source"] == "b", "modality"] = ""
    found = summarise(rows, THRESHOLDS, 0.15, resamples=5)
    assert list(found["sets"]) == ["a:dermoscopic", "b:unknown"]
    assert found["families"]["one"]["sources"] == ["a", "b"]
    assert found["pooled"]["n"] == 160
    assert found["pooled"]["source_only_auc"] == found["source_only_auc"]
    assert found["source_only_auc"]["value"] > 0.6


@pytest.mark.parametrize("outputs", [7, 1])
def test_the_bare_risk_of_the_network_is_found_from_calibrated_probabilities(outputs):
    mask = malignant_mask() if outputs == 7 else [True]
    logits = np.random.default_rng(0).normal(size=(50, outputs)) * 3
    calibration = Calibration(temperature=1.7, malignant_offset=-0.8)
    calibrated = probabilities(logits, mask, calibration)
    bare = risk(probabilities(logits, mask, Calibration()), mask)
    assert uncalibrated_risk(calibrated, mask, calibration) == pytest.approx(bare)


def test_the_bare_risk_of_the_network_is_found_from_diagnoses_with_a_calibration_of_their_own():
    logits = np.random.default_rng(0).normal(size=(50, 7)) * 3
    calibration = DiagnosisCalibration(0.7, (0.5, -0.1, 0.2, -0.9, 0.0, 0.2, 0.1))
    bare = risk(probabilities(logits, malignant_mask(), Calibration()), malignant_mask())
    found = uncalibrated_risk(diagnosis_probabilities(logits, calibration), malignant_mask(), calibration)
    assert found == pytest.approx(bare)


def test_the_curves_are_thinned_and_agree_with_the_figures():
    rows = some_rows(1000)
    rows["risk"] = rows["p_mel"] + rows["p_bcc"] + rows["p_akiec"]
    found = curves(rows, 0.15)
    roc = found["roc"]
    assert len(roc["sensitivity"]) == len(roc["false_positive_rate"]) <= 101
    area = np.trapezoid(roc["sensitivity"], roc["false_positive_rate"])
    assert area == pytest.approx(oracle.roc_auc_score(rows["malignant"], rows["risk"]), abs=0.01)
    at_one_fifth = found["operating_points"]["threshold"].index(0.2)
    ill = rows["malignant"] == 1
    assert found["operating_points"]["sensitivity"][at_one_fifth] == pytest.approx(
        (rows["risk"][ill] >= 0.2).mean(), abs=1e-6
    )
    assert sum(found["reliability"]["calibrated"]["n"]) == 1000
