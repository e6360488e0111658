"""Every turned view is turned back to the picture."""

import numpy as np
import torch

from skin_model.network.turned_views import VIEWS, turned, turned_back, turned_tensors


def test_every_view_turned_back_is_the_picture():
    picture = np.arange(9.0).reshape(1, 1, 3, 3)
    views = [view[0, 0] for view in turned(picture, max(VIEWS))]
    assert len({view.tobytes() for view in views}) == 8
    for number, view in enumerate(views):
        np.testing.assert_array_equal(turned_back(view, number), picture[0, 0])


def test_tensors_are_turned_as_arrays_are():
    batch = np.random.default_rng(0).random((2, 3, 4, 4))
    for array, tensor in zip(turned(batch, 8), turned_tensors(torch.from_numpy(batch), 8), strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)
