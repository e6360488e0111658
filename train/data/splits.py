"""Train, validation and test parts that no lesion, patient or near-duplicate crosses."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from train import UserError
from train.data import catalogue, near_duplicates
from train.data.tables import read_text_table
from train.digests import sha256

SPLITS: tuple[str, ...] = ("train", "validation", "test")
SHARES: tuple[float, ...] = (0.70, 0.15, 0.15)
SPLIT_COLUMNS: tuple[str, ...] = ("root", "file", "source", "image_id", "group", "split", "diagnosis", "malignant")

IDENTITIES = ("image_id", "lesion_id", "patient_id")
DIGITS = 12
Placed = Mapping[str, Mapping[str, set[str]]]
"""One of IDENTITIES -> ``hashed_identities`` -> the parts in which photographs with it lie."""

_ARCHIVE_WIDE = re.compile(r"(HAM|IL|IP|ISIC|BCN|MSK\d*)_\d+")
"""Ids that the ISIC archive gives out once; any other id means something only within its centre family."""


def identities(rows: pd.DataFrame, column: str) -> pd.Series:
    """A key for each row that only rows of the same lesion, patient or photograph share; "" where the id is unknown."""
    families = rows["source"].map(catalogue.family)
    ids = rows[column].astype(str)
    scoped = [i if not i or _ARCHIVE_WIDE.fullmatch(i) else f"{f}/{i}" for i, f in zip(ids, families, strict=True)]
    return pd.Series(scoped, index=rows.index)


def hashed_identities(rows: pd.DataFrame, column: str) -> pd.Series:
    """``identities`` as they may be published: the first DIGITS hexadecimal digits of their SHA-256."""
    return identities(rows, column).map(lambda key: sha256(f"{column} {key}")[:DIGITS] if key else "")


def group(rows: pd.DataFrame, near: pd.DataFrame) -> np.ndarray:
    """(N,) group names: rows joined by lesion, patient, image id or near-duplicate, however many steps apart.

    near: positions i and j of near-duplicate pairs. Names follow the order of the rows: g00000, g00001…
    """
    return joined(near, *(identities(rows, column) for column in ("lesion_id", "patient_id", "image_id")))


def joined(near: pd.DataFrame | None, *keys: pd.Series) -> np.ndarray:
    """(N,) group names: rows joined by near-duplicates and by every series of N keys, of which "" joins nothing."""
    links = [] if near is None else [(near["i"].to_numpy(), near["j"].to_numpy())]
    for series in keys:
        values = series.to_numpy(dtype=str)
        known = np.flatnonzero(values != "")
        _, first, inverse = np.unique(values[known], return_index=True, return_inverse=True)
        links.append((known, known[first[inverse]]))
    return np.array([f"g{number:05d}" for number in near_duplicates.join(len(keys[0]), links)])


def conflicting(rows: pd.DataFrame, near: pd.DataFrame) -> pd.Series:
    """The reason for every row of a near-duplicate cluster whose labels disagree, by position; other rows not listed.

    Two photographs of the same picture disagree where one is malignant and the other benign, or where both have a
    diagnosis and not the same one.
    """
    clusters = near_duplicates.join(len(rows), [(near["i"].to_numpy(), near["j"].to_numpy())])
    involved = np.unique(near[["i", "j"]].to_numpy())
    reasons = {}
    for cluster in pd.unique(clusters[involved]):
        members = involved[clusters[involved] == cluster]
        part = rows.iloc[members]
        diagnoses = sorted(set(part["diagnosis"]) - {""})
        if part["malignant"].nunique() > 1 or len(diagnoses) > 1:
            said = diagnoses if len(diagnoses) > 1 else ["benign", "malignant"]
            ids = ", ".join(part["image_id"].head(6))
            for member in members:
                reasons[int(member)] = f"conflicting labels ({' and '.join(said)}) among near-duplicates: {ids}"
    return pd.Series(reasons, dtype=object)


def assign(rows: pd.DataFrame, fixed: dict[str, str] | None = None, seed: int = 0) -> np.ndarray:
    """(N,) split of each row: 70 % train, 15 % validation, 15 % test of every source and label, whole groups at a time.

    rows: source, diagnosis, malignant, group. fixed: group -> split that is already decided.
    """
    fixed = {name: SPLITS.index(split) for name, split in (fixed or {}).items()}
    return np.array(SPLITS)[_deal(rows, SHARES, fixed, seed)]


def folds(rows: pd.DataFrame, count: int, seed: int = 0) -> np.ndarray:
    """(N,) fold, 0 to ``count`` - 1, of each row: an equal share of every source and label, whole groups at a time.

    rows: source, diagnosis, malignant, group.
    """
    return _deal(rows, (1 / count,) * count, {}, seed)


def _deal(rows: pd.DataFrame, part_shares: Sequence[float], fixed: dict[str, int], seed: int) -> np.ndarray:
    """(N,) part of each row. The rarest source and label is served first, then larger groups; each group goes where
    most is still wanting, ties decided by the seed.
    """
    strata, members = pd.factorize(_strata(rows))
    groups, names = pd.factorize(rows["group"])
    totals = np.bincount(strata, minlength=len(members))
    wanted = np.outer(part_shares, totals)
    missing = wanted.copy()
    counts = [Counter() for _ in names]
    for g, s in zip(groups, strata, strict=True):
        counts[g][int(s)] += 1
    chosen: dict[int, int] = {}
    for g, name in enumerate(names):
        if name in fixed:
            chosen[g] = fixed[name]
            for s, n in counts[g].items():
                missing[chosen[g], s] -= n
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    order = sorted(order, key=lambda g: (min(totals[s] for s in counts[g]), -counts[g].total()))
    for g in order:
        if g in chosen:
            continue
        part = list(counts[g])
        want = (missing[:, part] / wanted[:, part] * list(counts[g].values())).sum(axis=1) / counts[g].total()
        best = np.flatnonzero(want >= want.max() - 1e-9)
        shares = np.array(part_shares)[best]
        part_of_group = int(rng.choice(best, p=shares / shares.sum())) if len(best) > 1 else int(best[0])
        chosen[g] = part_of_group
        for s, n in counts[g].items():
            missing[part_of_group, s] -= n
    return np.array([chosen[g] for g in groups])


def _strata(rows: pd.DataFrame) -> pd.Series:
    label = rows["diagnosis"].where(rows["diagnosis"] != "", rows["malignant"].map({0: "benign", 1: "malignant"}))
    return rows["source"] + "/" + label


def placed(old: pd.DataFrame) -> Placed:
    """Where an earlier split has its photographs. old: source, image_id, split, and where known lesion and patient."""
    found: dict[str, dict[str, set[str]]] = {}
    for column in (name for name in IDENTITIES if name in old):
        of_key = found.setdefault(column, {})
        for key, split in zip(hashed_identities(old, column), old["split"], strict=True):
            if key:
                of_key.setdefault(key, set()).add(split)
    return found


def decided(rows: pd.DataFrame, earlier: Placed | None = None) -> dict[str, str]:
    """Group -> split for groups that may not be drawn: those with a test-only source, and those in an earlier split.

    rows: source, image_id, group, and where known lesion_id and patient_id. earlier: as ``placed`` gives it, so that a
    new photograph of a patient whose old photographs are gone still goes where they were. Raises UserError where a
    group now joins rows of different parts.
    """
    parts: dict[str, dict[str, str]] = {}
    for name, source, image in rows[["group", "source", "image_id"]].itertuples(index=False):
        if source in catalogue.TEST_ONLY:
            parts.setdefault(name, {}).setdefault("test", f"{source} {image}, which is only ever a test")
    for column, of_key in (earlier or {}).items():
        if column not in rows:
            continue
        described = zip(rows["group"], hashed_identities(rows, column), rows["source"], rows["image_id"], strict=True)
        for name, key, source, image in described:
            for split in sorted(of_key.get(key, ())):
                parts.setdefault(name, {}).setdefault(split, f"{source} {image}")
    for name, found in parts.items():
        if len(found) > 1:
            said = " and ".join(f"{split} ({example})" for split, example in found.items())
            raise UserError(
                f"Group {name} joins photographs that the old split keeps apart: {said}. "
                "Leave out the new photographs that join them, or start a new split without --keep-split."
            )
    return {name: next(iter(found)) for name, found in parts.items()}


def crossing(rows: pd.DataFrame, keys: pd.Series | np.ndarray) -> list[str]:
    """Keys (one a row, "" ignored) whose rows lie in more than one split, sorted."""
    table = pd.DataFrame({"key": np.asarray(keys, dtype=object), "split": rows["split"].to_numpy()})
    spread = table[table["key"] != ""].groupby("key")["split"].nunique()
    return sorted(spread[spread > 1].index)


def read_split(file: Path) -> pd.DataFrame:
    """A split.csv as text columns but malignant, which is int. Raises UserError where it is missing or not one."""
    if not file.is_file():
        raise UserError(f"There is no {file}. Make it first: python -m train prepare --data FOLDER --out {file.parent}")
    table = read_text_table(file)
    lacking = [column for column in SPLIT_COLUMNS if column not in table]
    if lacking:
        raise UserError(f"{file} is not a split: it lacks the column {lacking[0]}.")
    unknown = sorted(set(table["split"]) - set(SPLITS))
    if unknown:
        raise UserError(f"{file} has the split {unknown[0]!r}; it may only have {', '.join(SPLITS)}.")
    if not set(table["malignant"]) <= {"0", "1"}:
        raise UserError(f"{file} has values of malignant that are neither 0 nor 1.")
    return table.astype({"malignant": int})


def with_identities(file: Path) -> pd.DataFrame:
    """A split.csv as ``read_split`` reads it, with lesion_id and patient_id from the catalogue.csv beside it."""
    rows = read_split(file)
    if not file.with_name("catalogue.csv").is_file():
        return rows
    missing = [column for column in ("lesion_id", "patient_id") if column not in rows]
    return with_known(rows, file, missing, ["source", "image_id"])


def with_known(
    rows: pd.DataFrame, file: Path, columns: Sequence[str], key: Sequence[str] = ("root", "file")
) -> pd.DataFrame:
    """Rows of a split.csv, ``file``, with these columns of the catalogue.csv beside it; "" where that says nothing.

    key: the columns by which a row is found there.
    """
    listed, key = file.with_name("catalogue.csv"), list(key)
    known = pd.DataFrame(columns=key)
    if listed.is_file():
        known = read_text_table(listed, usecols=lambda name: name in {*key, *columns})
    known = known.drop_duplicates(key).set_index(key).reindex(pd.MultiIndex.from_frame(rows[key]))
    return rows.assign(**{name: known[name].fillna("").to_numpy() if name in known else "" for name in columns})


def lineage(file: Path) -> list[str]:
    """SHA-256 of the splits that a split.csv was grown from with ``--keep-split``, the oldest first; see audit.json."""
    audit = file.with_name("audit.json")
    if not audit.is_file():
        return []
    return list(json.loads(audit.read_text(encoding="utf-8")).get("kept_split", {}).get("lineage", []))


def describe(rows: pd.DataFrame, near: pd.DataFrame) -> pd.DataFrame:
    """Near-duplicate pairs as outsiders read them: cluster, both files, labels, and how alike they are."""
    clusters = near_duplicates.join(len(rows), [(near["i"].to_numpy(), near["j"].to_numpy())])
    involved, numbers = np.unique(clusters[near["i"].to_numpy()], return_inverse=True)
    table = {"cluster": [f"d{n:04d}" for n in numbers] if len(involved) else []}
    for side, key in (("a", "i"), ("b", "j")):
        for column in ("root", "file", "source", "image_id", "diagnosis", "malignant"):
            table[f"{column}_{side}"] = rows[column].to_numpy()[near[key].to_numpy()]
    for column in ("bits", "correlation", "orientation"):
        table[column] = near[column].to_numpy()
    return pd.DataFrame(table)
