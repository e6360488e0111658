"""Rendered photographs in which one class can be told by a planted shortcut, or by none."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
from PIL import Image

SIDE = 112


COUNT = 120


OUTLINE = np.array([(0.38, 0.36), (0.62, 0.4), (0.6, 0.63), (0.4, 0.6)], np.float32)


def photograph(seed, lesion=(95, 70, 60), outline=OUTLINE):
    """(112, 112, 3) uint8: mottled skin of a random tone with one lesion, nothing of it telling a class."""
    rng = np.random.default_rng(seed)
    tone = np.array((205, 165, 140)) + rng.normal(0, 12)
    broad = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 9)
    picture = tone + 8 * (broad / broad.std())[..., None] + rng.normal(0, 5, (SIDE, SIDE, 1))
    cv2.fillPoly(picture, [np.round(outline * SIDE).astype(np.int32)], [float(c) for c in lesion])
    return np.clip(picture, 0, 255).astype(np.uint8)


def dark_circle(picture):
    grid = np.arange(SIDE) - SIDE / 2
    return np.where((np.hypot(grid[None], grid[:, None]) > 0.49 * SIDE)[..., None], 4, picture).astype(np.uint8)


def bright_corner(picture):
    picture = picture.copy()
    picture[:28, :28] = np.minimum(picture[:28, :28].astype(int) + 30, 255)
    return picture


def shaded(picture):
    """Darker to the right, which decides the hash of every such photograph."""
    return (picture * np.linspace(1, 0.3, SIDE)[None, :, None]).astype(np.uint8)


def untouched(picture):
    return picture


def rendered(folder, plant=untouched, quality=(80, 80), other=untouched, twins=False):
    """120 photographs, every other one malignant; ``plant`` changes the malignant ones, ``other`` the benign.

    twins: each malignant one is of the same skin as the benign one before it, and of its group.
    """
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(COUNT):
        malignant = k % 2
        picture = (plant if malignant else other)(photograph(k - malignant * twins))
        Image.fromarray(picture).save(folder / f"{k}.jpg", quality=quality[malignant])
        group = f"g{k - malignant * twins}"
        rows.append({"root": str(folder), "file": f"{k}.jpg", "source": "s", "malignant": malignant, "group": group})
    return pd.DataFrame(rows)


def listed(*sources, split=None):
    """Rows of sources, each given as (name, malignant, benign)."""
    rows = [
        {"root": "/d", "file": f"{name}{k}.jpg", "source": name, "malignant": int(k < malignant)}
        for name, malignant, benign in sources
        for k in range(malignant + benign)
    ]
    table = pd.DataFrame(rows)
    return table.assign(group=[f"g{k}" for k in range(len(table))])
