"""Mirrored and turned views of what the network sees: how a camera was held says nothing about a lesion."""

import torch
from torch import Tensor

VIEWS = (1, 2, 4, 8)
"""How many views of a photo can be averaged: the photo, its mirror image, upside down, and all that turned by 90°."""


def turned(batch: Tensor, views: int) -> list[Tensor]:
    """The batch (B, C, S, S) itself, then mirrored, upside down, both, and then these four turned by 90°."""
    mirrored = [batch, batch.flip(3), batch.flip(2), batch.flip(2, 3)]
    quarter = [view.transpose(2, 3) for view in mirrored]
    return [view.contiguous(memory_format=torch.channels_last) for view in (mirrored + quarter)[:views]]
