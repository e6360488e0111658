"""Trains the locator's decoder on composed scenes; its trunk stays the ImageNet backbone as it came."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from skin_model import region as regions
from skin_model.atomic_files import write_json
from skin_model.diagnoses import DIAGNOSES
from skin_model.lesion import locate, locator_network
from skin_model.network.config import ARCHITECTURE, LICENCE_NOTE
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from train.data import splits
from train.digests import file_sha256
from train.fitting.dense_prediction import DenseRun
from train.fitting.locator import scenes
from train.fitting.locator.photographs import material, opened
from train.fitting.networks import backbones
from train.fitting.ood import debian_outliers

WEIGHTS_FILE, STATE_FILE, FIGURES_FILE = "locator.safetensors", "locator-state.pt", "locator.json"
PARTS = ("train", "validation")
EPOCHS, LENGTH = 10, 12_800
LEARNING_RATE = 3e-3
VALIDATION_SCENES = 600
WIDTHS = (0, 0.1, 0.2, 0.4, 0.6, 1.01)
REFUSED_ORDINARY = 0.99
"""Share of the ordinary pictures held out of training that look less like skin than any that is judged. More than the
97 % asked for, as visitors' pictures are of more kinds.
"""
ROUND_THE_SPOT = Preprocessing(square="spot")
LEAST_OVERLAP = 0.4
"""Intersection over union with the lesion's box from which a spot counts as located."""


def loss(answer: Tensor, spots: Tensor, skin: Tensor) -> Tensor:
    """Focal loss of the heat (Zhou et al. 2019), distance of the boxes, and cross-entropy of skin.

    answer: (B, 6, c, c) as the network's; spots (B, 6, c, c) and skin (B, c, c) as ``scenes.targets`` gives them.
    """
    heat = spots[:, 0]
    logit = answer[:, 0]
    probability = logit.sigmoid().clamp(1e-4, 1 - 1e-4)
    peak = (heat == 1).float()
    away = functional.softplus(logit) * probability**2 * (1 - heat) ** 4 * (1 - peak)
    near = functional.softplus(-logit) * (1 - probability) ** 2 * peak
    count = peak.sum().clamp_min(1)
    weight = spots[:, 5:6]
    size = spots[:, 3:5].exp()
    # A box's place counts in units of its size: overlap is what is asked for.
    offset = ((answer[:, 1:3] - spots[:, 1:3]).abs() / size.clamp_min(1e-3) * weight).sum()
    extent = ((answer[:, 3:5] - spots[:, 3:5]).abs() * weight).sum()
    boxes = (offset + 0.5 * extent) / weight.sum().clamp_min(1)
    known = (skin >= 0).float()
    crossing = functional.binary_cross_entropy_with_logits(answer[:, 5], skin.clamp_min(0), reduction="none")
    return (away.sum() + near.sum()) / count + 2 * boxes + 2 * (crossing * known).sum() / known.sum().clamp_min(1)


def train(
    work: Path, pictures: Path, out: Path, backbone: Path | None = None, *, epochs: int = EPOCHS, length: int = LENGTH
) -> dict[str, Any]:
    """Train on the training split's photographs, keep the epoch that is best on validation, and measure it there.

    pictures: ordinary ones, as ``train outliers`` fetched them. backbone: a safetensors file of the trunk's ImageNet
    weights; without it timm fetches them. The same call resumes an interrupted one after its last whole epoch; a
    finished one is only measured. Writes locator.safetensors and locator.json to ``out``; returns the latter. Raises
    UserError on input that the user can mend.
    """
    rows = splits.read_split(work / "split.csv")
    rows = rows[rows["split"].isin(PARTS)].reset_index(drop=True)
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(work, out, rows, pictures, backbone, epochs, length)
    run.train()
    scenes_of_validation = run.validation_scenes()
    least = least_skin(run.finished, pictures)
    found = {
        "least_skin": least,
        "validation": measure(run.finished, scenes_of_validation, least),
        "training": run.record,
    }
    kept = run.record | {name: found[name] for name in ("least_skin", "validation")}
    locator_network.save(run.finished, kept, out / WEIGHTS_FILE)
    found["files"] = {WEIGHTS_FILE: file_sha256(out / WEIGHTS_FILE)}
    write_json(out / FIGURES_FILE, found)
    return found


class _Run(DenseRun):
    def __init__(
        self, work: Path, out: Path, rows: pd.DataFrame, pictures: Path, backbone: Path | None, epochs: int, length: int
    ) -> None:
        self.work, self.rows, self.pictures = work, rows, pictures
        torch.manual_seed(0)
        network, whole = locator_network.create(), networks.create(len(DIAGNOSES))
        backbones.load(whole, ARCHITECTURE, [] if backbone is None else [backbone])
        locator_network.load_trunk(network, whole.state_dict())
        split = file_sha256(work / "split.csv")
        super().__init__(
            out / STATE_FILE, network, split, length=length, count=2**20, epochs=epochs, rate=LEARNING_RATE
        )

    @property
    def record(self) -> dict[str, Any]:
        sources = self.rows.groupby("split")["source"]
        return super().record | {
            "photographs": {name: of.value_counts().sort_index().to_dict() for name, of in sources},
            "ordinary_pictures": len(debian_outliers.pictures(self.pictures, held_out=False)),
            "command": "python -m train locator --work WORK --pictures FOLDER --out DIR",
            "licence_note": LICENCE_NOTE,
        }

    def _material(self, part: str, *, held_out: bool) -> scenes.Material:
        return material(self.rows[self.rows["split"] == part], self.pictures, self.work / "cache", held_out=held_out)

    def validation_scenes(self) -> list[scenes.Scene]:
        """Always the same, of photographs and ordinary pictures that are not learned from."""
        held_out, rng = self._material("validation", held_out=True), np.random.default_rng(1)
        chosen = rng.integers(len(held_out.squares), size=VALIDATION_SCENES)
        return [scenes.compose(held_out, int(index), locate.SIZE, rng) for index in chosen]

    def prepare(self) -> None:
        self.material = self._material("train", held_out=False)
        self.judged = self.validation_scenes()

    def example(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        scene = scenes.compose(self.material, index % len(self.material.squares), locate.SIZE, rng)
        return scene.picture, *scenes.targets(scene)

    def loss(self, answer: Tensor, *truth: Tensor) -> Tensor:
        return loss(answer, *truth)

    def score(self, network: nn.Module) -> float:
        """Share of the validation scenes with a spot in which one is located first."""
        return measure(network, self.judged, 0.0)["located"]


def least_skin(network: nn.Module, pictures: Path) -> float:
    """The ``skin_seen`` that REFUSED_ORDINARY of the ordinary pictures held out of training lie below."""
    locator = locate.Locator(lambda squares: locator_network.answers(network, squares))
    files = debian_outliers.pictures(pictures, held_out=True)
    shares = [
        regions.find(opened(file), ROUND_THE_SPOT, locator).skin
        for file in tqdm(files, desc="Looking for skin", unit="picture")
    ]
    return round(float(np.quantile(shares, REFUSED_ORDINARY, method="higher")) + 1e-4, 4)


def measure(network: nn.Module, examples: list[scenes.Scene], least: float) -> dict[str, Any]:
    """How often the spot that counts first is one of a scene's, by width; and how well skin is told from the rest.

    located: share of the scenes with spots. refused: share of the scenes with skin, and of the ordinary pictures, in
    which no spot is certain and less skin is seen than ``least``.
    """
    found = judged(network, examples)
    with_spots = [each for each in found if each["width"] is not None]
    by_width = {}
    for low, high in pairwise(WIDTHS):
        part = [each["located"] for each in with_spots if low <= each["width"] < high]
        by_width[f"{low:g}-{high:g}"] = {"n": len(part), "located": round(float(np.mean(part)), 4) if part else None}
    return {
        "n": len(examples),
        "located": round(float(np.mean([each["located"] for each in with_spots])), 4),
        "by_width": by_width,
        "refused": {
            name: round(float(np.mean([each["skin_seen"] < least and not each["certain"] for each in part])), 4)
            for name, part in (
                ("scenes", [each for each in found if each["shows_skin"]]),
                ("ordinary_pictures", [each for each in found if not each["shows_skin"]]),
            )
        },
    }


def judged(network: nn.Module, examples: list[scenes.Scene]) -> list[dict[str, Any]]:
    """Of every scene: its largest spot's width, whether the first located is one, whether any is certain, and skin."""
    found = []
    for start in range(0, len(examples), 50):
        part = examples[start : start + 50]
        answers = locator_network.answers(network, np.stack([scene.picture for scene in part]))
        for scene, answer in zip(part, answers, strict=True):
            spots = locate.spots(answer)
            best = max((locate.overlap(spots[0].box, box) for box in scene.spots), default=0.0) if spots else 0.0
            region = regions.find(scene.picture, ROUND_THE_SPOT, lambda *_, found=answer: _located(found))
            found.append(
                {
                    "width": float((scene.spots[:, 2] - scene.spots[:, 0]).max()) if len(scene.spots) else None,
                    "located": best >= LEAST_OVERLAP,
                    "certainty": spots[0].certainty if spots else 0.0,
                    "certain": bool(region.spots),
                    "skin_seen": region.skin,
                    "shows_skin": bool((scene.skin > 0.5).any()),
                }
            )
    return found


def table(found: dict[str, Any]) -> str:
    """The figures of ``train`` as lines of text."""
    part = found["validation"]
    lines = [f"spots located in validation scenes: {part['located']:.1%}"]
    for widths, of in part["by_width"].items():
        share = "-" if of["located"] is None else f"{of['located']:.1%}"
        lines.append(f"  {widths} of the width: {share} of {of['n']}")
    refused = part["refused"]
    lines.append(
        f"refused as no skin: {refused['scenes']:.1%} of scenes, {refused['ordinary_pictures']:.1%} of the rest"
    )
    return "\n".join(lines)


def _located(answer: np.ndarray) -> locate.Located:
    """Of a square picture of SIZE pixels."""
    box = (0, 0, locate.SIZE, locate.SIZE)
    scaled = (
        locate.Spot(tuple(side * locate.SIZE for side in spot.box), spot.certainty) for spot in locate.spots(answer)
    )
    return locate.Located(tuple(scaled), locate.skin(answer), box)
