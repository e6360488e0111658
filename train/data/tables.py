"""CSV tables read as text, and the photographs that their rows name."""

from pathlib import Path
from typing import Any

import pandas as pd

from skin_model.photo import Photo, PhotoRefused, open_photo
from train.data.labels import CatalogueError

OTHERS: dict[str, Any] = {"encoding": "utf-8-sig", "skipinitialspace": True}
"""Options for tables that were written elsewhere."""


def read_text_table(file: Path, **options: Any) -> pd.DataFrame:
    """Every cell as text, "" where it is empty; options go on to ``pandas.read_csv``.

    Raises CatalogueError where the file is empty or no CSV in UTF-8.
    """
    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False, **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        raise CatalogueError(f"{file} is not a readable UTF-8 CSV table; save it as one.") from problem


def files_of(rows: pd.DataFrame) -> list[Path]:
    """The file of every row (root, file), in order."""
    return [Path(root) / file for root, file in zip(rows["root"], rows["file"], strict=True)]


def photo_of(row: Any) -> Photo | None:
    """The photograph of a row (root, file) as a visitor's is opened; None where it cannot be."""
    try:
        return open_photo(Path(row.root) / row.file)
    except (PhotoRefused, OSError):
        return None
