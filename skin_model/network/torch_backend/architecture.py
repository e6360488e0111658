"""The network: timm's MobileNetV3-Small, in torch."""

import copy
import itertools

import timm
import torch
from timm.models.mobilenetv3 import MobileNetV3
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from skin_model.network.config import ARCHITECTURE
from skin_model.network.preprocessing import Preprocessing


def normalise(batch: Tensor, preprocessing: Preprocessing) -> Tensor:
    """(B, S, S, 3) uint8 to (B, 3, S, S) float32 in channels-last memory, scaled by mean and std."""
    mean = torch.tensor(preprocessing.mean, device=batch.device).mul_(255)
    scale = torch.tensor(preprocessing.std, device=batch.device).mul_(255)
    return ((batch.float() - mean) / scale).permute(0, 3, 1, 2)


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
