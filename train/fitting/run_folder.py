"""What a run's folder holds beside its checkpoint: the recipe it keeps to, its state, its history and their plot."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from skin_model.atomic_files import write_json
from skin_model.network.checkpoint import Checkpoint
from train import UserError
from train.data.tables import read_text_table
from train.digests import file_sha256
from train.fitting.recipes import RECIPES, Recipe

STATE_FILE, HISTORY_FILE, RECIPE_FILE = "state.pt", "history.csv", "recipe.json"


def keep_recipe(
    out: Path,
    recipe: Recipe,
    work: Path,
    teachers: Sequence[str] | None = None,
    earlier: Checkpoint | None = None,
    part: str = "",
) -> None:
    """Write the recipe and the hashes of split, teachers and start beside the run, and refuse to resume with others.

    Names and descriptions of recipes may differ: their settings count. teachers: their hashes, or None to take
    whichever there were. earlier: the checkpoint that the run starts from. part: which of the split's photographs the
    run learns from, where that is not its training part, such as "all but fold 1 of 5".
    """
    now = {"recipe": json.loads(json.dumps(asdict(recipe))), "split_sha256": file_sha256(work / "split.csv")}
    if teachers:
        now["teachers"] = list(teachers)
    if earlier is not None:
        now["start"] = earlier.hash
    if part:
        now["part"] = part
    file = out / RECIPE_FILE
    if file.is_file():
        # A run from before a setting was added has that setting's default.
        kept = _with_defaults(json.loads(file.read_text()))
        same_teachers = kept.pop("teachers", []) == now.pop("teachers", []) or teachers is None
        differing = _differing(_settings(kept), _settings(now)) + ([] if same_teachers else ["teachers"])
        if not differing:
            return
        if any((out / name).exists() for name in (STATE_FILE, HISTORY_FILE, "checkpoint")):
            raise UserError(
                f"{out} holds another run: it differs in {', '.join(differing)}. Choose another folder with --out."
            )
        # A run that failed before its first epoch holds nothing that could be lost.
    write_json(file, now)


def _differing(kept: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names of the settings that differ: the recipe's own, the split, the start, the part."""
    names = {**kept["recipe"], **now["recipe"]}
    found = [name for name in names if kept["recipe"].get(name) != now["recipe"].get(name)]
    others = {
        "split_sha256": "the split",
        "start": "the checkpoint that it starts from",
        "part": "what is learned from",
    }
    return found + [said for name, said in others.items() if kept.get(name) != now.get(name)]


def _settings(kept: dict[str, Any]) -> dict[str, Any]:
    recipe = {name: value for name, value in kept["recipe"].items() if name not in ("name", "description")}
    return {**kept, "recipe": recipe}


def _with_defaults(kept: dict[str, Any]) -> dict[str, Any]:
    usual = json.loads(json.dumps(asdict(Recipe("", ""))))
    recipe = {**usual, **kept["recipe"]}
    recipe["augmentation"] = {**usual["augmentation"], **recipe["augmentation"]}
    return {**kept, "recipe": recipe}


def training_record(work: Path, recipe: Recipe, rows: pd.DataFrame, seconds: float, processes: int) -> dict[str, Any]:
    counts = rows.groupby(["split", "source"]).size()
    return {
        "recipe": recipe.name,
        "settings": json.loads(json.dumps(asdict(recipe))),
        "seed": recipe.seed,
        "split_sha256": file_sha256(work / "split.csv"),
        "photographs": {split: counts[split].to_dict() for split in counts.index.levels[0]},
        "licences": licences(work, rows),
        "versions": {
            name: version(name) for name in ("torch", "timm", "numpy", "opencv-python-headless", "accelerate")
        },
        "machine": f"{platform.system()} {platform.machine()}, {processes} × {torch.get_num_threads()} threads",
        "seconds": round(seconds),
        "command": f"python -m train fit --work WORK --out RUN --recipe {recipe.name}{_options(recipe)}",
    }


def _options(recipe: Recipe) -> str:
    """What the command line was asked for in place of the recipe's own."""
    usual = RECIPES.get(recipe.name, recipe)
    asked = {"seed": "--seed", "epochs": "--epochs", "input_size": "--input-size"}
    changed = [(option, name) for name, option in asked.items() if getattr(usual, name) != getattr(recipe, name)]
    return "".join(f" {option} {getattr(recipe, name)}" for option, name in changed)


def licences(work: Path, learned: pd.DataFrame | None = None) -> dict[str, dict[str, int]]:
    """Source -> licence as the source states it -> photographs of training and validation; {} where not noted.

    learned: root and file of the photographs that count; None for all.
    """
    catalogue = work / "catalogue.csv"
    if not catalogue.is_file():
        return {}
    rows = read_text_table(catalogue)
    if not {"licence", "split", "source"} <= set(rows):
        return {}
    rows = rows[rows["split"].isin(["train", "validation"])]
    if learned is not None:
        place = ["root", "file"]
        rows = rows[pd.MultiIndex.from_frame(rows[place]).isin(pd.MultiIndex.from_frame(learned[place]))]
    counts = rows.groupby(["source", "licence"]).size()
    return {source: {name: int(n) for (_, name), n in of.items()} for source, of in counts.groupby(level=0)}


def plot_history(history: list[dict[str, float]], file: Path) -> None:
    """Loss and validation AUC against the epoch, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row["loss"] for row in history], color="tab:gray", label="training loss")
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss")
    right = axes.twinx()
    right.plot(epochs, [row["validation_auc"] for row in history], color="tab:blue", marker="o", label="validation AUC")
    right.set_ylabel("validation AUC within source")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(file, dpi=120)
