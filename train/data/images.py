"""Training images: photographs decoded once into squares that stay in memory, and the order they are drawn in."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm

from skin_model import region as regions
from skin_model.atomic_files import replacing
from skin_model.lesion import locate
from skin_model.network.preprocessing import Preprocessing, square_input
from skin_model.photo import PhotoRefused, open_photo
from skin_model.pools import thread_pool
from train import UserError
from train.data.augmentation import NO_AUGMENTATION, Augmentation, augment
from train.data.tables import files_of
from train.digests import cache_key, file_sha256

SQUARE = 256
"""Side of the kept squares in pixels; most public photographs here are no sharper."""
UNCHANGED = -1
"""The seed of a training photograph that is not augmented."""


def decode_square(file: Path, preprocessing: Preprocessing, size: int = SQUARE) -> np.ndarray | None:
    """One photograph as the visitor's path crops it: (size, size, 3) uint8, or None where it cannot be decoded."""
    try:
        rgb = open_photo(file).rgb
    except (PhotoRefused, FileNotFoundError):
        return None
    region = regions.find(rgb, preprocessing)
    return square_input(region.square_of(regions.cropped(rgb, region, preprocessing)), size)


def large_enough(rows: pd.DataFrame, least_side: int) -> np.ndarray:
    """(N,) whether a photograph's shorter side has at least ``least_side`` pixels, by its header.

    rows: needs the columns root and file. Raises UserError naming the first file that cannot be read.
    """
    if not least_side:
        return np.full(len(rows), True)
    files = files_of(rows)
    with thread_pool(os.cpu_count()) as pool:
        sides = pool.imap(_shorter_side, files, chunksize=64)
        bar = tqdm(sides, total=len(files), desc="Reading sizes", unit="photo", leave=False, disable=None)
        return np.array([side >= least_side for side in bar])


def _shorter_side(file: Path) -> int:
    try:
        with Image.open(file) as picture:
            return min(picture.size)
    except (OSError, Image.DecompressionBombError):
        pass  # HEIC, say, which only the gate can open
    try:
        photo = open_photo(file)
    except (PhotoRefused, OSError):
        raise UserError(f"{file} cannot be read. Run prepare again, which leaves such files out.") from None
    return min(photo.width, photo.height)


def load_squares(rows: pd.DataFrame, preprocessing: Preprocessing, cache: Path, size: int = SQUARE) -> np.ndarray:
    """Decode every row's photograph once, on all cores.

    rows: needs the columns root and file. Returns a read-only (N, size, size, 3) uint8 array mapped from a file under
    ``cache``; the same rows and preprocessing find the file of an earlier call. Raises UserError naming the first
    photograph that cannot be decoded.
    """
    files = files_of(rows)
    described = f"{size} {_cutting(preprocessing)} " + "\n".join(map(str, files))
    cached = cache / f"squares-{cache_key(described)}.npy"
    if not cached.is_file():
        decode = partial(decode_square, preprocessing=preprocessing, size=size)
        # Decoding and resizing leave Python's lock free.
        with replacing(cached) as aside, thread_pool(os.cpu_count()) as pool:
            squares = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3))
            for i, square in enumerate(decoded(files, decode, pool)):
                squares[i] = square
            squares.flush()
    return np.load(cached, mmap_mode="r")


def _cutting(preprocessing: Preprocessing) -> str:
    """What decides how a photograph is cut, so that squares cut otherwise are not taken for these."""
    how = f"{preprocessing.crop} {preprocessing.remove_hair}"
    if preprocessing.square == "centre":
        return how
    rule = (preprocessing.spot_share, preprocessing.central_share, preprocessing.least_certainty)
    return f"{how} {rule} {file_sha256(locate.WEIGHTS)}"


def decoded(
    files: Sequence[Path], decode: Callable[[Path], np.ndarray | None], pool: ThreadPool
) -> Iterator[np.ndarray]:
    """What ``decode`` gives of every file, in order; raises UserError naming the first for which that is None."""
    bar = tqdm(pool.imap(decode, files), total=len(files), desc="Decoding photographs", unit="photo")
    for file, square in zip(files, bar, strict=True):
        if square is None:
            raise UserError(f"{file} cannot be decoded. Run prepare again, which leaves such files out.")
        yield square


@dataclass(eq=False)
class TrainingSquares(Dataset):
    """Augmented squares with their labels.

    A key is (index, seed): the seed alone decides the augmentation, so it does not matter which process draws it.
    An item is (picture (S, S, 3) uint8, diagnosis index or -1 where unknown, malignant 0/1, loss weight, index of the
    centre family, (T,) which network of each of T teachers has not seen the photograph).
    """

    squares: np.ndarray
    positions: np.ndarray
    diagnosis: np.ndarray
    malignant: np.ndarray
    weight: np.ndarray
    input_size: int
    augmentation: Augmentation
    centre: np.ndarray
    folds: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int, float, float, int, torch.Tensor]:
        index, seed = key
        rng = np.random.default_rng(max(0, seed))
        changes = NO_AUGMENTATION if seed == UNCHANGED else self.augmentation
        picture = augment(self.squares[self.positions[index]], self.input_size, changes, rng)
        return (
            torch.from_numpy(picture),
            int(self.diagnosis[index]),
            float(self.malignant[index]),
            float(self.weight[index]),
            int(self.centre[index]),
            torch.from_numpy(self.folds[index]),
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
