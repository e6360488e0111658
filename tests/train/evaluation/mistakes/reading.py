"""What lies in a gallery's folder."""

import json
from pathlib import Path

import pandas as pd


def lines(gallery: Path) -> list[dict]:
    return [json.loads(line) for line in (gallery / "metadata.jsonl").read_text().splitlines()]


def cases(gallery: Path) -> pd.DataFrame:
    return pd.read_csv(gallery / "cases.csv", keep_default_na=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
