"""Cross-fitting: a network for every fold of the training and validation photographs, asked about the fold it did not
see, and one network trained on all of them.

So every photograph has an answer from a network that never learnt from it (its out-of-fold prediction). On those the
last network is calibrated, and from them, where its recipe distils, it learns.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from tqdm import tqdm

from skin_model.atomic_files import write_csv
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.checkpoint import CONFIG_FILE, Checkpoint
from skin_model.network.preprocessing import Preprocessing
from train import UserError
from train.data import images, provenance, splits
from train.data.tables import read_text_table
from train.fitting import context, distillation, run_checkpoint
from train.fitting import fit as fitting
from train.fitting.distillation import OUT_OF_FOLD_FILE
from train.fitting.networks.architectures import load_checkpoint
from train.fitting.recipes import Recipe
from train.fitting.run import Run
from train.fitting.run_folder import keep_recipe, training_record
from train.fitting.validation import predict

_KNOWN = ("file", "source", "image_id", "group", "diagnosis", "malignant")


class CrossFitting:
    """The folds of one recipe on one split, and what all their networks share."""

    def __init__(
        self, work: Path, out: Path, recipe: Recipe, backbone: Path | None, count: int, or_scratch: bool
    ) -> None:
        """Decode the photographs. Raises UserError on input that the user can mend."""
        if not 2 <= count <= 20:
            raise UserError("Choose between 2 and 20 folds.")
        self.work, self.out, self.recipe, self.count = work, out, recipe, count
        self.start = {"files": [] if backbone is None else [backbone], "or_scratch": or_scratch}
        self.rows = photographs(work, recipe)
        self.fold = splits.folds(self.rows, count)
        self.accelerator: Accelerator = fitting.begin(recipe)
        self.preprocessing: Preprocessing = fitting.preprocessing_of(recipe)
        with self.accelerator.main_process_first():
            self.squares = images.load_squares(self.rows, self.preprocessing, work / "cache")
            self.seen = images.load_squares(self.rows, self.preprocessing, work / "cache", recipe.input_size)

    def folder(self, number: int) -> Path:
        return self.out / f"fold-{number}"

    @property
    def is_complete(self) -> bool:
        """Whether every fold has its checkpoint."""
        return all((self.folder(k) / "checkpoint" / CONFIG_FILE).is_file() for k in range(self.count))

    def train_fold(self, number: int) -> None:
        """Train on all but one fold, from labels alone; goes on where an interrupted call stopped."""
        others, held_out = np.flatnonzero(self.fold != number), np.flatnonzero(self.fold == number)
        epochs = min(self.recipe.fold_epochs or self.recipe.epochs, self.recipe.epochs)
        recipe = self.recipe.change(distil=0.0, views=1, epochs=epochs)
        folder = self.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        with self.accelerator.main_process_first():
            keep_recipe(folder, recipe, self.work, part=f"all but fold {number} of {self.count}")
        if (folder / "checkpoint" / CONFIG_FILE).is_file():
            return
        if self.accelerator.is_main_process:
            tqdm.write(f"Training without fold {number}, of folds 0 to {self.count - 1}.", file=sys.stderr)
        (self.out / OUT_OF_FOLD_FILE).unlink(missing_ok=True)  # an earlier network's answers
        run = self._run(folder, recipe, others, held_out)
        self._finish(run, {"fold": number}, f" --fold {number}")

    def out_of_fold(self) -> pd.DataFrame:
        """What each photograph is, its fold, and the logits of the network that did not see it, as kept in the file.

        The logits' columns are ``logit_mel`` and so on, or ``logit_malignant`` for a binary head; ``views`` says of how
        many they are the mean.
        """
        file = self.out / OUT_OF_FOLD_FILE
        if self.accelerator.is_main_process and not self._holds_answers(file):
            write_csv(file, self._asked())
        self.accelerator.wait_for_everyone()
        table = read_text_table(file)
        numbers = [name for name in table if name.startswith("logit_")]
        return table.astype({"fold": int, "malignant": int} | dict.fromkeys(numbers, float))

    def _holds_answers(self, file: Path) -> bool:
        """Whether the networks were asked in as many views as this recipe's answers are averaged of."""
        if not file.is_file():
            return False
        table = read_text_table(file)
        return "views" in table and set(table["views"]) == {str(self.recipe.views)}

    def train_on_all(self, teachers: Sequence[Path]) -> Checkpoint | None:
        """Train on every photograph, calibrated on the out-of-fold predictions; None in all but the main process.

        teachers: further runs that a recipe which distils learns from, beside the networks of these folds.
        """
        table, recipe = self.out_of_fold(), self.recipe.change(keep="last")
        taught_by = self.teachers([self.out, *teachers]) if recipe.distil else []
        with self.accelerator.main_process_first():
            part = f"training and validation, with {self.count} folds"
            keep_recipe(self.out, recipe, self.work, fitting.hashes(taught_by), part=part)
        everything = np.arange(len(self.rows))
        if self.accelerator.is_main_process:
            tqdm.write("Training the last network, on the photographs of all folds.", file=sys.stderr)
        run = self._run(self.out, recipe, everything, everything[:0], taught_by)
        gates = [load_checkpoint(self.folder(k) / "checkpoint").gate for k in range(self.count)]
        return self._finish(
            run,
            {"teachers": fitting.hashes(taught_by)} if taught_by else {},
            " --teacher RUN" * len(teachers),
            out_of_fold=table[[name for name in table if name.startswith("logit_")]].to_numpy(),
            gate_threshold=None if None in gates else float(np.mean([float(gate.threshold) for gate in gates])),
            told=splits.with_known(self.rows, self.work / "split.csv", context.COLUMNS).assign(fold=self.fold),
        )

    def teachers(self, folders: Sequence[Path]) -> list[distillation.Teacher]:
        """Raises UserError where one cannot teach this recipe."""
        return distillation.load(folders, self.recipe, self.preprocessing, self.rows)

    def _run(
        self,
        folder: Path,
        recipe: Recipe,
        training: np.ndarray,
        validation: np.ndarray,
        teachers: Sequence[distillation.Teacher] = (),
    ) -> Run:
        """A finished run on some of the photographs, by position."""
        self.began = time.monotonic()
        run = Run(
            self.accelerator,
            folder,
            recipe,
            self.preprocessing,
            self.rows.iloc[training],
            self.rows.iloc[validation],
            self.squares,
            self.seen[validation],
            training,
            [teacher.to(self.accelerator.device) for teacher in teachers],
        )
        run.start(**self.start)
        self.accelerator.wait_for_everyone()
        return run

    def _finish(self, run: Run, notes: dict[str, Any], options: str, **judged: Any) -> Checkpoint | None:
        written = None
        if self.accelerator.is_main_process:
            seconds, processes = time.monotonic() - self.began, self.accelerator.num_processes
            record = training_record(self.work, run.recipe, self.rows, seconds, processes)
            record |= {"folds": self.count, **notes}
            record["command"] += f" --folds {self.count}{options}"
            # First, so that a checkpoint with its config.json, which is written last, always has it.
            (run.out / "checkpoint").mkdir(exist_ok=True)
            provenance.write(run.out / "checkpoint", self.work)
            written = run_checkpoint.write(run, record, **judged)
        self.accelerator.free_memory()
        self.accelerator.wait_for_everyone()
        return written

    def _asked(self) -> pd.DataFrame:
        logits = None
        for number in range(self.count):
            checkpoint = load_checkpoint(self.folder(number) / "checkpoint")
            held_out = np.flatnonzero(self.fold == number)
            seen, how = self.seen[held_out], checkpoint.config.preprocessing
            found = predict(checkpoint.network, seen, how, torch.device("cpu"), self.recipe.views)
            logits = np.empty((len(self.rows), found.shape[1])) if logits is None else logits
            logits[held_out] = found
        names = DIAGNOSES if logits.shape[1] > 1 else ("malignant",)
        columns = {f"logit_{name}": logits[:, k] for k, name in enumerate(names)}
        return self.rows[list(_KNOWN)].assign(fold=self.fold, views=self.recipe.views, **columns)


def fit_folds(
    work: Path,
    out: Path,
    recipe: Recipe,
    backbone: Path | None = None,
    *,
    count: int = 5,
    only: Sequence[int] = (),
    teachers: Sequence[Path] = (),
    or_scratch: bool = False,
) -> Checkpoint | None:
    """Train a network a fold in ``out/fold-0`` and so on, write ``out/out_of_fold.csv``, then train ``out/checkpoint``.

    only: the folds to train here, in place of all and of the network trained on everything, so that several machines
    can share the work; with the last of them their answers are written, so that the folds can teach another recipe.
    teachers: run folders with folds, or checkpoint folders. The same call resumes after the last whole epoch. Returns
    the checkpoint trained on all photographs; None where folds are missing, or in processes other than the main one.
    Raises UserError on input that the user can mend.
    """
    if not set(only) <= set(range(count)):
        raise UserError(f"Folds are counted from 0: of {count} folds the last one is fold {count - 1}.")
    crossed = CrossFitting(work, out, recipe, backbone, count, or_scratch)
    if teachers:
        crossed.teachers(teachers)  # what is wrong with them is told before hours of training
    for number in only or range(count):
        crossed.train_fold(number)
    if not crossed.is_complete:
        return None
    if only:
        crossed.out_of_fold()
        return None
    return crossed.train_on_all(teachers)


def photographs(work: Path, recipe: Recipe) -> pd.DataFrame:
    """The training and validation photographs of WORK/split.csv that the recipe learns from, numbered from 0."""
    rows = fitting.read_split(work)
    return fitting.learned_from(rows[rows["split"] != "test"], recipe).reset_index(drop=True)
