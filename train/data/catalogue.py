"""One table of photographs and labels, whatever layout the data came in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skin_model.command_line import printable
from train.data.data_folder import COLUMNS, Collected, DataFolder, existing_folder, is_utf_8
from train.data.labels import CatalogueError
from train.data.layouts import CLASS_FOLDERS, LAYOUTS, NAMED_PHOTOGRAPHS, Layout
from train.data.tables import read_text_table

__all__ = [
    "COLUMNS",
    "FAMILIES",
    "LEFT_OUT",
    "TEST_ONLY",
    "CatalogueError",
    "Survey",
    "family",
    "read",
    "read_all",
    "survey",
]

LEFT_OUT = ("root", "file", "source", "image_id", "diagnosis", "malignant", "reason")
"""Columns of the rows that are left out."""
_TABLES = frozenset((".csv", ".tsv", ".tab", ".data", ".dat", ".jsonl", ".ndjson"))
_WORKBOOKS = frozenset((".xlsx", ".xls", ".ods", ".numbers"))
_COLUMNAR = frozenset((".parquet", ".arrow", ".feather"))
_PACKED = _WORKBOOKS | _COLUMNAR | {".zip", ".tar", ".gz", ".bz2", ".xz", ".tgz", ".7z", ".rar", ".hdf5", ".h5", ".npz"}
"""Endings of files that hold photographs or tables in a form that is not read here."""
FAMILIES: dict[str, str] = {
    "ham10000": "ham10000",
    "ham10000_28x28": "ham10000",
    "isic_2016": "isic_2017",
    "isic_2017": "isic_2017",
    "isic_archive": "isic_2017",
    "siim_isic_2020": "siim_acral",
    "isic_acral_ids": "siim_acral",
    "isic_acral_barcelona": "siim_acral",
    "isic_acral_imperial": "siim_acral",
    "isic_acral_other": "siim_acral",
    "pad_ufes_20": "pad_ufes_20",
}
"""Sources that share centres, and so looks and patients."""

TEST_ONLY: frozenset[str] = frozenset({"kaggle_melanoma_120"})
"""Sources that are only ever tested on: their border tells the class."""


def family(source: str) -> str:
    """The centre family of a source; a source not in FAMILIES is its own."""
    return FAMILIES.get(source, source)


@dataclass(frozen=True)
class Survey:
    """What several data folders hold.

    rows: columns COLUMNS; malignant is int 0/1, everything else text, "" where unknown; root is the absolute folder
    that file is relative to. left_out: columns LEFT_OUT, all text; rows without a usable label or without their
    photograph. labels: (upstream's label, what it was taken for) -> photographs. unlabelled: data folder -> (those of
    which nobody could tell benign from malignant, all that were found). ignored: data folder -> a sentence, after a
    space, that names columns of its tables which were taken for nothing, "" without any. not_looked_at: data folder ->
    kind -> paths of what was not used. empty: a sentence for every folder without a usable photograph.
    """

    rows: pd.DataFrame
    left_out: pd.DataFrame
    labels: Counter[tuple[str, str]]
    unlabelled: dict[str, tuple[int, int]]
    ignored: dict[str, str]
    not_looked_at: dict[str, dict[str, list[str]]]
    empty: list[str]


def read(folder: Path, work: Path | None = None) -> pd.DataFrame:
    """Every usable labelled photograph of a data folder, its layout autodetected; see read_all for what it refuses."""
    return read_all([folder], work)[0]


def read_all(folders: Sequence[Path], work: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The catalogue of several data folders, and the rows left out, as ``survey`` has them.

    Raises CatalogueError for what ``survey`` refuses, and where a folder has no usable photograph.
    """
    found = survey(folders, work)
    if found.empty:
        raise CatalogueError(found.empty[0])
    return found.rows, found.left_out


def survey(folders: Sequence[Path], work: Path | None = None) -> Survey:
    """Read several data folders.

    work: a folder to unpack photographs into that come as numbers in a table; without one such data is refused.
    Raises CatalogueError where a folder is missing, of no known layout, or of several at once.
    """
    tables, left_out, empty = [], [], []
    labels: Counter[tuple[str, str]] = Counter()
    unlabelled, ignored, not_looked_at = {}, {}, {}
    roots: set[Path] = set()
    for folder in folders:
        root = existing_folder(folder)
        if not is_utf_8(str(root)):
            raise CatalogueError(f"The name of {printable(str(root))} is not UTF-8; rename it.")
        if root in roots:
            raise CatalogueError(f"The data folder {folder} is given twice; give each folder once.")
        roots.add(root)
        data = DataFolder(root, work)
        layout = _read(data)
        found = data.collected()
        if not found.rows:
            looks = f"{folder} looks like {layout.described}, but no labelled photograph was found."
            empty.append(looks + _why(data, found))
        tables.append(pd.DataFrame(found.rows, columns=list(COLUMNS)))
        left_out += found.left_out
        labels += found.labels
        unlabelled[str(root)] = (found.unlabelled, found.labels.total())
        ignored[str(root)] = found.ignored
        not_looked_at[str(root)] = data.not_looked_at()
    if not tables:
        raise CatalogueError("No data folder was given.")
    rows = pd.concat(tables, ignore_index=True)
    again = _again(rows) if len(tables) > 1 else np.zeros(len(rows), bool)
    reason = "in another data folder too"
    left_out += rows[again].reindex(columns=list(LEFT_OUT)).assign(reason=reason).to_dict("records")
    return Survey(
        rows[~again].reset_index(drop=True),
        pd.DataFrame(left_out, columns=list(LEFT_OUT)).astype(str),
        labels,
        unlabelled,
        ignored,
        not_looked_at,
        empty,
    )


def _again(rows: pd.DataFrame) -> np.ndarray:
    """(N,) whether a row's file is an earlier row's with the same label, where data folders lie in or link to others.

    With another label both stay, to be left out together as conflicting near-duplicates.
    """
    places = [str((Path(root) / file).resolve()) for root, file in zip(rows["root"], rows["file"], strict=True)]
    return rows[["diagnosis", "malignant"]].assign(place=places).duplicated().to_numpy()


def _why(data: DataFolder, found: Collected) -> str:
    """Why nothing was found: the reasons with an example each, and archives that nobody unpacked."""
    told = {str(row["reason"]).partition(" (")[0]: row for row in reversed(found.left_out)}
    reasons = [f"{row['reason']} ({row['image_id']})" for _, row in sorted(told.items())[:3]]
    ignored = found.ignored if found.unlabelled else ""
    if not found.left_out and data.tables_read:
        ignored += f" {data.tables_read[0]} has no rows."
    return (f" Every row was left out: {'; '.join(reasons)}." if reasons else "") + ignored + _packed(data)


def _packed(data: DataFolder) -> str:
    packed = [path for path in data.other_files if path.suffix.lower() in _PACKED]
    if not packed:
        return ""
    mend = "unpack it"
    if packed[0].suffix.lower() in _WORKBOOKS:
        mend = "save it as CSV"
    elif packed[0].suffix.lower() in _COLUMNAR:
        mend = "save its table as CSV and its photographs as files"
    return f" {packed[0]} in it was not looked at; {mend} first."


def _read(data: DataFolder) -> Layout:
    """Collect what a folder holds and return its layout: that of its tables, unless they name none of its photographs
    and its folders tell their classes.
    """
    layout, *others = _recognise(data)
    layout.read(data)
    if CLASS_FOLDERS in others and not data.found_any:
        data.set_tables_aside()
        layout = CLASS_FOLDERS
        layout.read(data)
    return layout


def _recognise(data: DataFolder) -> list[Layout]:
    """The layout of a folder, and those that it holds beside its own tables."""
    found = [layout for layout in LAYOUTS if layout.recognise(data)]
    if not found and NAMED_PHOTOGRAPHS.recognise(data):
        return [NAMED_PHOTOGRAPHS]
    if not found:
        for path in data.other_files:
            if path.suffix.lower() in _TABLES and path not in data.headers:
                read_text_table(data.root / path)  # says what is wrong with it
        known = "; ".join(layout.described for layout in (*LAYOUTS, NAMED_PHOTOGRAPHS))
        raise CatalogueError(f"{data.root} has no layout that is known.{_seen(data)} Known are: {known}.")
    first = found[0]
    clashing = [layout for layout in found[1:] if layout.name not in first.contains]
    if clashing:
        names = " and ".join(layout.described for layout in (first, *clashing))
        raise CatalogueError(f"{data.root} looks like several data sets at once: {names}. Give each its own folder.")
    return found


def _seen(data: DataFolder) -> str:
    """What lies in a folder of no known layout, as far as it helps to see what is wrong with it."""
    said = f" It holds {len(data.pictures)} photographs"
    folders = sorted({path.parent.name for path in data.pictures if path.parent.name})
    said += f" in folders named {', '.join(folders[:6])}{' …' if len(folders) > 6 else ''}" if folders else ""
    tables = [f"{path} ({', '.join(cells[:6])})" for path, cells in data.headers.items() if len(cells) > 1]
    said += f" and the tables {'; '.join(tables[:3])}." if tables else "."
    whole = [path for path, cells in data.headers.items() if len(cells) == 1]
    if listless := [path for path in whole if path.suffix.lower() == ".json"]:
        said += f" {listless[0]} is no list of JSON objects."
    whole = [path for path in whole if path.suffix.lower() in _TABLES]
    if whole:
        said += f" Nothing separates the cells of {whole[0]} (no comma, semicolon, tab or bar in its first line)."
    for path in data.other_files:
        target = data.link_in_words(path)
        if target:
            said += f" {path} is a text with the path {target}, as copied links are; make it a link or a folder again."
            break
    return said + _packed(data)
