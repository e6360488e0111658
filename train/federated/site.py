"""A hospital's side: its own split.csv, ``fit``'s own run on it for some epochs, and counts of its validation part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from skin_model.atomic_files import replacing
from skin_model.network.preprocessing import Preprocessing
from train import UserError
from train.data import images, splits
from train.federated import counts
from train.federated.counts import SiteCounts
from train.federated.messages import STATISTICS, Weights, are_finite, fill, weights_of
from train.federated.settings import Settings
from train.fitting import fit
from train.fitting.recipes import Recipe
from train.fitting.run import Run, network_of
from train.fitting.validation import predict


class SiteRefused(UserError):
    """Why a site stays out. code: one of ``messages.REASONS``, which the server is told; the sentence stays here."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Trained:
    """A site's weights after its epochs, on how many photographs, and its mean loss."""

    weights: Weights
    photographs: int
    loss: float


class Site:
    """One hospital's photographs under the federation's settings.

    work: a folder that ``prepare`` made. kept: a folder for the site's own statistics of batch normalisation.
    """

    def __init__(self, work: Path, settings: Settings, kept: Path) -> None:
        """Raises SiteRefused where the split cannot be trained on."""
        self.work, self.settings = work, settings
        self.recipe: Recipe = settings.to_recipe()
        self.preprocessing: Preprocessing = fit.preprocessing_of(self.recipe)
        self._statistics = kept / "batch_norm.safetensors"
        try:
            rows = splits.read_split(work / "split.csv")
        except UserError as problem:
            raise SiteRefused("no_split", str(problem)) from None
        self._parts = {name: rows[rows["split"] == name] for name in ("train", "validation")}
        classes = set(self._parts["train"]["malignant"])
        for number, code, word in ((1, "no_cancers", "malignant"), (0, "no_benign", "benign")):
            if number not in classes:
                raise SiteRefused(code, f"The train part of {work / 'split.csv'} has no {word} photographs.")

    def rows(self, part: str) -> pd.DataFrame:
        """Its photographs of ``train`` or ``validation`` that the recipe learns from."""
        of = self._parts[part]
        return of[images.large_enough(of, self.recipe.least_side)]

    @cached_property
    def _seen(self) -> np.ndarray:
        rows = self.rows("validation")
        if rows.empty:
            return np.zeros((0, self.recipe.input_size, self.recipe.input_size, 3), np.uint8)
        return images.load_squares(rows, self.preprocessing, self.work / "cache", self.recipe.input_size)

    def train(self, weights: Mapping[str, Tensor], number: int, mu: float = 0.0) -> Trained:
        """Train in round ``number`` (1, 2, …) from the common weights.

        mu: of the proximal term. With local batch normalisation its statistics are taken up from the last round that
        the site took part in, the common ones before its first, and kept for the next one.

        Raises SiteRefused where a number is none.
        """
        training, validation = self.rows("train"), self.rows("validation")
        squares = images.load_squares(training, self.preprocessing, self.work / "cache")
        accelerator = fit.begin(self.recipe)
        run = Run(
            accelerator, self.work, self.recipe, self.preprocessing, training, validation, squares, self._seen,
            proximal=mu,
        )  # fmt: skip
        network = network_of(self.recipe)
        fill(network, {**weights, **(self._own_statistics() if number > 1 else {})})
        run.prepare(network, "a federation")
        try:
            loss = run.train_part((number - 1) * self.settings.epochs, self.settings.epochs)
        except UserError as problem:  # a loss that is no finite number
            raise SiteRefused("not_finite", str(problem)) from None
        found = weights_of(run.plain, statistics=True)
        accelerator.free_memory()
        if not are_finite(found):
            raise SiteRefused("not_finite", "Training ended in weights that are no finite numbers.")
        if self.settings.batch_norm == "local":
            self._statistics.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._statistics) as aside:
                save_file({name: tensor for name, tensor in found.items() if name.endswith(STATISTICS)}, aside)
        return Trained(found, len(training), loss)

    def count(
        self, name: str, weights: Mapping[str, Tensor], *, own_statistics: bool, temperatures: tuple[float, ...]
    ) -> SiteCounts:
        """Histograms of its validation log-odds. own_statistics: of batch normalisation, in place of the common ones.

        Raises SiteRefused where a number is none.
        """
        rows, network = self.rows("validation"), network_of(self.recipe)
        fill(network, {**weights, **(self._own_statistics() if own_statistics else {})})
        outputs = self.recipe.malignant_outputs
        logits = np.zeros((0, len(outputs)))
        if len(rows):
            logits = predict(network, self._seen, self.preprocessing, torch.device("cpu"), self.recipe.views)
        try:
            return counts.count(name, logits, rows["malignant"], rows["group"], outputs, temperatures)
        except ValueError as problem:
            raise SiteRefused("not_finite", str(problem)) from None

    def _own_statistics(self) -> Weights:
        local = self.settings.batch_norm == "local" and self._statistics.is_file()
        return load_file(self._statistics) if local else {}
