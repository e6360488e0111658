"""Bootstrap over groups: the 95 % interval of every figure, and when a figure rests on too few groups to judge.

A group (lesion, patient or cluster of near-duplicates) is drawn whole, since its photographs are not independent. A
figure is computed from counts of how often each group was drawn, the sample itself being one draw of each, so that the
value and its interval come from the same code. Intervals are plain percentiles (Efron 1979).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

RESAMPLES = 1000
FEWEST_GROUPS = 30
"""A figure on fewer malignant or fewer benign groups is marked ``too_few``."""

Figure = dict[str, Any] | None
"""``{"value", "low", "high"}``, with ``too_few`` where it is; None where undefined."""


class Draws:
    """Bootstrap draws of whole groups.

    counts: (resamples + 1, G) how often each group was drawn; row 0 is the sample itself. ``chunks`` gives slices of
    it that keep the (draws, photographs) arrays of a large set small.
    """

    def __init__(self, groups: np.ndarray, resamples: int, seed: int) -> None:
        names, self._group = np.unique(groups, return_inverse=True)
        rng = np.random.default_rng(seed)
        self.counts = np.ones((resamples + 1, len(names)))
        for row in self.counts[1:] if len(names) else ():
            row[:] = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))

    def chunks(self) -> Iterator[np.ndarray]:
        """Slices of ``counts`` with at most four million photographs each."""
        step = max(1, 4_000_000 // max(1, len(self._group)))
        for start in range(0, len(self.counts), step):
            yield self.counts[start : start + step]

    def per_photograph(self, counts: np.ndarray) -> np.ndarray:
        """(B, G) counts of groups to (B, N) weights of photographs."""
        return counts[:, self._group]

    def sum_by_group(self, cells: np.ndarray) -> np.ndarray:
        """(N, M) values of photographs to their (G, M) sums over groups."""
        sums = np.zeros((self.counts.shape[1], cells.shape[1]))
        np.add.at(sums, self._group, cells)
        return sums


def figure(values: np.ndarray, too_few: bool = False) -> Figure:
    """(resamples + 1,) values, the sample's own first, to its figure; None where that is undefined.

    Resamples in which it is undefined (no malignant photograph was drawn) are left out of the interval.
    """
    if not len(values) or np.isnan(values[0]):
        return None
    drawn = values[1:] if len(values) > 1 else values
    low, high = np.nanquantile(drawn, (0.025, 0.975)) if not np.isnan(drawn).all() else (values[0], values[0])
    found: dict[str, Any] = {"value": _rounded(values[0]), "low": _rounded(low), "high": _rounded(high)}
    if too_few:
        found["too_few"] = True
    return found


def mean(draws: Draws, values: np.ndarray) -> Figure:
    """Mean of (N,) values with its interval over groups, NaN left out; None where all are NaN."""
    known = ~np.isnan(values)
    cells = np.stack([np.where(known, values, 0.0), known.astype(np.float64)], axis=1)
    by_group = draws.sum_by_group(cells)
    total, count = (draws.counts @ by_group).T
    means = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return figure(means, int((by_group[:, 1] > 0).sum()) < FEWEST_GROUPS)


def too_few(groups: np.ndarray, *classes: np.ndarray) -> bool:
    """Whether one of the classes, each a mask (N,) of photographs, has fewer than FEWEST_GROUPS of the groups (N,)."""
    return any(len(np.unique(groups[members])) < FEWEST_GROUPS for members in classes)


def _rounded(value: float) -> float:
    return round(float(value), 6)
