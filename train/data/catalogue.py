"""One table of photographs and labels, whatever layout the data came in."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from train.data.data_folder import COLUMNS, DataFolder
from train.data.labels import CatalogueError
from train.data.layouts import LAYOUTS, Layout

__all__ = ["COLUMNS", "FAMILIES", "LEFT_OUT", "TEST_ONLY", "CatalogueError", "family", "read", "read_all"]

LEFT_OUT = ("root", "file", "source", "image_id", "diagnosis", "malignant", "reason")
"""Columns of the rows that are left out."""
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


def read(folder: Path, work: Path | None = None) -> pd.DataFrame:
    """Every usable labelled photograph of a data folder, its layout autodetected; see read_all for what it refuses."""
    return read_all([folder], work)[0]


def read_all(folders: Sequence[Path], work: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The catalogue of several data folders, and the rows left out.

    work: a folder to unpack photographs into that come as numbers in a table; without one such data is refused.
    Returns (catalogue, left_out). Catalogue columns are COLUMNS: malignant is int 0/1, everything else text, "" where
    unknown; root is the absolute folder that file is relative to. left_out has root, file, source, image_id,
    diagnosis, malignant ("" where unknown) and reason: rows without a usable label or without their photograph.
    Raises CatalogueError where a folder is missing, of no known layout, of several at once, or empty of labels.
    """
    tables, left_out = [], []
    roots: set[Path] = set()
    for folder in folders:
        root = Path(folder).expanduser().resolve()
        if not root.is_dir():
            kind = "file" if folder.suffix.lower() == ".csv" else "data folder"
            raise CatalogueError(f"There is no {kind} {folder}.")
        if root in roots:
            raise CatalogueError(f"The data folder {folder} is given twice; give each folder once.")
        roots.add(root)
        data = DataFolder(root, work)
        layout = _recognise(data)
        layout.read(data)
        if not data.rows:
            reasons = sorted({row["reason"] for row in data.left_out})
            why = f" Every row was left out: {'; '.join(reasons[:3])}." if reasons else ""
            raise CatalogueError(f"{folder} looks like {layout.described}, but no labelled photograph was found.{why}")
        tables.append(pd.DataFrame(data.rows, columns=list(COLUMNS)))
        left_out += data.left_out
    if not tables:
        raise CatalogueError("No data folder was given.")
    return pd.concat(tables, ignore_index=True), pd.DataFrame(left_out, columns=list(LEFT_OUT)).astype(str)


def _recognise(data: DataFolder) -> Layout:
    found = [layout for layout in LAYOUTS if layout.recognise(data)]
    if not found:
        known = "; ".join(layout.described for layout in LAYOUTS)
        raise CatalogueError(f"{data.root} has no layout that is known. Known are: {known}.")
    first = found[0]
    clashing = [layout for layout in found[1:] if layout.name not in first.contains]
    if clashing:
        names = " and ".join(layout.described for layout in (first, *clashing))
        raise CatalogueError(f"{data.root} looks like several data sets at once: {names}. Give each its own folder.")
    return first
