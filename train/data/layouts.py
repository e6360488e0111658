"""Readers for the layouts in which public data sets come."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from skin_model.atomic_files import replacing
from train.data import labels
from train.data.data_folder import COLUMNS, TABLE_DEPTH, DataFolder, given_split, known_text, plain_id
from train.data.labels import CatalogueError


@dataclass(frozen=True)
class Layout:
    """One way in which a data set comes. contains: names of layouts that it may hold beside its own tables."""

    name: str
    described: str
    recognise: Callable[[DataFolder], bool]
    read: Callable[[DataFolder], None]
    contains: frozenset[str] = frozenset()


_HAM10000 = ("lesion_id", "image_id", "dx")
_ISIC_2017 = ("image_id", "melanoma", "seborrheic_keratosis")
_ISIC_2020 = ("image_name", "patient_id", "target")
_PAD_UFES_20 = ("img_id", "diagnostic", "patient_id")
_ONE_HOT = ("image", "MEL", "NV", "BCC", "BKL", "DF", "VASC")
"""Columns by which a data set's tables are known."""


def _has(*columns: str, photographs: bool = False) -> Callable[[DataFolder], bool]:
    """Whether a folder has a table with these columns and, where asked, photographs."""
    return lambda data: bool(data.tables(*columns)) and (bool(data.pictures) or not photographs)


def _read_lesions_csv(data: DataFolder) -> None:
    required = {"file", "source", "image_id", "malignant"}
    missing = sorted(required - set(data.headers[Path("lesions.csv")]))
    if missing:
        raise CatalogueError(f"{data.root / 'lesions.csv'} lacks the column {missing[0]}.")
    for row in data.table(Path("lesions.csv")):
        said = labels.yes_or_no(row["malignant"])
        known = {c: row.get(c, "") for c in COLUMNS[4:] if c not in ("diagnosis", "malignant")}
        data.add(row["file"], row["source"], row["image_id"], [row.get("diagnosis", "")], said, **known)


def _taken(row: dict[str, str], **columns: str) -> dict[str, str]:
    """Columns of a catalogue from those of a row: ours=theirs, "" where it has none."""
    return {ours: row.get(theirs, "") for ours, theirs in columns.items()}


def _read_ham10000(data: DataFolder) -> None:
    for _, row in data.rows_of(*_HAM10000):
        known = _taken(row, lesion_id="lesion_id", confirmed_by="dx_type", age="age", sex="sex", site="localization")
        known |= {"modality": "dermoscopic", "licence": "CC BY-NC 4.0"}
        data.add(data.by_stem.get(row["image_id"]), "ham10000", row["image_id"], [row["dx"]], **known)


_HMNIST_LABELS = ("akiec", "bcc", "bkl", "df", "nv", "vasc", "mel")
_HMNIST_SIDE = 28
_HMNIST_ENLARGED = 4


def _hmnist_tables(data: DataFolder) -> list[Path]:
    last = f"pixel{_HMNIST_SIDE**2 * 3 - 1:04d}"
    return data.tables("pixel0000", last, "label")


def _read_hmnist(data: DataFolder) -> None:
    """Unpacks every row into a PNG of 112 pixels (28 times 4, or the photograph gate would refuse it)."""
    if data.work is None:
        raise CatalogueError(f"{data.root} holds photographs as numbers in a table; prepare it with --out first.")
    names = [f"pixel{k:04d}" for k in range(_HMNIST_SIDE**2 * 3)]
    pictures: list[tuple[str, int]] = []
    unpacked = (data.work / "unpacked" / data.root.name).resolve()
    for path in _hmnist_tables(data):
        table = pd.read_csv(data.root / path)
        pixels = table[names].to_numpy(np.uint8).reshape(-1, _HMNIST_SIDE, _HMNIST_SIDE, 3)
        rows = zip(pixels, table["label"], strict=True)
        for number, (picture, label) in enumerate(tqdm(rows, total=len(pixels), desc="Unpacking", unit="photo")):
            name = f"{path.stem}_{number:05d}.png"
            side = _HMNIST_SIDE * _HMNIST_ENLARGED
            file = unpacked / name
            if not file.is_file():
                enlarged = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
                with replacing(file) as aside:
                    enlarged.save(aside, format="PNG")
            pictures.append((name, int(label)))
    data.root = unpacked
    data.paths = {name for name, _ in pictures}
    for name, label in pictures:
        code = _HMNIST_LABELS[label] if 0 <= label < len(_HMNIST_LABELS) else ""
        data.add(name, "ham10000_28x28", Path(name).stem, [code], modality="dermoscopic", licence="CC BY-NC 4.0")


_ISIC_2016_HEADER = re.compile(r"ISIC_\d{7}")


def _isic_2016_tables(data: DataFolder) -> list[Path]:
    return [
        path
        for path, header in data.headers.items()
        if len(header) == 2 and _ISIC_2016_HEADER.fullmatch(header[0]) and labels.yes_or_no(header[1]) is not None
    ]


def _read_isic_2016(data: DataFolder) -> None:
    for path in _isic_2016_tables(data):
        for row in data.table(path, header=["image_id", "label"]):
            # The challenge calls its two classes malignant and benign; its malignant ones are all melanomas.
            name, said = row["image_id"], labels.yes_or_no(row["label"])
            known = {"modality": "dermoscopic", "licence": "CC0", "given_split": given_split(path)}
            data.add(data.by_stem.get(name), "isic_2016", name, ["mel"] if said else [], said, **known)


def _read_isic_2017(data: DataFolder) -> None:
    details = _details(data, "image_id", "age_approximate")
    for path, row in data.rows_of(*_ISIC_2017):
        name = row["image_id"]
        code = "mel" if labels.yes_or_no(row["melanoma"]) else ""
        code = code or ("bkl" if labels.yes_or_no(row["seborrheic_keratosis"]) else "nv")
        known = _taken(details.get(name, {}), age="age_approximate", sex="sex")
        known |= {"modality": "dermoscopic", "licence": "CC0", "given_split": given_split(path)}
        data.add(data.by_stem.get(name), "isic_2017", name, [code], **known)


def _details(data: DataFolder, key: str, *columns: str) -> dict[str, dict[str, str]]:
    """Key cell -> row, of every table with these columns."""
    return {row[key]: row for _, row in data.rows_of(key, *columns)}


def _read_isic_2019(data: DataFolder) -> None:
    details = _details(data, "image", "lesion_id") | _details(data, "image", "age_approx")
    for path, row in data.rows_of(*_ONE_HOT):
        classes = ("MEL", "NV", "BCC", "AK", "AKIEC", "BKL", "DF", "VASC", "SCC", "UNK")
        marked = [name for name in classes if labels.yes_or_no(row.get(name, ""))]
        known = _taken(
            details.get(row["image"], {}),
            lesion_id="lesion_id",
            confirmed_by="diagnosis_confirm_type",
            age="age_approx",
            sex="sex",
            site="anatom_site_general",
        )
        known |= {"modality": "dermoscopic", "licence": "CC BY-NC 4.0", "given_split": given_split(path)}
        source, file = "ham10000" if "AKIEC" in row else "isic_2019", data.by_stem.get(row["image"])
        data.add(file, source, plain_id(row["image"]), marked if len(marked) == 1 else [], **known)


def _read_isic_2020(data: DataFolder) -> None:
    for _, row in data.rows_of(*_ISIC_2020):
        name, said = row["image_name"], labels.yes_or_no(row.get("benign_malignant", ""))
        said = labels.yes_or_no(row["target"]) if said is None else said
        known = _taken(row, lesion_id="lesion_id", patient_id="patient_id", age="age_approx", sex="sex")
        known |= _taken(row, site="anatom_site_general_challenge")
        known |= {"modality": "dermoscopic", "licence": "CC BY-NC 4.0"}
        data.add(data.by_stem.get(name), "siim_isic_2020", name, [row.get("diagnosis", "")], said, **known)


def _read_pad_ufes_20(data: DataFolder) -> None:
    for _, row in data.rows_of(*_PAD_UFES_20):
        name = Path(row["img_id"]).stem
        known = _taken(row, lesion_id="lesion_id", patient_id="patient_id", age="age")
        known |= {
            "modality": "smartphone",
            "confirmed_by": "histo" if labels.yes_or_no(row.get("biopsed", "")) else "clinical",
            "sex": row.get("gender", "").lower(),
            "site": row.get("region", "").lower(),
            "fitzpatrick": row.get("fitspatrick", "").removesuffix(".0"),
            "licence": "CC BY 4.0",
        }
        data.add(data.by_stem.get(name), "pad_ufes_20", name, [row["diagnostic"]], **known)


def _read_isic_cli(data: DataFolder) -> None:
    for _, row in data.rows_of("isic_id"):
        levels = [row.get(f"diagnosis_{level}", "") for level in (5, 4, 3, 2, 1)]
        said = labels.yes_or_no(row.get("diagnosis_1", ""))
        if said is None:
            said = labels.yes_or_no(row.get("benign_malignant", ""))
        known = _taken(
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
        known["site"] = row.get("anatom_site_general", "") or row.get("anatom_site_1", "")
        name, words = row["isic_id"], [*levels, row.get("diagnosis", "")]
        data.add(data.by_stem.get(name), "isic_archive", name, words, said, **known)


def _imagefolder_tables(data: DataFolder) -> list[Path]:
    lines = [path for path in data.files if path.name == "metadata.jsonl" and len(path.parts) <= TABLE_DEPTH]
    return [path for path in data.tables("file_name") if path.name == "metadata.csv"] + lines


def _read_imagefolder(data: DataFolder) -> None:
    for path in _imagefolder_tables(data):
        for row in data.table(path) if path.suffix == ".csv" else _json_lines(data.root / path):
            file = (path.parent / row["file_name"]).as_posix()
            said = labels.yes_or_no(row.get("malignant", ""))
            if said is None:
                said = labels.yes_or_no(row.get("label", ""))
            known = {c: row.get(c, "") for c in COLUMNS[4:] if c not in ("diagnosis", "malignant")}
            known["given_split"] = known["given_split"] or given_split(file)
            data.add(
                file,
                row.get("source", "") or data.root.name,
                row.get("image_id", "") or Path(file).with_suffix("").as_posix(),
                [row.get("diagnosis", ""), row.get("label", "")],
                said,
                **known,
            )


def _json_lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                row["file_name"]
            except (json.JSONDecodeError, KeyError, TypeError) as problem:
                raise CatalogueError(f"Line {number} of {path} is not a JSON object with a file_name.") from problem
            yield {key: "" if value is None else known_text(str(value)) for key, value in row.items()}


def _class_folder(path: Path) -> int | None:
    found = [said for part in path.parts[:-1] if (said := {"benign": 0, "malignant": 1}.get(part.lower())) is not None]
    return found[-1] if found else None


def _read_class_folders(data: DataFolder) -> None:
    for path in data.pictures:
        said = _class_folder(path)
        if said is not None:
            name = path.with_suffix("").as_posix()
            data.add(path.as_posix(), data.root.name, name, [], said, given_split=given_split(path.parent / "x"))


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "lesions_csv",
        "lesions.csv beside its photographs",
        lambda data: Path("lesions.csv") in data.headers,
        _read_lesions_csv,
        contains=frozenset({"ham10000", "hmnist", "isic_cli", "imagefolder", "class_folders"}),
    ),
    Layout(
        "ham10000",
        "HAM10000_metadata.csv with its image folders",
        _has(*_HAM10000, photographs=True),
        _read_ham10000,
        contains=frozenset({"hmnist", "isic_2019"}),
    ),
    Layout("hmnist", "HAM10000's hmnist_28_28_RGB.csv", lambda data: bool(_hmnist_tables(data)), _read_hmnist),
    Layout(
        "isic_2016",
        "ISIC 2016 (…Part3…GroundTruth.csv without a header)",
        lambda data: bool(_isic_2016_tables(data)),
        _read_isic_2016,
    ),
    Layout("isic_2017", "ISIC 2017 (image_id, melanoma, seborrheic_keratosis)", _has(*_ISIC_2017), _read_isic_2017),
    Layout(
        "isic_2019",
        "ISIC 2018 or 2019 (one column a diagnosis: image, MEL, NV, BCC…)",
        _has(*_ONE_HOT),
        _read_isic_2019,
    ),
    Layout("isic_2020", "ISIC 2020 (image_name, patient_id, …, target)", _has(*_ISIC_2020), _read_isic_2020),
    Layout("pad_ufes_20", "PAD-UFES-20 (metadata.csv with img_id, diagnostic)", _has(*_PAD_UFES_20), _read_pad_ufes_20),
    Layout(
        "isic_cli",
        "an isic-cli download (metadata.csv with isic_id)",
        _has("isic_id"),
        _read_isic_cli,
        contains=frozenset({"class_folders"}),
    ),
    Layout(
        "imagefolder",
        "an imagefolder (metadata.csv or metadata.jsonl with file_name and label, malignant or diagnosis)",
        lambda data: bool(_imagefolder_tables(data)),
        _read_imagefolder,
        contains=frozenset({"class_folders"}),
    ),
    Layout(
        "class_folders",
        "folders named benign and malignant, with or without train and test above them",
        lambda data: {0, 1} <= {_class_folder(path) for path in data.pictures},
        _read_class_folders,
    ),
)
"""The layouts known, in the order in which they are tried."""
