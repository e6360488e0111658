"""What travels between a site and the server, and nothing else: weights, counts, and why a site cannot take part.

No photograph, no feature of one and no id has a place in these records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from torch import Tensor, nn

from train.digests import cache_key

ARRAYS, CONFIG, COUNTS, ABOUT = "arrays", "config", "counts", "about"
PHOTOGRAPHS = "photographs"
VARIANCE = "running_var"
STATISTICS = ("running_mean", VARIANCE)
"""Ends of the names of what batch normalisation measures, in place of learning it."""
REASONS: dict[str, str] = {
    "no_split": "it has no split.csv that can be read",
    "no_cancers": "its training part needs malignant photographs, and has none",
    "no_benign": "its training part needs benign photographs, and has none",
    "unreadable": "its photographs cannot be read; its own log names the first one",
    "not_finite": "its weights or its loss were no finite numbers",
    "other_network": "it has another version of this project, or of timm: its network has other tensors",
    "only_secure": "it takes part only with secure aggregation",
    "failed": "it failed; its own log says how",
}
"""Codes with which a site stays out of a round, and what they mean. The details stay in the site's own log."""

Weights = dict[str, Tensor]


def weights_of(network: nn.Module, *, statistics: bool) -> Weights:
    """Floating-point tensors of a network, on the CPU, by name. statistics: those of batch normalisation too."""
    kept = sent_back(network.state_dict(), statistics=statistics)
    return {name: tensor.detach().cpu().clone() for name, tensor in kept.items() if tensor.is_floating_point()}


def sent_back(weights: Mapping[str, Tensor], *, statistics: bool) -> Weights:
    """What of a site's weights leaves it. statistics: those of batch normalisation too."""
    return {name: tensor for name, tensor in weights.items() if statistics or not name.endswith(STATISTICS)}


def fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a network; what they lack stays. Raises KeyError or ValueError where they do not fit."""
    state = network.state_dict()
    with torch.no_grad():
        for name, tensor in weights.items():
            if state[name].shape != tensor.shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {tuple(state[name].shape)}.")
            state[name].copy_(tensor)


def are_finite(weights: Mapping[str, Tensor]) -> bool:
    """Whether every number is one."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


def build_of(network: nn.Module) -> str:
    """16 hexadecimal digits of a network's tensors, by name and shape, so that both sides know they speak of one."""
    return cache_key("\n".join(f"{name} {tuple(t.shape)}" for name, t in sorted(network.state_dict().items())))


def to_record(weights: Mapping[str, Tensor]) -> ArrayRecord:
    """float32, in the order of the names."""
    return ArrayRecord({name: Array(weights[name].float().numpy()) for name in sorted(weights)})


def from_record(record: ArrayRecord) -> Weights:
    """As ``to_record`` had them."""
    return {name: torch.from_numpy(array.numpy().copy()).float() for name, array in record.items()}


def refusal(code: str, name: str) -> RecordDict:
    """A site's answer where it cannot take part. code: one of REASONS."""
    return RecordDict({ABOUT: ConfigRecord({"refused": code, "name": name})})


def refused(content: RecordDict) -> str | None:
    """The code of a refusal, None of another answer."""
    code = content.config_records[ABOUT].get("refused") if ABOUT in content.config_records else "failed"
    return None if code is None else str(code) if code in REASONS else "failed"


def about(name: str, **told: str) -> ConfigRecord:
    """Who answers, by the name that the site goes by, and what else is text."""
    return ConfigRecord({"name": name, **told})


def count_bytes(content: RecordDict) -> int:
    """How much a message carries, without Flower's own wrapping: arrays, texts, keys, and 8 bytes a number."""
    arrays = sum(len(array.data) for record in content.array_records.values() for array in record.values())
    others = [*content.metric_records.values(), *content.config_records.values()]
    return arrays + sum(_size(value) for record in others for value in record.values())


def _size(value: object) -> int:
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else 8


def whole_numbers(**counts: int | Sequence[int]) -> MetricRecord:
    """Counts as a record."""
    return MetricRecord({name: np.asarray(value).tolist() for name, value in counts.items()})
