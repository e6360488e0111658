"""Trains on some photographs and scores others, without a checkpoint: what every comparison here begins with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator

from skin_model.diagnoses import malignant_mask
from skin_model.network import architecture as networks
from skin_model.network.architecture import Preprocessing
from train.fitting import backbones
from train.fitting.recipes import Recipe
from train.fitting.run import Run, network_of
from train.fitting.run_folder import STATE_FILE
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
        return np.stack([networks.resize(squares[i], size, size) for i in chosen])

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
    network, started_from = network_of(recipe), backbones.FROM_SCRATCH
    if recipe.pretrained and not (folder / STATE_FILE).is_file():
        started_from = backbones.load(network, recipe.architecture, [backbone] if backbone else ())
    run.prepare(network, started_from)
    run.train()
    logits = predict(run.plain, as_seen(unseen), preprocessing, run.accelerator.device)
    return run, log_odds(logits, [True] if recipe.head == "binary" else malignant_mask())
