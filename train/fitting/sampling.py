"""Over- and undersampling: how often each photograph is drawn in an epoch, so that rare diagnoses are not drowned."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from train.data.catalogue import family
from train.data.images import UNCHANGED, EpochSampler
from train.fitting.recipes import Recipe

RESAMPLING = ("oversampling", "undersampling", "augmentation")


def times_drawn(rows: pd.DataFrame, kind: str, power: float) -> np.ndarray:
    """(N,) how often each photograph is drawn in an epoch, on average.

    rows: needs the columns diagnosis and malignant; photographs without a diagnosis are two diagnoses of their own.
    kind: "undersampling" brings every diagnosis down to the rarest one, the others bring it up to the commonest one.
    power: 1 makes all diagnoses equally frequent, 0.5 goes half way, 0 changes nothing.
    """
    label = rows["diagnosis"].where(rows["diagnosis"] != "", "malignant=" + rows["malignant"].astype(str))
    counts = label.value_counts()
    target = counts.min() if kind == "undersampling" else counts.max()
    return (target / label.map(counts).to_numpy(dtype=np.float64)) ** power


def sampler(rows: pd.DataFrame, recipe: Recipe) -> EpochSampler:
    """The sampler of a recipe whose balance is one of RESAMPLING; an epoch is a whole number of batches."""
    times = times_drawn(rows, recipe.balance, recipe.balance_power)
    batches = max(1, int(times.sum() + 1e-6) // recipe.batch_size)
    return ResamplingSampler(
        times, batches * recipe.batch_size, recipe.seed, first_unchanged=recipe.balance == "augmentation"
    )


class ResamplingSampler(EpochSampler):
    """Draws each photograph its number of times, rounded up or down at random so that totals are kept.

    times: (N,) average draws an epoch. length: keys an epoch, cut off the shuffled draws, or filled up by beginning
    again. first_unchanged: the first draw of a photograph is not augmented.
    """

    def __init__(self, times: np.ndarray, length: int, seed: int, first_unchanged: bool = False) -> None:
        super().__init__(len(times), length, seed)
        self.times, self.first_unchanged = times, first_unchanged

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(self.count)
        order = order[np.argsort(self.times[order], kind="stable")]  # so that every diagnosis keeps its total
        ends = np.floor(np.cumsum(self.times[order]) + rng.random()).astype(int)
        drawn = rng.permutation(np.repeat(order, np.diff(ends, prepend=0)))
        drawn = np.resize(drawn if len(drawn) else order, self.length)
        seeds = rng.integers(0, 2**62, self.length)
        if self.first_unchanged:
            seeds[np.unique(drawn, return_index=True)[1]] = UNCHANGED
        yield from zip(drawn.tolist(), seeds.tolist(), strict=True)


def balancing_weights(rows: pd.DataFrame, power: float) -> np.ndarray:
    """(N,) weights with mean 1, each (centre family, diagnosis or class) by its count to the minus ``power``."""
    label = rows["diagnosis"].where(rows["diagnosis"] != "", "malignant=" + rows["malignant"].astype(str))
    cell = rows["source"].map(family) + "/" + label
    weights = cell.map(cell.value_counts()).to_numpy(dtype=np.float64) ** -power
    return weights / weights.mean()
