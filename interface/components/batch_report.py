"""Many scored photos as a PDF that is made in memory and kept nowhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING

from interface.components.batch_list import REFUSED, ListedPhoto, counts, most_urgent_first, title
from interface.components.pdf_report import MARGIN, WIDTH, document
from skin_model.network.checkpoint import Checkpoint
from skin_model.wording import Words

if TYPE_CHECKING:
    from fpdf import FPDF

_BOTTOM = 297 - MARGIN
_PICTURE, _GAP = 16, 3
_COLUMNS = {"picture": _PICTURE + _GAP, "name": 91, "risk": 24, "band": 46}
"""Widths in mm, together WIDTH."""
_NAME_LETTERS = 46


def batch_report(words: Words, photos: Sequence[ListedPhoto], checkpoint: Checkpoint, day: date) -> bytes:
    """A PDF of A4 pages: how many photos of each band, then a line a photo, highest risk first."""
    pdf = document(words)
    side = "R" if words.direction == "rtl" else "L"

    def line(text: str, size: float, style: str = "", grey: int = 0) -> None:
        pdf.set_font("page", style, size)
        pdf.set_text_color(grey)
        pdf.multi_cell(WIDTH, size * 0.5, text, align=side, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(1.5)

    line(words("pdf.title"), 18, "B")
    line(words("pdf.date", date=day.isoformat()), 10, grey=80)
    for kind, count in counts(photos).items():
        line(f"{title(words, kind)}: {count}", 10)
    line(words("notice.screening"), 10, "B")
    made_by = words("pdf.made_by", version=checkpoint.config.version, hash=checkpoint.hash)
    line(made_by, 8, grey=80)
    for photo in most_urgent_first(photos):
        _row(pdf, words, photo)
    return bytes(pdf.output())


def _row(pdf: FPDF, words: Words, photo: ListedPhoto) -> None:
    found, refused = photo.assessment, photo.kind == REFUSED
    note = words(f"refused.{found.refused}") if refused else " ".join(words(f"problem.{c}") for c in found.problems)
    risk = "–" if refused else words.percent(found.risk or 0.0)
    band = title(words, photo.kind)
    heights = {name: _text(pdf, words, name, text, dry=True) for name, text in (("name", note), ("band", band))}
    height = max(_PICTURE, 6 + heights["name"], heights["band"]) + 3
    if pdf.get_y() + height > _BOTTOM:
        pdf.add_page()
    top = pdf.get_y()
    pdf.set_draw_color(200)
    pdf.line(MARGIN, top, MARGIN + WIDTH, top)
    if photo.thumbnail is not None:
        box = (_left(words, "picture") + (_GAP if words.direction == "rtl" else 0), top + 1.5, _PICTURE, _PICTURE)
        pdf.image(io.BytesIO(photo.thumbnail), *box, keep_aspect_ratio=True)
    _text(pdf, words, "name", _shortened(photo.name), top=top + 1.5, style="B")
    if note:
        _text(pdf, words, "name", note, top=top + 7, grey=80)
    _text(pdf, words, "risk", risk, top=top + 1.5, style="B")
    _text(pdf, words, "band", band, top=top + 1.5)
    pdf.set_xy(MARGIN, top + height)


def _left(words: Words, column: str) -> float:
    """Where a column begins in mm; from the right where one writes from there."""
    names = list(_COLUMNS)
    before = sum(_COLUMNS[name] for name in names[: names.index(column)])
    return MARGIN + (WIDTH - before - _COLUMNS[column] if words.direction == "rtl" else before)


def _text(
    pdf: FPDF,
    words: Words,
    column: str,
    text: str,
    *,
    top: float = 0.0,
    style: str = "",
    grey: int = 0,
    dry: bool = False,
) -> float:
    """Write into a column; the height in mm, also of what is not written (dry)."""
    pdf.set_font("page", style, 8)
    pdf.set_text_color(grey)
    if not dry:
        pdf.set_xy(_left(words, column), top)
    side = "R" if words.direction == "rtl" else "L"
    return float(pdf.multi_cell(_COLUMNS[column] - _GAP, 4, text, align=side, dry_run=dry, output="HEIGHT"))


def _shortened(name: str) -> str:
    """In one line: beginning and end, which tells photos of a series apart."""
    if len(name) <= _NAME_LETTERS:
        return name
    half = _NAME_LETTERS // 2
    return f"{name[: half - 1]}…{name[-half:]}"


def download(words: Words, content: bytes) -> str:
    """A link that saves the document straight from the page: no file of it ever lies on the server."""
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<a class="download" download="self-skin-check.pdf" href="data:application/pdf;base64,{data}">'
        f"{escape(words('batch.pdf'))}</a>"
    )
