"""Installs requirements files beside the Python that runs it: ``python install_requirements.py requirements.txt``.

PyPI's PyTorch for Linux brings 3 GB of CUDA libraries. Where no NVIDIA card could use them, the pinned torch and
torchvision come from PyTorch's own index of CPU builds instead, as long as it answers; one line says which build was
taken. TORCH_CPU_INDEX names another such index; empty, it asks for PyPI's build. Needs nothing but Python, and
installs with uv where it is there, else with pip.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INDEX_ANSWERS_WITHIN = 10
"""Seconds. A shut door answers at once, PyTorch's index in one or two."""
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
INTERRUPTED = 130
_OTHER_INDEXES = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
    *("UV_FIND_LINKS", "UV_NO_INDEX", "UV_TORCH_BACKEND", "UV_CONFIG_FILE"),
)


def main(files: list[str]) -> int:
    """Install what the files name; returns the exit status of uv or pip, which say themselves what went wrong."""
    if not files:
        print("Error: name a requirements file: python install_requirements.py requirements.txt", file=sys.stderr)
        return 2
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        print(f"Error: there is no file {missing[0]}. Name one of this folder's requirements files.", file=sys.stderr)
        return 2
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    pins = torch_pins(files)
    if sys.platform == "linux" and pins:
        print(f"PyTorch: {_pytorch(uv, pins)}", flush=True)
    # uv leaves compiling to the first import, which keeps nothing where PYTHONDONTWRITEBYTECODE is set: every start of
    # the app would compile 4,000 files again. pip compiles by itself.
    uv_install = [uv, "pip", "install", "--compile-bytecode", "--python", sys.executable]
    install = uv_install if uv else [sys.executable, "-m", "pip", "install"]
    return subprocess.run([*install, *(word for file in files for word in ("-r", file))], check=False).returncode


def torch_pins(files: list[str]) -> dict[str, str]:
    """The exact versions of torch and torchvision that requirements files, or those that they include, ask for."""
    found = {}
    for file in map(Path, files):
        text = file.read_text(encoding="utf-8")
        found |= torch_pins([str(file.parent / name) for name in re.findall(r"^-r (\S+)", text, re.MULTILINE)])
        found |= dict(re.findall(r"^(torch|torchvision)==([\w.]+)", text, re.MULTILINE))
    return found


def _pytorch(uv: str | None, pins: dict[str, str]) -> str:
    """Install the CPU build where it is wanted and to be had; returns which build it is or will be, and why."""
    installed = _installed("torch")
    if all((_installed(name) or "").partition("+")[0] == pin for name, pin in pins.items()):
        return f"{installed} is installed already."
    index = os.environ.get("TORCH_CPU_INDEX", CPU_INDEX)
    if not index:
        why = "for TORCH_CPU_INDEX is empty."
    elif has_nvidia_card():
        why = "for the NVIDIA card of this machine."
    elif uv is None:
        why = "for uv is not installed."
    else:
        why = _from_cpu_index(uv, index, pins)
        if not why:
            return f"the CPU build from {_shown(index)}"
    return f"the usual build from PyPI, with CUDA libraries, {why}"


def _from_cpu_index(uv: str, index: str, pins: dict[str, str]) -> str:
    """Install torch and torchvision from an index of CPU builds; returns why that was not possible, or ""."""
    # Both from this index or neither: torchvision fits no other torch than its own. What they need comes with the rest.
    wanted = [f"{name}=={pin}{'+cpu' * (name == 'torch')}" for name, pin in pins.items()]
    options = ["--python", sys.executable, "--no-deps", "--no-config", "--default-index", index]
    alone = {name: value for name, value in os.environ.items() if name not in _OTHER_INDEXES}
    look = [uv, "pip", "install", "--dry-run", *options, *wanted]
    try:
        looked = subprocess.run(
            look, env=alone | {"UV_HTTP_RETRIES": "1"}, capture_output=True, timeout=INDEX_ANSWERS_WITHIN, check=False
        )
    except subprocess.TimeoutExpired:
        return f"for {_shown(index)} did not answer within {INDEX_ANSWERS_WITHIN} seconds."
    if looked.returncode:
        return f"for {_shown(index)} cannot be reached, or has no torch {pins['torch']} for this Python."
    if subprocess.run([uv, "pip", "install", *options, *wanted], env=alone, check=False).returncode:
        return f"for {_shown(index)} broke off."
    return ""


def has_nvidia_card() -> bool:
    """Whether the driver of an NVIDIA card is loaded; under WSL only nvidia-smi knows."""
    if NVIDIA_DRIVER.exists():
        return True
    try:
        asked = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and "GPU" in asked.stdout


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _shown(index: str) -> str:
    """An address without the password that it may hold."""
    parts = urlsplit(index)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
