"""Finished runs side by side: the epoch that was kept, and one split for all."""

import json

import pandas as pd
import pytest

from tests.conftest import REPOSITORY
from train import UserError
from train.commands.command_line import main
from train.studies import full_runs


def write_run(folder, name, aucs, split="a"):
    folder.mkdir()
    recipe = {"name": name, "description": f"What {name} is."}
    (folder / "recipe.json").write_text(json.dumps({"recipe": recipe, "split_sha256": split}))
    epochs = range(1, len(aucs) + 1)
    pd.DataFrame({"epoch": epochs, "loss": 1.0, "validation_auc": aucs, "seconds": 90.0}).to_csv(
        folder / "history.csv", index=False
    )
    return folder


def test_a_run_counts_with_its_best_epoch_and_the_best_run_comes_first(tmp_path):
    runs = [write_run(tmp_path / "a", "short", [0.7, 0.8]), write_run(tmp_path / "b", "long", [0.7, 0.9, 0.85, 0.8])]
    found = full_runs.table(runs)
    assert list(found["recipe"]) == ["long", "short"]
    assert found.loc[0, ["epochs", "best", "auc", "minutes"]].tolist() == [4, 2, 0.9, 6.0]


def test_runs_on_two_splits_do_not_stand_side_by_side(tmp_path):
    runs = [write_run(tmp_path / "a", "one", [0.7]), write_run(tmp_path / "b", "two", [0.7], split="b")]
    with pytest.raises(UserError, match="different splits"):
        full_runs.table(runs)


def test_a_folder_without_a_run_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["runs", str(tmp_path)])
    assert stopped.value.code == 2
    assert "holds no run of python -m train fit" in capsys.readouterr().err


def test_the_command_renews_the_page_and_its_rows(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{full_runs.START}\nold\n{full_runs.END}\nAfter.\n")
    with pytest.raises(SystemExit) as stopped:
        main(["runs", str(write_run(tmp_path / "a", "one", [0.75])), "--page", str(page)])
    assert stopped.value.code == 0
    assert "| one | What one is. | 1 | 1 | 0.7500 | 1.000 | 2 |" in page.read_text()
    assert "old" not in page.read_text()
    assert pd.read_csv(tmp_path / "page-full.csv")["auc"].tolist() == [0.75]


def test_the_table_of_runs_on_the_page_is_the_one_that_its_rows_give():
    page = REPOSITORY / "docs" / "experiments.md"
    text = page.read_text().partition(full_runs.START)[2].partition(full_runs.END)[0]
    assert text.strip() == full_runs.markdown(pd.read_csv(page.with_name("experiments-full.csv")))
