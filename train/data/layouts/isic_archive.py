"""The ISIC archive's own downloads, and the two releases that share its ids: ISIC 2024 and MILK10k."""

from collections.abc import Mapping

from train.data.data_folder import DataFolder, plain_id
from train.data.labels import CatalogueError, LabelColumns, Told, meaning, meaning_of_levels
from train.data.layouts.class_folders import ClassFolders
from train.data.layouts.layout import Layout, details, has, marked, taken

_LEVELS = range(1, 6)
_LABELS = ("diagnosis", "benign_malignant", "malignant", "target", "diagnosis_1", "diagnosis_3", "iddx_1", "iddx_full")
_MILK10K_CLASSES = ("AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC")
_MILK10K_TRUTH = ("lesion_id", "BEN_OTH", "MAL_OTH", "SCCKA")


def _levels(row: Mapping[str, str]) -> list[Told]:
    """What the levels of the archive's taxonomy say, as diagnosis_1 to 5 or, in ISIC 2024, iddx_1 to 5 or iddx_full."""
    for prefix in ("diagnosis", "iddx"):
        levels = [row.get(f"{prefix}_{level}", "") for level in _LEVELS]
        if prefix == "iddx" and not any(levels):
            levels = row.get("iddx_full", "").split("::")
        if any(levels):
            lowest, top = meaning_of_levels(levels), meaning(levels[0])
            told = [Told(prefix, " > ".join(filter(None, levels)), lowest)]
            agree = (lowest.malignant, lowest.indeterminate) == (top.malignant, top.indeterminate)
            return told if agree or not top.understood else [*told, Told(f"{prefix}_1", levels[0], top)]
    return []


def _read(data: DataFolder) -> None:
    rows = [row for _, row in data.rows_of("isic_id")]
    labelled = any(column in row for row in rows for column in _LABELS)
    # A table of other photographs says nothing of these, which may lie in folders named by what they show.
    if not labelled and (not ClassFolders(data.pictures) or any(data.holds(row["isic_id"]) for row in rows)):
        raise CatalogueError(
            f"{data.tables('isic_id')[0]} in {data.root} has an isic_id but no labels: none of the columns "
            f"{', '.join(_LABELS)}. Download it again with its diagnoses, or put the table that has them beside it."
        )
    columns = LabelColumns(rows, classes=["diagnosis"], answers=["benign_malignant", "malignant", "target"])
    for row in rows:
        told = _levels(row)
        # ISIC 2024's target is 0 for what its taxonomy calls indeterminate.
        if not (told and told[0].meaning.indeterminate):
            told += columns.of(row)
        is_2024 = "iddx_1" in row or "iddx_full" in row
        data.add(
            row["isic_id"], "isic_2024" if is_2024 else "isic_archive", plain_id(row["isic_id"]), told, **_known(row)
        )


def _known(row: Mapping[str, str]) -> dict[str, str]:
    known = taken(
        row,
        lesion_id="lesion_id",
        patient_id="patient_id",
        confirmed_by="diagnosis_confirm_type",
        age="age_approx",
        sex="sex",
        fitzpatrick="fitzpatrick_skin_type",
        licence="copyright_license",
    )
    known["modality"] = row.get("image_type", "").split(":")[0].strip().lower()
    known["site"] = row.get("anatom_site_general", "") or row.get("anatom_site_1", "") or row.get("site", "")
    return known


def _read_milk10k(data: DataFolder) -> None:
    truth = details(data, *_MILK10K_TRUTH)
    photographs = [row for _, row in data.rows_of("isic_id", "lesion_id")]
    if not photographs:
        raise CatalogueError(
            f"{data.tables(*_MILK10K_TRUTH)[0]} in {data.root} lists lesions and no photographs; put MILK10k's "
            "metadata (isic_id, lesion_id, image_type) beside it."
        )
    for row in photographs:
        told = marked(truth.get(row["lesion_id"], {}), _MILK10K_CLASSES)
        data.add(row["isic_id"], "milk10k", plain_id(row["isic_id"]), told, **_known(row))


ISIC_CLI = Layout(
    "isic_cli",
    "an isic-cli download or ISIC 2024 (metadata.csv with isic_id)",
    has("isic_id"),
    _read,
    contains=frozenset({"class_folders"}),
)
MILK10K = Layout(
    "milk10k",
    "MILK10k (one column a diagnosis by lesion_id: AKIEC, …, SCCKA, with its metadata)",
    has(*_MILK10K_TRUTH),
    _read_milk10k,
    contains=frozenset({"isic_cli", "class_folders"}),
)
