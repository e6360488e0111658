"""The challenges of the ISIC, each with tables of its own: 2016 to 2020."""

import re
from pathlib import Path

from train.data.data_folder import DataFolder, given_split, plain_id
from train.data.labels import LabelColumns, Told, answer, meaning
from train.data.layouts.layout import Layout, details, has, marked, taken

_2017 = ("image_id", "melanoma", "seborrheic_keratosis")
_2020 = ("image_name", "patient_id", "target")
_ONE_HOT = ("image", "MEL", "NV", "BCC", "BKL", "DF", "VASC")
"""Columns by which a data set's tables are known."""
_CLASSES_2019 = ("MEL", "NV", "BCC", "AK", "AKIEC", "BKL", "DF", "VASC", "SCC", "UNK")
_2016_HEADER = re.compile(r"ISIC_\d{7}(\.\w+)?")


def _tables_2016(data: DataFolder) -> list[Path]:
    return [
        path
        for path, header in data.headers.items()
        if len(header) == 2 and _2016_HEADER.fullmatch(header[0]) and answer(header[1]) is not None
    ]


def _read_2016(data: DataFolder) -> None:
    for path in _tables_2016(data):
        for row in data.table(path, names=["image_id", "label"]):
            said = answer(row["label"])
            # The challenge calls its two classes malignant and benign; its malignant ones are all melanomas.
            told = [Told("label", row["label"], meaning("mel" if said else "benign" if said == 0 else ""))]
            known = {"modality": "dermoscopic", "licence": "CC0", "given_split": given_split(path)}
            data.add(row["image_id"], "isic_2016", plain_id(row["image_id"]), told, **known)


def _read_2017(data: DataFolder) -> None:
    ages = details(data, "image_id", "age_approximate")
    for path, row in data.rows_of(*_2017):
        name, asked = row["image_id"], _2017[1:]
        told = marked(row, asked)
        if all(answer(row[column]) == 0 for column in asked):
            told = [Told(" and ".join(asked), "0", meaning("nv"))]
        known = taken(ages.get(name, {}), age="age_approximate", sex="sex")
        known |= {"modality": "dermoscopic", "licence": "CC0", "given_split": given_split(path)}
        data.add(name, "isic_2017", plain_id(name), told, **known)


def _read_2019(data: DataFolder) -> None:
    known_of = details(data, "image", "lesion_id") | details(data, "image", "age_approx")
    for path, row in data.rows_of(*_ONE_HOT):
        known = taken(
            known_of.get(row["image"], {}),
            lesion_id="lesion_id",
            confirmed_by="diagnosis_confirm_type",
            age="age_approx",
            sex="sex",
            site="anatom_site_general",
        )
        known |= {"modality": "dermoscopic", "licence": "CC BY-NC 4.0", "given_split": given_split(path)}
        source = "ham10000" if "akiec" in row else "isic_2019"
        data.add(row["image"], source, plain_id(row["image"]), marked(row, _CLASSES_2019), **known)


def _read_2020(data: DataFolder) -> None:
    rows = [row for _, row in data.rows_of(*_2020)]
    labels = LabelColumns(rows, classes=["diagnosis"], answers=["benign_malignant", "target"])
    for row in rows:
        known = taken(row, lesion_id="lesion_id", patient_id="patient_id", age="age_approx", sex="sex")
        known |= taken(row, site="anatom_site_general_challenge")
        known |= {"modality": "dermoscopic", "licence": "CC BY-NC 4.0"}
        data.add(row["image_name"], "siim_isic_2020", plain_id(row["image_name"]), labels.of(row), **known)


ISIC_2016 = Layout(
    "isic_2016",
    "ISIC 2016 (…Part3…GroundTruth.csv without a header)",
    lambda data: bool(_tables_2016(data)),
    _read_2016,
    contains=frozenset({"class_folders"}),
)
ISIC_2017 = Layout(
    "isic_2017",
    "ISIC 2017 (image_id, melanoma, seborrheic_keratosis)",
    has(*_2017),
    _read_2017,
    contains=frozenset({"class_folders"}),
)
ISIC_2019 = Layout(
    "isic_2019",
    "ISIC 2018 or 2019 (one column a diagnosis: image, MEL, NV, BCC…)",
    has(*_ONE_HOT),
    _read_2019,
    contains=frozenset({"class_folders"}),
)
ISIC_2020 = Layout(
    "isic_2020",
    "ISIC 2020 (image_name, patient_id, …, target)",
    has(*_2020),
    _read_2020,
    contains=frozenset({"class_folders"}),
)
