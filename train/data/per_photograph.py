"""Figures that are means over photographs: measured one photograph at a time, resumable, with bootstrap intervals."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import replacing, write_csv
from skin_model.pools import thread_pool
from train.digests import cache_key

SAVED_EVERY = 16
"""Photographs between two savings of a resumable table."""


def draw(rows: pd.DataFrame, photographs: int | None, seed: int) -> pd.DataFrame:
    """``photographs`` rows drawn at random in their old order, or all of them where there are no more (or None)."""
    if photographs is None or photographs >= len(rows):
        return rows.reset_index(drop=True)
    return rows.sample(photographs, random_state=seed).sort_index().reset_index(drop=True)


def generator(*names: str) -> np.random.Generator:
    """Random numbers that depend on the names alone, so that a photograph's are the same in every run."""
    return np.random.default_rng(int(cache_key("\0".join(names)), 16))


def kept_arrays(file: Path | None, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What ``make`` gives; kept as the NPZ ``file``, where one is named, so that a repeated call reads it there."""
    if file is None:
        return make()
    if not file.is_file():
        with replacing(file) as aside, aside.open("wb") as stream:
            np.savez(stream, **make())
    with np.load(file) as stored:
        return dict(stored)


def measure_each(
    rows: pd.DataFrame,
    measure: Callable[[Any], list[dict[str, Any]]],
    title: str,
    kept: Path | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """``measure(row)`` of every row under each other, with the column ``position`` of its row in front.

    measure: gives at least one record a row, always with the same keys. kept: a CSV that the records are saved to as
    they come; the same call goes on where an interrupted one stopped, so its name must depend on all that matters.
    threads: how many rows are measured at once; the table is the same.
    """
    records: list[dict[str, Any]] = []
    if kept is not None and kept.is_file():
        records = pd.read_csv(kept).to_dict("records")
    done = records[-1]["position"] + 1 if records else 0

    def outcome(row: Any) -> list[dict[str, Any]] | BaseException:
        # Ctrl-C in a thread would end it without an answer, for which the pool would wait for ever.
        try:
            return measure(row)
        except BaseException as problem:
            return problem

    bar = tqdm(total=len(rows), initial=done, desc=title, unit="photo", file=sys.stderr, disable=None)
    with bar, thread_pool(threads) as pool:
        for position, found in enumerate(pool.imap(outcome, rows.iloc[done:].itertuples(index=False)), start=done):
            if isinstance(found, BaseException):
                raise found
            records += [{"position": position, **record} for record in found]
            bar.update()
            if kept is not None and (position + 1 == len(rows) or (position + 1) % SAVED_EVERY == 0):
                write_csv(kept, pd.DataFrame(records))
    return pd.DataFrame(records)
