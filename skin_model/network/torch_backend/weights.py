"""A checkpoint's weights in torch: the network and its out-of-distribution gate, read, tried and written."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from skin_model.atomic_files import write_bytes, write_json
from skin_model.network import hub
from skin_model.network.checkpoint_folder import (
    CONFIG_FILE,
    GATE_FILE,
    MODEL_FILE,
    CheckpointError,
    read_bytes,
    sha256_checked,
)
from skin_model.network.config import ARCHITECTURE, Config
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.out_of_distribution import OutOfDistributionGate


@dataclass(frozen=True)
class Weights:
    """A network, in eval mode where it is asked, and the gate that was fitted on its feature maps."""

    network: nn.Module
    gate: OutOfDistributionGate | None = None

    @property
    def gate_threshold(self) -> float | None:
        """Out-of-distribution scores above it are refused; None without a gate."""
        return None if self.gate is None else float(self.gate.threshold)


@torch.inference_mode(False)
def read(folder: Path, config: Config) -> Weights:
    """What a checkpoint's folder holds; raises CheckpointError where it does not fit the config, or scores nothing.

    Gradients go through it, wherever it is read.
    """
    content = read_bytes(folder, MODEL_FILE)
    sha256_checked(content, config.model_sha256, folder / MODEL_FILE)
    network = _build(config, _parse(content, folder / MODEL_FILE), folder)
    gate = None
    if (folder / GATE_FILE).is_file() or config.gate_sha256:
        kept = read_bytes(folder, GATE_FILE)
        sha256_checked(kept, config.gate_sha256 or None, folder / GATE_FILE)
        try:
            gate = OutOfDistributionGate.from_tensors(_parse(kept, folder / GATE_FILE))
        except (KeyError, ValueError, RuntimeError, TypeError, OverflowError) as problem:
            raise CheckpointError(f"{folder / GATE_FILE} is not an out-of-distribution gate: {problem}") from None
    _try(network, gate, config.preprocessing.input_size, folder)
    return Weights(network, gate)


def write(weights: Weights, config: Config, folder: Path, *, half: bool = True) -> None:
    """Write a checkpoint's files into ``folder``, each aside first and then renamed.

    half stores floating-point weights as fp16 (they are computed in fp32).
    """
    state = {
        name: (t.half() if half and t.is_floating_point() else t).detach().cpu().contiguous()
        for name, t in weights.network.state_dict().items()
    }
    model = _in_order(save_tensors(state, metadata={"format": "pt", "licence": config.licence_note}))
    content: dict[str, Any] = config.to_json()
    content["skin_model"]["model_sha256"] = hashlib.sha256(model).hexdigest()
    content["skin_model"]["onnx_sha256"] = ""  # an ONNX file is made of what is written here, afterwards
    if weights.gate is not None:
        kept = save_tensors({name: t.contiguous() for name, t in weights.gate.to_tensors().items()})
        content["skin_model"]["gate_sha256"] = hashlib.sha256(kept).hexdigest()
        write_bytes(folder / GATE_FILE, kept)
    else:
        content["skin_model"]["gate_sha256"] = ""
        (folder / GATE_FILE).unlink(missing_ok=True)
    write_bytes(folder / MODEL_FILE, model)
    write_json(folder / CONFIG_FILE, content)


def _in_order(content: bytes) -> bytes:
    """A safetensors file with its metadata sorted: it writes them in random order, and equal weights shall have equal
    hashes.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _parse(content: bytes, file: Path) -> dict[str, Tensor]:
    try:
        return load_tensors(content)
    except (SafetensorError, ValueError, KeyError) as problem:
        raise CheckpointError(f"{file} is not a whole safetensors file: {problem}") from None


def _build(config: Config, state: dict[str, Tensor], folder: Path) -> nn.Module:
    known = config.architecture == ARCHITECTURE
    try:
        # Another than the released one without memory first: a config may name gigabytes beside a file of a few bytes.
        with nullcontext() if known else torch.device("meta"):
            network = networks.create(len(config.malignant), architecture=config.architecture)
    except (RuntimeError, ValueError, TypeError) as problem:
        raise CheckpointError(f"timm has no network {config.architecture!r}, which {folder} names: {problem}") from None
    expected = network.state_dict()
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise CheckpointError(f"{folder / MODEL_FILE} lacks the tensor {name} of {config.architecture}.")
        if name not in expected:
            raise CheckpointError(f"{folder / MODEL_FILE} has a tensor {name} that {config.architecture} does not.")
        if state[name].shape != expected[name].shape:
            raise CheckpointError(
                f"{folder / MODEL_FILE}: {name} has shape {tuple(state[name].shape)}, expected "
                f"{tuple(expected[name].shape)} for {config.architecture} with {len(config.malignant)} outputs."
            )
        if not torch.isfinite(state[name].float()).all():
            raise CheckpointError(f"{folder / MODEL_FILE}: {name} holds values that are not finite numbers.")
    if not known:
        network = networks.create(len(config.malignant), architecture=config.architecture)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def _try(network: nn.Module, gate: OutOfDistributionGate | None, size: int, folder: Path) -> None:
    """Raises CheckpointError where a grey picture already shows that no photo could be scored."""
    logits, maps = networks.logits_and_maps(network, torch.zeros(1, 3, size, size))
    if not torch.isfinite(logits).all():
        raise CheckpointError(f"{folder / MODEL_FILE} turns a grey picture into no finite number: train it again.")
    if gate is None:
        return
    try:
        ood_score = gate.ood_score(maps)
    except (ValueError, RuntimeError) as problem:
        raise CheckpointError(f"{folder / GATE_FILE} does not fit {MODEL_FILE}: {hub.first_line(problem)}") from None
    if not torch.isfinite(ood_score).all():
        raise CheckpointError(f"{folder / GATE_FILE} turns a grey picture into no finite number: train it again.")
