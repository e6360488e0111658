"""Experiments: what is held out, what a difference means, and that nothing is trained twice."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.conftest import REPOSITORY
from tests.train.rendered_lesions import write_work
from train import UserError
from train.commands.command_line import main
from train.fitting.recipes import RECIPES, Recipe
from train.fitting.run_folder import HISTORY_FILE
from train.reports.markdown import write_page
from train.studies import experiments
from train.studies.experiments import FOLD, PARTS
from train.studies.resumable import FOLD_FILE, SCORES_FILE

ROWS = pd.DataFrame(
    [
        ("ham10000", "alone", 0),
        ("ham10000", "shared", 1),
        ("isic_2017", "shared", 1),
        ("isic_archive", "its own", 0),
        ("pad_ufes_20", "phone", 1),
    ],
    columns=["source", "group", "malignant"],
).assign(diagnosis="")


def test_a_group_that_reaches_into_the_family_left_out_is_not_learned_from():
    training, unseen = experiments.split_off(ROWS, "isic_2017")
    assert training.tolist() == [0, 4]
    assert unseen.tolist() == [2, 3]


def test_the_fold_held_out_shares_no_group_with_the_others():
    rows = pd.concat([ROWS.assign(group=ROWS["group"] + str(k)) for k in range(10)], ignore_index=True)
    training, unseen = experiments.split_off(rows, FOLD)
    assert sorted([*training, *unseen]) == list(range(50))
    assert not set(rows["group"][training]) & set(rows["group"][unseen])


def test_a_family_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="no photographs of the family siim_acral"):
        experiments.split_off(ROWS, "siim_acral")


def test_a_recipe_is_trained_at_its_full_length_and_its_last_epoch_kept():
    released = RECIPES["strong-crops"]
    recipe = experiments.recipe_of("strong-crops", 3)
    assert (recipe.epochs, recipe.training_sizes) == (released.epochs, released.training_sizes)
    assert (recipe.keep, recipe.seed) == ("last", 3)


def test_a_recipe_that_needs_teachers_is_refused():
    with pytest.raises(UserError, match="strong-crops"):
        experiments.recipe_of("released", 0)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """80 rendered photographs, and a test photograph whose file is missing."""
    monkeypatch.setattr(experiments, "LEAST_SIDE", 96)
    tiny = Recipe("tiny", "For tests.", pretrained=False, input_size=64, epochs=1, batch_size=8, ema_decay=0.0)
    monkeypatch.setitem(RECIPES, "tiny", tiny)
    work = write_work(tmp_path, training=60, validation=20)
    rows = pd.read_csv(work / "split.csv")
    locked = rows.iloc[[0]].assign(file="locked.png", group="locked", split="test")
    pd.concat([rows, locked]).to_csv(work / "split.csv", index=False)
    return work


def network(work, out, less=None):
    folder = experiments._folder(out, "tiny", less, 0, FOLD)
    return experiments.network(work, folder, "tiny", 0, FOLD, less, None), pd.read_csv(folder / SCORES_FILE)


def test_the_photographs_held_out_are_scored_and_the_test_split_is_never_opened(work, tmp_path):
    found, scores = network(work, tmp_path / "out")
    assert (found["n_training"], found["n"], len(scores)) == (64, 16, 16)
    assert "locked.png" not in set(scores["file"])
    assert np.isfinite(scores["log_odds"]).all()


def test_photographs_of_a_table_are_not_learned_from_and_are_judged_all_the_same(work, tmp_path):
    less = tmp_path / "newest.csv"
    pd.read_csv(work / "split.csv")[["source", "image_id"]].iloc[:40].to_csv(less, index=False)
    found, scores = network(work, tmp_path / "out", less)
    training, _ = experiments.split_off(experiments.photographs(work), FOLD)
    assert found["name"] == "tiny-less-newest"
    assert found["n_training"] == len([place for place in training if place >= 40])
    assert len(scores) == 16


def test_what_is_done_is_not_trained_again(work, tmp_path, monkeypatch):
    network(work, tmp_path / "out")
    started = []
    monkeypatch.setattr(experiments, "side_by_side", lambda train, calls, jobs: started.extend(calls) or iter(()))
    assert list(experiments.compare(work, tmp_path / "out", ["tiny"])["name"]) == ["tiny"]
    assert started == []


def write_fold(out, name, part, log_odds, seed=0):
    folder = out / name / f"seed-{seed}" / part
    folder.mkdir(parents=True)
    malignant = [0, 0, 1, 1] * 10
    rows = {"file": "a.jpg", "source": "one", "group": [f"g{i}" for i in range(40)], "malignant": malignant}
    pd.DataFrame(rows | {"log_odds": log_odds}).to_csv(folder / SCORES_FILE, index=False)
    auc = {0.1: 0.75, 0.2: 1.0}[log_odds[0]]
    found = {"name": name, "says": f"What {name} is.", "part": part, "seed": seed, "auc": auc, "epochs": 3}
    (folder / FOLD_FILE).write_text(json.dumps(found))
    pd.DataFrame({"epoch": [1, 2, 3], "seconds": [20, 4000, 20]}).to_csv(folder / HISTORY_FILE, index=False)


THREE_OF_FOUR, ALL = [0.1, 0.3, 0.2, 0.4] * 10, [0.2, 0.3, 0.4, 0.5] * 10
"""Of the pairs of a benign and a malignant photograph, how many are ranked rightly."""


@pytest.fixture
def compared(tmp_path):
    for part in (FOLD, "ham10000"):
        write_fold(tmp_path, "old", part, THREE_OF_FOUR)
    write_fold(tmp_path, "new", FOLD, ALL)
    write_fold(tmp_path, "new", FOLD, THREE_OF_FOUR, seed=1)
    return tmp_path


def test_an_auc_is_the_mean_over_seeds_and_a_part_that_was_not_trained_has_none(compared):
    found = experiments.table(compared).set_index("name")
    assert found.loc["new", FOLD] == pytest.approx(0.875)
    assert np.isnan(found.loc["new", "ham10000"])
    assert found.loc["new", "seeds"] == 2


def test_minutes_are_those_of_an_undisturbed_epoch_times_the_epochs(compared):
    assert experiments.table(compared).set_index("name").loc["new", "minutes"] == 2  # two seeds, three epochs of 20 s


def test_the_best_recipe_comes_first(compared):
    assert list(experiments.table(compared)["name"]) == ["new", "old"]


def test_a_difference_is_that_on_the_parts_and_seeds_that_both_have(compared):
    apart = experiments.differences(compared, "old")
    assert list(zip(apart["name"], apart["part"], strict=True)) == [("new", FOLD), ("new", "mean")]
    assert apart["difference"].tolist() == pytest.approx([0.25, 0.25])
    assert 0 < apart["low"][0] < 0.25 < apart["high"][0] < 0.5


def test_a_baseline_that_was_not_trained_is_one_sentence(compared):
    with pytest.raises(UserError, match="holds no older"):
        experiments.differences(compared, "older")


def test_the_table_shows_what_was_not_trained_as_a_dash(compared):
    lines = experiments.markdown(experiments.table(compared), experiments.differences(compared, "old")).splitlines()
    assert lines[2] == "| new | What new is. | 3 | 2 | 0.875 | – | – | – | – | 2 |"
    assert lines[3] == "| old | What old is. | 3 | 1 | 0.750 | 0.750 | – | – | – | 2 |"


def test_a_difference_stands_below_by_part_with_its_interval(compared):
    lines = experiments.markdown(experiments.table(compared), experiments.differences(compared, "old")).splitlines()
    cells = lines[-1].strip("| ").split(" | ")
    assert cells[:2] == ["new", "old"]
    assert re.fullmatch(r"\+0\.250 \([+-]\d\.\d{3} to \+\d\.\d{3}\)", cells[2])
    assert cells[3:-1] == ["–"] * 4
    assert cells[-1] == cells[2]  # one part, so it is the mean


def test_a_recipe_that_lacked_photographs_is_compared_with_itself_that_had_them(compared):
    write_fold(compared, "new-less-newest", FOLD, THREE_OF_FOUR)
    apart = experiments.differences(compared, "old").set_index(["name", "part"])
    assert apart.loc[("new-less-newest", FOLD), "against"] == "new"
    assert apart.loc[("new-less-newest", FOLD), "difference"] == pytest.approx(-0.25)


def test_an_unknown_part_is_one_sentence_that_names_the_known_ones(tmp_path, capsys):
    words = [
        "--work",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--recipes",
        "plain",
        "--against",
        "plain",
        "--parts",
        "moon",
    ]
    with pytest.raises(SystemExit) as ended:
        main(["experiments", *words])
    assert ended.value.code == 2
    assert f"There is no part moon. Choose: {', '.join(PARTS)}." in capsys.readouterr().err


def test_a_baseline_that_nobody_trains_is_told_before_the_training(compared):
    with pytest.raises(UserError, match=r"holds no plain to compare with\. Add it to --recipes"):
        experiments.check(compared, ["new"], "plain", None)
    experiments.check(compared, ["plain"], "plain", None)


@pytest.mark.parametrize("content", [None, "", f"{experiments.START} and no end"])
def test_a_page_without_the_marks_is_told_before_the_training(content, compared, tmp_path):
    page = tmp_path / "page.md"
    if content is not None:
        page.write_text(content)
    with pytest.raises(UserError, match=r"There is no page .*page\.md|page\.md lacks the marks"):
        experiments.check(compared, ["new"], "old", page)


def test_a_page_keeps_rows_that_the_folder_does_not_hold(compared, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{experiments.START}\n{experiments.END}\n")
    pd.DataFrame({"name": ["old", "newest"]}).to_csv(tmp_path / "page.csv", index=False)
    with pytest.raises(UserError, match=r"has rows of newest, which .* does not hold, so they would be lost"):
        experiments.check(compared, ["new"], "old", page)
    experiments.check(compared, ["newest"], "old", page)


def test_a_page_gets_the_table_and_its_rows(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- a -->\nold\n<!-- z -->\nAfter.\n")
    write_page(pd.DataFrame({"auc": [0.5]}), page, "new", ("<!-- a -->", "<!-- z -->"))
    assert page.read_text() == "Before.\n<!-- a -->\nnew\n<!-- z -->\nAfter.\n"
    assert pd.read_csv(tmp_path / "page.csv")["auc"].tolist() == [0.5]


def test_the_pages_table_holds_its_rows():
    page = REPOSITORY / "docs" / "experiments.md"
    table = page.read_text().partition(experiments.START)[2].partition(experiments.END)[0]
    found = pd.read_csv(page.with_suffix(".csv"))
    for row in found.itertuples():
        assert f"| {row.name} | {row.says} |" in table
    assert len(table.strip().partition("\n\n")[0].splitlines()) == len(found) + 2
