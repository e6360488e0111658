"""TFLite files of a checkpoint, made with litert-torch in an environment of its own, since it wants an older torch."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from skin_model.network.checkpoint import Checkpoint
from train import UserError
from train.digests import sha256

FILE = "model.tflite"
METADATA_FILE, LABELS_FILE = "metadata.json", "labels.txt"
REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = REPOSITORY / "requirements-tflite.txt"
_STDERR = 2  # the file descriptor: stdout holds the table only
READY_FILE = "ready"
"""Lies in an environment that was installed to the end."""


def default_cache() -> Path:
    """Where environments are kept unless a user names another folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "self-skin-check"


def environment_folder(cache: Path) -> Path:
    """The environment of today's requirements-tflite.txt and this Python, made or not yet."""
    pins = REQUIREMENTS.read_bytes() + sys.version.encode()
    return cache / f"tflite-{sha256(pins)[:12]}"


def python_of(environment: Path) -> Path:
    """The environment's interpreter."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment(cache: Path) -> Path:
    """The Python of an environment with requirements-tflite.txt; made in ``cache`` where there is none yet.

    With uv where it is installed, else with venv and pip; their own progress goes to stderr. A call that was
    interrupted goes on with what is downloaded already. Raises UserError where the environment cannot be made.
    """
    folder = environment_folder(cache)
    python = python_of(folder)
    if (folder / READY_FILE).is_file() and python.is_file():
        return python
    tqdm.write(f"Making the environment for TFLite in {folder}: minutes, and about 7 GB …", file=sys.stderr)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if not python.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _install(
            [uv, "venv", "--python", sys.executable, folder] if uv else [sys.executable, "-m", "venv", folder], folder
        )
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    _install([*pip, "-r", REQUIREMENTS], folder)
    (folder / READY_FILE).touch()
    return python


def _install(command: Sequence[str | Path], folder: Path) -> None:
    try:
        ended = subprocess.run([str(word) for word in command], stdout=_STDERR, check=False).returncode
    except OSError as problem:
        ended = problem.strerror
    if ended:
        raise UserError(
            f"The environment for TFLite cannot be made in {folder}: {Path(str(command[0])).name} ended with {ended}; "
            "what it said is above. Mend the connection, make room, or name another folder with --cache, then run the "
            "same command again; or leave tflite out of --formats."
        )


def write(
    checkpoint: Checkpoint, squares: np.ndarray, metadata: dict[str, Any], file: Path, cache: Path
) -> tuple[dict[str, np.ndarray], float]:
    """Write the checkpoint as TFLite, and let the LiteRT interpreter answer for pictures.

    squares: (N, S, S, 3) uint8. Returns the outputs for all N by name, and the median milliseconds of one picture on
    one thread. Raises UserError where the environment cannot be made or the conversion fails.
    """
    python = environment(cache)
    tqdm.write("Converting for LiteRT, about a minute …", file=sys.stderr)
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        checkpoint.save(folder / "checkpoint", half=False)
        np.save(folder / "squares.npy", squares)
        files = (folder / "checkpoint", folder / "squares.npy", file, folder / "answers.npz")
        ended = subprocess.run(
            [str(python), "-m", "train.export.tflite_conversion", *(str(path.resolve()) for path in files)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdout=_STDERR,
            check=False,
        ).returncode
        if ended or not (folder / "answers.npz").is_file():
            raise UserError(
                f"litert-torch did not convert the checkpoint (exit status {ended}); what it said is above. If it "
                f"speaks of a missing package, delete {python.parent.parent} and run the same command again."
            )
        with np.load(folder / "answers.npz") as found:
            outputs = dict(found)
    attach(file, metadata)
    return outputs, float(outputs.pop("milliseconds"))


def attach(file: Path, metadata: dict[str, Any]) -> None:
    """Append metadata and labels as a ZIP archive, where TFLite keeps associated files; interpreters pass over it."""
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(METADATA_FILE, json.dumps(metadata, indent=1) + "\n")
        archive.writestr(LABELS_FILE, "\n".join(metadata["labels"]) + "\n")
