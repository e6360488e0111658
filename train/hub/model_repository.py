"""A run to a model repository: held against what is published, gathered in one folder with its card, and sent."""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skin_model.atomic_files import write_json
from skin_model.network.checkpoint import CONFIG_FILE, GATE_FILE, METRICS_FILE, MODEL_FILE, Checkpoint
from skin_model.network.checkpoint_folder import ONNX_FILE
from train import UserError
from train.data.provenance import TRAINED_ON_FILE, read_beside
from train.digests import file_sha256
from train.fitting.networks.architectures import load_checkpoint
from train.fitting.run_folder import licences
from train.hub import publish
from train.hub.gate import ATTEMPTS_FILE, VERDICT_FILE, GateVerdict, compare_with_published
from train.hub.publish import Published, Remote
from train.reports import model_card, report

CARD_FILE, PLOTS, EXPORTS, STAGED, HELD = "README.md", "plots", "exports", "hub", "gate"
"""Names in the repository, then folders of the run: exports, what is sent, and what the gate found."""
MEASURED = ("checkpoint", "report", ".")
"""Folders of a run in which metrics.json is looked for."""
EXPORTED = (".onnx", ".tflite")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Release:
    """The folder that was sent, what the Hub got (None where the gate is closed), and the gate's verdict."""

    folder: Path
    published: Published | None
    verdict: GateVerdict | None


def push(
    repo: str,
    run: Path,
    *,
    work: Path | None = None,
    metrics: Path | None = None,
    version: str | None = None,
    override: str | None = None,
    datasets: Sequence[str] = (),
    private: bool = False,
    create_pr: bool = False,
    dry_run: bool = False,
) -> Release:
    """Publish the checkpoint of a run folder with exports, metrics, plots and a generated card.

    work: the work folder whose locked split the candidate and the published checkpoint are scored on; needed where the
    repository holds another checkpoint, unless override says why to go without. version: X.Y.Z, the tag; default that
    of the checkpoint. The same weights again are not compared again: a repeat finishes what failed. Raises UserError.
    """
    if override is not None and not override.strip():
        raise UserError('A reason has at least one word: --override "why".')
    checkpoint, measured = _load(run, metrics)
    version = version or checkpoint.config.version
    there = ready(repo, version, private=private, dry_run=dry_run, weights=checkpoint.config.model_sha256)
    held, verdict = _hold(repo, there, run, checkpoint, work, override)
    if verdict is not None and not verdict.may_push:
        return Release(run / STAGED, None, verdict)
    exports = _exports(run, checkpoint, work)
    tqdm.write("Drawing the plots, writing the card …", file=sys.stderr)
    stated = checkpoint.config.training.get("licences") or (licences(work) if work else None)
    folder = stage(run, repo, version, checkpoint, measured, held, exports, stated, datasets)
    tqdm.write(f"Looking what {repo} holds already …", file=sys.stderr)
    sent = publish.publish(
        folder,
        repo,
        "model",
        version=version,
        message=f"Version {version}, checkpoint {checkpoint.hash}",
        private=private,
        create_pr=create_pr,
        dry_run=dry_run,
    )
    return Release(folder, sent, verdict)


def ready(
    repo: str, version: str, *, private: bool = False, dry_run: bool = False, weights: str | None = None
) -> Remote | None:
    """What the model repository holds, after a look at all that could stop a push; see ``publish.ready``.

    weights: SHA-256 of those to be published, None where there are none yet. A version that others bear is refused.
    """
    if not _VERSION.fullmatch(version):
        raise UserError(f"{version} is no version. Write three numbers: --version X.Y.Z.")
    there = publish.ready(repo, "model", private=private, dry_run=dry_run)
    if there is not None and version in there.tags:
        held = there.files.get(MODEL_FILE)
        if held is None or held.hash != weights:
            raise UserError(
                f"{repo} has a version {version} already, and it holds something else. Choose another with --version."
            )
    return there


def stage(
    run: Path,
    repo: str,
    version: str,
    checkpoint: Checkpoint,
    measured: dict[str, Any],
    held: dict[str, Any],
    exports: Path,
    stated: dict[str, dict[str, int]] | None,
    datasets: Sequence[str],
) -> Path:
    """Gather everything for the repository in ``RUN/hub``, made anew; the same inputs give the same bytes.

    held: file name -> content, of what the gate wrote. Only files of known names are taken, so no pickle can slip in.
    """
    from train.evaluation import plots

    source, out = run / "checkpoint", run / STAGED
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in (MODEL_FILE, GATE_FILE, TRAINED_ON_FILE):
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
    config = json.loads((source / CONFIG_FILE).read_text(encoding="utf-8"))
    config["skin_model"]["version"] = version
    if (out / GATE_FILE).is_file():
        config["skin_model"]["gate_sha256"] = file_sha256(out / GATE_FILE)
    for file in sorted(exports.iterdir()):
        if file.suffix in EXPORTED or file.name == "export.json":
            shutil.copyfile(file, out / file.name)
    config["skin_model"]["onnx_sha256"] = file_sha256(out / ONNX_FILE) if (out / ONNX_FILE).is_file() else ""
    write_json(out / CONFIG_FILE, config, allow_nan=False)
    measured = {**measured, "checkpoint": {**measured["checkpoint"], "version": version}}
    write_json(out / METRICS_FILE, measured, allow_nan=False)
    for name, content in held.items():
        write_json(out / name, content, allow_nan=False)
    drawn = plots.draw(measured, out / PLOTS)
    pictures = sorted(f"{PLOTS}/{file.name}" for file in drawn if file.suffix == ".png")
    for file in drawn:
        if file.suffix != ".png":
            file.unlink()
    listed = [
        (file.name, file.stat().st_size, file_sha256(file))
        for file in sorted(out.iterdir())
        if file.suffix in (".safetensors", *EXPORTED)
    ]
    facts = model_card.Facts(
        repo=repo,
        version=version,
        config=config,
        metrics=measured,
        files=listed,
        licences=stated,
        gate=held.get(VERDICT_FILE),
        attempts=(held.get(ATTEMPTS_FILE) or {}).get("attempts", []),
        datasets=datasets,
        plots=pictures,
    )
    (out / CARD_FILE).write_text(model_card.card(facts), encoding="utf-8")
    return out


def _load(run: Path, metrics: Path | None) -> tuple[Checkpoint, dict[str, Any]]:
    folder = run / "checkpoint"
    if not folder.is_dir():
        raise UserError(f"{run} holds no checkpoint. Name the folder that python -m train fit wrote with --out.")
    checkpoint = load_checkpoint(folder)
    known = [run / name / METRICS_FILE for name in MEASURED] if metrics is None else [metrics]
    found = next((file for file in known if file.is_file()), None)
    how = f"python -m train evaluate --checkpoint {folder} --work WORK --full --out {run / 'report'}"
    if found is None:
        raise UserError(f"There is no {METRICS_FILE} of {run}. Measure it, or name the file with --metrics: {how}")
    measured = report.read_metrics(found)
    if measured["checkpoint"].get("hash") != checkpoint.hash:
        raise UserError(
            f"{found} is of checkpoint {measured['checkpoint'].get('hash')}, but {folder} holds {checkpoint.hash}. "
            f"Measure it again: {how}"
        )
    return checkpoint, measured


def _hold(
    repo: str, there: Remote | None, run: Path, checkpoint: Checkpoint, work: Path | None, override: str | None
) -> tuple[dict[str, Any], GateVerdict | None]:
    """What the gate's files hold, by name, and its verdict where it was asked."""
    published = there is not None and {CONFIG_FILE, MODEL_FILE} <= there.files.keys()
    if published and there.files[MODEL_FILE].hash == checkpoint.config.model_sha256:
        tqdm.write(f"{repo} holds these weights already, so they are not compared again.", file=sys.stderr)
        return _beside(repo, there), None
    if work is None:
        if published and override is None:
            raise UserError(
                f"{repo} holds another checkpoint, which this one may not replace unseen. Name the locked photographs "
                'with --work WORK, or say why to go without: --override "reason".'
            )
        if published:
            held = {ATTEMPTS_FILE: before} if (before := _beside(repo, there).get(ATTEMPTS_FILE)) else {}
            return {**held, VERDICT_FILE: {"schema": 1, "not_run": True, "override": override.strip()}}, None
        return {}, None
    reference = f"{repo}@{there.head}" if published else None
    verdict = compare_with_published(run / "checkpoint", reference, work, run / HELD, override=override)
    held = {name: json.loads((run / HELD / name).read_text("utf-8")) for name in (VERDICT_FILE, ATTEMPTS_FILE)}
    return held, verdict


def _beside(repo: str, there: Remote) -> dict[str, Any]:
    """The gate's files as they are published."""
    names = [name for name in (VERDICT_FILE, ATTEMPTS_FILE) if name in there.files]
    return {name: read_beside(f"{repo}@{there.head}", name) for name in names}


def _exports(run: Path, checkpoint: Checkpoint, work: Path | None) -> Path:
    """The folder with this checkpoint's exports; made where the run has none."""
    from train.export import export

    folder = run / EXPORTS
    record = folder / export.RECORD_FILE
    if record.is_file():
        made_of = json.loads(record.read_text(encoding="utf-8"))["checkpoint"]["hash"]
        if made_of == checkpoint.hash:
            return folder
        raise UserError(
            f"{folder} holds exports of checkpoint {made_of}, not of {checkpoint.hash}. Remove the folder and repeat."
        )
    tqdm.write("Exporting to ONNX …", file=sys.stderr)
    made = export.export(run / "checkpoint", folder, ["onnx"], work=work)
    if problems := export.failed(made):
        raise UserError(" ".join(problems))
    return folder
