"""A data folder as the layout readers see it: its files, its tables, and the rows collected from them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from skin_model.command_line import printable
from skin_model.photo.folders import list_folder
from train.data.labels import ANSWERS, CLASSES, CatalogueError, NoLabel, Told, plain, settle, taken_for
from train.data.photograph_names import PICTURE_ENDINGS, PhotographNames, SeveralPhotographs
from train.data.tables import by_column, column, header, read_text_table

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

_UNKNOWN = frozenset({"nan", "none", "unknown", "unk", "null", "na", "n/a", "n.a.", "#n/a", "<na>", "nat", "(null)"})
_UNKNOWN |= {"missing", "not available", "not applicable", "not known", "not recorded", "not specified", "undefined"}
_SIGNS_OF_NOTHING = re.compile(r"[-\u2013\u2014_.*?/\\]+")
"""Cells of nothing else say nothing: as a patient "-" would join the photographs of all who have none."""
_UNSEEN = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060"
"""Signs without width, which come along when a cell is copied from a page."""
_SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation"}
_SPLITS |= {"validation": "validation", "test": "test", "testing": "test"}
_NO_PHOTOGRAPH: dict[str, str] = {
    **dict.fromkeys(("rcm", "confocal"), "confocal microscopy"),
    **dict.fromkeys(("histology", "histological", "histopathology", "histopathological"), "histology"),
    **dict.fromkeys(("ultrasound", "sonography"), "ultrasound"),
    **dict.fromkeys(("oct", "tomography"), "optical coherence tomography"),
    **dict.fromkeys(("mask", "segmentation"), "a mask"),
}
"""Words of an image type -> what is left out, since it is no photograph of skin."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+:)/+(.+)", re.IGNORECASE)
_SHOWN = 60
"""Letters of a row that a reason shows."""
_NAMED = 6
"""Columns that a sentence names at most."""
_LONGEST_LINK = 1024
"""Bytes."""


@dataclass
class _Entry:
    """One photograph as one or several rows tell of it. reason: why it cannot be used, "" where it can."""

    row: dict[str, str]
    told: list[Told]
    reason: str = ""


@dataclass
class Collected:
    """What a reader made of a data folder.

    rows: as COLUMNS. left_out: dicts with the reason. labels: (upstream's label, what it was taken for) -> photographs.
    unlabelled: photographs of which nobody could tell benign from malignant, contradictions included; upstream's own
    "indeterminate" is none.
    columns: of the tables, as far as they were taken for nothing at all.
    """

    rows: list[dict[str, object]] = field(default_factory=list)
    left_out: list[dict[str, object]] = field(default_factory=list)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    unlabelled: int = 0
    columns: list[str] = field(default_factory=list)

    @property
    def ignored(self) -> str:
        """A sentence, after a space, that names columns which may have been meant as labels; "" without any."""
        if not self.columns:
            return ""
        several, named = len(self.columns) > 1, ", ".join(self.columns[:_NAMED])
        which = (
            f"The columns {named}{' …' if len(self.columns) > _NAMED else ''} were"
            if several
            else f"The column {named} was"
        )
        return f" {which} not taken for a label; name a column of labels diagnosis, label or malignant."


def existing_folder(given: Path) -> Path:
    """The absolute path of a data folder that was named; raises CatalogueError where it is none."""
    given = Path(given)
    root = given.expanduser().resolve()
    if root.is_dir():
        return root
    if address := _ADDRESS.fullmatch(given.as_posix()):  # of which a path has lost a slash
        raise CatalogueError(
            f"{address[1]}//{address[2]} is a web address. Download it first and name its folder; a data set on the "
            "Hub is written hub:owner/name."
        )
    if root.exists():
        raise CatalogueError(f"{given} is a file. Name the folder that holds the photographs with their labels.")
    kind = "file" if given.suffix.lower() == ".csv" else "data folder"
    raise CatalogueError(f"There is no {kind} {given}. Name one that holds photographs with their labels.")


class DataFolder:
    """A data folder's files, and the rows that a reader collects from it."""

    def __init__(self, root: Path, work: Path | None) -> None:
        self.root, self.work = root, work
        self._entries: dict[object, _Entry] = {}
        self._read: set[Path] = set()
        self._ignored: list[str] = []
        self._set_aside: list[Path] = []
        self._listing = list_folder(root)

    def move_to(self, root: Path) -> None:
        """Take another folder for the data, to which its photographs were unpacked."""
        self.root, self._listing = root, list_folder(root)
        for name in ("pictures", "other_files", "names", "headers"):
            self.__dict__.pop(name, None)

    @cached_property
    def pictures(self) -> list[Path]:
        """Relative paths of all photographs, sorted, and of pictures in formats that cannot be opened."""
        named = [path for path in self._listing.others if path.suffix.lower() in PICTURE_ENDINGS]
        return sorted([*self._listing.photos, *named])

    @cached_property
    def other_files(self) -> list[Path]:
        """Relative paths of all files that are no pictures, sorted."""
        pictures = set(self.pictures)
        return [path for path in self._listing.others if path not in pictures]

    @cached_property
    def names(self) -> PhotographNames:
        """The photographs by name."""
        return PhotographNames(self.root, self.pictures)

    @cached_property
    def headers(self) -> dict[Path, list[str]]:
        """Relative path of every table -> its first row's cells."""
        return {path: cells for path in self.other_files if (cells := header(self.root / path))}

    def tables(self, *columns: str) -> list[Path]:
        """Tables that have all these columns, in whatever spelling."""
        asked = set(map(column, columns))
        return [path for path, cells in self.headers.items() if asked <= set(map(column, cells))]

    def rows_of(self, *columns: str) -> Iterator[tuple[Path, dict[str, str]]]:
        """Every row, as ``table`` gives it, of every table that has these columns, with the table's relative path."""
        for path in self.tables(*columns):
            for row in self.table(path):
                yield path, row

    def table(self, path: Path, names: Sequence[str] | None = None) -> Iterator[dict[str, str]]:
        """A table's rows as text by ``tables.column``, "" for empty and unknown cells, but for labels as they stand.

        names: of the columns, where the file has none.

        Raises CatalogueError where it is no table.
        """
        self._read.add(path)
        file = self.root / path
        cells = by_column(file, read_text_table(file, names)).map(_bare)
        others = [name for name in cells.columns if name not in (*CLASSES, *ANSWERS)]
        cells[others] = cells[others].map(known_text)
        yield from cells.to_dict("records")

    def add(
        self, name: str, source: str, image_id: str, told: Sequence[Told], below: Path = Path(), **known: str
    ) -> None:
        """Collect what one row tells of a photograph.

        name: as the row gives it, see PhotographNames.find, and below the folder of its table. told: upstream's labels,
        the most specific first. Rows of one photograph are one: what the first leaves open the others fill in.
        """
        row = {"root": str(self.root), "file": "", "source": printable(source), "image_id": printable(image_id)}
        reason = ""
        try:
            found = self.names.find(name, below)
        except SeveralPhotographs as problem:
            found, reason = None, str(problem)
        key: object = len(self._entries), name
        if found is not None:
            row["file"] = found.as_posix()
            if not is_utf_8(row["file"]):
                row["file"] = printable(row["file"])
                reason = "its name is not UTF-8, as in old archives; rename it"
            key = (self.root / self.names.original(found)).resolve()
        elif not name.strip():
            others = [text for text in known.values() if text] or [place.text for place in told] or ["empty"]
            reason = f"its row names no photograph ({', '.join(others)[:_SHOWN]})"
        elif not reason:
            reason = "no such photograph in the folder"
        if word := next((word for word in plain(known.get("modality", "")).split() if word in _NO_PHOTOGRAPH), None):
            reason = f"no photograph: {_NO_PHOTOGRAPH[word]}"
        entry = self._entries.setdefault(key, _Entry(dict.fromkeys(COLUMNS, ""), [], reason))
        entry.row |= {column: value for column, value in (known | row).items() if value and not entry.row[column]}
        entry.told += [place for place in told if place not in entry.told]

    def ignore(self, columns: Iterable[str]) -> None:
        """Note columns of which the reader makes nothing."""
        self._ignored += [known for name in columns if (known := printable(name)) not in self._ignored]

    @property
    def found_any(self) -> bool:
        """Whether any row so far has its photograph here."""
        return any(entry.row["file"] for entry in self._entries.values())

    @property
    def tables_read(self) -> list[Path]:
        """The tables whose rows were read."""
        return sorted(self._read)

    def holds(self, name: str, below: Path = Path()) -> bool:
        """Whether a photograph of the folder is called so, be it several."""
        try:
            return self.names.find(name, below) is not None
        except SeveralPhotographs:
            return True

    def set_tables_aside(self) -> None:
        """Forget all that was read so far: its tables name none of the photographs."""
        self._set_aside, self._entries, self._read, self._ignored = sorted(self._read), {}, set(), []

    def leave_out(self, path: Path, source: str, image_id: str, reason: str) -> None:
        """Collect a file that is not used, with the reason."""
        row = dict.fromkeys(COLUMNS, "") | {"root": str(self.root), "source": source, "image_id": image_id}
        told = {column: printable(value) for column, value in (row | {"file": path.as_posix()}).items()}
        self._entries.setdefault((self.root / path).resolve(), _Entry(told, [], reason))

    def collected(self) -> Collected:
        """All that was added, one row a photograph."""
        found = Collected(columns=self._ignored)
        for entry in self._entries.values():
            row, reason = entry.row, entry.reason
            code, malignant = "", ""
            if not reason or entry.told:
                try:
                    code, malignant = settle(entry.told)
                except NoLabel as problem:
                    found.unlabelled += not problem.upstream and not reason
                    reason = reason or str(problem)
            if row["file"] and (entry.told or not reason.startswith(("a mask", "a copy"))):
                words = ", ".join(f"{place.place} {place.text}" for place in entry.told) or "no label"
                found.labels[printable(" ".join(words.split())), taken_for(entry.told)] += 1
            if reason:
                said = {"diagnosis": code, "malignant": str(malignant), "reason": reason}
                found.left_out.append({key: row[key] for key in ("root", "file", "source", "image_id")} | said)
            else:
                found.rows.append(row | {"diagnosis": code, "malignant": malignant})
        return found

    def link_in_words(self, path: Path) -> str:
        """The path that a file holds in place of the link that it was before it was copied, "" where it is none."""
        file = self.root / path
        try:
            if path.suffix or file.stat().st_size > _LONGEST_LINK:
                return ""
            text = file.read_text(encoding="utf-8").strip()
            return text if "/" in text and "\n" not in text and (file.parent / text).is_dir() else ""
        except (OSError, ValueError):
            return ""

    def not_looked_at(self) -> dict[str, list[str]]:
        """What lies in the folder and was not used, by kind: photographs that no table lists, other files, …"""
        # A photograph and its copy, where a folder holds a copy of itself, stand for each other, as do links to a file.
        unlisted = [
            path
            for path in self.pictures
            if not {(self.root / one).resolve() for one in (path, self.names.original(path))} & self._entries.keys()
        ]
        links = [path for path in self.other_files if self.link_in_words(path)]
        known = {*self._read, *self._set_aside, *links}
        others = [path for path in self.other_files if path not in known]
        kinds = {
            "tables that name none of its photographs": self._set_aside,
            "photographs that no row names": unlisted,
            "other files": others,
            "folders and links that cannot be followed": [*self._listing.unreadable, *links],
            "hidden": self._listing.hidden,
        }
        return {kind: [printable(path.as_posix()) for path in paths] for kind, paths in kinds.items() if paths}


def is_utf_8(name: str) -> bool:
    """Whether a file's name is text; bytes that are not come as half characters, which no table can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bare(text: str) -> str:
    return text.strip().strip(_UNSEEN).strip()


def known_text(text: str) -> str:
    """A table's cell without spaces around it, "" where it only says that nothing is known."""
    text = _bare(text)
    return "" if text.lower() in _UNKNOWN or _SIGNS_OF_NOTHING.fullmatch(text) else text


def given_split(path: str | Path) -> str:
    """train, validation or test where a folder on the way to the file, or a word of its name, says so.

    The folder next to the file counts first.
    """
    parts = [*reversed(Path(path).parent.parts), Path(path).stem]
    words = (word for part in parts for word in re.split(r"[^a-z]+", part.lower()))
    return next((_SPLITS[word] for word in words if word in _SPLITS), "")


def plain_id(name: str) -> str:
    """An image id from a file name or from ISIC 2019's id of a reduced copy."""
    return Path(name).stem.removesuffix("_downsampled")
