"""What can be predicted without looking at the lesion, and what crosses a split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from train import splits


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
            names = rows["source"] + " " + rows["image_id"]
            crossing["near_duplicates"] = [f"{names[i]} = {names[j]}" for i, j in zip(across["i"], across["j"])]  # noqa: B905
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
