"""The batch tab: many photos, or a ZIP of them, into one table."""

import base64
import csv
import io
import lzma
import mimetypes
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr

from interface.components.spreadsheet import workbook
from interface.server.sessions import has_left
from interface.server.settings import Settings
from interface.server.uploads import MAX_TOTAL_BYTES
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.command_line import printable
from skin_model.photo import MAX_BYTES, PhotoRefused, open_photo
from skin_model.photo.decoding import format_of
from skin_model.photo.folders import ENDINGS
from skin_model.wording import ENGLISH, Words

MOST_ENTRIES = 10_000
"""Of a ZIP, folders and hidden files included: listing hundreds of thousands takes seconds and memory."""
_ENTRY = b"PK\x01\x02"
_LONGEST_NAME = 255
_HEAD = 16
"""Bytes that tell a format."""
_LOCKED, _UTF_8 = 1, 1 << 11
"""Flags of an entry."""
_UNICODE_PATH = 0x7075
_CODE_PAGES = {"pl": "cp852", "ar": "cp720"}
"""Of Windows for archives, by language; cp850 in the west."""
_UNREADABLE = (
    # A decompressor's own, and that of one that asks for gigabytes.
    *(zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError),
    *(UnicodeError, struct.error, MemoryError),
)
_COLUMNS = ("file", "risk", "band", "problems", "refused")


Place = Path | tuple[Path, zipfile.ZipInfo]
"""Where a photo lies: a file, or a ZIP file and the entry in it, for two entries may bear one name."""


class BatchRefused(ValueError):
    """A batch that is not scored at all. code: names the sentence under ``batch.refused``; values: its placeholders."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


@dataclass(frozen=True)
class Batch:
    """What was chosen. photos: name and place of each. others: how many files of ZIPs are no photos."""

    photos: list[tuple[str, Place]]
    others: int = 0


def batch(files: list[Path], most: int, language: str = ENGLISH) -> Batch:
    """The photos among files, and in ZIP files among them. In a ZIP, folders, hidden files, and what neither is nor
    calls itself a picture (Google Takeout lays a text beside each photo) are left out.

    language: the page's, which tells the code page of old ZIP files. Raises BatchRefused for a broken or locked ZIP,
    for none, for more than ``most``, and for too many bytes.
    """
    found: list[tuple[str, Place]] = []
    total = others = 0
    for file in files:
        if file.suffix.lower() != ".zip":
            found.append((printable(file.name), file))
            total += file.stat().st_size
            continue
        try:
            if _entries(file) > MOST_ENTRIES:
                raise BatchRefused("too_many", most=most)
            with zipfile.ZipFile(file) as archive:
                listed = [entry for entry in archive.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
                if any(entry.flag_bits & _LOCKED for entry in listed):
                    raise BatchRefused("locked_zip", file=file.name)
                inside = [entry for entry in listed if _is_picture(archive, entry)]
        # zipfile meets hostile lists with ValueError and struct.error too.
        except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeError, struct.error, EOFError):
            raise BatchRefused("broken_zip", file=file.name) from None
        others += len(listed) - len(inside)
        total += sum(min(entry.file_size, MAX_BYTES) for entry in inside)
        found += [(entry_name(entry, language)[-_LONGEST_NAME:], (file, entry)) for entry in inside]
        if len(found) > most:
            break
    if not found:
        raise BatchRefused("none")
    if len(found) > most:
        raise BatchRefused("too_many", most=most)
    if total > MAX_TOTAL_BYTES:
        raise BatchRefused("too_large", megabytes=MAX_TOTAL_BYTES // 2**20)
    return Batch(found, others)


def _entries(file: Path) -> int:
    """At least as many as the ZIP lists, counted without reading the list into memory, nor the file at once."""
    count, kept = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            count += (kept + block).count(_ENTRY)
            kept = block[1 - len(_ENTRY) :]
    return count


def _is_picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a picture by its name, be it one that cannot be read, or by its first bytes."""
    name = PurePosixPath(entry.filename)
    if name.suffix.lower() in ENDINGS or (mimetypes.guess_type(name.name)[0] or "").startswith("image/"):
        return True
    try:
        with archive.open(entry) as stream:
            return format_of(stream.read(_HEAD)) is not None
    except _UNREADABLE:
        return True  # a line of the table says that it is damaged


def entry_name(entry: zipfile.ZipInfo, language: str) -> str:
    """An entry's name as its maker meant it. Without the UTF-8 flag zipfile takes it for cp437; it is UTF-8 all the
    same (macOS), or told once more in UTF-8 (7-Zip, WinZip), or in the code page of the maker's Windows.
    """
    name = entry.filename
    if not entry.flag_bits & _UTF_8 and not name.isascii():
        try:
            stored = name.encode("cp437")
        except UnicodeEncodeError:
            return printable(name)
        name = _unicode_path(entry.extra, stored) or _decoded(stored, language)
    return printable(name)


def _unicode_path(extra: bytes, stored: bytes) -> str:
    """Info-ZIP's Unicode Path, an extra field: version, CRC-32 of the other name, and the name in UTF-8; "" without."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(field) > 5 and int.from_bytes(field[1:5], "little") == zlib.crc32(stored):
            return field[5:].decode(errors="replace")
    return ""


def _decoded(stored: bytes, language: str) -> str:
    for encoding in ("utf-8", _CODE_PAGES.get(language, "cp850")):
        try:
            return stored.decode(encoding)
        except UnicodeDecodeError:
            continue
    return stored.decode("cp437")


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
    except _UNREADABLE:
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


def workbook_link(words: Words, rows: list[list[Any]], file: str) -> str:
    """The same as an Excel workbook, its head in the page's language."""
    head = [words(f"batch.column.{name}") for name in _COLUMNS[:-1]]
    data = base64.b64encode(workbook([head, *(shown(line, words) for line in rows)])).decode("ascii")
    address = f"data:application/vnd.openxmlformats-officedocument.spreadsheetml.sheet;base64,{data}"
    return f'<a class="download" download="{file}" href="{address}">{escape(words("batch.xlsx"))}</a>'


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
    sheet = gr.HTML(elem_id="batch-xlsx")
    link = gr.HTML(elem_id="batch-csv")

    def run(
        paths: list[str] | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        if not paths:
            yield ["", gr.update(visible=False), "", ""]
            return
        try:
            chosen = batch([Path(path) for path in paths], most, words.language)
        except BatchRefused as problem:
            text = words(f"batch.refused.{problem.code}", **problem.values)
            yield [f'<p class="warning" role="alert">{escape(text)}</p>', gr.update(visible=False), "", ""]
            return
        except FileNotFoundError:
            yield [
                f'<p class="warning" role="alert">{escape(words("refused.expired"))}</p>',
                gr.update(visible=False),
                "",
                "",
            ]
            return
        rows, refused = [], 0
        for name, place in progress.tqdm(chosen.photos, desc=words("batch.progress"), unit=words("batch.unit")):
            assessment = score(assessor, place)
            refused += assessment.refused is not None
            rows.append(row(name, assessment, words))
            if has_left(page, request.session_hash):
                return
        done = words("batch.done", count=len(rows), refused=refused)
        if chosen.others:
            done += " " + words("batch.others", count=chosen.others)
        ordered = sorted(rows, key=lambda line: (line[1] is None, -(line[1] or 0)))
        yield [
            f'<p role="status">{escape(done)}</p>',
            gr.update(value=[shown(line, words) for line in ordered], visible=True),
            workbook_link(words, ordered, "self-skin-check.xlsx"),
            csv_link(words, ordered, "self-skin-check.csv"),
        ]

    files.change(
        run,
        files,
        [message, table, sheet, link],
        show_progress_on=message,
        api_visibility="private",
        # A queue of their own, so that single photos need not wait for hundreds.
        concurrency_id="batches",
        concurrency_limit=1,
    )
