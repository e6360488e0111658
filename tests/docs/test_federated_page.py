"""docs/federated.md: the options and settings that it names are there, with one default everywhere."""

from __future__ import annotations

import re
import tomllib

import typer

from benchmarks.command_line import app as benchmarks
from tests.conftest import REPOSITORY
from train.commands.cluster import app as commands
from train.federated.settings import Settings

PAGE = (REPOSITORY / "docs/federated.md").read_text(encoding="utf-8")
FLOWER_APP = REPOSITORY / "train/federated/flower_app/pyproject.toml"


def defaults(app: typer.Typer, command: str) -> dict[str, object]:
    """Option -> its default, of a command."""
    found = typer.main.get_command(app).commands[command]
    return {option: parameter.default for parameter in found.params for option in parameter.opts}


def test_every_option_that_the_page_gives_federate_or_its_benchmark_is_one_that_it_has():
    for app, line in ((commands, "-m train federate"), (benchmarks, "-m benchmarks federated")):
        known = defaults(app, line.split()[-1])
        asked = {word for text in re.findall(rf"{line} (--[a-z].*)$", PAGE, re.MULTILINE) for word in text.split()}
        asked = {word for word in asked if word.startswith("--")}
        assert asked and asked <= set(known), line
    choices = PAGE.partition("## Choices")[2].partition("##")[0]
    named = set(re.findall(r"`(--[a-z-]+)", choices)) - {"--mu"}
    assert {"--strategy", "--batch-norm", "--secure", "--recipe"} <= named <= set(defaults(commands, "federate"))


def test_the_command_the_settings_and_flowers_app_agree_on_every_default():
    written = tomllib.loads(FLOWER_APP.read_text(encoding="utf-8"))["tool"]["flwr"]["app"]["config"]
    assert {name: written[name] for name in Settings().to_config()} == Settings().to_config()
    command = defaults(commands, "federate")
    shared = ("recipe", "rounds", "epochs", "strategy", "mu", "batch-norm", "secure", "seed")
    assert {name: command[f"--{name}"] for name in shared} == {name: written[name] for name in shared}
    assert f"The default is `{Settings().recipe}`" in PAGE


def test_every_setting_that_the_page_gives_flwr_run_is_one_of_flowers_app():
    written = tomllib.loads(FLOWER_APP.read_text(encoding="utf-8"))["tool"]["flwr"]["app"]["config"]
    asked = set(re.findall(r"([a-z-]+)=", re.search(r"--run-config '(.*)'", PAGE)[1]))
    assert {"out", "backbone"} < asked <= set(written)
