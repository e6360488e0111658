"""Checkpoints: what is saved loads back the same, and everything else is refused with a sentence."""

import json

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load, load_file, save_file

from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Calibration, DiagnosisCalibration, Thresholds
from skin_model.network.checkpoint import EMBEDDED, Checkpoint, CheckpointError, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend.architecture import create
from skin_model.network.torch_backend.weights import Weights


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    config = Config(DIAGNOSES, Preprocessing(), Calibration(1.5, -0.3, 0.15), Thresholds(0.1, 0.4, 0.15, 0.35))
    folder = tmp_path / "checkpoint"
    Checkpoint(config, Weights(create(7).eval())).save(folder)
    return folder


def change_config(folder, change):
    content = json.loads((folder / "config.json").read_text())
    change(content)
    (folder / "config.json").write_text(json.dumps(content))


def accept_weights(folder):
    """Make the config name the weights that lie beside it, so that only what the test changed is wrong."""
    import hashlib

    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change_config(folder, lambda content: content["skin_model"].update(model_sha256=digest))


def test_config_survives_saving_and_loading(saved):
    config = Checkpoint.load(saved).config
    assert config.diagnoses == DIAGNOSES
    assert config.preprocessing == Preprocessing()
    assert config.calibration == Calibration(1.5, -0.3, 0.15)
    assert config.thresholds == Thresholds(0.1, 0.4, 0.15, 0.35)


def test_diagnosis_calibration_survives_saving_and_loading(tmp_path):
    own = DiagnosisCalibration(0.8, (0.1, -0.2, 0.3, 0.0, -0.4, 0.5, -0.3))
    config = Config(DIAGNOSES, Preprocessing(), Calibration(), Thresholds(0, 0, 0, 0), diagnosis_calibration=own)
    assert Checkpoint(config, Weights(create(7).eval())).save(tmp_path).config.diagnosis_calibration == own
    assert Checkpoint.load(tmp_path).config.diagnosis_calibration == own


def test_a_diagnosis_calibration_of_another_number_of_diagnoses_is_refused(saved):
    wrong = {"temperature": 1.0, "offsets": [0.0, 0.0]}
    change_config(saved, lambda content: content["skin_model"].update(diagnosis_calibration=wrong))
    with pytest.raises(CheckpointError, match="2 offsets for 7 diagnoses"):
        Checkpoint.load(saved)


@pytest.mark.parametrize("views", [0, 3, 16, "8", None])
def test_a_number_of_views_that_cannot_be_averaged_is_refused(saved, views):
    change_config(saved, lambda content: content["skin_model"].update(views=views))
    with pytest.raises(CheckpointError, match="the views must be one of 1, 2, 4, 8"):
        Checkpoint.load(saved)


def test_half_precision_storage_changes_no_weight_by_more_than_a_thousandth_of_its_size(tmp_path):
    network = create(7).eval()
    config = Config(DIAGNOSES, Preprocessing(), Calibration(), Thresholds(0, 0, 0, 0))
    loaded = Checkpoint(config, Weights(network)).save(tmp_path).network
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            assert np.allclose(tensor, loaded.state_dict()[name], rtol=1e-3, atol=1e-7), name


def test_timm_loads_the_same_weights_strictly(saved):
    content = json.loads((saved / "config.json").read_text())
    network = timm.create_model(content["architecture"], num_classes=content["num_classes"])
    network.load_state_dict(load_file(saved / "model.safetensors"), strict=True)
    batch = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(network.eval()(batch), Checkpoint.load(saved).network(batch), atol=1e-6)


def test_a_pickle_is_refused_and_not_opened(saved):
    (saved / "model.safetensors").unlink()
    (saved / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(CheckpointError, match="pickle"):
        Checkpoint.load(saved)


def test_weights_that_the_config_does_not_name_are_refused(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["classifier.bias"] += 1
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"is not the file that config\.json names"):
        Checkpoint.load(saved)


def test_a_wrong_shape_is_refused_naming_both_shapes(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["classifier.bias"] = torch.zeros(2)
    save_file(tensors, saved / "model.safetensors")
    accept_weights(saved)
    with pytest.raises(CheckpointError, match=r"classifier.bias has shape \(2,\), expected \(7,\)"):
        Checkpoint.load(saved)


def test_a_missing_tensor_is_refused_by_name(saved):
    tensors = load_file(saved / "model.safetensors")
    del tensors["conv_stem.weight"]
    save_file(tensors, saved / "model.safetensors")
    accept_weights(saved)
    with pytest.raises(CheckpointError, match=r"lacks the tensor conv_stem.weight"):
        Checkpoint.load(saved)


def test_values_that_are_not_finite_are_refused(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["classifier.bias"][0] = float("nan")
    save_file(tensors, saved / "model.safetensors")
    accept_weights(saved)
    with pytest.raises(CheckpointError, match="not finite"):
        Checkpoint.load(saved)


def test_an_unknown_schema_is_refused_saying_which_is_read(saved):
    change_config(saved, lambda content: content["skin_model"].update(schema=99))
    with pytest.raises(CheckpointError, match="schema 99, but this version reads schema 1"):
        Checkpoint.load(saved)


def test_a_config_without_our_section_is_refused(saved):
    change_config(saved, lambda content: content.pop("skin_model"))
    with pytest.raises(CheckpointError, match="not a Self Skin Check checkpoint"):
        Checkpoint.load(saved)


def test_a_config_without_a_key_names_it(saved):
    change_config(saved, lambda content: content["skin_model"].pop("thresholds"))
    with pytest.raises(CheckpointError, match="lacks the key 'thresholds'"):
        Checkpoint.load(saved)


def test_a_truncated_weights_file_is_refused(saved):
    whole = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(whole[:1000])
    accept_weights(saved)
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        Checkpoint.load(saved)


def test_an_unknown_network_is_refused_by_name(saved):
    change_config(saved, lambda content: content.update(architecture="no_such_net"))
    with pytest.raises(CheckpointError, match="no_such_net"):
        Checkpoint.load(saved)


def test_a_missing_folder_says_what_to_name(tmp_path):
    with pytest.raises(CheckpointError, match=r"Name a folder, or owner/name@revision"):
        Checkpoint.load(tmp_path / "nowhere")


def test_an_empty_folder_says_what_a_checkpoint_is(tmp_path):
    with pytest.raises(CheckpointError, match="A checkpoint is a folder with"):
        Checkpoint.load(tmp_path)


def test_saving_leaves_no_partial_file(saved):
    assert sorted(f.name for f in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_equal_weights_make_equal_files(tmp_path):
    loaded = Checkpoint.load()
    files = []
    for number in range(8):
        loaded.save(tmp_path / str(number))
        files.append((tmp_path / str(number) / "model.safetensors").read_bytes())
    assert len(set(files)) == 1
    assert all(torch.equal(t, load_file(EMBEDDED / "model.safetensors")[name]) for name, t in load(files[0]).items())
