"""The command line as a whole: its groups of commands, and errors as one sentence."""

import sys
from itertools import takewhile

import typer

from skin_model.command_line import INTERRUPTED, command, require
from train import UserError
from train.commands import cluster, data, evaluation, export, fitting, publishing, push, studies

app = typer.Typer(
    help="Train, evaluate and publish a checkpoint from folders of labelled photographs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (data, fitting, evaluation, studies, export, publishing, cluster):
    app.add_typer(group.app)
app.add_typer(push.app, name="push")

REQUIREMENTS = "requirements-train.txt"
_NEEDED = ("accelerate", "imagehash", "scipy", "skimage", "sklearn")
"""What hardly a command does without: said before torch is imported, which takes seconds."""
_NEEDED_BY = {"report": ("jinja2", "matplotlib", "scipy")}
"""The same of commands that need other packages."""


def spread(arguments: list[str]) -> list[str]:
    """``--data A B`` as ``--data A --data B``, which is what typer understands; the same for every option of several
    values. In a command that also takes a word without an option, only where that word comes first.
    """
    asked = typer.main.get_command(app)
    words = list(takewhile(lambda word: not word.startswith("-"), arguments))
    while words and words[0] in getattr(asked, "commands", {}):
        asked = asked.commands[words.pop(0)]
    if len(words) < sum(parameter.param_type_name == "argument" for parameter in asked.params):
        return arguments
    lists = {option for parameter in asked.params if parameter.multiple for option in parameter.opts}
    found, option, values = [], "", 0
    for argument in arguments:
        if argument.startswith("-"):
            option, values = argument if argument in lists else "", 0
        elif option:
            values += 1
            if values > 1:
                found.append(option)
        found.append(argument)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run a command; what a user can mend is one sentence on stderr and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with command(REQUIREMENTS, UserError):
        # A command that there is not is named by typer, whatever is installed.
        if arguments and arguments[0] in typer.main.get_command(app).commands and "--help" not in arguments:
            require(*_NEEDED_BY.get(arguments[0], _NEEDED), requirements=REQUIREMENTS)
        try:
            app(spread(arguments), prog_name="python -m train")
        except SystemExit as ended:
            if ended.code == INTERRUPTED:
                print("\nInterrupted. Repeat the command: it goes on from what is finished.", file=sys.stderr)
            raise
