"""The outline network as an ONNX file: it answers as its weights do, and names them."""

import numpy as np
import onnxruntime
import pytest

from skin_model.lesion import outline, outline_network
from tests import rendering
from train import UserError
from train.digests import file_sha256
from train.export import outline as export


def test_the_exported_file_answers_as_the_weights_do_and_names_them(tmp_path):
    file = export.write(outline.WEIGHTS, tmp_path)
    session = onnxruntime.InferenceSession(file)
    assert session.get_modelmeta().custom_metadata_map == {"weights_sha256": file_sha256(outline.WEIGHTS)}
    photo = np.clip(rendering.lesion_on_skin(300, 400, np.random.default_rng(0)), 0, 255).astype(np.uint8)
    square = outline.squeezed(photo)
    (found,) = session.run([export.OUTPUT], {"pixels": square.transpose(2, 0, 1)[None].astype(np.float32)})
    wanted = outline_network.probabilities(outline_network.load(outline.WEIGHTS), square[None])
    assert wanted.max() > 0.5
    assert np.abs(found[:, 0] - wanted).max() < 5e-4


def test_a_file_that_answers_otherwise_gets_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MOST_DIFFERENCE", -1.0)
    with pytest.raises(UserError, match="answers otherwise"):
        export.write(outline.WEIGHTS, tmp_path)
    assert not (tmp_path / export.FILE).exists()
