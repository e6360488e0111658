"""What can be predicted without looking at the lesion, and what crosses a split."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from train.bootstrap import RESAMPLES
from train.data import catalogue, near_duplicates, splits
from train.data.labels import CatalogueError
from train.data.tables import files_of, read_text_table
from train.evaluation.shortcuts import classifiers
from train.evaluation.shortcuts import tables as shortcut_tables


def source_auc(rows: pd.DataFrame) -> dict[str, float | None]:
    """Split -> AUC of telling malignant from benign by nothing but the source; None where a split has one class.

    The score of a source is its malignant share among training rows (among all rows where there is no such split), the
    training share of malignant rows for a source that has none there.
    """
    parted = "split" in rows and rows["split"].isin(splits.SPLITS).all()
    train = rows[rows["split"] == "train"] if parted else rows
    if train.empty:
        return {}
    share = train.groupby("source")["malignant"].mean()
    score = rows["source"].map(share).fillna(train["malignant"].mean())
    parts = {name: rows["split"] == name for name in splits.SPLITS} if parted else {"all": rows.index >= 0}
    return {
        name: float(round(roc_auc_score(rows["malignant"][part], score[part]), 4))
        if rows["malignant"][part].nunique() == 2
        else None
        for name, part in parts.items()
    }


def crossing(rows: pd.DataFrame, near: pd.DataFrame | None = None) -> dict[str, list[str] | None]:
    """Groups, lesions, patients and near-duplicates that lie in several parts of a split; None where unknown.

    rows and near as for ``audit``.
    """
    found: dict[str, list[str] | None] = dict.fromkeys(("groups", "lesions", "patients", "near_duplicates"))
    if "split" not in rows:
        return found
    if "group" in rows:
        found["groups"] = splits.crossing(rows, rows["group"])
    for name, column in (("lesions", "lesion_id"), ("patients", "patient_id")):
        if column in rows and (rows[column].notna() & rows[column].astype(str).str.strip().ne("")).any():
            found[name] = splits.crossing(rows, splits.identities(rows, column))
    if near is not None:
        part = rows["split"].to_numpy()
        across = near[part[near["i"]] != part[near["j"]]] if len(near) else near
        names = (rows["source"] + " " + rows.get("image_id", rows["file"])).to_numpy()
        pairs = zip(across["i"], across["j"], strict=True)
        found["near_duplicates"] = [f"{names[i]} = {names[j]}" for i, j in pairs]
    return found


def audit(rows: pd.DataFrame, near: pd.DataFrame | None = None) -> dict[str, object]:
    """The counts and crossings of labelled rows, as JSON.

    rows: source and malignant at least; split, diagnosis, group, lesion_id, patient_id where known. near: positions i
    and j of near-duplicate pairs among the rows, None if they were not looked for. What cannot be checked is null.
    """
    rows = rows.reset_index(drop=True)
    return {
        "photographs": len(rows),
        "malignant": int(rows["malignant"].sum()),
        "groups": int(rows["group"].nunique()) if "group" in rows else None,
        "largest_group": int(rows["group"].value_counts().max()) if "group" in rows else None,
        "near_duplicate_pairs": None if near is None else len(near),
        "crossing": crossing(rows, near),
        "auc_from_source_alone": source_auc(rows),
        "counts": counts(rows),
        "parts": counts(rows, by=("source", "split")),
    }


def audit_files(
    paths: Sequence[Path], work: Path | None = None, look_for_duplicates: bool = True, *, resamples: int = RESAMPLES
) -> dict[str, object]:
    """The audit of data folders and of splits as CSV files, taken together, with every shortcut measured.

    A CSV needs a label, and for more than counts its photographs: see ``shortcut_tables.read``. A folder that comes
    with a split is audited on it. work: keeps what was read, for a quick rerun. Adds to ``audit`` the key
    ``shortcuts``, as ``shortcut_rows.measure`` returns it, or None where no photographs are named. Raises
    CatalogueError for what cannot be read.
    """
    tables = []
    for path in paths:
        if path.is_file() and path.suffix.lower() == ".csv":
            tables.append(shortcut_tables.read(path))
        else:
            rows = catalogue.read(path, work)
            given = (rows["given_split"] != "").all()
            tables.append(rows.assign(split=rows["given_split"]) if given else rows)
    if len({"split" in part for part in tables}) > 1:
        raise CatalogueError("Some of the data has a split and some has none; audit them one at a time.")
    rows = pd.concat(tables, ignore_index=True).fillna("")
    if "file" not in rows or (rows["file"] == "").any():
        return audit(rows) | {"shortcuts": None}
    near = None
    if look_for_duplicates:
        near = near_duplicates.pairs(
            near_duplicates.fingerprints(files_of(rows), work / "fingerprints" if work else None)
        )
    measured = classifiers.measure(
        rows.assign(group=_groups(rows, near)), work / "shortcuts" if work else None, resamples=resamples
    )
    return audit(rows, near) | {"shortcuts": measured}


def for_report(
    rows: pd.DataFrame,
    work: Path | None,
    split: str,
    cache: Path,
    *,
    command: str,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, object] | None:
    """The key ``shortcuts`` of metrics.json: every row that was measured, how, and how much crosses the split.

    Besides the rows it holds ``protocol``, ``crossing`` (counts, None for a folder), ``not_measured`` (row -> reason),
    ``n_unopened``, and the ``command`` and ``seed`` of the figures.

    rows: root, file, source, malignant, group of the photographs that are reported. work: where they come from, then
    the classifiers are fitted on its train and scored on its ``split``; None for a folder, which is cross-validated.
    cache: a folder that keeps what was read, from which an interrupted call, repeated, goes on. None where nothing
    could be measured.
    """
    known = None
    if work is not None:
        rows, near = _with_known(work)
        known = {name: None if found is None else len(found) for name, found in crossing(rows, near).items()}
    measured = classifiers.measure(rows, cache, scored=split, resamples=resamples, seed=seed)
    if not measured["rows"]:
        return None
    return measured.pop("rows") | measured | {"crossing": known, "command": command, "seed": seed}


def _with_known(work: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """A prepared split with the ids of lesions and patients, and the positions i and j of its near-duplicate pairs.

    What the work folder does not hold is left out.
    """
    file, duplicates_file = work / "split.csv", work / "duplicates.csv"
    rows = splits.with_known(splits.read_split(file), file, ("lesion_id", "patient_id"))
    if not duplicates_file.is_file():
        return rows, None
    pairs = read_text_table(duplicates_file)
    place = pd.Series(np.arange(len(rows)), pd.MultiIndex.from_frame(rows[["root", "file"]]))
    sides = {
        name: place.reindex(pd.MultiIndex.from_frame(pairs[[f"root_{side}", f"file_{side}"]])).to_numpy()
        for name, side in (("i", "a"), ("j", "b"))
    }
    # A photograph that prepare left out has no place.
    return rows, pd.DataFrame(sides).dropna().astype(int)


def _groups(rows: pd.DataFrame, near: pd.DataFrame | None) -> np.ndarray:
    """(N,) what no fold may part: given groups, lesions, patients and, where they were looked for, near-duplicates."""
    ids = [splits.identities(rows, column) for column in ("lesion_id", "patient_id") if column in rows]
    # A group may reach over sources that share no ids, so its name means the same in all of them.
    return splits.joined(near, rows.get("group", pd.Series("", index=rows.index)), *ids)


def counts(rows: pd.DataFrame, by: Sequence[str] = ("source", "split", "diagnosis")) -> list[dict[str, object]]:
    """One record for each source, split and diagnosis: photographs, malignant, groups.

    by: fewer of these; groups do not add up, for one may hold several diagnoses.
    """
    table = rows.assign(
        split=rows.get("split", ""),
        diagnosis=rows.get("diagnosis", ""),
        group=rows["group"] if "group" in rows else np.arange(len(rows)),
    )
    found = table.groupby(list(by), sort=True).agg(
        photographs=("malignant", "size"), malignant=("malignant", "sum"), groups=("group", "nunique")
    )
    return [
        {key: value.item() if hasattr(value, "item") else value for key, value in record.items()}
        for record in found.reset_index().to_dict("records")
    ]


def table(audit: dict[str, object]) -> str:
    """The audit as a few lines of text."""
    summary = pd.DataFrame(audit["parts"])
    summary["malignant share"] = (summary["malignant"] / summary["photographs"]).map("{:.1%}".format)
    lines = [summary.to_string(index=False), ""]
    for name, value in audit["auc_from_source_alone"].items():
        said = "undefined, one class only" if value is None else f"{value:.3f}"
        lines.append(f"AUC from the source alone, {name}: {said}")
    for name, found in audit["crossing"].items():
        said = "not checked" if found is None else f"{len(found)} cross the split"
        lines.append(f"{name.replace('_', ' ')}: {said}")
    measured = audit.get("shortcuts")
    if measured:
        lines += ["", *_measured_lines(measured)]
    return "\n".join(lines)


def _measured_lines(measured: dict[str, object]) -> list[str]:
    lines = [f"What tells malignant from benign. {measured['protocol']}"]
    for name, row in measured["rows"].items():
        pooled = "    –" if row["pooled"] is None else f"{row['pooled']['value']:5.3f}"
        within = "    –" if row["within"] is None else f"{row['within']['value']:5.3f}"
        title = name.replace("_", " ")
        lines.append(f"{title:<18}pooled {pooled}  within a source {within}  {row['verdict']:<6}{row['says']}")
    for name, reason in measured["not_measured"].items():
        lines.append(f"{name.replace('_', ' '):<18}not measured: {reason}")
    if measured["n_unopened"]:
        lines.append(f"{measured['n_unopened']} photographs could not be opened and are left out.")
    return lines
