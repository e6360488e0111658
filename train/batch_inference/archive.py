"""What is to be scored: a folder of photographs, or Parquet files that hold them, as blocks for Ray Data.

A photograph's position in its archive is its identity, so that an archive may hold the same file or name twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skin_model.command_line import printable
from skin_model.diagnoses import DIAGNOSES
from skin_model.network import hub
from skin_model.photo.folders import ENDINGS, list_folder
from train import UserError
from train.data import catalogue, hub_datasets
from train.data.hub_datasets import BENIGN_OR_MALIGNANT
from train.data.labels import NoLabel, Told, answer, meaning, settle
from train.data.labels.meaning import BENIGN, MALIGN

BLOCK = 32
"""Photographs in a block: seconds of work for an actor."""
TEXTS: tuple[str, ...] = (
    *("source", "image_id", "lesion_id", "patient_id", "group", "diagnosis"),
    *("modality", "confirmed_by", "age", "sex", "site", "fitzpatrick"),
)
"""What may be known of a photograph, as text, "" where it is not; ``malignant`` besides, 0, 1 or None."""
NAMES = ("file", "file_name", "path", "image_id", "id")
"""Columns of a Parquet file that name its photographs, the first that there is."""


@dataclass(frozen=True)
class Stored:
    """One photograph where it lies: a path, or its bytes. known: TEXTS and malignant, as far as there are."""

    position: int
    file: str
    content: Path | bytes
    known: dict[str, Any] = field(default_factory=dict)


class Archive(Protocol):
    """Photographs in a fixed order. digest: SHA-256 of which they are, and in which order. not_entered: folders that
    may not be entered, whose photographs nobody can count.
    """

    photographs: int
    digest: str
    not_entered: list[str]

    def blocks(self, missing: np.ndarray) -> Iterator[pa.Table]:
        """Tables of up to BLOCK photographs each. missing: (photographs,) bool, those that are wanted."""

    def read(self, block: pa.Table) -> Iterator[Stored]:
        """The photographs of a block, read where this is called: on any machine of a cluster."""


def open_archive(data: str) -> Archive:
    """A folder, ``hub:OWNER/DATASET[@REVISION]``, or Parquet files by name or pattern; raises UserError."""
    if data.startswith(hub_datasets.PREFIX):
        repo, snapshot = hub_datasets.download(data)
        files = sorted((snapshot / hub_datasets.DATA).glob("*.parquet"))
        if not files:
            raise UserError(f"{repo} holds no {hub_datasets.DATA}/….parquet, and so no photographs that are read here.")
        return ParquetArchive(files, repo, snapshot.name)
    if Path(data).is_dir():
        return FolderArchive(Path(data))
    pattern = Path(data)
    fixed = Path(*takewhile(lambda part: not set(part) & set("*?["), pattern.parts[:-1]))
    files = [file for file in sorted(fixed.glob(str(pattern.relative_to(fixed)))) if file.suffix == ".parquet"]
    if not files:
        raise UserError(
            f"There is no folder and no Parquet file {data}. Name a folder of photographs, 'shards/*.parquet' in "
            "quotes, or hub:OWNER/DATASET."
        )
    return ParquetArchive([file.resolve() for file in files])


class FolderArchive:
    """Every photograph below a folder, sorted by path, with the labels of its layout, where that is a known one."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where it holds no photographs."""
        self.root = folder.resolve()
        listed = list_folder(self.root)
        dead = [path for path in listed.unreadable if path.suffix.lower() in ENDINGS]  # links: counted as unreadable
        self.not_entered = [printable(str(path)) for path in listed.unreadable if (self.root / path).is_dir()]
        found = sorted([*listed.photos, *dead])
        if not found:
            raise UserError(f"{folder} holds no photographs (JPEG, PNG, WebP or HEIC).")
        self._files = [path.as_posix() for path in found]
        self.photographs = len(self._files)
        self.digest = _digest(self._files)
        self._known = _labels(self.root, self._files)

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}  # what an actor needs

    def blocks(self, missing: np.ndarray) -> Iterator[pa.Table]:
        """As ``Archive`` says; what is known of the photographs travels with them."""
        wanted = np.flatnonzero(missing)
        for start in range(0, len(wanted), BLOCK):
            at = wanted[start : start + BLOCK]
            known = {} if self._known is None else self._known.iloc[at].to_dict("list")
            yield pa.table({"position": at, "file": [self._files[k] for k in at], **known})

    def read(self, block: pa.Table) -> Iterator[Stored]:
        """As ``Archive`` says. Raises UserError where this machine does not have the folder."""
        if not self.root.is_dir():
            raise UserError(f"it has no folder {self.root}; share it among the machines under the same name")
        for row in block.to_pylist():
            position, file = row.pop("position"), row.pop("file")
            yield Stored(position, printable(file), self.root / file, row)


class ParquetArchive:
    """Photographs inside Parquet files, with what further columns know of them.

    A photograph is a column of bytes or of {bytes, path}, as the Hub's data sets have it. repo, commit: where the files
    are from; a machine of the cluster that lacks one fetches it.
    """

    def __init__(self, files: Sequence[Path], repo: str | None = None, commit: str | None = None) -> None:
        """Raises UserError where a file is no Parquet file, or holds no photographs."""
        self.repo, self.commit, self.not_entered = repo, commit, []
        self._groups: list[tuple[Path, int, int]] = []
        for file in files:
            try:
                described = pq.ParquetFile(file)
            except (OSError, pa.ArrowInvalid) as problem:
                raise UserError(f"{file} cannot be read as Parquet: {hub.first_line(problem)}") from None
            _picture_column(described.schema_arrow, file)
            sizes = [described.metadata.row_group(k).num_rows for k in range(described.num_row_groups)]
            self._groups += [(file, number, rows) for number, rows in enumerate(sizes)]
        self.photographs = sum(rows for _, _, rows in self._groups)
        if not self.photographs:
            raise UserError(f"{files[0].parent} holds no photographs: its Parquet files have no rows.")
        self.digest = _digest(f"{file.name} {number} {rows}" for file, number, rows in self._groups)

    def __getstate__(self) -> dict[str, Any]:
        return {"repo": self.repo, "commit": self.commit}  # what an actor needs

    def blocks(self, missing: np.ndarray) -> Iterator[pa.Table]:
        """As ``Archive`` says; no block reaches from one row group into another."""
        first = 0
        for file, number, rows in self._groups:
            for start in range(0, rows, BLOCK):
                at = start + np.flatnonzero(missing[first + start : first + min(start + BLOCK, rows)])
                if len(at):
                    same = {"place": [str(file)] * len(at), "row_group": [number] * len(at)}
                    yield pa.table({"position": first + at, **same, "row": at})
            first += rows

    def read(self, block: pa.Table) -> Iterator[Stored]:
        """As ``Archive`` says; at most BLOCK photographs are in memory. Raises UserError where a file is not there."""
        place = Path(block["place"][0].as_py())
        opened = pq.ParquetFile(self._here(place))
        wanted = dict(zip(block["row"].to_pylist(), block["position"].to_pylist(), strict=True))
        schema = opened.schema_arrow
        picture, names = _picture_column(schema, place), _class_names(schema)
        columns = [name for name in schema.names if name in {picture, *NAMES, *TEXTS, "malignant"}]
        batches = opened.iter_batches(BLOCK, row_groups=[block["row_group"][0].as_py()], columns=columns)
        number = -1
        for batch in batches:
            if not any(number < row <= number + batch.num_rows for row in wanted):
                number += batch.num_rows
                continue
            for row in batch.to_pylist():
                number += 1
                if number in wanted:
                    yield _stored(wanted[number], row, picture, names, f"{place.name}#{wanted[number]}")

    def _here(self, file: Path) -> Path:
        """The file on this machine."""
        if file.is_file():
            return file
        if self.repo is None:
            raise UserError(f"it has no file {file}; share the archive among the machines under the same name")
        name = f"{hub_datasets.DATA}/{file.name}"
        try:
            return hub.data_set(self.repo, self.commit, [name]) / name
        except hub.HubError as problem:
            raise UserError(str(problem)) from None


def _stored(position: int, row: dict[str, Any], picture: str, names: dict[str, list[str]], unnamed: str) -> Stored:
    held = row[picture]
    content = held.get("bytes") if isinstance(held, dict) else held
    inside = held.get("path") if isinstance(held, dict) else None
    name = next((str(row[column]) for column in NAMES if row.get(column)), inside or unnamed)
    known = {column: _text(row.get(column), names.get(column)) for column in TEXTS}
    diagnosis, malignant = known["diagnosis"], _text(row.get("malignant"), names.get("malignant"))
    said = answer(malignant)
    told = [Told("diagnosis", diagnosis, meaning(diagnosis))] if diagnosis else []
    told += [] if said is None else [Told("malignant", malignant, MALIGN if said else BENIGN)]
    try:
        known["diagnosis"], known["malignant"] = settle(told)
    except NoLabel:
        known |= {"diagnosis": "", "malignant": None}
    return Stored(position, printable(name), content or b"", known)


def _text(value: Any, names: list[str] | None) -> str:
    """A cell as text; names: of its classes, where it holds their numbers."""
    if value is None or value == "":
        return ""
    return names[value] if names is not None and isinstance(value, int) and 0 <= value < len(names) else str(value)


def _picture_column(schema: pa.Schema, file: Path) -> str:
    for kind in schema:
        if pa.types.is_struct(kind.type) and kind.type.get_field_index("bytes") >= 0:
            return kind.name
    for kind in schema:
        if pa.types.is_binary(kind.type) or pa.types.is_large_binary(kind.type):
            return kind.name
    raise UserError(f"{file} holds no photographs: no column has bytes. Its columns are {', '.join(schema.names)}.")


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Column -> the names of its classes, as the Hub's data sets note them; this project's own where nothing is."""
    usual = {"malignant": list(BENIGN_OR_MALIGNANT), "diagnosis": list(DIAGNOSES)}
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return usual | {name: kind["names"] for name, kind in noted.items() if "names" in kind}
    except (KeyError, TypeError, ValueError):
        return usual


def _labels(root: Path, files: Sequence[str]) -> pd.DataFrame | None:
    """TEXTS and malignant of every file, a row each; None where the folder has no layout that is known, or no label."""
    try:
        rows, _ = catalogue.read_all([root])
    except catalogue.CatalogueError:
        return None
    rows = rows[rows["root"] == str(root)].drop_duplicates("file").set_index("file")
    known = rows.reindex(columns=list(TEXTS), fill_value="").astype(str).reindex(files, fill_value="")
    malignant = rows["malignant"].astype(int).to_dict()
    return known.assign(malignant=pd.Series([malignant.get(file) for file in files], files, dtype=object))


def _digest(lines: Iterator[str] | Sequence[str]) -> str:
    found = hashlib.sha256()
    for line in lines:
        found.update(line.encode(errors="surrogateescape") + b"\n")
    return found.hexdigest()
