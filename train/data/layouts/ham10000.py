"""HAM10000 (Tschandl et al. 2018): with its photographs, and as pixels in a table."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from skin_model.atomic_files import replacing
from train.data.data_folder import DataFolder
from train.data.labels import CatalogueError, LabelColumns, Told, meaning
from train.data.layouts.layout import Layout, has, taken

_COLUMNS = ("lesion_id", "image_id", "dx")
_HMNIST_LABELS = ("akiec", "bcc", "bkl", "df", "nv", "vasc", "mel")
_HMNIST_SIDE = 28
_HMNIST_ENLARGED = 4


def _read_ham10000(data: DataFolder) -> None:
    rows = [row for _, row in data.rows_of(*_COLUMNS)]
    labels = LabelColumns(rows, classes=["dx"])
    for row in rows:
        known = taken(row, lesion_id="lesion_id", confirmed_by="dx_type", age="age", sex="sex", site="localization")
        known |= {"modality": "dermoscopic", "licence": "CC BY-NC 4.0"}
        data.add(row["image_id"], "ham10000", Path(row["image_id"]).stem, labels.of(row), **known)


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
    data.move_to(unpacked)
    for name, label in pictures:
        code = _HMNIST_LABELS[label] if 0 <= label < len(_HMNIST_LABELS) else ""
        told = [Told("label", str(label), meaning(code))]
        data.add(name, "ham10000_28x28", Path(name).stem, told, modality="dermoscopic", licence="CC BY-NC 4.0")


HAM10000 = Layout(
    "ham10000",
    "HAM10000_metadata.csv with its image folders",
    has(*_COLUMNS, photographs=True),
    _read_ham10000,
    contains=frozenset({"hmnist", "isic_2019", "class_folders"}),
)
HMNIST = Layout("hmnist", "HAM10000's hmnist_28_28_RGB.csv", lambda data: bool(_hmnist_tables(data)), _read_hmnist)
