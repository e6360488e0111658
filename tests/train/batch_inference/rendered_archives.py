"""Archives of drawn photographs, and scores as the command line writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from skin_model.assess import Assessment, Assessor, opened
from tests.train.rendered_folders import skin, write

FIELDS = ("file", "risk", "risk_with_context", "band", "diagnoses", "border", "crop", "located", "problems", "refused")
FIELDS += ("message",)


def write_archive(folder: Path, count: int) -> Path:
    """``count`` photographs of skin, no two alike, one file that is cut off, and one that is empty."""
    for k in range(count):
        write(folder / f"{k % 3}/{k:03d}.jpg", skin(k, 112, mole=k % 4 != 0))
    whole = (folder / "0/000.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    return folder


def lines_of_one_process(folder: Path) -> list[str]:
    """What ``python -m skin_model --json`` prints of a folder's photographs, by their paths in it, sorted."""
    assessor = Assessor.load()
    lines = []
    for file in sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png")):
        photo = opened(file)
        found = photo if isinstance(photo, Assessment) else assessor.assess(photo)
        lines.append(json.dumps(found.to_json(file.relative_to(folder).as_posix())))
    return sorted(lines)


def lines_of(scores: pa.Table) -> list[str]:
    """Rows of shards as those lines."""
    lines = []
    for row in scores.select(FIELDS).to_pylist():
        row["diagnoses"] = None if row["diagnoses"] is None else dict(row["diagnoses"])
        lines.append(json.dumps(row))
    return sorted(lines)


def write_parquet(where: Path, pictures: list[bytes], **columns: list) -> Path:
    """A Parquet file with a column image of {bytes, path}, in row groups of 40."""
    where.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": content, "path": None} for content in pictures]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(images, kind), **columns})
    pq.write_table(table, where, row_group_size=40)
    return where
