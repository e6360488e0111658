"""How good scored photographs are: every figure of ``metrics.json`` with its 95 % bootstrap interval over groups.

A group (lesion, patient or cluster of near-duplicates) is drawn whole, since its photographs are not independent. Every
figure is computed from counts of how often each group was drawn, the sample itself being one draw of each, so that the
value and its interval come from the same code. Intervals are plain percentiles; that of a calibration error lies a
little high, because drawing with repetition adds error of its own.

Rows are a data frame with the columns of ``predictions.csv`` (risk empty where a file could not be opened) plus
``group``, ``source``, ``modality`` and ``family``, and where known ``risk_uncalibrated``.
"""

from typing import Any

import numpy as np
import pandas as pd

from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import BANDS, CANNOT_TELL, Thresholds, band, shift_prevalence
from train.bootstrap import FEWEST_GROUPS, RESAMPLES, Draws, Figure, figure, ratio, too_few
from train.evaluation.curves import curves

SCHEMA = 1
CALIBRATION_BINS = 10
RANKING = ("auc", "average_precision", "specificity_at_95_sensitivity")
DECISIONS = ("sensitivity", "specificity", "precision", "f1", "accuracy", "balanced_accuracy")
CALIBRATION = ("ece", "ece_raw", "brier", "brier_shifted")
FIGURES: tuple[str, ...] = (
    "auc",
    "auc_without_refused",
    "auc_melanoma",
    "average_precision",
    "specificity_at_95_sensitivity",
    *DECISIONS,
    *CALIBRATION,
)
"""The figures of a set that are ``{"value", "low", "high"}`` or null."""


def summarise(
    rows: pd.DataFrame,
    thresholds: Thresholds,
    reference_prevalence: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """``sets`` (one a source and modality), ``families`` and ``pooled``, each as ``measure`` returns it.

    Families and the pool mix sources of different prevalence, so each also holds ``source_only_auc``: the AUC of a
    score that knows nothing but the malignant share of the photograph's source among these rows.
    """

    def of(part: pd.DataFrame) -> dict[str, Any]:
        return measure(part, thresholds, reference_prevalence, resamples=resamples, seed=seed)

    def mixed(part: pd.DataFrame) -> dict[str, Any]:
        baseline = source_only_auc(part, resamples=resamples, seed=seed)
        return {"sources": sorted(part["source"].unique()), "source_only_auc": baseline, **of(part)}

    names = rows["source"] + ":" + rows["modality"].replace("", "unknown")
    pooled = mixed(rows)
    return {
        "sets": {str(name): of(part) for name, part in rows.groupby(names)},
        "families": {str(name): mixed(part) for name, part in rows.groupby("family")},
        "pooled": pooled,
        "source_only_auc": pooled["source_only_auc"],
    }


def measure(
    rows: pd.DataFrame,
    thresholds: Thresholds,
    reference_prevalence: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one set of photographs.

    Yes means a risk at or above ``thresholds.low``, the screening threshold. Refused photographs that have a risk
    count in every figure but ``auc_without_refused``; files without one count in n, n_refused and
    n_refused_malignant only.
    ``auc_melanoma``: the probability of melanoma (the risk, for a binary checkpoint) on melanomas against every other
    photograph that is benign or has a diagnosis. ``ece`` and ``brier_shifted``: after shifting the risk from
    ``reference_prevalence`` to the set's own prevalence; ``ece_raw`` and ``brier``: of the risk as it is.
    ``specificity_at_95_sensitivity``: at the highest threshold that reaches it on this very set.
    """
    scored = rows[rows["risk"].notna()]
    truth = scored["malignant"].to_numpy(dtype=np.float64)
    risks = scored["risk"].to_numpy(dtype=np.float64)
    refused = scored["refused"].to_numpy(dtype=str) != ""
    melanoma = scored["diagnosis"].to_numpy(dtype=str) == "mel"
    knows_melanoma = melanoma | (truth == 0) | (scored["diagnosis"].to_numpy(dtype=str) != "")
    melanoma_score = risks if scored["p_mel"].isna().any() else scored["p_mel"].to_numpy(dtype=np.float64)
    groups = scored["group"].to_numpy(dtype=str)

    draws = Draws(groups, resamples, seed)
    yes = risks >= thresholds.low

    def figures(weights: np.ndarray) -> np.ndarray:
        found = {
            **ranking(risks, truth, weights),
            **decisions(yes, truth, weights),
            **calibration_errors(risks, truth, weights, reference_prevalence),
            "auc_without_refused": ranking(risks[~refused], truth[~refused], weights[:, ~refused])["auc"],
            "auc_melanoma": ranking(
                melanoma_score[knows_melanoma], melanoma[knows_melanoma], weights[:, knows_melanoma]
            )["auc"],
        }
        return np.stack([found[name] for name in FIGURES], axis=1)

    values = dict(zip(FIGURES, draws.measure(figures).T, strict=True))
    few = too_few(groups, truth == 1, truth == 0)
    few_for = {
        "auc_without_refused": too_few(groups, (truth == 1) & ~refused, (truth == 0) & ~refused),
        "auc_melanoma": too_few(groups, melanoma, knows_melanoma & ~melanoma),
    }
    ill = truth == 1
    return {
        "n": len(rows),
        "n_malignant": int(rows["malignant"].sum()),
        "n_groups": int(rows["group"].nunique()),
        "n_malignant_groups": int(rows.loc[rows["malignant"] == 1, "group"].nunique()),
        "n_refused": int((rows["refused"] != "").sum()),
        "n_refused_malignant": int(((rows["refused"] != "") & (rows["malignant"] == 1)).sum()),
        "n_unreadable": len(rows) - len(scored),
        "too_few": few,
        **{name: figure(v, few_for.get(name, few)) for name, v in values.items()},
        "confusion": {
            "true_negative": int((~ill & ~yes).sum()),
            "false_positive": int((~ill & yes).sum()),
            "false_negative": int((ill & ~yes).sum()),
            "true_positive": int((ill & yes).sum()),
        },
        "bands": _bands(scored, thresholds),
        "diagnoses": measure_diagnoses(scored, resamples=resamples, seed=seed),
        "curves": curves(scored, reference_prevalence),
    }


def measure_diagnoses(rows: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any] | None:
    """Seven-class figures of the rows that have a diagnosis, or None where there are none or no probabilities.

    The answer is the diagnosis with the highest probability. Averages are over the diagnoses that occur, a precision
    that is undefined because nothing was called so counting as 0. The confusion matrix has one row a true diagnosis.
    """
    rows = rows[rows["diagnosis"].isin(DIAGNOSES) & rows["p_mel"].notna()]
    if rows.empty:
        return None
    k = len(DIAGNOSES)
    truth = rows["diagnosis"].map({code: i for i, code in enumerate(DIAGNOSES)}).to_numpy(dtype=int)
    ranked = np.argsort(-rows[[f"p_{code}" for code in DIAGNOSES]].to_numpy(dtype=np.float64), axis=1, kind="stable")
    groups = rows["group"].to_numpy(dtype=str)
    draws = Draws(groups, resamples, seed)
    # Sums over each group first: a resample is then one row of a small matrix product.
    cells = np.zeros((len(rows), k * k + 2))
    cells[np.arange(len(rows)), truth * k + ranked[:, 0]] = 1
    cells[:, -2:] = np.stack([(ranked[:, :top] == truth[:, None]).any(axis=1) for top in (2, 3)], axis=1)
    sums = draws.counts @ draws.sum_by_group(cells)
    matrix = sums[:, : k * k].reshape(-1, k, k)

    support, called, right = matrix.sum(axis=2), matrix.sum(axis=1), np.einsum("bii->bi", matrix)
    total = support.sum(axis=1)
    present = support[0] > 0
    recall, f1 = ratio(right, support), ratio(2 * right, support + called)
    by_class = {"precision": ratio(right, called), "recall": recall, "f1": f1}

    def average(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        defined = np.where(support[:, present] > 0, np.nan_to_num(values[:, present]), np.nan)
        weights = np.where(np.isnan(defined), 0, weights[:, present])
        return ratio((np.nan_to_num(defined) * weights).sum(axis=1), weights.sum(axis=1))

    few = {code: too_few(groups, truth == i, truth != i) for i, code in enumerate(DIAGNOSES)}
    few_any = any(few[code] for code, there in zip(DIAGNOSES, present, strict=True) if there)
    few_rows = len(draws.counts[0]) < FEWEST_GROUPS
    equal = np.ones_like(support)
    return {
        "n": len(rows),
        "n_groups": len(draws.counts[0]),
        "labels": list(DIAGNOSES),
        "per_class": {
            code: {
                **{of: figure(v[:, i], few[code]) if present[i] else None for of, v in by_class.items()},
                "support": int(support[0, i]),
            }
            for i, code in enumerate(DIAGNOSES)
        },
        **{
            name: {of: figure(average(v, weights), few_any) for of, v in by_class.items()}
            for name, weights in (("macro", equal), ("weighted", support))
        },
        "accuracy": figure(ratio(right.sum(axis=1), total), few_rows),
        "balanced_accuracy": figure(average(recall, equal), few_any),
        "top_2": figure(ratio(sums[:, -2], total), few_rows),
        "top_3": figure(ratio(sums[:, -1], total), few_rows),
        "confusion": matrix[0].astype(int).tolist(),
    }


def source_only_auc(rows: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> Figure:
    """The AUC of a score that is the malignant share of the photograph's source among ``rows``."""
    rows = rows[rows["risk"].notna()]
    truth = rows["malignant"].to_numpy(dtype=np.float64)
    share = rows.groupby("source")["malignant"].transform("mean").to_numpy(dtype=np.float64)
    draws = Draws(rows["group"].to_numpy(dtype=str), resamples, seed)
    found = draws.measure(lambda weights: ranking(share, truth, weights)["auc"])
    return figure(found, too_few(rows["group"].to_numpy(dtype=str), truth == 1, truth == 0))


def ranking(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """AUC, average precision and specificity at 95 % sensitivity for each row of weights; NaN with one class only.

    scores, truth (0 or 1): (N,); weights: (B, N). Returns (B,) arrays. Tied scores share one threshold.
    """
    if not len(scores):
        return {name: np.full(len(weights), np.nan) for name in RANKING}
    order = np.argsort(-scores, kind="stable")
    ordered, weights = scores[order], weights[:, order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ill = np.asarray(truth, dtype=np.float64)[order]
    positive = np.add.reduceat(weights * ill, starts, axis=1)
    negative = np.add.reduceat(weights * (1 - ill), starts, axis=1)
    caught, alarms = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    positives, negatives = caught[:, -1], alarms[:, -1]
    both = (positives > 0) & (negatives > 0)
    precision = np.divide(caught, caught + alarms, out=np.zeros_like(caught), where=caught + alarms > 0)
    # Counts are whole numbers; the small slack only absorbs the rounding of 0.95 times one of them.
    reached = (caught >= 0.95 * positives[:, None] - 1e-9).argmax(axis=1)
    found = {
        "auc": ratio((negative * (caught - positive / 2)).sum(axis=1), positives * negatives),
        "average_precision": ratio((positive * precision).sum(axis=1), positives),
        "specificity_at_95_sensitivity": 1 - ratio(alarms[np.arange(len(alarms)), reached], negatives),
    }
    return {name: np.where(both, values, np.nan) for name, values in found.items()}


def decisions(yes: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of a yes or no for each row of weights, NaN where undefined. yes, truth: (N,); weights: (B, N)."""
    yes, ill = np.asarray(yes, dtype=bool), np.asarray(truth, dtype=bool)
    cells = np.stack([yes & ill, yes & ~ill, ~yes & ill, ~yes & ~ill], axis=1)
    tp, fp, fn, tn = (weights @ cells.astype(np.float64)).T
    sensitivity, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": ratio(tp, tp + fp),
        "f1": np.where(tp + fn > 0, ratio(2 * tp, 2 * tp + fp + fn), np.nan),
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


def expected_calibration_error(risks: np.ndarray, truth: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between mean risk and malignant share, over ``bins`` bins of equally many photographs (Naeini 2015).

    risks, truth: (N,) in 0…1, N > 0; sorted by risk and cut as ``numpy.array_split`` does.
    """
    order = np.argsort(risks, kind="stable")
    return _binned_gap(risks[order], np.asarray(truth, dtype=np.float64)[order], bins)


def calibration_errors(
    risks: np.ndarray, truth: np.ndarray, weights: np.ndarray, reference_prevalence: float
) -> dict[str, np.ndarray]:
    """ECE and Brier score, raw and shifted to each resample's own prevalence. weights: (B, N) whole numbers."""
    found = {name: np.full(len(weights), np.nan) for name in CALIBRATION}
    order = np.argsort(risks, kind="stable")
    risks, truth = risks[order], truth[order]
    for b, times in enumerate(weights[:, order].astype(int)):
        drawn = np.repeat(np.arange(len(risks)), times)
        if not len(drawn):
            continue
        p, ill = risks[drawn], truth[drawn]
        found["ece_raw"][b] = _binned_gap(p, ill, CALIBRATION_BINS)
        found["brier"][b] = np.mean((p - ill) ** 2)
        prevalence = ill.mean()
        if 0 < prevalence < 1:
            shifted = shift_prevalence(p, reference_prevalence, prevalence)
            found["ece"][b] = _binned_gap(shifted, ill, CALIBRATION_BINS)
            found["brier_shifted"][b] = np.mean((shifted - ill) ** 2)
    return found


def _bands(scored: pd.DataFrame, thresholds: Thresholds) -> dict[str, dict[str, int]]:
    bands = [
        CANNOT_TELL if code else band(value, thresholds)
        for value, code in zip(scored["risk"], scored["refused"], strict=True)
    ]
    of, ill = np.array(bands, dtype=str), scored["malignant"].to_numpy() == 1
    return {
        name: {"malignant": int(((of == name) & ill).sum()), "benign": int(((of == name) & ~ill).sum())}
        for name in BANDS
    }


def _binned_gap(risks: np.ndarray, truth: np.ndarray, bins: int) -> float:
    """Expected calibration error of values that are already sorted by risk."""
    n = len(risks)
    bins = min(bins, n)
    sizes = np.full(bins, n // bins)
    sizes[: n % bins] += 1
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return float(np.abs(np.add.reduceat(risks - truth, starts)).sum() / n)
