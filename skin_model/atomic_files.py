"""Files written aside and renamed, so that nobody ever meets half of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path beside ``file`` to write to, renamed to ``file`` at the end.

    Where writing fails, ``file`` stays as it was. Its folder is made where it is missing.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(file.name + ".part")
    yield aside
    aside.replace(file)


def write_bytes(file: Path, content: bytes) -> None:
    """The content as it is."""
    with replacing(file) as aside:
        aside.write_bytes(content)


def write_text(file: Path, text: str) -> None:
    """UTF-8, with the line ends as they are."""
    write_bytes(file, text.encode())


def write_json(file: Path, content: Any, **options: Any) -> None:
    """JSON, indented by one unless asked otherwise, with a line end after it; options go on to ``json.dumps``."""
    write_text(file, json.dumps(content, **{"indent": 1, **options}) + "\n")


def write_csv(file: Path, table: pd.DataFrame, **options: Any) -> None:
    """A table without its index; options go on to ``DataFrame.to_csv``."""
    with replacing(file) as aside:
        table.to_csv(aside, **{"index": False, "lineterminator": "\n", **options})
