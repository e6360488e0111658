"""The batch tab: many photos, or a ZIP of them, into one list."""

import base64
import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import gradio as gr
import numpy as np

from interface.components import batch_report
from interface.components.batch_list import REFUSED, SORTING, ListedPhoto, batch_list, most_urgent_first
from interface.server.sessions import has_left
from interface.server.settings import Settings
from interface.server.uploads import MAX_TOTAL_BYTES
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.photo import MAX_BYTES, Photo, PhotoRefused, open_photo
from skin_model.wording import Words

MOST_ENTRIES = 10_000
"""Of a ZIP, folders and hidden files included: listing hundreds of thousands takes seconds and memory."""
_ENTRY = b"PK\x01\x02"
_LONGEST_NAME = 255
MOST_PICTURED = 500
"""Photos of one batch that are shown with a thumbnail: what a page holds with ease."""
_THUMBNAIL = 120
"""Longest side in pixels."""
_COLUMNS = ("file", "risk", "band", "problems", "refused")


Place = Path | tuple[Path, zipfile.ZipInfo]
"""Where a photo lies: a file, or a ZIP file and the entry in it, for two entries may bear one name."""


class BatchRefused(ValueError):
    """A batch that is not scored at all. code: names the sentence under ``batch.refused``; values: its placeholders."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def photos(files: list[Path], most: int) -> list[tuple[str, Place]]:
    """Name and place of every photo: a file, or a ZIP file and the entry in it. Folders and hidden files are left out.
    Raises BatchRefused for a broken or locked ZIP, for none, for more than ``most``, and for too many bytes.
    """
    found: list[tuple[str, Place]] = []
    total = 0
    for file in files:
        if file.suffix.lower() != ".zip":
            found.append((file.name, file))
            total += file.stat().st_size
            continue
        try:
            if file.read_bytes().count(_ENTRY) > MOST_ENTRIES:
                raise BatchRefused("too_many", most=most)
            with zipfile.ZipFile(file) as archive:
                inside = [entry for entry in archive.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
        # zipfile meets hostile lists with ValueError and struct.error too.
        except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeError, struct.error, EOFError):
            raise BatchRefused("broken_zip", file=file.name) from None
        if any(entry.flag_bits & 1 for entry in inside):
            raise BatchRefused("locked_zip", file=file.name)
        total += sum(min(entry.file_size, MAX_BYTES) for entry in inside)
        found += [(entry.filename[-_LONGEST_NAME:], (file, entry)) for entry in inside]
        if len(found) > most:
            break
    if not found:
        raise BatchRefused("none")
    if len(found) > most:
        raise BatchRefused("too_many", most=most)
    if total > MAX_TOTAL_BYTES:
        raise BatchRefused("too_large", megabytes=MAX_TOTAL_BYTES // 2**20)
    return found


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


def score(assessor: Assessor, name: str, place: Place, *, pictured: bool = True) -> ListedPhoto:
    """One photo of the batch; a file that cannot be read is refused, never fatal. pictured: with a thumbnail."""
    try:
        photo = _open(place)
    except PhotoRefused as problem:
        return ListedPhoto(name, refused_assessment(problem))
    except FileNotFoundError:
        return ListedPhoto(name, Assessment.refusal("expired"))
    # A decompressor's own, and that of one that asks for gigabytes.
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError):
        return ListedPhoto(name, Assessment.refusal("damaged_file"))
    except (UnicodeError, struct.error, MemoryError):
        return ListedPhoto(name, Assessment.refusal("damaged_file"))
    return ListedPhoto(name, assessor.assess(photo), _thumbnail(photo.rgb) if pictured else None)


def _open(place: Place) -> Photo:
    if isinstance(place, Path):
        return open_photo(place)
    with zipfile.ZipFile(place[0]) as archive, archive.open(place[1]) as entry:
        # One byte over the bound is enough to be refused as too large.
        return open_photo(entry.read(MAX_BYTES + 1))


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
    """The table as CSV, with a mark that makes spreadsheets read it as UTF-8; a name that a spreadsheet would take for
    a formula is made harmless.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for line in rows:
        writer.writerow(
            ["'" + cell if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell for cell in line]
        )
    return "\ufeff" + text.getvalue()


def csv_link(words: Words, rows: list[list[Any]], file: str) -> str:
    """A link that saves the table straight from the page."""
    data = base64.b64encode(as_csv(rows).encode()).decode("ascii")
    return f'<a class="download" download="{file}" href="data:text/csv;base64,{data}">{escape(words("batch.csv"))}</a>'


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
    table = gr.HTML(visible=False, js_on_load=SORTING, elem_id="batch-table")
    with gr.Row(elem_classes="batch-saved"):
        link = gr.HTML(elem_id="batch-csv")
        document = gr.HTML(elem_id="batch-pdf")

    def run(
        paths: list[str] | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        nothing: list[Any] = [gr.update(value="", visible=False), "", ""]
        if not paths:
            yield ["", *nothing]
            return
        try:
            found = photos([Path(path) for path in paths], most)
        except BatchRefused as problem:
            yield [_warning(words(f"batch.refused.{problem.code}", **problem.values)), *nothing]
            return
        except FileNotFoundError:
            yield [_warning(words("refused.expired")), *nothing]
            return
        scored: list[ListedPhoto] = []
        for name, place in progress.tqdm(found, desc=words("batch.progress"), unit=words("batch.unit")):
            scored.append(score(assessor, name, place, pictured=len(scored) < MOST_PICTURED))
            if has_left(page, request.session_hash):
                return
        done = words("batch.done", count=len(scored), refused=sum(photo.kind == REFUSED for photo in scored))
        rows = [row(photo, words) for photo in most_urgent_first(scored)]
        checkpoint = assessor.checkpoint
        yield [
            f'<p role="status">{escape(done)}</p>',
            gr.update(value=batch_list(words, scored, checkpoint.config), visible=True),
            csv_link(words, rows, "self-skin-check.csv"),
            batch_report.download(words, batch_report.batch_report(words, scored, checkpoint, date.today())),
        ]

    files.change(
        run,
        files,
        [message, table, link, document],
        show_progress_on=message,
        api_visibility="private",
        # A queue of their own, so that single photos need not wait for hundreds.
        concurrency_id="batches",
        concurrency_limit=1,
    )
