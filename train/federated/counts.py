"""Calibration from counts alone: every site sends histograms of its validation log-odds, and nothing of a photograph.

A temperature cannot be applied to the log-odds of seven outputs afterwards, so a site counts them at each of
TEMPERATURES: log P(malignant) - log P(benign) of its logits divided by the temperature, in bins of WIDTH from -LIMIT to
LIMIT, malignant and benign photographs apart. With them come the numbers of its malignant and benign groups (lesions,
patients, near-duplicates), which decide whether a site counts and how wide the conformal limits are. Each site is one
centre family. What ``train.fitting.calibration`` fits on pooled logits is fitted here on the middles of the bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit

from skin_model.network.calibration import Calibration, Thresholds
from train import UserError
from train.fitting import calibration
from train.fitting.validation import LEAST_OF_EACH_CLASS, log_odds

LIMIT, WIDTH = 16.0, 0.05
BINS = round(2 * LIMIT / WIDTH)
MIDDLES = (np.arange(BINS) + 0.5) * WIDTH - LIMIT
TEMPERATURES: tuple[float, ...] = tuple(float(2 ** (k / 8)) for k in range(-16, 17))
"""From a quarter to 4, in steps of 9 %."""


@dataclass(frozen=True)
class SiteCounts:
    """benign, malignant: (T, BINS) photographs in each bin, at each temperature that was asked for. groups: how many
    benign and how many malignant ones.
    """

    site: str
    benign: np.ndarray
    malignant: np.ndarray
    groups: tuple[int, int]

    @property
    def photographs(self) -> tuple[int, int]:
        """Benign and malignant ones."""
        return int(self.benign[0].sum()), int(self.malignant[0].sum())


def count(
    site: str,
    logits: np.ndarray,
    malignant: np.ndarray,
    groups: np.ndarray,
    outputs_malignant: list[bool],
    temperatures: Sequence[float] = TEMPERATURES,
) -> SiteCounts:
    """What a site sends of its validation photographs. logits: (N, K); malignant, groups: (N,).

    Raises ValueError where a logit is no finite number.
    """
    ill = np.asarray(malignant).astype(bool)
    if not np.isfinite(logits).all():
        raise ValueError("A logit is no finite number.")
    found = np.zeros((2, len(temperatures), BINS), dtype=np.int32)
    for at, temperature in enumerate(temperatures):
        odds = log_odds(np.asarray(logits, dtype=np.float64) / temperature, outputs_malignant)
        bins = np.clip(np.floor((odds + LIMIT) / WIDTH), 0, BINS - 1).astype(int)
        for kind, of in enumerate((~ill, ill)):
            found[kind, at] = np.bincount(bins[of], minlength=BINS)
    named = np.asarray(groups, dtype=str)
    return SiteCounts(site, found[0], found[1], (len(np.unique(named[~ill])), len(np.unique(named[ill]))))


def auc(counts: SiteCounts, at: int = 0) -> float | None:
    """The AUC of a site's validation photographs; two in one bin count half. None with fewer than 5 of a class."""
    benign, malignant = counts.benign[at].astype(float), counts.malignant[at].astype(float)
    if min(benign.sum(), malignant.sum()) < LEAST_OF_EACH_CLASS:
        return None
    below = np.cumsum(benign) - benign
    return float((malignant * (below + benign / 2)).sum() / (benign.sum() * malignant.sum()))


def fit(
    sites: Sequence[SiteCounts], reference_prevalence: float = 0.15
) -> tuple[Calibration, Thresholds, list[dict[str, float]], list[str]]:
    """Calibration, thresholds, operating points, and a sentence for every site that does not take part.

    Raises UserError where no site has malignant and benign validation photographs.
    """
    table = [_table(site) for site in sites]
    ill = np.concatenate([each[0] for each in table])
    families = np.concatenate([np.full(len(each[0]), site.site) for each, site in zip(table, sites, strict=True)])
    groups = np.concatenate([each[1] for each in table])
    if len({*ill.tolist()}) < 2:
        raise UserError("Calibration needs malignant and benign validation photographs; no site has both to give.")
    used, notes = calibration.choose_families(ill, families, groups)
    pooled = np.full(len(ill), "") if used == [""] else families
    kept = np.isin(pooled, used)
    weights = np.zeros(len(ill))
    weights[kept] = calibration.weigh(ill[kept], pooled[kept], reference_prevalence)

    fitted = []
    for at, temperature in enumerate(TEMPERATURES):
        bins = np.concatenate([_bins(site, at) for site in sites])
        mass = [np.bincount(bins[of], weights[of], minlength=BINS) for of in (~ill, ill)]
        found = minimize_scalar(_log_loss, bounds=(-20, 20), args=(mass,), method="bounded", options={"xatol": 1e-6})
        fitted.append((float(found.fun), temperature, float(found.x), bins))
    _, temperature, offset, bins = min(fitted, key=lambda each: each[0])
    risks = expit(MIDDLES + offset)[bins]
    thresholds, points = calibration.fit_thresholds(risks, ill, families, groups)
    return Calibration(temperature, offset, reference_prevalence), thresholds, points, notes


def _log_loss(offset: float, mass: list[np.ndarray]) -> float:
    """Weighted log loss. mass: (BINS,) weight of the benign and of the malignant photographs in each bin."""
    return float(-(mass[0] * log_expit(-(MIDDLES + offset)) + mass[1] * log_expit(MIDDLES + offset)).sum())


def _table(site: SiteCounts) -> tuple[np.ndarray, np.ndarray]:
    """One row a photograph, the benign ones first: (N,) whether it is malignant, and the name of a group.

    The names are made up, as many as there are groups: only their number counts.
    """
    ill, names = [], []
    for kind, (photographs, groups) in enumerate(zip(site.photographs, site.groups, strict=True)):
        ill.append(np.full(photographs, bool(kind)))
        names += [f"{site.site}/{kind}/{k % max(1, groups)}" for k in range(photographs)]
    return np.concatenate(ill), np.array(names, dtype=str)


def _bins(site: SiteCounts, at: int) -> np.ndarray:
    """(N,) the bin of every row of ``_table``, at one temperature."""
    return np.concatenate([np.repeat(np.arange(BINS), of[at]) for of in (site.benign, site.malignant)])
