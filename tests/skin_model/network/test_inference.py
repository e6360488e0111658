"""The embedded network answers the same in ONNX Runtime and in torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from skin_model.assess import Assessor
from skin_model.network import inference as engines
from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from skin_model.network.inference import ONNX_FILE, OnnxEngine, engine
from skin_model.network.torch_backend.inference import TorchEngine
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY

EXPORT = EMBEDDED / ONNX_FILE


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
    maps = [made.heatmap(pictures[:1], method) for made in both_engines(checkpoint)]
    assert maps[1].max() == 1
    assert np.abs(maps[0] - maps[1]).max() < 1e-3


def test_other_weights_are_never_answered_by_the_embedded_export(checkpoint):
    other = replace(checkpoint, config=replace(checkpoint.config, model_sha256="0" * 64))
    assert type(engine(other, EXPORT)) is TorchEngine
    with pytest.raises(ValueError, match="other weights"):
        OnnxEngine(other, EXPORT)


@pytest.mark.parametrize("content", [None, b"", b"no network", "cut"])
def test_torch_answers_where_the_export_is_missing_or_broken(checkpoint, tmp_path, content):
    file = tmp_path / ONNX_FILE
    if content is not None:
        file.write_bytes(EXPORT.read_bytes()[:100_000] if content == "cut" else content)
    assert type(engine(checkpoint, file)) is TorchEngine


def test_torch_answers_where_onnx_runtime_is_not_installed(checkpoint, monkeypatch):
    monkeypatch.setattr(engines, "onnxruntime", None)
    assert type(engine(checkpoint, EXPORT)) is TorchEngine


QUIET = """
import train.export.onnx_files, skin_model.network.inference
from skin_model.assess import Assessor
assert type(Assessor.load().engine) is skin_model.network.inference.OnnxEngine
skin_model.network.inference.session(skin_model.network.checkpoint.EMBEDDED / skin_model.network.inference.ONNX_FILE)
"""


def test_onnx_runtime_tells_nobody_of_its_sessions(tmp_path):
    """Where it does, it leaves a session's name in the temporary folder and a device's in the home folder."""
    home, fonts = tmp_path / "home", tmp_path / "fonts"  # matplotlib's list of fonts is nobody's business here
    home.mkdir()
    places = {"HOME": str(home), "TMPDIR": str(home), "MPLCONFIGDIR": str(fonts), "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", QUIET], env=places, cwd=home, check=True, timeout=300)
    assert [str(left.relative_to(home)) for left in home.rglob("*") if left.is_file()] == []
