"""Every layout in which public data sets come gives the same table, read from rendered miniatures of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.train.rendered_folders import skin, write, write_text
from train import UserError
from train.data import catalogue, labels

TINY = np.full((8, 8, 3), 128, np.uint8)


def pictures(folder, *names):
    for name in names:
        write(folder / name, TINY)
    return folder


def labelled(table):
    """image_id -> (diagnosis, malignant)."""
    return {row.image_id: (row.diagnosis, row.malignant) for row in table.itertuples()}


def test_our_own_lesions_csv_is_read(tmp_path):
    pictures(tmp_path, "images/a.jpg", "images/b.jpg")
    write_text(
        tmp_path / "lesions.csv",
        "file,source,image_id,lesion_id,patient_id,diagnosis,malignant,modality,age",
        "images/a.jpg,ham10000,A,HAM_1,,mel,1,dermoscopic,60",
        "images/b.jpg,other,B,,P2,,0,smartphone,",
    )
    table = catalogue.read(tmp_path)
    assert list(table.columns) == list(catalogue.COLUMNS)
    assert labelled(table) == {"A": ("mel", 1), "B": ("", 0)}
    first = table.iloc[0]
    assert (first.root, first.file, first.lesion_id, first.age) == (str(tmp_path), "images/a.jpg", "HAM_1", "60")


def test_benign_and_malignant_folders_are_read_with_the_split_above_them(tmp_path):
    folder = pictures(tmp_path / "set", "train/benign/1.jpg", "train/malignant/1.jpg", "test/Benign/1.jpg")
    table = catalogue.read(folder)
    assert labelled(table) == {"train/benign/1": ("", 0), "train/malignant/1": ("", 1), "test/Benign/1": ("", 0)}
    assert table.set_index("image_id")["given_split"]["test/Benign/1"] == "test"
    assert set(table["source"]) == {"set"}


def test_benign_and_malignant_folders_are_read_without_a_split(tmp_path):
    table = catalogue.read(pictures(tmp_path, "benign/1.jpg", "malignant/2.png"))
    assert labelled(table) == {"benign/1": ("", 0), "malignant/2": ("", 1)}
    assert set(table["given_split"]) == {""}


def test_ham10000_with_two_image_folders_is_read(tmp_path):
    codes = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    pictures(tmp_path, *[f"HAM10000_images_part_{1 + k % 2}/ISIC_{k}.jpg" for k in range(7)])
    write_text(
        tmp_path / "HAM10000_metadata.csv",
        "lesion_id,image_id,dx,dx_type,age,sex,localization",
        *[f"HAM_{k},ISIC_{k},{code},histo,45.0,male,back" for k, code in enumerate(codes)],
    )
    table = catalogue.read(tmp_path)
    expected = {f"ISIC_{k}": (code, int(code in ("akiec", "bcc", "mel"))) for k, code in enumerate(codes)}
    assert labelled(table) == expected
    row = table.iloc[1]
    assert (row.source, row.lesion_id, row.confirmed_by, row.site) == ("ham10000", "HAM_1", "histo", "back")
    assert row.file == "HAM10000_images_part_2/ISIC_1.jpg"


def test_ham10000_as_pixels_in_a_table_is_unpacked_into_the_work_folder(tmp_path):
    first, second = skin(1, 28, mole=False), skin(2, 28, mole=False)
    header = ",".join([f"pixel{k:04d}" for k in range(28 * 28 * 3)] + ["label"])
    lines = [",".join(map(str, [*picture.ravel(), label])) for picture, label in ((first, 4), (second, 6))]
    write_text(tmp_path / "data" / "hmnist_28_28_RGB.csv", header, *lines)
    table = catalogue.read(tmp_path / "data", tmp_path / "work")
    assert table["diagnosis"].tolist() == ["nv", "mel"]
    unpacked = [np.asarray(Image.open(f"{row.root}/{row.file}").resize((28, 28), 4)) for row in table.itertuples()]
    assert np.abs(unpacked[0].astype(int) - first).mean() < 4
    assert np.abs(unpacked[1].astype(int) - second).mean() < 4
    assert Image.open(f"{table.root[0]}/{table.file[0]}").size == (112, 112)


def test_pixels_in_a_table_need_a_work_folder(tmp_path):
    write_text(tmp_path / "hmnist_28_28_RGB.csv", "pixel0000,pixel2351,label", "0,0,1")
    with pytest.raises(catalogue.CatalogueError, match="prepare it with --out"):
        catalogue.read(tmp_path)


@pytest.mark.parametrize(("benign", "malignant"), [("benign", "malignant"), ("0.0", "1.0"), ("0", "1")])
def test_isic_2016_without_a_header_keeps_its_first_row(tmp_path, benign, malignant):
    pictures(tmp_path, "ISBI2016_ISIC_Part3_Training_Data/ISIC_0000000.jpg", "d/ISIC_0000002.jpg")
    write_text(
        tmp_path / "ISBI2016_ISIC_Part3_Training_GroundTruth.csv",
        f"ISIC_0000000,{benign}",
        f"ISIC_0000002,{malignant}",
    )
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"ISIC_0000000": ("", 0), "ISIC_0000002": ("mel", 1)}
    assert set(table["given_split"]) == {"train"}


def test_isic_2017_is_read_with_its_metadata(tmp_path):
    pictures(tmp_path, *[f"ISIC-2017_Training_Data/ISIC_000000{k}.jpg" for k in range(3)])
    write_text(
        tmp_path / "ISIC-2017_Training_Part3_GroundTruth.csv",
        "image_id,melanoma,seborrheic_keratosis",
        "ISIC_0000000,0.0,0.0",
        "ISIC_0000001,1.0,0.0",
        "ISIC_0000002,0.0,1.0",
    )
    write_text(
        tmp_path / "ISIC-2017_Training_Data" / "ISIC-2017_Training_Data_metadata.csv",
        "image_id,age_approximate,sex",
        "ISIC_0000001,70,unknown",
    )
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"ISIC_0000000": ("nv", 0), "ISIC_0000001": ("mel", 1), "ISIC_0000002": ("bkl", 0)}
    assert table["age"].tolist() == ["", "70", ""] and table["sex"].tolist() == ["", "", ""]


def test_isic_2019_is_read_with_its_metadata_and_its_unknown_ones_are_left_out(tmp_path):
    names = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"]
    pictures(tmp_path, *[f"ISIC_2019_Training_Input/ISIC_000000{k}.jpg" for k in range(8)])
    write(tmp_path / "ISIC_2019_Training_Input/ISIC_0000008_downsampled.jpg", TINY)
    ids = [f"ISIC_000000{k}" for k in range(8)] + ["ISIC_0000008_downsampled"]
    write_text(
        tmp_path / "ISIC_2019_Training_GroundTruth.csv",
        ",".join(["image", *names]),
        *[",".join([ids[k], *["1.0" if j == k else "0.0" for j in range(9)]]) for k in range(9)],
    )
    write_text(
        tmp_path / "ISIC_2019_Training_Metadata.csv",
        "image,age_approx,anatom_site_general,lesion_id,sex",
        "ISIC_0000001,55.0,anterior torso,MSK4_0011169,female",
    )
    table, left_out = catalogue.read_all([tmp_path])
    codes = ["mel", "nv", "bcc", "akiec", "bkl", "df", "vasc", "akiec"]
    assert labelled(table) == {ids[k]: (codes[k], int(codes[k] in ("mel", "bcc", "akiec"))) for k in range(8)}
    assert table["lesion_id"].tolist()[1] == "MSK4_0011169" and table["sex"].tolist()[1] == "female"
    assert left_out["image_id"].tolist() == ["ISIC_0000008"] and "no label" in left_out["reason"][0]


def test_isic_2020_is_read_with_its_patients(tmp_path):
    pictures(tmp_path, *[f"train/ISIC_000000{k}.jpg" for k in range(4)])
    write_text(
        tmp_path / "train.csv",
        "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target",
        "ISIC_0000000,IP_7279968,male,45.0,head/neck,unknown,benign,0",
        "ISIC_0000001,IP_3075186,female,45.0,upper extremity,melanoma,malignant,1",
        "ISIC_0000002,IP_3075186,female,50.0,torso,lichenoid keratosis,benign,0",
        "ISIC_0000003,IP_3075186,female,50.0,torso,atypical melanocytic proliferation,benign,0",
    )
    table = catalogue.read(tmp_path)
    assert list(labelled(table).values()) == [("", 0), ("mel", 1), ("bkl", 0), ("", 0)]
    assert table["patient_id"].tolist()[1:3] == ["IP_3075186"] * 2
    assert table["site"].tolist()[0] == "head/neck"


def test_pad_ufes_20_is_read_with_skin_type_and_biopsy(tmp_path):
    labels_there = ["ACK", "BCC", "MEL", "NEV", "SCC", "SEK"]
    ids = [f"PAT_{k}_1{k}_55" for k in range(6)]
    pictures(tmp_path, *[f"images/imgs_part_{1 + k % 3}/{name}.png" for k, name in enumerate(ids)])
    write_text(
        tmp_path / "metadata.csv",
        "patient_id,lesion_id,age,fitspatrick,region,gender,diagnostic,img_id,biopsed",
        *[f"PAT_{k},1{k},55,3.0,ARM,FEMALE,{labels_there[k]},{ids[k]}.png,{k < 3}" for k in range(6)],
    )
    table = catalogue.read(tmp_path)
    assert table["diagnosis"].tolist() == ["akiec", "bcc", "mel", "nv", "akiec", "bkl"]
    assert table["malignant"].tolist() == [1, 1, 1, 0, 1, 0]
    assert table["confirmed_by"].tolist() == ["histo"] * 3 + ["clinical"] * 3
    assert (table.fitzpatrick[0], table.modality[0], table.patient_id[0]) == ("3", "smartphone", "PAT_0")


def test_an_isic_cli_download_is_read_from_its_deepest_known_diagnosis(tmp_path):
    rows = {
        "ISIC_0000000": "Benign,Benign melanocytic proliferations,Nevus,Nevus Atypical,",
        "ISIC_0000001": "Malignant,Malignant melanocytic proliferations (Melanoma),Melanoma in situ,,",
        "ISIC_0000002": "Indeterminate,Indeterminate epidermal proliferations,Solar or actinic keratosis,,",
        "ISIC_0000003": "Malignant,Malignant adnexal epithelial proliferations,Merkel cell carcinoma,,",
        "ISIC_0000004": "Indeterminate,Indeterminate melanocytic proliferations,Atypical melanocytic neoplasm,,",
        "ISIC_0000005": "Benign,Benign soft tissue proliferations - Fibro-histiocytic,Dermatofibroma,,",
        "ISIC_0000006": "Benign,Benign soft tissue proliferations - Vascular,Hemangioma,,",
        "ISIC_0000007": 'Malignant,Malignant epidermal proliferations,"Squamous cell carcinoma, NOS",,',
    }
    pictures(tmp_path, *[f"{name}.jpg" for name in rows])
    write_text(
        tmp_path / "metadata.csv",
        "isic_id,attribution,copyright_license,age_approx,diagnosis_1,diagnosis_2,diagnosis_3,diagnosis_4,diagnosis_5,"
        "diagnosis_confirm_type,fitzpatrick_skin_type,image_type,lesion_id,patient_id,sex",
        *[
            f"{name},Somewhere,CC-BY,50,{levels},histopathology,II,clinical: close-up,IL_1234567,IP_7654321,male"
            for name, levels in rows.items()
        ],
    )
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {
        "ISIC_0000000": ("nv", 0),
        "ISIC_0000001": ("mel", 1),
        "ISIC_0000002": ("akiec", 1),
        "ISIC_0000003": ("", 1),
        "ISIC_0000005": ("df", 0),
        "ISIC_0000006": ("vasc", 0),
        "ISIC_0000007": ("akiec", 1),
    }
    assert left_out["image_id"].tolist() == ["ISIC_0000004"]
    first = table.iloc[0]
    assert (first.modality, first.licence, first.lesion_id, first.patient_id, first.fitzpatrick) == (
        "clinical",
        "CC-BY",
        "IL_1234567",
        "IP_7654321",
        "II",
    )


def test_an_older_isic_cli_download_is_read(tmp_path):
    pictures(tmp_path, "ISIC_0000000.jpg", "ISIC_0000001.jpg", "ISIC_0000002.jpg")
    write_text(
        tmp_path / "metadata.csv",
        "isic_id,benign_malignant,diagnosis",
        "ISIC_0000000,benign,nevus",
        "ISIC_0000001,malignant,",
        "ISIC_0000002,benign,melanoma",
    )
    table, left_out = catalogue.read_all([tmp_path])
    assert labelled(table) == {"ISIC_0000000": ("nv", 0), "ISIC_0000001": ("", 1)}
    assert left_out["reason"].tolist() == ["conflicting label: diagnosis mel, but called benign"]


def test_an_imagefolder_with_a_table_in_each_split_is_read(tmp_path):
    pictures(tmp_path, "train/a.png", "train/sub/b.png", "test/c.png")
    write_text(tmp_path / "train" / "metadata.csv", "file_name,label", "a.png,melanoma", "sub/b.png,benign")
    write_text(tmp_path / "test" / "metadata.csv", "file_name,label", "c.png,1")
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"train/a": ("mel", 1), "train/sub/b": ("", 0), "test/c": ("", 1)}
    assert table.set_index("image_id")["given_split"].to_dict() == {
        "train/a": "train",
        "train/sub/b": "train",
        "test/c": "test",
    }


def test_an_imagefolder_with_json_lines_is_read(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    records = [
        {"file_name": "a.png", "malignant": True, "diagnosis": "bcc", "patient_id": 7, "source": "ours"},
        {"file_name": "b.png", "malignant": 0, "diagnosis": None},
    ]
    write_text(tmp_path / "metadata.jsonl", *map(json.dumps, records))
    table = catalogue.read(tmp_path)
    assert labelled(table) == {"a": ("bcc", 1), "b": ("", 0)}
    assert table["patient_id"].tolist() == ["7", ""] and table["source"].tolist() == ["ours", tmp_path.name]


def test_a_broken_json_line_is_named(tmp_path):
    write_text(tmp_path / "metadata.jsonl", '{"file_name": "a.png"}', "{")
    with pytest.raises(catalogue.CatalogueError, match=r"Line 2 of .*metadata\.jsonl"):
        catalogue.read(tmp_path)


def test_a_row_without_its_photograph_is_left_out_with_the_reason(tmp_path):
    pictures(tmp_path, "a.jpg")
    write_text(tmp_path / "lesions.csv", "file,source,image_id,malignant", "a.jpg,s,a,0", "gone.jpg,s,b,1")
    table, left_out = catalogue.read_all([tmp_path])
    assert table["image_id"].tolist() == ["a"]
    assert left_out[["image_id", "reason"]].to_numpy().tolist() == [["b", "no such photograph in the folder"]]


def test_an_unknown_layout_is_refused_with_the_layouts_known(tmp_path):
    pictures(tmp_path, "some/photo.jpg")
    with pytest.raises(catalogue.CatalogueError) as refusal:
        catalogue.read(tmp_path)
    for name in ("lesions.csv", "HAM10000", "hmnist", "2016", "2017", "2019", "2020", "PAD-UFES-20", "isic-cli"):
        assert name in str(refusal.value)
    assert "imagefolder" in str(refusal.value) and "benign and malignant" in str(refusal.value)
    assert isinstance(refusal.value, UserError)


def test_two_data_sets_in_one_folder_are_refused(tmp_path):
    write_text(tmp_path / "train.csv", "image_name,patient_id,target", "a,p,0")
    write_text(tmp_path / "metadata.csv", "img_id,diagnostic,patient_id", "b.png,NEV,p")
    with pytest.raises(catalogue.CatalogueError, match="several data sets at once"):
        catalogue.read(tmp_path)


@pytest.mark.parametrize("given", [["missing"], ["here", "here"], []])
def test_missing_repeated_and_no_folders_are_refused(tmp_path, given):
    pictures(tmp_path / "here", "benign/a.jpg", "malignant/b.jpg")
    with pytest.raises(catalogue.CatalogueError):
        catalogue.read_all([tmp_path / name for name in given])


def test_a_table_that_is_no_table_is_named(tmp_path):
    write_text(tmp_path / "lesions.csv", "file,source,image_id,malignant", 'a.jpg,s,"a,0', "b.jpg,s,b,0,too,many,cells")
    with pytest.raises(catalogue.CatalogueError, match=r"lesions\.csv"):
        catalogue.read(tmp_path)


@pytest.mark.parametrize(
    ("wording", "code"),
    [
        ("Nevus, Atypical, Dysplastic, or Clark", "nv"),
        ("Lentigo maligna melanoma", "mel"),
        ("solar lentigo", "bkl"),
        ("lichenoid keratosis", "bkl"),
        ("Pigmented benign keratosis", "bkl"),
        ("Squamous cell carcinoma in situ, Bowen's disease", "akiec"),
        ("angiokeratoma", "vasc"),
        ("angiofibroma or fibrous papule", ""),
        ("atypical melanocytic proliferation", ""),
        ("cafe-au-lait macule", ""),
        ("unknown", ""),
    ],
)
def test_upstream_wordings_become_the_seven_diagnoses_or_nothing(wording, code):
    assert labels.diagnosis(wording) == code


def test_sources_of_the_same_centres_are_one_family_and_others_their_own():
    assert catalogue.family("isic_archive") == catalogue.family("isic_2017")
    assert catalogue.family("isic_acral_ids") == catalogue.family("siim_isic_2020")
    assert catalogue.family("somewhere") == "somewhere"


@pytest.mark.real_data
def test_the_shared_photographs_are_all_read_with_their_own_labels(shared_data):
    table, left_out = catalogue.read_all([shared_data])
    listed = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    assert left_out.empty and len(table) == len(listed) > 0
    for column in ("file", "source", "image_id", "lesion_id", "patient_id", "diagnosis", "modality", "licence"):
        assert table[column].tolist() == listed[column].tolist(), column
    assert table["malignant"].tolist() == listed["malignant"].astype(int).tolist()


@pytest.mark.parametrize("nothing", ["-", "--", "?", ".", "#N/A", "<NA>", "missing", "Not available", "n.a.", "\u200b"])
def test_a_cell_that_says_that_nothing_is_known_joins_no_photographs(tmp_path, nothing):
    pictures(tmp_path, "a.jpg", "b.jpg")
    write_text(
        tmp_path / "metadata.csv", "file_name,label,patient_id", f"a.jpg,nevus,{nothing}", f"b.jpg,mel,{nothing}"
    )
    assert catalogue.read(tmp_path)["patient_id"].tolist() == ["", ""]


def test_signs_without_width_around_a_cell_do_not_matter(tmp_path):
    pictures(tmp_path, "a.jpg")
    write_text(tmp_path / "metadata.csv", "file_name,label", "\u200ba.jpg,nevus\ufeff")
    assert labelled(catalogue.read(tmp_path)) == {"a": ("nv", 0)}
