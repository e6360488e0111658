"""The tables of docs/speed.md, from the results of the benchmarks of the app, the command line and training."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import table
from train.reports.markdown import table as markdown_table
from train.reports.markdown import write_between

END = "<!-- end of figures -->"
PARTS = ("photo", "start", "batch", "load", "training")
"""Benchmarks with a table on the page, by the name of their results."""


def mark(part: str) -> str:
    """Before the table of one benchmark."""
    return f"<!-- {part}: written by python -m benchmarks {part} -->"


def write_page(part: str) -> None:
    """Renew one table of the page."""
    write_between(table.ROOT / "docs/speed.md", {mark(part): text(part, table.RESULTS)}, END)


def text(part: str, results: Path) -> str:
    """One benchmark's table, and on what machine it was measured."""
    file = results / f"{part}.csv"
    if not file.is_file():
        return table.NOT_YET
    found = pd.read_csv(file)
    written = {"photo": _photo, "start": _start, "batch": _batch, "load": _load, "training": _training}[part](found)
    return f"{written}\n\nMeasured on {found['machine'].iloc[0]}."


def _photo(found: pd.DataFrame) -> str:
    """A row a step: median milliseconds by size of the photo, and how many times the run's own decoding that is."""
    sizes = list(dict.fromkeys(found["photo"]))
    rows = []
    for step in dict.fromkeys(found["step"]):
        cells = []
        for size in sizes:
            of = found[found["photo"] == size].set_index("step")["median ms"]
            cells += [f"{of[step]:.1f}", f"{of[step] / of['decode']:.2f}"]
        rows.append([step, *cells])
    head = ["step", *(cell for size in sizes for cell in (f"{size}, ms", "× decoding"))]
    return markdown_table(head, rows, "---|" + "---:|" * (len(head) - 1))


def _start(found: pd.DataFrame) -> str:
    rows = [[f"`{r['what']}`", f"{r['seconds']:.2f}", _or_dash(r["MiB"], ",.0f")] for _, r in found.iterrows()]
    return markdown_table(("what", "seconds", "memory, MiB"), rows, "---|---:|---:|")


def _batch(found: pd.DataFrame) -> str:
    names = ("photos", "views", "ours photos/s", "loop photos/s", "times the loop", "ours MiB")
    forms = (",.0f", ".0f", ".1f", ".1f", ".2f", ",.0f")
    rows = [
        [row["photo"], *(_or_dash(row[name], form) for name, form in zip(names, forms, strict=True))]
        for _, row in found.iterrows()
    ]
    head = ("photo", "photos", "views", "photos a second", "plain loop", "times the loop", "memory, MiB")
    return markdown_table(head, rows, "---|" + "---:|" * (len(head) - 1))


def _load(found: pd.DataFrame) -> str:
    rows = [
        [
            row["photos"],
            row["visitors"],
            f"{row['seconds']:.0f}",
            f"{row['answers']:,}",
            f"{row['answers_a_second']:.2f}",
            *(f"{row[name]:.2f}" for name in ("p50", "p95", "longest")),
            row["lost"],
            f"{row['memory_growth']:.1%}",
        ]
        for _, row in found.iterrows()
    ]
    head = (
        "photos",
        "visitors",
        "seconds",
        "answers",
        "a second",
        "p50, s",
        "p95, s",
        "longest, s",
        "lost",
        "memory growth",
    )
    return markdown_table(head, rows, "---|" + "---:|" * (len(head) - 1))


def _training(found: pd.DataFrame) -> str:
    rows = [
        [row["loop"], f"{row['images/s']:.1f}", _or_dash(row["times the plain loop"], ".2f")]
        for _, row in found.iterrows()
    ]
    return markdown_table(("loop", "images a second", "times the plain loop"), rows, "---|---:|---:|")


def _or_dash(value: float, form: str) -> str:
    return "–" if pd.isna(value) else format(value, form)
