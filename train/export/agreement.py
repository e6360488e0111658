"""Whether an exported file gives PyTorch's answers: photographs, PyTorch's answers for them, and how far others lie."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from skin_model.network import calibration, saliency
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import attribution
from skin_model.network.torch_backend.architecture import logits_and_maps, normalise
from skin_model.pools import thread_pool
from train import UserError
from train.data.images import decode_square
from train.data.tables import files_of
from train.export.graph import has_closed_form

LIMITS = {"fp32": 0.001, "fp16": 0.01, "int8": 0.01}
"""How far a risk (0…1) may lie from PyTorch's, by the precision of the weights."""
AUC_LIMIT = 0.003
OOD_LIMIT = 0.05
"""Of the out-of-distribution gate's score, whose unit is about a standard deviation of validation photographs."""
CAM_LIMIT = 0.05
"""Of the Grad-CAM and the Integrated Gradients that are drawn, whose maximum is 1."""
PHOTOGRAPHS = 480
EXPLAINED = 8
"""How many photographs Grad-CAM is compared on: Captum takes a forward and a backward pass for each."""
BATCH = 16
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Photographs:
    """squares: (N, S, S, 3) uint8 as the network sees them. malignant: (N,) 0/1, None where unknown. sources: how many
    photographs each gave."""

    squares: np.ndarray
    malignant: np.ndarray | None
    sources: dict[str, int]

    def pixels(self) -> Iterator[np.ndarray]:
        """Batches (B, 3, S, S) float32 in 0…1, in order."""
        for start in range(0, len(self.squares), BATCH):
            yield pixels(self.squares[start : start + BATCH])


@dataclass(frozen=True)
class Answers:
    """risk and ood_score: (N,) float64, the latter None without a gate. cams: (n, h, w) of the first n ≤ EXPLAINED
    photographs, each with a maximum of 1 or all zeros; None where the graph has no Grad-CAM. gradients: (n, S, S), the
    same of Integrated Gradients as they are drawn."""

    risk: np.ndarray
    ood_score: np.ndarray | None = None
    cams: np.ndarray | None = None
    gradients: np.ndarray | None = None


def pixels(squares: np.ndarray) -> np.ndarray:
    """(B, S, S, 3) uint8 to the input of an export, (B, 3, S, S) float32 in 0…1."""
    return np.ascontiguousarray(squares.transpose(0, 3, 1, 2)).astype(np.float32) / 255


def spread_over_sources(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most ``count`` rows, every source giving as many as the others until it has no more; always the same ones."""
    shuffled = rows.sample(frac=1, random_state=0)
    turn = shuffled.groupby("source").cumcount()
    return shuffled.iloc[np.argsort(turn, kind="stable")[:count]].reset_index(drop=True)


def example_files() -> pd.DataFrame:
    """The rendered photographs that come along, as rows without a label."""
    files = sorted(file.name for file in EXAMPLES.glob("*.jpg"))
    if not files:
        raise UserError(f"There are no rendered photographs in {EXAMPLES}. Name others with --work or --data.")
    return pd.DataFrame({"root": str(EXAMPLES), "file": files, "source": "rendered"})


def read(rows: pd.DataFrame, preprocessing: Preprocessing, what: str) -> Photographs:
    """Open the rows' photographs (root, file, source, and malignant where known) as a visitor's are opened.

    Those that cannot be opened are left out, and said so. Raises UserError where none can.
    """
    files = files_of(rows)
    with thread_pool(2) as pool:
        decoding = pool.imap(lambda file: decode_square(file, preprocessing, preprocessing.input_size), files)
        opened = list(tqdm(decoding, total=len(files), desc=what, unit="photo", file=sys.stderr, disable=None))
    kept = rows[[square is not None for square in opened]]
    if len(kept) < len(rows):
        tqdm.write(f"{len(rows) - len(kept)} photographs cannot be opened and are left out.", file=sys.stderr)
    if kept.empty:
        raise UserError("None of the photographs can be opened. Name others with --work or --data.")
    malignant = kept["malignant"].to_numpy().astype(int) if "malignant" in kept else None
    squares = np.stack([square for square in opened if square is not None])
    return Photographs(squares, malignant, {str(k): int(n) for k, n in kept["source"].value_counts().items()})


@torch.inference_mode()
def by_torch(checkpoint: Checkpoint, photographs: Photographs) -> Answers:
    """What the app answers: the checkpoint's own network, calibration, gate, and Captum's Grad-CAM."""
    config, gate = checkpoint.config, checkpoint.gate
    logits, ood_score = [], []
    for start in range(0, len(photographs.squares), BATCH):
        squares = torch.from_numpy(photographs.squares[start : start + BATCH])
        found, maps = logits_and_maps(checkpoint.network, normalise(squares, config.preprocessing))
        logits.append(found.double().numpy())
        if gate is not None:
            ood_score.append(gate.score(maps))
    probability = calibration.probabilities(np.concatenate(logits), config.malignant, config.calibration)
    cams = gradients = None
    if has_closed_form(checkpoint.network):
        inputs = [normalise(torch.from_numpy(s)[None], config.preprocessing) for s in photographs.squares[:EXPLAINED]]
        cams = np.stack([attribution.coarse_map(checkpoint.network, x, config.malignant) for x in inputs])
        method = saliency.INTEGRATED_GRADIENTS
        gradients = np.stack([attribution.explain(checkpoint.network, x, config.malignant, method) for x in inputs])
    risk = calibration.risk(probability, config.malignant)
    return Answers(risk, np.concatenate(ood_score) if ood_score else None, cams, gradients)


def from_outputs(outputs: dict[str, np.ndarray]) -> Answers:
    """An export's outputs for all photographs, by name, as answers."""
    cams = outputs.get("cam")
    if cams is not None:
        cams = cams[:EXPLAINED].astype(np.float64)
        top = cams.max(axis=(1, 2), keepdims=True)
        cams = np.divide(cams, top, out=np.zeros_like(cams), where=top > 0)
    score = outputs.get("novelty")
    gradients = outputs.get(saliency.INTEGRATED_GRADIENTS)
    if gradients is not None:
        gradients = np.stack([saliency.readable(of_pixels) for of_pixels in gradients])
    score = None if score is None else score.astype(np.float64)
    return Answers(outputs["risk"].astype(np.float64), score, cams, gradients)


def compare(found: Answers, expected: Answers, malignant: np.ndarray | None) -> dict[str, Any]:
    """How far ``found`` lies from ``expected``: JSON-ready figures, None where there is nothing to compare.

    max_risk_difference, max_novelty_difference, max_cam_difference: largest absolute differences.
    median_gradients_difference: the median over photographs of the largest in each, because on single ones rounding
    carries activations over a corner of hardswish: Captum's own maps in single and double precision lie up to 0.2 apart
    on a rendered photograph. auc, auc_torch: of the risks, None unless both classes are among the photographs. An
    answer that is not a finite number counts as infinitely far, written as None in the file.
    """
    both_classes = malignant is not None and len(np.unique(malignant)) == 2
    return {
        "max_risk_difference": _furthest(found.risk, expected.risk),
        "max_novelty_difference": _furthest(found.ood_score, expected.ood_score),
        "max_cam_difference": _furthest(found.cams, expected.cams),
        # Not every kind of file explains by them.
        "median_gradients_difference": None if found.gradients is None else _usual(found.gradients, expected.gradients),
        "auc": _auc(malignant, found.risk) if both_classes else None,
        "auc_torch": _auc(malignant, expected.risk) if both_classes else None,
    }


def faults(figures: dict[str, Any], precision: str) -> list[str]:
    """What ``compare`` found beyond the limits of this precision, a phrase each; none: the export is good."""
    limits = {
        "max_risk_difference": ("a risk", LIMITS[precision]),
        "max_novelty_difference": ("an out-of-distribution score", OOD_LIMIT),
        "max_cam_difference": ("a Grad-CAM value", CAM_LIMIT),
        "median_gradients_difference": ("a usual value of Integrated Gradients", CAM_LIMIT),
    }
    found = [
        f"{what} differs from PyTorch's by {figures[name]:.4f}, more than {limit}"
        for name, (what, limit) in limits.items()
        if figures[name] is not None and not figures[name] <= limit
    ]
    if figures["auc"] is not None and not abs(figures["auc"] - figures["auc_torch"]) <= AUC_LIMIT:
        both = f"the AUC is {figures['auc']:.4f} and PyTorch's {figures['auc_torch']:.4f}"
        found.append(f"{both}, more than {AUC_LIMIT} apart")
    return found


def _furthest(found: np.ndarray | None, expected: np.ndarray | None) -> float | None:
    if expected is None and found is None:
        return None
    if found is None or expected is None or found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max())


def _usual(found: np.ndarray, expected: np.ndarray | None) -> float:
    if expected is None or found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.median(np.abs(found - expected).max(axis=(1, 2))))


def _auc(malignant: np.ndarray, risk: np.ndarray) -> float | None:
    return float(roc_auc_score(malignant, risk)) if np.isfinite(risk).all() else 0.5
