"""What the locator's training scenes are made of: photographs with their lesion, rendered skin, ordinary pictures."""

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from examples.render import SKIN_TONES, Scene, render
from skin_model.atomic_files import replacing
from skin_model.lesion import outline
from skin_model.photo import PhotoRefused, open_photo
from skin_model.pools import thread_pool
from train import UserError
from train.data.outlines import outlines
from train.data.tables import files_of
from train.digests import cache_key
from train.fitting.locator.scenes import Material
from train.fitting.ood import debian_outliers
from train.fitting.outline.photographs import KEPT, drawn_mask

LEAST_CERTAINTY = 0.85
"""Certainty of the outline network below which its outline stands for no lesion."""
FARTHEST = 0.35
"""Distance of an outline's middle from the photograph's, as a share of its sides, beyond which it may be another's."""
LEAST_PIXELS = 20
"""Of a lesion in a square of KEPT pixels: fewer show nothing."""
RENDERED_PER_TONE, RENDERED_SIDE = 40, 288
MOST_ORDINARY_SIDE = 320


def material(rows: pd.DataFrame, pictures: Path, cache: Path, *, held_out: bool) -> Material:
    """Everything for scenes. rows: root, file of the photographs; those whose lesion is not known well are left out.

    A lesion is known from outlines that people drew, or else from the outline network where it is certain of a lesion
    near the middle (weak labels). pictures: the folder that ``train outliers`` filled; held_out: take the part of it to
    judge on. Kept under ``cache``.
    """
    squares, masks = _with_lesions(rows, cache)
    return Material(squares, masks, _rendered(cache), _ordinary(pictures, held_out=held_out))


def _with_lesions(rows: pd.DataFrame, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    files = files_of(rows)
    key = cache_key(f"{KEPT} {LEAST_CERTAINTY}\n{outline.record().get('split_sha256')}\n" + "\n".join(map(str, files)))
    kept = [cache / f"{kind}-{key}.npy" for kind in ("located", "lesions")]
    if not all(file.is_file() for file in kept):
        with thread_pool(os.cpu_count()) as pool:
            drawn = [outlines(root).get(file) for root, file in zip(rows["root"], rows["file"], strict=True)]
            jobs = list(zip(files, drawn, strict=True))
            bar = tqdm(pool.imap(_with_lesion, jobs), total=len(jobs), desc="Looking for lesions", unit="photo")
            found = [each for each in bar if each is not None]
        if not found:
            raise UserError("No photograph has a lesion that is known well. Name a split of photographs with outlines.")
        for file, part in zip(kept, zip(*found, strict=True), strict=True):
            with replacing(file) as aside, aside.open("wb") as opened:
                np.save(opened, np.stack(part))
    squares, masks = (np.load(file, mmap_mode="r") for file in kept)
    return squares, masks


def _with_lesion(job: tuple[Path, np.ndarray | None]) -> tuple[np.ndarray, np.ndarray] | None:
    """A photograph squeezed to (KEPT, KEPT, 3) and its lesion (KEPT, KEPT), uint8; None where that is not known."""
    file, drawn = job
    rgb = opened(file)
    mask = _weak_mask(rgb) if drawn is None else drawn_mask(drawn, KEPT, KEPT)
    if mask is None or np.count_nonzero(mask) < LEAST_PIXELS:
        return None
    return outline.squeezed(rgb, KEPT), mask.astype(np.uint8)


def opened(file: Path) -> np.ndarray:
    """(H, W, 3) uint8; raises UserError for a photograph that cannot be decoded."""
    try:
        return open_photo(file).rgb
    except (PhotoRefused, FileNotFoundError):
        raise UserError(f"{file} cannot be decoded. Run prepare again, which leaves such files out.") from None


def _weak_mask(rgb: np.ndarray) -> np.ndarray | None:
    """(KEPT, KEPT) bool as the outline network sees the lesion, where it is certain of one near the middle."""
    found = outline.find(rgb)
    height, width = rgb.shape[:2]
    if found is None or found.certainty < LEAST_CERTAINTY or found.is_cut:
        return None
    if max(abs(found.centre[0] / width - 0.5), abs(found.centre[1] / height - 0.5)) > FARTHEST:
        return None
    return cv2.resize(found.mask.astype(np.uint8) * 255, (KEPT, KEPT), interpolation=cv2.INTER_AREA) > 127


def _rendered(cache: Path) -> np.ndarray:
    """Plain rendered skin of every tone: (N, RENDERED_SIDE, RENDERED_SIDE, 3) uint8."""
    file = cache / f"rendered-skin-{RENDERED_PER_TONE}-{RENDERED_SIDE}.npy"
    if not file.is_file():
        scenes = [
            Scene(
                f"{tone}-{seed}",
                "even",
                tone=tone,
                seed=1000 * tone + seed,
                width=RENDERED_SIDE,
                height=RENDERED_SIDE,
                radius=0.01,
                pigment=0.0,
                hairs=int(seed % 4 == 0) * 3,
                blur=0.5 + 0.3 * (seed % 5),
            )
            for tone in SKIN_TONES
            for seed in range(RENDERED_PER_TONE)
        ]
        with thread_pool(os.cpu_count()) as pool:
            bar = tqdm(pool.imap(_drawn, scenes), total=len(scenes), desc="Rendering skin", unit="picture")
            pictures = np.stack(list(bar))
        with replacing(file) as aside, aside.open("wb") as opened:
            np.save(opened, pictures)
    return np.load(file)


def _drawn(scene: Scene) -> np.ndarray:
    return render(scene)[0]


def _ordinary(folder: Path, *, held_out: bool) -> list[np.ndarray]:
    files = debian_outliers.pictures(folder, held_out=held_out)
    with thread_pool(os.cpu_count()) as pool:
        return list(tqdm(pool.imap(_small, files), total=len(files), desc="Opening pictures", unit="picture"))


def _small(file: Path) -> np.ndarray:
    rgb = opened(file)
    shrink = min(1.0, MOST_ORDINARY_SIDE / min(rgb.shape[:2]))
    return cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else rgb
