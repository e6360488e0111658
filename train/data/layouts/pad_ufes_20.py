"""PAD-UFES-20 (Pacheco et al. 2020): photographs by phone."""

from train.data.data_folder import DataFolder, plain_id
from train.data.labels import LabelColumns, answer
from train.data.layouts.layout import Layout, has, taken

_COLUMNS = ("img_id", "diagnostic", "patient_id")


def _read(data: DataFolder) -> None:
    rows = [row for _, row in data.rows_of(*_COLUMNS)]
    labels = LabelColumns(rows, classes=["diagnostic"])
    for row in rows:
        known = taken(row, lesion_id="lesion_id", patient_id="patient_id", age="age")
        known |= {
            "modality": "smartphone",
            "confirmed_by": "histo" if answer(row.get("biopsed", "")) else "clinical",
            "sex": row.get("gender", "").lower(),
            "site": row.get("region", "").lower(),
            "fitzpatrick": row.get("fitspatrick", "").removesuffix(".0"),
            "licence": "CC BY 4.0",
        }
        data.add(row["img_id"], "pad_ufes_20", plain_id(row["img_id"]), labels.of(row), **known)


PAD_UFES_20 = Layout(
    "pad_ufes_20",
    "PAD-UFES-20 (metadata.csv with img_id, diagnostic)",
    has(*_COLUMNS),
    _read,
    contains=frozenset({"class_folders"}),
)
