"""What a gallery is made of: predictions at hand, older galleries, broken photographs, other splits."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from skin_model.assess import Assessor
from tests.train.evaluation.mistakes.reading import cases, contents, lines
from train import UserError
from train.commands.command_line import main
from train.evaluation import evaluate, mistakes


@pytest.fixture(scope="module")
def predictions(work, checkpoint, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    evaluate.score(Assessor.load(checkpoint), evaluate.read_split(work, "validation"), folder)
    return folder / "predictions.csv"


def test_predictions_at_hand_are_taken_in_place_of_scoring(
    work, checkpoint, gallery, predictions, tmp_path, monkeypatch
):
    monkeypatch.setattr(mistakes, "score", None)
    mistakes.make(checkpoint, work, tmp_path / "out", split="validation", limit=3, predictions=predictions)
    assert contents(tmp_path / "out") == contents(gallery)


def test_predictions_of_another_checkpoint_are_refused(work, checkpoint, predictions, tmp_path):
    table = pd.read_csv(predictions)
    table["risk"] = 1 - table["risk"] / 2
    table.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(UserError, match="of another checkpoint or another split"):
        mistakes.make(checkpoint, work, tmp_path / "out", split="validation", predictions=tmp_path / "other.csv")


def test_predictions_of_another_split_are_refused(work, checkpoint, predictions, tmp_path):
    with pytest.raises(UserError, match="of another checkpoint or another split"):
        mistakes.make(checkpoint, work, tmp_path / "out", split="train", predictions=predictions)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00\x01"])
def test_a_file_that_is_no_predictions_is_refused(work, checkpoint, tmp_path, content):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(UserError, match=r"is not a predictions\.csv"):
        mistakes.make(checkpoint, work, tmp_path / "out", split="validation", predictions=tmp_path / "p.csv")


def test_an_older_gallery_is_replaced_and_other_files_stay(work, checkpoint, gallery, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(gallery, out)
    (out / "images" / "old.jpg").write_bytes(b"old")
    (out / "README.md").write_text("A card.")
    mistakes.make(checkpoint, work, out, split="validation", photographs=False, limit=1)
    assert set(contents(out)) == {"gallery.json", "cases.csv", "metadata.jsonl", "README.md"}
    assert json.loads((out / "gallery.json").read_text())["kept_a_source"] == 1


def test_a_folder_of_photographs_is_never_written_over(work, checkpoint):
    before = contents(work.parent / "data")
    with pytest.raises(UserError, match="so it is no gallery; choose another folder"):
        mistakes.make(checkpoint, work, work.parent / "data", split="validation")
    assert contents(work.parent / "data") == before


def test_a_photograph_that_cannot_be_opened_is_listed_and_is_no_mistake(work, checkpoint, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(work.parent, folder)
    for name in ("split.csv", "catalogue.csv"):
        text = (folder / "work" / name).read_text()
        (folder / "work" / name).write_text(text.replace(str(work.parent), str(folder)))
    rows = evaluate.read_split(folder / "work", "validation")
    training = evaluate.read_split(folder / "work", "train")
    (folder / "data" / rows["file"][0]).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "data" / training["file"][0]).unlink()
    header = mistakes.make(checkpoint, folder / "work", tmp_path / "out", split="validation", limit=50)
    case = cases(tmp_path / "out").iloc[0]
    assert (case["risk"], case["refused"], case["p_mel"]) == ("", "damaged_file", "")
    assert header["counts"]["unreadable"] == 1
    assert rows["image_id"][0] not in [line["image_id"] for line in lines(tmp_path / "out")]
    near = {near["image_id"] for line in lines(tmp_path / "out") for near in line["nearest"]}
    assert training["image_id"][0] not in near


def test_ids_that_two_sets_share_are_told_apart_and_no_id_leaves_the_folder(work, checkpoint, tmp_path):
    split = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    split["image_id"] = "1"
    split.loc[split.index[-4:], "image_id"] = ["../../a", "ISIC_0000001", "", "ä b"]
    split.to_csv(tmp_path / "split.csv", index=False)
    mistakes.make(checkpoint, tmp_path, tmp_path / "out", split="validation", limit=50)
    found = cases(tmp_path / "out")["image_id"]
    assert found.is_unique
    assert found.tolist()[-4:-2] == ["../../a", "ISIC_0000001"]
    folders = {tmp_path / "out" / "images", tmp_path / "out" / ".neighbours"}
    assert {file.parent for file in tmp_path.rglob("*.jpg")} == folders
    assert all(re.fullmatch(r"images/[\w.-]+\.jpg", line["file_name"]) for line in lines(tmp_path / "out"))


def test_another_split_than_the_checkpoints_own_is_warned_of(work, checkpoint, tmp_path, capsys):
    shutil.copy(work / "catalogue.csv", tmp_path)
    split = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    split[split.index != 20].to_csv(tmp_path / "split.csv", index=False)
    header = mistakes.make(checkpoint, tmp_path, tmp_path / "out", split="validation", photographs=False, limit=1)
    assert header["warnings"] == [
        "The checkpoint was trained with another split; some of these cases may have trained it."
    ]
    assert header["warnings"][0] in capsys.readouterr().err


def test_the_command_counts_the_mistakes_and_names_the_next_step(work, checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--checkpoint", str(checkpoint), "--work", str(work), "--split", "validation", "--no-photographs"]
    with pytest.raises(SystemExit) as done:
        main(["mistakes", *options, "--out", str(out), "--limit", "2"])
    assert done.value.code == 0
    counts = json.loads((out / "gallery.json").read_text())["counts"]
    said = capsys.readouterr().out
    assert f"At the low threshold: {counts['low']['false_positives']} false positives" in said
    assert f"SKIN_MISTAKES={out}" in said


def test_what_a_user_can_mend_is_one_sentence_and_status_2(work, tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        main(["mistakes", "--work", str(work), "--split", "all", "--out", str(tmp_path / "out")])
    assert done.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("Error: There is no split named 'all'.")
    assert "\n" not in said
