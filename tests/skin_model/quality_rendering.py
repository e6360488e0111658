"""Rendered skin with a lesion of known place and size, for the tests of photo quality only."""

from __future__ import annotations

import cv2
import numpy as np

TONES = ((246, 222, 204), (232, 194, 168), (208, 162, 130), (172, 122, 92), (126, 84, 62), (84, 56, 44))
"""Six skin colours, light to dark, as RGB in daylight."""


def _patches(width: int, height: int, cells: int, rng: np.random.Generator) -> np.ndarray:
    """(height, width) smooth noise of standard deviation 1 with about ``cells`` patches along the short side."""
    factor = cells / min(width, height)
    coarse = rng.normal(0, 1, (round(height * factor) + 2, round(width * factor) + 2)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return field / field.std()


def skin(width: int, height: int, tone: int, rng: np.random.Generator) -> np.ndarray:
    """(height, width, 3) float32: plain skin with fine lines and pores, blotches, and light from one side."""
    base = np.array(TONES[tone], np.float32)
    fine, blotches = _patches(width, height, min(width, height, 300), rng), _patches(width, height, 8, rng)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.12) * (x * np.cos(angle) + y * np.sin(angle))
    shade = light + 0.022 * fine + 0.012 * blotches
    return base * shade[:, :, None]


def lesion_outline(width: int, height: int, extent: float, rng: np.random.Generator, centre: tuple[float, float]):
    """Soft mask (height, width) in 0…1 of an irregular lesion whose longer side is ``extent`` × width."""
    across = extent * width / 2
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dx, dy = x - centre[0] * width, (y - centre[1] * height) / rng.uniform(0.75, 1.0)
    angle = np.arctan2(dy, dx)
    wobble = sum(rng.uniform(0, 0.05) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 6))
    edge = max(0.7, 0.06 * across)
    return np.clip(0.5 + (across * (1 + wobble) - np.hypot(dx, dy)) / edge, 0, 1).astype(np.float32)


def photo(
    width: int = 1000,
    height: int = 750,
    *,
    extent: float = 0.4,
    tone: int = 1,
    seed: int = 0,
    centre: tuple[float, float] = (0.5, 0.5),
    contrast: float = 0.55,
) -> np.ndarray:
    """(height, width, 3) uint8: a sharp, well lit photo of skin with one lesion.

    extent: the lesion's longer side as a share of the width, 0 for none. centre: shares of width and height.
    contrast: 1 is black, 0 the skin's own colour.
    """
    rng = np.random.default_rng(seed)
    picture = skin(width, height, tone, rng)
    if extent > 0:
        mask = lesion_outline(width, height, extent, rng, centre)
        mottled = 1 + 0.12 * _patches(width, height, 45, rng)
        colour = np.array(TONES[tone], np.float32) * np.array([1, 0.82, 0.7], np.float32) * (1 - contrast)
        inside = mottled[:, :, None] * colour
        picture = picture * (1 - mask[:, :, None]) + inside * mask[:, :, None]
    picture += 1.5 * rng.standard_normal((height, width, 1), np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def out_of_focus(picture: np.ndarray, percent: float) -> np.ndarray:
    """Blurred with a standard deviation of ``percent`` of the short side, with the camera's own noise on top."""
    blurred = cv2.GaussianBlur(picture, (0, 0), percent / 100 * min(picture.shape[:2])).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal((*picture.shape[:2], 1), np.float32)
    return np.clip(blurred + 1.5 * noise, 0, 255).astype(np.uint8)
