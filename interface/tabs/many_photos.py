"""The batch tab: many photos, or a ZIP of them, into one table."""

import base64
import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr

from interface.server.sessions import has_left
from interface.server.settings import Settings
from interface.server.uploads import MAX_TOTAL_BYTES
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.photo import MAX_BYTES, PhotoRefused, open_photo
from skin_model.wording import Words

MOST_ENTRIES = 10_000
"""Of a ZIP, folders and hidden files included: listing hundreds of thousands takes seconds and memory."""
_ENTRY = b"PK\x01\x02"
_LONGEST_NAME = 255
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


def score(assessor: Assessor, place: Place) -> Assessment:
    """The assessment of one photo of the batch; a file that cannot be read is refused, never fatal."""
    try:
        if isinstance(place, Path):
            return assessor.assess(open_photo(place))
        with zipfile.ZipFile(place[0]) as archive, archive.open(place[1]) as entry:
            # One byte over the bound is enough to be refused as too large.
            return assessor.assess(open_photo(entry.read(MAX_BYTES + 1)))
    except PhotoRefused as problem:
        return refused_assessment(problem)
    except FileNotFoundError:
        return Assessment.refusal("expired")
    # A decompressor's own, and that of one that asks for gigabytes.
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError):
        return Assessment.refusal("damaged_file")
    except (UnicodeError, struct.error, MemoryError):
        return Assessment.refusal("damaged_file")


def row(name: str, assessment: Assessment, words: Words) -> list[Any]:
    """A line of the table: name, risk in per cent (empty for a refused photo), band, problems, why refused."""
    if assessment.refused is not None or assessment.risk is None:
        return [name, None, "", "", words(f"refused.{assessment.refused}")]
    problems = " ".join(words(f"problem.{code}") for code in assessment.problems)
    return [name, round(100 * assessment.risk, 1), words(f"band.{assessment.band}"), problems, ""]


def shown(line: list[Any], words: Words) -> list[Any]:
    """A line as the page shows it: what is wrong with a photo, or why it has no result, in one column."""
    name, risk, band, problems, refused = line
    return [name, risk, band or words("interface.no_result"), refused or problems]


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
    table = gr.Dataframe(
        headers=[words(f"batch.column.{name}") for name in _COLUMNS[:-1]],
        datatype=["str", "number", "str", "str"],
        column_widths=["23%", "17%", "25%", "35%"],
        interactive=False,
        wrap=True,
        visible=False,
        label=words("batch.table"),
        elem_id="batch-table",
    )
    link = gr.HTML(elem_id="batch-csv")

    def run(
        paths: list[str] | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        if not paths:
            yield ["", gr.update(visible=False), ""]
            return
        try:
            found = photos([Path(path) for path in paths], most)
        except BatchRefused as problem:
            text = words(f"batch.refused.{problem.code}", **problem.values)
            yield [f'<p class="warning" role="alert">{escape(text)}</p>', gr.update(visible=False), ""]
            return
        except FileNotFoundError:
            yield [
                f'<p class="warning" role="alert">{escape(words("refused.expired"))}</p>',
                gr.update(visible=False),
                "",
            ]
            return
        rows, refused = [], 0
        for name, place in progress.tqdm(found, desc=words("batch.progress"), unit=words("batch.unit")):
            assessment = score(assessor, place)
            refused += assessment.refused is not None
            rows.append(row(name, assessment, words))
            if has_left(page, request.session_hash):
                return
        done = words("batch.done", count=len(rows), refused=refused)
        ordered = sorted(rows, key=lambda line: (line[1] is None, -(line[1] or 0)))
        yield [
            f'<p role="status">{escape(done)}</p>',
            gr.update(value=[shown(line, words) for line in ordered], visible=True),
            csv_link(words, ordered, "self-skin-check.csv"),
        ]

    files.change(
        run,
        files,
        [message, table, link],
        show_progress_on=message,
        api_visibility="private",
        # A queue of their own, so that single photos need not wait for hundreds.
        concurrency_id="batches",
        concurrency_limit=1,
    )
