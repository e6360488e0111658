"""Answers of a network in training, against a network whose answers can be read off the picture."""

import numpy as np
import pytest
import torch
from torch import nn

from skin_model.network.preprocessing import Preprocessing
from train.fitting.validation import predict


class TopLeft(nn.Module):
    """Answers with the pixel in the upper left corner, 0…1."""

    def forward(self, batch):
        return batch[:, :1, 0, 0]


@pytest.mark.parametrize(("views", "share"), [(1, 1.0), (2, 0.5), (4, 0.25), (8, 0.25)])
def test_the_answer_is_the_mean_over_the_mirrored_and_turned_views(views, share):
    # White in one corner, black elsewhere: of eight views, two have it in the upper left corner.
    picture = np.zeros((1, 16, 16, 3), np.uint8)
    picture[0, 0, 0] = 255
    how = Preprocessing(input_size=16, mean=(0, 0, 0), std=(1, 1, 1))
    assert predict(TopLeft(), picture, how, torch.device("cpu"), views)[0, 0] == pytest.approx(share)
