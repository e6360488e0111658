"""docs/operations.md: what it shows runs as written, and what it says of settings is so."""

from __future__ import annotations

import csv
import dataclasses
import inspect
import re

import pytest
import typer

from interface.gallery.isic_archive import ADDRESS_VARIABLE
from interface.server import settings
from interface.server.settings import Settings
from skin_model.network.checkpoint import Checkpoint
from tests.conftest import REPOSITORY
from train.commands.cluster import app

VIEWS = str(Checkpoint.load().config.views)
PAGE = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")


def test_every_option_of_its_commands_for_archives_is_one_that_the_command_has():
    command = typer.main.get_command(app).commands["score"]
    known = {option for parameter in command.params for option in parameter.opts}
    lines = re.findall(r"-m train score (--.*)$", PAGE, re.MULTILINE)
    asked = {word for line in lines for word in line.split() if word.startswith("--")}
    assert len(lines) == 2 and {"--data", "--out", "--ray"} == asked <= known


def test_what_a_million_photographs_take_follows_from_the_measured_figures():
    with (REPOSITORY / "benchmarks/results/batch.csv").open() as file:
        measured = {
            row["photo"]: float(row["ours photos/s"])
            for row in csv.DictReader(file)
            if (row["photos"], row["views"]) == ("400", VIEWS)
        }
    a_second = [100 * measured[photo] / 2 for photo in ("600 × 450", "12 megapixels")]
    for row, share in (("if nothing else cost anything", 1), ("with 75 %", 0.75)):
        line = next(line for line in PAGE.splitlines() if line.startswith("| ") and row in line)
        told = [float(cell.replace("½", ".5").strip().removesuffix("min")) for cell in line.split("|")[2:4]]
        assert told == pytest.approx([1e6 / each / share / 60 for each in a_second], abs=0.5)


def test_its_table_of_settings_names_every_variable_that_the_server_reads():
    read = set(re.findall(r"SKIN_\w+", inspect.getsource(settings)))
    rows = set(re.findall(r"^\| `(SKIN_\w+)`", PAGE, re.MULTILINE))
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert rows == read | {ADDRESS_VARIABLE}
    assert {name.removeprefix("SKIN_").lower() for name in read} == fields - {"port"}


def test_the_defaults_in_its_table_are_those_of_the_settings():
    usual = Settings()
    for name, value in (
        ("SKIN_CONCURRENCY", usual.concurrency),
        ("SKIN_QUEUE", usual.queue),
        ("SKIN_BATCH_PHOTOS", usual.batch_photos),
        ("SKIN_KEEP_SECONDS", usual.keep_seconds),
    ):
        line = next(line for line in PAGE.splitlines() if line.startswith("| ") and f"`{name}`" in line)
        assert line.split("|")[2].strip().removesuffix(" s") == str(value)
