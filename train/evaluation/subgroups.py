"""For whom the checkpoint works: its figures among the photographs of one source, age, sex, skin type and so on.

The AUC of a subgroup that spans sources is the mean of its AUCs within each source, weighted by the malignant
photographs, never the AUC of the pool: sources differ in their share of cancer, so a pooled one would reward telling
sources apart. Sensitivity and specificity, at one threshold for all, are of all photographs of the subgroup together.
"""

from typing import Any

import numpy as np
import pandas as pd

from skin_model.network.calibration import Thresholds
from skin_model.network.context import grouped_site
from train.bootstrap import RESAMPLES, Draws, figure, ratio, too_few
from train.evaluation.metrics import decisions, ranking

ATTRIBUTES: tuple[str, ...] = (
    "source",
    "modality",
    "diagnosis",
    "confirmed_by",
    "age_band",
    "sex",
    "site",
    "fitzpatrick",
)
AGE_BANDS: dict[str, int] = {"under 30": 0, "30-44": 30, "45-59": 45, "60-74": 60, "75 and over": 75}
"""Name of a band -> its first year of age."""
UNKNOWN = "unknown"
_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6"}


def subgroups(
    rows: pd.DataFrame, thresholds: Thresholds, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Attribute -> value -> counts and figures, as ``measure_subgroup`` returns them; ``unknown`` comes last.

    rows: as ``train.evaluation.metrics`` describes them, with confirmed_by, age (years), sex, site and fitzpatrick as
    text where known. A missing column counts as unknown everywhere. Photographs without a risk are left out.
    """
    scored = rows[rows["risk"].notna()]
    found = {}
    for attribute in ATTRIBUTES:
        values = attribute_values(scored, attribute)
        found[attribute] = {
            value: measure_subgroup(scored[values == value], thresholds.low, resamples=resamples, seed=seed)
            for value in sorted(values.unique(), key=lambda v: (v == UNKNOWN, AGE_BANDS.get(v, 0), v))
        }
    return found


def attribute_values(rows: pd.DataFrame, attribute: str) -> pd.Series:
    """The value of one of ATTRIBUTES of every row, ``unknown`` where it is empty or the column is missing.

    Skin types come as 1 to 6, also where upstream wrote Roman numerals; body sites as ``skin_model.network.context``
    groups them; an age that is no number is unknown.
    """
    if attribute == "age_band":
        return age_bands(rows["age"]) if "age" in rows else pd.Series(UNKNOWN, index=rows.index)
    if attribute not in rows:
        return pd.Series(UNKNOWN, index=rows.index)
    values = rows[attribute].fillna("").astype(str).str.strip()
    if attribute == "fitzpatrick":
        values = values.replace(_ROMAN)
    if attribute == "site":
        values = values.map(grouped_site)
    return values.replace("", UNKNOWN)


def age_bands(ages: pd.Series) -> pd.Series:
    """Ages in years, as text or numbers, to the names of AGE_BANDS, or ``unknown``."""
    years = pd.to_numeric(ages, errors="coerce")
    bands = pd.cut(years, [*AGE_BANDS.values(), np.inf], right=False, labels=list(AGE_BANDS))
    return bands.astype(object).where(bands.notna(), UNKNOWN).astype(str)


def measure_subgroup(
    rows: pd.DataFrame, threshold: float, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Counts, AUC within sources, sensitivity and specificity of rows that all have a risk.

    too_few: fewer than 30 groups of a class that occurs. Where one class does not occur at all (a diagnosis is either
    malignant or benign) the figures that need it are null, and the other's groups alone decide. The AUC is marked by
    the groups of those sources that have both classes here, the only ones it comes from.
    """
    risks = rows["risk"].to_numpy(dtype=np.float64)
    ill = rows["malignant"].to_numpy() == 1
    groups, sources = rows["group"].to_numpy(dtype=str), rows["source"].to_numpy(dtype=str)
    ranked = rows.groupby("source")["malignant"].transform("nunique").to_numpy() == 2
    draws = Draws(groups, resamples, seed)

    def figures(weights: np.ndarray) -> np.ndarray:
        found = decisions(risks >= threshold, ill, weights)
        auc = auc_within_sources(risks[ranked], ill[ranked], sources[ranked], weights[:, ranked])
        return np.stack([auc, found["sensitivity"], found["specificity"]], axis=1)

    auc, sensitivity, specificity = draws.measure(figures).T
    few = too_few(groups, *(of for of in (ill, ~ill) if of.any()))
    few_ranked = too_few(groups, ranked & ill, ranked & ~ill)
    return {
        "n": len(rows),
        "n_malignant": int(ill.sum()),
        "n_groups": int(rows["group"].nunique()),
        "auc": figure(auc, few_ranked),
        "sensitivity": figure(sensitivity, few),
        "specificity": figure(specificity, few),
        "too_few": few,
    }


def auc_within_sources(scores: np.ndarray, truth: np.ndarray, sources: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B,) mean of the AUCs within each source, weighted by its malignant photographs, for each row of weights.

    scores, truth (0 or 1), sources: (N,); weights: (B, N) how often each photograph counts. Sources in which a row of
    weights has one class only do not enter it; NaN where none is left.
    """
    truth = np.asarray(truth, dtype=np.float64)
    total, malignant = np.zeros(len(weights)), np.zeros(len(weights))
    for source in np.unique(sources):
        of = sources == source
        auc = ranking(scores[of], truth[of], weights[:, of])["auc"]
        cases = np.where(np.isnan(auc), 0, weights[:, of] @ truth[of])
        total += np.nan_to_num(auc) * cases
        malignant += cases
    return ratio(total, malignant)
