"""A data folder as the layout readers see it: its files, its tables, and the rows collected from them."""

import csv
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from train.data import labels
from train.data.labels import NoLabel
from train.data.tables import OTHERS, read_text_table

COLUMNS: tuple[str, ...] = (
    "root",
    "file",
    "source",
    "image_id",
    "lesion_id",
    "patient_id",
    "diagnosis",
    "malignant",
    "modality",
    "confirmed_by",
    "age",
    "sex",
    "site",
    "fitzpatrick",
    "licence",
    "given_split",
)
"""Columns of a catalogue. given_split is what the layout itself says (train, validation, test), "" where nothing."""

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff"})
_UNKNOWN = frozenset({"nan", "none", "unknown", "unk", "null", "na", "n/a"})
_SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation"}
_SPLITS |= {"validation": "validation", "test": "test", "testing": "test"}
TABLE_DEPTH = 2
"""Tables lie in the data folder itself or one folder down."""


class DataFolder:
    """A data folder's files, and the rows and left-out rows that a reader collects from it."""

    def __init__(self, root: Path, work: Path | None) -> None:
        self.root, self.work = root, work
        self.rows: list[dict[str, object]] = []
        self.left_out: list[dict[str, object]] = []
        files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
        self.files = [path for path in files if not any(part.startswith((".", "__MACOSX")) for part in path.parts)]

    @cached_property
    def pictures(self) -> list[Path]:
        """Relative paths of all photographs, sorted."""
        return [path for path in self.files if path.suffix.lower() in _PICTURES]

    @cached_property
    def paths(self) -> set[str]:
        """Relative paths of all files."""
        return {path.as_posix() for path in self.files}

    @cached_property
    def by_stem(self) -> dict[str, str]:
        """Photograph name without ending -> relative path; the first where a name comes twice."""
        return {path.stem: path.as_posix() for path in reversed(self.pictures)}

    @cached_property
    def headers(self) -> dict[Path, list[str]]:
        """Relative path of every table near the top -> its first line's cells."""
        found = {}
        for path in self.files:
            if path.suffix.lower() == ".csv" and len(path.parts) <= TABLE_DEPTH:
                with (self.root / path).open(newline="", encoding="utf-8-sig", errors="replace") as stream:
                    found[path] = [cell.strip() for cell in next(csv.reader(stream), [])]
        return found

    def tables(self, *columns: str) -> list[Path]:
        """Tables that have all these columns."""
        return [path for path, header in self.headers.items() if set(columns) <= set(header)]

    def rows_of(self, *columns: str) -> Iterator[tuple[Path, dict[str, str]]]:
        """Every row, as ``table`` gives it, of every table that has these columns, with the table's relative path."""
        for path in self.tables(*columns):
            for row in self.table(path):
                yield path, row

    def table(self, path: Path, header: list[str] | None = None) -> Iterator[dict[str, str]]:
        """A table's rows as text, "" for empty and unknown cells. header: names, where the file has none.

        Raises CatalogueError where it is no table.
        """
        options = {"header": None, "names": header} if header else {}
        table = read_text_table(self.root / path, **OTHERS, **options)
        table.columns = [str(name).strip() for name in table.columns]
        yield from table.map(known_text).to_dict("records")

    def add(
        self, file: str | None, source: str, image_id: str, words: Iterable[str], said: int | None = None, **known: str
    ) -> None:
        """Collect one row. words: upstream's labels, the most specific first; said: 0/1 if upstream says malignancy."""
        row = {"root": str(self.root), "file": file or "", "source": source, "image_id": image_id}
        code = next((code for word in words if (code := labels.diagnosis(word))), "")
        try:
            code, malignant = labels.reconcile(code, said)
            if not file or file not in self.paths:
                self._leave_out(row, code, str(malignant), "no such photograph in the folder")
                return
        except NoLabel as reason:
            self._leave_out(row, code, "" if said is None else str(said), str(reason))
            return
        self.rows.append(dict.fromkeys(COLUMNS, "") | known | row | {"diagnosis": code, "malignant": malignant})

    def _leave_out(self, row: dict[str, object], code: str, malignant: str, reason: str) -> None:
        self.left_out.append(row | {"diagnosis": code, "malignant": malignant, "reason": reason})


def known_text(text: str) -> str:
    """A table's cell without spaces around it, "" where it only says that nothing is known."""
    text = text.strip()
    return "" if text.lower() in _UNKNOWN else text


def given_split(path: str | Path) -> str:
    """train, validation or test where a folder on the way to the file, or a word of its name, says so."""
    parts = [part.lower() for part in Path(path).parent.parts] + re.split(r"[^a-z]+", Path(path).stem.lower())
    return next((_SPLITS[part] for part in parts if part in _SPLITS), "")


def plain_id(name: str) -> str:
    """An image id from a file name or from ISIC 2019's id of a reduced copy."""
    return Path(name).stem.removesuffix("_downsampled")
