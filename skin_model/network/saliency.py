"""Maps of where in a photo the risk comes from: their names, and how what a network adds up becomes a map to draw.

What is attributed is the log-odds that the lesion is malignant, logsumexp(malignant logits) - logsumexp(benign logits);
for a head of one logit, that logit. Temperature and prevalence only scale and shift it, so the map explains the
calibrated risk too. The default map has a sign and a unit: what raises the risk is positive, what lowers it negative,
and 1 stands for ``FULL``, whatever the rest of the photo does, so that a photo that raises little stays pale. The other
maps show only what raises the risk, scaled to their own maximum.

``skin_model.network.torch_backend.attribution`` computes them in torch with Captum; here nothing imports either.
"""

import cv2
import numpy as np

from skin_model.network.turned_views import turned_back
from skin_model.overlay import FULL

TURNED_GRAD_CAM, INTEGRATED_GRADIENTS = "turned_grad_cam", "integrated_gradients"
METHODS: tuple[str, ...] = (TURNED_GRAD_CAM, INTEGRATED_GRADIENTS, "grad_cam", "occlusion")
"""The default first. It is the only one whose amount follows the risk: on photographs with a risk under 1 %, Integrated
Gradients is as bright as on those with 90 %, because a harmless mole differs from plain skin too."""
ON_DEMAND: tuple[str, ...] = ("gradient_shap", "kernel_shap", "lime")
"""Further ones, for the command line and the evaluation: the last two need scikit-image and scikit-learn."""


def in_units(of_views: np.ndarray, side: int, temperature: float) -> np.ndarray:
    """``contributions`` of all eight turned views, (8, h, w), as one map of the picture: (side, side) in -1…1."""
    mean = np.mean([turned_back(view, number) for number, view in enumerate(of_views)], axis=0)
    # Of a 49th of the picture, so that the colours mean the same whatever the map's grid.
    per_part = (mean * (mean.size / 49) / temperature / FULL).astype(np.float32)
    return np.clip(cv2.resize(per_part, (side, side), interpolation=cv2.INTER_CUBIC), -1, 1)


def enlarged(cam: np.ndarray, side: int) -> np.ndarray:
    """Grad-CAM (h, w), nowhere negative, at the input's size: (side, side) float32 in 0…1."""
    return to_unit(cv2.resize(np.ascontiguousarray(cam, np.float32), (side, side), interpolation=cv2.INTER_LINEAR))


def readable(attribution: np.ndarray) -> np.ndarray:
    """A map of single pixels, (S, S), as a map that can be read: too fine to see on a phone, and their sign flickers,
    so sums over about a hundredth of the side are drawn. The brightest percent saturates, or one hot pixel would leave
    the rest of the map dark.
    """
    side = attribution.shape[-1]
    return to_unit(cv2.GaussianBlur(attribution, (0, 0), max(side / 100, 0.5)), saturate=0.01)


def to_unit(values: np.ndarray, saturate: float = 0.0) -> np.ndarray:
    """Positive part, divided by its maximum, or by the value that the share ``saturate`` of all pixels exceeds."""
    positive = np.maximum(values, 0.0).astype(np.float32)
    top = float(np.quantile(positive, 1 - saturate)) or float(positive.max())
    return np.clip(positive / top, 0, 1) if top > 0 else np.zeros_like(positive)
