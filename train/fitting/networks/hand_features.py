"""Colour, texture and shape of a lesion as numbers, the way classical computer-aided diagnosis measured them."""

import cv2
import numpy as np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

GREY_LEVELS = 16
LBP_POINTS = 8
TEXTURES = ("contrast", "homogeneity", "energy", "correlation")
HUE_BINS = 8
COUNT = 9 * 4 + HUE_BINS + len(TEXTURES) * 2 + LBP_POINTS + 2 + 10
"""How many features ``features`` gives."""


def features(rgb: np.ndarray) -> np.ndarray:
    """(COUNT,) float32 features of one (S, S, 3) uint8 picture, roughly within -1 … 2.

    Colour: mean and spread over the lesion, and over the skin around it, of the nine channels of RGB, HSV and Lab, and
    a histogram of the lesion's hue. Texture: a grey-level co-occurrence matrix (Haralick 1973) at one and four pixels,
    and uniform local binary patterns (Ojala 2002). Shape: area, distance from the centre, compactness, convexity,
    elongation, asymmetry about both axes and the first Hu moments of the outline. The lesion is what Otsu's threshold
    finds darker than the skin; a picture in which it finds nothing is all lesion.
    """
    smooth = cv2.GaussianBlur(rgb, (0, 0), max(0.8, rgb.shape[0] / 100))
    grey = cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY)
    lesion = lesion_mask(grey)
    return np.concatenate([_colour(smooth, lesion), _texture(grey), _shape(lesion)]).astype(np.float32)


def lesion_mask(grey: np.ndarray) -> np.ndarray:
    """(S, S) bool: the largest region darker than Otsu's threshold; everything where the picture is of one grey."""
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    if count < 2:
        return np.ones(grey.shape, dtype=bool)
    return labels == 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())


def _colour(rgb: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    hsv, lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    channels = np.concatenate([rgb, hsv, lab], axis=2).astype(np.float32)
    channels[:, :, 3] *= 255 / 180  # OpenCV counts hue in steps of two degrees
    channels /= 255
    inside, around = channels[lesion], channels[~lesion] if not lesion.all() else channels[lesion]
    hue = np.histogram(hsv[:, :, 0][lesion], bins=HUE_BINS, range=(0, 180))[0] / lesion.sum()
    return np.concatenate([inside.mean(0), inside.std(0), around.mean(0), around.std(0), hue])


def _texture(grey: np.ndarray) -> np.ndarray:
    levels = (grey // (256 // GREY_LEVELS)).astype(np.uint8)
    together = graycomatrix(levels, [1, 4], [0, np.pi / 2], levels=GREY_LEVELS, symmetric=True, normed=True)
    found = [graycoprops(together, name).mean(axis=1) for name in TEXTURES]
    found[0] = np.log1p(found[0]) / 3
    patterns = local_binary_pattern(grey, LBP_POINTS, 1, method="uniform")
    histogram = np.bincount(patterns.astype(int).ravel(), minlength=LBP_POINTS + 2) / patterns.size
    return np.concatenate([*found, histogram])


def _shape(lesion: np.ndarray) -> np.ndarray:
    side, area = lesion.shape[0], float(lesion.sum())
    outlines, _ = cv2.findContours(lesion.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    perimeter, hull = cv2.arcLength(outline, True), cv2.contourArea(cv2.convexHull(outline))
    moments = cv2.moments(lesion.astype(np.uint8), binaryImage=True)
    across, down = moments["m10"] / area, moments["m01"] / area
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / area
    short, long = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 0) + 1 / 12)  # 1/12: of a pixel itself
    hu = cv2.HuMoments(moments)[:3, 0]
    return np.array(
        [
            area / lesion.size,
            np.hypot(across - (side - 1) / 2, down - (side - 1) / 2) / side,
            min(2.0, 4 * np.pi * area / max(perimeter, 1.0) ** 2),
            min(1.0, cv2.contourArea(outline) / max(hull, 1.0)),
            short / long,
            _asymmetry(lesion, spread, (across, down), flip_long=False),
            _asymmetry(lesion, spread, (across, down), flip_long=True),
            *(np.log10(hu + 1e-10) / 10),
        ]
    )


def _asymmetry(lesion: np.ndarray, spread: np.ndarray, centre: tuple[float, float], *, flip_long: bool) -> float:
    """Share of the lesion that its mirror image about one of its main axes does not cover, 0…1."""
    short, long = np.linalg.eigh(spread)[1].T
    axis = long if flip_long else short
    mirror = np.eye(2) - 2 * np.outer(axis, axis)
    offset = np.array(centre) - mirror @ np.array(centre)
    size = lesion.shape[::-1]
    flipped = cv2.warpAffine(lesion.astype(np.uint8), np.column_stack([mirror, offset]), size, flags=cv2.INTER_NEAREST)
    return float((lesion & (flipped == 0)).sum() / lesion.sum())
