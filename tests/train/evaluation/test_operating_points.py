"""Operating points and decision curves, worked out by hand on a handful of photographs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skin_model.network.calibration import Thresholds
from train.evaluation.metrics import measure
from train.evaluation.operating_points import decision_curves, net_benefit, operating_points, predictive_values

THRESHOLDS = Thresholds(low=0.2, high=0.6, malignant_from=0.25, benign_to=0.3)


def some_rows(malignant, benign, family="a", **columns):
    """Rows of one family with these risks, each photograph its own group."""
    risks = [*malignant, *benign]
    rows = pd.DataFrame(
        {
            "risk": np.array(risks, dtype=float),
            "malignant": [1] * len(malignant) + [0] * len(benign),
            "group": [f"{family}{i}" for i in range(len(risks))],
            "source": family,
            "family": family,
        }
    )
    return rows.assign(**columns)


def two_families():
    """a: sensitivity 3/4, specificity 4/5 at 0.2; b: 1/2 and 1/2."""
    a = some_rows([0.9, 0.7, 0.2, 0.1], [0.05, 0.05, 0.1, 0.1, 0.3], "a")
    return pd.concat([a, some_rows([0.9, 0.1], [0.9, 0.1], "b")], ignore_index=True)


def value(found):
    return found["value"]


def test_predictive_values_by_hand():
    # Of 1000 people 20 have cancer: 18 are found, 2 missed; of the 980 others 196 are alarmed, 784 cleared.
    found = predictive_values(np.array([0.9]), np.array([0.8]), 0.02)
    assert found["ppv"][0] == pytest.approx(18 / 214)
    assert found["npv"][0] == pytest.approx(784 / 786)
    assert found["flagged_per_cancer"][0] == pytest.approx(214 / 18)


def test_predictive_values_that_divide_by_nobody_are_undefined():
    nobody_flagged = predictive_values(np.array([0.0]), np.array([1.0]), 0.1)
    everybody_flagged = predictive_values(np.array([1.0]), np.array([0.0]), 0.1)
    assert np.isnan(
        [nobody_flagged["ppv"][0], nobody_flagged["flagged_per_cancer"][0], everybody_flagged["npv"][0]]
    ).all()
    assert nobody_flagged["npv"][0] == pytest.approx(0.9)
    assert everybody_flagged["ppv"][0] == pytest.approx(0.1)


def test_no_cancer_found_leaves_the_people_flagged_for_each_undefined():
    found = predictive_values(np.array([0.0]), np.array([0.5]), 0.1)
    assert found["ppv"][0] == 0
    assert np.isnan(found["flagged_per_cancer"][0])


def test_an_operating_point_by_hand_at_every_prevalence():
    found = operating_points(two_families(), THRESHOLDS, resamples=5)["a"]["low"]
    assert (found["threshold"], value(found["sensitivity"]), value(found["specificity"])) == (0.2, 0.75, 0.8)
    assert [point["prevalence"] for point in found["prevalences"]] == [0.001, 0.02, 0.1, 0.2]
    # Out of 10,000 people: cancers found, false alarms, cleared, missed.
    by_hand = [(7.5, 1998, 7992, 2.5), (150, 1960, 7840, 50), (750, 1800, 7200, 250), (1500, 1600, 6400, 500)]
    for point, (hits, alarms, cleared, missed) in zip(found["prevalences"], by_hand, strict=True):
        assert value(point["ppv"]) == pytest.approx(hits / (hits + alarms), abs=1e-6)
        assert value(point["npv"]) == pytest.approx(cleared / (cleared + missed), abs=1e-6)
        assert value(point["flagged_per_cancer"]) == pytest.approx((hits + alarms) / hits, abs=1e-6)


def test_the_high_threshold_has_its_own_point():
    # At 0.6 two of four malignant ones are found and all benign ones cleared, so whoever is flagged has cancer.
    found = operating_points(two_families(), THRESHOLDS, resamples=5)["a"]["high"]
    assert (found["threshold"], value(found["sensitivity"]), value(found["specificity"])) == (0.6, 0.5, 1.0)
    assert value(found["prevalences"][0]["ppv"]) == 1.0
    assert value(found["prevalences"][0]["flagged_per_cancer"]) == 1.0


def test_all_is_the_mean_of_the_families_and_its_predictive_values_come_from_that_mean():
    found = operating_points(two_families(), THRESHOLDS, resamples=5)["all"]["low"]
    assert value(found["sensitivity"]) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert value(found["specificity"]) == pytest.approx((4 / 5 + 1 / 2) / 2)
    # At 10 %: 0.0625 found, 0.35 * 0.9 = 0.315 alarmed.
    assert value(found["prevalences"][2]["ppv"]) == pytest.approx(0.0625 / 0.3775, abs=1e-6)


def test_a_family_of_one_class_has_that_classs_figure_and_stays_out_of_all():
    rows = pd.concat([two_families(), some_rows([], [0.1, 0.9], "c")], ignore_index=True)
    found = operating_points(rows, THRESHOLDS, resamples=5)
    assert found["c"]["low"]["sensitivity"] is None
    assert value(found["c"]["low"]["specificity"]) == 0.5
    assert found["c"]["low"]["prevalences"][0]["ppv"] is None
    assert value(found["all"]["low"]["specificity"]) == pytest.approx(0.65)


def test_without_a_family_of_both_classes_there_is_no_all():
    rows = pd.concat([some_rows([], [0.1], "a"), some_rows([0.9], [], "b")], ignore_index=True)
    assert set(operating_points(rows, THRESHOLDS, resamples=2)) == {"a", "b"}
    assert decision_curves(rows, 0.15) == {}


def test_a_family_has_the_very_figures_of_its_set():
    rng = np.random.default_rng(0)
    rows = some_rows(rng.beta(3, 2, 60), rng.beta(1, 4, 90))
    rows = rows.assign(group=[f"g{i // 2}" for i in range(150)], refused="", diagnosis="", modality="", p_mel=np.nan)
    set_of_it = measure(rows, THRESHOLDS, 0.15, resamples=200, seed=3)
    found = operating_points(rows, THRESHOLDS, resamples=200, seed=3)["a"]["low"]
    assert found["sensitivity"] == set_of_it["sensitivity"]
    assert found["specificity"] == set_of_it["specificity"]
    assert found["sensitivity"]["low"] < found["sensitivity"]["value"] < found["sensitivity"]["high"]


def test_all_is_marked_where_one_family_has_too_few_groups():
    many = some_rows([0.5] * 30, [0.1] * 30, "a")
    few = some_rows([0.5] * 29, [0.1] * 30, "b")
    found = operating_points(pd.concat([many, few], ignore_index=True), THRESHOLDS, resamples=2)
    assert "too_few" not in found["a"]["low"]["sensitivity"]
    assert found["b"]["low"]["sensitivity"]["too_few"] is True
    assert found["all"]["low"]["prevalences"][0]["ppv"]["too_few"] is True


def test_photographs_without_a_risk_do_not_count():
    damaged = some_rows([np.nan], [np.nan], "a")
    whole = two_families()
    both = pd.concat([whole, damaged], ignore_index=True)
    assert operating_points(both, THRESHOLDS, resamples=5) == operating_points(whole, THRESHOLDS, resamples=5)
    assert decision_curves(both, 0.15) == decision_curves(whole, 0.15)


def test_net_benefit_is_true_less_weighted_false_positives_per_person():
    # Vickers & Elkin: TP / n - FP / n * pt / (1 - pt). Of 100 people 20 have cancer; 15 found, 24 false alarms.
    assert net_benefit(np.array(15 / 20), np.array(56 / 80), 0.2, np.array(0.25)) == pytest.approx(
        15 / 100 - 24 / 100 * (0.25 / 0.75)
    )


def test_a_decision_curve_by_hand_at_the_reference_prevalence():
    found = decision_curves(two_families(), 0.15)["a"]
    assert found["prevalence"] == 0.15
    points = {point["threshold"]: point for point in found["points"]}
    # Nobody is below 0: everybody is referred, each cancer counts and no alarm costs anything.
    assert points[0.0] == {"threshold": 0.0, "net_benefit": 0.15, "refer_all": 0.15}
    assert points[0.2]["net_benefit"] == pytest.approx(0.75 * 0.15 - 0.2 * 0.85 * 0.25)
    assert points[0.2]["refer_all"] == pytest.approx(0.15 - 0.85 * 0.25)
    assert points[0.5]["net_benefit"] == pytest.approx(0.5 * 0.15)
    assert max(points) == 0.5


def test_the_decision_curve_of_all_is_the_mean_of_the_families():
    found = decision_curves(two_families(), 0.15)
    at = {name: found[name]["points"][20]["net_benefit"] for name in ("a", "b", "all")}
    assert at["b"] == pytest.approx(0.5 * 0.15 - 0.5 * 0.85 * 0.25)
    assert at["all"] == pytest.approx((at["a"] + at["b"]) / 2, abs=1e-6)
