"""Trains the network that outlines lesions, on photographs whose lesion a person outlined, and says how good it is.

All such photographs here are dermoscopic, so what phones and darker skin do to a photo is drawn on them: uneven light,
melanin, blur, hairs, ink, a dermatoscope's dark corners, lesions far away or larger than the photo, and plain skin.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from skin_model.atomic_files import replacing, write_json
from skin_model.lesion import outline
from skin_model.network.config import LICENCE_NOTE
from skin_model.photo import open_photo
from skin_model.pools import thread_pool
from train import UserError
from train.bootstrap import RESAMPLES, Draws, mean
from train.data import splits
from train.data.images import EpochSampler
from train.data.outlines import OUTLINES_FILE, outlines
from train.data.per_photograph import measure_each
from train.digests import file_sha256, sha256
from train.fitting.outline import photographs as outline_pictures

WEIGHTS_FILE, STATE_FILE, FIGURES_FILE = "outline.safetensors", "outline-state.pt", "outline.json"
EPOCHS = 10
BATCH = 32
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-3
EMA_DECAY = 0.997


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
    outline.save(run.finished, record, out / WEIGHTS_FILE)
    found = {"weights": WEIGHTS_FILE, **figures, "training": run.record}
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
    found = outline.find(rgb, network)
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


class _Run:
    """One training run, saved after every epoch."""

    def __init__(self, work: Path, out: Path, rows: pd.DataFrame, epochs: int) -> None:
        self.out, self.rows, self.epochs = out, rows, epochs
        self.split_sha256 = file_sha256(work / "split.csv")
        self.parts = {name: np.flatnonzero(rows["split"] == name) for name in ("train", "validation")}
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] = {"dice": -1.0, "epoch": -1, "weights": None}
        torch.manual_seed(0)
        self.network = outline.create()
        self.average = AveragedModel(self.network, avg_fn=_averaged, use_buffers=True)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        count = len(self.parts["train"])
        self.sampler = EpochSampler(count, max(1, count // BATCH) * BATCH, 0)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, LEARNING_RATE, total_steps=epochs * (len(self.sampler) // BATCH), pct_start=0.2
        )
        self._resume()
        if not self.is_over:
            rows = rows[rows["split"].isin(self.parts)]
            self.squares, self.masks = outline_pictures.decoded(rows, work / "cache")
            order = {position: i for i, position in enumerate(rows.index)}
            self.kept = {name: np.array([order[i] for i in part]) for name, part in self.parts.items()}

    @property
    def is_over(self) -> bool:
        return len(self.history) >= self.epochs

    @property
    def finished(self) -> nn.Module:
        """The weights of the best epoch, rounded as they are written."""
        network = outline.create()
        network.load_state_dict(
            {k: v.half().to(v.dtype) if v.is_floating_point() else v for k, v in self.best["weights"].items()}
        )
        return network.eval().requires_grad_(False)

    @property
    def weights_hash(self) -> str:
        state = self.finished.state_dict()
        return sha256(b"".join(state[name].numpy().tobytes() for name in sorted(state)))

    @property
    def record(self) -> dict[str, Any]:
        sources = self.rows["source"]
        return {
            "photographs": {
                name: sources.iloc[part].value_counts().sort_index().to_dict() for name, part in self.parts.items()
            },
            "outlines": OUTLINES_FILE,
            "split_sha256": self.split_sha256,
            "epochs": len(self.history),
            "best_epoch": self.best["epoch"],
            "seconds_training": round(sum(epoch["seconds"] for epoch in self.history)),
            "versions": {name: version(name) for name in ("torch", "numpy", "opencv-python-headless")},
            "command": "python -m train outline --work WORK --data FOLDER --out DIR",
            "licence_note": LICENCE_NOTE,
        }

    def train(self) -> None:
        while not self.is_over:
            epoch = len(self.history)
            began = time.monotonic()
            lost = self._one_epoch(epoch)
            reached = self._validation_dice()
            self.history.append(
                {"epoch": epoch, "loss": lost, "validation_dice": reached, "seconds": time.monotonic() - began}
            )
            if reached > self.best["dice"]:
                weights = {k: v.detach().clone() for k, v in self.average.module.state_dict().items()}
                self.best = {"dice": reached, "epoch": epoch, "weights": weights}
            self._save()
            tqdm.write(f"Epoch {epoch + 1}: loss {lost:.3f}, validation Dice {reached:.4f}", file=sys.stderr)

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures (B, 3, S, S) uint8 and lesions (B, S, S) bool; the next ones are made while these are learned from.

        In threads and not in processes, because OpenCV's own threads do not outlive a fork.
        """
        self.sampler.set_epoch(epoch)
        keys = list(self.sampler)
        with thread_pool(2) as pool:
            coming = [pool.map_async(self._picture, keys[:BATCH])]
            for start in range(BATCH, len(keys) + BATCH, BATCH):
                coming.append(pool.map_async(self._picture, keys[start : start + BATCH]))
                pictures, lesions = zip(*coming.pop(0).get(), strict=True)
                yield torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(lesions))

    def _picture(self, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The training picture of an (index, seed) key: the seed alone decides how the photograph is changed."""
        at, rng = self.kept["train"][key[0]], np.random.default_rng(key[1])
        return outline_pictures.changed(np.array(self.squares[at]), np.array(self.masks[at]), outline.SIZE, rng)

    def _one_epoch(self, epoch: int) -> float:
        self.network.train()
        total = 0.0
        steps = len(self.sampler) // BATCH
        batches = self._batches(epoch)
        for pictures, lesions in tqdm(
            batches, total=steps, desc=f"Epoch {epoch + 1}", unit="batch", leave=False, disable=None
        ):
            batch = pictures.float().contiguous(memory_format=torch.channels_last)
            lost = loss(self.network(batch), lesions)
            if not torch.isfinite(lost):
                raise UserError("The loss is no longer a finite number. Try again with fewer epochs.")
            self.optimiser.zero_grad(set_to_none=True)
            lost.backward()
            self.optimiser.step()
            self.scheduler.step()
            self.average.update_parameters(self.network)
            total += lost.item()
        return total / steps

    def _validation_dice(self) -> float:
        """Mean Dice on the unchanged squares of the validation photographs, without what ``find`` does beside."""
        network = self.average.module.eval()
        values = []
        part = self.kept["validation"]
        for start in range(0, len(part), 64):
            at = part[start : start + 64]
            found = outline.probabilities(network, np.stack([outline.squeezed(self.squares[i]) for i in at])) > 0.5
            truth = [
                cv2.resize(self.masks[i] * 255, (outline.SIZE,) * 2, interpolation=cv2.INTER_AREA) > 127 for i in at
            ]
            values += [dice(f, t) for f, t in zip(found, truth, strict=True)]
        return float(np.mean(values))

    def _save(self) -> None:
        state = {
            "split_sha256": self.split_sha256,
            "epochs": self.epochs,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "history": self.history,
            "best": self.best,
        }
        with replacing(self.out / STATE_FILE) as aside:
            torch.save(state, aside)

    def _resume(self) -> None:
        file = self.out / STATE_FILE
        if not file.is_file():
            return
        state = torch.load(file, weights_only=True)
        if state["split_sha256"] != self.split_sha256 or state["epochs"] != self.epochs:
            raise UserError(
                f"{self.out} holds a run on another split or of other length. Choose another folder with --out."
            )
        self.history, self.best = state["history"], state["best"]
        for name in ("network", "average", "optimiser", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        if not self.is_over:
            tqdm.write(f"Resuming after epoch {len(self.history)}.", file=sys.stderr)


def _averaged(average: Tensor, new: Tensor, updates: Tensor | int) -> Tensor:
    """A moving average that forgets its random beginning: its decay grows to EMA_DECAY with the number of updates."""
    updates = int(updates)
    return average + (1 - min(EMA_DECAY, (1 + updates) / (10 + updates))) * (new - average)


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
