"""Mirrored and turned views of what the network sees: how a camera was held says nothing about a lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

VIEWS = (1, 2, 4, 8)
"""How many views of a photo can be averaged: the photo, its mirror image, upside down, and all that turned by 90°."""


def turned(batch: np.ndarray, views: int) -> list[np.ndarray]:
    """The batch (B, C, S, S) itself, then mirrored, upside down, both, and then these four turned by 90°."""
    mirrored = [batch, batch[..., ::-1], batch[..., ::-1, :], batch[..., ::-1, ::-1]]
    return [*mirrored, *(view.swapaxes(2, 3) for view in mirrored)][:views]


def turned_tensors(batch: Tensor, views: int) -> list[Tensor]:
    """``turned`` in torch, on the batch's device, in channels-last memory."""
    import torch

    mirrored = [batch, batch.flip(3), batch.flip(2), batch.flip(2, 3)]
    quarter = [view.transpose(2, 3) for view in mirrored]
    return [view.contiguous(memory_format=torch.channels_last) for view in (mirrored + quarter)[:views]]


def turned_back(picture: np.ndarray, number: int) -> np.ndarray:
    """A map (S, S) of the view with this number in ``turned``, as a map of the picture itself."""
    upright = picture.T if number >= 4 else picture
    mirrored, upside_down = number % 2 == 1, number % 4 >= 2
    return upright[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
