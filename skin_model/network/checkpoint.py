"""A checkpoint: ``config.json`` + ``model.safetensors`` (+ ``gate.safetensors``), from a folder or from the Hub.

The layout is timm's Hub format, so ``timm.create_model("hf-hub:owner/name")`` loads the same weights strictly; what
timm does not know (calibration, thresholds, training record) lives under the key ``skin_model``. Safetensors only: a
pickle can run code when it is opened, and is never read.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from skin_model.atomic_files import write_bytes, write_json
from skin_model.network import architecture as networks
from skin_model.network import hub
from skin_model.network.checkpoint_folder import (
    CONFIG_FILE,
    GATE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    CheckpointError,
    DamagedFileError,
    existing_folder,
    on_hub,
    read_bytes,
    read_config,
)
from skin_model.network.config import Config
from skin_model.network.out_of_distribution import OutOfDistributionGate
from skin_model.network.refusal_rates import COUNTS, refusal_rows

EMBEDDED = Path(__file__).parent.parent / "weights"
LOCATOR_FILE = "locator.safetensors"
__all__ = ["CONFIG_FILE", "GATE_FILE", "METRICS_FILE", "MODEL_FILE", "Checkpoint", "CheckpointError", "Config"]


@dataclass(frozen=True)
class Checkpoint:
    """A network in eval mode with its config and, where it has one, its out-of-distribution gate.

    source: where it is from. metrics: what ``python -m train evaluate`` measured of these very weights, where it lies
    beside them. fallback_for: the checkpoint on the Hub that could not be had, in whose place this one answers, and
    why_not.
    """

    config: Config
    network: nn.Module
    gate: OutOfDistributionGate | None = None
    source: str = "embedded"
    metrics: dict[str, Any] | None = None
    fallback_for: str | None = None
    why_not: str | None = None

    @property
    def hash(self) -> str:
        """The first 12 hex digits of the weights file's SHA-256."""
        return self.config.model_sha256[:12]

    @classmethod
    def load(cls, reference: str | Path | None = None) -> Checkpoint:
        """Load from a folder, from ``owner/name[@revision]`` on the Hub, or (None) the embedded default.

        Raises CheckpointError with one sentence that says what was expected.
        """
        if reference is None:
            return cls._load_folder(EMBEDDED, "embedded")
        hub_id = on_hub(str(reference))
        if hub_id:
            return cls._from_hub(*hub_id, str(reference))
        folder = existing_folder(reference)
        return cls._load_folder(folder, str(folder))

    @classmethod
    def load_or_embedded(cls, reference: str | Path | None = None) -> Checkpoint:
        """As ``load``; but where the Hub cannot give the checkpoint, or gives one that this version cannot use, the
        embedded one, which then says so in ``fallback_for``. What is wrong with a folder is still a CheckpointError.
        """
        try:
            return cls.load(reference)
        except CheckpointError as problem:
            if reference is None or on_hub(str(reference)) is None:
                raise
            return replace(cls.load(), fallback_for=str(reference), why_not=str(problem))

    @classmethod
    def _from_hub(cls, repo: str, revision: str | None, source: str) -> Checkpoint:
        needed, wanted = (CONFIG_FILE, MODEL_FILE), (GATE_FILE, METRICS_FILE)
        try:
            try:
                return cls._load_folder(hub.download(repo, revision, needed, wanted), source)
            except DamagedFileError:
                # The cache may hold a file that a full disk or a crash cut off.
                return cls._load_folder(hub.download(repo, revision, needed, wanted, anew=True), source)
        except hub.HubError as problem:
            raise CheckpointError(str(problem)) from None

    @classmethod
    def _load_folder(cls, folder: Path, source: str) -> Checkpoint:
        config = Config.from_json(read_config(folder), str(folder / CONFIG_FILE))
        if config.preprocessing.square == "spot" and not (EMBEDDED / LOCATOR_FILE).is_file():
            raise CheckpointError(
                f"{folder} wants photos cut round the spot, and this version has no locator to find it. "
                "Update Self Skin Check, or choose a checkpoint made for this version."
            )
        weights = read_bytes(folder, MODEL_FILE)
        digest = _check(weights, config.model_sha256, folder / MODEL_FILE)
        network = _build(config, _parse(weights, folder / MODEL_FILE), folder)
        gate = None
        if (folder / GATE_FILE).is_file() or config.gate_sha256:
            kept = read_bytes(folder, GATE_FILE)
            _check(kept, config.gate_sha256 or None, folder / GATE_FILE)
            try:
                gate = OutOfDistributionGate.from_tensors(_parse(kept, folder / GATE_FILE))
            except (KeyError, ValueError, RuntimeError, TypeError, OverflowError) as problem:
                raise CheckpointError(f"{folder / GATE_FILE} is not an out-of-distribution gate: {problem}") from None
        _try(network, gate, config.preprocessing.input_size, folder)
        return cls(config, network, gate, source, _read_metrics(folder, digest))

    def save(self, folder: Path, *, half: bool = True) -> Checkpoint:
        """Write the checkpoint into ``folder``, each file aside first and then renamed.

        half stores floating-point weights as fp16 (they are computed in fp32). Returns the checkpoint as loaded back.
        """
        state = {
            name: (t.half() if half and t.is_floating_point() else t).detach().cpu().contiguous()
            for name, t in self.network.state_dict().items()
        }
        weights = _in_order(save_tensors(state, metadata={"format": "pt", "licence": self.config.licence_note}))
        content = self.config.to_json()
        content["skin_model"]["model_sha256"] = hashlib.sha256(weights).hexdigest()
        if self.gate is not None:
            kept = save_tensors({name: t.contiguous() for name, t in self.gate.to_tensors().items()})
            content["skin_model"]["gate_sha256"] = hashlib.sha256(kept).hexdigest()
            write_bytes(folder / GATE_FILE, kept)
        else:
            content["skin_model"]["gate_sha256"] = ""
            (folder / GATE_FILE).unlink(missing_ok=True)
        write_bytes(folder / MODEL_FILE, weights)
        write_json(folder / CONFIG_FILE, content)
        return Checkpoint._load_folder(folder, str(folder))


def _read_metrics(folder: Path, digest: str) -> dict[str, Any] | None:
    """The metrics beside the weights; None where there are none, or none such as ``train evaluate`` writes, or where
    they are of other weights.
    """
    try:
        found = json.loads(read_bytes(folder, METRICS_FILE))
        measured = found["checkpoint"]["hash"]
        points = found.get("operating", {}).get("all", {})
        shares = [float(points[name][of]["value"]) for name in points for of in ("sensitivity", "specificity")]
        refusals = [of for row in refusal_rows(found) for of in (row.photographs, row.cancers)]
        shares += [of["share"][end] for of in refusals if of["share"] for end in ("value", "low", "high")]
        readable = (
            isinstance(measured, str)
            and isinstance(found["data"]["n"], int)
            and isinstance(found["data"]["split_sha256"], str | None)
            and set(points) in (set(), {"low", "high"})
            and all(0 <= share <= 1 for share in shares)
            and all(isinstance(of[key], int) for of in refusals for key in COUNTS)
            and all(of["share"] or not of["n_refused"] for of in refusals)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found if readable and measured and digest.startswith(measured) else None


def _check(content: bytes, expected: str | None, file: Path) -> str:
    """The SHA-256 of a file's content; raises CheckpointError where another is expected."""
    digest = hashlib.sha256(content).hexdigest()
    if expected is not None and digest != expected:
        raise DamagedFileError(
            f"{file} is not the file that {CONFIG_FILE} names (SHA-256 {digest[:12]}…, expected {expected[:12]}…). "
            "Copy the checkpoint again."
        )
    return digest


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
    known = config.architecture == networks.ARCHITECTURE
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
