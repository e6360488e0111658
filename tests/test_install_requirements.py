"""Which PyTorch is installed: tried with wheels of a few bytes, from indexes on this machine, in environments of their
own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import install_requirements
from tests.conftest import REPOSITORY

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
pytestmark = pytest.mark.skipif(UV is None, reason="needs uv")

PINS = "torch==2.15.0\ntorchvision==0.29.2\n"
CPU = [
    ("torch", "2.15.0+cpu", ["light"]),
    ("torch", "2.13.0+cpu", []),
    ("torch", "2.16.0+cpu", []),
    ("torchvision", "0.29.2+cpu", ["torch==2.15.0"]),
    ("light", "0.1", []),  # PyTorch's index has old versions of much else
]
PYPI = [
    ("torch", "2.15.0", ["light", "cuda"]),
    ("torchvision", "0.29.2", ["torch==2.15.0"]),
    ("light", "1.0", []),
    ("cuda", "1.0", []),
]


def write_wheel(folder: Path, name: str, version: str, needs: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-{version}.dist-info"
    metadata = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {need}" for need in needs),
    ]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "")
        wheel.writestr(f"{about}/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def indexes(tmp_path_factory) -> Iterator[str]:
    """The address of a server with two indexes, cpu and pypi."""
    root = tmp_path_factory.mktemp("indexes")
    for index, wheels in (("cpu", CPU), ("pypi", PYPI)):
        for name, version, needs in wheels:
            write_wheel(root / index / name, name, version, needs)
        for folder in (root / index).iterdir():
            links = (f'<a href="{file.name.replace("+", "%2B")}">{file.name}</a>' for file in folder.glob("*.whl"))
            (folder / "index.html").write_text("\n".join(links))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of an index that takes every question and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/cpu"


@pytest.fixture
def shut() -> str:
    """The address of an index that nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/cpu"


@pytest.fixture
def install(tmp_path, indexes):
    """Runs the script in a new environment; returns what it said of PyTorch, and what is installed then."""
    python = tmp_path / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "environment"], check=True)

    def run(
        cpu_index: str, *, card: bool = False, platform: str = "linux", within: int = 60, **environment: str
    ) -> tuple[list[str], list[str]]:
        (tmp_path / "requirements.txt").write_text(PINS)
        (tmp_path / "requirements-more.txt").write_text("-r requirements.txt\nlight==1.0\n")
        program = (
            "import sys, install_requirements as installing\n"
            f"installing.has_nvidia_card = lambda: {card}\n"
            f"installing.INDEX_ANSWERS_WITHIN, sys.platform = {within}, {platform!r}\n"
            f"sys.exit(installing.main([{str(tmp_path / 'requirements-more.txt')!r}]))"
        )
        shown = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
        shown |= {"PATH": f"{Path(UV).parent}{os.pathsep}{shown['PATH']}", "PYTHONPATH": str(REPOSITORY)}
        shown |= {"UV_CACHE_DIR": str(tmp_path / "cache"), "UV_DEFAULT_INDEX": f"{indexes}/pypi"}
        ended = subprocess.run(
            [python, "-c", program],
            env=shown | {"TORCH_CPU_INDEX": cpu_index} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr
        said = [line for line in ended.stdout.splitlines() if line.startswith("PyTorch: ")]
        frozen = subprocess.run([UV, "pip", "freeze", "--python", python], capture_output=True, text=True, check=True)
        return said, frozen.stdout.splitlines()

    return run


WITHOUT_CUDA = ["light==1.0", "torch==2.15.0+cpu", "torchvision==0.29.2+cpu"]
WITH_CUDA = ["cuda==1.0", "light==1.0", "torch==2.15.0", "torchvision==0.29.2"]


def test_without_a_card_the_cpu_build_of_exactly_the_pinned_version_is_taken(install, indexes):
    said, installed = install(f"{indexes}/cpu")
    assert said == [f"PyTorch: the CPU build from {indexes}/cpu"]
    assert installed == WITHOUT_CUDA


def test_with_a_card_the_usual_build_is_taken(install, indexes):
    said, installed = install(f"{indexes}/cpu", card=True)
    assert said == ["PyTorch: the usual build from PyPI, with CUDA libraries, for the NVIDIA card of this machine."]
    assert installed == WITH_CUDA


def test_an_index_that_cannot_be_reached_gives_way_to_pypi_at_once(install, shut):
    began = time.monotonic()
    said, installed = install(shut)
    assert said[0].startswith(f"PyTorch: the usual build from PyPI, with CUDA libraries, for {shut} cannot be reached")
    assert installed == WITH_CUDA
    assert time.monotonic() - began < 30  # seconds, on a machine that does other work beside it


def test_an_index_that_hangs_is_given_up_on_within_the_bound(install, hanging):
    said, installed = install(hanging, within=2)
    assert said == [
        f"PyTorch: the usual build from PyPI, with CUDA libraries, for {hanging} did not answer within 2 seconds."
    ]
    assert installed == WITH_CUDA
    assert install_requirements.INDEX_ANSWERS_WITHIN <= 10


def test_an_index_without_the_pinned_version_gives_way_to_pypi(install, indexes):
    said, installed = install(f"{indexes}/pypi")  # it has the version, but no CPU build of it
    assert "has no torch 2.15.0" in said[0]
    assert installed == WITH_CUDA


def test_an_empty_address_asks_for_the_usual_build(install):
    said, installed = install("")
    assert said[0].endswith("for TORCH_CPU_INDEX is empty.")
    assert installed == WITH_CUDA


def test_wheels_that_lie_about_do_not_come_between(install, indexes, tmp_path):
    write_wheel(tmp_path / "wheels", "torch", "2.13.0+cpu", [])
    write_wheel(tmp_path / "wheels", "torchvision", "0.29.2+cu130", [])
    _, installed = install(f"{indexes}/cpu", UV_FIND_LINKS=str(tmp_path / "wheels"))
    assert installed == WITHOUT_CUDA


def test_what_is_installed_already_stays(install, indexes, shut):
    assert install(shut)[1] == WITH_CUDA
    said, installed = install(f"{indexes}/cpu")
    assert said == ["PyTorch: 2.15.0 is installed already."]
    assert installed == WITH_CUDA


def test_what_is_installed_is_compiled_even_where_python_itself_keeps_nothing(install, tmp_path):
    install("", PYTHONDONTWRITEBYTECODE="1")
    assert list((tmp_path / "environment").rglob("light/__pycache__/*.pyc"))


def test_elsewhere_than_on_linux_nothing_is_chosen(install, indexes):
    said, installed = install(f"{indexes}/cpu", platform="darwin")
    assert (said, installed) == ([], WITH_CUDA)


def test_a_password_in_the_address_is_not_shown(install, indexes):
    said, _ = install(indexes.replace("//", "//me:secret@") + "/cpu")
    assert said == [f"PyTorch: the CPU build from {indexes}/cpu"]


def test_the_pins_are_those_of_the_requirements_that_are_included():
    pins = install_requirements.torch_pins([str(REPOSITORY / "requirements-dev.txt")])
    text = (REPOSITORY / "requirements.txt").read_text()
    assert sorted(pins) == ["torch", "torchvision"]
    assert all(f"\n{name}=={pin}\n" in text for name, pin in pins.items())


@pytest.mark.parametrize(
    ("answer", "status", "found"), [("GPU 0: H100", 0, True), ("No devices", 0, False), ("", 9, False)]
)
def test_a_card_is_one_that_nvidia_smi_lists(tmp_path, monkeypatch, answer, status, found):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(install_requirements, "NVIDIA_DRIVER", tmp_path / "none")
    assert install_requirements.has_nvidia_card() is found


def test_a_card_is_one_whose_driver_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(install_requirements, "NVIDIA_DRIVER", tmp_path / "version")
    assert not install_requirements.has_nvidia_card()
    (tmp_path / "version").touch()
    assert install_requirements.has_nvidia_card()


@pytest.mark.parametrize("arguments", [[], ["requirements-nowhere.txt"]])
def test_a_file_that_is_not_there_is_one_sentence(arguments):
    ended = subprocess.run(
        [sys.executable, REPOSITORY / "install_requirements.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: ") and ended.stderr.count("\n") == 1


def test_make_and_the_image_know_the_same_index():
    makefile = (REPOSITORY / "Makefile").read_text()
    # The environment of the audit has no PyTorch, for which the index is.
    installing = re.findall(r"^(?!\.venv-audit)\S*installed:.*\n\t(.*)", makefile, re.MULTILINE)
    assert installing
    assert [line for line in installing if "python install_requirements.py requirements" not in line] == []
    assert "pip install --python" not in makefile
    assert f"--extra-index-url {install_requirements.CPU_INDEX} " in (REPOSITORY / "Dockerfile").read_text()
