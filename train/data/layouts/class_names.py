"""What the numbers of a label column are called, as a data set card of Hugging Face's datasets says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import DatasetCard

from train.data.data_folder import DataFolder
from train.data.tables import column


def by_card(data: DataFolder, table: Path) -> dict[str, dict[str, str]]:
    """The same, of the nearest card above a table, the columns in one spelling."""
    card = next((folder / "README.md" for folder in table.parents if folder / "README.md" in data.other_files), None)
    return {} if card is None else {column(name): names for name, names in class_names(data.root / card).items()}


def class_names(readme: Path) -> dict[str, dict[str, str]]:
    """Column -> {number as text: name} from ``dataset_info`` of a README.md's front matter; {} where it says nothing.

    A 0 may be called malignant there, so that numbers alone would be read the wrong way round.
    """
    try:
        told = DatasetCard.load(readme, ignore_metadata_errors=True).data.to_dict().get("dataset_info")
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    infos = told if isinstance(told, list) else [told]
    features = [feature for info in infos if isinstance(info, dict) for feature in info.get("features") or []]
    return {feature["name"]: names for feature in features if (names := _names(feature))}


def _names(feature: Any) -> dict[str, str]:
    dtype = feature.get("dtype") if isinstance(feature, dict) and "name" in feature else None
    label = dtype.get("class_label") if isinstance(dtype, dict) else None
    names = label.get("names") if isinstance(label, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    return {str(number): str(name) for number, name in names.items()} if isinstance(names, dict) else {}
