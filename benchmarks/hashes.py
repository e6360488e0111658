"""Near-duplicates among many perceptual hashes, and hashing photographs, against the usual libraries."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.photo import jpeg
from benchmarks.table import write
from train.data import near_duplicates as duplicates

RADIUS = 8
SMALL = 2_000
"""Hashes that the pairwise loop is timed on; it takes time by their square, so more are worked out from these."""


def hashes(count: int) -> np.ndarray:
    """(count,) uint64: random ones, a tenth of them near-copies of others, by up to twelve bits."""
    rng = np.random.default_rng(0)
    made = rng.integers(0, 2**64, count, dtype=np.uint64)
    copies = rng.permutation(count)[: count // 10]
    flips = np.zeros(len(copies), np.uint64)
    for _ in range(12):
        flips ^= np.where(
            rng.random(len(copies)) < 0.7, np.uint64(1) << rng.integers(0, 64, len(copies), dtype=np.uint64), 0
        )
    made[copies] = made[rng.integers(0, count, len(copies))] ^ flips
    return made


def by_faiss(of: np.ndarray) -> np.ndarray:
    """The same pairs by faiss, all compared with all: (P, 2)."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(64)
    bits = of.view(np.uint8).reshape(-1, 8)
    index.add(bits)
    found = []
    for start in range(0, len(bits), 2_000):
        limits, _, others = index.range_search(bits[start : start + 2_000], RADIUS + 1)
        first = np.repeat(np.arange(start, min(start + 2_000, len(bits))), np.diff(limits.astype(np.int64)))
        found.append(np.stack([first, others], axis=1)[others > first])
    return np.concatenate(found)


def by_loop(of: np.ndarray) -> list[tuple[int, int]]:
    """The same pairs as imagehash's own objects are compared: one pair after the other."""
    import imagehash

    as_objects = [imagehash.hex_to_hash(f"{int(value):016x}") for value in of]
    return [
        (i, j)
        for i, one in enumerate(as_objects)
        for j in range(i + 1, len(as_objects))
        if one - as_objects[j] <= RADIUS
    ]


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call takes, and what it gives."""
    began = time.perf_counter()
    given = call()
    return time.perf_counter() - began, given


def searching(largest: int, faiss_up_to: int) -> list[dict[str, Any]]:
    """Rows for growing numbers of hashes; raises AssertionError where two ways disagree."""
    loop, slow = seconds(lambda: by_loop(hashes(SMALL)))
    i, j, _ = duplicates.near(hashes(SMALL), hashes(SMALL), RADIUS)
    assert slow == list(zip(i.tolist(), j.tolist(), strict=True)), "the loop finds other pairs"
    rows: list[dict[str, Any]] = []
    for count in [n for n in (SMALL, 45_000, 200_000, 1_000_000) if n <= largest]:
        made = hashes(count)
        took, (i, j, _) = seconds(lambda made=made: duplicates.near(made, made, RADIUS))
        row: dict[str, Any] = {
            "hashes": count,
            "pairs": len(i),
            "ours s": took,
            "imagehash loop s": loop * (count / SMALL) ** 2,
        }
        if rows:
            row["grows as n to the"] = np.log(took / rows[-1]["ours s"]) / np.log(count / rows[-1]["hashes"])
        if count <= faiss_up_to:
            row["faiss s"], found = seconds(lambda made=made: by_faiss(made))
            assert sorted(map(tuple, found.tolist())) == list(zip(i.tolist(), j.tolist(), strict=True)), "faiss differs"
        rows.append(row)
    return rows


def large_photos(folder: Path, count: int = 160) -> list[Path]:
    """Rendered photos of 12 megapixels, eight images under many names."""
    files = []
    for number in range(count):
        file = folder / f"{number:04}.jpg"
        if number < 8:
            file.write_bytes(jpeg(4000 - 16 * number, 3000))
        else:
            os.link(files[number % 8], file)
        files.append(file)
    return files


def hashing(name: str, files: list[Path]) -> dict[str, Any]:
    """Photographs hashed in eight orientations on all cores, with reduced decode, and by imagehash alone, in one."""
    import imagehash

    took, prints = seconds(lambda: duplicates.fingerprints(files))
    plain, values = seconds(lambda: [int(str(imagehash.phash(Image.open(file))), 16) for file in files])
    theirs = np.array(values, np.uint64)
    bits = np.bitwise_count(prints.hashes[:, 0] ^ theirs)
    ours = duplicates.near(prints.hashes[:, 0], prints.hashes[:, 0], RADIUS)
    same = duplicates.near(theirs, theirs, RADIUS)
    groups = [duplicates.join(len(files), [(i, j)]) for i, j, _ in (ours, same)]
    return {
        "photographs": name,
        "number": len(files),
        "ours s": took,
        "imagehash s": plain,
        "times faster": plain / took,
        "hashes alike within 2 bits": float((bits <= 2).mean()),
        "groups, ours": int(groups[0].max()) + 1,
        "groups, imagehash": int(groups[1].max()) + 1,
    }


def near_duplicates(
    largest: Annotated[int, typer.Option(help="The most hashes that are searched.")] = 1_000_000,
    faiss_up_to: Annotated[int, typer.Option(help="The most hashes that faiss searches too.")] = 200_000,
    data: Annotated[Path | None, typer.Option(help="A folder of photographs to hash.")] = None,
    most: Annotated[int, typer.Option(help="How many of them.")] = 4_000,
) -> None:
    """All near-duplicates within 8 bits among up to a million hashes, against imagehash's loop and faiss."""
    write(
        "near_duplicates",
        searching(largest, faiss_up_to),
        note=f"The loop is timed on {SMALL} hashes, beyond that worked out.",
    )
    with tempfile.TemporaryDirectory() as scratch:
        rows = [hashing("12 megapixels, rendered", large_photos(Path(scratch)))]
    if data is not None:
        rows.append(hashing(data.name, sorted(data.rglob("*.jpg"))[:most]))
    write("hashing", rows, note="" if data else "Name photographs with --data to time hashing them too.")
