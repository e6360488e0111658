"""Networks of the compared recipes that timm does not have, registered with timm under names of their own.

Load their checkpoints by ``load_checkpoint``. All take ``num_classes`` and ``drop_rate``, and inputs of any side.
"""

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from timm.models import register_model
from torch import Tensor, nn
from torch.nn import functional

from skin_model.network.checkpoint import Checkpoint, CheckpointError
from train import UserError
from train.fitting.networks import hand_features

SEEN_SIDE = 28
MOBILENET_V2 = "mobilenetv2_100"
_IMAGENET_NAMES = {
    "mobilenetv2_100_seen_at_28": MOBILENET_V2,
    "mobilenetv2_100_dense_head": MOBILENET_V2,
    "small_cnn": None,
    "hand_features_net": None,
}


def imagenet_name(architecture: str) -> str | None:
    """timm's name of the network whose ImageNet weights start this one; None where there are none."""
    return _IMAGENET_NAMES.get(architecture, architecture)


def load_checkpoint(reference: str | Path | None = None) -> Checkpoint:
    """``Checkpoint.load``, also of networks that only this module knows; raises UserError where it cannot be used.

    reference: a folder, owner/name[@revision] on the Hub, or None for the embedded one.
    """
    try:
        return Checkpoint.load(reference)
    except CheckpointError as problem:
        raise UserError(str(problem)) from None


def _shrink(network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    batch = inputs[0]
    seen = functional.interpolate(batch, SEEN_SIDE, mode="area")
    return (functional.interpolate(seen, batch.shape[-1], mode="bilinear", align_corners=False),)


@register_model
def mobilenetv2_100_seen_at_28(pretrained: bool = False, **settings: Any) -> nn.Module:
    """MobileNetV2 on photographs that are shrunk to 28 × 28 and enlarged again, as HAM10000 in a table of pixels is."""
    network = timm.create_model(MOBILENET_V2, pretrained=pretrained, **_known(settings))
    network.register_forward_pre_hook(_shrink)  # a hook, so that the tensors keep timm's names
    return network


@register_model
def mobilenetv2_100_dense_head(pretrained: bool = False, **settings: Any) -> nn.Module:
    """MobileNetV2 with a head of 128 and 64 units and dropout of 0.5 and 0.3; ``drop_rate`` is not used."""
    network = timm.create_model(MOBILENET_V2, pretrained=pretrained, **_known(settings) | {"drop_rate": 0.0})
    outputs = network.classifier.out_features
    network.classifier = nn.Sequential(
        nn.Linear(network.num_features, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(64, outputs),
    )
    return network


class _WithHead(nn.Module):
    def get_classifier(self) -> nn.Module:
        """The head, as timm's networks give it."""
        return self.classifier


class SmallCNN(_WithHead):
    """Three convolutions with pooling, a layer of 128 units with dropout, and one linear layer of outputs."""

    def __init__(self, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for given, made in ((3, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(given, made, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.hidden = nn.Sequential(nn.Dropout(drop_rate), nn.Linear(128 * 4 * 4, 128), nn.ReLU())
        self.classifier = nn.Sequential(nn.Dropout(drop_rate), nn.Linear(128, num_classes))

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, num_classes) logits."""
        return self.classifier(self.hidden(self.features(batch)))


class HandFeaturesNet(_WithHead):
    """Hand-made features, standardised by their running statistics, into one hidden layer of 64 units.

    Expects pixels that were normalised with a mean and a standard deviation of 0.5. No gradient reaches the pixels.
    """

    def __init__(self, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm1d(hand_features.COUNT, affine=False)
        self.hidden = nn.Sequential(nn.Linear(hand_features.COUNT, 64), nn.ReLU(), nn.Dropout(drop_rate))
        self.classifier = nn.Linear(64, num_classes)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, num_classes) logits."""
        pixels = (batch.detach() * 0.5 + 0.5).mul(255).round().clamp(0, 255).permute(0, 2, 3, 1)
        pictures = pixels.to(torch.uint8).cpu().numpy()
        measured = np.stack([hand_features.features(np.ascontiguousarray(picture)) for picture in pictures])
        return self.classifier(self.hidden(self.standardise(torch.from_numpy(measured).to(batch.device))))


@register_model
def small_cnn(pretrained: bool = False, num_classes: int = 7, drop_rate: float = 0.0, **_: Any) -> nn.Module:
    """A small convolutional network, from random weights."""
    _refuse_pretrained(pretrained)
    return SmallCNN(num_classes, drop_rate)


@register_model
def hand_features_net(pretrained: bool = False, num_classes: int = 7, drop_rate: float = 0.0, **_: Any) -> nn.Module:
    """Colour, texture and shape features into a small fully connected network, from random weights."""
    _refuse_pretrained(pretrained)
    return HandFeaturesNet(num_classes, drop_rate)


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide the network; timm also hands over where its weights would be."""
    return {name: settings[name] for name in ("num_classes", "drop_rate", "drop_path_rate") if name in settings}


def _refuse_pretrained(pretrained: bool) -> None:
    if pretrained:
        raise RuntimeError("Nobody has trained this network on ImageNet; create it with pretrained=False.")
