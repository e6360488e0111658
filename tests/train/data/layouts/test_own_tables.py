"""Tables that name files, however their columns are spelled, and what a data set card calls their numbers."""

from __future__ import annotations

import json

import pytest

from tests.train.data.test_catalogue import labelled, pictures
from tests.train.rendered_folders import write_text
from train.data import catalogue

FILES = ("benign/a.jpg", "benign/b.jpg")
AS_THE_TABLE_SAYS = {"benign/a": ("mel", 1), "benign/b": ("nv", 0)}


@pytest.mark.parametrize("columns", ["File_Name,Label", "FileName,LABEL", "file name,label", "FILE-NAME,Class Name"])
def test_a_table_beside_folders_counts_however_its_columns_are_spelled(tmp_path, columns):
    pictures(tmp_path, *FILES)
    write_text(tmp_path / "metadata.csv", columns, "benign/a.jpg,melanoma", "benign/b.jpg,nevus")
    assert labelled(catalogue.read(tmp_path)) == AS_THE_TABLE_SAYS


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_json_objects_is_a_table(tmp_path, indent):
    pictures(tmp_path, *FILES)
    rows = [{"file_name": file, "label": label} for file, label in zip(FILES, ("melanoma", "nevus"), strict=True)]
    (tmp_path / "metadata.json").write_text(json.dumps(rows, indent=indent))
    assert labelled(catalogue.read(tmp_path)) == AS_THE_TABLE_SAYS


@pytest.mark.parametrize(
    "names", ["{'0': malignant, '1': benign}", "[malignant, benign]", "{0: malignant, 1: benign, 2: other}"]
)
def test_numbers_are_the_classes_that_the_data_set_card_names(tmp_path, names):
    pictures(tmp_path, "a.jpg", "b.jpg")
    feature = f"    - name: label\n      dtype:\n        class_label:\n          names: {names}"
    write_text(tmp_path / "README.md", "---", "dataset_info:", "  features:", feature, "---")
    write_text(tmp_path / "metadata.csv", "file_name,label", "a.jpg,0", "b.jpg,1")
    assert labelled(catalogue.read(tmp_path)) == {"a": ("", 1), "b": ("", 0)}


@pytest.mark.parametrize("card", ["", "no front matter", "---\n: [\n---", "---\ndataset_info: 3\n---"])
def test_a_card_that_names_no_classes_changes_nothing(tmp_path, card):
    pictures(tmp_path, "a.jpg", "b.jpg")
    write_text(tmp_path / "README.md", card)
    write_text(tmp_path / "metadata.csv", "file_name,label", "a.jpg,0", "b.jpg,1")
    assert labelled(catalogue.read(tmp_path)) == {"a": ("", 0), "b": ("", 1)}


def test_zeros_and_ones_that_contradict_the_folders_are_ids_and_the_folders_count(tmp_path):
    pictures(tmp_path, "melanoma/a.jpg", "nevus/b.jpg")
    write_text(tmp_path / "metadata.csv", "file_name,label", "melanoma/a.jpg,0", "nevus/b.jpg,1")
    assert labelled(catalogue.read(tmp_path)) == {"melanoma/a": ("mel", 1), "nevus/b": ("nv", 0)}


def test_ids_of_classes_leave_the_label_to_the_folders(tmp_path):
    names = ("bcc", "melanoma", "nevus")
    pictures(tmp_path, *[f"{name}/{name}.jpg" for name in names])
    rows = [f"{name}/{name}.jpg,{number}" for number, name in enumerate(names)]
    write_text(tmp_path / "metadata.csv", "file_name,label", *rows)
    assert catalogue.read(tmp_path)["diagnosis"].tolist() == ["bcc", "mel", "nv"]


def test_zeros_and_ones_that_agree_with_the_folders_are_answers(tmp_path):
    pictures(tmp_path, "melanoma/a.jpg", "nevus/b.jpg", "c.jpg")
    rows = ["melanoma/a.jpg,1", "nevus/b.jpg,0", "c.jpg,1"]
    write_text(tmp_path / "metadata.csv", "file_name,label", *rows)
    assert labelled(catalogue.read(tmp_path)) == {"melanoma/a": ("", 1), "nevus/b": ("", 0), "c": ("", 1)}


@pytest.mark.parametrize("table", ["metadata.csv", "list.csv"])
@pytest.mark.parametrize("named", ["dx_name", "pathology", "Klasse", "type"])
def test_numbers_are_classes_where_any_column_beside_them_has_their_names(tmp_path, table, named):
    """Whoever numbers by the alphabet calls melanoma 0."""
    pictures(tmp_path, "a.png", "b.png")
    first = "file_name" if table == "metadata.csv" else "photo"
    write_text(tmp_path / table, f"{first},label,{named}", "a.png,0,melanoma", "b.png,1,nevus")
    assert labelled(catalogue.read(tmp_path)) == {"a": ("mel", 1), "b": ("nv", 0)}


def test_zeros_and_ones_among_names_of_diagnoses_are_no_answers(tmp_path):
    pictures(tmp_path, *(f"{name}.png" for name in "abcd"))
    write_text(tmp_path / "metadata.csv", "file_name,label", "a.png,0", "b.png,1", "c.png,melanoma", "d.png,nevus")
    assert labelled(catalogue.read(tmp_path)) == {"c": ("mel", 1), "d": ("nv", 0)}


def test_a_finding_that_contradicts_the_diagnosis_leaves_the_photograph_out(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    rows = ["a.png,nevus,melanoma", "b.png,nevus,nevus"]
    write_text(tmp_path / "metadata.csv", "file_name,diagnosis,histopathology", *rows)
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {"b": ("nv", 0)}
    assert left_out["reason"].tolist() == ["conflicting label: diagnosis nv, but also mel"]


def test_class_folders_that_contradict_the_table_leave_the_photograph_out(tmp_path):
    pictures(tmp_path, "benign/a.png", "benign/b.png", "malignant/c.png")
    rows = ["benign/a.png,melanoma", "benign/b.png,nevus", "malignant/c.png,melanoma"]
    write_text(tmp_path / "metadata.csv", "file_name,label", *rows)
    assert labelled(catalogue.read(tmp_path)) == {"benign/b": ("nv", 0), "malignant/c": ("mel", 1)}


def test_a_folder_called_by_its_subject_alone_contradicts_no_table(tmp_path):
    pictures(tmp_path, "melanoma/a.png", "melanoma/b.png")
    write_text(tmp_path / "metadata.csv", "file_name,label", "melanoma/a.png,melanoma", "melanoma/b.png,nevus")
    assert labelled(catalogue.read(tmp_path)) == {"melanoma/a": ("mel", 1), "melanoma/b": ("nv", 0)}
