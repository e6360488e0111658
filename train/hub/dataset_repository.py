"""A prepared split as a data set for the Hub: parquet shards with their features, and a card that says what is inside.

What may be published is decided photograph by photograph, by licence. A manifest holds everything but the pictures:
whoever has those can rebuild the very same split from it with ``python -m train prepare --manifest``.
"""

import json
import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from skin_model.diagnoses import DIAGNOSES
from train import UserError
from train.data import licences, near_duplicates, splits
from train.data.hub_datasets import DATA, TEXTS, features
from train.data.licences import attribution
from train.data.tables import files_of, read_text_table
from train.digests import file_sha256
from train.hub import image_metadata
from train.reports import dataset_card

CARD = "README.md"
SHARD_BYTES = 400_000_000


def write_dataset(
    work: Path,
    out: Path,
    *,
    licences: Sequence[str] | None = None,
    manifest_only: bool = False,
    repo: str = "OWNER/NAME",
) -> Path:
    """Write the split in ``work`` as a data set folder: README.md and data/SPLIT-….parquet. Returns the folder.

    licences: SPDX identifiers of what is published, compared whole; None for all that are free (not non-commercial, no
    ban on derivatives, known), and for all there are in a manifest, which gives no picture away. What is left out is
    named on stderr and in the card. An earlier release in ``out`` is replaced; the same split gives the same bytes.
    repo: what the card calls it. Raises UserError.
    """
    rows = read_rows(work)
    kept, left_out = (rows, rows[:0]) if manifest_only and licences is None else by_licence(rows, licences)
    for sentence in dataset_card.left_out_sentences(left_out):
        tqdm.write(sentence, file=sys.stderr)
    if kept.empty:
        raise UserError("No photograph is under a licence that was asked for; name others with --licence.")
    if out.exists() and any(out.iterdir()) and not ((out / CARD).is_file() and (out / DATA).is_dir()):
        raise UserError(f"{out} holds something else than a release; choose another folder.")
    kept = _with_hashes(kept, work)
    aside = out.with_name(out.name + ".part")
    if aside.exists():
        shutil.rmtree(aside)
    (aside / DATA).mkdir(parents=True)
    bar = tqdm(total=len(kept), desc="Writing photographs", unit="photo", file=sys.stderr, disable=None)
    with bar:
        for split in splits.SPLITS:
            part = kept[kept["split"] == split]
            if len(part):
                _write_split(part, split, aside / DATA, manifest_only, bar)
    audit = json.loads((work / "audit.json").read_text()) if (work / "audit.json").is_file() else {}
    card = dataset_card.card(kept, left_out, audit, repo=repo, manifest_only=manifest_only)
    (aside / CARD).write_text(card, encoding="utf-8")
    if out.exists():
        shutil.rmtree(out)
    aside.replace(out)
    return out


def read_rows(work: Path) -> pd.DataFrame:
    """The catalogue of a work folder with group and split, and each licence as SPDX beside what upstream wrote."""
    file = work / "catalogue.csv"
    if not file.is_file():
        raise UserError(f"There is no {file}. Make it first: python -m train prepare --data FOLDER --out {work}")
    rows = read_text_table(file).rename(columns={"licence": "licence_as_given"})
    pairs = zip(rows["licence_as_given"], rows["source"], strict=True)
    rows["licence"] = [licences.normalise(written, source) for written, source in pairs]
    pairs = zip(rows["source"], rows["licence"], rows["licence_as_given"], strict=True)
    rows["attribution"] = [
        attribution(source, written if known == licences.UNKNOWN else known) for source, known, written in pairs
    ]
    return rows


def by_licence(rows: pd.DataFrame, wanted: Sequence[str] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows under one of the licences, and the rest."""
    published = rows["licence"].isin(licences.chosen(None if wanted is None else ",".join(wanted)))
    return rows[published].reset_index(drop=True), rows[~published].reset_index(drop=True)


def _with_hashes(rows: pd.DataFrame, work: Path) -> pd.DataFrame:
    files = files_of(rows)
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise UserError(f"{len(missing)} photographs are gone, {missing[0]} among them; run prepare again.")
    found = near_duplicates.fingerprints(files, work / "fingerprints")
    hashed = tqdm(files, desc="Hashing photographs", unit="photo", file=sys.stderr, disable=None)
    digests = [file_sha256(file) for file in hashed]
    return rows.assign(sha256=digests, phash=[f"{int(upright):016x}" for upright in found.hashes[:, 0]])


def _write_split(rows: pd.DataFrame, split: str, folder: Path, manifest_only: bool, bar: tqdm) -> None:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()  # its bar over batches would break ours over photographs
    sizes = [0 if manifest_only else (Path(r.root) / r.file).stat().st_size for r in rows.itertuples(index=False)]
    count = max(1, math.ceil(sum(sizes) / SHARD_BYTES))
    bounds = [round(k * len(rows) / count) for k in range(count + 1)]
    for number in range(count):
        part = rows.iloc[bounds[number] : bounds[number + 1]]
        columns: dict[str, list[Any]] = {name: [text or None for text in part[name]] for name in TEXTS}
        columns["malignant"] = [int(label) for label in part["malignant"]]
        columns["diagnosis"] = [DIAGNOSES.index(code) if code else None for code in part["diagnosis"]]
        columns["split"] = [splits.SPLITS.index(split)] * len(part)
        if not manifest_only:
            columns["image"] = [_picture(row, bar) for row in part.itertuples(index=False)]
        else:
            bar.update(len(part))
        chosen = features(manifest_only=manifest_only)
        table = Dataset.from_dict({name: columns[name] for name in chosen}, features=chosen)
        table.to_parquet(folder / f"{split}-{number:05d}-of-{count:05d}.parquet")


def _picture(row: Any, bar: tqdm) -> dict[str, Any]:
    content, ending = image_metadata.without_metadata(Path(row.root) / row.file)
    bar.update()
    return {"bytes": content, "path": Path(row.file).stem + ending}
