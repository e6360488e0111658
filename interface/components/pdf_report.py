"""One page to take to a doctor, as a PDF that is made in memory and kept nowhere."""

from __future__ import annotations

import base64
from datetime import date
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from interface.components.result_card import doubts
from interface.components.scored_photo import CombinedAssessment
from skin_model.network.calibration import Thresholds
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.risk_scale import place, segment_of, segments
from skin_model.wording import Words

if TYPE_CHECKING:
    from fpdf import FPDF

MARGIN = 15
WIDTH = 210 - 2 * MARGIN
"""Of the text, in mm as all lengths here."""
_PICTURE = 62
_COLUMN = 84
_LONGEST_SIDE = 900
_BOTTOM = 297 - 10
_LINE = 7
"""Between two lines to write on."""
_FEWEST_LINES = 2
"""Left for what a visitor noticed."""
_BANDS = {"low": (29, 95, 138), "raised": (146, 64, 14), "cannot_tell": (91, 33, 182), "high": (185, 28, 28)}
"""Red, green and blue of each band's heading and segments, as the app's style sheet has them."""
_SCALES = (1.0, 0.93, 0.86, 0.8, 0.74)
"""Long sentences and many problems make everything a little smaller, so that it stays one page."""


VISITORS_DATE = "(...given) => [...given.slice(0, -1), new Date().toLocaleDateString('sv')]"
"""Script that gives an event its last input: the date where the visitor is, year-month-day as Swedes write it."""


def date_on_paper(told: object) -> date:
    """What ``VISITORS_DATE`` told, where it can be today somewhere on earth; else the server's date."""
    today = date.today()
    try:
        day = date.fromisoformat(str(told))
    except ValueError:
        return today
    return day if abs((day - today).days) <= 1 else today


@cache
def _fonts() -> tuple[str, str]:
    """Regular and bold type with Latin and Arabic letters: the one that matplotlib, which captum needs, brings."""
    folder = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"  # type: ignore[union-attr, arg-type]
    return str(folder / "DejaVuSans.ttf"), str(folder / "DejaVuSans-Bold.ttf")


def document(words: Words) -> FPDF:
    """A PDF with one empty A4 page, margins of MARGIN, and the type ``page`` for every language, regular and bold."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    for style, file in zip(("", "B"), _fonts(), strict=True):
        pdf.add_font("page", style, file)
    pdf.set_text_shaping(True, direction=words.direction)
    pdf.set_margins(MARGIN, MARGIN)
    pdf.set_title(words("pdf.title"))
    pdf.set_lang(words.language)
    pdf.add_page()
    return pdf


def page_for_the_doctor(
    words: Words,
    photo: np.ndarray,
    overlay: np.ndarray | None,
    found: CombinedAssessment,
    checkpoint: Checkpoint,
    day: date,
    *,
    part_only: bool = False,
    not_located: bool = False,
    with_context: tuple[float, str] | None = None,
) -> bytes:
    """A PDF of one A4 page: band, what to do, risk, photo, overlay, diagnoses, room to write, and which network.

    photo, overlay: (H, W, 3) uint8 each; overlay: None where nothing raised the risk. found: of photos that were not
    refused. part_only: whether only a part of the photo was scored. not_located: whether a spot was looked for and none
    stood out. with_context: the risk with what was told of age, sex and place, and that in words. Raises ValueError for
    a refused assessment.
    """
    assessment = found.assessment
    if assessment.refused is not None or assessment.risk is None or assessment.band is None:
        raise ValueError("A refused photo has no page for the doctor.")
    for scale in _SCALES:
        pdf = _compose(words, photo, overlay, found, checkpoint, day, part_only, not_located, with_context, scale)
        if pdf.get_y() <= _BOTTOM:
            break
    return bytes(pdf.output())


def _compose(
    words: Words,
    photo: np.ndarray,
    overlay: np.ndarray | None,
    found: CombinedAssessment,
    checkpoint: Checkpoint,
    day: date,
    part_only: bool,
    not_located: bool,
    with_context: tuple[float, str] | None,
    scale: float,
) -> FPDF:
    """The page with type and pictures at ``scale`` (1: full size), however far down it reaches."""
    assessment, interval, photos = found.assessment, found.interval, len(found.risks)
    pdf = document(words)
    side = "R" if words.direction == "rtl" else "L"

    config = checkpoint.config

    def line(text: str, size: float = 10, style: str = "", grey: int = 0, after: float = 1.5) -> None:
        pdf.set_font("page", style, size * scale)
        pdf.set_text_color(grey)
        pdf.multi_cell(WIDTH, size * scale * 0.5, text, align=side, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(after * scale)

    line(words("pdf.title"), 16, "B", after=0.5)
    line(words("pdf.date", date=day.isoformat()), 9, grey=80, after=2)
    pdf.set_fill_color(*_BANDS[assessment.band])
    pdf.set_text_color(255)
    pdf.set_font("page", "B", 14 * scale)
    pdf.multi_cell(
        WIDTH, 10 * scale, words(f"band.{assessment.band}"), align=side, fill=True, new_x="LMARGIN", new_y="NEXT"
    )
    pdf.ln(2 * scale)
    line(words(f"advice.{assessment.band}"), 12, "B")
    low, high = (words.percent(end) for end in interval)
    line(f"{words.percent(assessment.risk or 0.0)} {words('interface.risk_label')}", 12, after=1)
    _scale(pdf, words, assessment.risk or 0.0, assessment.band, config.thresholds, scale)
    for doubt in doubts(words, assessment, config.thresholds, interval, photos, found.disagree, not_located):
        line(doubt, 10, "B")
    kind = "photos" if photos > 1 else "turned"
    if low != high:
        line(words(f"interface.sure.{kind}", count=photos, low=low, high=high), 9, grey=60)
    if photos > 1:
        risks = words("format.list").join(words.percent(risk) for risk in found.risks)
        line(words("pdf.photos", number=found.number, count=photos, risks=risks), 9, grey=60)
    if with_context is not None:
        risk, said = with_context
        line(f"{words('context.risk', risk=words.percent(risk))} ({said})", 10)
    if part_only:
        line(words("interface.part_only"), 9, grey=60)
    line(words("pdf.prevalence", prevalence=f"{100 * config.calibration.reference_prevalence:.0f}"), 9, grey=60)
    line(f"{words('interface.next_step')} {words(f'next_step.{assessment.band}')}", 9, after=2)
    _pictures(pdf, words, photo, overlay, scale)
    if assessment.diagnoses:
        line(words("interface.diagnoses"), 11, "B", after=0.5)
        _diagnoses(pdf, words, assessment.diagnoses, scale)
        if config.diagnosis_calibration is not None:
            line(words("interface.diagnoses.weighted"), 9, grey=60)
    for code in assessment.problems:
        line(words(f"problem.{code}"), 9)
    _to_fill_in(pdf, words, scale, room=30 * scale)
    line(words("notice.screening"), 9, "B", after=1)
    line(words("pdf.made_by", version=config.version, hash=checkpoint.hash), 7.5, grey=80, after=0.5)
    line(words("pdf.kept_nowhere"), 7.5, grey=80, after=0)
    return pdf


def _scale(pdf: FPDF, words: Words, risk: float, band: str, thresholds: Thresholds, scale: float) -> None:
    """The app's scale: a segment a band, names above, the borders below where they are, and the risk's mark."""
    bands = segments(thresholds)
    right_to_left = words.direction == "rtl"
    width, here = WIDTH / len(bands), segment_of(risk, band, bands)

    def across(share: float) -> float:
        return MARGIN + WIDTH * (1 - share if right_to_left else share)

    top = pdf.get_y()
    for number, segment in enumerate(bands):
        left = min(across(number / len(bands)), across((number + 1) / len(bands)))
        pdf.set_text_color(0 if number == here else 90)
        pdf.set_font("page", "B" if number == here else "", 9 * scale)
        pdf.set_xy(left, top)
        pdf.cell(width, 5 * scale, words(f"interface.meter.{segment.band}"), align="C")
        full = _BANDS[segment.band]
        pdf.set_fill_color(*(full if number == here else [round(255 - 0.3 * (255 - part)) for part in full]))
        pdf.rect(left + 0.3, top + 6 * scale, width - 0.6, 3.5 * scale, style="F")
        if number:
            pdf.set_text_color(60)
            pdf.set_font("page", "", 8.5 * scale)
            pdf.set_xy(across(number / len(bands)) - 15, top + 11.3 * scale)
            pdf.cell(30, 4 * scale, words.percent(segment.start), align="C")
    radius = 2.6 * scale
    x, y = across(place(risk, band, bands)), top + 7.75 * scale
    pdf.set_fill_color(255)
    pdf.set_draw_color(20)
    pdf.set_line_width(1.2 * scale)
    pdf.ellipse(x - radius, y - radius, 2 * radius, 2 * radius, style="DF")
    pdf.set_line_width(0.2)
    pdf.set_xy(MARGIN, top + 17 * scale)


def _pictures(pdf: FPDF, words: Words, photo: np.ndarray, overlay: np.ndarray | None, scale: float) -> None:
    """Photo and overlay side by side with their captions; where there is no overlay, the photo beside the reason."""
    top = pdf.get_y()
    height = scale * min(_PICTURE, _PICTURE * photo.shape[0] / photo.shape[1])
    width = height * photo.shape[1] / photo.shape[0]
    right_to_left = words.direction == "rtl"
    below = top + height
    captions = (words("pdf.photo"), words("interface.why.none" if overlay is None else "pdf.overlay"))
    for column, (picture, caption) in enumerate(zip((photo, overlay), captions, strict=True)):
        place_ = 1 - column if right_to_left else column
        left = MARGIN + place_ * (WIDTH - _COLUMN)
        if picture is not None:
            pdf.image(_jpeg(picture), x=left + (_COLUMN - width) / 2, y=top, w=width, h=height)
        pdf.set_xy(left, top + (height / 3 if picture is None else height + 1))
        pdf.set_font("page", "", 8.5 * scale)
        pdf.set_text_color(60)
        pdf.multi_cell(_COLUMN, 4 * scale, caption, align="C")
        below = max(below, pdf.get_y())
    pdf.set_xy(MARGIN, below + 2.5 * scale)


def _diagnoses(pdf: FPDF, words: Words, diagnoses: dict[str, float], scale: float) -> None:
    """The diagnoses, likeliest first: share, a bar of it, plain name with the medical one."""
    right_to_left = words.direction == "rtl"
    pdf.set_font("page", "B", 9 * scale)
    shares = max(15.0, 4 + max(pdf.get_string_width(words.percent(share)) for share in diagnoses.values()))
    bars, height = 18.0, 4.6 * scale
    for code, share in sorted(diagnoses.items(), key=lambda entry: -entry[1]):
        top = pdf.get_y()
        columns = [
            (shares, MARGIN),
            (bars, MARGIN + shares),
            (WIDTH - shares - bars - 3, MARGIN + shares + bars + 3),
        ]
        if right_to_left:
            columns = [(width, 210 - left - width) for width, left in columns]
        (_, first), (_, second), (width, third) = columns
        pdf.set_text_color(0)
        pdf.set_font("page", "B", 9 * scale)
        pdf.set_xy(first, top)
        pdf.cell(shares, height, words.percent(share), align="R" if right_to_left else "L")
        pdf.set_fill_color(225)
        pdf.rect(second, top + 1.2 * scale, bars, height - 2.4 * scale, style="F")
        pdf.set_fill_color(15, 118, 110)
        length = bars * share
        pdf.rect(
            second + (bars - length if right_to_left else 0), top + 1.2 * scale, length, height - 2.4 * scale, style="F"
        )
        pdf.set_font("page", "", 9 * scale)
        name, medical = (words(f"diagnosis.{code}.{kind}") for kind in ("name", "medical"))
        pdf.set_xy(third, top)
        text = name if name == medical else f"{name} · {medical}"
        pdf.multi_cell(width, height, text, align="R" if right_to_left else "L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2 * scale)


def _to_fill_in(pdf: FPDF, words: Words, scale: float, room: float) -> None:
    """Lines to write on, down to ``room`` millimetres above the end of the page."""
    right_to_left = words.direction == "rtl"
    side = "R" if right_to_left else "L"
    step = _LINE * scale
    pdf.set_text_color(0)
    pdf.set_draw_color(120)
    pdf.set_font("page", "B", 11 * scale)
    pdf.cell(WIDTH, 6 * scale, words("pdf.fill"), align=side, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("page", "", 9 * scale)
    third = WIDTH / 3
    top = pdf.get_y()
    for number, name in enumerate(("site", "since", "taken")):
        left = MARGIN + third * (2 - number if right_to_left else number)
        pdf.set_xy(left, top)
        pdf.cell(third, 5 * scale, words(f"pdf.fill.{name}"), align=side)
        pdf.line(
            left + (3 if right_to_left else 0),
            top + 5 * scale + step,
            left + third - (0 if right_to_left else 3),
            top + 5 * scale + step,
        )
    pdf.set_xy(MARGIN, top + 7 * scale + step)
    pdf.cell(WIDTH, 5 * scale, words("pdf.fill.changes"), align=side, new_x="LMARGIN", new_y="NEXT")
    for _ in range(max(_FEWEST_LINES, int((_BOTTOM - room - pdf.get_y()) / step))):
        pdf.ln(step)
        pdf.line(MARGIN, pdf.get_y(), MARGIN + WIDTH, pdf.get_y())
    pdf.ln(3 * scale)


def _jpeg(rgb: np.ndarray) -> bytes:
    factor = _LONGEST_SIDE / max(rgb.shape[:2])
    if factor < 1:
        rgb = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def download(words: Words, document: bytes) -> str:
    """A link that saves the document straight from the page: no file of it ever lies on the server."""
    data = base64.b64encode(document).decode("ascii")
    return (
        f'<a class="download" download="self-skin-check.pdf" href="data:application/pdf;base64,{data}">'
        f"{escape(words('pdf.save'))}</a>"
    )
