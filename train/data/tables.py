"""Tables read as text, however they were written, and the photographs that their rows name."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from skin_model.photo import Photo, PhotoRefused, open_photo
from skin_model.text_tables import cut, decoded, rows_of
from train.data.labels import CatalogueError

_HEAD_BYTES = 2**18
"""Enough for the first row of the widest public table, HAM10000 as 2352 columns of pixels."""
_DECIMAL = re.compile(r"[+-]?\d+,\d+")
_JSON = re.compile(r"\s*(\[\s*)?\{")
_SEPARATORS = {"\t": "a tab", ";": "a semicolon", "|": "a bar", ",": "a comma"}
_SHOWN = 40
"""Letters of a cell that a sentence shows."""
_WHOLE = re.compile(r"[+-]?\d*")


def read_text_table(file: Path, names: Sequence[str] | None = None, usecols: Any = None) -> pd.DataFrame:
    """Every cell as text, "" where it is empty.

    names: of the columns, where the file has none. usecols: those to read, as ``pandas.read_csv`` takes them.

    Reads commas, semicolons, tabs and bars, ``sep=`` lines, UTF-8, UTF-16 and cp1252, JSON Lines and a list of JSON
    objects, by the content; numbers with a decimal comma get a point. Raises CatalogueError where the file is empty or
    no such table, and where cells have shifted.
    """
    try:
        text = decoded(file.read_bytes())
        if _is_json(text):
            return _json_lines(file, text)
        separator, text = cut(text)
        table = _parsed(text, separator, names, usecols)
    except (OSError, ValueError, pd.errors.ParserError, csv.Error) as problem:
        if isinstance(problem, CatalogueError):
            raise
        raise CatalogueError(
            f"{file} is not a readable table; save it as CSV in UTF-8. {' '.join(str(problem).split())[:200]}"
        ) from problem
    table.columns = [str(name).strip() for name in table.columns]
    return table if separator == "," else table.apply(_with_points)


def header(file: Path) -> list[str]:
    """The cells of a table's first row, or the keys of its first JSON line; none where it is no table."""
    try:
        with file.open("rb") as stream:
            text = decoded(stream.read(_HEAD_BYTES), whole=False)
        if _is_json(text):
            first, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
            return [str(key) for key in first] if isinstance(first, dict) else []
        separator, text = cut(text)
        return [cell.strip() for cell in next(rows_of(text, separator), [])]
    except (OSError, ValueError, csv.Error):
        return []


def column(name: str) -> str:
    """A column's name in one spelling: File_Name, FileName, file name and file-name are file_name."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return "_".join(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", letters))).lower()


def by_column(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns' names in one spelling, and columns of one name and content once.

    Raises CatalogueError where two columns bear one name and differ, for one of them would be passed over.
    """
    first: dict[str, str] = {}
    for name in table.columns:
        plain = name if name in first.values() else re.sub(r"\.\d+$", "", name)
        plain = column(plain if plain in table.columns else name)
        if plain in first and not table[first[plain]].equals(table[name]):
            raise CatalogueError(f"{file} has two columns called {first[plain]} whose cells differ; remove one.")
        first.setdefault(plain, name)
    return table[list(first.values())].set_axis(list(first), axis=1)


def _parsed(text: str, separator: str, names: Sequence[str] | None, usecols: Any) -> pd.DataFrame:
    first = next((row for row in rows_of(text, separator) if row), [])
    named = [cell.strip() for cell in names or first]
    named = [name if name not in named[:k] else f"{name}.{named[:k].count(name)}" for k, name in enumerate(named)]
    surplus = [f"surplus {k}" for k in range(_surplus(text, separator, len(named), not names))]
    return pd.read_csv(
        io.StringIO(text),
        sep=separator,
        dtype=str,
        keep_default_na=False,
        skipinitialspace=True,
        header=None if names else 0,
        names=[*named, *surplus] if named else None,
        usecols=None if usecols is None else lambda name: name in surplus or _is_asked(name, usecols),
    ).drop(columns=surplus)


def _surplus(text: str, separator: str, width: int, named: bool) -> int:
    """How many empty cells stand behind the last column of every row, as spreadsheets write them.

    width: columns. named: whether the first row names them. Raises ValueError where cells have shifted, for a separator
    or a quotation mark in a text that is not quoted.
    """
    if '"' not in text and all(line.count(separator) < width for line in text.split("\n")):
        return 0
    begins_of: dict[int, str] = {}
    for row in islice(filter(None, rows_of(text, separator)), int(named), None):
        begins, behind = row[0][:_SHOWN], len(row) - width
        if behind >= 0:
            begins_of.setdefault(behind, begins)
        if len(begins_of) > 1 or any(map(str.strip, row[width:])):
            raise ValueError(
                f"The row that begins with {begins_of[max(begins_of)]} has more cells than the first line; put a text "
                f"that holds {_SEPARATORS.get(separator, separator)} in quotation marks."
            )
        within = [line for cell in row if "\n" in cell for line in cell.split("\n")[1:-1]]
        if width > 1 and any(line.count(separator) == width - 1 for line in within):
            raise ValueError(
                f"A quotation mark that opens in the row that begins with {begins} closes only some rows later."
            )
    return max(begins_of, default=0)


def _is_asked(name: str, usecols: Any) -> bool:
    return usecols(name) if callable(usecols) else name in usecols


def _with_points(column: pd.Series) -> pd.Series:
    """A column in which all is numbers, some with a decimal comma, with points instead."""
    decimal = column.str.fullmatch(_DECIMAL)
    if decimal.any() and (decimal | column.str.fullmatch(_WHOLE)).all():
        return column.str.replace(",", ".", regex=False)
    return column


def _is_json(text: str) -> bool:
    return _JSON.match(text) is not None


def _json_lines(file: Path, text: str) -> pd.DataFrame:
    if text.lstrip().startswith("["):
        try:
            return _table(json.loads(text))
        except (ValueError, AttributeError) as problem:
            raise CatalogueError(f"{file} is no list of JSON objects; mend or remove it.") from problem
    if columns := _json_columns(text):
        return _table([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(dict(json.loads(line).items()))
        except (ValueError, AttributeError) as problem:
            raise CatalogueError(f"Line {number} of {file} is not a JSON object; mend or remove it.") from problem
    return _table(rows)


def _json_columns(text: str) -> dict[str, list[Any]]:
    """The columns of a table that is one JSON object, as pandas writes it; {} where it is no such table."""
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    columns = {name: list(cells.values()) if isinstance(cells, dict) else cells for name, cells in told.items()}
    are_lists = all(isinstance(cells, list) for cells in columns.values())
    return columns if are_lists and len({len(cells) for cells in columns.values()}) == 1 else {}


def _table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    told = [{str(key): "" if value is None else str(value) for key, value in row.items()} for row in rows]
    return pd.DataFrame(told, dtype=str).fillna("")


def files_of(rows: pd.DataFrame) -> list[Path]:
    """The file of every row (root, file), in order."""
    return [Path(root) / file for root, file in zip(rows["root"], rows["file"], strict=True)]


def photo_of(row: Any) -> Photo | None:
    """The photograph of a row (root, file) as a visitor's is opened; None where it cannot be."""
    try:
        return open_photo(Path(row.root) / row.file)
    except (PhotoRefused, OSError):
        return None
