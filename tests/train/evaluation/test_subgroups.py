"""Subgroups: counts and figures by hand, the AUC within sources, and what is too few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as oracle

from skin_model.network.calibration import Thresholds
from train.evaluation.metrics import measure
from train.evaluation.subgroups import ATTRIBUTES, age_bands, attribute_values, auc_within_sources, subgroups

THRESHOLDS = Thresholds(low=0.2, high=0.6, malignant_from=0.25, benign_to=0.3)


def some_rows(malignant, benign, source="a", **columns):
    """Rows of one source with these risks, each photograph its own group."""
    risks = [*malignant, *benign]
    rows = pd.DataFrame(
        {
            "risk": np.array(risks, dtype=float),
            "malignant": [1] * len(malignant) + [0] * len(benign),
            "group": [f"{source}{i}" for i in range(len(risks))],
            "source": source,
            "modality": "dermoscopic",
            "diagnosis": ["mel"] * len(malignant) + ["nv"] * len(benign),
        }
    )
    return rows.assign(**columns)


def two_sources():
    """a: low risks, AUC 1 on one cancer; b: high risks, AUC 4/6 on three. Pooled they rank otherwise."""
    a = some_rows([0.30], [0.10, 0.15, 0.20, 0.05], "a", sex="female")
    b = some_rows([0.50, 0.70, 0.90], [0.60, 0.65], "b", sex="female")
    return pd.concat([a, b], ignore_index=True)


def test_the_auc_of_a_subgroup_over_two_sources_is_weighted_by_cancers_and_never_pooled():
    rows = two_sources()
    found = subgroups(rows, THRESHOLDS, resamples=5)["sex"]["female"]
    assert found["auc"]["value"] == pytest.approx((1 * 1 + 3 * 4 / 6) / 4)
    # Pooled: 0.3 beats 4 of 6 benign ones, 0.5 beats 4, 0.7 and 0.9 beat 6: 20 of 24 pairs.
    assert oracle.roc_auc_score(rows["malignant"], rows["risk"]) == pytest.approx(20 / 24)


def test_counts_sensitivity_and_specificity_by_hand():
    found = subgroups(two_sources(), THRESHOLDS, resamples=5)["sex"]["female"]
    assert (found["n"], found["n_malignant"], found["n_groups"]) == (10, 4, 10)
    assert found["sensitivity"]["value"] == 1.0
    # 0.20 lies on the threshold and counts as yes; 0.10, 0.15 and 0.05 are cleared.
    assert found["specificity"]["value"] == 0.5


def test_a_source_with_one_class_in_the_subgroup_does_not_enter_its_auc():
    rows = pd.concat([two_sources(), some_rows([0.01] * 5, [], "c", sex="female")], ignore_index=True)
    found = subgroups(rows, THRESHOLDS, resamples=5)["sex"]["female"]
    assert found["auc"]["value"] == pytest.approx(0.75)
    assert found["sensitivity"]["value"] == pytest.approx(4 / 9, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_weighted_aucs_within_sources_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 9, 90) / 8, rng.integers(0, 2, 90)
    sources, weights = rng.choice(["a", "b"], 90), rng.integers(0, 3, (4, 90)).astype(float)
    found = auc_within_sources(scores, truth, sources, weights)
    for b, weight in enumerate(weights):
        aucs, cases = [], []
        for source in "ab":
            of = sources == source
            aucs.append(oracle.roc_auc_score(truth[of], scores[of], sample_weight=weight[of]))
            cases.append(weight[of] @ truth[of])
        assert found[b] == pytest.approx(np.average(aucs, weights=cases))


def test_a_draw_in_which_no_source_has_both_classes_has_no_auc():
    weights = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0]])
    found = auc_within_sources(np.array([0.9, 0.1, 0.8, 0.2]), np.array([1, 0, 1, 0]), np.array(list("aabb")), weights)
    assert found[0] == 1.0
    assert np.isnan(found[1])


def test_a_value_of_one_class_has_no_auc_but_its_sensitivity_or_specificity():
    found = subgroups(two_sources(), THRESHOLDS, resamples=5)["diagnosis"]
    assert found["mel"]["auc"] is None
    assert found["mel"]["sensitivity"]["value"] == 1.0
    assert found["mel"]["specificity"] is None
    assert found["nv"]["sensitivity"] is None
    assert found["nv"]["specificity"]["value"] == 0.5


@pytest.mark.parametrize(("ill", "well", "few"), [(30, 30, False), (29, 30, True), (30, 29, True)])
def test_fewer_than_30_groups_of_a_class_are_too_few(ill, well, few):
    found = subgroups(some_rows([0.5] * ill, [0.1] * well), THRESHOLDS, resamples=2)["source"]["a"]
    assert found["too_few"] is few
    for name in ("auc", "sensitivity", "specificity"):
        assert found[name].get("too_few", False) is few


def test_photographs_of_one_group_count_once_for_too_few():
    rows = some_rows([0.5] * 60, [0.1] * 60).assign(group=[f"g{i // 3}" for i in range(120)])
    found = subgroups(rows, THRESHOLDS, resamples=2)["source"]["a"]
    assert (found["n"], found["n_groups"], found["too_few"]) == (120, 40, True)


def test_a_diagnosis_that_is_always_benign_is_judged_by_its_benign_groups():
    rows = some_rows([0.5] * 29, [0.1] * 30)
    found = subgroups(rows, THRESHOLDS, resamples=2)["diagnosis"]
    assert (found["nv"]["too_few"], found["mel"]["too_few"]) == (False, True)


def test_the_auc_is_marked_by_the_groups_of_the_sources_it_comes_from():
    # 40 malignant and 40 benign groups, but only one of each in the only source that has both.
    rows = pd.concat(
        [some_rows([0.5] * 39, [], "a"), some_rows([], [0.1] * 39, "b"), some_rows([0.5], [0.1], "c")],
        ignore_index=True,
    ).assign(sex="male")
    found = subgroups(rows, THRESHOLDS, resamples=20)["sex"]["male"]
    assert found["auc"]["too_few"] is True
    assert found["too_few"] is False
    assert "too_few" not in found["sensitivity"]


def test_a_source_has_the_very_figures_of_its_set():
    rng = np.random.default_rng(1)
    rows = some_rows(rng.beta(3, 2, 70), rng.beta(1, 4, 70)).assign(refused="", p_mel=np.nan, family="a")
    found = subgroups(rows, THRESHOLDS, resamples=100, seed=5)["source"]["a"]
    set_of_it = measure(rows, THRESHOLDS, 0.15, resamples=100, seed=5)
    for name in ("n", "n_malignant", "n_groups", "too_few", "auc", "sensitivity", "specificity"):
        assert found[name] == set_of_it[name]


def test_ages_fall_into_their_bands():
    ages = pd.Series(["0", "29", "29.9", "30", "44", "45", "59", "60", "74", "75", "101", "", "old", "-1"])
    expected = ["under 30"] * 3 + ["30-44"] * 2 + ["45-59"] * 2 + ["60-74"] * 2 + ["75 and over"] * 2 + ["unknown"] * 3
    assert age_bands(ages).tolist() == expected


def test_bands_come_in_order_of_age_and_unknown_last():
    rows = some_rows([0.5] * 6, []).assign(age=["", "80", "20", "65", "31", "50"], site=["b", "", "a", "a", "b", "c"])
    found = subgroups(rows, THRESHOLDS, resamples=2)
    assert list(found["age_band"]) == ["under 30", "30-44", "45-59", "60-74", "75 and over", "unknown"]
    assert list(found["site"]) == ["a", "b", "c", "unknown"]


def test_a_skin_type_in_roman_numerals_is_the_same_skin_type():
    rows = some_rows([0.5] * 4, []).assign(fitzpatrick=["II", "2", "VI", ""])
    assert attribute_values(rows, "fitzpatrick").tolist() == ["2", "2", "6", "unknown"]


def test_what_nobody_wrote_down_is_unknown():
    found = subgroups(two_sources().drop(columns="sex"), THRESHOLDS, resamples=2)
    assert tuple(found) == ATTRIBUTES
    for attribute in ("confirmed_by", "age_band", "sex", "site", "fitzpatrick"):
        assert {value: of["n"] for value, of in found[attribute].items()} == {"unknown": 10}


def test_photographs_without_a_risk_do_not_count():
    rows = two_sources()
    damaged = some_rows([np.nan], [np.nan], "z", sex="male")
    both = pd.concat([rows, damaged], ignore_index=True)
    assert subgroups(both, THRESHOLDS, resamples=5) == subgroups(rows, THRESHOLDS, resamples=5)


def test_the_spellings_of_one_body_site_are_one_subgroup():
    rows = some_rows([0.5] * 4, []).assign(site=["head/neck", "face", "elsewhere", ""])
    assert attribute_values(rows, "site").tolist() == ["head_neck", "head_neck", "elsewhere", "unknown"]
