"""Tables that name files: this project's lesions.csv, and the imagefolder of Hugging Face's datasets."""

from collections.abc import Mapping
from pathlib import Path

from train.data.data_folder import COLUMNS, DataFolder, given_split
from train.data.labels import ANSWERS, CLASSES, CatalogueError, LabelColumns
from train.data.layouts.class_folders import ClassFolders
from train.data.layouts.class_names import by_card
from train.data.layouts.layout import Layout
from train.data.tables import column

_LABELS = ("diagnosis", "malignant")
_KNOWN = tuple(column for column in COLUMNS[4:] if column not in _LABELS)
_FOLDER = "folder named by a class"
"""Where a row holds it; no column is called so."""
_REQUIRED = ("file", "image_id", "malignant", "source")


def _lesion_tables(data: DataFolder) -> list[Path]:
    return [path for path in data.headers if path.stem == "lesions"]


def _read_lesions(data: DataFolder) -> None:
    for path in _lesion_tables(data):
        missing = [name for name in _REQUIRED if name not in map(column, data.headers[path])]
        if missing:
            raise CatalogueError(f"{data.root / path} lacks the column {missing[0]}.")
        rows = list(data.table(path))
        labels = LabelColumns(rows, classes=["diagnosis"], answers=["malignant"])
        for row in rows:
            known = {name: row.get(name, "") for name in _KNOWN}
            data.add(row["file"], row["source"], row["image_id"], labels.of(row), path.parent, **known)


def _is_known(name: str) -> bool:
    """Whether an imagefolder's column that is no label is read."""
    return column(name) in (*_KNOWN, "file_name", "image_id", "source", "image_type")


def _imagefolder_tables(data: DataFolder) -> list[Path]:
    return [path for path, cells in data.headers.items() if "file_name" in map(column, cells)]


def _imagefolder_rows(data: DataFolder) -> list[tuple[Path, dict[str, str]]]:
    """Every row with its table's folder, the columns in one spelling, and numbers of classes by the card's names."""
    found = []
    for path in _imagefolder_tables(data):
        names = by_card(data, path)
        for row in data.table(path):
            found.append((path.parent, {name: names.get(name, {}).get(text, text) for name, text in row.items()}))
    return found


def _place(below: Path, row: Mapping[str, str]) -> Path:
    return below / row["file_name"].replace("\\", "/")


def _read_imagefolder(data: DataFolder) -> None:
    found = _imagefolder_rows(data)
    folders = ClassFolders(data.pictures)
    for below, row in found:
        row[_FOLDER] = next((told.text for told in folders.of(_place(below, row)) if told.meaning.understood), "")
    others = dict.fromkeys(name for _, row in found for name in row if not _is_known(name))
    labels = LabelColumns([row for _, row in found], CLASSES, ANSWERS, [_FOLDER], others)
    # Where no column has a label, the folder's name is one, as the datasets library has it too.
    labelled = any(name in row for _, row in found for name in (*CLASSES, *ANSWERS))
    if not labelled:
        names = (name for path in _imagefolder_tables(data) for name in data.headers[path])
        data.ignore(name for name in names if not _is_known(name))
    for below, row in found:
        file = row["file_name"].replace("\\", "/")
        place = _place(below, row)
        told = labels.of(row) if labelled else folders.of(place)
        # Ids of classes say nothing; the folder may. One of several classes that contradicts its row is told as well.
        ids = told and all(one.text.isdigit() and not one.meaning.understood for one in told)
        if ids or (labelled and folders.contradict(place, told)):
            told += folders.of(place)
        known = {name: row.get(name, "") for name in _KNOWN}
        known["given_split"] = known["given_split"] or given_split(place)
        known["modality"] = known["modality"] or row.get("image_type", "")
        data.add(
            file,
            row.get("source", "") or data.root.name,
            row.get("image_id", "") or (place.with_suffix("") if file else place).as_posix(),
            told,
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
