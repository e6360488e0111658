"""One recipe, one run folder: trains, resumes, calibrates, and writes a checkpoint.

Runs as it is on one process, under ``accelerate launch`` on several GPUs or machines, and under ``torchrun`` on several
CPU processes: the global batches are the same however many processes share them.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from tqdm import tqdm

from skin_model.network.checkpoint import CONFIG_FILE, Checkpoint, CheckpointError
from skin_model.network.preprocessing import Preprocessing
from train import UserError
from train.data import images, provenance, splits
from train.fitting import distillation, run_checkpoint
from train.fitting.allocator import keep_freed_memory
from train.fitting.distillation import Teacher
from train.fitting.networks import backbones
from train.fitting.recipes import Recipe
from train.fitting.run import Run
from train.fitting.run_folder import keep_recipe, training_record


def fit(
    work: Path,
    out: Path,
    recipe: Recipe,
    backbone: Path | Sequence[Path] | None = None,
    *,
    or_scratch: bool = False,
    teachers: Sequence[Path] = (),
    start: Path | None = None,
) -> Checkpoint | None:
    """Train ``recipe`` on the split in ``work`` and write ``out/checkpoint``, history.csv and plots.

    The same call resumes an interrupted run after its last whole epoch and ends at the same weights. backbone: a
    safetensors file of ImageNet weights, or several, of which the first that fits is taken; without it timm fetches
    them. or_scratch: where they cannot be had, start from random weights rather than refuse; the checkpoint's training
    record says under ``started_from`` how it began. teachers: checkpoint folders, for a recipe that distils. start: a
    checkpoint folder whose weights, head and all, are trained on in place of a backbone.
    Returns the checkpoint (None in processes other than the main one). Raises UserError on input that the user can
    mend.
    """
    rows = read_split(work)
    started = time.monotonic()
    accelerator = begin(recipe)
    out.mkdir(parents=True, exist_ok=True)
    with accelerator.main_process_first():
        earlier = None if start is None else _earlier(start, work)
        preprocessing = preprocessing_of(recipe)
        large = learned_from(rows[rows.split != "test"], recipe)
        training, validation = large[large.split == "train"], large[large.split == "validation"]
        taught_by = distillation.load(teachers, recipe, preprocessing, training)
        keep_recipe(out, recipe, work, hashes(taught_by), earlier)
        squares = images.load_squares(training, preprocessing, work / "cache")
        seen = images.load_squares(validation, preprocessing, work / "cache", recipe.input_size)

    run = Run(accelerator, out, recipe, preprocessing, training, validation, squares, seen)
    run.teachers = [teacher.to(accelerator.device) for teacher in taught_by]
    run.start([backbone] if isinstance(backbone, Path) else backbone or (), or_scratch=or_scratch, earlier=earlier)
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return None
    learned = pd.concat([training, validation, rows[rows.split == "test"]])
    record = training_record(work, recipe, learned, time.monotonic() - started, accelerator.num_processes)
    if taught_by:
        record["teachers"] = hashes(taught_by)
        record["command"] += " --teacher CHECKPOINT" * len(taught_by)
    if start is not None:
        record["command"] += " --start CHECKPOINT"
    # First, so that a checkpoint with its config.json, which finish writes last, always has it.
    (out / "checkpoint").mkdir(exist_ok=True)
    provenance.write(out / "checkpoint", work, start)
    return run_checkpoint.write(run, record)


def hashes(teachers: Sequence[Teacher]) -> list[str]:
    """Of all networks that teach."""
    return [one for teacher in teachers for one in teacher.hashes]


def begin(recipe: Recipe) -> Accelerator:
    """This process's part in training a recipe; raises UserError where the processes cannot share its batches."""
    keep_freed_memory()
    accelerator = Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True))
    torch.set_num_threads(max(1, torch.get_num_threads() // accelerator.num_processes))
    if recipe.batch_size % accelerator.num_processes:
        raise UserError(
            f"A batch of {recipe.batch_size} cannot be shared by {accelerator.num_processes} processes evenly. "
            "Choose a number of processes that divides it."
        )
    return accelerator


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """How a network of this recipe sees photographs."""
    mean, std = backbones.pixel_statistics(recipe.architecture)
    crop = "border" if recipe.border_crop else "none"
    return Preprocessing(recipe.input_size, mean, std, crop, recipe.remove_hair, recipe.square)


def _earlier(folder: Path, work: Path) -> Checkpoint:
    """The checkpoint to start from; raises UserError where it may have seen what ``work`` keeps for testing."""
    try:
        earlier = Checkpoint.load(folder)
    except CheckpointError as problem:
        raise UserError(str(problem)) from None
    seen = provenance.locked_groups_seen(folder, earlier, work, "test")
    if seen is None:
        raise UserError(f"{folder} has no {provenance.TRAINED_ON_FILE}: nobody can tell whether it saw the test part.")
    if seen:
        raise UserError(
            f"{folder} was trained on {len(seen):,} lesions or patients of this split's test part. "
            "Prepare the split with --keep-split of the one it was trained on."
        )
    return earlier


def is_finished(work: Path, out: Path, recipe: Recipe) -> bool:
    """Whether ``out`` holds a finished run of this recipe; raises UserError where it is one of another."""
    if not (out / "checkpoint" / CONFIG_FILE).is_file():
        return False
    keep_recipe(out, recipe, work)
    return True


def learned_from(rows: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The rows of photographs that are as large as the recipe asks; says how many are not.

    Raises UserError where too few are left to learn from.
    """
    large = rows[images.large_enough(rows, recipe.least_side)]
    if len(large) < len(rows):
        said = (
            f"{len(rows) - len(large):,} photographs with a side under {recipe.least_side} pixels are not learned from."
        )
        tqdm.write(said, file=sys.stderr)
    if set(large["malignant"]) != {0, 1}:
        raise UserError(
            f"{recipe.name} learns from photographs of at least {recipe.least_side} pixels, and these are not both "
            "benign and malignant. Give it larger ones, or choose --recipe single-run, which learns from all."
        )
    return large


def read_split(work: Path) -> pd.DataFrame:
    """WORK/split.csv, checked: at least one malignant and one benign row to train and to validate on."""
    file = work / "split.csv"
    rows = splits.read_split(file)
    for split in ("train", "validation"):
        classes = set(rows.loc[rows.split == split, "malignant"])
        if classes != {0, 1}:
            raise UserError(
                f"The {split} part of {file} needs both benign and malignant photographs. "
                "Add data and run prepare again."
            )
    return rows
