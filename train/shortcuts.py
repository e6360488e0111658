"""What can be predicted without looking at the lesion, and what crosses a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from train import catalogue, duplicates, splits
from train.labels import CatalogueError


def source_auc(rows: pd.DataFrame) -> dict[str, float | None]:
    """Split -> AUC of telling malignant from benign by nothing but the source; None where a split has one class.

    The score of a source is its malignant share among training rows (among all rows where there is no split), the
    training share of malignant rows for a source that has none there.
    """
    train = rows[rows["split"] == "train"] if "split" in rows else rows
    if train.empty:
        return {}
    share = train.groupby("source")["malignant"].mean()
    score = rows["source"].map(share).fillna(train["malignant"].mean())
    parts = {name: rows["split"] == name for name in splits.SPLITS} if "split" in rows else {"all": rows.index >= 0}
    return {
        name: float(round(roc_auc_score(rows["malignant"][part], score[part]), 4))
        if rows["malignant"][part].nunique() == 2
        else None
        for name, part in parts.items()
    }


def audit(rows: pd.DataFrame, near: pd.DataFrame | None = None) -> dict[str, object]:
    """The shortcut audit of labelled rows, as JSON.

    rows: source and malignant at least; split, diagnosis, group, lesion_id, patient_id where known. near: positions i
    and j of near-duplicate pairs among the rows, None if they were not looked for. What cannot be checked is null.
    """
    rows = rows.reset_index(drop=True)
    crossing: dict[str, list[str] | None] = dict.fromkeys(("groups", "lesions", "patients", "near_duplicates"))
    if "split" in rows:
        if "group" in rows:
            crossing["groups"] = splits.crossing(rows, rows["group"])
        for name, column in (("lesions", "lesion_id"), ("patients", "patient_id")):
            if column in rows:
                crossing[name] = splits.crossing(rows, splits.identities(rows, column))
        if near is not None:
            part = rows["split"].to_numpy()
            across = near[part[near["i"]] != part[near["j"]]] if len(near) else near
            names = rows["source"] + " " + rows.get("image_id", rows["file"])
            crossing["near_duplicates"] = [
                f"{names[i]} = {names[j]}" for i, j in zip(across["i"], across["j"], strict=True)
            ]
    return {
        "photographs": len(rows),
        "malignant": int(rows["malignant"].sum()),
        "groups": int(rows["group"].nunique()) if "group" in rows else None,
        "largest_group": int(rows["group"].value_counts().max()) if "group" in rows else None,
        "near_duplicate_pairs": None if near is None else len(near),
        "crossing": crossing,
        "auc_from_source_alone": source_auc(rows),
        "counts": counts(rows),
    }


def audit_files(paths: Sequence[Path], work: Path | None = None, look_for_duplicates: bool = True) -> dict[str, object]:
    """The audit of data folders and of splits as CSV files, taken together.

    A CSV needs source and malignant, and for near-duplicates file (relative to root, or to the CSV's folder). A folder
    that comes with a split is audited on it. work: keeps what was compared, for a quick rerun. Raises CatalogueError
    for what cannot be read.
    """
    tables = []
    for path in paths:
        if path.is_file() and path.suffix.lower() == ".csv":
            tables.append(_read_csv(path))
        else:
            rows = catalogue.read(path, work)
            given = (rows["given_split"] != "").all()
            tables.append(rows.assign(split=rows["given_split"]) if given else rows)
    if len({"split" in part for part in tables}) > 1:
        raise CatalogueError("Some of the data has a split and some has none; audit them one at a time.")
    rows = pd.concat(tables, ignore_index=True)
    near = None
    if look_for_duplicates and "file" in rows:
        files = [Path(root) / file for root, file in zip(rows["root"], rows["file"], strict=True)]
        near = duplicates.pairs(duplicates.fingerprints(files, work / "fingerprints" if work else None))
    return audit(rows, near)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        raise CatalogueError(f"{path} is not a readable UTF-8 CSV table; save it as one.") from problem
    for column in ("source", "malignant"):
        if column not in rows:
            raise CatalogueError(f"{path} lacks the column {column}; an audit needs source and malignant.")
    if not set(rows["malignant"]) <= {"0", "1"}:
        raise CatalogueError(f"{path} has values of malignant that are neither 0 nor 1.")
    if "split" in rows and not set(rows["split"]) <= set(splits.SPLITS):
        raise CatalogueError(f"{path} has a split that is none of {', '.join(splits.SPLITS)}.")
    if "root" not in rows:
        rows["root"] = str(path.parent)
    return rows.astype({"malignant": int})


def counts(rows: pd.DataFrame) -> list[dict[str, object]]:
    """One record for each source, split and diagnosis: photographs, malignant, groups."""
    table = rows.assign(
        split=rows.get("split", ""),
        diagnosis=rows.get("diagnosis", ""),
        group=rows["group"] if "group" in rows else np.arange(len(rows)),
    )
    found = table.groupby(["source", "split", "diagnosis"], sort=True).agg(
        photographs=("malignant", "size"), malignant=("malignant", "sum"), groups=("group", "nunique")
    )
    return [
        {key: value.item() if hasattr(value, "item") else value for key, value in record.items()}
        for record in found.reset_index().to_dict("records")
    ]


def table(audit: dict[str, object]) -> str:
    """The audit as a few lines of text."""
    wide = pd.DataFrame(audit["counts"])
    summary = wide.groupby(["source", "split"])[["photographs", "malignant", "groups"]].sum().reset_index()
    summary["malignant share"] = (summary["malignant"] / summary["photographs"]).map("{:.1%}".format)
    lines = [summary.to_string(index=False), ""]
    for name, value in audit["auc_from_source_alone"].items():
        said = "undefined, one class only" if value is None else f"{value:.3f}"
        lines.append(f"AUC from the source alone, {name}: {said}")
    for name, found in audit["crossing"].items():
        said = "not checked" if found is None else f"{len(found)} cross the split"
        lines.append(f"{name.replace('_', ' ')}: {said}")
    return "\n".join(lines)
