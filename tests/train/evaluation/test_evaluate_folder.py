"""Evaluation of a folder without a split: who belongs together, what is known of it, and what it is warned of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from skin_model.assess import Assessor
from tests.train.evaluation.test_evaluate import make_checkpoint
from tests.train.rendered_folders import skin, write
from tests.train.rendered_lesions import write_work
from train.data import near_duplicates
from train.evaluation import evaluate, plots


@pytest.fixture
def without_pictures(monkeypatch):
    """Drawing takes most of a small evaluation's time."""
    monkeypatch.setattr(plots, "draw", lambda metrics, out: [])


@pytest.mark.usefixtures("without_pictures")
def test_a_folder_without_a_split_is_scored_whole_and_grouped_by_patient_or_lesion(tmp_path):
    work = write_work(tmp_path / "rendered", training=0, validation=6)
    data = tmp_path / "data"
    shutil.copytree(work.parent / "data", data)
    rows = pd.read_csv(work / "split.csv", keep_default_na=False).iloc[:6]
    pd.DataFrame(
        {
            "file": rows["file"],
            "source": "clinic",
            "image_id": rows["image_id"].astype(str),
            "lesion_id": ["l1", "l1", "l2", "", "", ""],
            "patient_id": ["", "", "p", "p", "", ""],
            "diagnosis": ["nv", "mel", "nv", "mel", "nv", "mel"],
            "malignant": rows["malignant"],
            "modality": "smartphone",
            "licence": "rendered",
        }
    ).to_csv(data / "lesions.csv", index=False)
    found = evaluate.read_folder(data)
    assert found["group"].tolist() == [
        "clinic/l1",
        "clinic/l1",
        "clinic/p",
        "clinic/p",
        f"clinic/{rows['file'][4]}",
        f"clinic/{rows['file'][5]}",
    ]
    metrics = evaluate.report(Assessor(make_checkpoint()), found, tmp_path / "out", resamples=2)
    assert list(metrics["sets"]) == ["clinic:smartphone"]
    assert metrics["data"]["split"] is None
    assert metrics["sets"]["clinic:smartphone"]["n_groups"] == 4


def make_folder(folder: Path) -> Path:
    """Five photographs as lesions.csv: 1 is a re-encoded copy of 0, 2 of another patient mirrors 3 of lesion l."""
    pictures = [skin(0), skin(0), skin(2), skin(2)[:, ::-1], skin(4)]
    for i, picture in enumerate(pictures):
        write(folder / "images" / f"{i}.{'png' if i == 1 else 'jpg'}", picture)
    pd.DataFrame(
        {
            "file": [f"images/{i}.{'png' if i == 1 else 'jpg'}" for i in range(5)],
            "source": "clinic",
            "image_id": [f"p{i}" for i in range(5)],
            "lesion_id": ["", "", "", "l", "l"],
            "patient_id": ["", "", "p", "", ""],
            "diagnosis": "nv",
            "malignant": 0,
            "modality": "smartphone",
            "age": "33",
            "licence": "rendered",
        }
    ).to_csv(folder / "lesions.csv", index=False)
    return folder


def test_near_duplicates_inside_a_folder_join_their_groups(tmp_path, capsys):
    found = evaluate.read_folder(make_folder(tmp_path))
    # Photograph 4 is no copy, but of the lesion whose other photograph is one.
    assert found["group"].tolist() == ["clinic/images/0.jpg"] * 2 + ["clinic/p"] * 3
    assert "2 pairs of near-duplicates" in capsys.readouterr().err


def test_what_the_folder_says_of_its_photographs_is_kept(tmp_path):
    found = evaluate.read_folder(make_folder(tmp_path))
    assert (found["age"] == "33").all()
    assert (found["fitzpatrick"] == "").all()


def test_photographs_that_are_no_copies_keep_their_groups(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.png", i)
    rows = pd.DataFrame({"root": str(tmp_path), "file": [f"{i}.png" for i in range(3)], "group": ["b", "a", "b"]})
    assert evaluate.join_near_duplicates(rows).tolist() == ["b", "a", "b"]


def test_a_single_photograph_is_not_opened_for_comparison(tmp_path, monkeypatch):
    monkeypatch.setattr(near_duplicates, "fingerprints", lambda *_: pytest.fail("it was opened"))
    rows = pd.DataFrame({"root": [str(tmp_path)], "file": ["a.png"], "group": ["a"]})
    assert evaluate.join_near_duplicates(rows).tolist() == ["a"]


@pytest.mark.usefixtures("without_pictures")
def test_a_folder_that_may_hold_training_photographs_is_warned_of_and_nothing_half_written_stays(tmp_path, capsys):
    folder = make_folder(tmp_path / "data")
    make_checkpoint().save(tmp_path / "checkpoint")
    metrics = evaluate.evaluate(tmp_path / "checkpoint", tmp_path / "out", data=folder, resamples=2)
    assert len(metrics["warnings"]) == 1
    assert "photographs that trained the checkpoint are not at hand" in metrics["warnings"][0]
    assert metrics["sets"]["clinic:smartphone"]["n_groups"] == 2
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"metrics.json", "predictions.csv"}
    assert f"Warning: {metrics['warnings'][0]}" in capsys.readouterr().err


def test_an_interrupted_call_does_not_compare_its_folder_again(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "data")
    first = evaluate.read_folder(folder, compared=tmp_path / "kept")
    monkeypatch.setattr(near_duplicates, "fingerprint", lambda _: pytest.fail("it was opened again"))
    assert evaluate.read_folder(folder, compared=tmp_path / "kept")["group"].tolist() == first["group"].tolist()
