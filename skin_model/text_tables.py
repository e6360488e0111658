"""How a text table is written: its encoding and its separator, told from the text itself.

Excel writes semicolons where the comma is the decimal sign, UTF-16 with tabs as "Unicode text", cp1252 as plain CSV,
and sometimes a first line ``sep=;`` that is no row.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

SEPARATORS = ("\t", ";", "|", ",")
"""The likelier first where a line could be cut in two ways: a comma may be a decimal sign, a tab hardly anything."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ARCHIVE = b"PK\3\4"
"""Begins a ZIP, and so an Excel workbook, which may be called .csv."""
_END_OF_FILE = "\x1a"
"""As DOS ended a text."""
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(\\t|.)"?[\t;|, ]*(\n|$)', re.IGNORECASE)
_ABOVE = re.compile(r"\A(?:[ \t]*\n|#[ !].*\n|#\n)+")
"""A # without a space behind it may begin the name of a column."""
_LONGEST_CELL = 2**31 - 1
"""Letters. csv stops at 2**17 of its own accord, which a note or a picture in a cell has."""
_LONGEST_TITLE = 10
"""Lines."""
_LOOKED_AT = 50
"""Rows that are compared where the first line can be cut in two ways."""


def decoded(data: bytes, whole: bool = True) -> str:
    """The text of a table's bytes, its lines ended as Unix ends them.

    whole: whether these are all its bytes. Raises ValueError, with a sentence, where they are no text.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None) or _unmarked(data)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError as problem:
        raise ValueError("It is no text in UTF-8, UTF-16 or cp1252.") from problem
    if data.startswith(_ARCHIVE):
        raise ValueError("It is a ZIP archive or an Excel workbook.")
    if "\0" in text:
        raise ValueError("It has NUL bytes, as damaged and binary files do.")
    return text.removesuffix(_END_OF_FILE).replace("\r\n", "\n").replace("\r", "\n")


def _unmarked(data: bytes) -> str:
    head = data[:200]
    for encoding, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        if 2 * head[first::2].count(0) > len(head[first::2]):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


csv.field_size_limit(_LONGEST_CELL)


def cut(text: str) -> tuple[str, str]:
    """(separator, text from its first row on) of a table; a comma where nothing separates.

    Left away are a ``sep=`` line, and blank lines, comments (# …) and titles above the first row.
    """
    text = _without_title(_ABOVE.sub("", text, count=1))
    said = _SEPARATOR_LINE.match(text)
    if said:
        return said[1].replace("\\t", "\t"), text[said.end() :]
    return max(SEPARATORS, key=lambda separator: _cells(text, separator)), text


def rows_of(text: str, separator: str) -> Iterator[list[str]]:
    """The cells of every row; raises csv.Error where a quotation mark is wrong."""
    return csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)


def _without_title(text: str) -> str:
    """The text from the line on from which all those looked at are cut into as many cells, where none above is."""
    lines = text.split("\n", _LOOKED_AT)
    rows = lines[:_LOOKED_AT]
    for start in range(1, min(_LONGEST_TITLE, len(rows)) + 1):
        above = rows[start - 1]
        filled = above.rstrip("".join(SEPARATORS) + " ")
        if not filled or " " in filled.strip():  # no column's name: spreadsheets fill a title up to the table's width
            above = filled
        if any(separator in above for separator in SEPARATORS):
            return text
        for separator in SEPARATORS:
            try:
                found = list(rows_of("\n".join(rows[start:]), separator))
            except csv.Error:
                continue
            widths = {len(row) for row in found if row}
            if found and any(found[0]) and len(widths) == 1 and widths.pop() > 1 and sum(map(bool, found)) > 1:
                return "\n".join(lines[start:])
    return text


def _cells(text: str, separator: str) -> tuple[int, int, int]:
    """How well a separator cuts a text: cells of the first row, rows that have as many, and rank among equals."""
    try:
        rows = [row for row in islice(rows_of(text, separator), _LOOKED_AT) if row]
    except csv.Error:
        rows = []
    width = len(rows[0]) if rows else 0
    alone = separator == "," and width == 1
    return width, alone + sum(len(row) == width for row in rows), -SEPARATORS.index(separator)
