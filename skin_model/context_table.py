"""A table that tells age, sex and body site of many photos, for the command line."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

from skin_model.network.context import Context, UnknownContext
from skin_model.text_tables import cut, decoded

_TOLD = ("age", "sex", "site")


class ContextTable:
    """What a CSV with the columns file, age, sex and site says of each photo; further columns are passed over.

    file: a path from the table's folder, or a name where no other row has it and no file lies where the row says.
    Slashes either way, case and Unicode's composed and decomposed letters make no difference. Empty cells are unknown.
    """

    def __init__(self, file: Path) -> None:
        """Read the table; raises UnknownContext with one sentence that names the row where something is wrong."""
        self.by_path: dict[Path, Context] = {}
        by_name: dict[str, list[Context | None]] = {}
        try:
            separator, text = cut(decoded(file.read_bytes()))
            rows = list(csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True))
        except (OSError, ValueError, csv.Error) as problem:
            raise UnknownContext(f"{file} cannot be read as a CSV table ({problem}).") from None
        if not rows or "file" not in rows[0] or not set(_TOLD) & set(rows[0]):
            raise UnknownContext(f"{file} needs a column file and at least one of: {', '.join(_TOLD)}.")
        for number, row in enumerate(rows, start=2):
            try:
                context = Context.told(**{name: row.get(name) or "" for name in _TOLD})
            except UnknownContext as problem:
                raise UnknownContext(f"{file}, line {number}: {problem}") from None
            path = (file.parent / (row["file"] or "").strip().replace("\\", "/")).resolve()
            self.by_path[path] = context
            # A row whose own photo is there says nothing of another one that bears its name.
            by_name.setdefault(_loose(path.name), []).append(None if path.exists() else context)
        self.by_name = {name: found[0] for name, found in by_name.items() if len(found) == 1}

    def of(self, photo: Path) -> Context | None:
        """What is told of a photo; None where the table does not list it."""
        found = self.by_path.get(photo.resolve())
        return found if found is not None else self.by_name.get(_loose(photo.name))


def _loose(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
