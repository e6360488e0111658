"""docs/train_in_colab.ipynb: one cell that installs, fetches, trains, evaluates and shows the plots, run as it is."""

from __future__ import annotations

import json
import os

import nbclient
import nbformat
import pytest

from tests import hub
from tests.conftest import REPOSITORY
from tests.train.commands.test_release_steps import photographs
from train.commands import preparation
from train.hub import dataset_repository

NOTEBOOK = REPOSITORY / "docs/train_in_colab.ipynb"


def test_it_is_one_cell_without_outputs():
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    assert [(cell.cell_type, cell.outputs) for cell in book.cells] == [("code", [])]


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """The notebook's outputs after a run on a data set of a local Hub, its sources named by environment variables."""
    preparation.prepare([photographs(tmp_path / "clinic", 0, 120)], tmp_path / "prepared")
    released = dataset_repository.write_dataset(tmp_path / "prepared", tmp_path / "dataset", repo="owner/cases")
    with hub.LocalHub() as local:
        local.create("owner/cases", released, kind="datasets")
        for name in os.environ:
            if name.startswith(("HF_", "HUGGING")):
                monkeypatch.delenv(name)
        settings = {
            "SKIN_CODE": str(REPOSITORY),
            "SKIN_DATA": "hub:owner/cases",
            "SKIN_OUT": str(tmp_path / "trained"),
            "SKIN_OPTIONS": "--recipe seven-class-cnn --epochs 2 --input-size 64",
            **hub.environment(local.endpoint, tmp_path / "home"),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        book = nbformat.read(NOTEBOOK, as_version=4)
        nbclient.NotebookClient(book, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    return book.cells[0].outputs


@pytest.mark.hard  # docs/retraining.md's test runs the same commands in the everyday tests
def test_one_run_of_it_trains_evaluates_and_shows_the_plots(executed, tmp_path):
    said = "".join(output.text for output in executed if output.output_type == "stream")
    assert "Next: python -m train fit" in said and "Wrote" in said and "The checkpoint is" in said
    pictures = [output for output in executed if output.output_type == "display_data" and "image/png" in output.data]
    shown = [line for line in said.splitlines() if line in ("history", "roc", "reliability")]
    assert sorted(shown) == ["history", "reliability", "roc"] and len(pictures) >= 6
    metrics = json.loads((tmp_path / "trained/report/metrics.json").read_text())
    assert list(metrics["sets"]) == ["clinic:unknown"] and metrics["data"]["split"] == "test"
