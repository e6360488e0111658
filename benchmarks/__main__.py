"""python -m benchmarks …: what is timed, and against what."""

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import typer

from benchmarks.batch import batch
from benchmarks.hashes import near_duplicates
from benchmarks.load import load
from benchmarks.photo import photo
from benchmarks.running_app import NotStarted
from benchmarks.slow_tests import slow_tests
from benchmarks.start import start
from benchmarks.training import training
from train import UserError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="What is timed, against what. Each prints a table and writes it to benchmarks/results.",
)
for command in (photo, batch, start, load, near_duplicates, training, slow_tests):
    app.command()(command)

if __name__ == "__main__":
    try:
        app(prog_name="python -m benchmarks")
    except (UserError, NotStarted) as problem:
        sys.exit(f"Error: {problem}")
