"""Lesions as a person outlined them, for the data folders that have outlines."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from train import UserError

OUTLINES_FILE = "outlines.jsonl"
"""Beside ``lesions.csv``: {"file", "outline": [x, y, x, y, …] in 0…1 of width and height} a line."""


@lru_cache(maxsize=8)
def outlines(root: str | Path) -> dict[str, np.ndarray]:
    """Outlines of a data folder by file, (n, 2) x and y in 0…1 of width and height; empty where it has none.

    Raises UserError, naming the line, for one that holds no outline of at least three points.
    """
    file = Path(root) / OUTLINES_FILE
    if not file.is_file():
        return {}
    found = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            outline = np.array(record["outline"], dtype=np.float64).reshape(-1, 2)
            if len(outline) < 3:
                raise ValueError("no area")
            found[record["file"]] = outline
        except (ValueError, KeyError, TypeError):
            raise UserError(f"Line {number} of {file} holds no outline. Mend or remove it.") from None
    return found
