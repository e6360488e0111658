"""Calibration from counts: as good as from the pooled photographs, and nothing but counts is used."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skin_model.diagnoses import DIAGNOSES, malignant_mask
from skin_model.network.calibration import probabilities, risk
from train import UserError
from train.federated import counts
from train.federated.counts import SiteCounts, count
from train.fitting import calibration

OUTPUTS = malignant_mask()
Pooled = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def clinics(sizes: dict[str, tuple[int, int]], seed: int = 0, sharpness: float = 1.6) -> Pooled:
    """Logits of seven outputs, too sure of themselves, with labels, clinics and groups. sizes: benign and malignant."""
    rng = np.random.default_rng(seed)
    logits, ill, names, groups = [], [], [], []
    for name, (benign, malignant) in sizes.items():
        for label, many in ((0, benign), (1, malignant)):
            found = rng.normal(0, 1.2, (many, len(DIAGNOSES)))
            found[:, np.flatnonzero(OUTPUTS)] += 1.3 * label - 0.9
            logits.append(sharpness * found)
            ill += [label] * many
            names += [name] * many
            groups += [f"{name}/{label}/{k // 2}" for k in range(many)]
    return np.concatenate(logits), np.array(ill), np.array(names), np.array(groups)


def counted(pooled: Pooled) -> list[SiteCounts]:
    logits, ill, names, groups = pooled
    return [
        count(name, logits[of], ill[of], groups[of], OUTPUTS) for name in np.unique(names) for of in [names == name]
    ]


def log_loss(fitted: calibration.Calibration, pooled: Pooled) -> float:
    logits, ill, names, _ = pooled
    weights = calibration.weigh(ill, names, 0.15)
    risks = risk(probabilities(logits, OUTPUTS, fitted), OUTPUTS)
    return float(-(weights * np.log(np.where(ill == 1, risks, 1 - risks))).sum())


@pytest.mark.parametrize("sharpness", [0.7, 1.6, 3.0])
def test_it_is_the_calibration_of_the_pooled_photographs_up_to_the_width_of_the_bins(sharpness):
    pooled = clinics({"vienna": (900, 300), "bern": (300, 200), "graz": (600, 80)}, sharpness=sharpness)
    logits, ill, names, groups = pooled
    expected, thresholds, points = calibration.fit(logits, ill, names, OUTPUTS, groups=groups)
    found, found_thresholds, found_points, notes = counts.fit(counted(pooled))
    assert notes == []
    assert found.temperature == pytest.approx(expected.temperature, rel=0.06)
    assert log_loss(found, pooled) == pytest.approx(log_loss(expected, pooled), abs=2e-4)
    for name in ("low", "high", "malignant_from", "benign_to"):
        assert getattr(found_thresholds, name) == pytest.approx(getattr(thresholds, name), rel=0.1, abs=0.005), name
    at = {round(point["threshold"], 2): point for point in points}
    for point in found_points:
        if round(point["threshold"], 4) in (0.1, 0.2, 0.3, 0.5):
            other = at[round(point["threshold"], 2)]
            assert point["sensitivity"] == pytest.approx(other["sensitivity"], abs=0.03)
            assert point["specificity"] == pytest.approx(other["specificity"], abs=0.03)


def test_a_site_with_too_few_groups_is_left_out_as_a_family_is_and_named():
    pooled = clinics({"vienna": (300, 100), "bern": (300, 100), "graz": (300, 20)})
    logits, ill, names, groups = pooled
    found, _, _, notes = counts.fit(counted(pooled))
    kept = names != "graz"
    expected = calibration.fit(logits[kept], ill[kept], names[kept], OUTPUTS, groups=groups[kept])[0]
    assert [note.partition(":")[0] for note in notes] == ["graz is left out of the calibration"]
    assert found.temperature == pytest.approx(expected.temperature, rel=0.06)


def test_a_site_without_cancers_counts_for_nothing_beside_others():
    some = {"vienna": (300, 100), "bern": (300, 100)}
    with_one_more = counts.fit(counted(clinics(some | {"graz": (200, 0)})))
    assert with_one_more[0] == counts.fit(counted(clinics(some)))[0]


def test_without_any_cancer_there_is_nothing_to_calibrate():
    with pytest.raises(UserError, match="no site has both to give"):
        counts.fit(counted(clinics({"vienna": (100, 0), "bern": (50, 0)})))


def test_the_auc_from_counts_is_that_of_the_log_odds_up_to_ties_within_a_bin():
    logits, ill, names, groups = clinics({"vienna": (300, 60)})
    (site,) = counted((logits, ill, names, groups))
    odds = counts.log_odds(logits, OUTPUTS)
    assert counts.auc(site, counts.TEMPERATURES.index(1.0)) == pytest.approx(roc_auc_score(ill, odds), abs=1e-3)


def test_a_handful_of_cancers_has_no_auc():
    (site,) = counted(clinics({"vienna": (300, 4)}))
    assert counts.auc(site) is None


def test_every_photograph_is_counted_once_at_every_temperature_and_however_far_out():
    logits, ill, names, groups = clinics({"vienna": (30, 10)}, sharpness=100)
    (site,) = counted((logits, ill, names, groups))
    assert site.benign.sum(axis=1).tolist() == [30] * len(counts.TEMPERATURES)
    assert site.malignant.sum(axis=1).tolist() == [10] * len(counts.TEMPERATURES)
    assert site.groups == (15, 5)


def test_logits_that_are_no_numbers_are_not_counted():
    logits, ill, _, groups = clinics({"vienna": (30, 10)})
    logits[3, 2] = np.nan
    with pytest.raises(ValueError, match="no finite number"):
        count("vienna", logits, ill, groups, OUTPUTS)
