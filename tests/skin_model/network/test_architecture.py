"""How pixels become network input, and that the forward pass in stages is the network's own."""

import numpy as np
import pytest
import torch

from skin_model.network.preprocessing import Preprocessing, central_square, prepare, square_input
from skin_model.network.torch_backend.architecture import create, fused, logits_and_maps


def test_central_square_of_a_wide_picture():
    assert central_square(341, 256) == (42, 0, 298, 256)


def test_central_square_of_a_tall_picture():
    assert central_square(100, 140) == (0, 20, 100, 120)


def test_square_input_does_not_stretch():
    # A wide picture with a white centre column: the square keeps the column's share of the height.
    rgb = np.zeros((100, 300, 3), np.uint8)
    rgb[:, 140:160] = 255
    assert square_input(rgb, 50)[:, :, 0].mean() / 255 == pytest.approx(20 / 100, abs=0.01)


def test_input_is_scaled_by_mean_and_standard_deviation():
    batch = prepare(np.full((96, 96, 3), 255, np.uint8), Preprocessing(input_size=32, mean=(0.5,) * 3, std=(0.5,) * 3))
    assert batch.shape == (1, 3, 32, 32)
    assert (batch == 1.0).all()


def test_channels_keep_their_order():
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[..., 0] = 255
    batch = prepare(rgb, Preprocessing(input_size=32, mean=(0, 0, 0), std=(1, 1, 1)))
    assert batch[0, :, 5, 5].tolist() == [1.0, 0.0, 0.0]


def test_forward_pass_in_stages_equals_the_networks_own():
    network = create(7).eval()
    batch = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        logits, maps = logits_and_maps(network, batch)
        assert torch.equal(logits, network(batch))
    assert [m.shape[1] for m in maps] == [16, 24, 40, 48, 96, 576]


def test_a_network_with_folded_normalisations_answers_as_before_and_the_first_one_is_kept():
    network = create(7)
    network(torch.rand(8, 3, 64, 64))  # so that means and variances are not those of a fresh network
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = torch.rand(2, 3, 64, 64)
    folded = fused(network)
    with torch.inference_mode():
        logits, maps = logits_and_maps(network, batch)
        again, folded_maps = logits_and_maps(folded, batch)
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(again, logits, rtol=1e-4, atol=1e-5)
    for one, other in zip(folded_maps, maps, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_of_another_build_is_left_as_it_is():
    other = create(7, architecture="resnet18")
    assert fused(other) is other
