"""What an export computes: pixels in; risk, out-of-distribution score and Grad-CAM out, with no backward pass.

Needs nothing but torch, timm and ``skin_model``, so that every converter's environment can build it.
"""

from dataclasses import asdict
from typing import Any

import torch
from timm.models.mobilenetv3 import MobileNetV3
from torch import Tensor, nn

from skin_model.network.checkpoint import Checkpoint
from skin_model.network.torch_backend.architecture import logits_and_maps

INPUT = "pixels"
FORMAT = "1"
"""Version of the names of inputs, outputs and metadata."""


def hardswish_slope(x: Tensor) -> Tensor:
    """The derivative of hardswish, x · clamp(x + 3, 0, 6) / 6: 0 up to -3, 1 from 3, (2x + 3) / 6 between."""
    return torch.where(x <= -3, torch.zeros_like(x), torch.where(x >= 3, torch.ones_like(x), (2 * x + 3) / 6))


def has_closed_form(network: nn.Module) -> bool:
    """Whether the head is average pooling, a 1 × 1 convolution, hardswish and one linear layer, and nothing else."""
    return (
        isinstance(network, MobileNetV3)
        and network.global_pool.pool_type == "avg"
        and isinstance(network.conv_head, nn.Conv2d)
        and network.conv_head.kernel_size == (1, 1)
        and isinstance(network.norm_head, nn.Identity)
        and isinstance(network.act2, nn.Hardswish)
        and isinstance(network.classifier, nn.Linear)
    )


class ExportGraph(nn.Module):
    """A checkpoint's whole way from pixels to answers, as one module.

    Its outputs, by name, in the order of ``output_names``: see ``forward``. A checkpoint without a gate has no
    ``novelty``; a network whose head is not ``has_closed_form`` has none of the last three.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        config = checkpoint.config
        self.network = checkpoint.network
        self.gate = checkpoint.gate
        self.malignant = list(config.malignant)
        self.temperature, self.offset = config.calibration.temperature, config.calibration.malignant_offset
        self.explains = has_closed_form(checkpoint.network)
        self.register_buffer("mean", torch.tensor(config.preprocessing.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(config.preprocessing.std)[:, None, None])
        self.register_buffer("flags", torch.tensor(self.malignant, dtype=torch.float32))

    @property
    def output_names(self) -> tuple[str, ...]:
        """What ``forward`` returns, in its order."""
        ood_score = ("novelty",) if self.gate is not None else ()
        explained = ("cam", "cam_gradient", "feature_map") if self.explains else ()
        return ("risk", "probabilities", "logits", *ood_score, *explained)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """pixels: (N, 3, S, S), RGB in 0…1, not normalised.

        - risk (N,): calibrated probability of malignancy.
        - probabilities (N, K): calibrated, one per label; rows sum to 1 (K = 1: the risk).
        - logits (N, K): as the network gives them, for averaging over views.
        - novelty (N,): ``OutOfDistributionGate.ood_score``, under the name that files of format 1 gave it.
        - cam (N, h, w): Grad-CAM of the risk's log-odds, not scaled, nowhere negative.
        - cam_gradient (N, C): the gradient of the log-odds with respect to the last feature map. It is the same in all
          its h × w places, because the map is averaged.
        - feature_map (N, C, h, w): the last feature map.
        """
        logits, maps = logits_and_maps(self.network, (pixels - self.mean) / self.std)
        shifted = logits / self.temperature + self.offset * self.flags
        if len(self.malignant) == 1:
            probabilities = shifted.sigmoid()
            found = [probabilities[:, 0], probabilities, logits]
        else:
            probabilities = shifted.softmax(1)
            found = [(probabilities * self.flags).sum(1), probabilities, logits]
        if self.gate is not None:
            found.append(self.gate.ood_score(maps))
        if self.explains:
            gradient = self._gradient(maps[-1], logits)
            cam = (maps[-1] * gradient[:, :, None, None]).sum(1).relu()
            found += [cam, gradient, maps[-1]]
        return tuple(found)

    def _gradient(self, feature_map: Tensor, logits: Tensor) -> Tensor:
        """(N, C): of ``attribution.risk_log_odds`` with respect to any one place of the map, in closed form."""
        head, classifier = self.network.conv_head, self.network.classifier
        z = head(feature_map.mean((2, 3), keepdim=True)).flatten(1)
        if len(self.malignant) == 1:
            by_logit = torch.ones_like(logits)
        else:
            # d logsumexp = softmax, over the malignant outputs on their own and over the benign ones with a minus.
            lowest = -1e30
            up = (logits + (1 - self.flags) * lowest).softmax(1)
            down = (logits + self.flags * lowest).softmax(1)
            by_logit = up - down
        by_z = (by_logit @ classifier.weight) * hardswish_slope(z)
        by_pooled = by_z @ head.weight.flatten(1)
        return by_pooled / (feature_map.shape[2] * feature_map.shape[3])


def metadata(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a program needs to know to use an export, JSON-ready; docs/exports.md says what the keys mean."""
    config, gate = checkpoint.config, checkpoint.gate
    preprocessing = config.preprocessing
    return {
        "format": FORMAT,
        "labels": list(config.diagnoses) or ["malignant"],
        "malignant": list(config.malignant),
        "preprocessing": {**asdict(config.preprocessing), "mean": [*preprocessing.mean], "std": [*preprocessing.std]},
        "calibration": asdict(config.calibration),
        "views": config.views,
        "diagnosis_calibration": None if config.diagnosis_calibration is None else asdict(config.diagnosis_calibration),
        "thresholds": asdict(config.thresholds),
        "context": None if config.context is None else asdict(config.context),
        "gate_threshold": None if gate is None else float(gate.threshold),
        "operating_points": config.operating_points,
        "training": config.training,
        "architecture": config.architecture,
        "version": config.version,
        "checkpoint_sha256": config.model_sha256,
        "licence": config.licence_note,
    }
