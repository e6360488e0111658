"""Tables in nobody's layout are read where a column names photographs and another says what they show."""

from __future__ import annotations

import pytest

from tests.train.data.test_catalogue import labelled, pictures
from tests.train.rendered_folders import write, write_text
from train.data import catalogue


@pytest.mark.parametrize("name", ["image", "path", "FileName", "img_id", "bcn_filename", "md5hash"])
@pytest.mark.parametrize("label", ["disease", "Label", "Diagnóstico"])
def test_the_column_that_names_photographs_is_found_by_its_cells(tmp_path, name, label):
    pictures(tmp_path, "images/ab12.jpg", "images/cd34.jpg")
    write_text(tmp_path / "list.csv", f"age,{name},{label}", "50,ab12.jpg,melanoma", "60,cd34.jpg,nevus")
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"ab12": ("mel", 1), "cd34": ("nv", 0)}
    assert table["age"].tolist() == ["50", "60"]


def test_numbers_name_photographs_only_in_a_column_called_after_them(tmp_path):
    pictures(tmp_path, "50.jpg", "60.jpg")
    write_text(tmp_path / "list.csv", "age,image,label", "60,50,melanoma", "50,60,nevus")
    assert labelled(catalogue.read(tmp_path)) == {"50": ("mel", 1), "60": ("nv", 0)}
    write_text(tmp_path / "list.csv", "age,label", "60,melanoma")
    with pytest.raises(catalogue.CatalogueError, match=r"no layout that is known.* list\.csv \(age, label\)"):
        catalogue.read(tmp_path)


def test_a_patient_called_as_a_photograph_names_none(tmp_path):
    pictures(tmp_path, "P1.jpg", "P1b.jpg", "P2.jpg")
    rows = ["P1,P1.jpg,nevus", "P1,P1b.jpg,melanoma", "P2,P2.jpg,nevus"]
    write_text(tmp_path / "list.csv", "patient,photo,label", *rows)
    assert labelled(catalogue.read(tmp_path)) == {"P1": ("nv", 0), "P1b": ("mel", 1), "P2": ("nv", 0)}


def test_several_photographs_of_one_row_are_one_lesion(tmp_path):
    for number, name in enumerate(("clinic/1.jpg", "derm/1.jpg", "clinic/2.jpg", "derm/2.jpg")):
        write(tmp_path / name, number)
    rows = ["1,clinic/1.jpg,derm/1.jpg,melanoma (in situ)", "2,clinic/2.jpg,derm/2.jpg,blue nevus"]
    write_text(tmp_path / "meta.csv", "case_num,clinic,derm,diagnosis", *rows)
    table = catalogue.read(tmp_path)
    assert table["lesion_id"].tolist() == ["meta 0", "meta 0", "meta 1", "meta 1"]
    assert table["modality"].tolist() == ["clinical", "dermoscopic"] * 2
    assert table["diagnosis"].tolist() == ["mel", "mel", "nv", "nv"]


def test_one_column_a_class_is_read(tmp_path):
    pictures(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    rows = ["a.jpg,1,0,0", "b.jpg,0,1.0,0", "c.jpg,0,0,0"]
    write_text(tmp_path / "list.csv", "photo,melanoma,nevus,basal_cell_carcinoma", *rows)
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {"a": ("mel", 1), "b": ("nv", 0)}
    assert left_out["image_id"].tolist() == ["c"]


def test_folders_named_by_classes_come_before_such_a_table(tmp_path):
    pictures(tmp_path, "benign/a.jpg", "malignant/b.jpg")
    write_text(tmp_path / "list.csv", "photo,label", "a.jpg,melanoma")
    assert labelled(catalogue.read(tmp_path)) == {"benign/a": ("", 0), "malignant/b": ("", 1)}


def test_numbers_are_the_classes_that_the_data_set_card_names(tmp_path):
    pictures(tmp_path, "a.jpg", "b.jpg")
    write_text(tmp_path / "list.csv", "photo,label", "a.jpg,0", "b.jpg,1")
    names = ["      class_label:", "        names:", "          '0': melanoma", "          '1': nevus"]
    card = ["---", "dataset_info:", "  features:", "  - name: label", "    dtype:", *names, "---"]
    write_text(tmp_path / "README.md", *card)
    assert labelled(catalogue.read(tmp_path)) == {"a": ("mel", 1), "b": ("nv", 0)}
