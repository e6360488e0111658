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

from interface.components.result_card import between, disagreement
from interface.components.scored_photo import CombinedAssessment
from skin_model.diagnoses import MEDICAL_NAMES
from skin_model.network.checkpoint import Checkpoint
from skin_model.wording import Words

if TYPE_CHECKING:
    from fpdf import FPDF

_MARGIN = 15
_WIDTH = 210 - 2 * _MARGIN
_PICTURE = 80
_LONGEST_SIDE = 900
_BOTTOM = 297 - 10
_SCALES = (1.0, 0.93, 0.86, 0.8, 0.74)
"""Long sentences and many problems make everything a little smaller, so that it stays one page."""


@cache
def fonts() -> tuple[str, str]:
    """Regular and bold type with Latin and Arabic letters: the one that matplotlib, which captum needs, brings."""
    folder = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"  # type: ignore[union-attr, arg-type]
    return str(folder / "DejaVuSans.ttf"), str(folder / "DejaVuSans-Bold.ttf")


def page_for_the_doctor(
    words: Words,
    photo: np.ndarray,
    overlay: np.ndarray,
    found: CombinedAssessment,
    checkpoint: Checkpoint,
    day: date,
    *,
    part_only: bool = False,
    with_context: float | None = None,
) -> bytes:
    """A PDF of one A4 page: photo, overlay, risk, diagnoses, which network, date and what it is not.

    photo, overlay: (H, W, 3) uint8 each. found: of photos that were not refused. part_only: whether only a part of the
    photo was scored. with_context: the risk with what was told of age, sex and place. Raises ValueError for a refused
    assessment.
    """
    assessment = found.assessment
    if assessment.refused is not None or assessment.risk is None or assessment.band is None:
        raise ValueError("A refused photo has no page for the doctor.")
    for scale in _SCALES:
        pdf = _compose(words, photo, overlay, found, checkpoint, day, part_only, with_context, scale)
        if pdf.get_y() <= _BOTTOM:
            break
    return bytes(pdf.output())


def _compose(
    words: Words,
    photo: np.ndarray,
    overlay: np.ndarray,
    found: CombinedAssessment,
    checkpoint: Checkpoint,
    day: date,
    part_only: bool,
    with_context: float | None,
    scale: float,
) -> FPDF:
    """The page with type and pictures at ``scale`` (1: full size), however far down it reaches."""
    from fpdf import FPDF

    assessment, interval, photos = found.assessment, found.interval, len(found.risks)
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    for style, file in zip(("", "B"), fonts(), strict=True):
        pdf.add_font("page", style, file)
    pdf.set_text_shaping(True, direction=words.direction)
    pdf.set_margins(_MARGIN, _MARGIN)
    pdf.set_title(words("pdf.title"))
    pdf.set_lang(words.language)
    pdf.add_page()
    side = "R" if words.direction == "rtl" else "L"

    def line(text: str, size: float = 10, style: str = "", grey: int = 0, after: float = 1.5) -> None:
        pdf.set_font("page", style, size * scale)
        pdf.set_text_color(grey)
        pdf.multi_cell(_WIDTH, size * scale * 0.5, text, align=side, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(after * scale)

    line(words("pdf.title"), 18, "B", after=1)
    line(words("pdf.date", date=day.isoformat()), 10, grey=80, after=3)
    _pictures(pdf, words, photo, overlay, scale)
    line(words(f"band.{assessment.band}"), 15, "B", after=1)
    low, high = (words.percent(end) for end in interval)
    number = f"{words.percent(assessment.risk or 0.0)} {words('interface.risk_label')}"
    line(number if low == high else f"{number} {between(words, interval)}", 12, after=1)
    kind = "photos" if photos > 1 else "turned"
    line(words(f"interface.sure.{kind}", count=photos, low=low, high=high), 9, grey=80)
    if photos > 1:
        risks = words("format.list").join(words.percent(risk) for risk in found.risks)
        line(words("pdf.photos", count=photos, risks=risks), 9, grey=80)
    if found.urgent is not None:
        line(disagreement(words, interval), 10)
    if with_context is not None:
        line(words("context.risk", risk=words.percent(with_context)), 10)
    if part_only:
        line(words("interface.part_only"), 9, grey=80)
    calibrated = checkpoint.config.calibration
    line(words("pdf.prevalence", prevalence=f"{100 * calibrated.reference_prevalence:.0f}"), 9, grey=80)
    line(f"{words('interface.next_step')} {words(f'next_step.{found.urgent or assessment.band}')}", 10, after=3)
    if assessment.diagnoses:
        line(words("interface.diagnoses"), 11, "B", after=1)
        _diagnoses(pdf, words, assessment.diagnoses, scale)
    for code in assessment.problems:
        line(words(f"problem.{code}"), 9)
    pdf.ln(2 * scale)
    line(words("notice.screening"), 10, "B", after=2)
    facts = checkpoint.config
    line(words("pdf.made_by", version=facts.version, hash=checkpoint.hash), 8, grey=80, after=1)
    line(words("pdf.kept_nowhere"), 8, grey=80, after=0)
    return pdf


def _pictures(pdf: FPDF, words: Words, photo: np.ndarray, overlay: np.ndarray, scale: float) -> None:
    """Photo and overlay side by side with their captions."""
    top = pdf.get_y()
    height = scale * min(_PICTURE, _PICTURE * photo.shape[0] / photo.shape[1])
    width = height * photo.shape[1] / photo.shape[0]
    gap = _WIDTH - 2 * _PICTURE
    for column, (picture, caption) in enumerate(((photo, "pdf.photo"), (overlay, "pdf.overlay"))):
        left = _MARGIN + column * (_PICTURE + gap)
        pdf.image(_jpeg(picture), x=left + (_PICTURE - width) / 2, y=top, w=width, h=height)
        pdf.set_xy(left, top + height + 1)
        pdf.set_font("page", "", 8)
        pdf.set_text_color(80)
        pdf.multi_cell(_PICTURE, 4, words(caption), align="C")
    pdf.set_xy(_MARGIN, top + height + 11)


def _diagnoses(pdf: FPDF, words: Words, diagnoses: dict[str, float], scale: float) -> None:
    """The diagnoses, likeliest first: share, plain name, medical name."""
    pdf.set_text_color(0)
    right_to_left = words.direction == "rtl"
    for code, share in sorted(diagnoses.items(), key=lambda entry: -entry[1]):
        cells = [(24, words.percent(share)), (60, words(f"diagnosis.{code}.name")), (96, MEDICAL_NAMES[code])]
        for width, text in reversed(cells) if right_to_left else cells:
            pdf.set_font("page", "", 9 * scale)
            pdf.set_font_size(9 * scale * min(1.0, (width - 2) / pdf.get_string_width(text)))
            pdf.cell(width, 5 * scale, text, align="R" if right_to_left else "L")
        pdf.ln(5 * scale)
    pdf.ln(2 * scale)


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
