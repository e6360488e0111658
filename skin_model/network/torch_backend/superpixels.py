"""Attributions by covering superpixels, for whoever asks for them: KernelSHAP and LIME.

They ask the network a hundred times a photo, and need scikit-image and scikit-learn, which the app does not bring.
"""

from collections.abc import Callable

import numpy as np
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import KernelShap, Lime
from captum.attr._core.lime import get_exp_kernel_similarity_function
from torch import Tensor

SEGMENTS = 40
"""Superpixels a picture has, about: as many as a hundred answers can tell apart."""
SAMPLES = 100
"""Answers of the network that are asked for, each with other superpixels covered."""
_TOGETHER = 10
_FEWEST = 8


def attribution(target: Callable[[Tensor], Tensor], picture: Tensor, covered: Tensor, method: str) -> np.ndarray:
    """(S, S) what each superpixel adds to the target, the same for the same picture.

    target: (B, 3, S, S) to (B,). picture: (1, 3, S, S). covered: as picture, what a superpixel is covered with.
    method: "kernel_shap" (Lundberg & Lee 2017, arXiv 1705.07874) or "lime" (Ribeiro et al. 2016, arXiv 1602.04938).
    """
    explained_by = KernelShap(target) if method == "kernel_shap" else _lime(target)
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


def _lime(target: Callable[[Tensor], Tensor]) -> Lime:
    """A ridge regression on samples weighted by how alike they are to the picture: Captum's defaults compare by the
    distance of all pixels, in which every sample is infinitely far away.
    """
    alike = get_exp_kernel_similarity_function("cosine", kernel_width=0.25)
    return Lime(target, interpretable_model=SkLearnRidge(alpha=0.1), similarity_func=alike)


def segments(picture: Tensor) -> Tensor:
    """(1, 1, S, S) which superpixel each pixel belongs to, counted from 0 (SLIC, Achanta et al. 2012,
    doi 10.1109/TPAMI.2012.120).
    """
    from skimage.segmentation import slic

    pixels = picture.detach()[0].permute(1, 2, 0).double().numpy()
    pixels = (pixels - pixels.min()) / max(pixels.max() - pixels.min(), 1e-9)
    found = slic(pixels, SEGMENTS, compactness=20, start_label=0, channel_axis=-1)
    if found.max() < _FEWEST:
        # A picture without shapes, such as noise, gets squares.
        across = np.arange(pixels.shape[1]) * 6 // pixels.shape[1]
        found = 6 * across[:, None] + across[None, :]
    return torch.from_numpy(found).long()[None, None]
