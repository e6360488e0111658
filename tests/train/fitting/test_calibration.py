"""Calibration: weights by hand, an optimum that is known in closed form, thresholds counted on fingers."""

from __future__ import annotations

import numpy as np
import pytest

from skin_model.network.calibration import band, diagnosis_probabilities, is_uncertain, probabilities, risk
from train import UserError
from train.fitting.calibration import choose_families, fit, fit_calibration, fit_diagnoses, fit_thresholds, weigh


def log_odds(p):
    return np.log(p) - np.log1p(-p)


def test_each_family_has_equal_weight_and_exactly_the_reference_prevalence():
    malignant = np.array([1, 0, 0, 1, 1, 1, 0])
    families = np.array(["a", "a", "a", "b", "b", "b", "b"])
    by_hand = [0.1, 0.2, 0.2, 0.1 / 3, 0.1 / 3, 0.1 / 3, 0.4]
    assert weigh(malignant, families, 0.2) == pytest.approx(by_hand)


def test_a_family_with_one_class_weighs_nothing():
    assert weigh(np.array([1, 0, 0]), np.array(["a", "a", "b"]), 0.5) == pytest.approx([0.5, 0.5, 0.0])


def test_one_class_alone_is_refused_with_a_sentence():
    with pytest.raises(UserError, match="malignant and benign"):
        fit(np.zeros((3, 1)), np.zeros(3), np.array(["a"] * 3), [True], groups=np.array(["1", "2", "3"]))


def test_the_offset_is_the_closed_form_for_two_values_of_a_binary_logit():
    # Logit +1: 3 of 4 malignant and 1 of 4 benign. Logit -1: the reverse. At a prevalence of one half the posteriors
    # are 3/4 and 1/4, which are log-odds of +-ln 3: temperature 1 / ln 3 and no offset. At any other prevalence only
    # the offset changes, to the prior's log-odds.
    logits = np.array([1, 1, 1, -1, 1, -1, -1, -1.0])[:, None]
    malignant = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    for prevalence in (0.5, 0.15):
        found = fit_calibration(logits, malignant, np.array(["a"] * 8), [True], prevalence)
        assert found.temperature == pytest.approx(1 / np.log(3), rel=1e-3)
        assert found.malignant_offset == pytest.approx(log_odds(prevalence), abs=1e-3)


def test_a_known_temperature_and_shift_are_recovered_from_seven_outputs():
    rng = np.random.default_rng(0)
    outputs = [True, True, True, False, False, False, False]
    true_logits = rng.normal(size=(60_000, 7)) * 1.5
    chance = np.exp(true_logits) / np.exp(true_logits).sum(1, keepdims=True)
    malignant = (rng.random(60_000) < chance[:, :3].sum(1)).astype(int)
    distorted = true_logits * 2.5 + 1.0 * np.array(outputs)
    found = fit_calibration(distorted, malignant, np.array(["a"] * 60_000), outputs, float(malignant.mean()))
    assert found.temperature == pytest.approx(2.5, rel=0.05)
    assert found.malignant_offset == pytest.approx(-1.0 / 2.5, abs=0.05)


def test_a_diagnosis_counts_with_the_root_of_its_frequency():
    # Logits that say nothing, 160 photographs of one diagnosis and 40 of another: as common as the roots, 2 to 1.
    found = fit_diagnoses(np.zeros((200, 2)), np.repeat([0, 1], [160, 40]))
    assert diagnosis_probabilities(np.zeros((1, 2)), found)[0] == pytest.approx([2 / 3, 1 / 3], abs=1e-4)


def test_photographs_of_unknown_diagnosis_do_not_count():
    right = np.repeat([0, 1, -1], [160, 40, 500])
    assert fit_diagnoses(np.zeros((700, 2)), right).offsets == fit_diagnoses(np.zeros((200, 2)), right[:200]).offsets


def test_a_diagnosis_with_few_photographs_leaves_the_diagnoses_as_they_are():
    assert fit_diagnoses(np.zeros((59, 2)), np.repeat([0, 1], [30, 29])) is None


def test_the_mean_risk_is_the_reference_prevalence():
    rng = np.random.default_rng(1)
    malignant = (rng.random(2000) < 0.6).astype(int)
    logits = rng.normal(size=(2000, 1)) + malignant[:, None]
    families = np.where(rng.random(2000) < 0.3, "a", "b")
    calibration = fit_calibration(logits, malignant, families, [True], 0.15)
    risks = risk(probabilities(logits, [True], calibration), [True])
    assert (weigh(malignant, families, 0.15) * risks).sum() == pytest.approx(0.15, abs=1e-3)


def one_family(malignant_risks, benign_risks, name="a"):
    risks = np.array([*malignant_risks, *benign_risks])
    malignant = np.array([1] * len(malignant_risks) + [0] * len(benign_risks))
    return risks, malignant, np.array([name] * len(risks)), np.array([f"{name}{i}" for i in range(len(risks))])


def test_low_is_the_highest_threshold_that_keeps_95_percent_sensitivity():
    # 40 malignant risks 0.51 … 0.90: two may be missed, so the third lowest is the threshold.
    arguments = one_family(np.arange(51, 91) / 100, np.full(40, 0.95))
    thresholds, _ = fit_thresholds(*arguments)
    assert thresholds.low == 0.53


def test_high_is_the_lowest_threshold_that_reaches_90_percent_specificity():
    # 40 benign risks 0.01 … 0.40: 36 must lie below, so the threshold is just above 0.36.
    thresholds, _ = fit_thresholds(*one_family(np.full(40, 0.05), np.arange(1, 41) / 100))
    assert thresholds.high > 0.36
    assert thresholds.high == pytest.approx(0.36, abs=1e-9)
    assert band(0.37, thresholds) in ("high", "cannot_tell")


def test_high_is_never_under_low():
    thresholds, _ = fit_thresholds(*one_family(np.full(40, 0.9), np.full(40, 0.1)))
    assert (thresholds.low, thresholds.high) == (0.9, 0.9)


def test_conformal_limits_use_the_finite_sample_correction():
    # n = 40: of the malignant, ceil(41 * 0.9) = 37 must be covered, one more than the plain 36; of the benign,
    # ceil(41 * 0.85) = 35 and not 34.
    thresholds, _ = fit_thresholds(*one_family(np.arange(51, 91) / 100, np.arange(1, 41) / 100))
    assert thresholds.malignant_from == 0.54
    assert thresholds.benign_to == 0.35


def test_nine_in_ten_cancers_of_every_family_stay_open():
    # b's cancers lie lower than a's: their limit counts, for all.
    a, b = (
        one_family(start + np.arange(40) / 100, np.full(40, 0.05), name) for start, name in ((0.51, "a"), (0.2, "b"))
    )
    thresholds, _ = fit_thresholds(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))
    assert thresholds.malignant_from == pytest.approx(0.23)


def test_the_conformal_correction_counts_groups_and_not_photographs():
    # The same 40 risks of each class, but of 4 groups: ceil(5 * 0.85) = 5 > 4, so nothing can be excluded.
    risks, malignant, families, _ = one_family(np.arange(51, 91) / 100, np.arange(1, 41) / 100)
    groups = np.array([f"{i // 10}" for i in range(80)])
    thresholds, _ = fit_thresholds(risks, malignant, families, groups)
    assert (thresholds.malignant_from, thresholds.benign_to) == (0.0, 1.0)
    assert is_uncertain(0.5, thresholds)


def test_families_count_the_same_whatever_their_size():
    # b has 30 malignant at 0.5, a has 300 at 0.8. Missing b would cost half of the averaged sensitivity.
    a = one_family(np.full(300, 0.8), np.full(300, 0.1), "a")
    b = one_family(np.full(30, 0.5), np.full(30, 0.1), "b")
    thresholds, points = fit_thresholds(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))
    assert thresholds.low == 0.5
    at_60_percent = next(p for p in points if p["threshold"] == 0.6)
    assert at_60_percent == {"threshold": 0.6, "sensitivity": pytest.approx(0.5), "specificity": pytest.approx(1.0)}


def test_a_small_family_is_left_out_of_the_thresholds_and_named():
    a = one_family(np.full(30, 0.8), np.full(30, 0.1), "a")
    b = one_family(np.full(29, 0.01), np.full(500, 0.99), "b")
    arguments = [np.concatenate(pair) for pair in zip(a, b, strict=True)]
    thresholds, _ = fit_thresholds(*arguments)
    assert thresholds.low == 0.8
    used, notes = choose_families(*arguments[1:])
    assert used == ["a"]
    assert len(notes) == 1
    assert notes[0].startswith("b is left out of the calibration: 29 malignant and 500 benign groups")


def test_fit_leaves_a_small_family_out_and_says_so(caplog):
    rng = np.random.default_rng(2)
    malignant = np.array([1, 0] * 100 + [1, 0])
    logits = rng.normal(size=(202, 1)) + malignant[:, None]
    logits[-2:] = [[-9.0], [9.0]]
    families = np.array(["a"] * 200 + ["b"] * 2)
    groups = np.arange(202).astype(str)
    alone = fit(logits[:200], malignant[:200], families[:200], [True], groups=groups[:200])
    assert fit(logits, malignant, families, [True], groups=groups) == alone
    assert "b is left out of the calibration: 1 malignant and 1 benign groups" in caplog.text


def test_operating_points_run_from_everything_to_nothing_in_steps_of_one_hundredth():
    thresholds, points = fit_thresholds(*one_family(np.arange(51, 91) / 100, np.arange(1, 41) / 100))
    at = [p["threshold"] for p in points]
    assert at == sorted(set(at) | {i / 100 for i in range(101)} | {thresholds.low, thresholds.high})
    assert points[0] == {"threshold": 0.0, "sensitivity": pytest.approx(1.0), "specificity": 0.0}
    assert points[-1] == {"threshold": 1.0, "sensitivity": 0.0, "specificity": pytest.approx(1.0)}
    at_low = next(p for p in points if p["threshold"] == thresholds.low)
    assert at_low["sensitivity"] == pytest.approx(0.95)


def test_a_risk_on_the_threshold_counts_as_above_it():
    _, points = fit_thresholds(*one_family(np.full(30, 0.5), np.full(30, 0.5)))
    at_half = next(p for p in points if p["threshold"] == 0.5)
    assert at_half == {"threshold": 0.5, "sensitivity": pytest.approx(1.0), "specificity": 0.0}


def test_families_of_one_class_each_are_pooled_as_one_centre():
    logits = np.array([[2.0], [1.0], [-1.0], [0.5]])
    arguments = (np.array([1, 1, 0, 0]), np.array(["a", "a", "b", "b"]))
    calibration, thresholds, points = fit(logits, *arguments, [True], groups=np.array(list("1234")))
    risks = risk(probabilities(logits, [True], calibration), [True])
    assert thresholds.low == pytest.approx(risks[1])
    assert len(points) >= 101


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="same length"):
        fit(np.zeros((3, 1)), np.zeros(2), np.array(["a"] * 3), [True], groups=np.array(["1", "2", "3"]))
