"""Outlines the lesion in a photo with a small segmentation network of its own.

The network is a U-Net (Ronneberger et al. 2015, arXiv 1505.04597) of about 120,000 weights that sees the photo squeezed
to 128 by 128 pixels. It knows nothing of the risk, and the risk nothing of it: an outline shows where the lesion is and
what it measures, never how dangerous it is. ``train.fitting.outline`` trains it on outlines that people
drew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from skin_model import border as borders
from skin_model.lesion import weights_file

WEIGHTS = Path(__file__).parent.parent / "weights" / "outline.safetensors"
ONNX_FILE = "outline.onnx"
SIZE = 128
"""Side in pixels of the square that the network sees."""
SMALLEST, LARGEST = 0.0008, 0.9
"""Shares of the photo's area: a spot below the first is no lesion to measure, above the second nothing is left of the
skin around it."""
LEAST_CERTAINTY, LEAST_CERTAINTY_CUT = 0.7, 0.8
"""Mean probability inside the outline below which no lesion stands out; the latter where a side of the photo cuts it,
as it also cuts shadows and folds."""
SMALL = 0.4
"""A lesion whose box is smaller than this share of the photo's sides is looked at again from nearer."""
NEARER = 2.2
"""The second look is this many times as large as the lesion."""
OFF_CENTRE = 0.5
"""Of several spots the largest counts, but one in a corner for only so much of its area."""


@dataclass(frozen=True)
class Outline:
    """Where the lesion is in a photo.

    mask: (H, W) bool, one connected part without holes. polygon: (n, 2) float32 x and y along its outside, in pixels
    of the photo, where pixel (i, j) covers x in j…j+1. certainty: mean probability inside, 0…1.
    """

    mask: np.ndarray
    polygon: np.ndarray
    certainty: float = 1.0

    @cached_property
    def area(self) -> int:
        """In pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Centroid x, y in pixels."""
        moments = cv2.moments(self.mask.astype(np.uint8), binaryImage=True)
        return moments["m10"] / moments["m00"] + 0.5, moments["m01"] / moments["m00"] + 0.5

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) close around the lesion, in whole pixels."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @cached_property
    def is_cut(self) -> bool:
        """Whether it reaches a side of the photo, so that a part may be missing: sizes are then lower bounds."""
        left, top, right, bottom = self.box
        height, width = self.mask.shape
        margin = max(1, round(0.008 * min(height, width)))
        return left < margin or top < margin or right > width - margin or bottom > height - margin

    @classmethod
    def of_mask(cls, mask: np.ndarray, certainty: float = 1.0) -> Outline:
        """The outline of the largest connected part of a (H, W) bool mask, holes filled; raises ValueError if empty."""
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if not contours:
            raise ValueError("The mask is empty, so it has no outline.")
        longest = max(contours, key=cv2.contourArea)
        filled = np.zeros(mask.shape, np.uint8)
        cv2.drawContours(filled, [longest], 0, 1, cv2.FILLED)
        slack = 0.0015 * max(mask.shape)
        polygon = cv2.approxPolyDP(longest, slack, closed=True)[:, 0].astype(np.float32) + 0.5
        return cls(filled.astype(bool), polygon, certainty)


def record(file: Path = WEIGHTS) -> dict[str, Any]:
    """What the weights say of themselves: training photographs, figures on validation, licence note."""
    return weights_file.record(weights_file.OUTLINE, file)


Answer = Callable[[np.ndarray], np.ndarray]
"""(B, SIZE, SIZE, 3) uint8 squares to (B, SIZE, SIZE): how likely each pixel lies in a lesion, 0…1."""


@lru_cache(maxsize=1)
def embedded() -> Answer:
    """The network that comes along, in ONNX Runtime where that is to be had. Raises CheckpointError where a file of it
    is missing or damaged.
    """
    running = weights_file.session(WEIGHTS.with_name(ONNX_FILE), WEIGHTS)
    if running is not None:
        return lambda squares: running.run(None, {"pixels": weights_file.as_input(squares)})[0][:, 0]
    from skin_model.lesion import outline_network

    return outline_network.answering(outline_network.load(WEIGHTS))


def find(rgb: np.ndarray, answer: Answer | None = None) -> Outline | None:
    """The lesion in a photo, or None where none stands out or where it fills nearly everything.

    rgb: (H, W, 3) uint8, the whole photo or a part of it; what a dermatoscope's border covers is left out. Of several
    lesions the largest near the middle counts. answer: in place of the network that comes along.
    """
    answer = embedded() if answer is None else answer
    rgb = np.ascontiguousarray(rgb)
    height, width = rgb.shape[:2]
    border = borders.find(rgb)
    frame = borders.bounds(rgb, border)
    found = _chosen(_probability(rgb, frame, answer))
    if found is None:
        return None
    part, box = found
    if max(box[2] - box[0], box[3] - box[1]) < SMALL:
        nearer = _around(box, frame)
        again = _chosen(_probability(rgb, nearer, answer))
        if again is not None:
            frame, (part, _) = nearer, again
    left, top, right, bottom = frame
    large = cv2.resize(part, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = large > 0.5
    if border is not None and border.kind == "circle":
        mask &= _disc(border, width, height)
    if not SMALLEST <= np.count_nonzero(mask) / mask.size <= LARGEST:
        return None
    outline = Outline.of_mask(mask, float(part[part > 0.5].mean()))
    return outline if outline.certainty >= (LEAST_CERTAINTY_CUT if outline.is_cut else LEAST_CERTAINTY) else None


def _disc(border: borders.Border, width: int, height: int) -> np.ndarray:
    across = np.arange(width, dtype=np.float32) + 0.5 - border.x
    down = np.arange(height, dtype=np.float32)[:, None] + 0.5 - border.y
    return across**2 + down**2 <= (borders.KEPT_RADIUS * border.radius) ** 2


def squeezed(rgb: np.ndarray, size: int = SIZE) -> np.ndarray:
    """(H, W, 3) uint8 to the (size, size, 3) uint8 square that the network sees, whatever the photo's sides."""
    shrinking = rgb.shape[0] * rgb.shape[1] > size * size
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def _probability(rgb: np.ndarray, box: tuple[int, int, int, int], answer: Answer) -> np.ndarray:
    """(S, S) of a part of the photo: the mean over the square and its mirror image."""
    left, top, right, bottom = box
    square = squeezed(rgb[top:bottom, left:right])
    both = answer(np.stack([square, square[:, ::-1]]))
    return cv2.GaussianBlur((both[0] + both[1][:, ::-1]) / 2, (0, 0), 0.7)


def _chosen(probability: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]] | None:
    """The one part that counts, the rest set to 0, and its box in 0…1 of the square; None where there is none."""
    size = probability.shape[0]
    inside = (probability > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    if count == 1:
        return None
    weight = np.where(inside, probability, 0) * _centred(size)
    best = 1 + int(np.argmax(np.bincount(labels.ravel(), weight.ravel(), count)[1:]))
    chosen = (labels == best).astype(np.uint8)
    contours, _ = cv2.findContours(chosen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(chosen), contours, -1, 1, cv2.FILLED)
    # The rim's own probabilities, below a half, place the outline between pixels; other parts' must not join in.
    near = cv2.dilate(filled, np.ones((3, 3), np.uint8)) & ((labels == best) | (inside == 0)).astype(np.uint8)
    part = np.where(near | filled, probability, 0)
    part = np.where(filled & (inside == 0), 1, part).astype(np.float32)
    left, top, wide, high, _ = (int(v) for v in stats[best])
    return part, (left / size, top / size, (left + wide) / size, (top + high) / size)


@lru_cache(maxsize=1)
def _centred(size: int) -> np.ndarray:
    at = np.linspace(-1, 1, size, dtype=np.float32)
    away = np.minimum(1, np.hypot(at[None], at[:, None]) / np.sqrt(2))
    return 1 - (1 - OFF_CENTRE) * away


def _around(box: tuple[float, float, float, float], frame: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A square around a box (in 0…1 of the frame), NEARER times its longer side, inside the frame; whole pixels."""
    left, top, right, bottom = frame
    width, height = right - left, bottom - top
    side = NEARER * max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 8)
    wide, high = round(min(side, width)), round(min(side, height))
    x, y = left + (box[0] + box[2]) / 2 * width, top + (box[1] + box[3]) / 2 * height
    x0 = int(np.clip(x - wide / 2, left, right - wide))
    y0 = int(np.clip(y - high / 2, top, bottom - high))
    return x0, y0, x0 + wide, y0 + high
