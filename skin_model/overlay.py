"""What raised and lowered a photo's risk, drawn over it; the on-device page draws by the same constants."""

import cv2
import numpy as np

FULL = 1 / 3
"""Log-odds of the calibrated risk that a 49th of the picture adds or takes away where the default map is at 1 or -1."""
NOTICEABLE = 0.25
"""Level of the default map from which a part is said to have raised or lowered the risk: odds changed by 9 %."""
RAISED, LOWERED = (234, 88, 12), (37, 99, 235)
"""Orange and blue, red, green and blue of 0…255: told apart with any colour vision."""
STRONGEST = (1.0, 0.6)
"""Opacity of the full colours at strength 1: what lowered the risk stays paler, for it is no all-clear."""
PALEST = 0.12
"""Level below which nothing is drawn."""


def opacity(levels: np.ndarray, strength: float) -> np.ndarray:
    """How much of the photo the colours cover at levels of a map (-1…1): 0…1. strength: 0…1.

    By the square root, so that what is said to have counted (NOTICEABLE) can also be seen.
    """
    strongest = np.where(levels > 0, *STRONGEST)
    return strength * strongest * np.sqrt(np.clip((np.abs(levels) - PALEST) / (1 - PALEST), 0, 1))


def _tables(strength: float) -> tuple[np.ndarray, np.ndarray]:
    """For levels -1…1 as 0…255: the colours to add, and how much of the photo to keep, both (256, 1, 3) uint8."""
    levels = (np.arange(256) - 127.5) / 127.5
    covered = opacity(levels, strength)[:, None]
    colours = np.where(levels[:, None] > 0, RAISED, LOWERED)
    return tuple(
        np.round(table).astype(np.uint8)[:, None] for table in (covered * colours, 255 * (1 - covered) * np.ones(3))
    )


def overlay(
    photo_rgb: np.ndarray, heatmap: np.ndarray, box: tuple[int, int, int, int], strength: float = 0.5
) -> np.ndarray:
    """Draw a map over the uncropped photo.

    photo_rgb: (H, W, 3) uint8. heatmap: (S, S) in -1…1. box: (left, top, right, bottom) of the square that the network
    saw, in pixels of ``photo_rgb``. strength: 0 (the photo, unchanged) … 1 (what raised the risk most hides the photo).
    Orange raised the risk, blue lowered it; elsewhere the photo shows through. Nothing outside ``box`` changes.
    Returns a new (H, W, 3) uint8. Raises ValueError for a strength outside 0…1 or a box outside the photo.
    """
    height, width = photo_rgb.shape[:2]
    left, top, right, bottom = box
    if not 0 <= strength <= 1:
        raise ValueError(f"The overlay's strength lies between 0 and 1, not {strength}.")
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"The box {box} does not lie inside the photo of {width} × {height} pixels.")
    drawn = photo_rgb.copy()
    if strength == 0:
        return drawn
    levels = np.round(127.5 + 127.5 * np.clip(heatmap, -1, 1)).astype(np.uint8)
    levels = cv2.resize(levels, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    # In tables of 256 levels, for in floats the drawing takes longer than the network.
    colour, through = _tables(strength)
    square = drawn[top:bottom, left:right]
    covered = cv2.multiply(square, cv2.applyColorMap(levels, through), scale=1 / 255)
    drawn[top:bottom, left:right] = cv2.add(covered, cv2.applyColorMap(levels, colour))
    return drawn
