"""A table that tells age, sex and body site of many photos, for the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from skin_model.network.context import Context, UnknownContext
from skin_model.text_tables import cut, decoded

_TOLD = ("age", "sex", "site")


class ContextTable:
    """What a CSV with the columns file, age, sex and site says of each photo; further columns are passed over.

    file: a path from the table's folder, or a name where no other row has it. Empty cells are not known.
    """

    def __init__(self, file: Path) -> None:
        """Read the table; raises UnknownContext with one sentence that names the row where something is wrong."""
        self.by_path: dict[Path, Context] = {}
        by_name: dict[str, list[Context]] = {}
        try:
            separator, text = cut(decoded(file.read_bytes()))
            rows = list(csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True))
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            raise UnknownContext(f"{file} cannot be read as a CSV table ({problem}).") from None
        if not rows or "file" not in rows[0] or not set(_TOLD) & set(rows[0]):
            raise UnknownContext(f"{file} needs a column file and at least one of: {', '.join(_TOLD)}.")
        for number, row in enumerate(rows, start=2):
            try:
                context = Context.told(**{name: row.get(name) or "" for name in _TOLD})
            except UnknownContext as problem:
                raise UnknownContext(f"{file}, line {number}: {problem}") from None
            path = (file.parent / (row["file"] or "")).resolve()
            self.by_path[path] = context
            by_name.setdefault(path.name, []).append(context)
        self.by_name = {name: found[0] for name, found in by_name.items() if len(found) == 1}

    def of(self, photo: Path) -> Context | None:
        """What is told of a photo; None where the table does not list it."""
        found = self.by_path.get(photo.resolve())
        return found if found is not None else self.by_name.get(photo.name)
