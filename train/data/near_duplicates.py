"""Finds photographs that show the same picture twice: copies, re-encodings, crops, shifts, turned and mirrored ones.

Two steps. Candidates are pairs whose 64-bit perceptual hashes differ in few bits; on dermoscopy that proves nothing,
since plain moles in the middle of plain skin all hash alike. So each candidate is checked on its texture: both
pictures, 64 pixels wide, lose everything smoother than a few pixels and are levelled to the same local contrast; what
is left (skin lines, hairs, the lesion's ragged edge) must correlate once the best small shift is found.
"""

import itertools
import math
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy import fft
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from skin_model.photo import PhotoRefused, open_photo
from skin_model.pools import end_with_the_command
from train.data.per_photograph import kept_arrays
from train.digests import cache_key

UPRIGHT_RADIUS = 12
"""Most hash bits in which candidates may differ. Wide, because the second check decides."""
TURNED_RADIUS = 6
"""The same for turned and mirrored candidates, whose hashes come from the same thumbnail."""
UPRIGHT_CORRELATION = 0.75
"""Least texture correlation of duplicates. On 18,977 public photographs the pairs that were not of one known lesion
were looked at: from 0.77 nearly all show one lesion, below 0.72 nearly none."""
TURNED_CORRELATION = 0.80
"""Higher, since seven more chances make a chance agreement likelier (highest by chance there: 0.76)."""
THUMBNAIL = 64
"""Side of the thumbnail whose texture is compared, in pixels."""
MOST_SHIFT = 8
"""Largest shift between two duplicates, in thumbnail pixels either way."""

_CHUNK = 1000
_FEW = 500
_AT_ONCE = 1 << 22
_VERSION = 1


@dataclass(frozen=True)
class Fingerprints:
    """What is kept of N photographs.

    hashes: (N, 8) uint64, the perceptual hash upright, turned by 90, 180, 270 degrees anticlockwise, then the same of
    the mirrored photograph. thumbnails: (N, 64, 64) uint8 grey. refused: N codes, "" where the photograph opened; the
    hashes and thumbnails of refused ones are zero.
    """

    hashes: np.ndarray
    thumbnails: np.ndarray
    refused: list[str]


def orient(picture: np.ndarray, orientation: int) -> np.ndarray:
    """A square (…, S, S) picture in one of eight orientations: 0 to 3 quarter turns, 4 to 7 mirrored first."""
    if orientation >= 4:
        picture = picture[..., ::-1]
    return np.rot90(picture, orientation % 4, axes=(-2, -1))


def fingerprint(file: str | os.PathLike) -> tuple[np.ndarray, np.ndarray, str]:
    """(8,) uint64 hashes, (64, 64) uint8 grey thumbnail and "", or zeros and the code of the refusal."""
    try:
        rgb = open_photo(file).rgb
    except (PhotoRefused, OSError) as problem:
        code = problem.code if isinstance(problem, PhotoRefused) else "no_such_file"
        return np.zeros(8, np.uint64), np.zeros((THUMBNAIL, THUMBNAIL), np.uint8), code
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    small = cv2.resize(thumbnail, (32, 32), interpolation=cv2.INTER_AREA)
    return perceptual_hashes(np.stack([orient(small, turn) for turn in range(8)])), thumbnail, ""


def perceptual_hashes(pictures: np.ndarray) -> np.ndarray:
    """``imagehash.phash`` of (N, 32, 32) grey pictures at once, (N,) uint64: which of the 8 × 8 lowest frequencies of a
    cosine transform lie above their median. One call for eight takes a tenth of the time of eight calls.
    """
    low = fft.dct(fft.dct(pictures.astype(np.float64), axis=1), axis=2)[:, :8, :8].reshape(-1, 64)
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1).view(">u8")[:, 0].astype(np.uint64)


def fingerprints(files: Iterable[str | os.PathLike], cache: Path | None = None) -> Fingerprints:
    """Fingerprints of all files, in order, on all cores; with ``cache`` (a folder) a later call resumes there."""
    paths = [Path(file) for file in files]
    hashes = np.zeros((len(paths), 8), np.uint64)
    thumbnails = np.zeros((len(paths), THUMBNAIL, THUMBNAIL), np.uint8)
    refused: list[str] = []
    with (
        _mapping(len(paths)) as mapped,
        tqdm(total=len(paths), desc="Comparing photographs", unit="photo") as bar,
    ):
        for start in range(0, len(paths), _CHUNK):
            part = paths[start : start + _CHUNK]
            kept = cache / f"fingerprints-{_describe(part)}.npz" if cache else None
            chunk = kept_arrays(kept, partial(_fingerprints, part, mapped, bar))
            bar.update(start + len(part) - bar.n)
            hashes[start : start + len(part)], thumbnails[start : start + len(part)] = (
                chunk["hashes"],
                chunk["thumbnails"],
            )
            refused += chunk["refused"].tolist()
    return Fingerprints(hashes, thumbnails, refused)


def _fingerprints(paths: list[Path], mapped: Callable[..., Iterable], bar: tqdm) -> dict[str, np.ndarray]:
    done = []
    for one in mapped(fingerprint, paths):
        done.append(one)
        bar.update()
    hashes, thumbnails, refused = zip(*done, strict=True)
    return {"hashes": np.stack(hashes), "thumbnails": np.stack(thumbnails), "refused": np.array(refused, dtype=str)}


@contextmanager
def _mapping(count: int) -> Iterator[Callable[..., Iterable]]:
    """An ordered map over all cores, or in this process where starting others would take longer than the work."""
    if count <= _FEW:
        yield map
        return
    with multiprocessing.get_context("forkserver").Pool(os.cpu_count(), initializer=_begin_worker) as pool:
        yield partial(pool.imap, chunksize=16)


def _begin_worker() -> None:
    end_with_the_command()
    cv2.setNumThreads(1)


def _describe(paths: list[Path]) -> str:
    """Changes with any file's place, size or time, and with what a fingerprint is."""
    lines = [f"{_VERSION} {THUMBNAIL}"]
    for path in paths:
        state = path.stat() if path.is_file() else None
        lines.append(f"{path} {state.st_size} {state.st_mtime_ns}" if state else f"{path} missing")
    return cache_key("\n".join(lines))


def near(hashes: np.ndarray, others: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair (i, j), i < j, whose hashes[i] and others[j] differ in at most ``radius`` bits; exact.

    hashes, others: (N,) uint64 of the same photographs. Returns i, j and the number of bits, each (P,), by i, then j.

    Hashes are cut into pieces, of which one at least must differ in few bits: so only those with a like piece are
    compared (multi-index hashing, Norouzi et al. 2014, arXiv 1307.2982). How many pieces cost least depends on N.
    """
    limits = _limits(len(hashes), radius)
    edges = np.linspace(0, 64, len(limits) + 1).round().astype(int).tolist()
    pieces = [(start, stop, limit) for (start, stop), limit in zip(itertools.pairwise(edges), limits, strict=True)]
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))]
    steps = sum(_ways(stop - start, limit) for start, stop, limit in pieces)
    with tqdm(total=steps, desc="Comparing hashes", unit="step", leave=False, delay=2, disable=None) as bar:
        for number, (start, stop, limit) in enumerate(pieces):
            for i, j in _alike(_piece(hashes, start, stop), _piece(others, start, stop), stop - start, limit, bar):
                differing = hashes[i] ^ others[j]
                bits = np.bitwise_count(differing)
                keep = (bits <= radius) & (i < j)
                i, j, bits, differing = i[keep], j[keep], bits[keep], differing[keep]
                new = np.ones(len(i), dtype=bool)  # not found by an earlier piece already
                for earlier, end, most in pieces[:number]:
                    new &= np.bitwise_count(_piece(differing, earlier, end)) > most
                found.append((i[new], j[new], bits[new]))
    i, j, bits = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((j, i))
    return i[order], j[order], bits[order].astype(np.int64)


def _limits(count: int, radius: int) -> list[int]:
    """For each piece the most bits in which it may differ; with these no pair within ``radius`` is missed."""

    def cost(limits: list[int]) -> float:
        width = 64 / len(limits)
        return sum(_ways(round(width), limit) for limit in limits) * (1 + 2 * count / 2**width)

    choices = []
    for pieces in range(3, 9):
        least, rest = divmod(radius, pieces)
        choices.append([least if number <= rest else least - 1 for number in range(pieces)])
    return min(choices, key=cost)


def _ways(width: int, limit: int) -> int:
    return sum(math.comb(width, flipped) for flipped in range(limit + 1))


def _piece(hashes: np.ndarray, start: int, stop: int) -> np.ndarray:
    return ((hashes >> np.uint64(start)) & np.uint64((1 << (stop - start)) - 1)).astype(np.uint32)


def _alike(
    keys: np.ndarray, others: np.ndarray, width: int, limit: int, bar: tqdm
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All (i, j) of keys[i] and others[j], ``width`` bits each, that differ in at most ``limit``, some at a time."""
    by_key, by_other = np.argsort(keys, kind="stable"), np.argsort(others, kind="stable")
    keys = keys[by_key]
    first = np.zeros((1 << width) + 1, np.int32)  # small, for it is looked up all over
    np.cumsum(np.bincount(others, minlength=1 << width), out=first[1:])
    for flipped in range(limit + 1):
        for bits in itertools.combinations(range(width), flipped):
            wanted = keys ^ np.uint32(sum(1 << bit for bit in bits))
            begin, count = first[wanted], first[wanted + 1]
            count -= begin
            some = np.flatnonzero(count)
            ends = np.cumsum(count[some])
            bar.update()
            most = int(ends[-1]) if len(ends) else 0
            for part in np.split(some, np.searchsorted(ends, range(_AT_ONCE, most, _AT_ONCE))):
                many = count[part]
                within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
                yield np.repeat(by_key[part], many), by_other[np.repeat(begin[part], many) + within]


def texture(thumbnail: np.ndarray) -> np.ndarray:
    """(64, 64) float32: fine detail at equal local contrast, faded towards the edges, of length 1 (0 if flat)."""
    grey = thumbnail.astype(np.float32)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 2)
    # The 2 grey levels keep the noise of plain skin from being blown up to full contrast.
    detail /= np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 4)) + 2
    detail = (detail - (detail * _WINDOW).sum() / _WINDOW.sum()) * _WINDOW
    return detail / (np.linalg.norm(detail) + 1e-3)


_WINDOW = np.outer(np.hanning(THUMBNAIL + 2)[1:-1], np.hanning(THUMBNAIL + 2)[1:-1]).astype(np.float32)


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(P,) correlation, -1…1, of (P, 64, 64) textures at the best shift of at most MOST_SHIFT pixels either way."""
    spectrum = fft.rfft2(first) * fft.rfft2(second).conj()
    plane = fft.irfft2(spectrum, s=first.shape[-2:])
    shifts = np.arange(-MOST_SHIFT, MOST_SHIFT + 1)
    return plane[:, shifts][:, :, shifts].max(axis=(1, 2))


def pairs(prints: Fingerprints) -> pd.DataFrame:
    """Near-duplicate pairs: i and j (positions, i < j), bits, correlation, orientation (of j against i, see orient).

    A pair found in several orientations comes once, with its best correlation. Refused photographs have no pairs.
    """
    opened = np.flatnonzero([code == "" for code in prints.refused])
    textures = np.stack([texture(prints.thumbnails[k]) for k in opened]) if len(opened) else np.zeros((0, 64, 64))
    hashes = prints.hashes[opened]
    found = []
    for orientation in tqdm(range(8), desc="Checking near-duplicates", unit="orientation"):
        radius, least = (
            (UPRIGHT_RADIUS, UPRIGHT_CORRELATION) if orientation == 0 else (TURNED_RADIUS, TURNED_CORRELATION)
        )
        i, j, bits = near(hashes[:, 0], hashes[:, orientation], radius)
        value = np.zeros(len(i), np.float32)
        for start in range(0, len(i), 256):
            part = slice(start, start + 256)
            value[part] = correlations(textures[i[part]], orient(textures[j[part]], orientation))
        keep = value >= least
        found.append(
            pd.DataFrame(
                {
                    "i": opened[i[keep]],
                    "j": opened[j[keep]],
                    "bits": bits[keep],
                    "correlation": value[keep].astype(float).round(3),
                    "orientation": orientation,
                }
            )
        )
    table = pd.concat(found).sort_values(["i", "j", "correlation"], ascending=[True, True, False], kind="stable")
    return table.drop_duplicates(["i", "j"]).reset_index(drop=True)


def join(count: int, links: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(count,) int numbers of the groups that links (pairs of position arrays) join, in order of first appearance."""
    i, j = np.concatenate([np.zeros((2, 0), np.int64), *(np.asarray(link, np.int64) for link in links)], axis=1)
    _, labels = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(count, count)), directed=False)
    return pd.factorize(labels)[0]
