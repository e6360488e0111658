"""Finds the spot in a close-up, whatever else the photo shows, and how much of the picture is skin.

A network of its own that knows nothing of the risk. Its trunk is the ImageNet backbone as it came (MobileNetV3-Small
up to its first block at a thirty-second of the side), which no training here has moved, so that it keeps what it knows
of the world's other pictures; a small decoder (a feature pyramid, Lin et al. 2017, arXiv 1612.03144) was trained on it.
The decoder answers for every cell of a grid how likely a spot's middle lies there and how large that spot is (Zhou et
al. 2019, arXiv 1904.07850), and whether skin is seen there. ``train.fitting.locator`` trains it on composed scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from skin_model.border import Box
from skin_model.lesion import weights_file
from skin_model.network.checkpoint import EMBEDDED, LOCATOR_FILE
from skin_model.network.preprocessing import resize

WEIGHTS = EMBEDDED / LOCATOR_FILE
ONNX_FILE = "locator.onnx"
SIZE = 192
"""Side in pixels of the square that the network sees, whatever the photo's sides."""
WELL_LIT, MOST_GAIN = 200.0, 3.0
"""Lightness 0…255 to which a dark picture is brought, and by how much at most."""
STRIDE = 4
"""Pixels of that square to a cell of the answer."""
LEAST_CERTAINTY = 0.3
"""Certainty below which a peak is no spot."""
NMS_OVERLAP = 0.3
"""Intersection over union from which two peaks are one spot (non-maximum suppression)."""
MOST_SPOTS = 8
SHARE_OF_SKIN = 0.25
"""Of a picture that shows skin, the share that must look like it."""
CERTAINTY_COUNTS = 0.7
"""What a spot that is certain may lie farther from the middle than one that is not, as a share of the sides."""


@dataclass(frozen=True)
class Spot:
    """box: left, top, right, bottom, in pixels of the photo, or as shares of what was looked at. certainty: 0…1."""

    box: tuple[float, float, float, float]
    certainty: float


@dataclass(frozen=True)
class Located:
    """What is where in a photo.

    spots: in pixels of the photo, the one that counts first: nearest the middle, the more certain the sooner. skin:
    (c, c) how likely each cell of ``bounds`` shows skin, 0…1. bounds: left, top, right, bottom of what was looked at.
    least_skin: as ``Locator``'s.
    """

    spots: tuple[Spot, ...]
    skin: np.ndarray
    bounds: Box
    least_skin: float = 0.0

    @property
    def skin_seen(self) -> float:
        """How likely the part of the picture that looks most like skin, SHARE_OF_SKIN of it, is skin, 0…1.

        Not the mean over the picture: a large tumour looks less like skin than what little surrounds it.
        """
        return float(np.quantile(self.skin, 1 - SHARE_OF_SKIN))


def record(file: Path = WEIGHTS) -> dict[str, Any]:
    """What the weights say of themselves: least_skin, training photographs, figures on validation, licence note."""
    return weights_file.record(weights_file.LOCATOR, file)


def skin(answer: np.ndarray) -> np.ndarray:
    """(c, c) how likely each cell shows skin, 0…1, of an answer (6, c, c)."""
    return 1 / (1 + np.exp(-answer[5]))


def spots(answer: np.ndarray) -> list[Spot]:
    """The spots of an answer (6, c, c): certain enough, each once, the one that counts first."""
    heat = 1 / (1 + np.exp(-answer[0]))
    cells = heat.shape[0]
    padded = np.pad(heat, 1)
    around = np.max([padded[y : y + cells, x : x + cells] for y in range(3) for x in range(3)], axis=0)
    rows, columns = np.nonzero((heat >= around) & (heat >= LEAST_CERTAINTY))
    found: list[Spot] = []
    for at in np.argsort(-heat[rows, columns], kind="stable"):
        row, column = rows[at], columns[at]
        across, down, wide, high = answer[1:5, row, column]
        x, y = (column + 0.5) / cells + across, (row + 0.5) / cells + down
        wide, high = np.exp(min(wide, 0.0)), np.exp(min(high, 0.0))
        box = tuple(float(np.clip(v, 0, 1)) for v in (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
        if len(found) < MOST_SPOTS and all(overlap(box, other.box) < NMS_OVERLAP for other in found):
            found.append(Spot(box, float(heat[row, column])))
    return sorted(found, key=_off_centre)


def _off_centre(spot: Spot) -> float:
    left, top, right, bottom = spot.box
    away = float(np.hypot((left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5))
    return away - CERTAINTY_COUNTS * spot.certainty


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return float(shared / max(both - shared, 1e-9))


class Locator:
    """Looks at photos with one network."""

    def __init__(self, answer: Callable[[np.ndarray], np.ndarray], least_skin: float = 0.0) -> None:
        """answer: (B, S, S, 3) uint8 squares to (B, 6, c, c), as ``answers`` gives them. least_skin: the ``skin_seen``
        below which a picture in which no spot is certain shows no skin.
        """
        self._answer, self.least_skin = answer, least_skin

    def __call__(self, rgb: np.ndarray, bounds: Box) -> Located:
        """The spots in a photo, (H, W, 3) uint8, and where it shows skin; bounds: the part to look at, in pixels."""
        left, top, right, bottom = bounds
        answer = self._answer(squeezed(rgb[top:bottom, left:right])[None])[0]
        scale, corner = np.array([right - left, bottom - top] * 2), np.array([left, top] * 2)
        found = tuple(
            Spot(tuple(float(side) for side in np.array(spot.box) * scale + corner), spot.certainty)
            for spot in spots(answer)
        )
        return Located(found, skin(answer), bounds, self.least_skin)


@lru_cache(maxsize=1)
def embedded() -> Locator:
    """The locator that comes along, in ONNX Runtime where that is to be had. Raises CheckpointError where a file of it
    is missing or damaged.
    """
    least_skin = float(record(WEIGHTS)["least_skin"])
    running = weights_file.session(WEIGHTS.with_name(ONNX_FILE), WEIGHTS)
    if running is not None:
        return Locator(lambda squares: running.run(None, {"pixels": weights_file.as_input(squares)})[0], least_skin)
    from skin_model.lesion import locator_network

    network = locator_network.load(WEIGHTS)
    return Locator(lambda squares: locator_network.answers(network, squares), least_skin)


def squeezed(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 to the (SIZE, SIZE, 3) uint8 square that the network sees, whatever the photo's sides.

    Large ones are halved first, which OpenCV does many times as fast as any other reduction. Dark pictures are made
    brighter, so that dark skin and a dark room look like any other.
    """
    while min(rgb.shape[:2]) >= 4 * SIZE:
        height, width = (side // 2 for side in rgb.shape[:2])
        rgb = cv2.resize(rgb[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return exposure_corrected(resize(np.ascontiguousarray(rgb), SIZE, SIZE))


def exposure_corrected(square: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 with a tenth of it at WELL_LIT or above, but at most MOST_GAIN times as bright."""
    grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    shares = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()) / grey.size
    level = float(np.searchsorted(shares, 0.9))
    gain = min(max(WELL_LIT / max(level, 1.0), 1.0), MOST_GAIN)
    return cv2.LUT(square, np.minimum(np.floor(np.arange(256) * gain + 0.5), 255).astype(np.uint8))


def square_around(box: tuple[float, float, float, float], within: Box, share: float) -> Box:
    """The square to judge a spot in: its longer side is ``share`` of the square's, in whole pixels.

    The square lies inside ``within`` and is at most its shorter side, at which a larger spot is in its middle as far as
    that goes.
    """
    left, top, right, bottom = within
    longer = max(box[2] - box[0], box[3] - box[1])
    side = int(np.clip(round(longer / share), 1, min(right - left, bottom - top)))
    x = int(np.clip(round((box[0] + box[2] - side) / 2), left, right - side))
    y = int(np.clip(round((box[1] + box[3] - side) / 2), top, bottom - side))
    return x, y, x + side, y + side
