"""What a federation leaves behind: its state after every round, and in the end an ordinary run folder."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from skin_model import __version__
from skin_model.atomic_files import replacing, write_csv, write_json
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.checkpoint import CONFIG_FILE, Checkpoint, Config
from skin_model.network.torch_backend import weights as torch_weights
from train import UserError
from train.data import licences, provenance, splits
from train.digests import file_sha256
from train.federated import counts
from train.federated.counts import SiteCounts
from train.federated.messages import Weights
from train.federated.rounds import Introduced
from train.federated.settings import Settings
from train.fitting import fit
from train.fitting.run_folder import HISTORY_FILE, plot_history, training_record

STATE_FILE, SETTINGS_FILE = "federation.safetensors", "federation.json"
COMMAND = "python -m train federate --work WORK --out RUN"
_ROUNDS = "rounds"


class FederatedRun:
    """A run folder. work: the work folder of a simulation, None where the photographs are elsewhere."""

    def __init__(self, out: Path, settings: Settings, work: Path | None = None) -> None:
        """Raises UserError where the folder holds a run under other settings."""
        self.out, self.settings, self.work = out, settings, work
        self.history: list[dict[str, Any]] = []
        digest = file_sha256(work / "split.csv") if work is not None else ""
        now = {"settings": settings.to_config(), "split_sha256": digest}
        file = out / SETTINGS_FILE
        if file.is_file() and json.loads(file.read_text()) != now:
            raise UserError(f"{out} holds a federation under other settings. Choose another folder with --out.")
        write_json(file, now)

    @property
    def is_finished(self) -> bool:
        """Whether the checkpoint is written."""
        return (self.out / "checkpoint" / CONFIG_FILE).is_file()

    def resume(self) -> Weights | None:
        """The common weights after the last whole round, whose history is read too; None before the first."""
        state, history = self.out / STATE_FILE, self.out / HISTORY_FILE
        if not (state.is_file() and history.is_file()):
            return None
        with safe_open(state, "pt") as kept:
            rounds = int(kept.metadata()[_ROUNDS])
        # Interrupted between the two files, the history has a row more than the weights have rounds.
        self.history = pd.read_csv(history, keep_default_na=True).to_dict("records")[:rounds]
        return load_file(state)

    def keep(self, weights: Weights, row: dict[str, Any]) -> None:
        """A round is over: its weights and its row of history.csv."""
        self.history.append(row)
        write_csv(self.out / HISTORY_FILE, pd.DataFrame(self.history), float_format="%.6g")
        done = {_ROUNDS: str(len(self.history))}
        with replacing(self.out / STATE_FILE) as aside:
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, aside, done)

    def finish(
        self,
        network: nn.Module,
        found: Sequence[SiteCounts],
        sites: Sequence[Introduced],
        started_from: str,
    ) -> tuple[Checkpoint, list[str]]:
        """Calibrate from the sites' counts and write the checkpoint; returns it, and what to know of the calibration.

        Without an out-of-distribution gate and without a calibration of the diagnoses: both need more of a site's
        photographs than counts. Raises UserError where the counts cannot calibrate.
        """
        recipe = self.settings.to_recipe()
        calibration, thresholds, points, notes = counts.fit(found)
        record = self._record(sites) | {
            "started_from": started_from,
            "epochs": recipe.epochs,
            "best_epoch": recipe.epochs,
            "seconds_training": round(sum(float(row["seconds"]) for row in self.history)),
            "federation": {**self.settings.to_config(), "sites": sorted(site.name for site in sites)},
        }
        auc = float(self.history[-1]["validation_auc"])
        if math.isfinite(auc):
            record["validation_auc"] = auc
        licence, note = licences.of_weights(record["licences"])
        config = Config(
            diagnoses=() if recipe.head == "binary" else DIAGNOSES,
            preprocessing=fit.preprocessing_of(recipe),
            calibration=calibration,
            thresholds=thresholds,
            operating_points=points,
            training=record,
            architecture=recipe.architecture,
            version=__version__,
            licence=licence,
            licence_note=note,
            views=recipe.views,
        )
        folder = self.out / "checkpoint"
        folder.mkdir(parents=True, exist_ok=True)
        if self.work is not None:  # else ids of photographs would have to leave their sites
            provenance.write(folder, self.work)
        saved = Checkpoint(config, torch_weights.Weights(network.eval().requires_grad_(False))).save(folder)
        plot_history(self.history, self.out / "history.png")
        return saved, notes

    def _record(self, sites: Sequence[Introduced]) -> dict[str, Any]:
        recipe = self.settings.to_recipe()
        seconds = sum(float(row["seconds"]) for row in self.history)
        if self.work is not None:
            rows = splits.read_split(self.work / "split.csv")
            return training_record(self.work, recipe, rows, seconds, 1) | {"command": COMMAND}
        parts = ("train", "validation")
        return {
            "recipe": recipe.name,
            "settings": json.loads(json.dumps(asdict(recipe))),
            "seed": recipe.seed,
            "photographs": {part: {site.name: sum(site.photographs[part]) for site in sites} for part in parts},
            "licences": {},
            "versions": {name: version(name) for name in ("torch", "timm", "flwr", "numpy")},
            "machine": f"{platform.system()} {platform.machine()}, at {len(sites)} sites",
            "seconds": round(seconds),
            "command": "flwr run train/federated/flower_app",
        }
