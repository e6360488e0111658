"""What the thresholds would mean for people: operating points at stated prevalences, and decision curves.

The thresholds themselves are chosen in ``train.fitting.calibration``.
Data sets hold far more cancer than any crowd does, so none of this uses their own share of it: sensitivity and
specificity are measured, and the prevalence is stated. ``all`` is the mean over centre families, each counting the
same, of those that have malignant and benign photographs; it is missing where none has both.
"""

from typing import Any

import numpy as np
import pandas as pd

from skin_model.network.calibration import Thresholds
from train.bootstrap import RESAMPLES, Draws, figure, too_few

ALL = "all"
PREVALENCES: tuple[float, ...] = (0.001, 0.02, 0.1, 0.2)
CURVE_THRESHOLDS: tuple[float, ...] = tuple(step / 100 for step in range(51))
"""Risks from which somebody would see a doctor. Nobody would wait until cancer is likelier than not."""


def operating_points(
    rows: pd.DataFrame, thresholds: Thresholds, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Family, or ``all``, to its figures at the thresholds ``low`` and ``high``, each over PREVALENCES.

    rows: as ``train.evaluation.metrics`` describes them; photographs without a risk are left out. A family with one
    class has the figures of that class only. ``all`` is marked too_few where any of its families has too few groups of
    a class, since each counts the same; resamples that miss a class of a family are left out of its interval.
    """
    scored = rows[rows["risk"].notna()]
    parts = {str(name): part for name, part in scored.groupby("family")}
    both = with_both_classes(scored)
    if both:
        parts[ALL] = scored[scored["family"].isin(both)]
    return {
        name: {level: _operating_point(part, getattr(thresholds, level), resamples, seed) for level in ("low", "high")}
        for name, part in parts.items()
    }


def _operating_point(rows: pd.DataFrame, threshold: float, resamples: int, seed: int) -> dict[str, Any]:
    ill = rows["malignant"].to_numpy() == 1
    yes = rows["risk"].to_numpy(dtype=np.float64) >= threshold
    groups = rows["group"].to_numpy(dtype=str)
    cells = np.stack([ill & yes, ill, ~ill & ~yes, ~ill], axis=1).astype(np.float64)
    family, names = pd.factorize(rows["family"])
    # One block of cells a family: the sums of every resample are then one matrix product.
    blocks = np.hstack([cells * (family == f)[:, None] for f in range(len(names))])
    draws = Draws(groups, resamples, seed)
    sums = (draws.counts @ draws.sum_by_group(blocks)).reshape(-1, len(names), 4)
    with np.errstate(invalid="ignore"):
        sensitivity = (sums[..., 0] / sums[..., 1]).mean(axis=1)
        specificity = (sums[..., 2] / sums[..., 3]).mean(axis=1)
    few = too_few(groups, *((family == f) & of for f in range(len(names)) for of in (ill, ~ill)))
    return {
        "threshold": float(threshold),
        "sensitivity": figure(sensitivity, few),
        "specificity": figure(specificity, few),
        "prevalences": [
            {
                "prevalence": prevalence,
                **{
                    name: figure(values, few)
                    for name, values in predictive_values(sensitivity, specificity, prevalence).items()
                },
            }
            for prevalence in PREVALENCES
        ],
    }


def predictive_values(sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float) -> dict[str, np.ndarray]:
    """``ppv``, ``npv`` and ``flagged_per_cancer`` where ``prevalence`` (0…1) of the people have cancer.

    sensitivity, specificity: arrays of one shape in 0…1, which is the shape of each result. flagged_per_cancer: people
    told to see a doctor for each cancer found among them, 1 / ppv. NaN where nobody is flagged, nobody is cleared, or
    no cancer is found.
    """
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    alarms, cleared = (1 - specificity) * (1 - prevalence), specificity * (1 - prevalence)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "ppv": found / (found + alarms),
            "npv": cleared / (cleared + missed),
            "flagged_per_cancer": (found + alarms) / found,
        }
    return {name: np.where(np.isfinite(v), v, np.nan) for name, v in values.items()}


def decision_curves(rows: pd.DataFrame, reference_prevalence: float) -> dict[str, dict[str, Any]]:
    """Family, or ``all``, to the net benefit at CURVE_THRESHOLDS; families with one class are left out.

    The risk is compared with the threshold as it is, since both are probabilities at ``reference_prevalence`` (0…1), to
    which the photographs are weighted. ``refer_all`` is the net benefit of sending everybody to a doctor; that of
    sending nobody is 0.
    """
    scored = rows[rows["risk"].notna()]
    at = np.array(CURVE_THRESHOLDS)
    benefits = {}
    for name in with_both_classes(scored):
        part = scored[scored["family"] == name]
        yes = part["risk"].to_numpy(dtype=np.float64)[:, None] >= at
        ill = part["malignant"].to_numpy() == 1
        benefits[name] = net_benefit(yes[ill].mean(axis=0), 1 - yes[~ill].mean(axis=0), reference_prevalence, at)
    if benefits:
        # Linear in sensitivity and specificity, so the mean of the curves is the curve of the means.
        benefits[ALL] = np.mean(list(benefits.values()), axis=0)
    refer_all = net_benefit(np.ones(len(at)), np.zeros(len(at)), reference_prevalence, at)
    return {
        name: {
            "prevalence": reference_prevalence,
            "points": [
                {"threshold": t, "net_benefit": round(float(b), 6), "refer_all": round(float(everybody), 6)}
                for t, b, everybody in zip(CURVE_THRESHOLDS, benefit, refer_all, strict=True)
            ],
        }
        for name, benefit in benefits.items()
    }


def net_benefit(
    sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float, threshold: np.ndarray
) -> np.ndarray:
    """Cancers found less false alarms at the threshold's odds, per person (Vickers & Elkin 2006,
    doi 10.1177/0272989X06295361); all in 0…1, threshold below 1, arrays of one shape."""
    return sensitivity * prevalence - (1 - specificity) * (1 - prevalence) * threshold / (1 - threshold)


def with_both_classes(rows: pd.DataFrame) -> list[str]:
    """The centre families of ``rows`` that have malignant and benign photographs, sorted."""
    classes = rows.groupby("family")["malignant"].nunique()
    return sorted(str(name) for name in classes[classes == 2].index)
