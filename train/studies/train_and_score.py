"""Trains on some photographs and scores others, without a checkpoint: what every comparison here begins with."""

from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator

from skin_model.network.preprocessing import Preprocessing, resize
from train.fitting.recipes import Recipe
from train.fitting.run import Run
from train.fitting.validation import log_odds, predict


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
    log-odds (U,) of the unseen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = recipe.input_size

    def as_seen(chosen: np.ndarray) -> np.ndarray:
        return np.stack([resize(squares[i], size, size) for i in chosen])

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
