"""Finds hairs in a photo of skin and paints them over. Optional: on only for checkpoints trained with it.

After DullRazor (Lee et al. 1997, doi 10.1016/S0010-4825(97)00020-6), which closes the picture with straight lines in
several directions. Here for dark and for light hairs, only where a thin line runs nearly straight for long, so that
pigment networks stay, and with inpainting (Telea 2004) in place of interpolation. Parallel furrows on palms and soles
can run straight for as long and are partly taken for hairs.
"""

from functools import lru_cache

import cv2
import numpy as np

WORKING_SIDE = 384
"""Short side in pixels of the largest picture searched; larger photos are reduced, their hairs are thick enough."""
ACROSS = 0.05
"""Width as a share of the short side that no hair has."""
ALONG = 0.2
"""Length as a share of the short side over which a hair is nearly straight; networks and furrows rarely are."""
UNBROKEN = 0.95
"""Share of such a stretch that must stand out."""
DARKER = 12
LIGHTER = 24
"""Grey levels, 0…255, that a dark or a light hair stands out from the skin beside it."""
CROWDED = 1.8
"""A hair stands out this many times as much as its surroundings do on average: texture does not."""


def mask(rgb: np.ndarray) -> np.ndarray:
    """Where hairs are, dark or light: (H, W) bool for a (H, W, 3) uint8 photo."""
    found = _search(_working_copy(rgb))
    if found.shape != rgb.shape[:2]:
        found = cv2.resize(found, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    return found > 127


def remove(rgb: np.ndarray) -> np.ndarray:
    """The (H, W, 3) uint8 photo with its hairs painted over from the skin beside them; the rest is untouched."""
    small = _working_copy(rgb)
    found = _search(small)
    if not found.any():
        return rgb.copy()
    near = cv2.dilate(found, np.ones((3, 3), np.uint8))  # the blurred fringe of a hair must not be what is spread
    painted = cv2.inpaint(small, near, 3, cv2.INPAINT_TELEA)
    if small.shape != rgb.shape:
        size = (rgb.shape[1], rgb.shape[0])
        near, painted = cv2.resize(near, size), cv2.resize(painted, size)
    return np.where(near[..., None] > 127, painted, rgb)


def _working_copy(rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    rgb = np.ascontiguousarray(rgb)
    factor = WORKING_SIDE / min(height, width)
    if factor >= 1:
        return rgb
    return cv2.resize(rgb, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)


@lru_cache(maxsize=64)
def _offsets(length: int, directions: int) -> tuple[np.ndarray, ...]:
    """For each direction the (points, 2) whole-pixel offsets x, y of a straight line through the origin."""
    along = np.arange(-(length // 2), length // 2 + 1)
    angles = np.pi * np.arange(directions) / directions
    lines = (np.column_stack([np.cos(a) * along, np.sin(a) * along]).round().astype(int) for a in angles)
    return tuple(np.unique(line, axis=0) for line in lines)


@lru_cache(maxsize=64)
def _lines(length: int, directions: int) -> tuple[np.ndarray, ...]:
    """The same lines as kernels."""
    kernels = []
    for offsets in _offsets(length, directions):
        kernel = np.zeros((2 * (length // 2) + 1,) * 2, np.uint8)
        kernel[offsets[:, 1] + length // 2, offsets[:, 0] + length // 2] = 1
        kernels.append(kernel)
    return tuple(kernels)


def _search(rgb: np.ndarray) -> np.ndarray:
    """(h, w) uint8, 255 where hairs are."""
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    across = max(7, round(ACROSS * min(grey.shape)))
    found = np.zeros_like(grey)
    for operation, least in ((cv2.MORPH_BLACKHAT, DARKER), (cv2.MORPH_TOPHAT, LIGHTER)):
        # Across a hair every line fills it, along it none does: dots fill in all directions, lesions in none.
        filled = [cv2.morphologyEx(grey, operation, line) for line in _lines(across, 8)]
        contrast = cv2.subtract(np.maximum.reduce(filled), np.minimum.reduce(filled))
        found = cv2.bitwise_or(found, _long_ridges(contrast, least))
    return found


def _long_ridges(contrast: np.ndarray, least: int) -> np.ndarray:
    """What stands out as a thin line that runs nearly straight for long: (h, w) uint8, 0 or 255."""
    height, width = contrast.shape
    length = round(ALONG * min(height, width))
    around = cv2.blur(contrast, (length, length))
    beside = cv2.dilate(contrast, np.ones((5, 5), np.uint8))
    # A hair ends where it has lost half of its contrast; what lies beyond is the lens's blur.
    enough = np.maximum(np.maximum(beside // 2, least), cv2.convertScaleAbs(around, alpha=CROWDED))
    ridge = (contrast >= enough).astype(np.uint8)
    if np.count_nonzero(ridge) < length:
        return np.zeros_like(ridge)
    reach = length // 2
    wide = cv2.copyMakeBorder(ridge, *[reach] * 4, cv2.BORDER_REPLICATE)
    hairs = np.zeros_like(ridge)
    for offsets, line in zip(_offsets(length, 24), _lines(length, 24), strict=True):
        offsets = offsets[::4]  # a ridge is three pixels wide or more: every fourth pixel tells
        covered = np.zeros_like(ridge)
        for dx, dy in offsets:
            covered += wide[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        straight = cv2.compare(covered, UNBROKEN * len(offsets), cv2.CMP_GE)
        if straight.any():
            hairs |= cv2.dilate(straight, line)
    return hairs * ridge
