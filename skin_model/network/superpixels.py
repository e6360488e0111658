"""Attributions by covering superpixels, for whoever asks for them: KernelSHAP and LIME.

They ask the network a hundred times a photo, and need scikit-image and scikit-learn, which the app does not bring.
"""

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import KernelShap, Lime
from torch import Tensor

SEGMENTS = 40
"""Superpixels a picture has, about: as many as a hundred answers can tell apart."""
SAMPLES = 100
"""Answers of the network that are asked for, each with other superpixels covered."""
_TOGETHER = 10


def attribution(target: Callable[[Tensor], Tensor], picture: Tensor, covered: Tensor, method: str) -> np.ndarray:
    """(S, S) what each superpixel adds to the target, the same for the same picture.

    target: (B, 3, S, S) to (B,). picture: (1, 3, S, S). covered: as picture, what a superpixel is covered with.
    method: "kernel_shap" (Lundberg & Lee 2017, arXiv 1705.07874) or "lime" (Ribeiro et al. 2016, arXiv 1602.04938).
    """
    explained_by = {"kernel_shap": KernelShap, "lime": Lime}[method](target)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = explained_by.attribute(
            picture.detach(),
            baselines=covered,
            feature_mask=segments(picture),
            n_samples=SAMPLES,
            perturbations_per_eval=_TOGETHER,
            show_progress=False,
        )
    return found[0, 0].numpy()


def segments(picture: Tensor) -> Tensor:
    """(1, 1, S, S) which superpixel each pixel belongs to, counted from 0 (SLIC, Achanta et al. 2012,
    doi 10.1109/TPAMI.2012.120).
    """
    from skimage.segmentation import slic

    pixels = picture.detach()[0].permute(1, 2, 0).double().numpy()
    return torch.from_numpy(slic(pixels, SEGMENTS, compactness=0.3, start_label=0, channel_axis=-1)).long()[None, None]
