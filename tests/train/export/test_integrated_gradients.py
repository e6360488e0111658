"""Integrated Gradients without a backward pass, against autograd and Captum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from skin_model.assess import Assessor
from skin_model.network import saliency
from skin_model.network.torch_backend import attribution
from skin_model.photo import open_photo
from tests.train.exported_checkpoints import SIZE, random_checkpoint
from train.export import agreement
from train.export.integrated_gradients import IntegratedGradientsGraph, gradient_of


@pytest.fixture(scope="module")
def double_precision():
    """Where rounding carries no activation over a corner of hardswish."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def recorded(double_precision):
    """A small checkpoint, and the gradient of two of its pictures at once."""
    checkpoint = random_checkpoint()
    checkpoint.network.double()
    return checkpoint, gradient_of(checkpoint.network, checkpoint.config.malignant, (2, 3, SIZE, SIZE))


def test_the_recorded_gradient_is_autograds(recorded):
    checkpoint, gradient = recorded
    torch.manual_seed(1)
    batch = torch.randn(2, 3, SIZE, SIZE, dtype=torch.float64, requires_grad=True)
    log_odds = attribution.risk_log_odds(checkpoint.network(batch), checkpoint.config.malignant)
    (expected,) = torch.autograd.grad(log_odds.sum(), batch)
    assert expected.abs().max() > 1e-3
    assert (gradient(batch.detach()) - expected).abs().max() < 1e-6 * expected.abs().max()


def test_nothing_that_is_recorded_goes_backwards(recorded):
    _, gradient = recorded
    called = {str(node.target) for node in gradient.graph.nodes if node.op == "call_function"}
    assert called and not any("backward" in name for name in called)


@pytest.mark.real_data
def test_the_map_is_captums_on_sixty_photographs(shared_data, double_precision):
    """In double precision: in single, Captum's own map differs from its double by a hundredth here and there."""
    assessor = Assessor.load()
    config, network = assessor.checkpoint.config, assessor.checkpoint.network.double()
    graph = IntegratedGradientsGraph(assessor.checkpoint).double().eval()
    lesions = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    apart = []
    for name in agreement.spread_over_sources(lesions, 60)["file"]:
        batch = assessor.view(open_photo(shared_data / name)).tensor.double()
        with torch.inference_mode():
            (found,) = graph(batch * graph.std + graph.mean)
        expected = attribution.explain(network, batch, config.malignant, saliency.INTEGRATED_GRADIENTS)
        apart.append(np.abs(saliency.readable(found[0].numpy()) - expected).max())
    assert len(apart) == 60
    assert max(apart) < 1e-4
