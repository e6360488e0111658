"""What a layout is, and what its readers share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from train.data.data_folder import DataFolder
from train.data.labels import Told, answer, meaning
from train.data.tables import column


@dataclass(frozen=True)
class Layout:
    """One way in which a data set comes. contains: names of layouts that it may hold beside its own tables."""

    name: str
    described: str
    recognise: Callable[[DataFolder], bool]
    read: Callable[[DataFolder], None]
    contains: frozenset[str] = frozenset()


def has(*columns: str, photographs: bool = False) -> Callable[[DataFolder], bool]:
    """Whether a folder has a table with these columns and, where asked, photographs."""
    return lambda data: bool(data.tables(*columns)) and (bool(data.pictures) or not photographs)


def taken(row: Mapping[str, str], **columns: str) -> dict[str, str]:
    """Columns of a catalogue from those of a row: ours=theirs, "" where it has none."""
    return {ours: row.get(theirs, "") for ours, theirs in columns.items()}


def details(data: DataFolder, key: str, *columns: str) -> dict[str, dict[str, str]]:
    """Key cell -> row, of every table with these columns."""
    return {row[key]: row for _, row in data.rows_of(key, *columns)}


def marked(row: Mapping[str, str], classes: tuple[str, ...]) -> list[Told]:
    """What a row with one column a class says: the columns that are marked."""
    return [Told(name, text, meaning(name)) for name in classes if answer(text := row.get(column(name), ""))]
