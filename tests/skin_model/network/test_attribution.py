"""Attributions equal numbers worked out by hand on a toy network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from skin_model import __main__
from skin_model.network import saliency
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend import attribution
from skin_model.overlay import FULL


class Toy(nn.Module):
    """Two feature maps (red, and minus blue), averaged over the picture, into a linear head."""

    def __init__(self, head: list[list[float]]) -> None:
        super().__init__()
        features = nn.Conv2d(3, 2, 1, bias=False)
        features.weight.data = torch.tensor([[1.0, 0, 0], [0, 0, -1.0]])[:, :, None, None]
        self.blocks = nn.Sequential(features)
        self.head = nn.Linear(2, len(head), bias=False)
        self.head.weight.data = torch.tensor(head)

    def forward(self, x):
        return self.head(self.blocks(x).mean((2, 3)))


@pytest.fixture
def picture():
    """4 × 4, grey 0.1, with red 0.8 at row 1, column 2, and blue 0.5 at row 2, column 1."""
    x = torch.full((1, 3, 4, 4), 0.1)
    x[0, 0, 1, 2] = 0.8
    x[0, 2, 2, 1] = 0.5
    return x


@pytest.fixture(scope="module")
def real_network():
    torch.manual_seed(0)
    return networks.create(7).eval()


MALIGNANT = [True, True, True, False, False, False, False]


def test_log_odds_weigh_all_malignant_against_all_benign_outputs():
    logits = torch.log(torch.tensor([[0.2, 0.1, 0.6, 0.1]]))

    odds = attribution.risk_log_odds(logits, [True, False, True, False])

    assert odds.item() == pytest.approx(math.log(0.8 / 0.2))


def test_log_odds_of_one_logit_are_that_logit():
    assert attribution.risk_log_odds(torch.tensor([[1.7]]), [True]).item() == pytest.approx(1.7)


def test_log_odds_refuse_flags_that_do_not_fit_the_head():
    with pytest.raises(ValueError, match="flags"):
        attribution.risk_log_odds(torch.zeros(1, 3), [True, False])


def test_log_odds_refuse_a_head_without_a_benign_output():
    with pytest.raises(ValueError, match="benign"):
        attribution.risk_log_odds(torch.zeros(1, 2), [True, True])


def test_grad_cam_equals_the_map_worked_out_by_hand(picture):
    # logit = 2 mean(red) + 4 mean(-blue), so the map is relu(2 red - 4 blue) / 16: with 0.1 of each it is negative,
    # and where red is 0.8 it is 1.6 - 0.4 = 1.2, the only positive spot and therefore 1.
    by_hand = np.zeros((4, 4))
    by_hand[1, 2] = 1.0

    np.testing.assert_allclose(attribution.explain(Toy([[2.0, 4.0]]), picture, [True], "grad_cam"), by_hand, atol=1e-6)


def test_grad_cam_keeps_the_ratio_of_two_spots(picture):
    # Head (1, -1): the map is relu(red + blue) / 16: 0.9 at the red spot, 0.6 at the blue one, 0.2 elsewhere.
    by_hand = np.full((4, 4), 0.2 / 0.9)
    by_hand[1, 2], by_hand[2, 1] = 1.0, 0.6 / 0.9

    np.testing.assert_allclose(attribution.explain(Toy([[1.0, -1.0]]), picture, [True], "grad_cam"), by_hand, atol=1e-6)


def test_grad_cam_explains_malignant_against_benign(picture):
    # Outputs (malignant: red, benign: blue): the log-odds are mean(red) - mean(blue), the map relu(red - blue).
    by_hand = np.zeros((4, 4))
    by_hand[1, 2] = 1.0

    np.testing.assert_allclose(
        attribution.explain(Toy([[1.0, 0.0], [0.0, -1.0]]), picture, [True, False], "grad_cam"), by_hand, atol=1e-6
    )


def test_a_photo_in_which_nothing_raises_the_risk_has_an_empty_map(picture):
    assert (attribution.explain(Toy([[-1.0, 0.0]]), picture, [True], "grad_cam") == 0).all()


def test_the_default_map_is_what_each_place_adds_to_the_log_odds_in_units_of_full(picture):
    # logit = mean(red) - 0.6 mean(blue); every place adds (red - 0.6 blue) / 16: the red spot (0.8 - 0.06) / 16, the
    # blue one (0.1 - 0.3) / 16, the rest (0.1 - 0.06) / 16. A 49th of the picture is 16 / 49 of a place. Temperature 2
    # halves it. Turning changes nothing, for the network looks at every pixel alone.
    unit = 16 * (16 / 49) ** -1 * 2 * FULL
    by_hand = np.full((4, 4), 0.04 / unit)
    by_hand[1, 2], by_hand[2, 1] = 0.74 / unit, -0.2 / unit

    heat = attribution.explain(Toy([[1.0, 0.6]]), picture, [True], temperature=2.0)

    np.testing.assert_allclose(heat, by_hand, atol=1e-6)


def test_the_default_map_does_not_grow_to_its_own_maximum(picture):
    little = attribution.explain(Toy([[0.1, 0.0]]), picture, [True])
    more = attribution.explain(Toy([[0.2, 0.0]]), picture, [True])

    np.testing.assert_allclose(more, 2 * little, atol=1e-6)


def test_a_network_without_feature_maps_gets_integrated_gradients():
    torch.manual_seed(0)
    network, batch = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)), torch.randn(1, 3, 8, 8)

    np.testing.assert_array_equal(
        attribution.explain(network, batch, [True, False]),
        attribution.explain(network, batch, [True, False], "integrated_gradients"),
    )


def test_integrated_gradients_of_a_linear_network_are_weight_times_distance_from_the_rim(monkeypatch, picture):
    # The rim's median is 0.1 in every channel; of 2 red / 16 only the red spot, 0.7 above it, is left.
    monkeypatch.setattr(saliency.cv2, "GaussianBlur", lambda values, *_: values)
    by_hand = np.zeros((4, 4))
    by_hand[1, 2] = 1.0

    heat = attribution.explain(Toy([[2.0, 0.0]]), picture, [True], "integrated_gradients")

    np.testing.assert_allclose(heat, by_hand, atol=1e-5)


def test_occlusion_is_the_drop_when_a_pixel_takes_the_colour_of_the_rim(picture):
    # A patch of one pixel. Head (1, -1), logit mean(red) + mean(blue): covering the red spot (0.8 to 0.1) costs
    # 0.7 / 16, the blue one (0.5 to 0.1) 0.4 / 16.
    by_hand = np.zeros((4, 4))
    by_hand[1, 2], by_hand[2, 1] = 1.0, 0.4 / 0.7

    heat = attribution.explain(Toy([[1.0, -1.0]]), picture, [True], "occlusion")

    np.testing.assert_allclose(heat, by_hand, atol=1e-4)


@pytest.mark.parametrize("method", (*saliency.METHODS, *saliency.ON_DEMAND))
def test_the_map_is_as_large_as_the_input_and_within_its_bounds(real_network, method):
    torch.manual_seed(1)

    heat = attribution.explain(real_network, torch.randn(1, 3, 96, 96), MALIGNANT, method)

    assert heat.shape == (96, 96) and heat.dtype == np.float32
    if method == saliency.TURNED_GRAD_CAM:
        assert heat.min() >= -1 and heat.max() <= 1
    else:
        assert heat.min() >= 0 and heat.max() in (0, pytest.approx(1))


@pytest.mark.parametrize("method", (*saliency.METHODS, *saliency.ON_DEMAND))
def test_the_map_changes_when_the_weights_are_randomised(method):
    # The sanity check of Adebayo et al. 2018 (arXiv 1810.03292).
    maps, batch = [], torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    for seed in (0, 1):
        torch.manual_seed(seed)
        maps.append(attribution.explain(networks.create(7), batch, MALIGNANT, method))

    assert maps[0].any() and maps[1].any()
    assert abs(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]) < 0.9


@pytest.mark.parametrize("method", (*saliency.METHODS, *saliency.ON_DEMAND))
def test_the_same_photo_gets_the_same_map_twice(real_network, method):
    batch = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))

    first = attribution.explain(real_network, batch, MALIGNANT, method)

    np.testing.assert_array_equal(first, attribution.explain(real_network, batch, MALIGNANT, method))


@pytest.mark.parametrize("method", (*saliency.METHODS, *saliency.ON_DEMAND))
def test_the_network_keeps_its_mode_gradients_and_hooks(method):
    network = networks.create(7)
    network.train()
    network.blocks[0].eval()
    network.classifier.requires_grad_(False)
    before = [(m.training, len(m._forward_hooks), len(m._backward_hooks)) for m in network.modules()]
    frozen = [p.requires_grad for p in network.parameters()]
    statistics = network.bn1.running_mean.clone()

    attribution.explain(network, torch.randn(1, 3, 64, 64), MALIGNANT, method)

    assert [(m.training, len(m._forward_hooks), len(m._backward_hooks)) for m in network.modules()] == before
    assert [p.requires_grad for p in network.parameters()] == frozen
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(network.bn1.running_mean, statistics)


def test_explaining_works_inside_inference_mode(real_network):
    with torch.inference_mode():
        batch = torch.randn(1, 3, 64, 64)
        assert attribution.explain(real_network, batch, MALIGNANT).shape == (64, 64)


def test_the_last_feature_map_of_the_released_network_has_576_channels(real_network):
    assert attribution.last_feature_map(real_network)(torch.zeros(1, 96, 7, 7)).shape[1] == 576


def test_grad_cam_explains_a_network_without_blocks_through_its_feature_info():
    network = networks.create(2, architecture="resnet10t")

    assert attribution.last_feature_map(network) is network.layer4
    assert attribution.explain(network, torch.randn(1, 3, 64, 64), [True, False], "grad_cam").shape == (64, 64)


def test_grad_cam_says_which_methods_work_without_a_feature_map():
    with pytest.raises(ValueError, match="occlusion"):
        attribution.explain(nn.Linear(2, 2), torch.zeros(1, 3, 8, 8), [True, False], "grad_cam")


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match=r"'guess'.*grad_cam"):
        attribution.explain(Toy([[1.0, 1.0]]), torch.zeros(1, 3, 4, 4), [True], "guess")


def test_two_photos_at_once_are_refused():
    with pytest.raises(ValueError, match="one square input"):
        attribution.explain(Toy([[1.0, 1.0]]), torch.zeros(2, 3, 4, 4), [True])


def test_grad_cam_of_the_released_network_is_captums_own_through_all_of_it(real_network):
    batch = torch.rand(1, 3, 64, 64)
    layer = real_network.blocks[-1]
    oracle = LayerGradCam(lambda x: attribution.risk_log_odds(real_network(x), MALIGNANT), layer)
    expected = oracle.attribute(batch.clone().requires_grad_(), relu_attributions=True)[0, 0].detach().numpy()

    np.testing.assert_allclose(
        attribution.coarse_map(real_network, batch, MALIGNANT), expected / expected.max(), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("method", ["kernel_shap", "lime"])
def test_a_superpixel_method_finds_the_part_that_raises_the_risk(method):
    # Red raises the risk: the left half is grey, the right half red, so all of the heat belongs to the right.
    picture = torch.full((1, 3, 32, 32), 0.1)
    picture[0, 0, :, 16:] = 0.9

    heat = attribution.explain(Toy([[1.0, -1.0]]), picture, [True], method)

    assert heat[:, :14].max() < 0.1
    assert heat[8:24, 20:].mean() > 2 * heat[:, :14].max()


def test_the_command_line_offers_every_method_there_is():
    assert (*saliency.METHODS, *saliency.ON_DEMAND) == __main__.METHODS
