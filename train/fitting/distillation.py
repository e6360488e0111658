"""Distillation: a small network learns the answers of several teachers, photograph by photograph."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from skin_model.diagnoses import DIAGNOSES
from skin_model.network.checkpoint import Checkpoint
from train import UserError
from train.fitting import backbones
from train.fitting.architectures import load_checkpoint
from train.fitting.recipes import Recipe

TEMPERATURE = 2.0
"""Softens both answers, so that the small probabilities count too (Hinton et al. 2015, arXiv 1503.02531)."""


def load(folders: Sequence[Path], recipe: Recipe) -> list[Checkpoint]:
    """The teachers of a run; raises UserError where the recipe and its teachers do not fit together."""
    if bool(folders) != bool(recipe.distil):
        raise UserError(
            f"{recipe.name} learns from teachers. Name their checkpoint folders with --teacher."
            if recipe.distil
            else f"{recipe.name} has no use for teachers. Leave --teacher out, or choose the recipe distilled."
        )
    if recipe.distil and (recipe.head == "binary" or recipe.mixup):
        raise UserError("Distillation needs a recipe that tells diagnoses apart, without mixup.")
    teachers = []
    for folder in folders:
        teacher = load_checkpoint(folder)
        if teacher.config.diagnoses != DIAGNOSES:
            raise UserError(f"The teacher {folder} does not tell the {len(DIAGNOSES)} diagnoses apart.")
        teachers.append(teacher)
    for teacher in teachers:
        seen = teacher.config.preprocessing
        crop = "border" if recipe.border_crop else "none"
        wanted = (crop, recipe.remove_hair, *backbones.pixel_statistics(recipe.architecture))
        if (seen.crop, seen.remove_hair, tuple(seen.mean), tuple(seen.std)) != wanted:
            raise UserError(f"A teacher ({teacher.config.architecture}) sees photographs otherwise than {recipe.name}.")
    return teachers


def loss(logits: Tensor, inputs: Tensor, teachers: Sequence[nn.Module]) -> Tensor:
    """(B,) divergence of the softened answers from those of the teachers, whose logits are averaged.

    logits: (B, K) of the network that learns, for inputs (B, 3, S, S). Scaled by the temperature squared, so that its
    gradients are as large as those of a cross-entropy.
    """
    with torch.no_grad():
        taught = torch.stack([teacher(inputs) for teacher in teachers]).mean(dim=0)
    wanted = (taught / TEMPERATURE).softmax(dim=1)
    missed = (wanted.clamp_min(1e-12).log() - (logits / TEMPERATURE).log_softmax(dim=1)) * wanted
    return TEMPERATURE**2 * missed.sum(dim=1)
