"""Small checkpoints for the tests of exports: random weights that answer differently for different pictures."""

from __future__ import annotations

import numpy as np
import torch

from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.out_of_distribution import OutOfDistributionGate
from skin_model.network.torch_backend.weights import Weights
from tests.rendering import lesion_on_skin, photograph

SIZE = 64
CHANNELS = (16, 24, 40, 48, 96, 576)
"""Of MobileNetV3-Small's maps, shallow to deep."""


def random_gate(seed: int = 0) -> OutOfDistributionGate:
    """An out-of-distribution gate of the right shape, whose score depends on every feature."""
    rng = torch.Generator().manual_seed(seed)
    count, first, kept = 2 * sum(CHANNELS), 32, 5
    distant = 400
    return OutOfDistributionGate(
        mean=torch.rand(count, generator=rng) - 0.5,
        scale=torch.rand(count, generator=rng) + 0.5,
        first=torch.tensor(float(first)),
        basis=torch.linalg.qr(torch.randn(distant, kept, generator=rng))[0],
        variance=torch.rand(kept, generator=rng) + 0.5,
        residual=torch.tensor(0.7),
        weights=0.1 * torch.randn(count, generator=rng),
        bias=torch.tensor(0.3),
        centres=torch.tensor([5.0, 0.2]),
        spreads=torch.tensor([0.5, 1.5]),
        threshold=torch.tensor(3.25),
    )


def random_checkpoint(outputs: int = 7, *, gate: bool = True, seed: int = 0) -> Checkpoint:
    """Seven diagnoses, or one malignant logit; 64 × 64 pixels; a mean and std that are not each other's neutral."""
    torch.manual_seed(seed)
    config = Config(
        diagnoses=DIAGNOSES if outputs == 7 else (),
        preprocessing=Preprocessing(input_size=SIZE, mean=(0.6, 0.5, 0.4), std=(0.3, 0.25, 0.2)),
        calibration=Calibration(temperature=1.3, malignant_offset=-0.4),
        thresholds=Thresholds(0.2, 0.4, 0.3, 0.35),
        operating_points=[{"threshold": 0.2, "sensitivity": 0.95, "specificity": 0.5}],
        training={"recipe": "none"},
        model_sha256="ab" * 32,
    )
    network = networks.create(outputs).eval().requires_grad_(False)
    network.classifier.weight.mul_(12)  # so that risks differ from picture to picture
    network.conv_head.weight.mul_(3)
    return Checkpoint(config, Weights(network, random_gate(seed) if gate else None))


def rendered_squares(count, size=SIZE, seed=0):
    """(count, size, size, 3) uint8 rendered lesions."""
    rng = np.random.default_rng(seed)
    return np.stack([photograph(lesion_on_skin(size, size, rng), rng) for _ in range(count)])
