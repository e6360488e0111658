"""Training images: photographs decoded once into squares that stay in memory, and augmentation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm

from skin_model import border as borders
from skin_model import hair
from skin_model.network import Preprocessing, resize, square_input
from skin_model.photo import PhotoRefused, open_photo
from train import UserError
from train.recipes import Augmentation

SQUARE = 256
"""Side of the kept squares in pixels; most public photographs here are no sharper."""


def decode_square(file: Path, preprocessing: Preprocessing, size: int = SQUARE) -> np.ndarray | None:
    """One photograph as the visitor's path crops it: (size, size, 3) uint8, or None where it cannot be decoded."""
    try:
        rgb = open_photo(file).rgb
    except (PhotoRefused, FileNotFoundError):
        return None
    if preprocessing.crop == "border":
        left, top, right, bottom = borders.crop_box(rgb, borders.find(rgb))
        rgb = rgb[top:bottom, left:right]
    if preprocessing.remove_hair:
        rgb = hair.remove(rgb)
    return square_input(rgb, size)


def load_squares(rows: pd.DataFrame, preprocessing: Preprocessing, cache: Path, size: int = SQUARE) -> np.ndarray:
    """Decode every row's photograph once, on all cores.

    rows: needs the columns root and file. Returns a read-only (N, size, size, 3) uint8 array mapped from a file under
    ``cache``; the same rows and preprocessing find the file of an earlier call. Raises UserError naming the first
    photograph that cannot be decoded.
    """
    files = [Path(root) / file for root, file in zip(rows["root"], rows["file"], strict=True)]
    described = f"{size} {preprocessing.crop} {preprocessing.remove_hair} " + "\n".join(map(str, files))
    cached = cache / f"squares-{hashlib.sha256(described.encode()).hexdigest()[:16]}.npy"
    if not cached.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        aside = cached.with_name(cached.name + ".part")
        squares = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3))
        decode = partial(decode_square, preprocessing=preprocessing, size=size)
        with ThreadPool(os.cpu_count()) as pool:  # decoding and resizing leave Python's lock free
            decoded = pool.imap(decode, files)
            for i, square in enumerate(tqdm(decoded, total=len(files), desc="Decoding photographs", unit="photo")):
                if square is None:
                    raise UserError(f"{files[i]} cannot be decoded. Run prepare again, which leaves such files out.")
                squares[i] = square
        squares.flush()
        aside.replace(cached)
    return np.load(cached, mmap_mode="r")


def augment(square: np.ndarray, size: int, changes: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A changed (size, size, 3) uint8 view of a square photograph; without changes it equals ``square_input``."""
    picture = _move(square, size, changes, rng)
    picture = _recolour(picture, changes, rng)
    if rng.random() < changes.soft:
        small = int(size * rng.uniform(0.3, 0.8))
        picture = resize(resize(picture, small, small), size, size)
    if rng.random() < changes.dark_corners:
        picture = _darken_corners(picture, rng)
    if rng.random() < changes.noise:
        noisy = picture + rng.normal(0, rng.uniform(2, 10), (size, size, 1)).astype(np.float32)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
    if rng.random() < changes.jpeg:
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 80))])
        picture = cv2.imdecode(code, cv2.IMREAD_COLOR)
    return picture


def _move(square: np.ndarray, size: int, changes: Augmentation, rng: np.random.Generator) -> np.ndarray:
    if not changes.flips and changes.rotation == 0 and changes.scale == (1, 1) and changes.aspect == 1:
        return square_input(square, size)
    side = square.shape[0]
    angle = np.deg2rad(rng.uniform(-changes.rotation, changes.rotation))
    scale = rng.uniform(*changes.scale) * side / size
    stretch = np.sqrt(np.exp(rng.uniform(-1, 1) * np.log(changes.aspect)))
    across, down = scale * stretch, scale / stretch
    if changes.flips and rng.random() < 0.5:
        across = -across
    if changes.flips and rng.random() < 0.5:
        down = -down
    # From input pixels to photograph pixels, so that the region's size and place are exact.
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([across, down])
    slack = max(0.0, (side - scale * size) / 2)
    centre = side / 2 + rng.uniform(-slack, slack, 2)
    offset = centre - matrix @ np.array([size / 2, size / 2])
    if scale > 1.2:  # bilinear sampling alone would alias when it shrinks by more than this
        square = cv2.GaussianBlur(square, (0, 0), 0.4 * scale)
    return cv2.warpAffine(
        square,
        np.column_stack([matrix, offset]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


_LUMA = np.array([0.299, 0.587, 0.114])


def _recolour(picture: np.ndarray, changes: Augmentation, rng: np.random.Generator) -> np.ndarray:
    strengths = (changes.brightness, changes.contrast, changes.saturation, changes.tint)
    if any(strengths):
        brightness, contrast, saturation = (1 + rng.uniform(-s, s) for s in strengths[:3])
        tint = 1 + rng.uniform(-changes.tint, changes.tint, 3)
        mean = picture.reshape(-1, 3).mean(axis=0)
        # One affine colour transform: saturation about grey, contrast about the mean, brightness and tint as gains.
        colours = np.diag(tint * brightness * contrast) @ (
            saturation * np.eye(3) + (1 - saturation) * np.tile(_LUMA, (3, 1))
        )
        shift = tint * brightness * (1 - contrast) * mean
        picture = cv2.transform(picture, np.column_stack([colours, shift]))
    if changes.gamma:
        gamma = np.exp(rng.uniform(-1, 1) * np.log1p(changes.gamma))
        table = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
        picture = cv2.LUT(picture, table)
    return picture


def _darken_corners(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A dermatoscope's dark surround: a circle that may be off-centre, larger than the frame, soft or sharp."""
    size = picture.shape[0]
    centre = size / 2 + rng.normal(0, 0.04 * size, 2)
    radius = size * rng.uniform(0.47, 0.68)
    grid = np.arange(size, dtype=np.float32)
    distance = np.sqrt((grid[None, :] - centre[0]) ** 2 + (grid[:, None] - centre[1]) ** 2)
    softness = size * rng.uniform(0.004, 0.05)
    shade = np.clip((distance - radius) / softness, 0, 1)[..., None].astype(np.float32)
    colour = rng.uniform(0, 40) * np.ones(3, dtype=np.float32)
    return (picture * (1 - shade) + colour * shade).astype(np.uint8)


class TrainingSquares(Dataset):
    """Augmented squares with their labels.

    A key is (index, seed): the seed alone decides the augmentation, so it does not matter which process draws it.
    An item is (picture (S, S, 3) uint8, diagnosis index or -1 where unknown, malignant 0/1, loss weight).
    """

    def __init__(
        self,
        squares: np.ndarray,
        positions: np.ndarray,
        diagnosis: np.ndarray,
        malignant: np.ndarray,
        weight: np.ndarray,
        input_size: int,
        augmentation: Augmentation,
    ) -> None:
        self.squares, self.positions = squares, positions
        self.diagnosis, self.malignant, self.weight = diagnosis, malignant, weight
        self.input_size, self.augmentation = input_size, augmentation

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int, float, float]:
        index, seed = key
        rng = np.random.default_rng(seed)
        picture = augment(self.squares[self.positions[index]], self.input_size, self.augmentation, rng)
        return (
            torch.from_numpy(picture),
            int(self.diagnosis[index]),
            float(self.malignant[index]),
            float(self.weight[index]),
        )


class EpochSampler(Sampler):
    """Draws (index, seed) keys, the same in every process for the same seed and epoch.

    weights: (N,) chances, drawn with replacement; None goes through all N once, in random order. ``length`` keys come
    an epoch. Call ``set_epoch`` before each one.
    """

    def __init__(self, count: int, length: int, seed: int, weights: np.ndarray | None = None) -> None:
        self.count, self.length, self.seed = count, length, seed
        self.chances = None if weights is None else weights / weights.sum()
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (0, 1, …) that the next pass draws."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        if self.chances is not None:
            drawn = rng.choice(self.count, self.length, p=self.chances)
        else:
            drawn = np.concatenate([rng.permutation(self.count) for _ in range(-(-self.length // self.count))])
        seeds = rng.integers(0, 2**62, self.length)
        yield from zip(drawn[: self.length].tolist(), seeds.tolist(), strict=True)
