"""prepare, fit, evaluate and export, killed at twenty random moments each: the next try ends as an undisturbed one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.train.commands.forked_command import start
from tests.train.commands.test_release_steps import photographs

KILLS = 20
FIT = ["--recipe", "seven-class-cnn", "--epochs", "3", "--input-size", "64"]

pytestmark = pytest.mark.slow


def finished(words: list[str], log: Path) -> float:
    """Seconds that a command took."""
    began = time.monotonic()
    process = start(words, log)
    process.join(900)
    assert process.exitcode == 0, log.read_text()[-2000:]
    return time.monotonic() - began


def killed(words: list[str], log: Path, seconds: float) -> bool:
    """Whether a command was still at work when it was killed, with all that it had started."""
    process = start(words, log)
    process.join(seconds)
    if process.exitcode is not None:
        return False
    with contextlib.suppress(ProcessLookupError):  # it ended, or has no session of its own yet
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    return True


def digest(folder: Path, names: list[str]) -> dict[str, str]:
    """SHA-256 of files; of JSON without what tells the time."""
    found = {}
    for name in names:
        content = (folder / name).read_bytes()
        if name.endswith(".json"):
            content = json.dumps(without_clock(json.loads(content)), sort_keys=True).encode()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def without_clock(content: object) -> object:
    if isinstance(content, dict):
        return {
            k: without_clock(v) for k, v in content.items() if not k.startswith(("seconds", "milliseconds", "made"))
        }
    return [without_clock(value) for value in content] if isinstance(content, list) else content


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A folder in which every command has run once: clinic, work, run, report, exports."""
    folder = tmp_path_factory.mktemp("undisturbed")
    photographs(folder / "clinic", 0, 120)
    for name in COMMANDS:
        finished(COMMANDS[name](folder, folder), folder / "log")
    return folder


COMMANDS = {
    "prepare": lambda given, out: ["prepare", "--data", f"{given}/clinic", "--out", f"{out}/work"],
    "fit": lambda given, out: ["fit", "--work", f"{given}/work", "--out", f"{out}/run", *FIT],
    "evaluate": lambda given, out: [
        *("evaluate", "--checkpoint", f"{given}/run/checkpoint", "--work", f"{given}/work"),
        *("--out", f"{out}/report", "--resamples", "50"),
    ],
    "export": lambda given, out: [
        *("export", "--checkpoint", f"{given}/run/checkpoint", "--work", f"{given}/work", "--out", f"{out}/exports"),
        *("--formats", "onnx"),
    ],
}
OUTPUTS = {
    "prepare": ["work/split.csv", "work/catalogue.csv", "work/duplicates.csv", "work/left_out.csv", "work/audit.json"],
    "fit": ["run/checkpoint/model.safetensors", "run/checkpoint/trained_on.json"],
    "evaluate": ["report/predictions.csv", "report/metrics.json"],
    "export": ["exports/model.onnx", "exports/export.json"],
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_killed_at_twenty_random_moments_it_ends_as_if_undisturbed(name, undisturbed, tmp_path):
    words = COMMANDS[name](undisturbed, tmp_path / "timed")
    whole = finished(words, tmp_path / "log")
    out, moments, hit = tmp_path / "out", random.Random(name), 0
    words = COMMANDS[name](undisturbed, out)
    for _ in range(KILLS):
        out.mkdir(exist_ok=True)
        if killed(words, tmp_path / "log", moments.uniform(0.05, 0.6) * whole):
            hit += 1
        else:  # it went on where the kill before had left it, and ended: begin anew
            assert digest(out, OUTPUTS[name]) == digest(undisturbed, OUTPUTS[name])
            shutil.rmtree(out)
    assert hit >= KILLS // 2, "too few were killed at work to show anything"
    finished(words, tmp_path / "log")
    assert digest(out, OUTPUTS[name]) == digest(undisturbed, OUTPUTS[name])
    assert not list(out.rglob("*.part"))
