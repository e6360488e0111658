"""Colours as people see them: CIELAB, and the difference between two of them."""

import cv2
import numpy as np


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB, (…, 3) uint8 or float in 0…255, to CIELAB under D65, (…, 3) float32: L* in 0…100, a* and b* about ±100."""
    values = np.asarray(rgb, dtype=np.float32).reshape(-1, 1, 3) / 255
    return cv2.cvtColor(values, cv2.COLOR_RGB2LAB).reshape(np.shape(rgb))


def linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB in 0…255 to light in 0…1 (IEC 61966-2-1)."""
    values = np.asarray(rgb, dtype=np.float64) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    """Light in 0…1, clipped to that, to sRGB in 0…255."""
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def ciede2000(first: np.ndarray, second: np.ndarray) -> float:
    """CIEDE2000 difference of two CIELAB colours, (3,) each; about 1 is just visible side by side.

    After Sharma, Wu & Dalal 2005 (doi 10.1002/col.20070), with all parametric factors 1.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.asarray(colour, dtype=np.float64) for colour in (first, second))
    seventh = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(seventh / (seventh + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    lightness, chroma = l2 - l1, c2 - c1
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = h1 + h2 if c1 * c2 == 0 else h1 + turn / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    by_l = lightness / (1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2))
    by_c = chroma / (1 + 0.045 * mean_c)
    by_h = hue / (1 + 0.015 * mean_c * t)
    blue = 30 * np.exp(-((((mean_h % 360) - 275) / 25) ** 2))
    seventh = mean_c**7
    rotation = -2 * np.sqrt(seventh / (seventh + 25.0**7)) * np.sin(np.radians(2 * blue))
    return float(np.sqrt(by_l**2 + by_c**2 + by_h**2 + rotation * by_c * by_h))
