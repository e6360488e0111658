"""How a text table is written: its encoding and its separator, told from the text itself.

Excel writes semicolons where the comma is the decimal sign, UTF-16 with tabs as "Unicode text", cp1252 as plain CSV,
and sometimes a first line ``sep=;`` that is no row.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
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
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(\\t|.)"?[\t;|, ]*(\n|$)', re.IGNORECASE)
_ABOVE = re.compile(r"\A(?:[ \t]*\n|#[ !].*\n|#\n)+")
"""A # without a space behind it may begin the name of a column."""
_LONGEST_CELL = 2**31 - 1
"""Letters. csv stops at 2**17 of its own accord, which a note or a picture in a cell has."""
_LOOKED_AT = 50
"""Rows that are compared where the first line can be cut in two ways."""


def decoded(data: bytes, whole: bool = True) -> str:
    """The text of a table's bytes, its lines ended as Unix ends them.

    whole: whether these are all its bytes. Raises UnicodeDecodeError where they are no text.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None) or _unmarked(data)
    text = codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    if "\0" in text or data.startswith(_ARCHIVE):
        raise UnicodeDecodeError(encoding, data[:1], 0, 1, "no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


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

    Left away are a ``sep=`` line, and blank lines and comments (# …) above the first row.
    """
    text = _ABOVE.sub("", text, count=1)
    said = _SEPARATOR_LINE.match(text)
    if said:
        return said[1].replace("\\t", "\t"), text[said.end() :]
    return max(SEPARATORS, key=lambda separator: _cells(text, separator)), text


def _cells(text: str, separator: str) -> tuple[int, int, int]:
    """How well a separator cuts a text: cells of the first row, rows that have as many, and rank among equals."""
    try:
        rows = [row for row in islice(csv.reader(io.StringIO(text), delimiter=separator), _LOOKED_AT) if row]
    except csv.Error:
        rows = []
    width = len(rows[0]) if rows else 0
    alone = separator == "," and width == 1
    return width, alone + sum(len(row) == width for row in rows), -SEPARATORS.index(separator)
