"""python -m train prepare and audit, on rendered data folders: the files they write and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.train.rendered_folders import skin, write, write_text
from train.commands.command_line import main, spread
from train.data import provenance

HEADER = "file,source,image_id,lesion_id,patient_id,diagnosis,malignant,modality"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 photographs: 40 lesions, a copy of number 0 in a test-only source, a copy of 1 with another label, a broken
    file, and a mirrored copy of 2 in another source."""
    folder = tmp_path_factory.mktemp("data") / "set"
    lines = [HEADER]
    for k in range(60):
        malignant = k % 3 == 0
        lines.append(f"images/{k}.png,rendered,r{k},{k % 40},,{'mel' if malignant else 'nv'},{int(malignant)},")
        write(folder / f"images/{k}.png", skin(k, 96, mole=False))
    for name, source, picture, label in (
        ("copy0", "kaggle_melanoma_120", skin(0, 96, mole=False), ",1"),
        ("copy1", "other", skin(1, 96, mole=False), "mel,1"),
        ("copy2", "other", np.ascontiguousarray(skin(2, 96, mole=False)[:, ::-1]), "nv,0"),
    ):
        lines.append(f"images/{name}.png,{source},{name},,,{label},")
        write(folder / f"images/{name}.png", picture)
    lines.append("images/broken.jpg,rendered,broken,,,nv,0,")
    write_text(folder / "images/broken.jpg", "this is no photograph")
    # Lesions 0…19 have two photographs, k and k + 40, which must not disagree.
    for k in range(40, 60):
        malignant = (k - 40) % 3 == 0
        lines[k + 1] = f"images/{k}.png,rendered,r{k},{k % 40},,{'mel' if malignant else 'nv'},{int(malignant)},"
    write_text(folder / "lesions.csv", *lines)
    return folder


@pytest.fixture(scope="module")
def work(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    assert run("prepare", "--data", data, "--out", out) == 0
    return out


def run(*arguments):
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    return ending.value.code or 0


def rows(file):
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def test_after_an_interruption_it_says_that_the_same_command_goes_on(monkeypatch, capsys):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("train.commands.preparation.prepare", interrupted)
    with pytest.raises(SystemExit) as ending:
        main(["prepare", "--data", ".", "--out", "work"])
    assert ending.value.code == 130
    assert capsys.readouterr().err.strip() == "Interrupted. Repeat the command: it goes on from what is finished."


def test_split_csv_has_exactly_the_promised_columns(work):
    header = (work / "split.csv").read_text().splitlines()[0]
    assert header == "root,file,source,image_id,group,split,diagnosis,malignant"


def test_every_usable_photograph_is_in_the_split_once_and_no_group_crosses(work, data):
    table = rows(work / "split.csv")
    names = {f"r{k}" for k in range(60)} - {"r1"} | {"copy0", "copy2"}
    assert sorted(table["image_id"]) == sorted(names)
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "validation", "test"}
    assert set(table["root"]) == {str(data)}


def test_a_lesion_and_near_duplicates_of_other_sources_share_a_group(work):
    group = rows(work / "split.csv").set_index("image_id")["group"]
    assert group["r3"] == group["r43"] and group["r2"] == group["r42"] == group["copy2"]
    assert group["r3"] != group["r4"]


def test_the_copy_in_a_test_only_source_takes_its_whole_group_to_test(work):
    split = rows(work / "split.csv").set_index("image_id")["split"]
    assert split[["copy0", "r0", "r40"]].tolist() == ["test"] * 3


def test_conflicting_copies_and_unreadable_files_are_left_out_with_the_reason(work):
    reasons = rows(work / "left_out.csv").set_index("image_id")["reason"]
    assert sorted(reasons.index) == ["broken", "copy1", "r1"]
    assert reasons["broken"] == "unreadable: unsupported_format"
    assert "mel and nv" in reasons["r1"] and "copy1" in reasons["r1"]


def test_catalogue_csv_has_the_same_rows_in_the_same_order(work):
    listed, split = rows(work / "catalogue.csv"), rows(work / "split.csv")
    assert list(listed.columns[-2:]) == ["group", "split"] and "lesion_id" in listed and "given_split" in listed
    assert listed[list(split.columns)].equals(split)


def test_duplicates_csv_lists_the_pairs(work):
    table = rows(work / "duplicates.csv")
    assert {tuple(pair) for pair in table[["image_id_a", "image_id_b"]].to_numpy()} == {
        ("r0", "copy0"),
        ("r1", "copy1"),
        ("r2", "copy2"),
    }
    assert table.set_index("image_id_b").loc["copy2", "orientation"] == "4"


def test_audit_json_counts_and_finds_nothing_crossing(work):
    audit = json.loads((work / "audit.json").read_text())
    assert audit["photographs"] == 61 and sum(record["photographs"] for record in audit["counts"]) == 61
    assert audit["crossing"] == {"groups": [], "lesions": [], "patients": None, "near_duplicates": []}
    assert audit["left_out"] == {"conflicting labels": 2, "unreadable: unsupported_format": 1}
    assert set(audit["auc_from_source_alone"]) == {"train", "validation", "test"}


def test_the_same_data_and_seed_give_the_same_bytes_from_scratch(work, data, tmp_path):
    assert run("prepare", "--data", data, "--out", tmp_path) == 0
    for name in ("split.csv", "catalogue.csv", "duplicates.csv", "left_out.csv", "audit.json"):
        assert (tmp_path / name).read_bytes() == (work / name).read_bytes(), name


def test_another_seed_gives_another_split(work, data, tmp_path):
    assert run("prepare", "--data", data, "--out", tmp_path, "--seed", 1) == 0
    assert (tmp_path / "split.csv").read_bytes() != (work / "split.csv").read_bytes()


def test_no_file_is_left_half_written(work):
    assert list(work.rglob("*.part")) == []


def more(folder, *pictures):
    """A folder of new photographs of the source "new": (name, picture, lesion)."""
    lines = [HEADER]
    for name, picture, lesion in pictures:
        lines.append(f"{name}.png,rendered,{name},{lesion},,nv,0,")
        write(folder / f"{name}.png", picture)
    write_text(folder / "lesions.csv", *lines)
    return folder


def test_keep_split_keeps_every_old_row_and_new_copies_follow(work, data, tmp_path):
    before = rows(work / "split.csv").set_index("image_id")
    tested = before[(before["split"] == "test") & (before["malignant"] == "0")].index[0]
    number = int(tested[1:])
    new = more(
        tmp_path / "new",
        ("copy", darker(skin(number, 96, mole=False)), ""),
        *[(f"n{k}", skin(500 + k, 96, mole=False), "") for k in range(20)],
    )
    out = tmp_path / "out"
    assert run("prepare", "--data", data, new, "--out", out, "--keep-split", work / "split.csv", "--seed", 9) == 0
    after = rows(out / "split.csv").set_index("image_id")
    assert after["split"][before.index].equals(before["split"])
    assert after["split"]["copy"] == "test" and len(after) == len(before) + 21


def test_a_checkpoint_keeps_the_split_that_it_was_made_of_as_its_file_does(work, data, tmp_path):
    (tmp_path / "checkpoint").mkdir()
    provenance.write(tmp_path / "checkpoint", work)
    new = more(tmp_path / "new", *[(f"n{k}", skin(500 + k, 96, mole=False), "") for k in range(20)])
    written = []
    for name, kept in (("by-file", work / "split.csv"), ("by-checkpoint", tmp_path / "checkpoint")):
        assert run("prepare", "--data", data, new, "--out", tmp_path / name, "--keep-split", kept, "--seed", 9) == 0
        written.append((tmp_path / name / "split.csv").read_bytes())
    assert written[0] == written[1]


def test_a_checkpoint_that_does_not_say_what_its_test_part_was_is_one_sentence(data, tmp_path, capsys):
    (tmp_path / "trained_on.json").write_text(json.dumps({"schema": 1, "train": {}, "validation": {}}))
    assert run("prepare", "--data", data, "--out", tmp_path / "out", "--keep-split", tmp_path) == 2
    assert "does not say in trained_on.json what its test part was. Name its split.csv." in capsys.readouterr().err


def darker(picture):
    return (picture * 0.8).astype(np.uint8)


def test_keep_split_refuses_a_photograph_that_joins_old_train_and_old_test(work, data, tmp_path, capsys):
    before = rows(work / "split.csv").set_index("image_id")
    benign = before[(before["malignant"] == "0") & (before["source"] == "rendered")]
    tested = int(benign[benign["split"] == "test"].index[0][1:])
    trained = int(benign[benign["split"] == "train"].index[0][1:])
    new = more(tmp_path / "new", ("bridge", skin(tested, 96, mole=False), trained % 40))
    out = tmp_path / "out"
    assert run("prepare", "--data", data, "--data", new, "--out", out, "--keep-split", work / "split.csv") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("Error: Group ") and "old split keeps apart" in said and "Traceback" not in said
    assert not (out / "split.csv").exists()


def test_an_unknown_layout_is_one_sentence_and_status_2(tmp_path, capsys):
    assert run("prepare", "--data", tmp_path, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "HAM10000" in said and len(said.splitlines()) == 1


def test_a_split_that_a_group_would_cross_is_refused_and_not_written(data, tmp_path, capsys, monkeypatch):
    # Every other photograph goes to the test, so that lesions 0…19, of two photographs each, are torn apart.
    def torn(rows, fixed=None, seed=0):
        return np.array(["train", "test"])[(rows["image_id"].str[1:] >= "40").astype(int)]

    monkeypatch.setattr("train.data.splits.assign", torn)
    assert run("prepare", "--data", data, "--out", tmp_path / "out") == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and "The split is refused" in said[0] and '"groups": ["g0' in said[0]
    assert not (tmp_path / "out" / "split.csv").exists()


def test_audit_of_a_leaking_split_names_the_leak(work, data, tmp_path, capsys):
    table = rows(work / "split.csv")
    table.loc[table["image_id"] == "copy2", "split"] = "test"
    table.loc[table["image_id"].isin(["r2", "r42"]), "split"] = "train"
    table.to_csv(tmp_path / "mine.csv", index=False)
    assert run("audit", "--data", tmp_path / "mine.csv", "--out", tmp_path / "audit.json") == 0
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["crossing"]["near_duplicates"] == ["rendered r2 = other copy2"]
    assert audit["crossing"]["lesions"] is None and len(audit["crossing"]["groups"]) == 1
    assert "near duplicates: 1 cross the split" in capsys.readouterr().out


def test_audit_of_a_folder_that_comes_split_uses_that_split(tmp_path, capsys):
    for k, place in enumerate(("train/benign", "train/malignant", "test/benign", "test/malignant")):
        write(tmp_path / place / "1.png", k)
    write(tmp_path / "test/malignant/2.png", 1)
    capsys.readouterr()
    assert run("audit", "--data", tmp_path, "--json") == 0
    audit = json.loads(capsys.readouterr().out)
    assert len(audit["crossing"]["near_duplicates"]) == 1
    assert audit["auc_from_source_alone"]["test"] == 0.5


def test_audit_of_a_csv_without_labels_is_refused(tmp_path, capsys):
    write_text(tmp_path / "a.csv", "file,source", "a.jpg,s")
    assert run("audit", "--data", tmp_path / "a.csv") == 2
    assert "lacks the column malignant" in capsys.readouterr().err


def test_several_values_after_one_option_are_that_option_repeated():
    given = ["prepare", "--data", "a", "b", "--out", "w", "--data=c", "--data", "d"]
    assert spread(given) == ["prepare", "--data", "a", "--data", "b", "--out", "w", "--data=c", "--data", "d"]


@pytest.mark.parametrize(
    ("command", "option"), [("experiments", "--parts"), ("fit", "--fold"), ("compare", "--finished")]
)
def test_every_option_of_several_values_takes_them_after_one_another(command, option):
    assert spread([command, option, "1", "2"]) == [command, option, "1", option, "2"]


def test_the_name_of_a_repository_after_a_list_is_no_value_of_the_list():
    assert spread(["push", "dataset", "--data", "a", "me/spots"]) == ["push", "dataset", "--data", "a", "me/spots"]
    first = ["push", "dataset", "me/spots", "--data"]
    assert spread([*first, "a", "b"]) == [*first, "a", "--data", "b"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00broken", b'root,file\n"never closed'])
@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_a_split_that_cannot_be_read_is_one_sentence_that_names_it(tmp_path, capsys, command, content):
    (tmp_path / "split.csv").write_bytes(content)
    assert run(command, "--work", tmp_path, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "split.csv" in said and said.count("\n") == 1


def test_an_output_folder_that_is_a_file_is_one_sentence_that_names_it(tmp_path, data, capsys):
    taken = tmp_path / "taken"
    taken.write_text("a note")
    assert run("prepare", "--data", data, "--out", taken) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and "taken" in said[0]
    assert taken.read_text() == "a note"


def test_a_folder_of_which_nothing_is_left_out_is_prepared(tmp_path):
    lines = [HEADER]
    for k in range(30):
        malignant = k % 3 == 0
        lines.append(f"images/{k}.png,rendered,r{k},{k},,{'mel' if malignant else 'nv'},{int(malignant)},")
        write(tmp_path / f"set/images/{k}.png", skin(k, 96, mole=False))
    write_text(tmp_path / "set/lesions.csv", *lines)
    assert run("prepare", "--data", tmp_path / "set", "--out", tmp_path / "work") == 0
    assert len(rows(tmp_path / "work/split.csv")) == 30
    assert json.loads((tmp_path / "work/audit.json").read_text())["left_out"] == {}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("photo.jpg", "photo.jpg is a file. Name the folder that holds"),
        ("nowhere", "There is no data folder nowhere."),
        ("https://example.com/set/a.jpg", "https://example.com/set/a.jpg is a web address. Download it first"),
        ("s3://bucket/set", "s3://bucket/set is a web address."),
    ],
)
def test_data_that_is_no_folder_is_called_what_it_is(tmp_path, monkeypatch, capsys, given, says):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "photo.jpg", skin(0, 96, mole=False))
    assert run("prepare", "--data", given, "--out", tmp_path / "work") == 2
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert said.startswith(f"Error: {says}")


def test_a_mistyped_csv_is_called_a_file(tmp_path, capsys):
    assert run("audit", "--data", tmp_path / "nowhere.csv") == 2
    assert "There is no file" in capsys.readouterr().err
