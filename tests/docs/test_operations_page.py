"""docs/operations.md: what it shows runs as written, and what it says of settings is so."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys

import pytest

from interface.gallery.isic_archive import ADDRESS_VARIABLE
from interface.server import settings
from interface.server.settings import Settings
from tests.conftest import REPOSITORY
from tests.train.commands.test_release_steps import photographs
from train.commands import preparation
from train.data import splits
from train.hub import dataset_repository

PAGE = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")


@pytest.mark.slow  # starts Python and torch twice
def test_its_script_scores_a_data_set_shard_by_shard_and_leaves_nothing_out(tmp_path):
    preparation.prepare([photographs(tmp_path / "clinic", 0, 40)], tmp_path / "work")
    released = dataset_repository.write_dataset(tmp_path / "work", tmp_path / "dataset")
    (tmp_path / "score.py").write_text(re.search(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1])
    scored = []
    for shard in ("0", "1"):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "score.py"), str(released), shard, "2"],
            env={"PYTHONPATH": str(REPOSITORY), "HF_HOME": str(tmp_path / "home"), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        scored.append([json.loads(line)["file"] for line in done.stdout.splitlines()])
    rows = splits.read_split(tmp_path / "work/split.csv")
    assert sorted(scored[0] + scored[1]) == sorted(rows.loc[rows["split"] == "test", "image_id"])
    assert scored[0] and scored[1]


def test_its_table_of_settings_names_every_variable_that_the_server_reads():
    read = set(re.findall(r"SKIN_\w+", inspect.getsource(settings)))
    rows = set(re.findall(r"^\| `(SKIN_\w+)`", PAGE, re.MULTILINE))
    assert rows == read | {ADDRESS_VARIABLE} and len(read) == len(dataclasses.fields(Settings))


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
