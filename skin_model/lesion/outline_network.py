"""The network that ``skin_model.lesion.outline`` asks, in torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from skin_model.lesion import weights_file

WIDTHS = (16, 24, 32, 48)
"""Channels at a half, a quarter, an eighth and a sixteenth of that."""


class _Convolution(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class OutlineNetwork(nn.Module):
    """(B, 3, S, S) float32, values 0…255, to (B, 1, S, S) logits that a pixel lies in a lesion; S a multiple of 16."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = WIDTHS
        self.at_half = nn.Sequential(_Convolution(3, half, 2), _Convolution(half, half))
        self.at_quarter = nn.Sequential(_Convolution(half, quarter, 2), _Convolution(quarter, quarter))
        self.at_eighth = nn.Sequential(_Convolution(quarter, eighth, 2), _Convolution(eighth, eighth))
        self.at_sixteenth = nn.Sequential(
            _Convolution(eighth, sixteenth, 2),
            _Convolution(sixteenth, sixteenth),
            _Convolution(sixteenth, sixteenth, dilation=2),
        )
        self.to_eighth = _Convolution(sixteenth + eighth, eighth)
        self.to_quarter = _Convolution(eighth + quarter, quarter)
        self.to_half = _Convolution(quarter + half, half)
        self.last = nn.Conv2d(half, 4, 1)

    def forward(self, batch: Tensor) -> Tensor:
        half = self.at_half(batch / 64 - 2)
        quarter = self.at_quarter(half)
        eighth = self.at_eighth(quarter)
        x = self.to_eighth(torch.cat([_doubled(self.at_sixteenth(eighth)), eighth], dim=1))
        x = self.to_quarter(torch.cat([_doubled(x), quarter], dim=1))
        x = self.to_half(torch.cat([_doubled(x), half], dim=1))
        return nn.functional.pixel_shuffle(self.last(x), 2)


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def create() -> OutlineNetwork:
    """A network with random weights, in channels-last memory."""
    return OutlineNetwork().to(memory_format=torch.channels_last)


def save(network: nn.Module, record: dict[str, Any], file: Path) -> None:
    """Write the weights with the record of their training."""
    weights_file.save(network, weights_file.OUTLINE, record, file)


def load(file: Path) -> nn.Module:
    """The network in eval mode. Raises ValueError, in one sentence, where the file does not hold one."""
    return _fused(weights_file.load(create(), weights_file.OUTLINE, file))


def _fused(network: nn.Module) -> nn.Module:
    """The same network in eval mode with its normalisations inside the convolutions, a fifth quicker."""
    for module in network.modules():
        if isinstance(module, _Convolution):
            module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
    return network


def probabilities(network: nn.Module, squares: np.ndarray) -> np.ndarray:
    """(B, S, S) float32 in 0…1 of (B, S, S, 3) uint8 squares."""
    with torch.inference_mode():
        batch = torch.from_numpy(squares).permute(0, 3, 1, 2).float()
        return network(batch)[:, 0].sigmoid().numpy()


def answering(network: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """The network as ``outline.find`` asks one."""
    return lambda squares: probabilities(network, squares)
