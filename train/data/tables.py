"""Tables read as text, however they were written, and the photographs that their rows name."""

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from skin_model.photo import Photo, PhotoRefused, open_photo
from skin_model.text_tables import cut, decoded
from train.data.labels import CatalogueError

_HEAD_BYTES = 2**18
"""Enough for the first row of the widest public table, HAM10000 as 2352 columns of pixels."""
_DECIMAL = re.compile(r"[+-]?\d+,\d+")
_JSON = re.compile(r"\s*(\[\s*)?\{")
_WHOLE = re.compile(r"[+-]?\d*")


def read_text_table(file: Path, names: Sequence[str] | None = None, usecols: Any = None) -> pd.DataFrame:
    """Every cell as text, "" where it is empty.

    names: of the columns, where the file has none. usecols: those to read, as ``pandas.read_csv`` takes them.

    Reads commas, semicolons, tabs and bars, ``sep=`` lines, UTF-8, UTF-16 and cp1252, JSON Lines and a list of JSON
    objects, by the content;
    numbers with a decimal comma get a point. Raises CatalogueError where the file is empty or no such table.
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
        return [cell.strip() for cell in next(csv.reader(io.StringIO(text), delimiter=separator), [])]
    except (OSError, ValueError, csv.Error):
        return []


def _parsed(text: str, separator: str, names: Sequence[str] | None, usecols: Any) -> pd.DataFrame:
    options: dict[str, Any] = {
        "sep": separator,
        "dtype": str,
        "keep_default_na": False,
        "skipinitialspace": True,
        "usecols": usecols,
    }
    if names:
        options |= {"header": None, "names": list(names)}
    table = pd.read_csv(io.StringIO(text), **options)
    if isinstance(table.index, pd.RangeIndex):
        return table
    # pandas takes surplus cells in front for an index. Where all those behind are empty, each row ends in a separator.
    if (table.iloc[:, -1] == "").all():
        return table.reset_index().set_axis([*table.columns, "surplus"], axis=1).drop(columns="surplus")
    raise pd.errors.ParserError("Its rows have more cells than its first line.")


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
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(dict(json.loads(line).items()))
        except (ValueError, AttributeError) as problem:
            raise CatalogueError(f"Line {number} of {file} is not a JSON object; mend or remove it.") from problem
    return _table(rows)


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
