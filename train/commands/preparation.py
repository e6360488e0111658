"""``prepare``: data folders to a split, and the shortcut audit of that split."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import write_csv, write_json
from skin_model.network.checkpoint_folder import CONFIG_FILE
from train import UserError
from train.data import catalogue, hub_datasets, near_duplicates, provenance, splits
from train.data.tables import files_of
from train.digests import file_sha256
from train.evaluation.shortcuts import audit as shortcuts


def _earlier(reference: str | Path | None) -> tuple[splits.Placed, list[str]]:
    """Where an earlier split had its photographs, and its line of ancestors, itself included."""
    if reference is None:
        return {}, []
    file = Path(reference)
    if file.is_file() or file.suffix == ".csv":
        return splits.placed(splits.with_identities(file)), [*splits.lineage(file), file_sha256(file)]
    config = provenance.read_beside(reference, CONFIG_FILE) or {}
    split = config.get("skin_model", {}).get("training", {}).get("split_sha256")
    return provenance.placed(reference), [split] if split else []


def _joined(several: Iterable[splits.Placed]) -> splits.Placed:
    found: dict[str, dict[str, set[str]]] = {}
    for one in several:
        for column, of_key in one.items():
            for key, parts in of_key.items():
                found.setdefault(column, {}).setdefault(key, set()).update(parts)
    return found


def _kept(rows: pd.DataFrame, earlier: splits.Placed, lineage: list[str], name: str | Path) -> dict[str, object]:
    """What became of an earlier split: its line of ancestors, and how many photographs of each part are missing."""
    there = set(splits.hashed_identities(rows, "image_id"))
    gone = [parts for key, parts in earlier.get("image_id", {}).items() if key not in there]
    missing = {split: sum(split in parts for parts in gone) for split in splits.SPLITS}
    if any(missing.values()):
        said = ", ".join(f"{n} of {split}" for split, n in missing.items() if n)
        tqdm.write(f"No longer in the data, though in {name}: {said}. The lock on the rest is kept.", file=sys.stderr)
    return {"lineage": lineage, "missing": missing}


MOST_UNLABELLED = 0.1
"""Share of a data folder's photographs without a label that is taken for an oversight and not for the data."""


def _labels(survey: catalogue.Survey) -> list[dict[str, object]]:
    """Every distinct label of the data, the most frequent first, what it was taken for, and on how many photographs."""
    return [
        {"label": label, "taken_for": taken_for, "photographs": count}
        for (label, taken_for), count in sorted(survey.labels.items(), key=lambda item: (-item[1], item[0]))
    ]


def _label_lines(survey: catalogue.Survey) -> str:
    lines = ["What every label was taken for:"]
    lines += [f"{one['photographs']:>8}  {one['label']}  ->  {one['taken_for']}" for one in _labels(survey)]
    return "\n".join(lines)


def _refuse_unlabelled(survey: catalogue.Survey, allowed: bool, split: Path) -> None:
    earlier = f" {split} is still that of an earlier call." if split.exists() else ""
    for folder, (unlabelled, photographs) in survey.unlabelled.items():
        if unlabelled > MOST_UNLABELLED * photographs and not allowed:
            raise UserError(
                f"{unlabelled} of the {photographs} photographs of {folder} have no label that is understood, or "
                "labels that contradict each other; the list above shows which."
                f"{survey.ignored[folder]} Mend them, or go on without these photographs with --allow-unlabelled."
                f"{earlier}"
            )


def _not_looked_at(survey: catalogue.Survey) -> dict[str, dict[str, dict[str, object]]]:
    """Data folder -> kind -> how many files were not used, with examples."""
    return {
        folder: {kind: {"count": len(paths), "examples": paths[:3]} for kind, paths in kinds.items()}
        for folder, kinds in survey.not_looked_at.items()
        if kinds
    }


def _short(reason: str) -> str:
    """A reason without the photographs that it names in brackets, so that equal reasons count together."""
    return str(reason).partition(" (")[0]


def _examples(left_out: pd.DataFrame) -> dict[str, str]:
    """Each reason for leaving photographs out -> the first of them, with what the reason names."""
    first = left_out.assign(short=left_out["reason"].map(_short)).drop_duplicates("short").sort_values("short")
    return {
        row.short: f"{row.file or row.image_id}{row.reason.removeprefix(row.short)}"
        for row in first.itertuples(index=False)
    }


def prepare(
    folders: Iterable[Path],
    work: Path,
    keep_split: str | Path | None = None,
    seed: int = 0,
    manifest: str | Path | None = None,
    allow_unlabelled: bool = False,
) -> dict[str, object]:
    """Read, compare, group and split; writes split.csv, catalogue.csv, duplicates.csv, left_out.csv, audit.json.

    folders: data folders, and ``hub:owner/name[@revision]`` for data sets that ``push dataset`` made, which keep their
    split as keep_split's photographs do. manifest: a data set of that kind without pictures, a folder or on the Hub,
    whose photographs are then looked for in the folders. allow_unlabelled: go on where more than a tenth of a folder's
    photographs have no label. keep_split: an earlier split.csv, or a checkpoint that says in trained_on.json what its
    parts were. Prints what every label was taken for; audit.json says it too where it stops and there is no split yet.
    Returns the audit. The same data, seed and old split give the same split.csv, byte for byte. Raises UserError
    where the data cannot be read, too many labels are not understood, or a group would cross.
    """
    kept, lineage = _earlier(keep_split)
    work.mkdir(parents=True, exist_ok=True)
    places, from_hub = hub_datasets.fetch(list(folders), work)
    if manifest is None:
        survey = catalogue.survey(places, work)
        rows, left_out = survey.rows, survey.left_out
        print(_label_lines(survey))
        looked_at = {"labels": _labels(survey), "not_looked_at": _not_looked_at(survey)}
        if not (work / "split.csv").exists():  # whose audit stays with it
            write_json(work / "audit.json", looked_at)
        _refuse_unlabelled(survey, allow_unlabelled, work / "split.csv")
        if survey.empty:
            raise UserError(survey.empty[0])
    else:
        looked_at = {}
        rows, left_out, listed = hub_datasets.match(manifest, places, work)
        from_hub = [*from_hub, listed]
    earlier = _joined([kept, *(splits.placed(table.fillna("")) for table in from_hub)])
    prints = near_duplicates.fingerprints(files_of(rows), work / "fingerprints")
    near = near_duplicates.pairs(prints)
    listing = splits.describe(rows, near)
    reasons = pd.Series(
        {k: f"unreadable: {code}" for k, code in enumerate(prints.refused) if code}, dtype=object
    ).combine_first(splits.conflicting(rows, near))
    dropped = rows.iloc[reasons.index.to_numpy(dtype=int)].assign(reason=reasons.to_numpy())
    left_out = pd.concat([left_out, dropped[list(catalogue.LEFT_OUT)].astype(str)], ignore_index=True)
    # Groups are made with the left-out rows still in, so that what such a photograph joins stays together.
    rows["group"] = splits.group(rows, near)
    usable = ~rows.index.isin(reasons.index)
    new_position = np.cumsum(usable) - 1
    near = near[usable[near["i"]] & usable[near["j"]]].reset_index(drop=True)
    near = near.assign(i=new_position[near["i"]], j=new_position[near["j"]])
    rows = rows[usable].reset_index(drop=True)
    if rows.empty:
        reasons = (f"{reason}, for example {example}" for reason, example in _examples(left_out).items())
        raise UserError(f"Every photograph was left out: {'; '.join(reasons)}.")
    rows["split"] = splits.assign(rows, splits.decided(rows, earlier), seed)
    audit = shortcuts.audit(rows, near) | looked_at
    if keep_split is not None:
        audit["kept_split"] = _kept(rows, kept, lineage, keep_split)
    crossed = {name: found for name, found in audit["crossing"].items() if found}
    if crossed:
        raise UserError(f"The split is refused, since these cross it: {json.dumps(crossed)}.")
    write_csv(work / "split.csv", rows[list(splits.SPLIT_COLUMNS)])
    write_csv(work / "catalogue.csv", rows[[*catalogue.COLUMNS, "group", "split"]])
    write_csv(work / "duplicates.csv", listing)
    write_csv(work / "left_out.csv", left_out)
    audit["left_out"] = dict(sorted(Counter(map(_short, left_out["reason"])).items()))
    audit["left_out_examples"] = _examples(left_out)
    write_json(work / "audit.json", audit)
    return audit
