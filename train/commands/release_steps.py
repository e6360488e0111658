"""From photographs to the Hub in one command: prepare, fit, evaluate, export, gate, push; each step resumable.

``OUT`` holds everything that anybody needs to audit a release: ``work`` (split, audit), ``run`` (checkpoint, report,
exports, gate), ``release.log`` (all that was said, with times) and ``release.json`` (versions, machine, seeds, and of
each step its settings, the SHA-256 of what it wrote, and how long it took). A step whose settings, inputs and outputs
are what they were is not done again.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from skin_model.atomic_files import write_json
from train import UserError
from train.commands.release_log import Tee
from train.digests import file_sha256, sha256

RECORD_FILE, LOG_FILE = "release.json", "release.log"
SCHEMA = 1
CODE = ("skin_model", "train")


class GateClosed(UserError):
    """The candidate may not replace what is published; the table says why."""


@dataclass(frozen=True)
class Order:
    """What a release was asked for. data: folders and ``hub:`` data sets. push: a model repository, or None for none.

    published: what to compare with where nothing is pushed. override: why to publish whatever the gate finds. The rest
    as the options of the commands prepare, fit, evaluate and push model.
    """

    data: tuple[str, ...]
    recipe: str = "released"
    backbone: str | None = None
    keep_split: str | None = None
    seed: int = 0
    allow_unlabelled: bool = False
    epochs: int | None = None
    input_size: int | None = None
    folds: int | None = None
    teacher: tuple[str, ...] = ()
    full: bool = False
    resamples: int = 1000
    push: str | None = None
    published: str | None = None
    version: str | None = None
    override: str | None = None
    private: bool = False
    create_pr: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Step:
    """settings: what decides the outcome beside earlier steps' outputs. run: does it; returns what to note of it."""

    name: str
    settings: dict[str, Any]
    run: Callable[[], dict[str, Any]]
    outputs: Sequence[Path]
    repeats: bool = False
    """Whether it is done even where it was done before: pushing what is there already sends nothing."""


class Record:
    """release.json: read where there is one, written after every change."""

    def __init__(self, file: Path, order: Order) -> None:
        self.file = file
        self.content: dict[str, Any] = {"schema": SCHEMA, "steps": {}}
        if file.is_file():
            try:
                self.content = json.loads(file.read_text(encoding="utf-8"))
                self.content["steps"].items()
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UserError(
                    f"{file} cannot be read. Move it away and repeat the command; it does again only what it must."
                ) from None
        self.content |= {"order": asdict(order), "machine": machine(), "code": code(), "versions": versions()}

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """Step name -> its entry."""
        return self.content["steps"]

    def write(self) -> None:
        write_json(self.file, self.content, allow_nan=False)


def release(order: Order, out: Path) -> dict[str, Any]:
    """Do every step that is not done yet, and return what release.json then holds.

    The same call goes on after an interruption, within the step where that can. Raises UserError, GateClosed where the
    gate is closed; what was done until then stays.
    """
    from skin_model import __version__
    from train.hub import model_repository

    out.mkdir(parents=True, exist_ok=True)
    with (out / LOG_FILE).open("a", encoding="utf-8") as log:
        said, warned = Tee(sys.stdout, log), Tee(sys.stderr, log)
        with redirect_stdout(said), redirect_stderr(warned):
            record = Record(out / RECORD_FILE, order)
            record.write()
            try:
                if order.push is not None and not (out / "run/checkpoint/model.safetensors").is_file():
                    # Before hours of training: whether what comes at the end could be published at all.
                    asked = {"private": order.private, "dry_run": order.dry_run}
                    model_repository.ready(order.push, order.version or __version__, **asked)
                before = ""
                for step in steps(order, out):
                    _do(step, before, record, out)
                    before = json.dumps([before, record.steps[step.name]["outputs"]])
            except UserError as problem:
                said.note(f"Error: {problem}")
                raise
            finally:
                said.finish_line()
                warned.finish_line()
    return record.content


def steps(order: Order, out: Path) -> list[Step]:
    """The steps of an order, in turn."""
    work, run = out / "work", out / "run"
    checkpoint = run / "checkpoint"
    keep = None if order.keep_split is None else Path(order.keep_split)
    if keep is not None and keep.suffix == ".csv" and not keep.is_file():
        raise UserError(f"There is no file {keep}.")
    found = [
        Step(
            "prepare",
            {
                "data": {place: listing(place) for place in order.data},
                "keep_split": file_sha256(keep) if keep is not None and keep.is_file() else order.keep_split,
                "seed": order.seed,
                "allow_unlabelled": order.allow_unlabelled,
            },
            lambda: _prepare(order, work),
            [work / name for name in ("split.csv", "catalogue.csv", "duplicates.csv", "left_out.csv", "audit.json")],
        ),
        Step(
            "fit",
            {name: getattr(order, name) for name in ("recipe", "backbone", "epochs", "input_size", "folds", "teacher")},
            lambda: _fit(order, work, run),
            [checkpoint / name for name in ("config.json", "model.safetensors", "trained_on.json")],
        ),
        Step(
            "evaluate",
            {"full": order.full, "resamples": order.resamples},
            lambda: _evaluate(order, checkpoint, work, run / "report"),
            [run / "report" / name for name in ("metrics.json", "predictions.csv")],
        ),
        Step("export", {}, lambda: _export(checkpoint, work, run / "exports"), [run / "exports/export.json"]),
        Step(
            "gate",
            {name: getattr(order, name) for name in ("push", "published", "override", "resamples")},
            lambda: _gate(order, checkpoint, work, run / "gate"),
            [run / "gate" / name for name in ("gate.json", "attempts.json")],
        ),
    ]
    if order.push is not None:
        names = ("push", "version", "private", "create_pr", "dry_run")
        settings = {name: getattr(order, name) for name in names}
        found.append(Step("push", settings, lambda: _push(order, work, run), [run / "hub/README.md"], repeats=True))
    return found


def _do(step: Step, before: str, record: Record, out: Path) -> None:
    key = sha256(json.dumps([step.settings, before], sort_keys=True))
    entry = record.steps.get(step.name)
    if entry and entry["key"] == key and _hashes(step.outputs, out) == entry["outputs"] and not step.repeats:
        print(f"— {step.name}: done before, {_duration(entry['seconds'])}.")
        return
    if entry is None or entry["key"] != key:
        entry = {"key": key, "settings": step.settings, "tries": [], "seconds": 0.0}
    # Without outputs it counts as not done, whatever ends it.
    entry |= {"outputs": None, "found": None}
    record.steps[step.name] = entry
    tried = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "ended": "interrupted", "seconds": None}
    entry["tries"].append(tried)
    record.write()
    print(f"— {step.name} …")
    began = time.monotonic()
    try:
        found = step.run()
        entry |= {"outputs": _hashes(step.outputs, out), "found": found}
        tried["ended"] = "finished"
    except UserError as problem:
        tried |= {"ended": "failed", "reason": str(problem)}
        raise
    finally:
        tried["seconds"] = round(time.monotonic() - began, 3)
        entry["seconds"] = round(sum(one["seconds"] or 0 for one in entry["tries"]), 3)
        record.write()
    print(f"— {step.name}: finished in {_duration(tried['seconds'])}.")


def _prepare(order: Order, work: Path) -> dict[str, Any]:
    from train.commands import preparation
    from train.evaluation.shortcuts import audit as shortcuts

    audit = preparation.prepare(
        [Path(place) for place in order.data],
        work,
        order.keep_split,
        order.seed,
        allow_unlabelled=order.allow_unlabelled,
    )
    print(shortcuts.table(audit))
    return {"photographs": audit["photographs"], "left_out": audit["left_out"], "crossing": audit["crossing"]}


def _fit(order: Order, work: Path, run: Path) -> dict[str, Any]:
    from train.fitting import fit, folds, recipes

    asked = {"epochs": order.epochs, "input_size": order.input_size}
    recipe = recipes.find(order.recipe).change(**{name: value for name, value in asked.items() if value is not None})
    recipe = recipe.change(seed=order.seed) if order.seed else recipe
    backbone, teachers = Path(order.backbone) if order.backbone else None, [Path(one) for one in order.teacher]
    if count := order.folds or recipe.folds:
        checkpoint = folds.fit_folds(work, run, recipe, backbone, count=count, teachers=teachers)
    else:
        checkpoint = fit.fit(work, run, recipe, backbone, teachers=teachers)
    if checkpoint is None:
        raise UserError("A release runs in one process; train with fit in several, then evaluate, export and push.")
    training = checkpoint.config.training
    kept = ("seed", "epochs", "best_epoch", "validation_auc", "started_from", "split_sha256")
    return {"checkpoint": checkpoint.hash, **{name: training[name] for name in kept}}


def _evaluate(order: Order, checkpoint: Path, work: Path, report: Path) -> dict[str, Any]:
    from train.evaluation import evaluate

    metrics = evaluate.evaluate(checkpoint, report, work=work, resamples=order.resamples, full=order.full)
    print(evaluate.table(metrics))
    return {"photographs": metrics["data"]["n"], "warnings": metrics["warnings"], "seed": metrics["seed"]}


def _export(checkpoint: Path, work: Path, exports: Path) -> dict[str, Any]:
    from train.export import export

    record = export.export(checkpoint, exports, ["onnx"], work=work)
    print(export.table(record))
    if problems := export.failed(record):
        raise UserError(" ".join(problems))
    written = [exports / found["file"] for found in record["files"] if found["good"]]
    return {"files": {file.name: file_sha256(file) for file in written}}


def _gate(order: Order, checkpoint: Path, work: Path, folder: Path) -> dict[str, Any]:
    from train.hub import gate

    published = order.published if order.push is None else published_in(order.push)
    asked = {"resamples": order.resamples, "override": order.override}
    verdict = gate.compare_with_published(checkpoint, published, work, folder, **asked)
    print(gate.table(verdict))
    if not verdict.may_push:
        raise GateClosed(
            f"The gate is closed, so nothing was published; {folder / gate.VERDICT_FILE} holds the comparison."
        )
    return {"published": published, "passed": verdict.passed, "override": verdict.override, "looks": verdict.attempts}


def _push(order: Order, work: Path, run: Path) -> dict[str, Any]:
    from train.hub import gate, model_repository
    from train.hub.publish import listing

    asked = {"version": order.version, "override": order.override, "private": order.private}
    asked |= {"create_pr": order.create_pr, "dry_run": order.dry_run, "datasets": _repos(order.data)}
    done = model_repository.push(order.push, run, work=work, **asked)
    if done.published is None:
        print(gate.table(done.verdict))
        raise GateClosed(f"{order.push} changed since the gate was asked, and now it is closed; nothing was published.")
    print(listing(done.published))
    sent = done.published
    return {"url": sent.url, "revision": sent.revision, "version": sent.version, "pull_request": sent.pull_request}


def _repos(data: Sequence[str]) -> list[str]:
    return [place.removeprefix("hub:").lstrip("/").partition("@")[0] for place in data if place.startswith("hub:")]


def published_in(repo: str) -> str | None:
    """owner/name@commit of the checkpoint that a model repository holds now, None where it holds none."""
    from train.hub.publish import look

    there = look(repo, "model")
    holds = there is not None and {"config.json", "model.safetensors"} <= there.files.keys()
    return f"{repo}@{there.head}" if holds else None


def listing(place: str) -> str:
    """SHA-256 of the names, sizes and times of all files of a data folder; of the words alone for one on the Hub."""
    folder, said = Path(place), place
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file():
            known = file.stat()
            said += f"{file.relative_to(folder).as_posix()} {known.st_size} {known.st_mtime_ns}\n"
    return sha256(said)


def machine() -> dict[str, Any]:
    """What the release runs on."""
    import torch

    devices = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerators": devices,
    }


def versions() -> dict[str, str]:
    """Python and every installed package."""
    found = {package.name: package.version for package in distributions() if package.name}
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def code() -> dict[str, Any]:
    """SHA-256 over this project's Python files, and the commit where it is a git repository."""
    root = Path(__file__).resolve().parents[2]
    files = sorted(file for name in CODE for file in (root / name).rglob("*.py"))
    digest = sha256(b"".join(file.relative_to(root).as_posix().encode() + file.read_bytes() for file in files))
    try:
        asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
        commit = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = None
    return {"sha256": digest, "commit": commit}


def _hashes(files: Sequence[Path], out: Path) -> dict[str, str] | None:
    if not all(file.is_file() for file in files):
        return None
    return {file.relative_to(out).as_posix(): file_sha256(file) for file in files}


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
