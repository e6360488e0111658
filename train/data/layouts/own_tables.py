"""Tables that name files: this project's lesions.csv, and the imagefolder of Hugging Face's datasets."""

import re
from pathlib import Path

from train.data.data_folder import COLUMNS, DataFolder, given_split
from train.data.labels import CatalogueError, LabelColumns
from train.data.layouts.class_folders import ClassFolders
from train.data.layouts.class_names import class_names
from train.data.layouts.layout import Layout

_LABELS = ("diagnosis", "malignant")
_KNOWN = tuple(column for column in COLUMNS[4:] if column not in _LABELS)
_REQUIRED = ("file", "image_id", "malignant", "source")
_CLASSES = ("diagnosis", "dx", "label", "class", "class_name", "label_name", "category")
_ANSWERS = ("malignant", "benign_malignant", "target")


def _lesion_tables(data: DataFolder) -> list[Path]:
    return [path for path in data.headers if path.stem == "lesions"]


def _read_lesions(data: DataFolder) -> None:
    for path in _lesion_tables(data):
        missing = [column for column in _REQUIRED if column not in data.headers[path]]
        if missing:
            raise CatalogueError(f"{data.root / path} lacks the column {missing[0]}.")
        rows = list(data.table(path))
        labels = LabelColumns(rows, classes=["diagnosis"], answers=["malignant"])
        for row in rows:
            known = {column: row.get(column, "") for column in _KNOWN}
            data.add(row["file"], row["source"], row["image_id"], labels.of(row), path.parent, **known)


def _column(name: str) -> str:
    """A column's name in one spelling: File_Name, FileName, file name and file-name are file_name."""
    return "_".join(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))).lower()


def _is_known(name: str) -> bool:
    """Whether an imagefolder's column that is no label is read."""
    return _column(name) in (*_KNOWN, "file_name", "image_id", "source", "image_type")


def _imagefolder_tables(data: DataFolder) -> list[Path]:
    return [path for path, cells in data.headers.items() if "file_name" in map(_column, cells)]


def _imagefolder_rows(data: DataFolder) -> list[tuple[Path, dict[str, str]]]:
    """Every row with its table's folder, the columns in one spelling, and numbers of classes by the card's names."""
    found = []
    for path in _imagefolder_tables(data):
        card = next((folder / "README.md" for folder in path.parents if folder / "README.md" in data.other_files), None)
        names = {} if card is None else class_names(data.root / card)
        for row in data.table(path):
            named = {column: names.get(column, {}).get(text, text) for column, text in row.items()}
            found.append((path.parent, {_column(column): text for column, text in reversed(named.items())}))
    return found


def _read_imagefolder(data: DataFolder) -> None:
    found = _imagefolder_rows(data)
    labels = LabelColumns([row for _, row in found], _CLASSES, _ANSWERS)
    # Where no column has a label, the folder's name is one, as the datasets library has it too.
    labelled = any(column in row for _, row in found for column in (*_CLASSES, *_ANSWERS))
    if not labelled:
        columns = (column for path in _imagefolder_tables(data) for column in data.headers[path])
        data.ignore(column for column in columns if not _is_known(column))
    folders = ClassFolders(data.pictures)
    for below, row in found:
        file = row["file_name"].replace("\\", "/")
        place = below / file
        known = {column: row.get(column, "") for column in _KNOWN}
        known["given_split"] = known["given_split"] or given_split(place)
        known["modality"] = known["modality"] or row.get("image_type", "")
        data.add(
            file,
            row.get("source", "") or data.root.name,
            row.get("image_id", "") or place.with_suffix("").as_posix(),
            labels.of(row) if labelled else folders.of(place),
            below,
            **known,
        )


LESIONS_CSV = Layout(
    "lesions_csv",
    "lesions.csv beside its photographs",
    lambda data: bool(_lesion_tables(data)),
    _read_lesions,
    contains=frozenset({"ham10000", "hmnist", "isic_cli", "imagefolder", "class_folders"}),
)
IMAGEFOLDER = Layout(
    "imagefolder",
    "an imagefolder (metadata.csv or metadata.jsonl with file_name and label, malignant or diagnosis)",
    lambda data: bool(_imagefolder_tables(data)),
    _read_imagefolder,
    contains=frozenset({"class_folders"}),
)
