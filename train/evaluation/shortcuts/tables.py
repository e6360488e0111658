"""Reads other people's splits: a CSV that names photographs, their labels and, in some words, their split."""

import re
from pathlib import Path

import pandas as pd

from train.data import splits
from train.data.data_folder import DataFolder, given_split
from train.data.labels import CatalogueError, LabelColumns, NoLabel, settle
from train.data.photograph_names import SeveralPhotographs
from train.data.tables import read_text_table

NAMES: dict[str, tuple[str, ...]] = {
    "file": ("file", "path", "image", "filename", "file_name", "filepath", "image_path", "image_name", "image_id"),
    "malignant": ("malignant", "label", "target", "benign_malignant", "class", "diagnosis", "dx"),
    "split": ("split", "fold", "set", "subset"),
    "source": ("source", "dataset"),
    "root": ("root",),
    "group": ("group",),
    "lesion_id": ("lesion_id", "lesion"),
    "patient_id": ("patient_id", "patient"),
    "image_id": ("image_id", "isic_id"),
    "diagnosis": ("diagnosis",),
}
"""What a column is called here -> what it is called out there, the first that is there counting."""

_NUMBER = re.compile(r"\d+(\.0)?")


def read(path: Path) -> pd.DataFrame:
    """The rows of a split or a list of labelled photographs, with the columns of NAMES that it has.

    malignant is int 0/1, source is the table's name where it has none, and split is train, validation or test, or
    ``fold 0``, ``fold 1``… where it numbers them. root is the table's own folder where it gives none. Raises
    CatalogueError, saying what was expected, where the table has no labels, no photographs, or words that are unknown.
    """
    table = read_text_table(path)
    known = {str(name).strip().lower(): name for name in table.columns}
    column = {ours: next((known[name] for name in names if name in known), None) for ours, names in NAMES.items()}
    if table.empty:
        raise CatalogueError(f"{path} has no rows.")
    if column["malignant"] is None:
        expected = ", ".join(NAMES["malignant"])
        raise CatalogueError(f"{path} lacks the column malignant; an audit needs a label, in one of: {expected}.")
    if column["file"] is None and column["source"] is None:
        expected = ", ".join(NAMES["file"])
        raise CatalogueError(f"{path} lacks the column file; an audit needs photographs, in one of: {expected}.")
    rows = pd.DataFrame({ours: table[theirs].str.strip() for ours, theirs in column.items() if theirs is not None})
    rows["malignant"] = _labels(path, column["malignant"], rows["malignant"])
    if "split" in rows:
        rows["split"] = _splits(path, column["split"], rows["split"])
    if "source" not in rows:
        rows["source"] = path.stem
    if "root" not in rows:
        rows["root"] = str(path.parent)
    if "file" in rows:
        rows["file"] = _files(path, column["file"], rows)
    return rows


def _labels(path: Path, column: str, words: pd.Series) -> pd.Series:
    rows = [{column: word} for word in words.unique()]
    # A column called so may hold answers or names of classes; its words tell which.
    columns = LabelColumns(rows, classes=[column])
    found = {}
    for row in rows:
        word = row[column]
        try:
            found[word] = settle(columns.of(row))[1]
        except NoLabel:
            raise CatalogueError(
                f"{path} has {word!r} in its column {column}: neither 0 or 1, benign or malignant, nor a diagnosis "
                "that is known. Mend or remove those rows."
            ) from None
    return words.map(found).astype(int)


def _splits(path: Path, column: str, words: pd.Series) -> pd.Series:
    if all(_NUMBER.fullmatch(word) for word in words.unique()):
        return "fold " + words.str.removesuffix(".0")
    found = {word: given_split(word) for word in words.unique()}
    unknown = next((word for word, split in found.items() if not split), None)
    if unknown is not None:
        raise CatalogueError(
            f"{path} has {unknown!r} in its column {column}: a split that is none of {', '.join(splits.SPLITS)}, and "
            "no number of a fold."
        )
    return words.map(found)


def _files(path: Path, column: str, rows: pd.DataFrame) -> pd.Series:
    """Each photograph relative to its root; names without an ending or a folder are looked for below the root."""
    folders: dict[str, DataFolder] = {}

    if (rows["file"] == "").any():
        line = int((rows["file"] == "").to_numpy().argmax()) + 2
        raise CatalogueError(f"Line {line} of {path} names no photograph in its column {column}; mend or remove it.")

    def place(root: str, file: str) -> str | None:
        if (Path(root) / file).is_file():
            return file
        if root not in folders:
            folders[root] = DataFolder(Path(root), None)
        try:
            found = folders[root].names.find(file)
        except SeveralPhotographs:
            return None
        return None if found is None else found.as_posix()

    found = [place(root, file) for root, file in zip(rows["root"], rows["file"], strict=True)]
    if all(file is None for file in found):
        first = Path(rows["root"].iloc[0]) / rows["file"].iloc[0]
        raise CatalogueError(
            f"None of the {len(rows)} photographs that {path} names in its column {column} is there; the first would "
            f"be {first}. Put the table beside its photographs, or give their folder in a column root."
        )
    return pd.Series([file or name for file, name in zip(found, rows["file"], strict=True)], index=rows.index)
