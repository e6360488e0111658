"""Trains on some photographs and scores others, without a checkpoint: what every comparison here begins with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator

from skin_model.network.preprocessing import Preprocessing, resize
from train import UserError
from train.data.catalogue import TEST_ONLY, family
from train.fitting.fit import read_split
from train.fitting.recipes import Recipe
from train.fitting.run import Run
from train.fitting.validation import LEAST_OF_EACH_CLASS, log_odds, predict


def without_test(work: Path) -> pd.DataFrame:
    """Rows of the work folder's train and validation splits: all that an experiment may look at."""
    rows = read_split(work)
    return rows[(rows["split"] != "test") & ~rows["source"].isin(TEST_ONLY)].reset_index(drop=True)


def train_on(
    folder: Path,
    recipe: Recipe,
    preprocessing: Preprocessing,
    rows: pd.DataFrame,
    squares: np.ndarray,
    training: np.ndarray,
    validation: np.ndarray,
    unseen: np.ndarray,
    backbone: Path | None,
) -> tuple[Run, np.ndarray]:
    """Train on some photographs and score others, without a checkpoint: what screening needs.

    rows: N photographs; squares: (N, s, s, 3) uint8 of them; training, validation, unseen: positions. Writes the
    history and the state to ``folder``, from which the same call resumes. Returns the trained run and the risk
    log-odds (U,) of the unseen. Without validation photographs the last epoch is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = recipe.input_size

    def as_seen(chosen: np.ndarray) -> np.ndarray:
        seen = np.empty((len(chosen), size, size, 3), dtype=np.uint8)
        for place, i in enumerate(chosen):
            seen[place] = resize(squares[i], size, size)
        return seen

    run = Run(
        Accelerator(),
        folder,
        recipe,
        preprocessing,
        rows.iloc[training],
        rows.iloc[validation],
        squares,
        as_seen(validation),
        training,
    )
    run.start([backbone] if backbone else ())
    logits = predict(run.plain, as_seen(unseen), preprocessing, run.accelerator.device)
    return run, log_odds(logits, recipe.malignant_outputs)


def within_sources(drawn: Callable[[np.ndarray], np.ndarray], malignant: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """(B,) the mean that ``validation.within_source_auc`` takes, of any figure and over bootstrap draws.

    drawn: gives (B,) values of the photographs in a mask (N,); one that is undefined counts as 0.5. malignant: (N,)
    0/1. sources: (N,) names. Raises UserError where no source has enough of both classes.
    """
    per_family: dict[str, list[tuple[np.ndarray, float]]] = {}
    for source in np.unique(sources):
        of = sources == source
        positives = malignant[of].sum()
        if min(positives, of.sum() - positives) >= LEAST_OF_EACH_CLASS:
            per_family.setdefault(family(str(source)), []).append((np.nan_to_num(drawn(of), nan=0.5), positives))
    if not per_family:
        raise UserError(f"No source has {LEAST_OF_EACH_CLASS} malignant and as many benign photographs to judge.")
    means = [np.average([v for v, _ in of], axis=0, weights=[n for _, n in of]) for of in per_family.values()]
    return np.mean(means, axis=0)
