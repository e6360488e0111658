"""Bootstrap over groups: the 95 % interval of every figure, and when a figure rests on too few groups to judge.

A group (lesion, patient or cluster of near-duplicates) is drawn whole, since its photographs are not independent. A
figure is computed from counts of how often each group was drawn, the sample itself being one draw of each, so that the
value and its interval come from the same code. Intervals are plain percentiles (Efron 1979).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

RESAMPLES = 1000
FEWEST_GROUPS = 30
"""A figure on fewer malignant or fewer benign groups is marked ``too_few``."""

Figure = dict[str, Any] | None
"""``{"value", "low", "high"}``, with ``too_few`` where it is; None where undefined."""


class Draws:
    """Bootstrap draws of whole groups.

    counts: (resamples + 1, G) how often each group was drawn; row 0 is the sample itself.
    """

    def __init__(self, groups: np.ndarray, resamples: int, seed: int) -> None:
        names, self._group = np.unique(groups, return_inverse=True)
        rng = np.random.default_rng(seed)
        self.counts = np.ones((resamples + 1, len(names)))
        for row in self.counts[1:] if len(names) else ():
            row[:] = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))

    @property
    def weights(self) -> np.ndarray:
        """(resamples + 1, N) how often each photograph was drawn, all at once."""
        return self.counts[:, self._group]

    def measure(self, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """(resamples + 1, …) of every draw. of: takes (B, N) weights and returns (B, …).

        Draws come in parts of at most four million photographs, which keeps the weights of a large set small.
        """
        step = max(1, 4_000_000 // max(1, len(self._group)))
        starts = range(0, len(self.counts), step)
        return np.concatenate([of(self.counts[start : start + step, self._group]) for start in starts])

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
    return figure(ratio(total, count), int((by_group[:, 1] > 0).sum()) < FEWEST_GROUPS)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotients of two arrays of one shape; NaN where the denominator, a count or a sum of weights, is 0."""
    whole = np.asarray(denominator, dtype=np.float64)
    return np.divide(numerator, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """(K, B) to (B,): means over the first axis, NaN left out; NaN where all are."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=0), known.sum(axis=0))


def text(found: Figure, undefined: str = "–") -> str:
    """A value with its 95 % interval, such as "0.914 (0.890–0.937)"."""
    return undefined if found is None else f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"


def too_few(groups: np.ndarray, *classes: np.ndarray) -> bool:
    """Whether one of the classes, each a mask (N,) of photographs, has fewer than FEWEST_GROUPS of the groups (N,)."""
    return any(len(np.unique(groups[members])) < FEWEST_GROUPS for members in classes)


def _rounded(value: float) -> float:
    return round(float(value), 6)
