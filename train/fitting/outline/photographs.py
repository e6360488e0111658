"""Outlined photographs, decoded once, and how one is changed into a training picture with its lesion."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from skimage.draw import polygon2mask

from skin_model.atomic_files import replacing
from skin_model.lesion import outline
from skin_model.photo import PhotoRefused, open_photo
from skin_model.pools import thread_pool
from train.data import images
from train.data.augmentation import NO_AUGMENTATION, augment
from train.data.outlines import outlines
from train.data.tables import files_of
from train.digests import cache_key

KEPT = 192
"""Side in pixels of the squares kept in memory, larger than what the network sees so that zooming in stays sharp."""
PLAIN_SKIN = 0.06
"""Share of the training pictures that show only skin beside a lesion: what nothing stands out from."""
SIDE_SEEN = (0.5, 1.7)
"""Side of the region that becomes a training picture, as a share of the photograph's."""
MOST_SHIFTED = 0.3
"""Farthest that its middle lies from the photograph's, as a share of the side."""
CHANGES = replace(
    NO_AUGMENTATION,
    brightness=0.25,
    contrast=0.35,
    saturation=0.35,
    tint=0.1,
    gamma=0.3,
    hue=8.0,
    soft=0.25,
    jpeg=0.25,
    noise=0.2,
    melanin=0.3,
    phone=0.3,
    hairs=0.35,
    ink=0.15,
)
"""Changes that leave the outline where it is (a ruler would turn the picture)."""
DARK_CORNERS = replace(NO_AUGMENTATION, dark_corners=1.0)
CORNERS = 0.15


def drawn_mask(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height, width) bool of an outline, (n, 2) x and y in 0…1: the pixels whose centre lies inside."""
    return polygon2mask((height, width), (points * (width, height) - 0.5)[:, ::-1])


def changed(square: np.ndarray, mask: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A training picture (size, size, 3) uint8 and its lesion (size, size) bool, both moved alike.

    square: (K, K, 3) uint8; mask: (K, K) uint8, 1 in the lesion. A region turned, flipped, stretched, shifted and
    zoomed, or one of plain skin, then with CHANGES. What dark corners cover is no lesion.
    """
    matrix = _plain_region(mask, size, rng) if rng.random() < PLAIN_SKIN else None
    if matrix is None:
        matrix = _region(mask.shape[0], size, rng)
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if zoom > 1.2:  # bilinear sampling alone would alias when it shrinks by more than this
        square = cv2.GaussianBlur(square, (0, 0), 0.4 * zoom)
    move = partial(cv2.warpAffine, M=matrix, dsize=(size, size), borderMode=cv2.BORDER_REFLECT_101)
    picture = move(square, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    lesion = move(mask * 255, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP) > 127
    picture = augment(picture, size, CHANGES, rng)
    if rng.random() < CORNERS:
        covered = augment(picture, size, DARK_CORNERS, rng)
        lesion &= 2 * covered.sum(axis=2, dtype=int) >= picture.sum(axis=2, dtype=int)
        picture = covered
    return picture, lesion


def _region(side: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) from pixels of the picture to those of the square, for a random region near the middle."""
    angle = rng.uniform(0, 2 * np.pi)
    zoom = np.exp(rng.uniform(*np.log(SIDE_SEEN))) * side / size
    matrix = turned_and_stretched(angle, zoom, rng)
    centre = side * (0.5 + rng.uniform(-MOST_SHIFTED, MOST_SHIFTED, 2))
    return np.column_stack([matrix, centre - matrix @ np.array([size / 2, size / 2])])


def turned_and_stretched(angle: float, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """(2, 2) that turns by ``angle``, zooms, stretches a little, and mirrors half the time."""
    stretch = np.exp(rng.uniform(-0.25, 0.25))
    across, down = zoom * stretch * rng.choice([-1, 1]), zoom / stretch
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([across, down])


def _plain_region(mask: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray | None:
    """The same for a square without lesion; None where there is no room for one."""
    side = mask.shape[0]
    room = cv2.distanceTransform(cv2.copyMakeBorder(1 - mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_C, 3)[
        1:-1, 1:-1
    ]
    if room.max() < 0.1 * side:
        return None
    rows, columns = np.nonzero(room >= max(0.1 * side, 0.6 * room.max()))
    chosen = rng.integers(len(rows))
    reach = float(room[rows[chosen], columns[chosen]]) - 1
    zoom = 2 * reach / size
    matrix = np.array([[zoom, 0], [0, zoom]])
    turns = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), int(rng.integers(4)))
    matrix = matrix @ turns
    return np.column_stack([matrix, np.array([columns[chosen], rows[chosen]]) - matrix @ [size / 2, size / 2]])


def decoded(rows: pd.DataFrame, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every row's photograph and lesion, squeezed: (N, KEPT, KEPT, 3) and (N, KEPT, KEPT) uint8, the latter 0 or 1.

    Read-only, mapped from files under ``cache``; the same rows find the files of an earlier call.
    """
    names = [f"{root}/{file}" for root, file in zip(rows["root"], rows["file"], strict=True)]
    drawn = [outlines(root)[file] for root, file in zip(rows["root"], rows["file"], strict=True)]
    key = cache_key(f"{KEPT}\n".encode() + "\n".join(names).encode() + b"".join(o.tobytes() for o in drawn))
    files = [cache / f"{kind}-{key}.npy" for kind in ("outlined", "lesions")]
    if not all(file.is_file() for file in files):
        shapes = [(len(rows), KEPT, KEPT, 3), (len(rows), KEPT, KEPT)]
        with replacing(files[0]) as first, replacing(files[1]) as second, thread_pool(os.cpu_count()) as pool:
            kept = [
                np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape)
                for aside, shape in zip((first, second), shapes, strict=True)
            ]
            for i, square in enumerate(images.decoded(files_of(rows), _square, pool)):
                kept[0][i], kept[1][i] = square, drawn_mask(drawn[i], KEPT, KEPT)
            for array in kept:
                array.flush()
    return np.load(files[0], mmap_mode="r"), np.load(files[1], mmap_mode="r")


def _square(file: Path) -> np.ndarray | None:
    try:
        return outline.squeezed(open_photo(file).rgb, KEPT)
    except (PhotoRefused, FileNotFoundError):
        return None
