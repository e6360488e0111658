"""Other people's splits as CSV: which tables are understood, which are refused, and what the command says of them."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from PIL import Image

from tests.train.rendered_folders import write_text
from tests.train.rendered_shortcuts import dark_circle, listed, photograph, rendered
from train.commands.command_line import main
from train.data.labels import CatalogueError
from train.evaluation.shortcuts import audit, tables


def placed(folder, *names):
    for k, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(k)).save(folder / name)
    return folder


def test_a_table_of_paths_words_and_sets_is_recognised(tmp_path):
    placed(tmp_path, "a/1.jpg", "b/1.jpg")
    table = write_text(
        tmp_path / "m.csv", "Path,benign_malignant,Set", "a/1.jpg,benign,Training", "b/1.jpg,Malignant,val"
    )
    rows = tables.read(table)
    assert rows[["file", "malignant", "split", "source", "root"]].to_numpy().tolist() == [
        ["a/1.jpg", 0, "train", "m", str(tmp_path)],
        ["b/1.jpg", 1, "validation", "m", str(tmp_path)],
    ]


def test_names_without_an_ending_and_numbered_folds_are_recognised(tmp_path):
    placed(tmp_path, "jpeg/train/ISIC_1.jpg", "jpeg/train/ISIC_2.jpg")
    lines = ["image_name,patient_id,target,fold", "ISIC_1,P,0,0", "ISIC_2,Q,1,1"]
    rows = tables.read(write_text(tmp_path / "train.csv", *lines))
    assert rows["file"].tolist() == ["jpeg/train/ISIC_1.jpg", "jpeg/train/ISIC_2.jpg"]
    assert rows["split"].tolist() == ["fold 0", "fold 1"] and rows["patient_id"].tolist() == ["P", "Q"]


def test_diagnoses_serve_as_labels(tmp_path):
    placed(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    rows = tables.read(write_text(tmp_path / "m.csv", "filename,dx", "1.jpg,nv", "2.jpg,mel", "3.jpg,scc"))
    assert rows["malignant"].tolist() == [0, 1, 1] and "split" not in rows


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (("file,source", "1.jpg,s"), "lacks the column malignant.*label, target"),
        (("label,age", "1,40"), "lacks the column file.*filename"),
        (("file,label", "1.jpg,maybe"), "'maybe' in its column label"),
        (("file,label", "1.jpg,2"), "'2' in its column label"),
        (("file,label,set", "1.jpg,1,holdout"), "'holdout' in its column set"),
        (("image,label", "gone.jpg,1"), "None of the 1 photographs.*gone.jpg"),
        (("image,label", "1.jpg,1", ",0"), "Line 3"),
        (("file,label",), "no rows"),
    ],
)
def test_a_table_that_cannot_be_audited_is_refused_in_one_sentence(tmp_path, lines, complaint):
    placed(tmp_path, "1.jpg")
    with pytest.raises(CatalogueError, match=complaint):
        tables.read(write_text(tmp_path / "m.csv", *lines))


def run(*arguments):
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    return ending.value.code or 0


def test_the_command_audits_a_foreign_split_and_names_leak_and_crossing(tmp_path, capsys):
    rows = rendered(tmp_path, dark_circle)
    parts = ["training"] * 60 + ["val"] * 40 + ["test"] * 20
    patients = [f"P{k}" for k in range(119)] + ["P0"]
    lines = [
        f"{file},{'malignant' if malignant else 'benign'},{part},{patient}"
        for file, malignant, part, patient in zip(rows["file"], rows["malignant"], parts, patients, strict=True)
    ]
    table = write_text(tmp_path / "mine.csv", "image,label,set,patient_id", *lines)
    assert run("audit", "--no-duplicates", "--data", table, "--out", tmp_path / "audit.json") == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "audit.json").read_text())
    assert found["crossing"]["patients"] == ["mine/P0"] and "patients: 1 cross the split" in said
    assert found["shortcuts"]["rows"]["border"]["verdict"] == "leak"
    assert "Fitted on train, scored on validation" in said and "leak  The border alone" in said


def test_the_same_lesion_is_never_on_both_sides_of_a_fold_whatever_the_column_that_says_so():
    rows = listed(("s", 2, 3)).assign(lesion_id=["1", "1", "", "", ""], patient_id=["", "P", "P", "", ""])
    near = pd.DataFrame({"i": [3], "j": [4]})
    assert audit._groups(rows, near).tolist() == ["g00000", "g00000", "g00000", "g00001", "g00001"]


def test_a_table_without_photographs_is_counted_and_nothing_more(tmp_path, capsys):
    table = write_text(tmp_path / "m.csv", "source,malignant", "a,1", "b,0")
    assert run("audit", "--data", table, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shortcuts"] is None and found["auc_from_source_alone"] == {"all": 1.0}
