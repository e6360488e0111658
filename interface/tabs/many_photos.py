"""The batch tab: many photos, or a ZIP of them, into one list."""

import base64
import csv
import io
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import xlsxwriter

from interface.components import batch_report
from interface.components.batch_files import UNREADABLE, BatchRefused, Place, batch, opened
from interface.components.batch_list import REFUSED, SORTING, ListedPhoto, batch_list, most_urgent_first
from interface.components.pdf_report import VISITORS_DATE, date_on_paper
from interface.server.sessions import has_left
from interface.server.settings import Settings
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.photo import PhotoRefused
from skin_model.wording import Words

MOST_PICTURED = 500
"""Photos of one batch that are shown with a thumbnail: what a page holds with ease."""
_THUMBNAIL = 120
"""Longest side in pixels."""
_FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")
_COLUMNS = ("file", "risk", "band", "problems", "refused")


def score(assessor: Assessor, name: str, place: Place, *, pictured: bool = True) -> ListedPhoto:
    """One photo of the batch; a file that cannot be read is refused, never fatal. pictured: with a thumbnail."""
    try:
        photo = opened(place)
    except PhotoRefused as problem:
        return ListedPhoto(name, refused_assessment(problem))
    except FileNotFoundError:
        return ListedPhoto(name, Assessment.refusal("expired"))
    except UNREADABLE:
        return ListedPhoto(name, Assessment.refusal("damaged_file"))
    return ListedPhoto(name, assessor.assess(photo), _thumbnail(photo.rgb) if pictured else None)


def _thumbnail(rgb: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a small JPEG."""
    factor = _THUMBNAIL / max(rgb.shape[:2])
    if factor < 1:
        rgb = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def row(photo: ListedPhoto, words: Words) -> list[Any]:
    """A line of the CSV: name, risk in per cent (empty for a refused photo), band, problems, why refused."""
    found = photo.assessment
    if found.refused is not None or found.risk is None:
        return [photo.name, None, "", "", words(f"refused.{found.refused}")]
    problems = " ".join(words(f"problem.{code}") for code in found.problems)
    return [photo.name, round(100 * found.risk, 1), words(f"band.{found.band}"), problems, ""]


def as_csv(rows: list[list[Any]]) -> str:
    """The table as CSV, with a mark that makes spreadsheets read it as UTF-8. A name that they would take for a formula
    is made harmless, and each is quoted: where semicolons separate, one inside a name would begin a cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    for line in rows:
        writer.writerow(
            ["'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell for cell in line]
        )
    return "\ufeff" + text.getvalue()


def csv_link(words: Words, rows: list[list[Any]], file: str) -> str:
    """A link that saves the table straight from the page."""
    data = base64.b64encode(as_csv(rows).encode()).decode("ascii")
    return f'<a class="download" download="{file}" href="data:text/csv;base64,{data}">{escape(words("batch.csv"))}</a>'


def as_workbook(words: Words, rows: list[list[Any]]) -> bytes:
    """The table as an Excel workbook, in words of the page's language: a CSV opens as one column where the system
    separates lists by semicolons, and 3.1 becomes the third of January.
    """
    content = io.BytesIO()
    # Texts stay texts, whatever they begin with.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        sheet = book.add_worksheet("Self Skin Check")
        if words.direction == "rtl":
            sheet.right_to_left()
        sheet.freeze_panes(1, 0)
        sheet.write_row(
            0, 0, [words(f"batch.column.{name}") for name in _COLUMNS[:-1]], book.add_format({"bold": True})
        )
        for place, (name, risk, band, problems, refused) in enumerate(rows, start=1):
            sheet.write_row(place, 0, [name, risk, band or words("interface.no_result"), refused or problems])
        sheet.autofit()
    return content.getvalue()


def workbook_link(words: Words, rows: list[list[Any]], file: str) -> str:
    """A link that saves the workbook straight from the page."""
    data = base64.b64encode(as_workbook(words, rows)).decode("ascii")
    address = f"data:application/vnd.openxmlformats-officedocument.spreadsheetml.sheet;base64,{data}"
    return f'<a class="download" download="{file}" href="{address}">{escape(words("batch.xlsx"))}</a>'


def _warning(text: str) -> str:
    return f'<p class="warning" role="alert">{escape(text)}</p>'


def build(page: gr.Blocks, assessor: Assessor, words: Words, settings: Settings) -> None:
    """Lay the tab out inside the open Blocks and connect it; its events are private."""
    most = settings.batch_photos
    gr.HTML(
        f"<p>{escape(words('batch.line', most=most))}</p><p class='notice'>{escape(words('notice.screening'))}</p>",
        elem_classes="tab-intro",
    )
    files = gr.File(
        label=words("batch.files"), file_count="multiple", type="filepath", height=180, elem_id="batch-files"
    )
    message = gr.HTML(elem_id="batch-message")
    with gr.Row(elem_classes="batch-saved"):
        sheet = gr.HTML(elem_id="batch-xlsx")
        link = gr.HTML(elem_id="batch-csv")
        document = gr.HTML(elem_id="batch-pdf")
    table = gr.HTML(visible=False, js_on_load=SORTING, elem_id="batch-table")

    def run(
        paths: list[str] | None,
        day: str | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        nothing: list[Any] = [gr.update(value="", visible=False), "", "", ""]
        if not paths:
            yield ["", *nothing]
            return
        try:
            chosen = batch([Path(path) for path in paths], most, words.language)
        except BatchRefused as problem:
            yield [_warning(words(f"batch.refused.{problem.code}", **problem.values)), *nothing]
            return
        except FileNotFoundError:
            yield [_warning(words("refused.expired")), *nothing]
            return
        scored: list[ListedPhoto] = []
        for name, place in progress.tqdm(chosen.photos, desc=words("batch.progress"), unit=words("batch.unit")):
            scored.append(score(assessor, name, place, pictured=len(scored) < MOST_PICTURED))
            if has_left(page, request.session_hash):
                return
        done = words("batch.done", count=len(scored), refused=sum(photo.kind == REFUSED for photo in scored))
        if chosen.others:
            done += " " + words("batch.others", count=chosen.others)
        rows = [row(photo, words) for photo in most_urgent_first(scored)]
        checkpoint = assessor.checkpoint
        yield [
            f'<p role="status">{escape(done)}</p>',
            gr.update(value=batch_list(words, scored, checkpoint.config), visible=True),
            workbook_link(words, rows, "self-skin-check.xlsx"),
            csv_link(words, rows, "self-skin-check.csv"),
            batch_report.download(words, batch_report.batch_report(words, scored, checkpoint, date_on_paper(day))),
        ]

    files.change(
        run,
        [files, gr.Textbox(visible=False)],
        [message, table, sheet, link, document],
        js=VISITORS_DATE,
        show_progress_on=message,
        api_visibility="private",
        # A queue of their own, so that single photos need not wait for hundreds.
        concurrency_id="batches",
        concurrency_limit=1,
    )
