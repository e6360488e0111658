"""Rendered skin whose texture tells one picture from another, and files of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def skin(seed: int, side: int = 160, mole: bool = True) -> np.ndarray:
    """(side, side, 3) uint8: mottled skin, never the same for two seeds, with the same plain mole near the middle."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), side / 64)
    picture = np.array((215, 175, 150)) + 8 * texture[..., None] / texture.std()
    if mole:
        # Lopsided, so that the mole and not the noise decides its hash.
        across, down = np.meshgrid(np.arange(side) / side - 0.45, np.arange(side) / side - 0.56)
        shade = np.hypot(across + 0.3 * down, 1.5 * down) + 0.15 * across
        picture -= 120 * np.clip(1.6 - 6 * shade, 0, 1)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def write(file: Path, picture: np.ndarray | int) -> Path:
    """Write a picture, or the skin of that seed, in the format of the file's ending; folders are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(skin(picture) if isinstance(picture, int) else picture).save(file, quality=92)
    return file


def write_text(file: Path, *lines: str) -> Path:
    """Write lines of text; folders are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
