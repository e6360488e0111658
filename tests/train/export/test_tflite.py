"""TFLite: the environment of its own, what is attached to the file, and, where the environment is, the conversion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from skin_model.assess import Assessor
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY
from tests.train.exported_checkpoints import random_checkpoint
from train import UserError
from train.export import tflite
from train.export.export import export


@pytest.fixture
def commands(monkeypatch):
    """What would have been run, in place of running it; ``status`` is what it ends with."""
    ran = SimpleNamespace(lines=[], status=0)

    def run(command, **_):
        ran.lines.append(command)
        if command[1] == "venv" or command[1:3] == ["-m", "venv"]:
            python = tflite.python_of(type(REPOSITORY)(command[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        return SimpleNamespace(returncode=ran.status)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_the_environment_is_made_once(commands, tmp_path):
    python = tflite.environment(tmp_path)
    assert python.is_relative_to(tflite.environment_folder(tmp_path))
    assert str(REPOSITORY / "requirements-tflite.txt") in commands.lines[-1]
    made = len(commands.lines)
    assert tflite.environment(tmp_path) == python
    assert len(commands.lines) == made == 2


def test_an_environment_that_was_not_installed_to_the_end_is_gone_on_with(commands, tmp_path):
    commands.status = 2
    tflite.python_of(tflite.environment_folder(tmp_path)).parent.mkdir(parents=True)
    tflite.python_of(tflite.environment_folder(tmp_path)).touch()
    with pytest.raises(UserError):
        tflite.environment(tmp_path)
    commands.status = 0
    tflite.environment(tmp_path)
    assert len(commands.lines) == 2  # the packages twice, the environment itself never again
    assert all("install" in line for line in commands.lines)


def test_an_environment_that_cannot_be_made_is_one_sentence(commands, tmp_path):
    commands.status = 1
    with pytest.raises(UserError, match=r"cannot be made in .* ended with 1.*--cache.*leave tflite out"):
        tflite.environment(tmp_path)
    assert not (tflite.environment_folder(tmp_path) / tflite.READY_FILE).exists()


def test_other_pins_make_another_environment(monkeypatch, tmp_path):
    before = tflite.environment_folder(tmp_path)
    other = tmp_path / "requirements.txt"
    other.write_text("litert-torch==0.0.1\n")
    monkeypatch.setattr(tflite, "REQUIREMENTS", other)
    assert tflite.environment_folder(tmp_path) != before


def test_metadata_and_labels_lie_in_a_zip_behind_the_model(tmp_path):
    file, model = tmp_path / "model.tflite.part", bytes(range(256)) * 3
    file.write_bytes(model)
    tflite.attach(file, {"labels": ["mel", "nv"], "format": "1"})
    assert file.read_bytes().startswith(model)
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("metadata.json")) == {"labels": ["mel", "nv"], "format": "1"}
        assert archive.read("labels.txt") == b"mel\nnv\n"


def test_the_pins_are_those_of_the_app_where_both_need_a_package():
    def pins(name):
        return dict(re.findall(r"^([\w-]+)==(.+)$", (REPOSITORY / name).read_text(), re.M))

    theirs = pins("requirements-tflite.txt")
    ours = {**pins("requirements.txt"), **pins("requirements-train.txt")}
    shared = set(theirs) & set(ours) - {"torch", "torchvision"}  # the reason for an environment of its own
    assert {"timm", "numpy", "safetensors"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
    assert tuple(map(int, theirs["torch"].split("."))) < (2, 15)


@pytest.fixture(scope="module")
def cache():
    """Where the environment is kept; the test is skipped where nobody has made it."""
    folder = tflite.default_cache()
    if not (tflite.environment_folder(folder) / tflite.READY_FILE).is_file():
        pytest.skip("needs the environment that python -m train export --formats tflite makes, about 7 GB")
    return folder


@pytest.fixture(scope="module")
def exported(cache, tmp_path_factory):
    """(checkpoint folder, exports folder, record)."""
    out = tmp_path_factory.mktemp("exports")
    checkpoint = tmp_path_factory.mktemp("tflite") / "checkpoint"
    random_checkpoint().save(checkpoint)
    return checkpoint, out, export(checkpoint, out, ["tflite"], cache=cache)


@pytest.mark.slow  # installs the converter, which takes minutes
def test_the_interpreter_gives_pytorchs_answers(exported):
    _, out, record = exported
    (found,) = record["files"]
    assert found["good"]
    assert found["max_risk_difference"] <= 0.001
    assert found["max_cam_difference"] <= 0.001
    assert sorted(file.name for file in out.iterdir()) == ["export.json", "model.tflite"]


@pytest.mark.slow  # as above
def test_the_documented_example_of_litert_gives_the_apps_risk(exported, cache, tmp_path):
    checkpoint, out, _ = exported
    (tmp_path / "exports").symlink_to(out)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    page = (REPOSITORY / "docs" / "exports.md").read_text(encoding="utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.S) if "ai_edge_litert" in code]
    python = tflite.python_of(tflite.environment_folder(cache))
    ran = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=True)
    expected = Assessor.load(checkpoint).assess(open_photo(REPOSITORY / "examples" / "tone-1.jpg"))
    assert float(re.search(r"risk (\d\.\d+)", ran.stdout)[1]) == pytest.approx(expected.risk, abs=0.01)
    assert ("refused" in ran.stdout) == (expected.refused is not None)
    assert np.isfinite(expected.risk)
