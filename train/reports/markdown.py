"""Markdown: tables, text that stays as it is, and what stands between two marks of a page."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from skin_model.atomic_files import write_csv, write_text
from train import UserError


def table(head: Sequence[str], rows: Iterable[Iterable[Any]], align: str = "---|") -> str:
    """Lines of a table without a line end after the last. align: the second line, one ``---|`` a column if alone."""
    align = align * len(head) if align == "---|" else align
    return "\n".join([line(head), f"|{align}", *map(line, rows)])


def line(cells: Iterable[Any]) -> str:
    """One row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: names of sources may hold anything."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;"))


def write_between(page: Path, texts: dict[str, str], end: str) -> None:
    """Fill the marks of a page; see ``fill``."""
    try:
        content = page.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{page} is no text in UTF-8. Name the page that holds the marks.") from None
    write_text(page, fill(content, texts, end, str(page)))


def write_page(found: pd.DataFrame, page: Path, content: str, marks: tuple[str, str], ending: str = ".csv") -> None:
    """Put ``content`` between the marks of ``page`` and its rows into a CSV file beside it, its name but the ending."""
    write_between(page, {marks[0]: content}, marks[1])
    write_csv(page.with_name(page.stem + ending), found, float_format="%.6f")


def fill(page: str, texts: dict[str, str], end: str, name: str) -> str:
    """``page`` with each text of ``texts`` (opening mark -> text) between its mark and ``end``; marks that the page
    lacks are skipped.

    Raises UserError where the page has none of the marks, or one of them without an end of its own.
    """
    found = [mark for mark in texts if mark in page]
    whole = bool(found)
    for mark in found:
        before, _, rest = page.partition(mark)
        old, ended, after = rest.partition(end)
        whole &= bool(ended) and not any(other in old for other in found)
        page = f"{before}{mark}\n{texts[mark]}\n{end}{after}"
    if not whole:
        marks = f"{' or '.join(texts)} and {end}"
        raise UserError(f"{name} lacks the marks {marks}. Put them where the figures belong.")
    return page
