"""What the shortcut audit reads off a photograph: everything but a look at the lesion, and the lesion cut out.

Each photograph is decoded once. Numbers are kept, never pictures, so that 20,000 photographs fit into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_model import border as borders
from skin_model.photo import Photo, PhotoRefused, open_photo
from train.data.near_duplicates import perceptual_hashes
from train.data.outlines import outlines
from train.data.per_photograph import kept_arrays
from train.digests import cache_key

if TYPE_CHECKING:
    from skin_model.network.checkpoint import Checkpoint

THUMBNAIL = 8
"""Side of the thumbnail, in pixels."""
SQUARE = 160
"""Side of the squares that the network pools, in pixels: enough for its stages, and twice as fast as its own 224."""
BLANKED_RADIUS = 0.4
"""Radius of the disc painted over a lesion, as a share of the picture's sides. The same for every photograph, so that
neither the lesion's shape nor its size shows; on HAM10000 six lesions in ten fit under it."""
BLANKED_MARGIN = 1.1
"""How far the disc must reach beyond a lesion, in its radii: outlines are drawn a little inside of where it fades."""
GREY = 128
"""Fills what is not the lesion. Not the skin's colour, which would tell of the surroundings."""

BORDER_COLUMNS = ("circle", "frame", "radius", "covered")
FILE_COLUMNS = ("bytes", "bytes_per_pixel", "width", "height", "aspect", "sharpness", "sharpness_at_128")

_CHUNK = 1000
_BATCH = 50
_VERSION = 1

Task = tuple[Path, np.ndarray | None]
"""A photograph, and the outline of its lesion where it is known."""


def blank_lesion(rgb: np.ndarray, outline: np.ndarray) -> np.ndarray | None:
    """(SQUARE, SQUARE, 3) uint8: the picture squashed to a square, one disc in the skin's colour over the lesion.

    The colour is the median of what lies outside the disc. None where the lesion does not fit under the disc.
    """
    (x, y), radius = cv2.minEnclosingCircle(outline.astype(np.float32))
    if radius * BLANKED_MARGIN > BLANKED_RADIUS:
        return None
    square = _squashed(rgb)
    grid = (np.arange(SQUARE) + 0.5) / SQUARE
    disc = np.hypot(grid[None, :] - x, grid[:, None] - y) < BLANKED_RADIUS
    square[disc] = np.median(square[~disc], axis=0)
    return square


def only_lesion(rgb: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(SQUARE, SQUARE, 3) uint8: the picture squashed to a square, everything outside the outline grey."""
    square = _squashed(rgb)
    inside = np.zeros((SQUARE, SQUARE), np.uint8)
    cv2.fillPoly(inside, [np.round(outline * SQUARE).astype(np.int32)], 1)
    square[inside == 0] = GREY
    return square


def _squashed(rgb: np.ndarray) -> np.ndarray:
    return cv2.resize(rgb, (SQUARE, SQUARE), interpolation=cv2.INTER_AREA)


def border_numbers(rgb: np.ndarray) -> np.ndarray:
    """(4,) BORDER_COLUMNS: is it a circle, is it a frame, radius in short sides, share of the picture it covers."""
    border = borders.find(rgb)
    if border is None:
        return np.zeros(4, np.float32)
    height, width = rgb.shape[:2]
    x, y = np.meshgrid((np.arange(64) + 0.5) * width / 64, (np.arange(64) + 0.5) * height / 64)
    left, top, right, bottom = border.inner or (0, 0, width, height)
    covered = (x < left) | (x > right) | (y < top) | (y > bottom)
    if border.kind == "circle":
        covered |= np.hypot(x - border.x, y - border.y) > border.radius
    radius = border.radius / min(height, width)
    return np.array([border.kind == "circle", border.kind == "frame", radius, covered.mean()], np.float32)


def file_numbers(photo: Photo, size: int) -> np.ndarray:
    """(7,) FILE_COLUMNS of a photograph of ``size`` bytes; sharpness is the log variance of its Laplacian."""
    grey = cv2.cvtColor(photo.rgb, cv2.COLOR_RGB2GRAY)
    scale = 128 / min(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    sharpness = [np.log1p(cv2.Laplacian(picture, cv2.CV_32F).var()) for picture in (grey, small)]
    pixels = photo.width * photo.height
    return np.array(
        [size, size / pixels, photo.width, photo.height, photo.width / photo.height, *sharpness], np.float32
    )


def perceptual_hash(rgb: np.ndarray) -> np.uint64:
    """The 64-bit perceptual hash of the upright picture."""
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    return perceptual_hashes(small[None])[0]


def pool(checkpoint: Checkpoint, squares: Sequence[np.ndarray]) -> np.ndarray:
    """(N, C) float32 of N (SQUARE, SQUARE, 3) uint8 squares: the means of the last three stages' feature maps."""
    import torch

    from skin_model.network.torch_backend.architecture import logits_and_maps, normalise

    found = []
    with torch.inference_mode():
        for start in range(0, len(squares), _BATCH):
            batch = torch.from_numpy(np.stack(squares[start : start + _BATCH]))
            _, maps = logits_and_maps(checkpoint.network, normalise(batch, checkpoint.config.preprocessing))
            found.append(torch.cat([stage.mean(dim=(2, 3)) for stage in maps[-3:]], dim=1).numpy())
    return np.concatenate(found)


def read(rows: pd.DataFrame, cache: Path | None = None) -> dict[str, np.ndarray]:
    """Features of every row's photograph (root, file), in order.

    Returns arrays with one entry a row: opened (N,) bool; border_numbers (N, 4); file_numbers (N, 7); thumbnail
    (N, 192), its RGB values 0…255; nearest (N,) uint64 hashes; cut_out (N,) bool, whether an outline is known and the
    lesion fits under the disc; lesion_blanked and only_lesion (N, C) features that the embedded network pools, C = 0
    where no lesion was cut out. Rows are zero where the photograph does not open or no lesion was cut out.
    cache: a folder from which a later call resumes.
    """
    tasks = [
        (Path(root) / file, outlines(root).get(file)) for root, file in zip(rows["root"], rows["file"], strict=True)
    ]
    from train.fitting.networks.architectures import load_checkpoint

    checkpoint = load_checkpoint() if any(outline is not None for _, outline in tasks) else None
    parts = []
    with tqdm(total=len(tasks), desc="Looking beside the lesions", unit="photo") as bar:
        for start in range(0, len(tasks), _CHUNK):
            part = tasks[start : start + _CHUNK]
            kept = cache / f"shortcuts-{_describe(part, checkpoint)}.npz" if cache else None
            parts.append(kept_arrays(kept, partial(_read_chunk, part, checkpoint, bar)))
            bar.update(start + len(part) - bar.n)
    return _joined(parts)


def _read_chunk(tasks: Sequence[Task], checkpoint: Checkpoint | None, bar: tqdm) -> dict[str, np.ndarray]:
    n = len(tasks)
    found = {
        "opened": np.zeros(n, bool),
        "border_numbers": np.zeros((n, len(BORDER_COLUMNS)), np.float32),
        "file_numbers": np.zeros((n, len(FILE_COLUMNS)), np.float32),
        "thumbnail": np.zeros((n, THUMBNAIL * THUMBNAIL * 3), np.uint8),
        "nearest": np.zeros(n, np.uint64),
        "cut_out": np.zeros(n, bool),
    }
    blanked, lesions = [], []
    for k, (file, outline) in enumerate(tasks):
        bar.update()
        try:
            photo = open_photo(file)
            size = file.stat().st_size
        except (PhotoRefused, OSError):
            continue
        rgb = photo.rgb
        found["opened"][k] = True
        found["border_numbers"][k] = border_numbers(rgb)
        found["file_numbers"][k] = file_numbers(photo, size)
        found["thumbnail"][k] = cv2.resize(rgb, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
        found["nearest"][k] = perceptual_hash(rgb)
        hidden = None if outline is None else blank_lesion(rgb, outline)
        if hidden is not None:
            found["cut_out"][k] = True
            blanked.append(hidden)
            lesions.append(only_lesion(rgb, outline))
    for name, squares in (("lesion_blanked", blanked), ("only_lesion", lesions)):
        pooled = pool(checkpoint, squares) if squares else np.zeros((0, 0), np.float32)
        found[name] = np.zeros((n, pooled.shape[1]), np.float32)
        found[name][found["cut_out"]] = pooled
    return found


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Chunks one after the other; a chunk without outlines has no pooled features and gets zeros."""
    for name in ("lesion_blanked", "only_lesion"):
        width = max((part[name].shape[1] for part in parts), default=0)
        for part in parts:
            if part[name].shape[1] < width:
                part[name] = np.zeros((len(part["opened"]), width), np.float32)
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


def _describe(tasks: Sequence[Task], checkpoint: Checkpoint | None) -> str:
    """Changes with any file's place, size or time, any outline, the weights, and what is read."""
    weights = checkpoint.hash if any(outline is not None for _, outline in tasks) else ""
    content = [f"{_VERSION} {SQUARE} {BLANKED_RADIUS} {BLANKED_MARGIN} {weights}".encode()]
    for file, outline in tasks:
        state = file.stat() if file.is_file() else None
        content.append(f"{file} {state.st_size} {state.st_mtime_ns}\n".encode() if state else f"{file} -\n".encode())
        content.append(b"" if outline is None else outline.tobytes())
    return cache_key(b"".join(content))
