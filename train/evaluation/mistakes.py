"""The gallery of mistakes: every case of a split with its scores, and the worst mistakes with why they were made.

A gallery is a folder of
- gallery.json: checkpoint, split, thresholds, counts, citations, licence note and the command that made it;
- cases.csv: every case of the split, so that whoever moves the threshold can count the mistakes anew (CASE_COLUMNS);
- metadata.jsonl: one JSON object for each case that is kept with details: what cases.csv says, and border, crop, a
  coarse map of where the risk comes from, the nearest training cases, whose photograph it is;
- images/: the photographs of those cases, unless asked to leave them out. Hugging Face's imagefolder then reads it;
- .neighbours/: small copies of the nearest training cases' photographs, on the same condition.

Kept with details are mistakes at any threshold that somebody would choose: benign cases from where the app sends to a
doctor, malignant ones below the high threshold; with ``limit`` only the worst of each kind and source. A refused case
counts as its risk says, so that refusing hides no mistake.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_model.diagnoses import DIAGNOSES
from skin_model.network.torch_backend.attribution import coarse_map
from train import UserError
from train.data import splits
from train.data.licences import attribution, isic_id
from train.data.per_photograph import measure_each
from train.data.tables import photo_of
from train.digests import cache_key, file_sha256, sha256
from train.evaluation.evaluate import (
    KNOWN_OF_A_PHOTOGRAPH,
    PREDICTIONS_FILE,
    PROBABILITIES,
    names_of,
    read_folder,
    read_predictions,
    read_split,
    score,
)
from train.evaluation.neighbours import features, learned_from, nearest, save_pictures, save_reduced

if TYPE_CHECKING:
    from skin_model.assess import Assessor, View
    from skin_model.network.calibration import Thresholds

SCHEMA = 1
GALLERY_FILE, CASES_FILE, METADATA_FILE = "gallery.json", "cases.csv", "metadata.jsonl"
IMAGES, NEAREST = "images", ".neighbours"
CASE_COLUMNS: tuple[str, ...] = (
    "image_id",
    "source",
    "group",
    *KNOWN_OF_A_PHOTOGRAPH,
    "licence",
    "diagnosis",
    "malignant",
    "risk",
    "refused",
    *PROBABILITIES,
)
"""The columns of cases.csv; empty where unknown, risk and probabilities where the file could not be opened."""
NEIGHBOURS = 5
LONGEST_SIDE = 512
SAME_RISK = 2e-3
"""By how much rounding may change the risk of one photograph between two runs of one checkpoint."""
LICENCE_NOTE = (
    "Each photograph is under the licence of its own row, for some of them non-commercial (CC BY-NC); name the source "
    "as its attribution does. Scores and maps are by Self Skin Check, a screening aid and not a diagnosis."
)


def make(
    checkpoint: str | Path | None,
    work: Path | None,
    out: Path,
    *,
    data: Path | None = None,
    split: str = "test",
    photographs: bool = True,
    limit: int | None = None,
    predictions: Path | None = None,
) -> dict[str, Any]:
    """Write the gallery of one split of ``work``, or of all of the folder ``data``, into ``out``, in place of an older.

    checkpoint: a folder, owner/name[@revision] on the Hub, or None for the embedded one. The training part of ``work``
    holds the nearest cases; without it there are none. photographs: False leaves out every picture, for a place where
    none may be. limit: how many of the worst mistakes of each kind a source keeps with details, None for all of them.
    predictions: a predictions.csv by the same checkpoint of the same split, which is then not
    scored again. An interrupted call, repeated, goes on where it stopped, from ``out``.part.
    Returns the content of gallery.json. Raises UserError with one sentence on what the user can mend.
    """
    from skin_model.assess import Assessor
    from train.fitting.networks.architectures import load_checkpoint

    _check_place(out)
    assessor = Assessor(load_checkpoint(checkpoint))
    part = out.with_name(out.name + ".part")
    if data is None and work is None:
        raise UserError("Name photographs: --work WORK, made by prepare, or --data FOLDER.")
    if data is not None:
        rows = read_folder(data, part / "unpacked", part / "compared")
    else:
        rows = splits.with_known(read_split(work, split), work / "split.csv", ["licence"])
    rows = _with_unique_ids(rows)
    begun = part / _key(assessor, rows)
    gallery = begun / f"{limit or 'all'}-with{'' if photographs else 'out'}-photographs"
    gallery.mkdir(parents=True, exist_ok=True)
    scored = _scores(assessor, rows, begun, predictions)
    cases = rows.assign(**{name: scored[name] for name in ("risk", "refused", *PROBABILITIES)})
    cases = cases.round({"risk": 6} | dict.fromkeys(PROBABILITIES, 4))
    kept = worst(cases, assessor.checkpoint.config.thresholds, limit)

    details = _details(assessor, cases.loc[kept], gallery, photographs)
    neighbours: list[list[dict[str, Any]]] = [[]] * len(kept)
    if work is not None:
        training = learned_from(read_split(work, "train"), assessor.checkpoint)
        neighbours = _neighbours(assessor, cases.loc[kept], training, begun / "features")
        if photographs:
            (gallery / NEAREST).mkdir(exist_ok=True)
            save_pictures(neighbours, training, gallery, lambda image_id: _file_name(image_id, NEAREST))
    lines = [
        _line(row, detail, near, photographs)
        for row, detail, near in zip(cases.loc[kept].itertuples(index=False), details, neighbours, strict=True)
    ]
    header = _header(assessor, cases, None if data else work, split, photographs, limit, len(kept))
    (gallery / METADATA_FILE).write_text("".join(_compact(line) + "\n" for line in lines), "utf-8")
    cases.to_csv(gallery / CASES_FILE, columns=list(CASE_COLUMNS), index=False, lineterminator="\n")
    (gallery / GALLERY_FILE).write_text(json.dumps(header, indent=1, ensure_ascii=False) + "\n", "utf-8")
    _move(gallery, out)
    shutil.rmtree(part)
    return header


def worst(cases: pd.DataFrame, thresholds: Thresholds, limit: int | None) -> list[Any]:
    """Labels of the rows of ``cases`` (source, malignant, risk) that are kept with details, in the order of the rows.

    See the top of this file for the rule; a tie goes to the row that comes first. limit: None for all.
    """
    benign, risk = cases["malignant"] == 0, cases["risk"]
    raised = cases[benign & (risk >= thresholds.see_doctor_from)].sort_values("risk", ascending=False, kind="stable")
    missed = cases[~benign & (risk < thresholds.high)].sort_values("risk", kind="stable")
    most = len(cases) if limit is None else limit
    found = {*raised.groupby("source").head(most).index, *missed.groupby("source").head(most).index}
    return [label for label in cases.index if label in found]


def _check_place(out: Path) -> None:
    """Only an older gallery is ever written over."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder for the gallery.")
    found = [name for name in (CASES_FILE, METADATA_FILE, IMAGES) if (out / name).exists()]
    if found and not (out / GALLERY_FILE).is_file():
        raise UserError(f"{out} holds {found[0]} but no {GALLERY_FILE}, so it is no gallery; choose another folder.")


def _with_unique_ids(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with every text as text and an image_id of each's own. Raises UserError where a file comes twice."""
    texts = ["image_id", *KNOWN_OF_A_PHOTOGRAPH, "licence", "diagnosis"]
    rows = rows.assign(**{name: rows[name].fillna("").astype(str) if name in rows else "" for name in texts})
    # Two sets may both call a photograph "1", and a link to a case must lead to one.
    for prefix in (rows["source"], rows["file"].map(lambda name: sha256(name)[:8])):
        twice = rows["image_id"].duplicated(keep=False) | (rows["image_id"] == "")
        rows.loc[twice, "image_id"] = (prefix + "." + rows["image_id"])[twice]
    if rows["image_id"].duplicated().any():
        double = rows.loc[rows["image_id"].duplicated(), "file"].iloc[0]
        raise UserError(f"{double} is listed twice; make the work folder again with: python -m train prepare")
    return rows


def _key(assessor: Assessor, rows: pd.DataFrame) -> str:
    """Names the part folder by checkpoint and cases, so that another's leftovers are never taken."""
    decides = [assessor.checkpoint.hash, str(assessor.checkpoint.config), rows.to_csv(index=False)]
    return cache_key(json.dumps(decides))


def _scores(assessor: Assessor, rows: pd.DataFrame, begun: Path, predictions: Path | None) -> pd.DataFrame:
    """One prediction a row; those of a file are taken when they fit the rows and the checkpoint gives them too."""
    if predictions is None:
        done = begun / PREDICTIONS_FILE
        return read_predictions(done) if done.is_file() else score(assessor, rows, begun)
    if not predictions.is_file():
        raise UserError(f"There is no file {predictions}; leave --predictions out, and the split is scored.")
    try:
        found = read_predictions(predictions)
    except (KeyError, ValueError):  # a CatalogueError is one
        raise UserError(f"{predictions} is not a predictions.csv that evaluate wrote.") from None
    if not _fits(assessor, rows, found):
        raise UserError(
            f"{predictions} is of another checkpoint or another split; leave --predictions out, and it is scored anew."
        )
    return found


def _fits(assessor: Assessor, rows: pd.DataFrame, found: pd.DataFrame) -> bool:
    """Whether predictions are of these rows and, as far as three photographs can tell, of this checkpoint."""
    if found["file"].tolist() != names_of(rows).tolist() or found["malignant"].tolist() != rows["malignant"].tolist():
        return False
    readable = np.flatnonzero(found["risk"].notna())
    for position in readable[np.linspace(0, len(readable) - 1, 3, dtype=int)] if len(readable) else ():
        row = rows.iloc[position]
        photo = photo_of(row)
        if photo is None or abs(assessor.assess(photo).risk - found["risk"].iloc[position]) > SAME_RISK:
            return False
    return True


def _details(assessor: Assessor, kept: pd.DataFrame, gallery: Path, photographs: bool) -> list[dict[str, Any]]:
    """What has to be looked at in the photograph itself; writes the photographs on the way."""

    def look(row: Any) -> list[dict[str, Any]]:
        return [{"detail": json.dumps(_detail(assessor, row, gallery if photographs else None))}]

    if kept.empty:
        return []
    if photographs:
        (gallery / IMAGES).mkdir(exist_ok=True)
    # Opening, looking for the spot and the network leave Python's lock free.
    found = measure_each(kept, look, "Explaining", gallery / "details.csv", threads=os.cpu_count() or 1)
    return [json.loads(text) for text in found["detail"]]


def _detail(assessor: Assessor, row: Any, gallery: Path | None) -> dict[str, Any]:
    from skin_model.assess import to_full_size

    photo = photo_of(row)
    if photo is None:
        raise UserError(f"{Path(row.root) / row.file} could be scored but not be opened again; run it again.")
    view = assessor.view(photo)
    found = assessor.assess(photo, view)
    if abs(found.risk - row.risk) > SAME_RISK:
        raise UserError(
            f"The prediction of {row.file} is {row.risk:.4f} but the checkpoint says {found.risk:.4f}; "
            "leave --predictions out, and the split is scored anew."
        )
    if gallery is not None:
        save_reduced(photo, LONGEST_SIDE, gallery / _file_name(row.image_id))
    return {
        "band": found.band,
        "problems": list(found.problems),
        "width": photo.width,
        "height": photo.height,
        "border": None if found.border is None else found.border.to_json(),
        "crop": list(found.crop),
        "square": list(to_full_size(view.square, photo)),
        "heat": _heat(assessor, view),
    }


def _heat(assessor: Assessor, view: View) -> list[list[float]] | None:
    """Rows of the coarse map, 0…1, over the square that the network saw; None for a network that has none."""
    checkpoint = assessor.checkpoint
    try:
        heat = coarse_map(checkpoint.network, view.tensor, checkpoint.config.malignant)
    except ValueError:
        return None
    return [[round(float(value), 2) for value in line] for line in heat]


def _neighbours(
    assessor: Assessor, kept: pd.DataFrame, training: pd.DataFrame, parts: Path
) -> list[list[dict[str, Any]]]:
    """The nearest training cases of each row, nearest first; a case of the row's own group does not count."""
    if kept.empty:
        return []
    asked = features(assessor, kept, parts, "Features of the mistakes")
    among = features(assessor, training, parts, "Features of the training cases")
    same = kept["group"].to_numpy(dtype=object)[:, None] == training["group"].to_numpy(dtype=object)[None]
    positions, distances = nearest(asked, among, same, NEIGHBOURS)
    columns = training[["image_id", "source", "diagnosis", "malignant"]].to_dict("records")
    return [
        [
            columns[i] | {"diagnosis": columns[i]["diagnosis"] or None, "distance": round(float(distance), 4)}
            for i, distance in zip(line, far, strict=True)
            if i >= 0
        ]
        for line, far in zip(positions, distances, strict=True)
    ]


def _line(row: Any, detail: dict[str, Any], near: list[dict[str, Any]], photographs: bool) -> dict[str, Any]:
    """One object of metadata.jsonl; imagefolder wants file_name first."""
    probability = {code: getattr(row, f"p_{code}") for code in DIAGNOSES}
    return {
        **({"file_name": _file_name(row.image_id)} if photographs else {}),
        "image_id": row.image_id,
        "isic_id": isic_id(row.image_id),
        "source": row.source,
        "group": row.group,
        **{name: getattr(row, name) or None for name in KNOWN_OF_A_PHOTOGRAPH} | {"age": _age(row.age)},
        "diagnosis": row.diagnosis or None,
        "malignant": int(row.malignant),
        "risk": row.risk,
        "band": detail["band"],
        "refused": row.refused or None,
        "diagnoses": None if np.isnan(probability["mel"]) else probability,
        **{name: detail[name] for name in ("problems", "width", "height", "border", "crop", "square", "heat")},
        "nearest": near,
        "licence": row.licence or None,
        "attribution": attribution(row.source, row.licence),
    }


def _header(
    assessor: Assessor,
    cases: pd.DataFrame,
    work: Path | None,
    split: str,
    photographs: bool,
    limit: int | None,
    kept: int,
) -> dict[str, Any]:
    """gallery.json. work: None where the cases are a folder's."""
    config = assessor.checkpoint.config
    thresholds = config.thresholds
    digest = None if work is None else file_sha256(work / "split.csv")
    warnings = []
    if digest is None:
        warnings.append("Whether any of these photographs trained the checkpoint is not known.")
    elif config.training.get("split_sha256") != digest:
        warnings.append("The checkpoint was trained with another split; some of these cases may have trained it.")
    elif split != "test":
        warnings.append(f"The {split} split took part in making the checkpoint; mistakes on it flatter it.")
    for warning in warnings:
        tqdm.write(f"Warning: {warning}", file=sys.stderr)
    asked = "--data FOLDER" if work is None else f"--work WORK --split {split}"
    asked += ("" if limit is None else f" --limit {limit}") + ("" if photographs else " --no-photographs")
    made_by = {"architecture": config.architecture, "version": config.version, "hash": assessor.checkpoint.hash}
    return {
        "schema": SCHEMA,
        "checkpoint": made_by,
        "split": None if work is None else split,
        "split_sha256": digest,
        "thresholds": {name: getattr(thresholds, name) for name in ("low", "high", "malignant_from", "benign_to")},
        "reference_prevalence": config.calibration.reference_prevalence,
        "counts": {
            "cases": len(cases),
            "malignant": int(cases["malignant"].sum()),
            "refused": int((cases["refused"] != "").sum()),
            "unreadable": int(cases["risk"].isna().sum()),
            "kept": kept,
            "low": _mistakes(cases, thresholds.low),
            "high": _mistakes(cases, thresholds.high),
        },
        "photographs": photographs,
        "kept_a_source": limit,
        "attributions": {
            source: {licence: attribution(source, licence) for licence in sorted(set(of["licence"]))}
            for source, of in cases.groupby("source")
        },
        "licence_note": LICENCE_NOTE,
        "warnings": warnings,
        "command": f"python -m train mistakes --checkpoint CHECKPOINT {asked} --out GALLERY",
    }


def _mistakes(cases: pd.DataFrame, threshold: float) -> dict[str, int]:
    """A risk on the threshold counts as raised, as it does in the bands."""
    malignant = cases["malignant"] == 1
    return {
        "false_positives": int((~malignant & (cases["risk"] >= threshold)).sum()),
        "false_negatives": int((malignant & (cases["risk"] < threshold)).sum()),
    }


def _compact(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _age(text: str) -> float | None:
    try:
        return float(text) if np.isfinite(float(text)) else None
    except ValueError:
        return None


def _file_name(image_id: str, folder: str = IMAGES) -> str:
    """images/ID.jpg; where an id holds what no file name should, or is long, its hash in place of it."""
    safe = re.fullmatch(r"\w[\w.-]{0,80}", image_id, re.ASCII)
    return f"{folder}/{image_id if safe else sha256(image_id)[:24]}.jpg"


def _move(gallery: Path, out: Path) -> None:
    """The finished files into ``out``; the header goes first and comes last, so that a half-moved gallery has none."""
    out.mkdir(parents=True, exist_ok=True)
    (out / GALLERY_FILE).unlink(missing_ok=True)
    for folder in (IMAGES, NEAREST):
        if (out / folder).is_dir():
            shutil.rmtree(out / folder)
    for name in (IMAGES, NEAREST, METADATA_FILE, CASES_FILE, GALLERY_FILE):
        if (gallery / name).exists():
            (gallery / name).replace(out / name)
