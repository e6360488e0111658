"""The network that ``skin_model.lesion.locate`` asks, in torch: for training it, and where no ONNX file can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from skin_model.lesion import weights_file
from skin_model.network.config import ARCHITECTURE

WIDTH = 32
"""Channels of the decoder."""
CHANNELS = (16, 24, 48, 96)
"""Of the trunk's maps that the decoder reads, at a quarter to a thirty-second of S."""


class _Separable(nn.Sequential):
    """A depthwise 3 by 3 convolution and a mixing of channels."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )


class LocatorNetwork(nn.Module):
    """(B, 3, S, S) float32, values 0…255, to (B, 6, S / STRIDE, S / STRIDE); S a multiple of 32.

    Channels: logit that a spot's middle lies in the cell; the middle's distance from the cell's, across and down, as a
    share of S; log of the spot's width and height, as shares of S; logit that the cell shows skin.
    """

    def __init__(self) -> None:
        super().__init__()
        trunk = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0)
        stages = list(trunk.blocks)
        self.trunk = nn.ModuleDict(
            {"conv_stem": trunk.conv_stem, "bn1": trunk.bn1, "blocks": nn.ModuleList([*stages[:4], stages[4][:1]])}
        )
        self.lateral = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in CHANNELS)
        self.smooth = nn.ModuleList(nn.Sequential(_Separable(WIDTH), _Separable(WIDTH)) for _ in CHANNELS[:-1])
        self.spot = nn.Sequential(_Separable(WIDTH), _Separable(WIDTH), nn.Conv2d(WIDTH, 5, 1))
        self.skin = nn.Sequential(_Separable(WIDTH), nn.Conv2d(WIDTH, 1, 1))
        # Nearly all cells hold no spot's middle (Lin et al. 2017, arXiv 1708.02002), and a fifth is a usual size.
        self.spot[-1].bias.data = torch.tensor([-4.6, 0.0, 0.0, -1.6, -1.6])

    def train(self, mode: bool = True) -> LocatorNetwork:
        """As ever, but for the trunk: its normalisation stays as it came."""
        super().train(mode)
        self.trunk.eval()
        return self

    def maps(self, batch: Tensor) -> list[Tensor]:
        """The trunk's maps, of CHANNELS channels."""
        x = self.trunk["bn1"](self.trunk["conv_stem"](batch / 127.5 - 1))
        found = []
        for stage in self.trunk["blocks"]:
            x = stage(x)
            found.append(x)
        return [found[0], found[1], found[3], found[4]]

    def decoded(self, maps: list[Tensor]) -> Tensor:
        """The answer, of the trunk's maps."""
        *levels, x = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        for level, smooth in zip(reversed(levels), self.smooth, strict=True):
            x = smooth(functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) + level)
        return torch.cat([self.spot(x), self.skin(x)], dim=1)

    def forward(self, batch: Tensor) -> Tensor:
        return self.decoded(self.maps(batch))


def create() -> LocatorNetwork:
    """A network with random weights, in channels-last memory, of which only the decoder learns."""
    network = LocatorNetwork().to(memory_format=torch.channels_last)
    network.trunk.requires_grad_(False)
    return network


def load_trunk(network: LocatorNetwork, backbone: dict[str, Tensor]) -> None:
    """Put the ImageNet backbone's weights in; raises RuntimeError where one is missing or of another shape."""
    wanted = network.trunk.state_dict()
    network.trunk.load_state_dict(
        {name: backbone.get(name, value) if "num_batches" in name else backbone[name] for name, value in wanted.items()}
    )


def save(network: nn.Module, record: dict[str, Any], file: Path) -> None:
    """Write the weights with the record of their training."""
    weights_file.save(network, weights_file.LOCATOR, record, file)


def load(file: Path) -> nn.Module:
    """The network in eval mode. Raises ValueError, in one sentence, where the file does not hold one."""
    return weights_file.load(create(), weights_file.LOCATOR, file)


def answers(network: nn.Module, squares: np.ndarray) -> np.ndarray:
    """(B, 6, c, c) float32 of (B, S, S, 3) uint8 squares."""
    with torch.inference_mode():
        return network(torch.from_numpy(squares).permute(0, 3, 1, 2).float()).numpy()
