"""``python -m benchmarks load``."""

import typer

from benchmarks.load import load

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What is timed, against what.")
app.callback()(lambda: None)
app.command()(load)

if __name__ == "__main__":
    app()
