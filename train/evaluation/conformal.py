"""Selective prediction: risk–coverage curves, and the coverage of the conformal prediction sets behind "cannot tell".

A photograph counts by its risk alone, also where it was refused for other reasons; those without a risk are left out.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from skin_model.network.calibration import Thresholds
from train.bootstrap import RESAMPLES, Draws, figure, too_few
from train.evaluation.metrics import decisions
from train.evaluation.operating_points import ALL, with_both_classes
from train.evaluation.subgroups import auc_within_sources

COVERAGES: tuple[float, ...] = tuple(step / 20 for step in range(20, 1, -1))
"""Coverages, the shares of the photographs that are answered: all, 95 %, … 10 %."""
COVERAGE_FIGURES = ("sensitivity", "specificity", "auc")


def abstention(
    rows: pd.DataFrame, thresholds: Thresholds, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """``risk_coverage`` and ``conformal`` of rows as ``train.evaluation.metrics`` describes them."""
    return {
        "risk_coverage": risk_coverage(rows, thresholds),
        "conformal": conformal(rows, thresholds, resamples=resamples, seed=seed),
    }


def confidence(risks: np.ndarray, threshold: float) -> np.ndarray:
    """(N,) distances of the risks' log-odds from the threshold's; risks of 0 and 1 count as 1e-9 away from them."""
    return np.abs(logit(np.clip(risks, 1e-9, 1 - 1e-9)) - logit(np.clip(threshold, 1e-9, 1 - 1e-9)))


def risk_coverage(rows: pd.DataFrame, thresholds: Thresholds) -> dict[str, list[dict[str, float | None]]]:
    """Family, or ``all``, to its risk–coverage curve: figures at falling coverage (Geifman & El-Yaniv 2017,
    arXiv 1705.08500); null where a class has none left.

    The least confident are left out first; equally confident ones stay or go together, so ``coverage`` is the share
    really kept. Yes means a risk at or above ``thresholds.low``. The AUC is the mean within sources, as for subgroups.
    ``all`` is the mean over families with both classes, each at the same share of its own photographs; null where one
    is null.
    """
    scored = rows[rows["risk"].notna()]
    curves = {str(name): _curve(part, thresholds.low) for name, part in scored.groupby("family")}
    both = with_both_classes(scored)
    if both:
        curves[ALL] = np.mean([curves[name] for name in both], axis=0)
    found = {}
    for name, curve in curves.items():
        points = [
            {
                of: None if np.isnan(value) else round(float(value), 6)
                for of, value in zip(("coverage", *COVERAGE_FIGURES), point, strict=True)
            }
            for point in curve
        ]
        # A handful of photographs keeps the same ones at several of the coverages asked for.
        found[name] = [point for i, point in enumerate(points) if i == 0 or point != points[i - 1]]
    return found


def _curve(rows: pd.DataFrame, threshold: float) -> np.ndarray:
    """(COVERAGES, 4): the share kept, then COVERAGE_FIGURES, NaN where undefined."""
    risks = rows["risk"].to_numpy(dtype=np.float64)
    ill = rows["malignant"].to_numpy() == 1
    confident = confidence(risks, threshold)
    falling = -np.sort(-confident)
    least = falling[[max(1, round(coverage * len(rows))) - 1 for coverage in COVERAGES]]
    kept = (confident >= least[:, None]).astype(np.float64)
    figures = {
        **decisions(risks >= threshold, ill, kept),
        "auc": auc_within_sources(risks, ill, rows["source"].to_numpy(dtype=str), kept),
    }
    return np.stack([kept.mean(axis=1), *(figures[name] for name in COVERAGE_FIGURES)], axis=1)


def conformal(
    rows: pd.DataFrame, thresholds: Thresholds, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Source -> class -> n, ``coverage`` and ``cannot_tell``, both shares of the class's photographs.

    coverage: the prediction set holds the true class (promised: 90 % of each class where photographs are like those
    that fitted it). cannot_tell: it holds both. A class without photographs has n 0 and nulls; one with fewer than 30
    groups is marked too_few.
    """
    found = {}
    for source, part in rows[rows["risk"].notna()].groupby("source"):
        risks = part["risk"].to_numpy(dtype=np.float64)
        ill = part["malignant"].to_numpy() == 1
        groups = part["group"].to_numpy(dtype=str)
        holds_malignant, holds_benign = risks >= thresholds.malignant_from, risks <= thresholds.benign_to
        draws = Draws(groups, resamples, seed)
        found[str(source)] = {}
        for name, of, holds_truth in (("malignant", ill, holds_malignant), ("benign", ~ill, holds_benign)):
            cells = np.stack([of & holds_truth, of & holds_malignant & holds_benign, of], axis=1).astype(np.float64)
            held, both, n = (draws.counts @ draws.sum_by_group(cells)).T
            few = too_few(groups, of)
            with np.errstate(invalid="ignore"):
                found[str(source)][name] = {
                    "n": int(of.sum()),
                    "coverage": figure(held / n, few),
                    "cannot_tell": figure(both / n, few),
                }
    return found
