"""Any other table of which one column names photographs and another says what they show: DDI, Fitzpatrick17k, Derm7pt,
BCN20000, and tables of one's own.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from train.data.data_folder import DataFolder, given_split
from train.data.labels import ANSWERS, CLASSES, LabelColumns, meaning, plain
from train.data.layouts.class_names import by_card
from train.data.layouts.layout import Layout, marked
from train.data.tables import column

_KNOWN = ("lesion_id", "patient_id", "confirmed_by", "age", "sex", "site", "fitzpatrick", "licence", "modality")
_NAMES = frozenset({"image", "img", "file", "filename", "photo", "picture", "path", "filepath"})
"""Words of a column whose cells may be numbers and name photographs all the same."""
_NUMBER = re.compile(r"[\d.,]+")
_LOOKED_AT = 500
"""Rows of a table at most, spread over it."""
_ONE_HOT = 3
"""Columns called by diagnoses that make one column a class."""
_MODALITIES = {"derm": "dermoscopic", "dermoscopic": "dermoscopic", "clinic": "clinical", "clinical": "clinical"}


def _one_hot(cells: Sequence[str]) -> tuple[str, ...]:
    found = tuple(cell for cell in cells if meaning(cell).understood)
    return found if len(found) >= _ONE_HOT else ()


def _is_labelled(cells: Sequence[str]) -> bool:
    return bool({*CLASSES, *ANSWERS} & set(map(column, cells)) or _one_hot(cells))


def _naming(data: DataFolder, below: Path, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The columns that name photographs of the folder: most of them, and where one can, another one in every row."""
    sample = rows[:: max(1, len(rows) // _LOOKED_AT)]
    found = {}
    for name in rows[0] if rows else ():
        numbers = bool(_NAMES & set(name.split("_")))
        cells = {row[name] for row in sample if row[name] and (numbers or not _NUMBER.fullmatch(row[name]))}
        found[name] = sum(data.holds(cell, below) for cell in cells)
    most = max(found.values(), default=0)
    naming = [name for name, hits in found.items() if hits and 2 * hits >= most]
    # A patient may be called as one of his photographs is.
    different = [
        name for name in naming if len({row[name] for row in rows} - {""}) == sum(bool(row[name]) for row in rows)
    ]
    return different or naming


def _tables(data: DataFolder) -> list[Path]:
    labelled = [path for path, cells in data.headers.items() if _is_labelled(cells)]
    return [path for path in labelled if data.pictures and _naming(data, path.parent, list(data.table(path)))]


def _read(data: DataFolder) -> None:
    for path in _tables(data):
        names = by_card(data, path)
        rows = [{name: names.get(name, {}).get(text, text) for name, text in row.items()} for row in data.table(path)]
        naming, one_hot = _naming(data, path.parent, rows), _one_hot(data.headers[path])
        others = [name for name in rows[0] if name not in (*_KNOWN, *naming)]
        labels = LabelColumns(rows, CLASSES, ANSWERS, others=others)
        for number, row in enumerate(rows):
            known = {name: row.get(name, "") for name in _KNOWN}
            named = [name for name in naming if row[name]]
            if len(named) > 1:  # several views of one lesion
                known["lesion_id"] = known["lesion_id"] or f"{path.stem} {number}"
            for name in named or naming[:1]:
                words = plain(name).split()
                seen = next((_MODALITIES[word] for word in words if word in _MODALITIES), "")
                told = [*labels.of(row), *marked(row, one_hot)]
                split = given_split(f"{row.get('split', '')}/x") or given_split(row[name].replace("\\", "/"))
                data.add(
                    row[name],
                    data.root.name,
                    Path(row[name].replace("\\", "/")).stem,
                    told,
                    path.parent,
                    **known | {"modality": known["modality"] or seen, "given_split": split},
                )


NAMED_PHOTOGRAPHS = Layout(
    "named_photographs",
    "any other table with a column of photographs' names and one called diagnosis, label or malignant",
    lambda data: bool(_tables(data)),
    _read,
)
