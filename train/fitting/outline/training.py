"""Trains the network that outlines lesions, on photographs whose lesion a person outlined, and says how good it is.

All such photographs here are dermoscopic, so what phones and darker skin do to a photo is drawn on them: uneven light,
melanin, blur, hairs, ink, a dermatoscope's dark corners, lesions far away or larger than the photo, and plain skin.
"""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from skin_model.atomic_files import write_json
from skin_model.lesion import outline, outline_network
from skin_model.network.config import LICENCE_NOTE
from skin_model.photo import open_photo
from train import UserError
from train.bootstrap import RESAMPLES, Draws, mean
from train.data import splits
from train.data.outlines import OUTLINES_FILE, outlines
from train.data.per_photograph import measure_each
from train.digests import file_sha256
from train.fitting.dense_prediction import DenseRun
from train.fitting.outline import photographs as outline_pictures

WEIGHTS_FILE, STATE_FILE, FIGURES_FILE = "outline.safetensors", "outline-state.pt", "outline.json"
EPOCHS = 10
LEARNING_RATE = 4e-3


def train(
    work: Path, data: Path, out: Path, *, epochs: int = EPOCHS, test: bool = False, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Train on the outlined photographs of the training split, keep the epoch that is best on validation, measure it.

    The same call resumes an interrupted one after its last whole epoch; a finished one is only measured. Writes
    outline.safetensors and outline.json to ``out``; returns the latter. test: also measure the test split, which
    decides nothing. Raises UserError on input that the user can mend.
    """
    rows = outlined(work, data)
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(work, out, rows, epochs)
    run.train()
    figures = {}
    for split in ("validation", "test") if test else ("validation",):
        kept = out / f"outline-dice-{split}-{run.weights_hash[:12]}.csv"
        figures[split] = measure(rows[rows["split"] == split], run.finished, resamples, kept)
    # Who judges the weights later can tell by the ids which photographs they did not learn from.
    held_out = rows.loc[rows["split"] == "validation", "image_id"].tolist()
    record = run.record | {"validation": figures["validation"], "held_out": held_out}
    outline_network.save(run.finished, record, out / WEIGHTS_FILE)
    files = {WEIGHTS_FILE: file_sha256(out / WEIGHTS_FILE)}
    found = {"files": files, **figures, "training": run.record}
    write_json(out / FIGURES_FILE, found)
    return found


def outlined(work: Path, data: Path) -> pd.DataFrame:
    """The rows of WORK/split.csv whose photograph lies in ``data`` and has an outline there."""
    rows = splits.read_split(work / "split.csv")
    known = outlines(data)
    if not known:
        raise UserError(f"{data} has no {OUTLINES_FILE}. Name a data folder that holds outlined photographs.")
    there = rows["root"].map(lambda root: Path(root).resolve() == data.resolve())
    rows = rows[there & rows["file"].isin(known)].reset_index(drop=True)
    for split in ("train", "validation"):
        if not (rows["split"] == split).any():
            raise UserError(
                f"No photograph of the {split} part of {work / 'split.csv'} has an outline in {data}. "
                "Run prepare with this folder first."
            )
    return rows


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Dice's coefficient of two bool masks: twice what they share by the sum of both; 1 where both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def measure(
    rows: pd.DataFrame, network: nn.Module | None, resamples: int = RESAMPLES, kept: Path | None = None
) -> dict[str, Any]:
    """Mean Dice of ``skin_model.lesion.outline.find`` on photographs with an outline, with its interval over groups.

    rows: root, file, group, diagnosis. network: None for the one that comes along. A lesion that is not found counts
    as 0 (``missed``). ``below``: share of photographs with a Dice under 0.7. kept: a CSV from which an interrupted
    call, repeated, goes on.
    """
    scored = measure_each(rows, partial(_score, network=network), "Measuring outlines", kept)
    values = scored["dice"].to_numpy(dtype=np.float64)
    draws = Draws(rows["group"].to_numpy(dtype=str), resamples, 0)
    diagnoses = rows["diagnosis"].replace("", "unknown").to_numpy(dtype=str)
    return {
        "n": len(rows),
        "n_groups": int(rows["group"].nunique()),
        "missed": int(scored["missed"].sum()),
        "dice": mean(draws, values),
        "median": round(float(np.median(values)), 4),
        "below": mean(draws, (values < 0.7).astype(np.float64)),
        "diagnoses": {
            str(name): {"n": int((diagnoses == name).sum()), "dice": round(float(values[diagnoses == name].mean()), 4)}
            for name in np.unique(diagnoses)
        },
    }


def _score(row: Any, network: nn.Module | None) -> list[dict[str, Any]]:
    rgb = open_photo(Path(row.root) / row.file).rgb
    height, width = rgb.shape[:2]
    truth = outline_pictures.drawn_mask(outlines(row.root)[row.file], width, height)
    found = outline.find(rgb, None if network is None else outline_network.answering(network))
    mask = np.zeros_like(truth) if found is None else found.mask
    return [{"dice": dice(mask, truth), "missed": found is None}]


def loss(logits: Tensor, lesion: Tensor) -> Tensor:
    """Cross-entropy plus one minus the soft Dice of every picture; logits (B, 1, S, S), lesion (B, S, S) bool."""
    logits, truth = logits[:, 0], lesion.float()
    probability = logits.sigmoid()
    shared = (probability * truth).sum(dim=(1, 2))
    total = probability.sum(dim=(1, 2)) + truth.sum(dim=(1, 2))
    soft_dice = (2 * shared + 16) / (total + 16)  # the constant keeps pictures of plain skin from counting too much
    return functional.binary_cross_entropy_with_logits(logits, truth) + (1 - soft_dice).mean()


class _Run(DenseRun):
    def __init__(self, work: Path, out: Path, rows: pd.DataFrame, epochs: int) -> None:
        self.work, self.rows = work, rows
        self.parts = {name: np.flatnonzero(rows["split"] == name) for name in ("train", "validation")}
        torch.manual_seed(0)
        count = len(self.parts["train"])
        super().__init__(
            out / STATE_FILE,
            outline_network.create(),
            file_sha256(work / "split.csv"),
            length=count,
            count=count,
            epochs=epochs,
            rate=LEARNING_RATE,
        )

    @property
    def record(self) -> dict[str, Any]:
        sources = self.rows["source"]
        return super().record | {
            "photographs": {
                name: sources.iloc[part].value_counts().sort_index().to_dict() for name, part in self.parts.items()
            },
            "outlines": OUTLINES_FILE,
            "command": "python -m train outline --work WORK --data FOLDER --out DIR",
            "licence_note": LICENCE_NOTE,
        }

    def prepare(self) -> None:
        rows = self.rows[self.rows["split"].isin(self.parts)]
        self.squares, self.masks = outline_pictures.decoded(rows, self.work / "cache")
        order = {position: i for i, position in enumerate(rows.index)}
        self.kept = {name: np.array([order[i] for i in part]) for name, part in self.parts.items()}

    def example(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        at = self.kept["train"][index]
        return outline_pictures.changed(np.array(self.squares[at]), np.array(self.masks[at]), outline.SIZE, rng)

    def loss(self, answer: Tensor, *truth: Tensor) -> Tensor:
        return loss(answer, *truth)

    def score(self, network: nn.Module) -> float:
        """Mean Dice on the unchanged squares of the validation photographs, without what ``find`` does beside."""
        values = []
        part = self.kept["validation"]
        for start in range(0, len(part), 64):
            at = part[start : start + 64]
            found = (
                outline_network.probabilities(network, np.stack([outline.squeezed(self.squares[i]) for i in at])) > 0.5
            )
            truth = [
                cv2.resize(self.masks[i] * 255, (outline.SIZE,) * 2, interpolation=cv2.INTER_AREA) > 127 for i in at
            ]
            values += [dice(f, t) for f, t in zip(found, truth, strict=True)]
        return float(np.mean(values))


def table(found: dict[str, Any]) -> str:
    """The figures of ``train`` as lines of text."""
    lines = []
    for split in ("validation", "test"):
        if split in found:
            part = found[split]
            value = part["dice"]
            lines.append(
                f"{split}: mean Dice {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f}) on {part['n']} "
                f"photographs of {part['n_groups']} groups, {part['missed']} lesions not found"
            )
    return "\n".join(lines)
