"""A checkpoint: ``config.json`` + ``model.safetensors`` (+ ``gate.safetensors``), from a folder or from the Hub.

The layout is timm's Hub format, so ``timm.create_model("hf-hub:owner/name")`` loads the same weights strictly; what
timm does not know (calibration, thresholds, training record) lives under the key ``skin_model``. Safetensors only: a
pickle can run code when it is opened, and is never read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from skin_model.network import hub
from skin_model.network.checkpoint_folder import (
    CONFIG_FILE,
    GATE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    ONNX_CAN_GO,
    ONNX_FILE,
    CheckpointError,
    DamagedFileError,
    existing_folder,
    on_hub,
    read_bytes,
    read_config,
    sha256_checked,
)
from skin_model.network.config import Config
from skin_model.network.refusal_rates import COUNTS, refusal_rows

if TYPE_CHECKING:
    from torch import nn

    from skin_model.network.torch_backend.out_of_distribution import OutOfDistributionGate

EMBEDDED = Path(__file__).parent.parent / "weights"
LOCATOR_FILE = "locator.safetensors"
__all__ = ["CONFIG_FILE", "GATE_FILE", "METRICS_FILE", "MODEL_FILE", "Checkpoint", "CheckpointError", "Config"]


class AnyWeights(Protocol):
    """What ``skin_model.network.torch_backend.weights.Weights`` gives."""

    @property
    def network(self) -> nn.Module: ...

    @property
    def gate(self) -> OutOfDistributionGate | None: ...

    @property
    def gate_threshold(self) -> float | None: ...


@dataclass(frozen=True)
class WeightsAtRest:
    """Weights in a folder, read into torch when the network or the gate is first asked for: where an ONNX file made of
    them answers, that is never, and importing torch takes longer than all else at the start.
    """

    folder: Path
    config: Config

    @property
    def network(self) -> nn.Module:
        return self._read.network

    @property
    def gate(self) -> OutOfDistributionGate | None:
        return self._read.gate

    @cached_property
    def gate_threshold(self) -> float | None:
        """As the file has it; raises CheckpointError where that holds no gate."""
        if not self.config.gate_sha256:
            return None
        kept = read_bytes(self.folder, GATE_FILE)
        sha256_checked(kept, self.config.gate_sha256, self.folder / GATE_FILE)
        try:
            return float(load_arrays(kept)["threshold"])
        except (SafetensorError, KeyError, TypeError, ValueError) as problem:
            said = f"{self.folder / GATE_FILE} is not an out-of-distribution gate: {problem}"
            raise CheckpointError(said) from None

    @cached_property
    def _read(self) -> AnyWeights:
        from skin_model.network.torch_backend import weights

        return weights.read(self.folder, self.config)


@dataclass(frozen=True)
class Checkpoint:
    """A network in eval mode with its config and, where it has one, its out-of-distribution gate.

    source: where it is from. metrics: what ``python -m train evaluate`` measured of these very weights, where it lies
    beside them. fallback_for: the checkpoint on the Hub that could not be had, in whose place this one answers, and
    why_not. onnx: the content of its ONNX file, where it has one that its config vouches for.
    """

    config: Config
    weights: AnyWeights
    source: str = "embedded"
    metrics: dict[str, Any] | None = None
    fallback_for: str | None = None
    why_not: str | None = None
    onnx: bytes | None = field(default=None, repr=False)

    @property
    def network(self) -> nn.Module:
        """In torch."""
        return self.weights.network

    @property
    def gate(self) -> OutOfDistributionGate | None:
        """In torch; None where the checkpoint has none."""
        return self.weights.gate

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
        needed, wanted = (CONFIG_FILE, MODEL_FILE), (GATE_FILE, METRICS_FILE, ONNX_FILE)
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
        content = read_bytes(folder, MODEL_FILE)
        digest = sha256_checked(content, config.model_sha256, folder / MODEL_FILE)
        metrics = _read_metrics(folder, digest)
        onnx = _vouched_onnx(folder, config)
        if onnx is not None:
            at_rest = WeightsAtRest(folder, config)
            _ = at_rest.gate_threshold  # what is wrong with the gate is said now
            return cls(config, at_rest, source, metrics, onnx=onnx)
        from skin_model.network.torch_backend import weights

        return cls(config, weights.read(folder, config), source, metrics)

    def save(self, folder: Path, *, half: bool = True) -> Checkpoint:
        """Write the checkpoint into ``folder``, each file aside first and then renamed.

        half stores floating-point weights as fp16 (they are computed in fp32). Returns the checkpoint as loaded back.
        """
        from skin_model.network.torch_backend import weights

        weights.write(self.weights, self.config, folder, half=half)
        return Checkpoint._load_folder(folder, str(folder))


def _vouched_onnx(folder: Path, config: Config) -> bytes | None:
    """The content of the ONNX file that the config names: another may be anything, and is not looked at. Raises
    DamagedFileError where it is not the one that was named.
    """
    if not config.onnx_sha256 or not (folder / ONNX_FILE).is_file():
        return None
    content = read_bytes(folder, ONNX_FILE)
    sha256_checked(content, config.onnx_sha256, folder / ONNX_FILE, advice=ONNX_CAN_GO)
    return content


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
