"""The files of the locator and of the network that outlines: each is the one that the record beside it names."""

from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

import app
from on_device import build
from skin_model import __main__ as command_line
from skin_model import comparison
from skin_model.assess import Assessor
from skin_model.lesion import locate, outline, weights_file
from skin_model.network import checkpoint
from skin_model.network.checkpoint import EMBEDDED, CheckpointError
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY

NAMES = ["locator", "outline"]


@pytest.fixture
def folder(tmp_path):
    """The files of both networks, copied."""
    for file in EMBEDDED.iterdir():
        if file.stem in NAMES:
            shutil.copyfile(file, tmp_path / file.name)
    return tmp_path


@pytest.fixture
def in_place(folder, monkeypatch):
    """Both networks are read from that folder, anew."""
    for module in (locate, outline):
        monkeypatch.setattr(module, "WEIGHTS", folder / module.WEIGHTS.name)
        module.embedded.cache_clear()
    yield folder
    for module in (locate, outline):
        module.embedded.cache_clear()


def flip_the_end(file):
    """A file of the same length that can be read and holds other weights."""
    content = file.read_bytes()
    middle = 2 * len(content) // 3
    file.write_bytes(content[:middle] + bytes(b ^ 1 for b in content[middle : middle + 100]) + content[middle + 100 :])


@pytest.mark.parametrize("name", NAMES)
def test_the_network_runs_in_onnx_runtime(name, folder):
    assert weights_file.session(folder / f"{name}.onnx", folder / f"{name}.safetensors") is not None


@pytest.mark.parametrize("damage", [flip_the_end, lambda file: file.write_bytes(b"")], ids=["flipped", "empty"])
@pytest.mark.parametrize("ending", ["onnx", "safetensors"])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_refused_in_one_sentence(name, ending, damage, folder):
    damage(folder / f"{name}.{ending}")
    said = rf"{name}\.{ending} is not the file that {name}\.json names .*Copy it again"
    with pytest.raises(CheckpointError, match=said):
        weights_file.session(folder / f"{name}.onnx", folder / f"{name}.safetensors")


@pytest.mark.parametrize("name", NAMES)
def test_missing_weights_are_told_in_one_sentence(name, folder):
    (folder / f"{name}.safetensors").unlink()
    with pytest.raises(CheckpointError, match=rf"{name}\.safetensors cannot be read: .*\. Copy it again\."):
        weights_file.session(folder / f"{name}.onnx", folder / f"{name}.safetensors")


@pytest.mark.parametrize("content", [None, b"", b"no json", b"{}", b"[]"], ids=["deleted", "empty", "text", "{}", "[]"])
@pytest.mark.parametrize("name", NAMES)
def test_without_the_file_that_names_them_nothing_is_run(name, content, folder):
    beside = folder / f"{name}.json"
    beside.unlink() if content is None else beside.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{name}\.json is .*Copy it again\."):
        weights_file.session(folder / f"{name}.onnx", folder / f"{name}.safetensors")


@pytest.mark.parametrize("module", [locate, outline], ids=NAMES)
def test_torch_answers_the_same_where_the_onnx_file_was_deleted(module, in_place):
    photo = open_photo(next((REPOSITORY / "examples").glob("tone-3*.jpg")))

    def answer():
        module.embedded.cache_clear()
        if module is outline:
            return outline.find(photo.rgb).polygon
        return np.array([spot.box for spot in locate.embedded()(photo.rgb, (0, 0, *photo.rgb.shape[1::-1])).spots])

    expected = answer()
    (in_place / module.ONNX_FILE).unlink()
    found = answer()
    assert expected.size and found.shape == expected.shape
    assert np.abs(found - expected).max() < 0.5  # pixels


def test_a_damaged_locator_is_told_when_a_checkpoint_that_needs_it_is_loaded(in_place):
    flip_the_end(in_place / locate.ONNX_FILE)
    with pytest.raises(CheckpointError, match=r"locator\.onnx is not the file"):
        Assessor.load()


def test_the_command_line_says_a_damaged_locator_in_one_sentence(in_place):
    flip_the_end(in_place / locate.ONNX_FILE)
    found = CliRunner().invoke(command_line.app, [str(next((REPOSITORY / "examples").glob("*.jpg")))])
    assert found.exit_code == 1
    assert found.stdout == ""
    assert found.stderr.startswith("Error: ")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("content", ["", "{}", '{"limits": {"area": {}}}'])
def test_the_app_says_damaged_limits_of_change_before_it_listens(content, in_place, monkeypatch, tmp_path):
    (tmp_path / "repeatability.json").write_text(content)
    broken = partial(comparison.Limits.read, tmp_path / "repeatability.json")
    monkeypatch.setattr(comparison, "embedded_limits", broken)
    with pytest.raises(CheckpointError, match=r"repeatability\.json is missing or damaged\. Copy it again\."):
        app.serve()


@pytest.mark.parametrize("name", NAMES)
def test_no_page_is_built_of_a_damaged_file(name, folder, monkeypatch, tmp_path):
    flip_the_end(folder / f"{name}.onnx")
    monkeypatch.setattr(build, name.upper(), folder / f"{name}.onnx")
    with pytest.raises(SystemExit, match=rf"^Error: .*{name}\.onnx is not the file that {name}\.json names"):
        build.main(tmp_path / "site", build.MODEL)
    assert not (tmp_path / "site").exists()


def test_no_page_is_built_of_a_damaged_network(monkeypatch, tmp_path):
    copied = shutil.copytree(EMBEDDED, tmp_path / "weights")
    flip_the_end(copied / "model.fp16.onnx")
    monkeypatch.setattr(checkpoint, "EMBEDDED", copied)
    with pytest.raises(SystemExit, match=r"^Error: .*model\.fp16\.onnx is not the file that config\.json names"):
        build.main(tmp_path / "site", build.MODEL)


@pytest.mark.parametrize("name", NAMES)
def test_the_app_says_a_damaged_file_before_it_listens(name, in_place):
    flip_the_end(in_place / f"{name}.onnx")
    with pytest.raises(CheckpointError, match=rf"{name}\.onnx is not the file"):
        app.serve()
