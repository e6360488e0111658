"""How the pixels of a photo become a network's input. Needs no torch: an answer from an ONNX file imports none."""

from dataclasses import dataclass

import cv2
import numpy as np

CROPS, SQUARES = ("border", "none"), ("centre", "spot")
LEAST_INPUT, MOST_INPUT = 16, 1024
"""Sides in pixels of a network's square input that are taken: at 1024 a photo takes 20 times as long as at 224."""


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes network input; travels with the weights in ``config.json``.

    input_size: side of the square input in pixels. mean, std: per RGB channel, for values in 0…1.
    crop: "border" crops inside a dermatoscope's circle or frame first, "none" does not.
    remove_hair: whether hair is painted over first. square: "centre" takes the central square (no distortion), "spot"
    a square round the spot, where one is located with least_certainty; spot_share: the spot's longer side as a share
    of that square's. central_share: the share of the central square's side from which a spot is large enough to be
    judged there.
    """

    input_size: int = 224
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    crop: str = "border"
    remove_hair: bool = False
    square: str = "centre"
    spot_share: float = 0.55
    least_certainty: float = 0.5
    central_share: float = 0.3

    def __post_init__(self) -> None:
        whole = isinstance(self.input_size, int) and not isinstance(self.input_size, bool)
        if not whole or not LEAST_INPUT <= self.input_size <= MOST_INPUT:
            raise ValueError(f"The input size must be {LEAST_INPUT} to {MOST_INPUT} pixels, not {self.input_size!r}.")
        for name, positive in (("mean", False), ("std", True)):
            values = getattr(self, name)
            numbers = len(values) == 3 and all(isinstance(value, int | float) for value in values)
            if not numbers or not np.isfinite(values).all() or (positive and min(values) <= 0):
                raise ValueError(f"The {name} must be three {'positive ' if positive else ''}numbers, not {values}.")
        for name in ("spot_share", "least_certainty", "central_share"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value <= 1:
                raise ValueError(f"The {name} must be a share above 0 and up to 1, not {value!r}.")
        if self.crop not in CROPS or self.square not in SQUARES or not isinstance(self.remove_hair, bool):
            raise ValueError(f"Unknown: crop {self.crop!r}, square {self.square!r}, hair removal {self.remove_hair!r}.")


def central_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest central square of a ``width`` × ``height`` picture as (left, top, right, bottom) in pixels."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def resize(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 3) uint8: area averaging when shrinking, bilinear when enlarging."""
    shrinking = rgb.shape[0] * rgb.shape[1] > width * height
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def square_input(rgb: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) uint8 to the (size, size, 3) uint8 picture that the network sees, before normalisation."""
    left, top, right, bottom = central_square(rgb.shape[1], rgb.shape[0])
    return resize(rgb[top:bottom, left:right], size, size)


def prepare(rgb: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """A cropped photo, (H, W, 3) uint8, to network input (1, 3, S, S) float32, scaled by mean and std."""
    picture = square_input(rgb, preprocessing.input_size).astype(np.float32)
    mean, std = (np.array(of, dtype=np.float32) * 255 for of in (preprocessing.mean, preprocessing.std))
    return ((picture - mean) / std).transpose(2, 0, 1)[None]
