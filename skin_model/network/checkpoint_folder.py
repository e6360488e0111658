"""A checkpoint's files as files: their names, their size, and what can be said of them before torch is imported."""

import hashlib
import json
from pathlib import Path
from typing import Any

from skin_model.network import hub

CONFIG_FILE, MODEL_FILE, GATE_FILE = "config.json", "model.safetensors", "gate.safetensors"
METRICS_FILE = "metrics.json"
ONNX_FILE = "model.fp16.onnx"
"""As ``python -m train export`` names it. It holds the checkpoint's own numbers, which are half precision too."""
_MOST_BYTES = {".json": 64 * 2**20, ".safetensors": 2 * 2**30, ".onnx": 2 * 2**30}
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


COPY_AGAIN = "Copy the checkpoint again."
ONNX_CAN_GO = "Copy it again, or delete it: PyTorch then gives the same answers, in more time."


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the sentence says what was expected and what was found."""


class DamagedFileError(CheckpointError):
    """A file that is not what was saved: another copy of it may be whole."""


def on_hub(reference: str) -> tuple[str, str | None] | None:
    """Repository and revision of ``owner/name[@revision]``; None for what can only be a folder."""
    match = hub.REFERENCE.fullmatch(reference)
    if match is None or reference.startswith((".", "/")) or Path(reference).exists():
        return None
    return match["repo"], match["revision"]


def existing_folder(reference: str | Path) -> Path:
    """The folder of that name; raises CheckpointError where there is none."""
    folder = Path(reference)
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file; name its folder, the one with {CONFIG_FILE} in it.")
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {reference}. Name a folder, or owner/name@revision on the Hub.")
    return folder


def check(reference: str | Path | None) -> None:
    """Raises CheckpointError where a look at the folder shows that it cannot be loaded; says nothing of the Hub's."""
    if reference is None or on_hub(str(reference)):
        return
    folder = existing_folder(reference)
    read_config(folder)
    _find(folder, MODEL_FILE)


def read_bytes(folder: Path, name: str) -> bytes:
    """One of its files; raises CheckpointError where it is missing or too large to be such a file."""
    return _find(folder, name).read_bytes()


def read_config(folder: Path) -> Any:
    """What config.json holds, whatever it is; raises CheckpointError where it is missing or no JSON."""
    try:
        return json.loads(read_bytes(folder, CONFIG_FILE))
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as problem:  # of a number of thousands of digits only the former
        raise DamagedFileError(f"{folder / CONFIG_FILE} is not valid JSON ({problem}). {COPY_AGAIN}") from None


def sha256_checked(
    content: bytes, expected: str | None, file: Path, *, named_in: str = CONFIG_FILE, advice: str = COPY_AGAIN
) -> str:
    """The SHA-256 of a file's content; raises DamagedFileError where another is expected.

    named_in: the file that says what is expected. advice: the sentence that the error ends in.
    """
    digest = hashlib.sha256(content).hexdigest()
    if expected is not None and digest != expected:
        raise DamagedFileError(
            f"{file} is not the file that {named_in} names (SHA-256 {digest[:12]}…, expected {expected[:12]}…). "
            f"{advice}"
        )
    return digest


def _find(folder: Path, name: str) -> Path:
    if (folder / name).is_file():
        most = _MOST_BYTES[Path(name).suffix]
        if (folder / name).stat().st_size > most:
            raise CheckpointError(f"{folder / name} is larger than {most // 2**20} MB: it is not a checkpoint's file.")
        return folder / name
    pickles = sorted(f.name for f in folder.iterdir() if f.suffix in _PICKLES)
    if pickles and name == MODEL_FILE:
        raise CheckpointError(
            f"{folder} holds {pickles[0]}, a pickle, which can run code when opened and is never read; "
            f"expected {MODEL_FILE}. Convert it with safetensors first."
        )
    if name not in (CONFIG_FILE, MODEL_FILE):
        raise CheckpointError(f"{folder} has no {name}, which its {CONFIG_FILE} names. {COPY_AGAIN}")
    raise CheckpointError(f"{folder} has no {name}. A checkpoint is a folder with {CONFIG_FILE} and {MODEL_FILE}.")
