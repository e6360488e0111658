"""Layouts of other releases, and photographs that several rows or folders name."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.train.data.test_catalogue import labelled, pictures
from tests.train.rendered_folders import write, write_text
from train.data import catalogue

IDS = [f"ISIC_010000{k}" for k in range(4)]


def test_isic_2024_is_read_with_its_taxonomy_and_target(tmp_path):
    pictures(tmp_path, *[f"train-image/image/{name}.jpg" for name in IDS])
    levels = [
        "Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma in situ",
        "Benign",
        "Indeterminate::Indeterminate melanocytic proliferations::Atypical melanocytic neoplasm",
        "Benign::Benign melanocytic proliferations::Nevus",
    ]
    rows = [
        [
            name,
            int(level.startswith("Malignant")),
            f"IP_{k}",
            "TBP tile: close-up",
            level,
            *[*level.split("::"), "", ""][:3],
        ]
        for k, (name, level) in enumerate(zip(IDS, levels, strict=True))
    ]
    columns = ["isic_id", "target", "patient_id", "image_type", "iddx_full", "iddx_1", "iddx_2", "iddx_3"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "train-metadata.csv", index=False)
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {IDS[0]: ("mel", 1), IDS[1]: ("", 0), IDS[3]: ("nv", 0)}
    assert left_out["reason"].tolist() == ["no label: upstream calls it indeterminate"]
    assert set(table["source"]) == {"isic_2024"} and table["patient_id"].tolist() == ["IP_0", "IP_1", "IP_3"]


def milk10k(folder):
    names = ["AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC"]
    marks = [[float(name == marked) for name in names] for marked in ("MEL", "INF", "SCCKA")]
    truth = pd.DataFrame(marks, columns=names)
    truth.insert(0, "lesion_id", ["IL_0", "IL_1", "IL_2"])
    truth.to_csv(folder / "MILK10k_Training_GroundTruth.csv", index=False)
    write_text(
        folder / "MILK10k_Training_Metadata.csv",
        "lesion_id,image_type,isic_id",
        *[f"IL_{k % 3},{'dermoscopic' if k else 'clinical: close-up'},{name}" for k, name in enumerate(IDS)],
    )
    return pictures(folder, *[f"MILK10k_Training_Input/IL_{k % 3}/{name}.jpg" for k, name in enumerate(IDS)])


def test_milk10k_is_joined_by_its_lesions(tmp_path):
    table = catalogue.read(milk10k(tmp_path))
    assert labelled(table) == {IDS[0]: ("mel", 1), IDS[1]: ("", 0), IDS[2]: ("akiec", 1), IDS[3]: ("mel", 1)}
    assert table["modality"].tolist()[:2] == ["clinical", "dermoscopic"] and set(table["source"]) == {"milk10k"}


def test_milk10ks_truth_without_its_metadata_is_refused_with_what_is_missing(tmp_path):
    (milk10k(tmp_path) / "MILK10k_Training_Metadata.csv").unlink()
    with pytest.raises(catalogue.CatalogueError, match="lists lesions and no photographs"):
        catalogue.read(tmp_path)


def test_an_archive_table_without_labels_is_refused_with_what_is_missing(tmp_path):
    pictures(tmp_path, "ISIC_0.jpg")
    write_text(tmp_path / "metadata.csv", "isic_id,age_approx", "ISIC_0,50")
    with pytest.raises(catalogue.CatalogueError, match=r"metadata\.csv .* has an isic_id but no labels"):
        catalogue.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("cases.csv", ["isic_id,diagnosis", "ISIC_0000001,melanoma"]),
        ("cases.csv", ["isic_id,age_approx", "ISIC_0000001,50"]),
        ("metadata.csv", ["file_name,label", "ISIC_0000001.jpg,melanoma"]),
        ("HAM10000_metadata.csv", ["lesion_id,image_id,dx,dx_type", "HAM_1,ISIC_0000001,mel,histo"]),
    ],
)
def test_class_folders_win_over_a_linked_table_that_names_none_of_their_photographs(tmp_path, name, lines):
    data = pictures(tmp_path / "set", "benign/1.jpg", "malignant/2.jpg")
    (tmp_path / "elsewhere").mkdir()
    write_text(tmp_path / "elsewhere" / name, *lines)
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    found = catalogue.survey([data])
    assert labelled(found.rows) == {"benign/1": ("", 0), "malignant/2": ("", 1)}
    assert found.left_out.empty and found.empty == []
    assert found.not_looked_at[str(data)] == {"tables that name none of its photographs": [f"linked/{name}"]}


def test_class_folders_yield_to_a_table_that_names_one_of_their_photographs(tmp_path):
    data = pictures(tmp_path, "benign/ISIC_1.jpg", "malignant/ISIC_2.jpg")
    write_text(tmp_path / "metadata.csv", "isic_id,diagnosis_1", "ISIC_1,Malignant", "ISIC_9,Benign")
    assert labelled(catalogue.read(data)) == {"ISIC_1": ("", 1)}


def test_an_archive_table_without_labels_of_photographs_in_class_folders_is_refused(tmp_path):
    pictures(tmp_path, "benign/ISIC_0.jpg")
    write_text(tmp_path / "metadata.csv", "isic_id,age_approx", "ISIC_0,50")
    with pytest.raises(catalogue.CatalogueError, match="has an isic_id but no labels"):
        catalogue.read(tmp_path)


def test_photographs_in_an_hdf5_file_are_said_to_be_packed(tmp_path):
    write_text(tmp_path / "train-metadata.csv", "isic_id,target", "ISIC_0,0")
    (tmp_path / "train-image.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(catalogue.CatalogueError, match=r"train-image\.hdf5 in it was not looked at; unpack it first"):
        catalogue.read(tmp_path)


def test_a_table_that_is_an_excel_workbook_is_named(tmp_path):
    pictures(tmp_path, "a.jpg")
    (tmp_path / "metadata.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(catalogue.CatalogueError, match=r"metadata\.xlsx in it was not looked at; save it as CSV first"):
        catalogue.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"isic_id,diagnosis_1\n\x81,Benign\n", b"PK\3\4\x14\0\6\0\x08\0"])
def test_a_table_that_cannot_be_read_is_named_with_the_cause(tmp_path, content):
    pictures(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(
        catalogue.CatalogueError, match=r"metadata\.csv is not a readable table; save it as CSV in UTF-8\."
    ):
        catalogue.read(tmp_path)


def test_confocal_microscopy_is_left_out_as_no_photograph(tmp_path):
    pictures(tmp_path, "ISIC_0.jpg", "ISIC_1.jpg")
    write_text(
        tmp_path / "metadata.csv",
        "isic_id,diagnosis_1,image_type",
        "ISIC_0,Benign,RCM: mosaic",
        "ISIC_1,Benign,dermoscopic",
    )
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {"ISIC_1": ("", 0)}
    assert left_out["reason"].tolist() == ["no photograph: confocal microscopy"]


def test_rows_of_two_tables_for_one_photograph_are_one_row_with_what_either_knows(tmp_path):
    pictures(tmp_path, "train/ISIC_0.jpg", "train/ISIC_1.jpg")
    head = "image_name,patient_id,{}diagnosis,benign_malignant,target"
    write_text(tmp_path / "Truth.csv", head.format(""), "ISIC_0,P,nevus,benign,0", "ISIC_1,P,melanoma,malignant,1")
    write_text(
        tmp_path / "Truth_v2.csv", head.format("lesion_id,"), "ISIC_0,P,L,nevus,benign,0", "ISIC_1,P,L,nevus,benign,0"
    )
    table, left_out = catalogue.read_all([tmp_path])
    assert table[["image_id", "lesion_id", "diagnosis"]].to_numpy().tolist() == [["ISIC_0", "L", "nv"]]
    assert left_out[["image_id", "reason"]].to_numpy().tolist() == [
        ["ISIC_1", "conflicting label: diagnosis mel, but also nv"]
    ]


def test_a_folder_that_holds_a_copy_of_itself_counts_once(tmp_path):
    for number, name in enumerate(("benign", "malignant")):
        for root in ("train", "data/train"):
            write(tmp_path / root / name / f"{number}.png", number)
    assert labelled(catalogue.read(tmp_path)) == {"train/benign/0": ("", 0), "train/malignant/1": ("", 1)}


def test_links_to_folders_are_followed_without_going_in_circles(tmp_path):
    pictures(tmp_path / "store", "benign/a.jpg", "malignant/b.jpg", "deep/c.jpg")
    data = pictures(tmp_path / "data", "benign/d.jpg", "malignant/e.jpg")
    (data / "benign/more").symlink_to(tmp_path / "store/deep")
    (data / "malignant/circle").symlink_to(data)
    assert len(catalogue.read(data)) == 3
    (tmp_path / "links").mkdir()
    for name in ("benign", "malignant"):
        (tmp_path / "links" / name).symlink_to(tmp_path / "store" / name)
    assert labelled(catalogue.read(tmp_path / "links")) == {"benign/a": ("", 0), "malignant/b": ("", 1)}


def test_a_link_that_was_copied_as_text_is_named(tmp_path):
    pictures(tmp_path, "store/1.jpg")
    write_text(tmp_path / "data/benign", "../store")
    with pytest.raises(catalogue.CatalogueError, match=r"benign is a text with the path \.\./store"):
        catalogue.read(tmp_path / "data")


def test_tables_lie_as_deep_as_they_like(tmp_path):
    name = "ISIC2018_Task3_Training_GroundTruth"
    pictures(tmp_path, "in/in/ISIC_0.jpg")
    write_text(tmp_path / name / name / f"{name}.csv", "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC", "ISIC_0,1.0,0,0,0,0,0,0")
    assert labelled(catalogue.read(tmp_path)) == {"ISIC_0": ("mel", 1)}


@pytest.mark.parametrize("ending", ["jfif", "jpe", "pjpeg", "dat", ""])
def test_photographs_are_found_by_content(tmp_path, ending):
    pictures(tmp_path, "benign/a.jpg", "malignant/b.jpg")
    for file in (tmp_path / "benign/a.jpg", tmp_path / "malignant/b.jpg"):
        file.rename(file.with_suffix(f".{ending}" if ending else ""))
    assert labelled(catalogue.read(tmp_path)) == {"benign/a": ("", 0), "malignant/b": ("", 1)}


def test_a_data_folder_within_another_is_not_counted_twice(tmp_path):
    pictures(tmp_path, "benign/a.jpg", "malignant/b.jpg", "more/benign/c.jpg", "more/malignant/d.jpg")
    table, left_out = catalogue.read_all([tmp_path, tmp_path / "more"])
    assert len(table) == 4 and left_out["reason"].tolist() == ["in another data folder too"] * 2


def test_a_link_to_a_photograph_that_counts_is_not_said_to_be_passed_over(tmp_path):
    pictures(tmp_path, "benign/a.jpg", "malignant/b.jpg")
    (tmp_path / "benign/again.jpg").symlink_to(tmp_path / "benign/a.jpg")
    found = catalogue.survey([tmp_path])
    assert len(found.rows) == 2 and found.not_looked_at[str(tmp_path)] == {}


def test_what_was_not_looked_at_is_counted_by_kind(tmp_path):
    pictures(tmp_path, "a.jpg", "not_listed.jpg", ".hidden.jpg")
    write_text(tmp_path / "lesions.csv", "file,source,image_id,malignant", "a.jpg,s,a,0")
    write_text(tmp_path / "notes.txt", "x")
    (tmp_path / "dead.jpg").symlink_to(tmp_path / "gone")
    assert catalogue.survey([tmp_path]).not_looked_at == {
        str(tmp_path): {
            "photographs that no row names": ["not_listed.jpg"],
            "other files": ["notes.txt"],
            "folders and links that cannot be followed": ["dead.jpg"],
            "hidden": [".hidden.jpg"],
        }
    }


def test_class_ids_in_an_imagefolder_are_no_answers(tmp_path):
    pictures(tmp_path, "a.png", "b.png", "c.png")
    write_text(tmp_path / "metadata.csv", "file_name,label", "a.png,0", "b.png,1", "c.png,5")
    with pytest.raises(catalogue.CatalogueError, match="no label"):
        catalogue.read(tmp_path)


def test_an_imagefolder_without_a_label_column_has_its_labels_from_its_folders(tmp_path):
    pictures(tmp_path, "train/nevus/a.png", "train/melanoma/b.png")
    write_text(tmp_path / "metadata.csv", "file_name,age", "train/nevus/a.png,50", "train/melanoma/b.png,60")
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"train/nevus/a": ("nv", 0), "train/melanoma/b": ("mel", 1)}
    assert table["age"].tolist() == ["50", "60"]


@pytest.mark.parametrize("head", ["LESION_ID,IMAGE_ID,DX", "Lesion ID,Image ID,dx", "lesionId,imageId,dx"])
def test_a_known_table_is_known_however_its_columns_are_spelled(tmp_path, head):
    pictures(tmp_path, "ISIC_1.jpg", "ISIC_2.jpg")
    write_text(tmp_path / "HAM10000_metadata.csv", head, "HAM_1,ISIC_1,mel", "HAM_2,ISIC_2,nv")
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"ISIC_1": ("mel", 1), "ISIC_2": ("nv", 0)} and set(table["source"]) == {"ham10000"}


def test_classes_in_lower_case_columns_are_known(tmp_path):
    pictures(tmp_path, "ISIC_1.jpg", "ISIC_2.jpg")
    write_text(tmp_path / "truth.csv", "image,mel,nv,bcc,bkl,df,vasc", "ISIC_1,1,0,0,0,0,0", "ISIC_2,0,1,0,0,0,0")
    assert labelled(catalogue.read(tmp_path)) == {"ISIC_1": ("mel", 1), "ISIC_2": ("nv", 0)}


def test_a_row_that_names_no_photograph_is_left_out_with_what_it_says(tmp_path):
    pictures(tmp_path, "a.jpg")
    write_text(tmp_path / "metadata.csv", "file_name,label,age", "a.jpg,nevus,50", ",melanoma,60")
    table, left_out = catalogue.read_all([tmp_path])
    assert len(table) == 1 and left_out["reason"].tolist() == ["its row names no photograph (60)"]


def test_parquet_is_named_with_what_to_do(tmp_path):
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(catalogue.CatalogueError, match=r"train\.parquet in it .* save its table as CSV"):
        catalogue.read(tmp_path)


@pytest.mark.parametrize(
    ("file", "lines", "said"),
    [
        ("metadata.csv", ["file_name,label"], r"metadata\.csv has no rows"),
        ("metadata.csv", ["file_name^label", "a.jpg^nevus"], r"Nothing separates the cells of metadata\.csv"),
        (
            "metadata.json",
            ['{"data": [{"file_name": "a.jpg", "label": "nevus"}]}'],
            r"metadata\.json is no list of JSON objects",
        ),
    ],
    ids=["no rows", "no separator", "no list"],
)
def test_a_table_that_gives_no_rows_is_named_with_the_cause(tmp_path, file, lines, said):
    pictures(tmp_path, "a.jpg")
    write_text(tmp_path / file, *lines)
    with pytest.raises(catalogue.CatalogueError, match=said):
        catalogue.read(tmp_path)
