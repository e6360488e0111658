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
