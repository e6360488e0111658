"""A table of measurements: printed for people, kept as CSV beside the last ones."""

import contextlib
import os
import platform
import statistics
import subprocess
import tempfile
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from skin_model.atomic_files import write_csv

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
NOT_YET = "Not measured yet."
"""In place of a table on a page."""


@dataclass(frozen=True)
class Times:
    """Milliseconds of repeated calls. fastest: what the machine can do; median: what it did, whatever ran beside."""

    fastest: float
    median: float
    p95: float


def timed(call: Callable[[], object], repeats: int = 20) -> Times:
    """Time a call that has run once before, so that nothing is loaded or allocated for the first time."""
    call()
    taken = sorted(1000 * seconds for seconds in timeit.repeat(call, number=1, repeat=repeats))
    return Times(taken[0], statistics.median(taken), taken[min(len(taken) - 1, round(0.95 * len(taken)))])


@dataclass(frozen=True)
class Watched:
    """A process that ran to its end: wall clock, and the most memory that it held at once, without its children."""

    seconds: float
    peak_mib: float


def watched(command: Sequence[str]) -> Watched:
    """Run a command in the project's folder. Raises CalledProcessError."""
    with tempfile.TemporaryFile() as said:  # a pipe that nobody empties would stop a command with much to say
        began = time.perf_counter()
        process = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said)
        peak = 0
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, process.memory_info().rss)
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(process.returncode, list(command), stderr=said.read())
    return Watched(seconds, peak / 2**20)


def write(name: str, rows: Sequence[dict[str, Any]], *, note: str = "") -> Path:
    """Print rows as a table, and keep them as ``results/NAME.csv`` with the machine in the last column."""
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, na_rep="", float_format=_short))
    if note:
        print(note)
    file = RESULTS / f"{name}.csv"
    write_csv(file, table.assign(machine=machine()), float_format="%.4g")
    print(f"\nWrote {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}.")
    return file


def _short(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def machine() -> str:
    """Processor, cores and Python, and how busy the machine was: what a figure is worth without them, nobody knows."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} in the last minute"
    )
