"""A served interface on random weights, for the tests with a client and with a browser."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

# Nobody's archive is asked by a test; one that needs it puts a stand-in there.
os.environ["SKIN_ISIC_API"] = "http://127.0.0.1:1/api/v2"

import numpy as np
import torch

from interface import blocks
from skin_model.assess import Assessor
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import EMBEDDED, Checkpoint, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture
from skin_model.network.torch_backend.weights import Weights

OPERATING_POINTS = [
    {"threshold": 0.1, "sensitivity": 0.95, "specificity": 0.52},
    {"threshold": 0.3, "sensitivity": 0.81, "specificity": 0.77},
    {"threshold": 0.6, "sensitivity": 0.44, "specificity": 0.93},
]


class RefusingGate:
    """An out-of-distribution gate that takes nothing for skin."""

    threshold = 0.0

    def score(self, maps: list[torch.Tensor]) -> np.ndarray:
        return np.ones(len(maps[0]))


def random_assessor(gate: object | None = None, *, square: str = "centre") -> Assessor:
    """Random weights, always the same; without a gate every photo that opens gets a result.

    Its maps, which random weights leave all but empty, are stretched to what a trained network's hold.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Config(
        diagnoses=DIAGNOSES,
        preprocessing=Preprocessing(square=square),
        calibration=Calibration(),
        thresholds=Thresholds(low=0.1, high=0.3, malignant_from=1.0, benign_to=0.0),
        operating_points=OPERATING_POINTS,
    )
    network = architecture.create(len(DIAGNOSES)).eval().requires_grad_(False)
    metrics = json.loads((EMBEDDED / "metrics.json").read_text(encoding="utf-8"))
    assessor = Assessor(Checkpoint(config, Weights(network, gate), "random", metrics))
    found = assessor.engine.heatmap

    def stretched(batch: np.ndarray, method: str) -> np.ndarray:
        heatmap = found(batch, method)
        return heatmap / max(float(np.abs(heatmap).max()), 1e-9)

    assessor.engine.heatmap = stretched
    return assessor


@contextmanager
def serve(assessor: Assessor) -> Iterator[str]:
    """The address of the interface while it is served."""
    page = blocks.build(assessor)
    _, address, _ = blocks.launch(page, prevent_thread_lock=True, quiet=True)
    try:
        yield address.rstrip("/")
    finally:
        page.close()
