"""The training cases whose features lie nearest, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skin_model.network.torch_backend import architecture as networks
from train.evaluation import neighbours


def test_neighbours_by_hand_leave_out_what_is_forbidden_and_what_is_unknown():
    asked = np.array([[1.0, 0.0]])
    among = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8], [np.nan, np.nan], [-1.0, 0.0]])
    forbidden = np.array([[False, True, False, False, False]])
    positions, distances = neighbours.nearest(asked, among, forbidden, 4)
    assert positions.tolist() == [[2, 0, 4, -1]]
    assert distances[0, :3].tolist() == pytest.approx([0.4, 1.0, 2.0])
    assert np.isnan(distances[0, 3])


def test_fewer_training_cases_than_neighbours_are_no_error():
    positions, _ = neighbours.nearest(np.ones((2, 1)), np.ones((1, 1)), np.zeros((2, 1), dtype=bool), 3)
    assert positions.tolist() == [[0, -1, -1]] * 2


def test_looking_at_features_leaves_no_hook_on_the_network():
    network = networks.create(7).eval()
    assert neighbours.pooled(network, torch.zeros(1, 3, 64, 64)).shape == (1, 1024)
    assert not network.get_classifier()._forward_pre_hooks


def test_photographs_that_the_recipe_left_out_as_too_small_explain_no_mistake(tmp_path):
    for name, side in (("small", 100), ("large", 128)):
        Image.fromarray(np.full((side, side, 3), 180, np.uint8)).save(tmp_path / f"{name}.png")
    rows = pd.DataFrame({"root": [str(tmp_path)] * 2, "file": ["small.png", "large.png"]})

    def learned(training):
        checkpoint = SimpleNamespace(config=SimpleNamespace(training=training))
        return neighbours.learned_from(rows, checkpoint)["file"].tolist()

    assert learned({"settings": {"least_side": 128}}) == ["large.png"]
    assert learned({}) == ["small.png", "large.png"]
