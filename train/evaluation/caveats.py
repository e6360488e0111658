"""Why figures may flatter a checkpoint, in sentences."""

from pathlib import Path
from typing import Any

import pandas as pd

from train.digests import file_sha256


def without_split(training: dict[str, Any], rows: pd.DataFrame) -> list[str]:
    """Why figures on photographs that are in no split may flatter the checkpoint."""
    unchecked = (
        "The photographs that trained the checkpoint are not at hand, "
        "so nobody has checked whether they, or near-duplicates of them, are among these."
    )
    trained = set(training.get("photographs", {}).get("train", {})) & set(rows["source"])
    if not trained:
        return [unchecked]
    named = ", ".join(sorted(trained))
    return [f"The checkpoint was trained on photographs of {named}; these may be among them.", unchecked]


def of_figures(training: dict[str, Any], rows: pd.DataFrame, work: Path | None, split: str) -> list[str]:
    """Sentences on why the figures may flatter the checkpoint."""
    if work is None:
        return without_split(training, rows)
    if training.get("split_sha256") != file_sha256(work / "split.csv"):
        return [
            "The checkpoint was trained with another split; photographs of this one may be among its training data."
        ]
    if split == "train":
        return ["The checkpoint was trained on the train split; the figures flatter it. Use --split test."]
    if split == "validation":
        return ["Calibration and thresholds were chosen on the validation split; the figures flatter the checkpoint."]
    return []
