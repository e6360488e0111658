"""The label columns of a table, each judged as a whole: whether its numbers are answers or the ids of classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from train.data.labels.meaning import BENIGN, MALIGN, Meaning, Told
from train.data.labels.plain_text import plain
from train.data.labels.wording import meaning

CLASSES = ("diagnosis", "dx", "label", "class", "class_name", "label_name", "category", "disease", "diagnostic")
CLASSES += ("diagnose", "diagnostico", "diagnosi", "nine_partition_label", "three_partition_label")
ANSWERS = ("malignant", "benign_malignant", "is_malignant", "target")
"""Columns that name a class, and that ask for malignancy, in tables of whatever origin; the most specific first."""
_YES = frozenset(("true", "t", "yes", "y", "positive", "pos", "m", "ja", "oui", "si"))
_NO = frozenset(("false", "f", "no", "n", "negative", "neg", "b", "nein", "non"))
_ANSWERS = frozenset((0.0, 1.0))
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def answer(text: str) -> int | None:
    """1 or 0 for what a column says that asks for malignancy: 1, 0, true, false, yes, no, malignant…; else None."""
    number = _number(text)
    if number is not None:
        return int(number) if number in _ANSWERS else None
    words = plain(text)
    return 1 if words in _YES else 0 if words in _NO else meaning(text).malignant


def _naming_classes(rows: list[Mapping[str, str]], columns: list[str]) -> tuple[str, ...]:
    """The columns that name a benign or malignant class in at least half of the rows."""
    named = dict.fromkeys(columns, 0)
    for row in rows:
        for column in columns:
            text = row.get(column, "")
            named[column] += bool(text) and _number(text) is None and meaning(text).malignant is not None
    return tuple(column for column, count in named.items() if count and 2 * count >= len(rows))


def _is_mixed(column: str, rows: list[Mapping[str, str]]) -> bool:
    """Whether zeros and ones stand among the names of diagnoses: who numbers some of them asks for no malignancy."""
    cells = {row.get(column, "") for row in rows}
    return set(map(_number, cells)) >= _ANSWERS and any(meaning(text).diagnosis for text in cells)


class LabelColumns:
    """Some columns of a table, or of several that belong together, which say what each row's photograph shows.

    rows: all of them, for a column's numbers are answers (0 benign, 1 malignant) only if there are no others in it.
    answers: columns that ask for malignancy. classes: columns that name a class. The most specific ones come first.
    witnesses: columns that say nothing themselves, but whose words tell ids of classes from answers. others: columns
    of which any counts too that names a class in at least half of the rows: a name beside a number, a finding beside a
    guess.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, str]],
        classes: Iterable[str] = (),
        answers: Iterable[str] = (),
        witnesses: Iterable[str] = (),
        others: Iterable[str] = (),
    ) -> None:
        rows, classes = list(rows), tuple(classes)
        self._asked = tuple(answers)
        self._columns = (*classes, *self._asked)
        self._witnesses = tuple(witnesses)
        further = [column for column in others if column not in (*self._columns, *self._witnesses)]
        self._columns += _naming_classes(rows, further)
        self._binary = {
            column: {number for row in rows if (number := _number(row.get(column, ""))) is not None} <= _ANSWERS
            for column in self._columns
        }
        for column in classes:
            self._binary[column] &= not _is_mixed(column, rows) and not self._contradicted(column, rows)

    def _contradicted(self, column: str, rows: list[Mapping[str, str]]) -> bool:
        """Whether most of a column's zeros and ones say the opposite of their rows' words, and so are ids.

        Where somebody has numbered the names by the alphabet, melanoma is 0 and nevus is 1.
        """
        others = [other for other in (*self._columns, *self._witnesses) if other != column]
        agree = []
        for row in rows:
            number = _number(row.get(column, ""))
            words = [text for other in others if _number(text := row.get(other, "")) is None]
            said = [known.malignant for known in map(meaning, words) if known.malignant is not None]
            agree += [number == answer for answer in said if number is not None]
        return 2 * sum(agree) < len(agree)

    def of(self, row: Mapping[str, str]) -> list[Told]:
        """What a row's columns say, empty cells left out."""
        return [
            Told(column, text, self._meaning(column, text)) for column in self._columns if (text := row.get(column, ""))
        ]

    def _meaning(self, column: str, text: str) -> Meaning:
        if column not in self._asked and _number(text) is None and plain(text) not in ("true", "false"):
            return meaning(text)
        said = answer(text) if self._binary[column] else None
        known = meaning(text)
        return known if known.diagnosis or said is None else MALIGN if said else BENIGN
