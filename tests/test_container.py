"""The image's steps, done without a container engine: the same files, read-only, by an ordinary user."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from gradio_client import Client, handle_file

from tests.conftest import REPOSITORY

STARTS_WITHIN = 180
"""Seconds, on a machine that runs other tests beside it."""


def instructions(name: str) -> list[list[str]]:
    lines = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{name} ")]


def copied() -> list[tuple[str, str]]:
    """Source in the repository and place under /app of every file and folder that the image is made of."""
    pairs = []
    for *sources, target in instructions("COPY"):
        if not sources[0].startswith("--from"):
            pairs += [(source, source if target in (".", "./") else target) for source in sources]
    return pairs


def settings() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in line)


def test_everything_that_the_image_copies_is_there_and_reaches_the_engine():
    kept = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = {source for source, _ in copied()}
    assert sources == kept
    assert all((REPOSITORY / source).exists() for source in sources)


def test_the_image_runs_as_an_ordinary_user():
    ((user,),) = instructions("USER")
    assert int(user.split(":")[0]) > 0


def test_the_image_takes_wheels_without_cuda():
    (install,) = (line for line in instructions("RUN") if "requirements.txt" in line)
    assert install[install.index("--extra-index-url") + 1] == "https://download.pytorch.org/whl/cpu"


def test_compose_gives_no_more_than_a_small_place_to_write():
    app = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]["app"]
    assert app["read_only"] is True
    assert [place.split(":")[0] for place in app["tmpfs"]] == ["/tmp"]
    assert app["cap_drop"] == ["ALL"]
    assert "volumes" not in app


def test_settings_lead_only_to_where_the_image_may_write():
    assert {name: value for name, value in settings().items() if value.startswith("/")} == {
        "HOME": "/tmp",
        "HF_HOME": "/tmp/huggingface",
    }


@pytest.fixture
def image() -> Iterator[Path]:
    """What the image holds under /app, with no file that may be written."""
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    for source, target in copied():
        place = folder / "app" / target
        if (REPOSITORY / source).is_dir():
            without = shutil.ignore_patterns("__pycache__", "site")
            shutil.copytree(REPOSITORY / source, place, ignore=without)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / source, place)
    (folder / "tmp").mkdir()
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(folder)], check=True)
    (folder / "tmp").chmod(0o1777)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    shutil.rmtree(folder)


def powerless() -> list[str]:
    """Takes root's powers over files from what follows. Another user would not do: Python may lie in root's folder."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv (util-linux), or tests that do not run as root")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_the_images_files_alone_serve_an_answer_read_only_without_root(image):
    """Python and the installed packages are this environment's: pip's step is the one that is not repeated."""
    write = [*powerless(), sys.executable, "-c", "open('written', 'w')"]
    assert b"PermissionError" in subprocess.run(write, cwd=image / "app", capture_output=True).stderr
    ours = {name: re.sub(r"^/tmp", str(image / "tmp"), value) for name, value in settings().items()}
    port = free_port()
    ours |= {"TMPDIR": str(image / "tmp"), "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    environment = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", **ours}
    _, *start = json.loads((REPOSITORY / "Dockerfile").read_text().rsplit("\nCMD ", 1)[1])
    with (image / "tmp" / "log").open("w+") as log:
        command = [*powerless(), sys.executable, *start]
        server = subprocess.Popen(command, cwd=image / "app", env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/config", server, log)
            client = Client(f"http://127.0.0.1:{port}", verbose=False)
            photo = handle_file(str(REPOSITORY / "examples" / "tone-1.jpg"))
            result, *_ = client.predict(photo, api_name="/assess")
            assert result["band"] == "low"
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen, log) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            if server.poll() is not None:
                break
            time.sleep(0.5)
    log.seek(0)
    pytest.fail(f"the app did not start:\n{log.read()}")
