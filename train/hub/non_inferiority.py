"""Is a candidate worse than what is published? Both scored the same photographs; groups are drawn whole for both.

Non-inferiority in the sense of Piaggio et al. 2012 (doi 10.1001/jama.2012.87802): a figure passes where the 95 %
interval of the difference, candidate minus published, stays on the good side of a margin that was stated beforehand.
So a candidate that was measured on too few photographs fails as one does that is worse: neither was shown to be good.
The margins were chosen on validation photographs, see docs/retraining.md.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from train.bootstrap import RESAMPLES, Draws, mean_of_known, too_few
from train.data.catalogue import family
from train.evaluation.metrics import calibration_errors, decisions
from train.evaluation.stress.robustness import ALTERATIONS, UNALTERED, within_source_auc

MARGINS: dict[str, float] = {
    "auc": 0.02,
    "family_auc": 0.05,
    "sensitivity": 0.05,
    "specificity": 0.10,
    "calibration": 0.03,
    "auc_cost": 0.03,
    "flips": 0.05,
}
"""How much worse each kind of figure may be at most, in its own unit (shares and areas, 0…1)."""


@dataclass(frozen=True)
class Scores:
    """What one checkpoint says of N photographs.

    risks: (N,) 0…1. threshold: from which risk it says yes. reference_prevalence: to which its risks are calibrated.
    altered: a column ``unaltered`` and one an alteration, of the drawn photographs, or None where not measured.
    """

    risks: np.ndarray
    threshold: float
    reference_prevalence: float
    altered: pd.DataFrame | None = None


@dataclass(frozen=True)
class Row:
    """One figure of both checkpoints. passed: None where it is shown only, for too few groups or nothing published."""

    name: str
    candidate: float
    published: float | None
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    higher_is_better: bool
    passed: bool | None


def compare(
    photographs: pd.DataFrame,
    candidate: Scores,
    published: Scores | None,
    drawn: pd.DataFrame | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Row]:
    """Every figure of both, its paired difference with a 95 % interval, and whether that keeps its margin.

    photographs: N rows of group, source and malignant; drawn: the rows that ``altered`` is of. AUC is always within
    sources. Sensitivity, specificity and calibration error are means over centre families, each weighing the same, of
    those with at least FEWEST_GROUPS malignant and benign groups; where none has, over all photographs as one.
    """
    both = [scores for scores in (candidate, published) if scores is not None]
    truth = photographs["malignant"].to_numpy(dtype=np.float64)
    sources, groups = photographs["source"].to_numpy(dtype=str), photographs["group"].to_numpy(dtype=str)
    families = np.array([family(source) for source in sources])
    draws = Draws(groups, resamples, seed)
    classes = np.stack([truth == 0, truth == 1])
    judged = [str(name) for name in np.unique(families) if not too_few(groups, *(classes & (families == name)))]
    enough = not too_few(groups, *classes)
    rows = [
        _row("AUC within sources", "auc", [_auc(s.risks, truth, sources, draws) for s in both], judge=enough),
    ]
    for name in np.unique(families):
        of = families == name
        if len(np.unique(truth[of])) < 2:
            continue
        areas = [_auc(np.where(of, s.risks, np.nan), truth, sources, draws) for s in both]
        rows.append(_row(f"AUC within {name}", "family_auc", areas, judge=str(name) in judged))
    parts = [families == name for name in judged] or [np.ones(len(truth), dtype=bool)]
    for figure, higher in (("sensitivity", True), ("specificity", True), ("calibration", False)):
        values = [_mean_over(parts, figure, s, truth, draws) for s in both]
        name = "calibration error" if figure == "calibration" else figure
        rows.append(_row(name, figure, values, judge=enough, higher=higher))
    if drawn is not None and all(s.altered is not None for s in both):
        rows += _robustness(drawn, both, resamples, seed)
    return rows


def _robustness(drawn: pd.DataFrame, both: list[Scores], resamples: int, seed: int) -> list[Row]:
    truth = drawn["malignant"].to_numpy(dtype=np.float64)
    sources, groups = drawn["source"].to_numpy(dtype=str), drawn["group"].to_numpy(dtype=str)
    draws = Draws(groups, resamples, seed)
    classes = np.stack([truth == 0, truth == 1])
    enough = not too_few(groups, *classes)
    losses, flips = [], []
    for scores in both:
        names = [name for name in ALTERATIONS if name in scores.altered]
        per_alteration = [
            _auc(scores.altered[name].to_numpy(dtype=np.float64), truth, sources, draws) for name in names
        ]
        unaltered = _auc(scores.altered[UNALTERED].to_numpy(dtype=np.float64), truth, sources, draws)
        losses.append(unaltered - np.mean(per_alteration, axis=0))
        yes = scores.altered[names].to_numpy(dtype=np.float64) >= scores.threshold
        before = scores.altered[[UNALTERED]].to_numpy(dtype=np.float64) >= scores.threshold
        sums = draws.counts @ draws.sum_by_group(np.column_stack([(yes != before).mean(axis=1), np.ones(len(drawn))]))
        flips.append(sums[:, 0] / sums[:, 1])
    return [
        _row("AUC that alterations cost", "auc_cost", losses, judge=enough, higher=False),
        _row("answers that alterations change", "flips", flips, judge=enough, higher=False),
    ]


def _row(name: str, kind: str, values: list[np.ndarray], *, judge: bool, higher: bool = True) -> Row:
    """values: (resamples + 1,) of the candidate and, where there is one, of what is published; the sample's first."""
    margin = MARGINS[kind]
    first = [round(float(found[0]), 6) for found in values]
    if len(values) < 2:
        return Row(name, first[0], None, None, None, None, margin, higher, None)
    difference = values[0] - values[1]
    known = difference[1:][~np.isnan(difference[1:])]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (difference[0], difference[0])
    passed = bool(low >= -margin if higher else high <= margin)
    rounded = [round(float(value), 6) for value in (difference[0], low, high)]
    return Row(name, *first, *rounded, margin, higher, passed if judge else None)


def _auc(risks: np.ndarray, truth: np.ndarray, sources: np.ndarray, draws: Draws) -> np.ndarray:
    """(resamples + 1,) AUC within sources of the photographs whose risk is known."""
    known = ~np.isnan(risks)
    return draws.measure(lambda w: within_source_auc(risks[known], truth[known], sources[known], w[:, known]))


def _mean_over(parts: list[np.ndarray], figure: str, scores: Scores, truth: np.ndarray, draws: Draws) -> np.ndarray:
    """(resamples + 1,) mean over parts (masks of photographs), those left out in which the figure is undefined."""
    return draws.measure(
        lambda weights: mean_of_known(np.stack([_figure(figure, scores, of, truth, weights) for of in parts]))
    )


def _figure(figure: str, scores: Scores, of: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    risks, ill, weights = scores.risks[of], truth[of], weights[:, of]
    if figure == "calibration":
        return calibration_errors(risks, ill, weights, scores.reference_prevalence)["ece"]
    return decisions(risks >= scores.threshold, ill, weights)[figure]
