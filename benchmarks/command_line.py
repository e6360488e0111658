"""The command line as a whole: one command a benchmark, and errors as one sentence."""

from subprocess import CalledProcessError

import typer

from benchmarks.archive import archive
from benchmarks.batch import batch
from benchmarks.federated import federated
from benchmarks.hashes import near_duplicates
from benchmarks.load import load
from benchmarks.photo import photo
from benchmarks.running_app import NotStarted
from benchmarks.slow_tests import slow_tests
from benchmarks.start import start
from benchmarks.training import training
from skin_model.command_line import command
from train import UserError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="What is timed, against what. Each prints a table and writes it to benchmarks/results.",
)
for benchmark in (photo, batch, start, load, near_duplicates, training, archive, federated, slow_tests):
    app.command()(benchmark)


def main() -> None:
    """Run a command; what a user can mend is one sentence on stderr and exit status 2."""
    with command("requirements-dev.txt", UserError, NotStarted, CalledProcessError):
        app(prog_name="python -m benchmarks")
