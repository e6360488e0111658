"""Folds: nobody is asked about what they learnt from, and the last network learns from all and from those answers."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from skin_model.assess import Assessor
from skin_model.network.checkpoint import Checkpoint
from skin_model.photo import open_photo
from tests.train.fitting.test_fit import TINY
from tests.train.rendered_lesions import write_work
from train import UserError
from train.commands.command_line import main
from train.data import splits
from train.fitting import allocator, calibration, folds, run_folder
from train.fitting.recipes import RECIPES

DISTILLED = TINY.change(name="distilled", epochs=1, distil=0.5, views=8)


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A run with two folds, and the network that learnt from them."""
    folder = tmp_path_factory.mktemp("crossed")
    work = write_work(folder)
    return work, folder / "run", folds.fit_folds(work, folder / "run", DISTILLED, count=2)


def record(folder):
    return json.loads((folder / "checkpoint" / "config.json").read_text())["skin_model"]["training"]


def test_folds_hold_an_equal_share_of_every_label_and_keep_groups_whole():
    rows = pd.DataFrame({"source": "one", "diagnosis": ["mel", "nv"] * 20, "malignant": [1, 0] * 20})
    rows["group"] = np.repeat(np.arange(20), 2).astype(str)
    found = splits.folds(rows, 5)
    assert pd.crosstab(found, rows["diagnosis"]).to_numpy().tolist() == [[4, 4]] * 5
    assert (rows.assign(fold=found).groupby("group")["fold"].nunique() == 1).all()


@pytest.mark.parametrize(("options", "expected"), [([], 2), (["--folds", "3"], 3)])
def test_a_recipe_says_how_many_folds_there_are_unless_the_command_does(tmp_path, monkeypatch, options, expected):
    asked = []
    monkeypatch.setitem(RECIPES, "in-two-folds", DISTILLED.change(name="in-two-folds", folds=2))
    monkeypatch.setattr(folds, "fit_folds", lambda *_, count, **__: asked.append(count))
    with pytest.raises(SystemExit):
        main(["fit", "--work", str(tmp_path), "--out", str(tmp_path / "run"), "--recipe", "in-two-folds", *options])
    assert asked == [expected]


def test_the_last_network_is_asked_in_as_many_views_as_it_was_calibrated_with(crossed):
    assert Checkpoint.load(crossed[1] / "checkpoint").config.views == DISTILLED.views


def test_every_photograph_but_the_tests_is_held_out_once(crossed):
    table = pd.read_csv(crossed[1] / "out_of_fold.csv")
    assert len(table) == 48
    assert table["fold"].value_counts().to_dict() == {0: 24, 1: 24}


def test_an_out_of_fold_answer_is_that_of_the_network_that_did_not_see_the_photograph(crossed):
    work, run, _ = crossed
    table = pd.read_csv(run / "out_of_fold.csv")
    for fold in (0, 1):
        assessor = Assessor.load(run / f"fold-{fold}" / "checkpoint", views=DISTILLED.views)
        first = table[table["fold"] == fold].iloc[0]
        logits = first[[name for name in table if name.startswith("logit_")]].to_numpy(dtype=float)
        expected = assessor.assess(open_photo(work.parent / "data" / first["file"])).diagnoses
        fitted = assessor.checkpoint.config.calibration
        shifted = logits / fitted.temperature + fitted.malignant_offset * np.array(assessor.checkpoint.config.malignant)
        assert np.exp(shifted) / np.exp(shifted).sum() == pytest.approx(list(expected.values()), abs=2e-3)


def test_folds_learn_from_labels_and_the_last_network_from_the_folds(crossed):
    _, run, checkpoint = crossed
    taught_by = [Checkpoint.load(run / f"fold-{k}" / "checkpoint").hash for k in (0, 1)]
    assert checkpoint.config.training["teachers"] == taught_by
    assert "teachers" not in record(run / "fold-0")
    assert record(run / "fold-0")["settings"]["distil"] == 0


def test_the_last_network_learns_from_training_and_validation_and_keeps_its_last_epoch(crossed):
    _, run, checkpoint = crossed
    assert len(pd.read_csv(run / "history.csv")) == checkpoint.config.training["best_epoch"] == 1
    assert json.loads((run / "recipe.json").read_text())["part"] == "training and validation, with 2 folds"
    assert record(run)["folds"] == 2


def test_the_last_network_is_calibrated_on_the_out_of_fold_answers(crossed):
    _, run, checkpoint = crossed
    table = pd.read_csv(run / "out_of_fold.csv")
    logits = table[[name for name in table if name.startswith("logit_")]].to_numpy()
    expected, thresholds, _ = calibration.fit(
        logits,
        table["malignant"].to_numpy(),
        np.full(48, "rendered"),
        checkpoint.config.malignant,
        groups=table["group"].to_numpy(dtype=str),
    )
    assert checkpoint.config.calibration == expected
    assert checkpoint.config.thresholds == thresholds


def test_the_gate_opens_as_wide_as_the_folds_gates_do_on_average(crossed):
    _, run, checkpoint = crossed
    limits = [float(Checkpoint.load(run / f"fold-{k}" / "checkpoint").gate.threshold) for k in (0, 1)]
    assert float(checkpoint.gate.threshold) == pytest.approx(np.mean(limits))


@pytest.mark.parametrize(("epochs", "fold_epochs", "expected"), [(2, 1, 1), (1, 2, 1), (2, 0, 2)])
def test_the_folds_networks_learn_for_as_long_as_the_recipe_says_and_never_longer_than_the_last_one(
    crossed, tmp_path, epochs, fold_epochs, expected
):
    recipe = DISTILLED.change(epochs=epochs, fold_epochs=fold_epochs)
    folds.fit_folds(crossed[0], tmp_path / "run", recipe, count=2, only=[0])
    assert len(pd.read_csv(tmp_path / "run" / "fold-0" / "history.csv")) == expected


def test_where_the_last_epoch_is_kept_only_that_one_is_scored(crossed, tmp_path):
    folds.fit_folds(crossed[0], tmp_path / "run", TINY.change(epochs=2, keep="last"), count=2, only=[0])
    scored = pd.read_csv(tmp_path / "run" / "fold-0" / "history.csv")["validation_auc"].notna()
    assert scored.tolist() == [False, True]


def test_folds_trained_one_by_one_are_gone_on_from(crossed, tmp_path):
    work, _, whole = crossed
    for number in (1, 0):
        assert folds.fit_folds(work, tmp_path / "run", DISTILLED, count=2, only=[number]) is None
    assert not (tmp_path / "run" / "checkpoint").exists()
    assert folds.fit_folds(work, tmp_path / "run", DISTILLED, count=2).hash == whole.hash


def test_folds_without_a_last_network_may_teach_as_soon_as_all_are_there(crossed, tmp_path):
    for number in (0, 1):
        assert not (tmp_path / "run" / "out_of_fold.csv").exists()
        folds.fit_folds(crossed[0], tmp_path / "run", TINY, count=2, only=[number])
    assert len(pd.read_csv(tmp_path / "run" / "out_of_fold.csv")) == 48


def test_folds_are_asked_anew_for_a_recipe_of_more_views(crossed, tmp_path):
    work, run, _ = crossed
    shutil.copytree(run, tmp_path / "run")
    logits = {}
    for views in (1, 4):
        recipe = DISTILLED.change(views=views)
        table = folds.CrossFitting(work, tmp_path / "run", recipe, None, 2, or_scratch=False).out_of_fold()
        assert set(table["views"]) == {str(views)}
        logits[views] = table["logit_mel"].to_numpy()
    assert np.abs(logits[1] - logits[4]).max() > 0


def test_another_run_with_folds_may_teach_too(crossed, tmp_path):
    work, run, _ = crossed
    other = TINY.change(epochs=1, seed=3)
    checkpoint = folds.fit_folds(work, tmp_path / "run", other.change(distil=0.5), count=2, teachers=[run])
    assert len(checkpoint.config.training["teachers"]) == 2 + 2
    assert checkpoint.config.training["command"].endswith("--folds 2 --teacher RUN")


def test_a_run_of_the_same_settings_under_another_name_is_the_same_run(crossed):
    work, run, _ = crossed
    run_folder.keep_recipe(
        run / "fold-0",
        DISTILLED.change(distil=0.0, views=1, name="renamed", description="renamed"),
        work,
        part="all but fold 0 of 2",
    )


def test_other_folds_in_the_same_folder_are_refused(crossed):
    work, run, _ = crossed
    with pytest.raises(UserError, match="holds another run"):
        folds.fit_folds(work, run, DISTILLED, count=3)


def test_a_fold_that_there_is_not_is_refused(crossed, tmp_path):
    with pytest.raises(UserError, match="the last one is fold 1"):
        folds.fit_folds(crossed[0], tmp_path / "run", DISTILLED, count=2, only=[2])


def test_a_teacher_that_does_not_fit_is_refused_before_anything_is_trained(crossed, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path / "none")):
        folds.fit_folds(crossed[0], tmp_path / "run", DISTILLED, count=2, teachers=[tmp_path / "none"])
    assert not list((tmp_path / "run").glob("fold-*"))


def test_freed_memory_is_kept_where_the_c_library_can():
    assert allocator.keep_freed_memory() is (sys.platform == "linux")
