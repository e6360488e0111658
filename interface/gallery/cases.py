"""The files of a gallery folder, as ``python -m train mistakes`` writes them, read and checked: its cases."""

import csv
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skin_model.diagnoses import DIAGNOSES
from skin_model.network import calibration
from skin_model.network.calibration import CANNOT_TELL, Thresholds

SCHEMA = 1
GALLERY_FILE, CASES_FILE, METADATA_FILE = "gallery.json", "cases.csv", "metadata.jsonl"
IMAGES, NEAREST = "images", ".neighbours"
_TEXTS = (
    "image_id",
    "source",
    "group",
    "modality",
    "site",
    "sex",
    "fitzpatrick",
    "diagnosis",
    "confirmed_by",
    "licence",
)
_CASE_COLUMNS = frozenset((*_TEXTS, "age", "malignant", "risk", "refused", *(f"p_{code}" for code in DIAGNOSES)))
_ISIC = re.compile(r"(?:.+\.)?(ISIC_\d{7})(?:_downsampled)?")
_PICTURE = re.compile(rf"{IMAGES}/\w[\w.-]*\.jpg", re.ASCII)
_NEAREST_PICTURE = re.compile(rf"{NEAREST}/\w[\w.-]*\.jpg", re.ASCII)


class GalleryError(ValueError):
    """A gallery that cannot be shown; its one sentence says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Neighbour:
    """A training case that the network finds similar.

    distance: cosine distance of features, 0 (same) … 2. file_name: its picture inside the gallery folder, or None.
    """

    image_id: str
    source: str
    diagnosis: str
    malignant: bool
    distance: float
    file_name: str | None = None

    @property
    def isic_id(self) -> str | None:
        """The id under which the ISIC Archive shows the photograph, None where it is not there."""
        return _isic_id(self.image_id)

    @property
    def page(self) -> str | None:
        """Where a person can see the photograph on the web."""
        return _page(self.isic_id)


@dataclass(frozen=True)
class Details:
    """What only the kept mistakes have.

    width, height: of the full-size photograph in pixels, as are border (kind, x, y, radius) and crop (left, top,
    right, bottom). square: what the network saw, where the gallery says so; else it is the crop's central one. heat:
    (h, w) in 0…1 over it, None for a network without a map.
    file_name: the picture inside the gallery folder, or None.
    """

    width: int
    height: int
    crop: tuple[int, int, int, int]
    border: dict[str, Any] | None = None
    square: tuple[int, int, int, int] | None = None
    heat: np.ndarray | None = field(default=None, compare=False)
    problems: tuple[str, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    file_name: str | None = None


@dataclass(frozen=True)
class Case:
    """One photograph of the split with what is true and what was said of it; texts are "" and age None where unknown.

    risk and diagnoses (probability a diagnosis) are None for a file that could not be opened, diagnoses also for a
    checkpoint that only tells malignant from benign. refused: a code, "" where it was not refused.
    """

    image_id: str
    source: str
    group: str
    modality: str
    site: str
    age: float | None
    sex: str
    fitzpatrick: str
    diagnosis: str
    malignant: bool
    confirmed_by: str
    licence: str
    attribution: str
    risk: float | None
    band: str
    refused: str
    diagnoses: dict[str, float] | None = field(hash=False)
    details: Details | None = field(default=None, hash=False)

    @property
    def isic_id(self) -> str | None:
        """The id under which the ISIC Archive shows the photograph, None where it is not there."""
        return _isic_id(self.image_id)

    @property
    def page(self) -> str | None:
        """Where a person can see the photograph on the web: the ISIC Archive's page about it."""
        return _page(self.isic_id)


def _page(isic_id: str | None) -> str | None:
    return f"https://api.isic-archive.com/images/{isic_id}/" if isic_id else None


def _isic_id(image_id: str) -> str | None:
    found = _ISIC.fullmatch(image_id)
    return found[1] if found else None


def read_header(folder: Path) -> tuple[dict[str, Any], Thresholds]:
    """The content of gallery.json and the thresholds in it. Raises GalleryError."""
    file = folder / GALLERY_FILE
    if not file.is_file():
        raise GalleryError(
            f"{folder} has no {GALLERY_FILE}, so it is no gallery. Make one with: python -m train mistakes"
        )
    try:
        header = json.loads(file.read_text("utf-8"))
        schema = header["schema"]
    except (ValueError, KeyError, TypeError, OSError):
        raise GalleryError(f"{file} is not a gallery's header. Make the gallery again.") from None
    if schema != SCHEMA:
        raise GalleryError(
            f"{file} has schema {schema!r}, but this version reads schema {SCHEMA}. Update Self Skin Check, "
            "or make the gallery again with this version."
        )
    try:
        for source, sentences in header["attributions"].items():
            if not all(isinstance(text, str) for text in (source, *sentences, *sentences.values())):
                raise ValueError("attributions are sentences by source and licence")
        return header, Thresholds(**header["thresholds"])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise GalleryError(f"{file} holds no usable value for a key ({problem}). Make the gallery again.") from None


def read_cases(folder: Path, header: dict[str, Any], thresholds: Thresholds) -> Iterator[Case]:
    """Every case in the order of cases.csv, those of metadata.jsonl with details. Raises GalleryError."""
    file = folder / CASES_FILE
    details = _details(folder)
    seen: set[str] = set()
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream, strict=True)
            lacking = sorted(_CASE_COLUMNS - set(table.fieldnames or ()))
            if lacking:
                raise GalleryError(f"{file} lacks the column {lacking[0]}. Make the gallery again.")
            for row in table:
                case = _case(row, header, thresholds, details)
                if case.image_id in seen:
                    raise ValueError(f"{case.image_id} comes twice")
                seen.add(case.image_id)
                yield case
    except GalleryError:
        raise
    except (KeyError, TypeError, ValueError, csv.Error) as problem:
        number = len(seen) + 2
        raise GalleryError(f"Line {number} of {file} cannot be used ({problem}). Make the gallery again.") from None
    except OSError as problem:
        raise GalleryError(f"{file} cannot be read ({problem.strerror}). Make the gallery again.") from None
    if not seen:
        raise GalleryError(f"{file} lists no case. Make the gallery again.")
    if strangers := sorted(details.keys() - seen):
        raise GalleryError(f"{folder / METADATA_FILE} tells of {strangers[0]}, which {CASES_FILE} does not list.")


def _case(row: dict[str, str], header: dict[str, Any], thresholds: Thresholds, details: dict[str, Details]) -> Case:
    """Raises ValueError, KeyError or TypeError for what is no case."""
    if not row["image_id"] or row["malignant"] not in ("0", "1"):
        raise ValueError("no image_id, or malignant is neither 0 nor 1")
    risk = _share(row["risk"]) if row["risk"] else None
    known = risk is not None and row["p_mel"] != ""
    refused = row["refused"]
    # The band as the visitor would be told it: a refused photo never has one of risk.
    band = "" if risk is None else CANNOT_TELL if refused else calibration.band(risk, thresholds)
    return Case(
        **{name: row[name] for name in _TEXTS},
        age=_years(row["age"]) if row["age"] else None,
        malignant=row["malignant"] == "1",
        attribution=header["attributions"][row["source"]][row["licence"]],
        risk=risk,
        band=band,
        refused=refused,
        diagnoses={code: _share(row[f"p_{code}"]) for code in DIAGNOSES} if known else None,
        details=details.get(row["image_id"]),
    )


def _details(folder: Path) -> dict[str, Details]:
    file = folder / METADATA_FILE
    found: dict[str, Details] = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise GalleryError(f"{file} is missing or cannot be read. Make the gallery again.") from None
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            found[str(row["image_id"])] = _detail(row)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise GalleryError(f"Line {number} of {file} cannot be used ({problem}). Make the gallery again.") from None
    return found


def _box(values: Any, name: str, width: int, height: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(value) for value in values)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"the {name} lies outside the photograph")
    return left, top, right, bottom


def _detail(row: dict[str, Any]) -> Details:
    """Raises ValueError, KeyError or TypeError for what are no details."""
    file_name = _picture(row.get("file_name"), _PICTURE)
    width, height = int(row["width"]), int(row["height"])
    crop = _box(row["crop"], "crop", width, height)
    square = None if row.get("square") is None else _box(row["square"], "square", width, height)
    heat = None if row["heat"] is None else np.array(row["heat"], dtype=np.float32)
    if heat is not None and not (heat.ndim == 2 and heat.size and ((heat >= 0) & (heat <= 1)).all()):
        raise ValueError("the map is not rows of numbers between 0 and 1")
    border = row["border"]
    if border is not None:
        border = {"kind": str(border["kind"]), **{name: float(border[name]) for name in ("x", "y", "radius")}}
    nearest = tuple(
        Neighbour(
            str(near["image_id"]),
            str(near["source"]),
            near["diagnosis"] or "",
            bool(near["malignant"]),
            float(near["distance"]),
            _picture(near.get("picture"), _NEAREST_PICTURE),
        )
        for near in row["nearest"]
    )
    return Details(width, height, crop, border, square, heat, tuple(map(str, row["problems"])), nearest, file_name)


def _picture(name: Any, allowed: re.Pattern[str]) -> str | None:
    if name is not None and not allowed.fullmatch(name):
        raise ValueError(f"{name!r} is not a picture of the gallery")
    return name


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not between 0 and 1")
    return value


def _years(text: str) -> float | None:
    """Ages come as the data set wrote them; what is no number counts as unknown."""
    try:
        return float(text) if math.isfinite(float(text)) else None
    except ValueError:
        return None
