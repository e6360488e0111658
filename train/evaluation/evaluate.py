"""A checkpoint and photographs in, metrics.json, predictions.csv and pictures out.

Every photograph takes a visitor's way: opened, cropped, scored, judged by the out-of-distribution gate, calibrated.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import write_json, write_text
from skin_model.diagnoses import DIAGNOSES
from skin_model.photo import Photo, PhotoRefused, open_photo
from skin_model.pools import thread_pool
from train import UserError
from train.bootstrap import RESAMPLES, text
from train.data import catalogue, near_duplicates, splits
from train.data.tables import files_of, read_text_table
from train.digests import file_sha256, sha256
from train.evaluation import caveats, plots
from train.evaluation.conformal import abstention
from train.evaluation.curves import uncalibrated_risk
from train.evaluation.metrics import SCHEMA, summarise
from train.evaluation.operating_points import decision_curves, operating_points
from train.evaluation.refusals import refusal_rates
from train.evaluation.subgroups import subgroups

if TYPE_CHECKING:
    from skin_model.assess import Assessment, Assessor
    from skin_model.network.checkpoint import Checkpoint

METRICS_FILE, PREDICTIONS_FILE = "metrics.json", "predictions.csv"
PART_FILE, PART_KEY_FILE = "predictions.part.csv", "predictions.part.json"
FINGERPRINTS_PART, FULL_PART = "fingerprints.part", "full.part"
PROBABILITIES: tuple[str, ...] = tuple(f"p_{code}" for code in DIAGNOSES)
COLUMNS: tuple[str, ...] = ("file", "risk", "refused", "malignant", "diagnosis", *PROBABILITIES)
"""The columns of predictions.csv."""
KNOWN_OF_A_PHOTOGRAPH: tuple[str, ...] = ("modality", "confirmed_by", "age", "sex", "site", "fitzpatrick")
"""Columns of the catalogue that subgroups are made of; "" where unknown."""
BATCH_SIZE = 32


def evaluate(
    checkpoint: str | Path | None,
    out: Path,
    *,
    data: Path | None = None,
    work: Path | None = None,
    split: str = "test",
    resamples: int = RESAMPLES,
    seed: int = 0,
    full: bool = False,
) -> dict[str, Any]:
    """Score the photographs of ``split`` in ``work``, or every one in the folder ``data``, and write the report.

    checkpoint: a folder, owner/name[@revision] on the Hub, or None for the embedded one. Writes into ``out``
    metrics.json (returned), predictions.csv and the pictures. An interrupted call, repeated, goes on where it stopped.
    full: also alter every photograph in many ways, test the saliency maps and measure what can be told without
    a lesion, which takes many times as long.
    Raises UserError with one sentence on what the user can mend.
    """
    from skin_model.assess import Assessor
    from train.fitting.networks.architectures import load_checkpoint

    if (data is None) == (work is None):
        raise UserError("Say what to score: either --data FOLDER or --work WORK.")
    assessor = Assessor(load_checkpoint(checkpoint))
    compared = out / FINGERPRINTS_PART
    rows = read_split(work, split) if work is not None else read_folder(data, out / "unpacked", compared)
    metrics = report(assessor, rows, out, work=work, split=split, resamples=resamples, seed=seed, full=full)
    for part in (compared, out / FULL_PART):
        if part.is_dir():
            shutil.rmtree(part)  # only an interrupted call needs it again
    return metrics


def report(
    assessor: Assessor,
    rows: pd.DataFrame,
    out: Path,
    *,
    work: Path | None = None,
    split: str = "test",
    resamples: int = RESAMPLES,
    seed: int = 0,
    full: bool = False,
) -> dict[str, Any]:
    """``evaluate`` for a loaded assessor and rows as ``read_split`` or ``read_folder`` give them."""
    out.mkdir(parents=True, exist_ok=True)
    warnings = caveats.of_figures(assessor.checkpoint.config.training, rows, work, split)
    for warning in warnings:
        tqdm.write(f"Warning: {warning}", file=sys.stderr)
    predictions = score(assessor, rows, out)
    drawn = {"resamples": resamples, "seed": seed}
    where = (f"--work WORK --split {split}" if work is not None else "--data FOLDER") + " --full" * full
    command = f"python -m train evaluate --checkpoint CHECKPOINT {where} --out REPORT"
    of = {"split": None, "split_sha256": None}
    if work is not None:
        of = {"split": split, "split_sha256": file_sha256(work / "split.csv")}
    metrics = measure(assessor.checkpoint, rows, predictions, of, command, warnings, **drawn)
    if full:
        metrics |= _stress(assessor, rows, work, split, out / FULL_PART, command, **drawn)
    write_report(metrics, out)
    return metrics


def measure(
    checkpoint: Checkpoint,
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    of: dict[str, str | None],
    command: str,
    warnings: Sequence[str] = (),
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """The content of metrics.json from what a checkpoint said of photographs.

    rows: file, malignant, diagnosis, group, source and family, and of KNOWN_OF_A_PHOTOGRAPH what there is.
    predictions: COLUMNS, a row each of ``rows``. of: the split and its SHA-256, None where there is none. Names on
    stderr what could not be opened.
    """
    config = checkpoint.config
    unreadable = predictions.loc[predictions["risk"].isna(), ["file", "refused"]]
    for file, code in unreadable.itertuples(index=False):
        tqdm.write(f"Not scored: {file} ({code}).", file=sys.stderr)

    known = rows.reindex(columns=["group", "source", "family", *KNOWN_OF_A_PHOTOGRAPH], fill_value="")
    described = pd.concat([predictions, known], axis=1)
    described["risk_uncalibrated"] = _uncalibrated(predictions, config)
    tqdm.write(f"Measuring with {resamples} bootstrap resamples …", file=sys.stderr)
    thresholds, prevalence = config.thresholds, config.calibration.reference_prevalence
    drawn = {"resamples": resamples, "seed": seed}
    return {
        "schema": SCHEMA,
        "checkpoint": {
            "architecture": config.architecture,
            "version": config.version,
            "hash": checkpoint.hash,
        },
        "data": {**of, "rows_sha256": rows_hash(rows), "n": len(rows), "unreadable": unreadable.to_dict("records")},
        "command": command,
        **drawn,
        "threshold": thresholds.low,
        "reference_prevalence": prevalence,
        "warnings": list(warnings),
        **summarise(described, thresholds, prevalence, **drawn),
        **refusal_rates(described, **drawn),
        "operating": operating_points(described, thresholds, **drawn),
        "decision_curves": decision_curves(described, prevalence),
        "subgroups": subgroups(described, thresholds, **drawn),
        "abstention": abstention(described, thresholds, **drawn),
    }


def write_report(metrics: dict[str, Any], out: Path) -> None:
    """metrics.json and its pictures."""
    plots.draw(metrics, out)
    write_json(out / METRICS_FILE, metrics, allow_nan=False)


def read_split(work: Path, split: str) -> pd.DataFrame:
    """The rows of ``split`` in WORK/split.csv, with ``family`` and, from WORK/catalogue.csv, KNOWN_OF_A_PHOTOGRAPH."""
    file = work / "split.csv"
    if split not in splits.SPLITS:
        raise UserError(f"There is no split named {split!r}. Choose one of: {', '.join(splits.SPLITS)}.")
    rows = splits.read_split(file)
    rows = rows[rows["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise UserError(f"{file} has no photographs in the {split} split. Add data and run prepare again.")
    rows = splits.with_known(rows, file, KNOWN_OF_A_PHOTOGRAPH)
    return rows.assign(family=rows["source"].map(catalogue.family))


def read_folder(data: Path, unpack: Path | None = None, compared: Path | None = None) -> pd.DataFrame:
    """Every labelled photograph of a data folder, grouped by patient, else by lesion, else each for itself.

    Groups that hold near-duplicates of each other become one, under the name of the first. unpack: where photographs
    go that come as numbers in a table. compared: a folder that keeps what was compared, so that a repeated call is
    quick. Says how many rows have no label or no photograph.
    """
    rows, left_out = catalogue.read_all([data], unpack)
    if len(left_out):
        reasons = "; ".join(f"{reason}: {n}" for reason, n in left_out["reason"].value_counts().items())
        tqdm.write(f"{len(left_out)} rows of {data} are left out ({reasons}).", file=sys.stderr)
    ids = rows[["patient_id", "lesion_id", "file"]].astype(str)
    group = ids["patient_id"].where(
        ids["patient_id"] != "", ids["lesion_id"].where(ids["lesion_id"] != "", ids["file"])
    )
    rows["group"] = join_near_duplicates(rows.assign(group=rows["source"] + "/" + group), compared)
    rows["malignant"] = rows["malignant"].astype(int)
    rows["family"] = rows["source"].map(catalogue.family)
    return rows


def join_near_duplicates(rows: pd.DataFrame, compared: Path | None = None) -> np.ndarray:
    """(N,) groups of ``rows`` (root, file, group), those with near-duplicates of each other joined.

    Opens every photograph, unless there are fewer than two. compared: as for ``read_folder``.
    """
    names = rows["group"].to_numpy(dtype=object)
    if len(rows) < 2:
        return names
    near = near_duplicates.pairs(near_duplicates.fingerprints(files_of(rows), compared))
    if near.empty:
        return names
    i, j = near["i"].to_numpy(), near["j"].to_numpy()
    numbers, _ = pd.factorize(names)
    _, first = np.unique(numbers, return_index=True)
    joined = near_duplicates.join(len(rows), [(i, j), (np.arange(len(rows)), first[numbers])])
    tqdm.write(
        f"{len(near)} pairs of near-duplicates in the folder; each counts as one case in the intervals.",
        file=sys.stderr,
    )
    _, first = np.unique(joined, return_index=True)
    return names[first[joined]]


def table(metrics: dict[str, Any]) -> str:
    """The most asked-for figures as text, one line a set; a star marks fewer than 30 groups of a class."""
    names = ("auc", "sensitivity", "specificity", "balanced_accuracy", "ece")
    lines = [f"{'':36}{'n':>6}{'malignant':>11}" + "".join(f"{name.replace('_', ' '):>22}" for name in names)]
    for name, found in [*metrics["sets"].items(), ("pooled", metrics["pooled"])]:
        figures = "".join(f"{text(found[of]):>22}" for of in names)
        lines.append(f"{name + ' *' * found['too_few']:36}{found['n']:>6}{found['n_malignant']:>11}{figures}")
    lines.append(f"{'the source alone':36}{'':17}{text(metrics['source_only_auc']):>22}")
    return "\n".join(lines)


def score(assessor: Assessor, rows: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Predictions of ``rows`` (root, file, malignant, diagnosis), in their order; also written to predictions.csv.

    Batches are appended to predictions.part.csv as they come; a part of the same checkpoint and the same rows is gone
    on with, any other is started afresh. risk and the probabilities are NaN for a file that cannot be opened, and
    ``refused`` says why.
    """
    part, key_file = out / PART_FILE, out / PART_KEY_FILE
    names = names_of(rows)
    key = {"checkpoint": checkpoint_key(assessor), "rows": rows_hash(rows)}
    done = _done(part, key_file, key)
    if not done:
        write_json(key_file, key)
        write_text(part, ",".join(COLUMNS) + "\n")
    elif done < len(rows):
        tqdm.write(f"Going on after {done} of {len(rows)} photographs.", file=sys.stderr)
    bar = tqdm(total=len(rows), initial=done, desc="Scoring", unit="photo", file=sys.stderr, disable=None)
    with bar, part.open("a", newline="", encoding="utf-8") as file:
        for start in range(done, len(rows), BATCH_SIZE):
            batch = rows.iloc[start : start + BATCH_SIZE]
            lines = [
                {
                    "file": name,
                    "risk": found.risk,
                    "refused": found.refused or "",
                    "malignant": row.malignant,
                    "diagnosis": row.diagnosis,
                    **{f"p_{code}": p for code, p in (found.diagnoses or {}).items()},
                }
                for name, row, found in zip(
                    names.iloc[start : start + BATCH_SIZE],
                    batch.itertuples(index=False),
                    _assess(assessor, [Path(row.root) / row.file for row in batch.itertuples(index=False)]),
                    strict=True,
                )
            ]
            pd.DataFrame(lines, columns=list(COLUMNS)).to_csv(file, header=False, index=False, lineterminator="\n")
            file.flush()
            bar.update(len(batch))
    part.replace(out / PREDICTIONS_FILE)
    key_file.unlink()
    return read_predictions(out / PREDICTIONS_FILE)


def names_of(rows: pd.DataFrame) -> pd.Series:
    """``file`` of predictions.csv: relative to the data folder, or a whole path where rows come from several."""
    return rows["file"] if rows["root"].nunique() == 1 else rows["root"] + "/" + rows["file"]


def read_predictions(file: Path) -> pd.DataFrame:
    """A predictions.csv: risk and probabilities as floats (NaN where empty), malignant as int, the rest as text."""
    table = read_text_table(file)
    for column in ("risk", *PROBABILITIES):
        table[column] = np.array([float(text) if text else np.nan for text in table[column]])
    return table.assign(malignant=table["malignant"].astype(int))


def _stress(
    assessor: Assessor,
    rows: pd.DataFrame,
    work: Path | None,
    split: str,
    part: Path,
    command: str,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The keys that ``--full`` adds; one that nothing could be measured for stays away."""
    from train.evaluation import saliency_evaluation
    from train.evaluation.shortcuts import audit
    from train.evaluation.stress import adversarial, orientation, robustness

    drawn = {"resamples": resamples, "seed": seed}
    found = {
        "robustness": robustness.measure(assessor, rows, assessor.checkpoint.config.thresholds, **drawn, out=part),
        "orientation": orientation.measure(assessor, rows, **drawn, out=part),
        "adversarial": adversarial.measure(assessor, rows, assessor.checkpoint.config.thresholds, **drawn, out=part),
        "saliency": saliency_evaluation.measure(assessor, rows, **drawn, out=part),
        "shortcuts": audit.for_report(rows, work, split, part, command=command, **drawn),
    }
    return {key: figures for key, figures in found.items() if figures is not None}


def _assess(assessor: Assessor, files: list[Path]) -> Iterator[Assessment]:
    """One assessment a file, in order, the readable ones scored as one batch."""
    from skin_model.assess import NO_SUCH_FILE, Assessment, refused_assessment

    def attempt(file: Path) -> Photo | Assessment | UserError:
        try:
            return open_photo(file)
        except PhotoRefused as problem:
            return refused_assessment(problem)
        except FileNotFoundError:
            return Assessment.refusal(NO_SUCH_FILE)
        except OSError as problem:
            return UserError(f"{file} cannot be read: {problem.strerror}. Mend its permissions and run again.")

    with thread_pool(os.cpu_count()) as pool:
        opened = pool.map(attempt, files)
    for found in opened:
        if isinstance(found, UserError):
            raise found
    scored = iter(assessor.assess_many([photo for photo in opened if isinstance(photo, Photo)]))
    return iter([next(scored) if isinstance(photo, Photo) else photo for photo in opened])


def _done(part: Path, key_file: Path, key: dict[str, str]) -> int:
    """How many photographs a part file of the same key holds; cuts off a last line that was not written whole."""
    try:
        if json.loads(key_file.read_text()) != key:
            return 0
        content = part.read_bytes()
    except (OSError, json.JSONDecodeError):
        return 0
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        part.write_bytes(whole)
    return max(0, len(pd.read_csv(part, usecols=["file"])) if whole else 0)


def _uncalibrated(predictions: pd.DataFrame, config: Any) -> np.ndarray:
    """(N,) risks of the network's bare outputs, NaN where there is none."""
    columns = [f"p_{code}" for code in config.diagnoses] or ["risk"]
    probability = predictions[columns].to_numpy(dtype=np.float64)
    known = ~np.isnan(probability).any(axis=1)
    found = np.full(len(probability), np.nan)
    if known.any():
        calibration = config.diagnosis_calibration or config.calibration
        found[known] = uncalibrated_risk(probability[known], config.malignant, calibration)
    return found


def checkpoint_key(assessor: Assessor) -> str:
    """The weights and everything else that changes a score or a refusal."""
    checkpoint = assessor.checkpoint
    tensors = {} if checkpoint.gate is None else checkpoint.gate.to_tensors()
    gate = sha256(b"".join(name.encode() + tensor.cpu().numpy().tobytes() for name, tensor in sorted(tensors.items())))
    return f"{checkpoint.hash} {checkpoint.config.preprocessing} {checkpoint.config.calibration} {gate}"


def rows_hash(rows: pd.DataFrame) -> str:
    """SHA-256 of which photographs are scored, with their labels, whatever folder they lie in."""
    content = rows[["file", "malignant", "diagnosis", "group"]].astype(str).to_csv(index=False)
    return sha256(content)
