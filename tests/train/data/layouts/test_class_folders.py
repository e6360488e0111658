"""Folders named by what their photographs show: which are classes, and what below them is no photograph of one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.data.test_catalogue import labelled, pictures
from tests.train.rendered_folders import skin, write
from train.data import catalogue

NINE = {
    "actinic keratosis": "akiec",
    "basal cell carcinoma": "bcc",
    "dermatofibroma": "df",
    "melanoma": "mel",
    "nevus": "nv",
    "pigmented benign keratosis": "bkl",
    "seborrheic keratosis": "bkl",
    "squamous cell carcinoma": "akiec",
    "vascular lesion": "vasc",
}


def test_the_nine_class_set_is_read_from_its_folders(tmp_path):
    root = "Skin cancer ISIC The International Skin Imaging Collaboration"
    pictures(
        tmp_path, *[f"{root}/{part}/{name}/{part}{k}.jpg" for part in ("Train", "Test") for k, name in enumerate(NINE)]
    )
    table = catalogue.read(tmp_path)
    assert len(table) == 18
    assert dict(zip(table["file"].str.split("/").str[2], table["diagnosis"], strict=True)) == NINE
    assert table["given_split"].value_counts().to_dict() == {"train": 9, "test": 9}


def test_dermmel_is_read_from_its_folders(tmp_path):
    pictures(
        tmp_path,
        "DermMel/train_sep/Melanoma/a.jpg",
        "DermMel/train_sep/NotMelanoma/b.jpg",
        "DermMel/valid/NotMelanoma/c.jpg",
    )
    table = catalogue.read(tmp_path)
    assert list(zip(table["diagnosis"], table["malignant"], table["given_split"], strict=True)) == [
        ("mel", 1, "train"),
        ("", 0, "train"),
        ("", 0, "validation"),
    ]


def test_a_folder_among_diagnoses_that_is_not_understood_is_left_out_by_name(tmp_path):
    pictures(tmp_path, "train/nevus/a.jpg", "train/melanoma/b.jpg", "train/eczema photos/c.jpg")
    found = catalogue.survey([tmp_path])
    assert labelled(found.rows) == {"train/nevus/a": ("nv", 0), "train/melanoma/b": ("mel", 1)}
    assert found.labels["folder eczema photos", "no label: neither a known diagnosis nor benign or malignant"] == 1
    assert found.unlabelled == {str(tmp_path): (1, 3)}


def test_masks_and_copies_beside_class_folders_are_left_out_with_the_reason(tmp_path):
    for number, name in enumerate(("benign", "malignant")):
        write(tmp_path / f"images/{name}/{number}.png", number)
        write(tmp_path / f"enhanced/{name}/{number}.png", 255 - skin(number))
        write(
            tmp_path / f"masks/{name}/{number}.png",
            np.repeat(np.where(skin(number)[..., :1] > 150, 255, 0), 3, axis=2).astype(np.uint8),
        )
    table, left_out = catalogue.read_all([tmp_path])
    assert table["file"].tolist() == ["images/benign/0.png", "images/malignant/1.png"]
    assert dict(zip(left_out["file"], left_out["reason"], strict=True)) == {
        "enhanced/benign/0.png": "a copy of another photograph (images/benign/0.png)",
        "enhanced/malignant/1.png": "a copy of another photograph (images/malignant/1.png)",
        "masks/benign/0.png": "a mask of another photograph (images/benign/0.png)",
        "masks/malignant/1.png": "a mask of another photograph (images/malignant/1.png)",
    }


def test_a_flat_copy_beside_class_folders_takes_no_label_away(tmp_path):
    for number, name in enumerate(("benign", "malignant")):
        for file in (f"{number}.png", f"{name}/images/{number}.png", f"images/{number}.png"):
            write(tmp_path / file, number)
    found = catalogue.survey([tmp_path])
    assert (
        found.rows["malignant"].tolist() == [0, 1]
        and found.left_out.empty
        and found.unlabelled[str(tmp_path)] == (0, 2)
    )


def test_a_photograph_that_is_linked_into_two_classes_is_left_out(tmp_path):
    data = pictures(tmp_path / "data", "benign/a.jpg", "malignant/b.jpg")
    pictures(tmp_path / "store", "c.jpg")
    for name in ("benign", "malignant"):
        (data / name / "more").symlink_to(tmp_path / "store")
    table, left_out = catalogue.read_all([data])
    assert len(table) == 2 and left_out["reason"].tolist() == ["conflicting label: called both benign and malignant"]


@pytest.mark.parametrize("title", ["skin_cancer", "Melanoma", "moles", "Hautkrebs"])
def test_a_folder_called_by_its_subject_above_both_classes_is_no_class(tmp_path, title):
    pictures(tmp_path, f"{title}/train/benign/a.jpg", f"{title}/train/malignant/b.jpg")
    assert catalogue.read(tmp_path)["malignant"].tolist() == [0, 1]


def test_a_class_within_the_class_that_contradicts_it_is_left_out(tmp_path):
    pictures(tmp_path, "benign/nevus/a.jpg", "benign/melanoma/b.jpg", "malignant/bcc/c.jpg")
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {"benign/nevus/a": ("nv", 0), "malignant/bcc/c": ("bcc", 1)}
    assert left_out["reason"].tolist() == ["conflicting label: diagnosis mel, but called benign"]


def test_train_and_test_may_stand_in_the_name_of_a_class_folder(tmp_path):
    pictures(tmp_path, "train_benign/a.jpg", "train_malignant/b.jpg", "benign_test/c.jpg")
    table = catalogue.read(tmp_path)
    assert table["malignant"].tolist() == [0, 0, 1]
    assert table["given_split"].tolist() == ["test", "train", "train"]


def test_what_is_made_of_a_photograph_beside_it_is_left_out_with_the_reason(tmp_path):
    for number, name in enumerate(("benign", "malignant")):
        write(tmp_path / name / f"{number}.jpg", number)
        write(tmp_path / name / f"{number}_superpixels.png", skin(number) // 60 * 60)
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {"benign/0": ("", 0), "malignant/1": ("", 1)}
    assert left_out["reason"].tolist() == [
        "a copy of another photograph (benign/0.jpg)",
        "a copy of another photograph (malignant/1.jpg)",
    ]


def test_one_picture_in_two_formats_counts_once_and_two_pictures_twice(tmp_path):
    for number, name in enumerate(("benign", "malignant")):
        write(tmp_path / name / "0.jpg", number)
        write(tmp_path / name / "0.png", number)
        write(tmp_path / name / "1.jpg", number + 10)
        write(tmp_path / name / "1.png", number + 20)
    table, left_out = catalogue.read_all([tmp_path])
    assert len(table) == 6
    assert left_out["file"].tolist() == ["benign/0.png", "malignant/0.png"]


@pytest.mark.parametrize("within", ["no", "control", "controls", "0", "negative", "healthy_skin_margin"])
def test_a_folder_within_a_class_that_may_deny_it_is_no_label(tmp_path, within):
    pictures(tmp_path, f"melanoma/{within}/a.png", "melanoma/patient_12/b.png", "nevus/c.png")
    assert labelled(catalogue.read(tmp_path)) == {"melanoma/patient_12/b": ("mel", 1), "nevus/c": ("nv", 0)}


def test_a_folder_of_a_class_may_begin_with_a_blank(tmp_path):
    pictures(tmp_path, " nevus/a.png", "melanoma/b.png")
    assert labelled(catalogue.read(tmp_path)) == {" nevus/a": ("nv", 0), "melanoma/b": ("mel", 1)}
