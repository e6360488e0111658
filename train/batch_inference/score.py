"""An archive in, Parquet shards of scores out, on Ray Data: streaming, resumable, every photograph accounted for."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from tqdm import tqdm

from skin_model.atomic_files import write_json
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import BANDS
from skin_model.network.checkpoint import Checkpoint
from train import UserError
from train.batch_inference import cluster
from train.batch_inference.archive import TEXTS, Archive, open_archive
from train.batch_inference.scorer import Scorer, load, versions
from train.batch_inference.shards import ScoreShards, kinds
from train.bootstrap import RESAMPLES
from train.cluster_packages import require
from train.data.catalogue import family
from train.evaluation import caveats, evaluate
from train.evaluation.evaluate import COLUMNS, PROBABILITIES

SUMMARY_FILE = "summary.json"
COMMAND = "python -m train score --data ARCHIVE --out SCORES"


def score(
    data: str,
    out: Path,
    *,
    address: str | None = None,
    checkpoint: str | None = None,
    overlay: bool = False,
    workers: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Score an archive into ``out`` and return its summary; the same call scores what is missing and nothing twice.

    data: as ``open_archive`` takes it. address: of a Ray cluster; None starts Ray here and stops it afterwards.
    workers: actors at work; None for one a core. Writes ``out/shards``, overlays where asked for, summary.json, and,
    where photographs have labels, metrics.json, predictions.csv and the pictures of ``evaluate``. Raises UserError.
    """
    from skin_model.assess import Assessor

    require("ray", "Ray")
    loaded = load(checkpoint)
    archive = open_archive(data)
    for folder in archive.not_entered:
        tqdm.write(f"{folder} may not be entered, so the photographs in it are neither scored nor counted.", sys.stderr)
    key = {
        "archive": archive.digest,
        "checkpoint": f"{evaluate.checkpoint_key(Assessor(loaded))} {loaded.config.thresholds} {loaded.config.views}",
        "overlay": overlay,
    }
    shards = ScoreShards(out, key, archive.photographs)
    if not shards.done.all():
        expected = versions() | {"checkpoint": loaded.hash}
        _stream(archive, shards, address, workers, (archive, checkpoint, expected, overlay))
    if not shards.done.all():
        missing = int((~shards.done).sum())
        raise UserError(f"{missing} photographs came back without an answer. The same command asks for them again.")
    summary = summarise(shards, archive.photographs)
    write_json(out / SUMMARY_FILE, {"checkpoint": loaded.hash, **summary, "not_entered": archive.not_entered})
    _measure(shards, loaded, out, resamples=resamples, seed=seed)
    return summary


def _stream(
    archive: Archive, shards: ScoreShards, address: str | None, workers: int | None, given: tuple[Any, ...]
) -> None:
    """Let actors score what is missing, and keep it as it comes back, whatever ends this."""
    done = int(shards.done.sum())
    if done:
        tqdm.write(f"Going on after {done} of {archive.photographs} photographs.", file=sys.stderr)
    with cluster.cluster(address, workers) as most:
        import ray

        blocks = list(archive.blocks(~shards.done))
        actors = ray.data.ActorPoolStrategy(min_size=1, max_size=min(most, len(blocks)))
        scored = ray.data.from_arrow(blocks).map_batches(
            Scorer,
            fn_constructor_args=(*given, cluster.SharedAttempts()),
            batch_size=None,
            batch_format="pyarrow",
            compute=actors,
            num_cpus=1,
        )
        bar = tqdm(total=archive.photographs, initial=done, desc="Scoring", unit="photo", file=sys.stderr, disable=None)
        try:
            with bar:
                # No iter_batches, whose threads still speak to Ray when Ctrl-C ends it, which ends the process at once.
                for bundle in scored.iter_internal_ref_bundles():
                    for table in ray.get(bundle.block_refs):
                        bar.update(shards.add(table))
        except ray.exceptions.RayError as problem:
            said = cluster.sentence_of(problem)
            if said is None:
                raise
            raise UserError(said) from None
        finally:
            shards.flush()


def summarise(shards: ScoreShards, photographs: int) -> dict[str, Any]:
    """How many photographs were scored, refused and unreadable, their bands, refusals and sources.

    Raises UserError where they do not add up to ``photographs``.
    """
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for table in shards.tables(["position", "risk", "band", "refused", "source"]):
        kind = np.select(list(kinds(table).values()), ["scored", "refused", "unreadable"], "")
        columns = ([value or "" for value in table[name].to_pylist()] for name in ("source", "band", "refused"))
        counted.update(zip(kind.tolist(), *columns, strict=True))

    def count(**wanted: str) -> int:
        names = ("kind", "source", "band", "refused")
        return sum(n for row, n in counted.items() if all(row[names.index(k)] == v for k, v in wanted.items()))

    def of(**some: str) -> dict[str, Any]:
        found = {name: count(kind=name, **some) for name in ("scored", "refused", "unreadable")}
        return {"photographs": count(**some), **found, "bands": {name: count(band=name, **some) for name in BANDS}}

    found = of()
    if found["photographs"] != photographs or found["scored"] + found["refused"] + found["unreadable"] != photographs:
        raise UserError(
            f"The shards in {shards.folder} hold {found['photographs']} rows for {photographs} photographs: two "
            "commands wrote there at once. Delete the folder and score again."
        )
    refusals = sorted({row[3] for row in counted} - {""})
    sources = sorted({row[1] for row in counted} - {""})
    return {
        **found,
        "refusals": {code: count(refused=code) for code in refusals},
        "sources": {name: of(source=name) for name in sources},
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as lines of text, the sum of all photographs first."""
    lines = [
        f"{summary['photographs']} photographs = {summary['scored']} scored + {summary['refused']} refused + "
        f"{summary['unreadable']} unreadable",
        "bands: " + ", ".join(f"{name} {n}" for name, n in summary["bands"].items()),
    ]
    if summary["refusals"]:
        lines.append("refusals: " + ", ".join(f"{code} {n}" for code, n in summary["refusals"].items()))
    for name, of in summary["sources"].items():
        bands = ", ".join(f"{band} {n}" for band, n in of["bands"].items())
        lines.append(f"{name}: {of['photographs']} = {of['scored']} + {of['refused']} + {of['unreadable']}; {bands}")
    return "\n".join(lines)


def _measure(shards: ScoreShards, checkpoint: Checkpoint, out: Path, *, resamples: int, seed: int) -> None:
    """metrics.json of the photographs that have labels, where there are any."""
    parts = []
    for scored in shards.tables(["position", "file", "risk", "refused", "diagnoses", *TEXTS, "malignant"]):
        labelled = scored.filter(pc.is_valid(scored["malignant"]))
        if labelled.num_rows:
            parts.append(labelled.to_pandas())
    if not parts:
        return
    rows = pd.concat(parts).sort_values("position", ignore_index=True)
    rows["family"] = rows["source"].map(family)
    given = [rows[column] for column in ("group", "patient_id", "lesion_id", "file")]
    named = given[0]
    for other in given[1:]:
        named = named.where(named != "", other)
    rows["group"] = rows["source"] + "/" + named
    predictions = rows[["file", "risk", "malignant", "diagnosis"]].assign(refused=rows["refused"].fillna(""))
    chances = pd.DataFrame([dict(one or ()) for one in rows["diagnoses"]]).reindex(columns=list(DIAGNOSES))
    predictions[list(PROBABILITIES)] = chances.astype(float).to_numpy()
    predictions = predictions.astype({"malignant": int})[list(COLUMNS)]
    predictions.to_csv(out / evaluate.PREDICTIONS_FILE, index=False, lineterminator="\n")
    warned = caveats.without_split(checkpoint.config.training, rows)
    warned.append(
        "Near-duplicates were not looked for among the archive's photographs; evaluate --data looks for them."
    )
    of = {"split": None, "split_sha256": None}
    metrics = evaluate.measure(checkpoint, rows, predictions, of, COMMAND, warned, resamples=resamples, seed=seed)
    evaluate.write_report(metrics, out)
