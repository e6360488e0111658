"""Distillation: a small network learns the answers of its teachers, photograph by photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from skin_model.diagnoses import DIAGNOSES
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.preprocessing import Preprocessing
from train import UserError
from train.data.tables import read_text_table
from train.fitting.networks.architectures import load_checkpoint
from train.fitting.recipes import Recipe

TEMPERATURE = 2.0
"""Softens both answers, so that the small probabilities count too (Hinton et al. 2015, arXiv 1503.02531)."""
OUT_OF_FOLD_FILE = "out_of_fold.csv"
"""In a run with folds: which network did not see which photograph."""


@dataclass(eq=False)
class Teacher:
    """One checkpoint, or the networks of a run with folds, of which each photograph asks the one that did not see it.

    fold: (N,) index into ``networks`` of each training photograph.
    """

    hashes: list[str]
    networks: list[nn.Module]
    fold: np.ndarray

    def to(self, device: torch.device) -> Teacher:
        self.networks = [network.to(device) for network in self.networks]
        return self


def load(folders: Sequence[Path], recipe: Recipe, preprocessing: Preprocessing, rows: pd.DataFrame) -> list[Teacher]:
    """The teachers of a run on ``rows``; raises UserError where the recipe and its teachers do not fit together.

    folders: of checkpoints, or of runs with folds, in which every photograph of ``rows`` must have been held out once.
    """
    if bool(folders) != bool(recipe.distil):
        raise UserError(
            f"{recipe.name} learns from teachers. Name their checkpoint or run folders with --teacher, or use --folds."
            if recipe.distil
            else f"{recipe.name} has no use for teachers. Leave --teacher out, or choose the recipe released."
        )
    if recipe.distil and recipe.head == "binary":
        raise UserError("Distillation needs a recipe that tells diagnoses apart.")
    return [_load(Path(folder), recipe, preprocessing, rows) for folder in folders]


def _load(folder: Path, recipe: Recipe, preprocessing: Preprocessing, rows: pd.DataFrame) -> Teacher:
    held_out = folder / OUT_OF_FOLD_FILE
    if not held_out.is_file():
        checkpoint = _checkpoint(folder, recipe, preprocessing)
        return Teacher([checkpoint.hash], [checkpoint.network], np.zeros(len(rows), dtype=int))
    table = read_text_table(held_out, usecols=["source", "image_id", "fold"])
    known = table.drop_duplicates(["source", "image_id"]).set_index(["source", "image_id"])["fold"]
    fold = known.reindex(pd.MultiIndex.from_frame(rows[["source", "image_id"]]))
    if fold.isna().any():
        raise UserError(
            f"{int(fold.isna().sum())} of the photographs to learn from are in no fold of {folder}. "
            "Train its folds on this split."
        )
    fold = fold.to_numpy().astype(int)
    found = [_checkpoint(folder / f"fold-{k}" / "checkpoint", recipe, preprocessing) for k in range(fold.max() + 1)]
    return Teacher([one.hash for one in found], [one.network for one in found], fold)


def _checkpoint(folder: Path, recipe: Recipe, preprocessing: Preprocessing) -> Checkpoint:
    checkpoint = load_checkpoint(folder)
    if checkpoint.config.diagnoses != DIAGNOSES:
        raise UserError(f"The teacher {folder} does not tell the {len(DIAGNOSES)} diagnoses apart.")
    if _sight(checkpoint.config.preprocessing) != _sight(preprocessing):
        raise UserError(f"The teacher {folder} sees photographs otherwise than {recipe.name}.")
    checkpoint.network.eval().requires_grad_(False)
    return checkpoint


def _sight(seen: Preprocessing) -> tuple:
    """All of what decides the pixels but their number, which may differ."""
    return (seen.crop, seen.remove_hair, seen.square, tuple(seen.mean), tuple(seen.std))


def answers(inputs: Tensor, folds: Tensor, teachers: Sequence[Teacher]) -> Tensor:
    """(B, K) logits, the mean over the teachers, of inputs (B, 3, S, S).

    folds: (B, T) for T teachers: which of a teacher's networks is asked about each input.
    """
    found = []
    with torch.no_grad():
        for fold, teacher in zip(folds.unbind(dim=1), teachers, strict=True):
            asked = fold.unique().tolist()
            if len(asked) == 1:
                found.append(teacher.networks[asked[0]](inputs))
                continue
            logits = None
            for number in asked:
                mine = fold == number
                some = teacher.networks[number](inputs[mine])
                logits = some.new_empty(len(inputs), some.shape[1]) if logits is None else logits
                logits[mine] = some
            found.append(logits)
    return torch.stack(found).mean(dim=0)


def loss(logits: Tensor, taught: Tensor) -> Tensor:
    """(B,) divergence of the softened answers (B, K) from those of the teachers.

    Scaled by the temperature squared, so that its gradients are as large as those of a cross-entropy.
    """
    wanted = (taught / TEMPERATURE).softmax(dim=1)
    missed = (wanted.clamp_min(1e-12).log() - (logits / TEMPERATURE).log_softmax(dim=1)) * wanted
    return TEMPERATURE**2 * missed.sum(dim=1)
