"""Data sets that ``push dataset`` made, as data folders again: from the Hub, or a manifest and local pictures."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from skin_model.diagnoses import DIAGNOSES
from skin_model.network import hub
from train import UserError
from train.data import near_duplicates, splits
from train.data.catalogue import LEFT_OUT
from train.data.data_folder import COLUMNS, DataFolder, existing_folder, plain_id
from train.data.tables import read_text_table
from train.digests import file_sha256

if TYPE_CHECKING:
    from datasets import Features

PREFIX = "hub:"
DATA = "data"
TEXTS: tuple[str, ...] = (
    "image_id",
    "lesion_id",
    "patient_id",
    "group",
    "source",
    "modality",
    "confirmed_by",
    "age",
    "sex",
    "site",
    "fitzpatrick",
    "licence",
    "licence_as_given",
    "attribution",
    "sha256",
    "phash",
)
"""Columns that are text, null where unknown. sha256: of the file that the split was made from. phash: 16 hex digits."""
BENIGN_OR_MALIGNANT = ("benign", "malignant")
KNOWN: tuple[str, ...] = ("image_id", "source", "split", "lesion_id", "patient_id")
"""What is kept of a released split, so that its photographs stay where they are."""
_UNSAFE = re.compile(r"[^\w.-]+")


def features(*, manifest_only: bool = False) -> Features:
    """The columns of a release; a manifest has no ``image``."""
    from datasets import ClassLabel, Features, Image, Value

    labels = {
        "malignant": ClassLabel(names=list(BENIGN_OR_MALIGNANT)),
        "diagnosis": ClassLabel(names=list(DIAGNOSES)),
        "split": ClassLabel(names=list(splits.SPLITS)),
    }
    picture = {} if manifest_only else {"image": Image()}
    return Features({**picture, **labels, **{name: Value("string") for name in TEXTS}})


def fetch(places: Sequence[Path], work: Path) -> tuple[list[Path], list[pd.DataFrame]]:
    """Folders as they are, and every ``hub:`` data set as a folder under ``work/hub``; with the latter's splits.

    Each split has the columns KNOWN. A data set is unpacked once a commit; an interrupted call begins that one anew,
    but downloads nothing twice. Raises UserError.
    """
    folders, known = [], []
    for place in places:
        if not str(place).startswith(PREFIX):
            folders.append(Path(place))
            continue
        repo, snapshot = download(str(place))
        folder = work / "hub" / repo.replace("/", "--") / snapshot.name[:12]
        if not folder.is_dir():
            _unpack(snapshot, repo, folder)
        rows = read_text_table(folder / "lesions.csv")
        folders.append(folder)
        known.append(rows[list(KNOWN)])
    return folders, known


def match(manifest: str | Path, folders: Sequence[Path], work: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A manifest's photographs in local folders: (catalogue, left out, released split), as ``read_all`` and KNOWN.

    A picture is found by its file's SHA-256; else by its name, if its perceptual hash differs in no more than
    UPRIGHT_RADIUS bits (a copy of another size or quality). Whatever else lies in the folders is not looked at.
    """
    folder = download(str(manifest))[1] if str(manifest).startswith(PREFIX) else Path(manifest)
    rows = pd.DataFrame(_rows(folder, str(manifest), pictures=False))
    by_digest: dict[str, tuple[Path, str]] = {}
    by_name: dict[str, tuple[Path, str]] = {}
    for given in folders:
        root = existing_folder(given)
        pictures = DataFolder(root, work).pictures
        for path in tqdm(pictures, desc="Hashing photographs", unit="photo", file=sys.stderr, disable=None):
            place = (root, path.as_posix())
            by_digest.setdefault(file_sha256(root / path), place)
            by_name.setdefault(path.stem, place)
            by_name.setdefault(plain_id(path.name), place)
    found = [by_digest.get(row.sha256) for row in rows.itertuples(index=False)]
    named = [
        None if place else by_name.get(Path(image).name) for place, image in zip(found, rows["image_id"], strict=True)
    ]
    reasons = ["" if place else "no such photograph in the folders" for place in found]
    asked = [k for k, place in enumerate(named) if place]
    prints = near_duplicates.fingerprints([named[k][0] / named[k][1] for k in asked], work / "fingerprints")
    for k, hashes, refused in zip(asked, prints.hashes, prints.refused, strict=True):
        bits = (int(hashes[0]) ^ int(rows["phash"].iloc[k], 16)).bit_count()
        if refused or bits > near_duplicates.UPRIGHT_RADIUS:
            reasons[k] = "the photograph of this name in the folders is another one"
        else:
            found[k], reasons[k] = named[k], ""
    known = rows.assign(
        root=[str(place[0]) if place else "" for place in found], file=[place[1] if place else "" for place in found]
    )
    there = pd.Series([place is not None for place in found])
    if not there.any():
        raise UserError(
            f"None of the {len(rows)} photographs of {manifest} is in the folders; name others with --data."
        )
    left_out = known.assign(reason=reasons)[~there.to_numpy()][list(LEFT_OUT)].astype(str)
    catalogue = known[there.to_numpy()].reindex(columns=list(COLUMNS), fill_value="")
    catalogue = catalogue.astype({"malignant": int}).reset_index(drop=True)
    return catalogue, left_out.reset_index(drop=True), rows[list(KNOWN)]


def download(reference: str) -> tuple[str, Path]:
    """(owner/name, local snapshot whose folder's name is the commit) of ``hub:owner/name[@revision]``."""
    named = hub.REFERENCE.fullmatch(reference.removeprefix(PREFIX).lstrip("/"))
    if named is None:
        raise UserError(f"{reference} names no data set; write hub:owner/name or hub:owner/name@revision.")
    try:
        folder = hub.data_set(named["repo"], named["revision"], [f"{DATA}/*.parquet"])
    except hub.HubError as problem:
        raise UserError(str(problem)) from None
    return named["repo"], folder


def _unpack(snapshot: Path, repo: str, folder: Path) -> None:
    aside = folder.with_name(folder.name + ".part")
    if aside.exists():
        shutil.rmtree(aside)
    (aside / "images").mkdir(parents=True)
    listed, taken = [], set()
    for number, row in enumerate(_rows(snapshot, repo, pictures=True)):
        picture = row.pop("image")
        name = _UNSAFE.sub("_", f"{row['source']}-{row['image_id']}").lstrip(".")
        if name.lower() in taken:
            name = f"{name}-{number}"
        taken.add(name.lower())
        file = f"images/{name}{Path(picture['path'] or '').suffix or '.jpg'}"
        (aside / file).write_bytes(picture["bytes"])
        listed.append({"file": file, **row})
    pd.DataFrame(listed).to_csv(aside / "lesions.csv", index=False)
    aside.replace(folder)


def _rows(folder: Path, name: str, *, pictures: bool) -> Iterator[dict[str, Any]]:
    """Every row of a release as text, with its ``image`` as {"bytes", "path"} where pictures are wanted."""
    from datasets import Image, load_dataset

    files = sorted((folder / DATA).glob("*.parquet"))
    if not files:
        raise UserError(f"{name} is not a data set that push dataset made: it has no data/….parquet.")
    for file in files:
        table = load_dataset("parquet", data_files=str(file), split="train", streaming=True)
        there = set(table.features or {})
        lacking = [column for column in features(manifest_only=True) if column not in there]
        if lacking:
            raise UserError(f"{name} is not a data set that push dataset made: it lacks the column {lacking[0]}.")
        if pictures and "image" not in there:
            raise UserError(
                f"{name} holds no pictures, only what is known of them. Rebuild it from pictures of your own: "
                f"python -m train prepare --manifest hub:{name} --data FOLDER --out WORK"
            )
        table = table.cast_column("image", Image(decode=False)) if "image" in there else table
        shown = tqdm(table, desc=f"Reading {file.name}", unit="photo", file=sys.stderr, disable=None)
        for row in shown:
            text = {column: row[column] or "" for column in TEXTS}
            text["malignant"] = str(row["malignant"])
            text["diagnosis"] = "" if row["diagnosis"] is None else DIAGNOSES[row["diagnosis"]]
            text["split"] = splits.SPLITS[row["split"]]
            yield text | ({"image": row["image"]} if pictures else {})
