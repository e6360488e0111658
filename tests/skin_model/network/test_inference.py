"""The embedded network answers the same in ONNX Runtime and in torch."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from skin_model.assess import Assessor
from skin_model.network import inference as engines
from skin_model.network.checkpoint import EMBEDDED, Checkpoint, CheckpointError
from skin_model.network.checkpoint_folder import ONNX_FILE
from skin_model.network.inference import OnnxEngine, engine
from skin_model.network.torch_backend.inference import TorchEngine
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY

EXPORT = (EMBEDDED / ONNX_FILE).read_bytes()
DAMAGES = {
    "bytes flipped": lambda content: (
        content[: 10**6] + bytes(b ^ 255 for b in content[10**6 : 10**6 + 64]) + content[10**6 + 64 :]
    ),
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "text": lambda content: b"no network",
}


@pytest.fixture(scope="module")
def checkpoint():
    return Checkpoint.load()


@pytest.fixture(scope="module")
def pictures():
    assessor = Assessor.load()
    files = sorted((REPOSITORY / "examples").glob("*.jpg"))[:6]
    return np.concatenate([assessor.view(open_photo(file)).batch for file in files])


def both_engines(checkpoint):
    return OnnxEngine(checkpoint, EXPORT), TorchEngine(checkpoint.weights, checkpoint.config)


def test_the_embedded_checkpoint_is_run_in_onnx_runtime(checkpoint):
    assert type(Assessor(checkpoint).engine) is OnnxEngine


def test_both_engines_give_the_same_logits_and_out_of_distribution_scores(checkpoint, pictures):
    quick, plain = (
        OnnxEngine(checkpoint, EXPORT)(pictures),
        TorchEngine(checkpoint.weights, checkpoint.config)(pictures),
    )
    assert np.ptp(plain.logits[:, 0]) > 0.1  # the pictures differ, so that equal answers say something
    assert np.allclose(quick.logits, plain.logits, atol=1e-4)
    assert np.allclose(quick.ood_score, plain.ood_score, atol=1e-3)


@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients"])
def test_both_engines_draw_the_same_map(checkpoint, pictures, method):
    """In the median: on a drawn picture rounding can carry many activations at once over a corner of hardswish."""
    quick, plain = both_engines(checkpoint)
    expected = [plain.heatmap(picture[None], method) for picture in pictures]
    found = [quick.heatmap(picture[None], method) for picture in pictures]
    assert max(heat.max() for heat in expected) == 1
    assert np.median([np.abs(one - other).max() for one, other in zip(found, expected, strict=True)]) < 1e-3


def test_other_weights_are_never_answered_by_the_embedded_export(checkpoint):
    other = replace(checkpoint, config=replace(checkpoint.config, model_sha256="0" * 64))
    assert type(engine(other)) is TorchEngine
    with pytest.raises(ValueError, match="other weights"):
        OnnxEngine(other, EXPORT)


@pytest.mark.parametrize("content", [None, b"", b"no network", EXPORT[:100_000]], ids=["none", "empty", "text", "cut"])
def test_torch_answers_where_the_export_is_missing_or_broken(checkpoint, content):
    assert type(engine(replace(checkpoint, onnx=content))) is TorchEngine


def test_torch_answers_where_onnx_runtime_is_not_installed(checkpoint, monkeypatch):
    monkeypatch.setattr(engines, "onnxruntime", None)
    assert type(engine(checkpoint)) is TorchEngine


def copied(folder, **ours):
    """A folder with the embedded checkpoint's files, and these values in the config's own section."""
    shutil.copytree(EMBEDDED, folder)
    config = json.loads((folder / "config.json").read_text())
    config["skin_model"] |= ours
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_an_onnx_file_that_the_config_names_is_run(tmp_path):
    folder = copied(tmp_path / "named", onnx_sha256=hashlib.sha256(EXPORT).hexdigest())
    assert type(Assessor.load(folder).engine) is OnnxEngine


def test_an_onnx_file_that_no_config_names_is_not_run(tmp_path):
    assert type(Assessor.load(copied(tmp_path / "unnamed", onnx_sha256="")).engine) is TorchEngine


def test_torch_answers_where_the_onnx_file_that_the_config_names_was_deleted(tmp_path):
    folder = copied(tmp_path / "deleted")
    (folder / ONNX_FILE).unlink()
    assert type(Assessor.load(folder).engine) is TorchEngine


def test_another_onnx_file_than_the_config_names_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"not the file that config\.json names"):
        Checkpoint.load(copied(tmp_path / "other", onnx_sha256="0" * 64))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_onnx_file_is_refused_with_what_to_do(damage, tmp_path):
    """Bytes flipped within weights leave a file that runs, and answers something else."""
    folder = copied(tmp_path / "damaged")
    (folder / ONNX_FILE).write_bytes(damage(EXPORT))
    with pytest.raises(CheckpointError, match=r"Copy it again, or delete it: PyTorch then gives the same answers"):
        Checkpoint.load(folder)


def test_weights_that_are_saved_anew_name_no_onnx_file_of_others(checkpoint, tmp_path):
    assert checkpoint.config.onnx_sha256
    assert checkpoint.save(tmp_path).config.onnx_sha256 == ""


ANSWER = """
from skin_model.assess import Assessor
from skin_model.photo import open_photo
assessor, photo = Assessor.load(), open_photo(sys.argv[1])
view = assessor.view(photo)
assessor.heatmap(view, assessment=assessor.assess(photo, view))
"""
COMMAND = """
import runpy
sys.argv[0], folder = "python -m skin_model", sys.argv.pop()
sys.argv += ["--overlay", folder]
try:
    runpy.run_module("skin_model", run_name="__main__")
except SystemExit as ended:
    assert not ended.code, ended.code
"""
COMPARISON = """
from skin_model import comparison
from skin_model.assess import Assessor
from skin_model.photo import open_photo
assessor, photo = Assessor.load(), open_photo(sys.argv[1])
shot = comparison.shoot(assessor, photo)
comparison.compare(shot, shot, assessor.checkpoint.hash)
"""
APP = """
import app
from interface import blocks
from interface.server.settings import Settings
from skin_model.assess import Assessor
from skin_model.network.checkpoint import Checkpoint
blocks.build(Assessor(Checkpoint.load_or_embedded(None)), Settings.from_environment())
"""


@pytest.mark.parametrize(
    "script", [ANSWER, COMMAND, COMPARISON, APP], ids=["an answer", "the command", "a comparison", "the app's start"]
)
def test_no_torch_is_imported_for(script, tmp_path):
    photo = next((REPOSITORY / "examples").glob("*.jpg"))
    none = "assert not {'torch', 'timm', 'captum'} & set(sys.modules), sorted(sys.modules)"
    run = [sys.executable, "-c", f"import sys\n{script}\n{none}\n", str(photo), str(tmp_path)]
    subprocess.run(run, cwd=REPOSITORY, check=True, timeout=600)


def test_the_map_that_comes_with_an_answer_is_the_one_that_is_asked_for_alone():
    assessor, photo = Assessor.load(views=8), open_photo(next((REPOSITORY / "examples").glob("*.jpg")))
    view = assessor.view(photo)
    assessment = assessor.assess(photo, view)
    assert assessment.contributions.shape[0] == 8
    np.testing.assert_allclose(assessor.heatmap(view, assessment=assessment), assessor.heatmap(view), atol=1e-5)


QUIET = """
import train.export.onnx_files, skin_model.network.inference
from skin_model.assess import Assessor
assert type(Assessor.load().engine) is skin_model.network.inference.OnnxEngine
skin_model.network.inference.session(Assessor.load().checkpoint.onnx)
"""


def test_onnx_runtime_tells_nobody_of_its_sessions(tmp_path):
    """Where it does, it leaves a session's name in the temporary folder and a device's in the home folder."""
    home, fonts = tmp_path / "home", tmp_path / "fonts"  # matplotlib's list of fonts is nobody's business here
    home.mkdir()
    places = {"HOME": str(home), "TMPDIR": str(home), "MPLCONFIGDIR": str(fonts), "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", QUIET], env=places, cwd=home, check=True, timeout=300)
    assert [str(left.relative_to(home)) for left in home.rglob("*") if left.is_file()] == []
