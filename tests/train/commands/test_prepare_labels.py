"""python -m train prepare says what every label was taken for, and stops where too many are not understood."""

from __future__ import annotations

import json
import os

import pytest

from tests.train.rendered_folders import skin, write, write_text
from train.commands import preparation
from train.commands.command_line import main
from train.data import catalogue


def run(*arguments):
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    return ending.value.code or 0


def imagefolder(folder, *labels):
    for number in range(len(labels)):
        write(folder / f"{number}.png", skin(number, 96, mole=False))
    write_text(folder / "metadata.csv", "file_name,label", *[f'{k}.png,"{label}"' for k, label in enumerate(labels)])
    return folder


def test_every_label_is_listed_with_its_count_and_what_it_was_taken_for(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["Melanoma"] * 3, *["NotMelanoma"] * 8, "Fleck, größer")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 0
    listed = json.loads((tmp_path / "work/audit.json").read_text())["labels"]
    assert listed == [
        {"label": "label NotMelanoma", "taken_for": "benign, no diagnosis", "photographs": 8},
        {"label": "label Melanoma", "taken_for": "mel, malignant", "photographs": 3},
        {
            "label": "label Fleck, größer",
            "taken_for": "no label: neither a known diagnosis nor benign or malignant",
            "photographs": 1,
        },
    ]
    said = capsys.readouterr().out
    assert all(f"{one['photographs']:>8}  {one['label']}  ->  {one['taken_for']}" in said for one in listed)


def test_more_than_a_tenth_without_a_label_stops_it_with_the_list_and_one_sentence(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["melanoma"] * 4, *["nevus"] * 4, "thing", "thing")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 2
    said = capsys.readouterr()
    assert "       2  label thing  ->  no label" in said.out
    errors = [line for line in said.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and "2 of the 10 photographs" in errors[0] and "--allow-unlabelled" in errors[0]
    assert not (tmp_path / "work/split.csv").exists()
    listed = json.loads((tmp_path / "work/audit.json").read_text())["labels"]
    assert [one["photographs"] for one in listed] == [4, 4, 2]


def test_more_than_a_tenth_with_contradicting_labels_stops_it_too(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["melanoma"] * 4, *["nevus"] * 4)
    write_text(data / "more.csv", "file_name,label", "0.png,nevus")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 2
    said = capsys.readouterr()
    assert "label melanoma, label nevus  ->  conflicting label: diagnosis mel, but also nv" in said.out
    assert "1 of the 8 photographs" in said.err


def test_a_label_that_says_nothing_is_listed_as_it_stands(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["melanoma"] * 10, *["nevus"] * 10, "unknown", "NaN")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 0
    said = capsys.readouterr().out
    assert "       1  label unknown  ->  no label" in said and "       1  label NaN  ->  no label" in said


def test_where_it_stops_the_audit_of_an_earlier_split_stays(tmp_path):
    good, bad = imagefolder(tmp_path / "a", *["melanoma", "nevus"] * 4), imagefolder(tmp_path / "b", *["thing"] * 4)
    assert run("prepare", "--data", good, "--out", tmp_path / "work") == 0
    audit = (tmp_path / "work/audit.json").read_bytes()
    assert run("prepare", "--data", bad, "--out", tmp_path / "work") == 2
    assert (tmp_path / "work/audit.json").read_bytes() == audit


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ("benign", "The column benign was not taken for a label"),
        ("age,Benign,note", "The columns Benign, note were not taken for a label"),
        ("a,b,c,d,e,f,g,h", "The columns a, b, c, d, e, f … were not taken for a label"),
    ],
)
def test_columns_that_might_have_been_labels_are_named_where_there_are_no_others(tmp_path, capsys, columns, named):
    data, cells = tmp_path / "set", ",".join("1" * len(columns.split(",")))
    for number in range(8):
        write(data / f"{number}.png", skin(number, 96, mole=False))
    write_text(data / "metadata.csv", f"file_name,{columns}", *[f"{number}.png,{cells}" for number in range(8)])
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 2
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert f"{named}; name a column of labels diagnosis, label or malignant." in said
    with pytest.raises(catalogue.CatalogueError, match=named):
        catalogue.read(data)


def test_allow_unlabelled_goes_on_without_them(tmp_path):
    data = imagefolder(tmp_path / "set", *["melanoma"] * 4, *["nevus"] * 4, "thing", "thing")
    assert run("prepare", "--data", data, "--out", tmp_path / "work", "--allow-unlabelled") == 0
    assert json.loads((tmp_path / "work/audit.json").read_text())["photographs"] == 8


def test_ids_of_classes_stop_it_and_are_listed(tmp_path, capsys):
    assert run("prepare", "--data", imagefolder(tmp_path / "set", *range(7)), "--out", tmp_path / "work") == 2
    said = capsys.readouterr().out
    assert all(f"label {number}  ->  no label" in said for number in range(7))


def test_what_upstream_calls_indeterminate_is_left_out_without_stopping_it(tmp_path):
    data = imagefolder(tmp_path / "set", *["melanoma"] * 4, *["nevus"] * 4, "indeterminate", "indeterminate")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 0
    audit = json.loads((tmp_path / "work/audit.json").read_text())
    assert audit["left_out"] == {"no label: upstream calls it indeterminate": 2}


def test_of_one_class_alone_it_does_not_say_to_fit(tmp_path, capsys):
    assert run("prepare", "--data", imagefolder(tmp_path / "set", *["nevus"] * 10), "--out", tmp_path / "work") == 0
    said = capsys.readouterr().out
    assert "Next:" not in said and "All its photographs are benign" in said


def test_of_two_classes_it_says_to_fit(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["nevus", "melanoma"] * 5)
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 0
    assert "Next: python -m train fit" in capsys.readouterr().out


def test_what_was_not_looked_at_is_said_with_examples(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["nevus", "melanoma"] * 5)
    write(data / "more/unlisted.png", 99)
    write_text(data / "notes.txt", "x")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 0
    said = capsys.readouterr().out
    assert "photographs that no row names: 1, for example more/unlisted.png" in said
    assert "other files: 1, for example notes.txt" in said


def test_reasons_for_leaving_out_come_with_an_example(tmp_path, capsys):
    data = imagefolder(tmp_path / "set", *["nevus", "melanoma"] * 10)
    for place in ("one", "two"):
        write(data / place / "twice.png", skin(100 + len(place) + (place == "two"), 96))
    with (data / "metadata.csv").open("a") as table:
        table.write("twice,nevus\n")
    assert run("prepare", "--data", data, "--out", tmp_path / "work") == 0
    said = capsys.readouterr().out
    assert "left out, several photographs of this name: 1, for example twice (one/twice.png, two/twice.png)" in said


class Asked(Exception):
    """Ends a command where it prepares."""


@pytest.mark.parametrize("said", [[], ["--allow-unlabelled"]])
@pytest.mark.parametrize("command", [["release", "--out", "out"], ["push", "dataset", "owner/name", "--out", "out"]])
def test_other_commands_that_prepare_go_on_without_unlabelled_photographs_only_if_asked(
    command, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    found = []

    def prepare(*_, allow_unlabelled, **__):
        found.append(allow_unlabelled)
        raise Asked

    monkeypatch.setattr(preparation, "prepare", prepare)
    with pytest.raises(Asked):
        main([*command, "--data", str(imagefolder(tmp_path / "data", "mel", "nv")), *said])
    assert found == [bool(said)]


def test_a_photograph_whose_name_is_not_utf_8_is_left_out_with_the_reason(tmp_path, capsys):
    for number in range(4):
        write(tmp_path / f"set/benign/{number}.png", skin(number, 96, mole=False))
        write(tmp_path / f"set/malignant/{number}.png", skin(10 + number, 96, mole=False))
    benign = tmp_path / "set/benign"
    (benign / "0.png").rename(benign / os.fsdecode(b"R\xfccken.png"))
    assert run("prepare", "--data", tmp_path / "set", "--out", tmp_path / "work") == 0
    left_out = (tmp_path / "work/left_out.csv").read_text(encoding="utf-8")
    assert "benign/R\ufffdcken.png" in left_out and "its name is not UTF-8" in left_out
    assert len((tmp_path / "work/split.csv").read_text(encoding="utf-8").splitlines()) == 8
    assert "not looked at" not in capsys.readouterr().out


def test_where_no_photograph_can_be_opened_it_says_why(tmp_path, capsys):
    for name in ("benign", "malignant"):
        write_text(tmp_path / f"set/{name}/a.jpg", "version https://git-lfs.github.com/spec/v1")
    assert run("prepare", "--data", tmp_path / "set", "--out", tmp_path / "work") == 2
    said = capsys.readouterr().err
    assert "Every photograph was left out: unreadable: unsupported_format, for example benign/a.jpg." in said


def test_where_prepare_stops_it_says_that_an_earlier_split_is_still_there(tmp_path, capsys):
    assert run("prepare", "--data", imagefolder(tmp_path / "good", "mel", "nv"), "--out", tmp_path / "work") == 0
    before = (tmp_path / "work/split.csv").read_bytes()
    assert run("prepare", "--data", imagefolder(tmp_path / "bad", "what", "ever"), "--out", tmp_path / "work") == 2
    assert f"{tmp_path / 'work/split.csv'} is still that of an earlier call." in capsys.readouterr().err
    assert (tmp_path / "work/split.csv").read_bytes() == before
