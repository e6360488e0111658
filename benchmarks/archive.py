"""An archive through Ray Data with one worker and more, against the command line that scores a folder."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from benchmarks import table
from benchmarks.table import watched, write
from skin_model.photo.folders import list_folder
from train import UserError
from train.cluster_packages import require
from train.reports.markdown import table as markdown_table
from train.reports.markdown import write_between

MARKS = ("<!-- figures: written by python -m benchmarks archive -->", "<!-- end of figures -->")
"""Of docs/operations.md."""


def archive(
    data: Annotated[Path, typer.Option(help="A folder of photographs: some spread over it, or all of them repeated.")],
    photos: Annotated[int, typer.Option(min=100, help="Photographs of the archive.")] = 20_000,
    workers: Annotated[list[int] | None, typer.Option(min=1, help="Repeat the option for several.")] = None,
) -> None:
    """`python -m train score` with 1 and 2 workers against `python -m skin_model`; needs `make cluster`.

    Throughput leaves out what starting takes, measured with an archive of one photograph. The last column is the share
    of one worker's photos a second that each worker keeps. Writes results/archive.csv and the table of
    docs/operations.md. For figures to keep, run nothing beside it; --photos 400 only tries it out.
    """
    require("ray", "Ray")
    found = list_folder(data).photos
    if not found:
        raise UserError(f"{data} holds no photographs.")
    with tempfile.TemporaryDirectory() as scratch:
        folder, one = Path(scratch) / "archive", Path(scratch) / "one"
        one.mkdir()
        for number in range(photos):
            at = number % len(found) if photos > len(found) else number * len(found) // photos
            file = (data / found[at]).resolve()
            linked = folder / f"{number // 1000:04d}" / f"{number:07d}{file.suffix}"
            linked.parent.mkdir(parents=True, exist_ok=True)
            linked.symlink_to(file)
        (one / f"0{found[0].suffix}").symlink_to((data / found[0]).resolve())
        rows = [_row("python -m skin_model", os.cpu_count() or 1, _command_line, folder, one, photos)]
        for count in workers or (1, 2):
            scores = Path(scratch) / f"scores-{count}"
            called = _scoring(scores, count)
            rows.append(_row("python -m train score", count, called, folder, one, photos))
    first = rows[1]["photos/s"] / rows[1]["workers"]
    for row in rows:
        row["each worker keeps"] = row["photos/s"] / row["workers"] / first
    write("archive", rows, note="Throughput (photos/s) leaves out the start of Python, torch and Ray.")
    write_between(table.ROOT / "docs/operations.md", {MARKS[0]: text(table.RESULTS)}, MARKS[1])


def text(results: Path) -> str:
    """What stands between the page's marks: on what machine it was measured, and the table."""
    if not (results / "archive.csv").is_file():
        return table.NOT_YET
    found = pd.read_csv(results / "archive.csv")
    rows = [
        [
            f"`{row['command']}`",
            f"{row['workers']:,}",
            f"{row['photos/s']:.1f}",
            f"{row['each worker keeps']:.0%}",
            f"{row['start s']:.1f} s",
            f"{row['MiB of the command']:,.0f} MiB",
        ]
        for _, row in found.iterrows()
    ]
    head = ("command", "workers", "photos a second", "each worker keeps", "start", "memory of the command itself")
    return (
        f"Measured with {found['photos'].iloc[0]:,} photographs on {found['machine'].iloc[0]}. "
        "Photos a second leave out the start.\n\n" + markdown_table(head, rows, "---|" + "---:|" * (len(head) - 1))
    )


def _row(name: str, workers: int, command: Any, folder: Path, one: Path, photos: int) -> dict[str, Any]:
    whole, start = watched(command(folder)), watched(command(one))
    if whole.seconds <= start.seconds:
        raise UserError(
            f"{name} took {whole.seconds:.0f} s for {photos} photographs and {start.seconds:.0f} s for one: the "
            "machine is too busy, or --photos too low, for a figure. Nothing was written."
        )
    return {
        "command": name,
        "workers": workers,
        "photos": photos,
        "s": whole.seconds,
        "start s": start.seconds,
        "photos/s": (photos - 1) / (whole.seconds - start.seconds),
        "MiB of the command": whole.peak_mib,
    }


def _command_line(folder: Path) -> list[str]:
    return [sys.executable, "-m", "skin_model", str(folder), "--json"]


def _scoring(scores: Path, workers: int) -> Any:
    def command(folder: Path) -> list[str]:
        asked = ["--data", str(folder), "--out", str(scores / folder.name), "--workers", str(workers)]
        return [sys.executable, "-m", "train", "score", *asked]

    return command
