"""What the last `make test-slow` found, as a table: every test, its outcome, its seconds and what it printed."""

import sys
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import typer

from benchmarks.table import write

OUTCOMES = ("failure", "error", "skipped")


def rows(report: Path) -> list[dict[str, Any]]:
    """One row a test of a JUnit file as pytest writes it. Raises ParseError for a file that is cut off."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = next((name for name in OUTCOMES if case.find(name) is not None), "passed")
        printed = (case.findtext("system-out") or "").strip().splitlines()
        found.append(
            {
                "file": case.get("classname", "").replace(".", "/") + ".py",
                "test": case.get("name"),
                "outcome": outcome,
                "seconds": float(case.get("time", 0)),
                "printed": " / ".join(line.strip() for line in printed if not line.startswith("---"))[:300],
            }
        )
    return found


def slow_tests(
    report: Annotated[
        Path, typer.Argument(help="The JUnit file that `make test-slow` writes.", exists=True, dir_okay=False)
    ],
) -> None:
    """The table of the last `make test-slow`."""
    try:
        found = rows(report)
    except ElementTree.ParseError:
        sys.exit(f"{report} is no whole JUnit file: the tests were stopped before their end. Run make test-slow again.")
    if not found:
        sys.exit(f"{report} holds no test; the table stays as it was. Run make test-slow again.")
    write("slow_tests", found)
