"""Test scenes one by one: which lesion, how large, on which skin, with which marks, and where it lies in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from skin_model.photo import open_photo
from tests import rendering
from tests.scenes.drawn_marks import MARKS
from train.data.outlines import outlines

WIDTH, HEIGHT = 800, 600
WIDTHS: tuple[tuple[float, float], ...] = ((0.04, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 0.9))
"""Ranges of the lesion's width as a share of the scene's, in turn."""
TONES = len(rendering.SKIN_TONES)
DRAWN = 40
"""Scenes whose lesion is drawn, so that they need no photograph."""


@dataclass(frozen=True)
class Scene:
    """rgb: (HEIGHT, WIDTH, 3) uint8. box: left, top, right, bottom of the lesion in pixels. width: its share of the
    scene's width. tone: 1…6. marks: their names, in the order drawn. file: the lesion's photograph, None where drawn.
    """

    rgb: np.ndarray
    box: tuple[float, float, float, float]
    width: float
    tone: int
    marks: tuple[str, ...]
    file: Path | None


def drawn() -> Iterator[Scene]:
    """DRAWN scenes that need no photograph; always the same."""
    for number in range(DRAWN):
        rng = np.random.default_rng([7, number])
        skin, tone = _skin(number, rng)
        low, high = WIDTHS[number % len(WIDTHS)]
        radius = 0.5 * WIDTH * min(rng.uniform(low, high), 0.6)
        x, y = _middle(2 * radius, 2 * radius, rng)
        mask = rendering.lesion_mask(HEIGHT, WIDTH, rng, x=x, y=y, radius=radius, edge=max(2.0, 0.08 * radius))
        picture = rendering.add_lesion(skin, mask, rng, darkness=rng.uniform(0.35, 0.75))
        yield _finished(np.clip(picture, 0, 255).astype(np.uint8), mask > 0.5, tone, None, rng)


def of_photographs(rows: pd.DataFrame, count: int) -> Iterator[Scene]:
    """``count`` scenes with the lesions of outlined photographs (root, file); always the same for the same rows.

    Lesions that touch a side of their photograph are passed over: what is cut there cannot be set into other skin.
    """
    known = [row for row in rows.itertuples() if row.file in outlines(row.root)]
    found, number = 0, 0
    while found < count:
        row = known[number % len(known)]
        scene = _of_photograph(Path(row.root) / row.file, outlines(row.root)[row.file], number, found)
        number += 1
        if scene is not None:
            found += 1
            yield scene
        elif number > 20 * count:
            raise ValueError("Nearly all of these lesions touch a side of their photograph.")


def _of_photograph(file: Path, outline: np.ndarray, number: int, kind: int) -> Scene | None:
    """Scene ``number``, of the ``kind``-th width and tone in turn; None where the lesion is cut."""
    rng = np.random.default_rng([11, number])
    rgb = open_photo(file).rgb
    points = outline * (rgb.shape[1], rgb.shape[0])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    margin = 0.08 * max(right - left, bottom - top)
    if min(left, top) < margin or right > rgb.shape[1] - margin or bottom > rgb.shape[0] - margin:
        return None
    low, high = WIDTHS[kind % len(WIDTHS)]
    scale = WIDTH * rng.uniform(low, high) / (right - left)
    scale = min(scale, 0.86 * HEIGHT / (bottom - top + 2 * margin), 0.95 * WIDTH / (right - left + 2 * margin))
    part = rgb[int(top - margin) : int(np.ceil(bottom + margin)), int(left - margin) : int(np.ceil(right + margin))]
    size = max(8, round(part.shape[1] * scale)), max(8, round(part.shape[0] * scale))
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    moved = (points - (int(left - margin), int(top - margin))) * scale
    inside = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(moved).astype(np.int32)], 255)
    reach = max(3, round(0.5 * margin * scale)) | 1
    blended = cv2.dilate(inside, np.ones((reach, reach), np.uint8))
    blended[[0, -1]], blended[:, [0, -1]] = 0, 0

    skin, tone = _skin(kind, rng)
    base = np.clip(skin, 0, 255).astype(np.uint8)
    x, y = _middle(*size, rng)
    # Poisson's equation keeps the lesion's own contrasts; on darker skin there is less light for them.
    light = float(np.median(base)) / max(1.0, float(np.median(part[inside == 0])))
    part = np.clip(part * min(1.0, light), 0, 255).astype(np.uint8)
    picture = cv2.seamlessClone(part, base, blended, (round(x), round(y)), cv2.NORMAL_CLONE)
    # seamlessClone puts the middle of the mask's bounding box there.
    rows, columns = np.flatnonzero(blended.any(axis=1)), np.flatnonzero(blended.any(axis=0))
    corner_x = round(x) - (columns[0] + columns[-1] + 1) // 2
    corner_y = round(y) - (rows[0] + rows[-1] + 1) // 2
    lesion = np.zeros((HEIGHT, WIDTH), bool)
    y_to, x_to = min(HEIGHT, corner_y + size[1]), min(WIDTH, corner_x + size[0])
    y_from, x_from = max(0, corner_y), max(0, corner_x)
    lesion[y_from:y_to, x_from:x_to] = (
        inside[y_from - corner_y : y_to - corner_y, x_from - corner_x : x_to - corner_x] > 0
    )
    return _finished(picture, lesion, tone, file, rng)


@lru_cache(maxsize=4 * TONES)
def _plain_skin(number: int) -> np.ndarray:
    rng = np.random.default_rng([3, number])
    return rendering.skin(HEIGHT, WIDTH, rng, rendering.SKIN_TONES[number % TONES])


def _skin(number: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Plain skin, its tones in turn, and its tone."""
    skin = _plain_skin((number + number // len(WIDTHS)) % (4 * TONES))
    tone = (number + number // len(WIDTHS)) % TONES + 1
    return (skin[:, ::-1] if rng.random() < 0.5 else skin).copy(), tone


def _middle(wide: float, high: float, rng: np.random.Generator) -> tuple[float, float]:
    """Where a piece of this size lies wholly in the scene, nearer the middle more often, as people hold a camera."""
    room = np.maximum(0, np.array([WIDTH - wide, HEIGHT - high]) / 2 - 6)
    x, y = np.array([WIDTH, HEIGHT]) / 2 + room * np.clip(rng.normal(0, 0.4, 2), -1, 1)
    return float(x), float(y)


def _finished(rgb: np.ndarray, lesion: np.ndarray, tone: int, file: Path | None, rng: np.random.Generator) -> Scene:
    """With two marks on average, and as a camera keeps it."""
    kept = cv2.dilate(lesion.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    chosen = tuple(name for name in MARKS if rng.random() < 0.3)
    for name in chosen:
        rgb = MARKS[name](rgb, kept, rng)
    _, code = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    rgb = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1].copy()
    rows, columns = np.flatnonzero(lesion.any(axis=1)), np.flatnonzero(lesion.any(axis=0))
    box = tuple(float(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return Scene(rgb, box, (box[2] - box[0]) / WIDTH, tone, chosen, file)
