"""Runs under the full protocol side by side: what each recipe reached on the validation split, and what it cost."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from train import UserError
from train.fitting.run_folder import HISTORY_FILE, RECIPE_FILE
from train.reports.markdown import table as markdown_table

START, END = "<!-- runs: written by python -m train runs -->", "<!-- end of runs -->"
HEAD = ("recipe", "what it is", "epochs", "epoch kept", "validation AUC within source", "training loss", "minutes")


def table(runs: Sequence[Path]) -> pd.DataFrame:
    """One row a run folder, best first; raises UserError for a folder that holds no run, or runs on several splits.

    Columns: recipe, description, epochs (done), best (the epoch that was kept), auc (validation AUC within a source at
    that epoch), loss (training loss at the last one), minutes. The validation split chose the epoch and the recipes, so
    these figures flatter; those of the test split are README's.
    """
    rows, splits = [], set()
    for run in runs:
        try:
            kept = json.loads((run / RECIPE_FILE).read_text())
            history = pd.read_csv(run / HISTORY_FILE)
        except (OSError, ValueError) as problem:
            raise UserError(f"{run} holds no run of python -m train fit, or a damaged one.") from problem
        splits.add(kept["split_sha256"])
        best = history.loc[history["validation_auc"].idxmax()]
        rows.append(
            {
                "recipe": kept["recipe"]["name"],
                "description": kept["recipe"]["description"],
                "epochs": len(history),
                "best": int(best["epoch"]),
                "auc": best["validation_auc"],
                "loss": history["loss"].iloc[-1],
                "minutes": history["seconds"].sum() / 60,
            }
        )
    if len(splits) > 1:
        raise UserError("These runs were trained on different splits, so their figures cannot stand side by side.")
    return pd.DataFrame(rows).sort_values("auc", ascending=False, ignore_index=True)


def markdown(found: pd.DataFrame) -> str:
    """``table``'s rows as a Markdown table."""
    rows = [
        (row.recipe, row.description, row.epochs, row.best, f"{row.auc:.4f}", f"{row.loss:.3f}", f"{row.minutes:.0f}")
        for row in found.itertuples()
    ]
    return markdown_table(HEAD, rows)
