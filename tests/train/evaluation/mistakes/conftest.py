"""A gallery of rendered lesions and of a network with random weights, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from skin_model.assess import Assessor
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.weights import Weights
from skin_model.photo import open_photo
from tests.train.rendered_lesions import write_work
from train.digests import file_sha256
from train.evaluation import evaluate, mistakes


@pytest.fixture(scope="session")
def work(tmp_path_factory) -> Path:
    """16 training and 24 validation lesions of two sources, with a catalogue."""
    work = write_work(tmp_path_factory.mktemp("rendered"), training=16, validation=24)
    split = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    split["source"] = np.where(split.index % 4 < 2, "ham10000", "pad_ufes_20")
    split["image_id"] = [f"ISIC_{i:07}" if i % 4 < 2 else f"PAT_{i}" for i in split.index]
    split.to_csv(work / "split.csv", index=False)
    described = split.assign(
        modality=np.where(split.index % 4 < 2, "dermoscopic", "smartphone"),
        confirmed_by="histo",
        age=[str(i) if i % 3 else "" for i in split.index],
        sex="female",
        site="back",
        fitzpatrick="",
        licence=np.where(split.index % 4 < 2, "CC BY-NC 4.0", "CC BY 4.0"),
    )
    described.to_csv(work / "catalogue.csv", index=False)
    return work


@pytest.fixture(scope="session")
def checkpoint(work, tmp_path_factory) -> Path:
    """Random weights, with thresholds between the risks that it gives, so that it makes every kind of mistake."""

    def config(thresholds):
        return Config(
            diagnoses=DIAGNOSES,
            preprocessing=Preprocessing(input_size=64),
            calibration=Calibration(temperature=0.05),
            thresholds=thresholds,
            training={"split_sha256": file_sha256(work / "split.csv")},
            version="1.2.3",
        )

    torch.manual_seed(0)
    network = networks.create(7).eval().requires_grad_(False)
    folder = tmp_path_factory.mktemp("checkpoint")
    first = Checkpoint(config(Thresholds(0.2, 0.4, 0.3, 0.35)), Weights(network)).save(folder)
    rows = evaluate.read_split(work, "validation")
    photos = [open_photo(Path(row.root) / row.file) for row in rows.itertuples()]
    risks = np.array([found.risk for found in Assessor(first).assess_many(photos)])
    low, high = np.quantile(risks, [0.3, 0.7])
    Checkpoint(config(Thresholds(low, high, (low + high) / 2, (low + high) / 2)), Weights(network)).save(folder)
    return folder


@pytest.fixture(scope="session")
def gallery(work, checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("full") / "gallery"
    mistakes.make(checkpoint, work, out, split="validation", limit=3)
    return out


@pytest.fixture(scope="session")
def without(work, checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("without") / "gallery"
    mistakes.make(checkpoint, work, out, split="validation", photographs=False, limit=3)
    return out
