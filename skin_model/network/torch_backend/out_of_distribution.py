"""The out-of-distribution gate: is this a close-up of skin, like what the network was trained on?

It looks at the network's own feature maps and adds two views of them. A logistic line between training photographs and
pictures that are not skin knows what other pictures look like; a Mahalanobis distance from the training photographs
(Lee et al. 2018, arXiv 1807.03888) knows nothing of them and so is not limited to them. Fitted in
``train.fitting.ood.detector``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

_CLIP = 8.0
"""Standard deviations beyond which a feature counts no further: one wild channel must not decide alone."""


def features(maps: list[Tensor]) -> Tensor:
    """Mean and spread of every channel of every map.

    maps: (B, C, h, w) each, shallow to deep. Returns (B, 2 × channels in all): for each map its means, then its
    standard deviations, on a signed log scale, since a few channels reach far beyond the others.
    """
    pooled = [torch.cat([m.mean((2, 3)), m.std((2, 3), correction=0)], dim=1) for m in maps]
    values = torch.cat(pooled, dim=1).float()
    return values.sign() * values.abs().log1p()


@dataclass(frozen=True)
class OutOfDistributionGate:
    """Statistics of the training photographs' features, and the line between them and other pictures.

    mean, scale: (F,) of the features of training photographs, every source weighing the same. first: the first feature
    that the distance looks at. basis: (D, K) principal directions of the D features from there. variance: (K,) along
    them. residual: mean variance in all other directions. weights, bias: (F,) and scalar of the line. centres, spreads:
    (2,) of distance and line on validation photographs, which put both on one scale. threshold: scores above it are
    refused.
    """

    mean: Tensor
    scale: Tensor
    first: Tensor
    basis: Tensor
    variance: Tensor
    residual: Tensor
    weights: Tensor
    bias: Tensor
    centres: Tensor
    spreads: Tensor
    threshold: Tensor

    def __post_init__(self) -> None:
        count, (distant, kept) = len(self.mean), self.basis.shape
        first = int(self.first)
        shapes = {
            "scale": (count,),
            "weights": (count,),
            "variance": (kept,),
            "centres": (2,),
            "spreads": (2,),
            "residual": (),
            "bias": (),
            "threshold": (),
        }
        for name, shape in shapes.items():
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(f"{name} has shape {tuple(getattr(self, name).shape)}, expected {shape}.")
        if not 0 <= first <= first + distant <= count:
            raise ValueError(f"the distance looks at features {first} to {first + distant} of {count}.")
        if not all(torch.isfinite(getattr(self, f.name)).all() for f in fields(self)):
            raise ValueError("its tensors hold values that are not finite numbers.")
        for name in ("scale", "variance", "residual", "spreads"):
            if not (getattr(self, name) > 0).all():
                raise ValueError(f"{name} must be positive: it is divided by.")

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> OutOfDistributionGate:
        """Read what ``to_tensors`` wrote; raises KeyError for a missing tensor and ValueError for a wrong shape."""
        return cls(**{f.name: tensors[f.name].float() for f in fields(cls)})

    def to_tensors(self) -> dict[str, Tensor]:
        """The gate as named float32 tensors, for a safetensors file."""
        return {f.name: getattr(self, f.name).float().contiguous() for f in fields(self)}

    def views(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Log squared distance and line, (B,) each, of features (B, F); neither scaled yet."""
        if values.ndim != 2 or values.shape[1] != len(self.mean):
            raise ValueError(f"The gate was fitted on {len(self.mean)} features, not on {tuple(values.shape)}.")
        standard = ((values - self.mean) / self.scale).clamp(-_CLIP, _CLIP)
        near = standard[:, int(self.first) : int(self.first) + self.basis.shape[0]]
        along = near @ self.basis
        rest = (near.square().sum(1) - along.square().sum(1)).clamp_min(0)
        distance = (along.square() / self.variance).sum(1) + rest / self.residual
        return distance.clamp_min(1e-6).log(), standard @ self.weights + self.bias

    def ood_score(self, maps: list[Tensor]) -> Tensor:
        """(B,), higher = further from what the network was trained on; all in torch: exports hold this computation.

        maps: as ``network.logits_and_maps`` returns them, (B, C, h, w) each. Raises ValueError for another network's.
        """
        both = torch.stack(self.views(features(maps)), dim=1)
        return ((both - self.centres) / self.spreads).sum(1)

    def score(self, maps: list[Tensor]) -> np.ndarray:
        """``ood_score`` of maps from any device as (B,) float64."""
        return self.ood_score([m.cpu() for m in maps]).double().numpy()

    def refuses(self, score: np.ndarray) -> np.ndarray:
        """(B,) bool: which pictures are not close-ups of skin."""
        return np.asarray(score) > float(self.threshold)
