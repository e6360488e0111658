"""What an export computes, against the app's own path, Captum and autograd."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import timm
import torch
from torch import nn

from skin_model.network import calibration
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.torch_backend import attribution
from skin_model.network.torch_backend.architecture import logits_and_maps, normalise
from skin_model.network.torch_backend.weights import Weights
from tests.train.exported_checkpoints import SIZE, random_checkpoint, rendered_squares
from train.export.graph import ExportGraph, hardswish_slope, has_closed_form, metadata


@torch.inference_mode()
def outputs(checkpoint, squares):
    """The graph's outputs by name, as numpy."""
    graph = ExportGraph(checkpoint).eval()
    found = graph(torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255)
    return {name: values.numpy() for name, values in zip(graph.output_names, found, strict=True)}


@pytest.mark.parametrize("x, slope", [(-4.0, 0), (-3.0, 0), (0.0, 0.5), (1.5, 1.0), (3.0, 1), (7.0, 1), (-1.5, 0.0)])
def test_the_slope_of_hardswish_by_hand(x, slope):
    assert hardswish_slope(torch.tensor(x)).item() == pytest.approx(slope)


def test_the_slope_of_hardswish_is_autograds():
    x = torch.linspace(-5, 5, 1001).requires_grad_()
    (expected,) = torch.autograd.grad(nn.functional.hardswish(x).sum(), x)
    corners = (x.detach().abs() - 3).abs() < 1e-4  # where it has no slope
    assert torch.allclose(hardswish_slope(x.detach())[~corners], expected[~corners], atol=1e-6)


@pytest.mark.parametrize("checkpoint", [random_checkpoint(7), random_checkpoint(1), Checkpoint.load()])
def test_grad_cam_without_a_backward_pass_equals_captums(checkpoint):
    size = checkpoint.config.preprocessing.input_size
    squares = rendered_squares(4, size)
    cams, warm = outputs(checkpoint, squares)["cam"], 0
    for square, cam in zip(squares, cams, strict=True):
        batch = normalise(torch.from_numpy(square)[None], checkpoint.config.preprocessing)
        expected = attribution.coarse_map(checkpoint.network, batch, checkpoint.config.malignant)
        assert np.abs(cam / (cam.max() or 1) - expected).max() <= 1e-5
        warm += expected.max() == 1
    assert warm >= 2  # maps that are cold all over would show nothing


@pytest.mark.parametrize("kinds", [7, 1])
def test_the_closed_form_gradient_is_autograds(kinds):
    checkpoint = random_checkpoint(kinds)
    squares = rendered_squares(3)
    found = outputs(checkpoint, squares)
    last = torch.from_numpy(found["feature_map"]).requires_grad_()
    log_odds = attribution.risk_log_odds(checkpoint.network.forward_head(last), checkpoint.config.malignant)
    (expected,) = torch.autograd.grad(log_odds.sum(), last)
    everywhere = np.broadcast_to(found["cam_gradient"][:, :, None, None], expected.shape)
    largest = expected.abs().max().item()
    assert largest > 1e-4
    assert np.abs(everywhere - expected.numpy()).max() <= 1e-5 * largest


@pytest.mark.parametrize("checkpoint", [random_checkpoint(7), Checkpoint.load()])
def test_the_output_novelty_is_the_gates_out_of_distribution_score(checkpoint):
    squares = rendered_squares(3, checkpoint.config.preprocessing.input_size)
    with torch.inference_mode():
        batch = normalise(torch.from_numpy(squares), checkpoint.config.preprocessing)
        expected = checkpoint.gate.score(logits_and_maps(checkpoint.network, batch)[1])
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(outputs(checkpoint, squares)["novelty"], expected, atol=1e-4)


@pytest.mark.parametrize("kinds", [7, 1])
def test_risk_and_probabilities_are_the_calibrated_ones(kinds):
    checkpoint = random_checkpoint(kinds)
    config, squares = checkpoint.config, rendered_squares(5)
    with torch.inference_mode():
        logits = checkpoint.network(normalise(torch.from_numpy(squares), config.preprocessing)).double().numpy()
    expected = calibration.probabilities(logits, config.malignant, config.calibration)
    found = outputs(checkpoint, squares)
    assert np.ptp(found["risk"]) > 0.01
    np.testing.assert_allclose(found["logits"], logits, atol=1e-4)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(found["risk"], calibration.risk(expected, config.malignant), atol=1e-5)


def test_a_checkpoint_without_a_gate_has_no_out_of_distribution_score():
    found = outputs(random_checkpoint(gate=False), rendered_squares(1))
    assert list(found) == ["risk", "probabilities", "logits", "cam", "cam_gradient", "feature_map"]


def test_a_network_of_another_build_has_risks_but_no_map():
    checkpoint = random_checkpoint(gate=False)
    network = timm.create_model("mobilenetv2_035", num_classes=7).eval()
    other = dataclasses.replace(checkpoint, weights=Weights(network, checkpoint.gate))
    assert not has_closed_form(network)
    assert list(outputs(other, rendered_squares(1))) == ["risk", "probabilities", "logits"]


def test_metadata_says_everything_that_scoring_needs():
    checkpoint = random_checkpoint()
    found = metadata(checkpoint)
    assert found["labels"] == ["mel", "bcc", "akiec", "nv", "bkl", "df", "vasc"]
    assert found["malignant"] == [True, True, True, False, False, False, False]
    assert found["preprocessing"]["input_size"] == SIZE
    assert found["preprocessing"]["crop"] == "border"
    assert found["calibration"] == {"temperature": 1.3, "malignant_offset": -0.4, "reference_prevalence": 0.15}
    assert found["thresholds"] == {"low": 0.2, "high": 0.4, "malignant_from": 0.3, "benign_to": 0.35}
    assert found["gate_threshold"] == 3.25
    assert found["checkpoint_sha256"] == "ab" * 32
    assert "non-commercial" in found["licence"]


def test_a_binary_head_has_one_malignant_label():
    found = metadata(random_checkpoint(1, gate=False))
    assert (found["labels"], found["malignant"], found["gate_threshold"]) == (["malignant"], [True], None)


def test_metadata_holds_every_field_of_the_config():
    config = Checkpoint.load().config
    known = set(metadata(Checkpoint.load())) | {
        "diagnoses",
        "licence_note",
        "model_sha256",
        "gate_sha256",
        "onnx_sha256",
    }
    assert {field.name for field in dataclasses.fields(config)} <= known
