"""Files of the small networks that look for the lesion: fp16 safetensors with the record of their training.

Beside ``locator.safetensors`` and ``locator.onnx`` lies ``locator.json``, with figures and the SHA-256 of both; so with
the outline's.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from skin_model.atomic_files import write_bytes
from skin_model.network import inference
from skin_model.network.checkpoint_folder import ONNX_CAN_GO, CheckpointError, DamagedFileError, sha256_checked

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from torch import Tensor, nn


COPY_IT = "Copy it again."
LOCATOR, OUTLINE = "locator", "outline"
"""Under which name a file holds the record of its training."""


def save(network: nn.Module, name: str, record: dict[str, Any], file: Path) -> None:
    """Write the weights (as fp16) with the record of their training as metadata, aside first and then renamed."""
    from safetensors.torch import save as save_tensors

    state = {
        key: (t.half() if t.is_floating_point() else t).detach().cpu().contiguous()
        for key, t in network.state_dict().items()
    }
    # One key only: safetensors writes several in random order, and the same weights should be the same bytes.
    write_bytes(file, save_tensors(state, metadata={name: json.dumps(record)}))


def record(name: str, file: Path) -> dict[str, Any]:
    """What weights say of themselves: training photographs, figures on validation, licence note."""
    with _opened(file, "numpy") as opened:
        return json.loads((opened.metadata() or {}).get(name, "{}"))


def load(network: nn.Module, name: str, file: Path) -> nn.Module:
    """The network with the file's weights, in eval mode. Raises CheckpointError where it holds others."""
    with _opened(file) as opened:
        state: dict[str, Tensor] = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (it is no dict)
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise DamagedFileError(f"{file} does not hold the weights of this {name} network. {COPY_IT}") from None
    return network.eval().requires_grad_(False)


def session(onnx: Path, weights: Path) -> InferenceSession | None:
    """The ONNX file made of these weights, ready to run; None where it is missing or made of others, or where there is
    no ONNX Runtime. Raises CheckpointError where one of the two is damaged, or not named by the JSON file beside it.
    """
    made_of = hashlib.sha256(content(weights)).hexdigest()
    if inference.onnxruntime is None or not onnx.is_file():
        return None
    try:
        running = inference.session(content(onnx, ONNX_CAN_GO))
    except CheckpointError:
        raise
    except Exception:  # an ONNX Runtime too old for it, say; its errors have no common class
        return None
    return running if running.get_modelmeta().custom_metadata_map.get("weights_sha256") == made_of else None


def content(file: Path, advice: str = COPY_IT) -> bytes:
    """A file's bytes. Raises CheckpointError, which ends in the advice, where it is not the one that the JSON file
    beside it names, or that names none.
    """
    beside, found = file.with_suffix(".json"), _read(file)
    named = _named(file)
    if named is None:
        raise DamagedFileError(f"{beside} is missing, or does not name {file.name}. {COPY_IT}")
    sha256_checked(found, named, file, named_in=beside.name, advice=advice)
    return found


def as_input(squares: np.ndarray) -> np.ndarray:
    """(B, S, S, 3) uint8 as these networks' input: (B, 3, S, S) float32."""
    return squares.transpose(0, 3, 1, 2).astype(np.float32)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise DamagedFileError(f"{file} cannot be read: {problem.strerror}. {COPY_IT}") from None


def _named(file: Path) -> str | None:
    """The SHA-256 that the JSON file beside it names; None where that names none, or is not there."""
    beside = file.with_suffix(".json")
    if not beside.is_file():
        return None
    try:
        return json.loads(_read(beside)).get("files", {}).get(file.name)
    except (ValueError, AttributeError):
        raise DamagedFileError(f"{beside} is damaged. {COPY_IT}") from None


def _opened(file: Path, framework: str = "pt") -> safe_open:
    # While a network is trained, no file names its weights yet.
    sha256_checked(_read(file), _named(file), file, named_in=file.with_suffix(".json").name, advice=COPY_IT)
    try:
        return safe_open(file, framework)
    except SafetensorError:
        raise DamagedFileError(f"{file} is no whole safetensors file. {COPY_IT}") from None
