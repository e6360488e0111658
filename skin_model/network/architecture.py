"""The network (timm's MobileNetV3-Small) and how the pixels of a photo become its input."""

import copy
import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import timm
import torch
from timm.models.mobilenetv3 import MobileNetV3
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ARCHITECTURE = "tf_mobilenetv3_small_100"
"""timm's name of the released network (Howard et al. 2019, arXiv 1905.02244; Google's weights)."""

CROPS, SQUARES = ("border", "none"), ("centre", "spot")
LEAST_INPUT, MOST_INPUT = 16, 1024
"""Sides in pixels of a network's square input that are taken: at 1024 a photo takes 20 times as long as at 224."""


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes network input; travels with the weights in ``config.json``.

    input_size: side of the square input in pixels. mean, std: per RGB channel, for values in 0…1.
    crop: "border" crops inside a dermatoscope's circle or frame first, "none" does not.
    remove_hair: whether hair is painted over first. square: "centre" takes the central square (no distortion), "spot"
    a square round the spot, where one is located with least_certainty; spot_share: the spot's longer side as a share
    of that square's. central_share: the share of the central square's side from which a spot is large enough to be
    judged there.
    """

    input_size: int = 224
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    crop: str = "border"
    remove_hair: bool = False
    square: str = "centre"
    spot_share: float = 0.55
    least_certainty: float = 0.5
    central_share: float = 0.3

    def __post_init__(self) -> None:
        whole = isinstance(self.input_size, int) and not isinstance(self.input_size, bool)
        if not whole or not LEAST_INPUT <= self.input_size <= MOST_INPUT:
            raise ValueError(f"The input size must be {LEAST_INPUT} to {MOST_INPUT} pixels, not {self.input_size!r}.")
        for name, positive in (("mean", False), ("std", True)):
            values = getattr(self, name)
            numbers = len(values) == 3 and all(isinstance(value, int | float) for value in values)
            if not numbers or not np.isfinite(values).all() or (positive and min(values) <= 0):
                raise ValueError(f"The {name} must be three {'positive ' if positive else ''}numbers, not {values}.")
        for name in ("spot_share", "least_certainty", "central_share"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value <= 1:
                raise ValueError(f"The {name} must be a share above 0 and up to 1, not {value!r}.")
        if self.crop not in CROPS or self.square not in SQUARES or not isinstance(self.remove_hair, bool):
            raise ValueError(f"Unknown: crop {self.crop!r}, square {self.square!r}, hair removal {self.remove_hair!r}.")


def central_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest central square of a ``width`` × ``height`` picture as (left, top, right, bottom) in pixels."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def resize(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 3) uint8: area averaging when shrinking, bilinear when enlarging."""
    shrinking = rgb.shape[0] * rgb.shape[1] > width * height
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def square_input(rgb: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) uint8 to the (size, size, 3) uint8 picture that the network sees, before normalisation."""
    left, top, right, bottom = central_square(rgb.shape[1], rgb.shape[0])
    return resize(rgb[top:bottom, left:right], size, size)


def normalise(batch: Tensor, preprocessing: Preprocessing) -> Tensor:
    """(B, S, S, 3) uint8 to (B, 3, S, S) float32 in channels-last memory, scaled by mean and std."""
    mean = torch.tensor(preprocessing.mean, device=batch.device).mul_(255)
    scale = torch.tensor(preprocessing.std, device=batch.device).mul_(255)
    return ((batch.float() - mean) / scale).permute(0, 3, 1, 2)


def prepare(rgb: np.ndarray, preprocessing: Preprocessing) -> Tensor:
    """A cropped photo, (H, W, 3) uint8, to network input (1, 3, S, S) float32."""
    picture = square_input(rgb, preprocessing.input_size)
    return normalise(torch.from_numpy(picture)[None], preprocessing)


def create(
    outputs: int, *, architecture: str = ARCHITECTURE, drop_rate: float = 0.0, drop_path_rate: float = 0.0
) -> nn.Module:
    """A network with random weights and one linear layer of ``outputs`` at its end, in channels-last memory."""
    network = timm.create_model(
        architecture,
        pretrained=False,
        num_classes=outputs,
        drop_rate=drop_rate,
        drop_path_rate=drop_path_rate or None,  # not every network of timm's has it
    )
    return network.to(memory_format=torch.channels_last)


def fused(network: nn.Module) -> nn.Module:
    """The network with each batch normalisation folded into the convolution before it: the same answers up to rounding,
    in about two thirds of the time. In eval mode; for networks built as the released one is, else the network itself.
    """
    if not has_maps(network):
        return network
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for block in network.modules():
        children = list(block.named_children())
        for (name, convolution), (after, normalisation) in itertools.pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                setattr(block, name, fuse_conv_bn_eval(convolution, normalisation).requires_grad_(False))
                setattr(block, after, getattr(normalisation, "act", nn.Identity()))
    return network


def has_maps(network: nn.Module) -> bool:
    """Whether ``logits_and_maps`` gives maps: for networks built as the released one is."""
    return isinstance(network, MobileNetV3)


def logits_and_maps(network: nn.Module, batch: Tensor) -> tuple[Tensor, list[Tensor]]:
    """One forward pass that also returns the feature map after every stage.

    batch: (B, 3, S, S). Returns the logits (B, outputs) and one (B, C, h, w) map per stage, shallow to deep (for
    MobileNetV3-Small six maps of 16, 24, 40, 48, 96 and 576 channels). The logits equal ``network(batch)``. For a
    network of another build there are no maps.
    """
    if not has_maps(network):
        return network(batch), []
    x = network.bn1(network.conv_stem(batch))
    maps = []
    for stage in network.blocks:
        x = stage(x)
        maps.append(x)
    return network.forward_head(x), maps
