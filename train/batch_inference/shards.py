"""Scores on disk: Parquet shards written aside and renamed, which say by themselves what is still missing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skin_model.atomic_files import replacing, write_bytes, write_json
from train import UserError
from train.batch_inference.scorer import OVERLAY, SCHEMA

KEY_FILE = "scores.json"
SHARDS = "shards"
OVERLAYS = "overlays"
SHARD_ROWS = 5000
SHARD_SECONDS = 60
"""So much work is lost at most where the power fails; Ctrl-C loses only what Ray has in hand."""


class ScoreShards:
    """The scores of one archive in a folder. done: (photographs,) bool, those that are on disk or waiting for it."""

    def __init__(self, out: Path, key: dict[str, object], photographs: int) -> None:
        """key: what decides the scores, JSON-ready. Raises UserError where the folder holds others."""
        self.out, self.folder = out, out / SHARDS
        file = out / KEY_FILE
        if file.is_file():
            try:
                kept = json.loads(file.read_text())
            except ValueError:
                kept = None
            if kept != key:
                differing = [name for name in key if not isinstance(kept, dict) or kept.get(name) != key[name]]
                raise UserError(
                    f"{out} holds scores of something else: another {' and '.join(differing or ['form'])}. "
                    "Choose another folder with --out."
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(file, key)
        self.done = np.zeros(photographs, bool)
        self._number, self._waiting, self._written = 0, [], time.monotonic()
        for shard in self._files():
            self._number = int(shard.stem.rpartition("-")[2]) + 1
            self.done[_read(shard, ["position"])["position"].to_numpy()] = True

    def add(self, scored: pa.Table) -> int:
        """Take scores in, overlays too; returns how many photographs are new. Those that are there are passed over."""
        new = ~self.done[scored["position"].to_numpy()]
        scored = scored.filter(pa.array(new))
        if OVERLAY.name in scored.column_names:
            for position, drawn in zip(scored["position"].to_pylist(), scored[OVERLAY.name].to_pylist(), strict=True):
                if drawn is not None:
                    write_bytes(self.overlay_file(position), drawn)
            scored = scored.drop_columns([OVERLAY.name])
        self.done[scored["position"].to_numpy()] = True
        self._waiting.append(scored.cast(SCHEMA))
        late = time.monotonic() - self._written > SHARD_SECONDS
        if late or sum(table.num_rows for table in self._waiting) >= SHARD_ROWS:
            self.flush()
        return int(new.sum())

    def flush(self) -> None:
        """Write what waits as one shard."""
        waiting = pa.concat_tables(self._waiting).sort_by("position") if self._waiting else None
        if waiting is not None and waiting.num_rows:
            with replacing(self.folder / f"scores-{self._number:06d}.parquet") as aside:
                pq.write_table(waiting, aside, compression="zstd")
            self._number += 1
        self._waiting, self._written = [], time.monotonic()

    def overlay_file(self, position: int) -> Path:
        """Where the overlay of a photograph lies, a thousand in a folder."""
        return self.out / OVERLAYS / f"{position // 1000:04d}" / f"{position:07d}.png"

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """What is on disk, shard by shard."""
        for shard in self._files():
            yield _read(shard, columns)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("scores-*.parquet"))


def _read(shard: Path, columns: list[str] | None) -> pa.Table:
    try:
        return pq.read_table(shard, columns=columns)
    except (OSError, pa.ArrowInvalid):
        raise UserError(f"{shard} is damaged. Delete it; the same command scores its photographs again.") from None


def read_scores(out: Path) -> pa.Table:
    """All scores of a folder in the archive's order; for archives that fit into memory."""
    shards = sorted((out / SHARDS).glob("scores-*.parquet"))
    return pa.concat_tables([_read(shard, None) for shard in shards]).sort_by("position")


def kinds(table: pa.Table) -> dict[str, np.ndarray]:
    """(N,) bool each: scored, refused (it has a risk that is not shown), unreadable (it has none); one of them is."""
    known = pc.is_valid(table["risk"]).to_numpy(zero_copy_only=False)
    refused = pc.is_valid(table["refused"]).to_numpy(zero_copy_only=False)
    return {"scored": known & ~refused, "refused": known & refused, "unreadable": ~known}
