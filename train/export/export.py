"""A checkpoint in, files for other runtimes out: each compared with PyTorch before it gets its name."""

import os
import sys
import tempfile
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from skin_model.atomic_files import write_bytes, write_json
from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from skin_model.network.checkpoint_folder import CONFIG_FILE, ONNX_FILE, on_hub, read_config
from skin_model.network.inference import session
from skin_model.network.saliency import INTEGRATED_GRADIENTS
from train import UserError
from train.digests import sha256
from train.export import agreement, tflite
from train.export.agreement import Answers, Photographs
from train.export.graph import ExportGraph, has_closed_form, metadata
from train.export.integrated_gradients import REQUEST, IntegratedGradientsGraph
from train.fitting.networks.architectures import load_checkpoint

FORMATS = ("onnx", "tflite")
RECORD_FILE = "export.json"
CALIBRATING = 200
"""How many training photographs decide the ranges of int8 activations."""
TIMED_RUNS = 50


def export(
    reference: str | Path | None,
    out: Path,
    formats: Sequence[str] = ("onnx",),
    *,
    data: Path | None = None,
    work: Path | None = None,
    cache: Path | None = None,
    into_checkpoint: bool = False,
) -> dict[str, Any]:
    """Write the checkpoint in other formats into ``out``, with export.json (returned) on what was measured.

    reference: a checkpoint folder, owner/name[@revision] on the Hub, or None for the embedded one. The photographs that
    every file is compared on: of the validation split in ``work``, or of the folder ``data``, at most
    ``agreement.PHOTOGRAPHS``, or the rendered ones that come along. cache: where the environment for TFLite is kept.
    into_checkpoint: put the half-precision ONNX file beside the checkpoint, a folder, and name it in its config.json:
    app and command line then run it in place of PyTorch. A file that is not good is not written, and an earlier one of
    its name is removed. int8 is tried where there are photographs to calibrate it on. Raises UserError with one
    sentence on what the user can mend.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UserError(
            f"There is no format {', '.join(unknown) or 'named'}. Choose one or more: {', '.join(FORMATS)}."
        )
    if data is not None and work is not None:
        raise UserError("Say which photographs to check on: --data FOLDER or --work WORK, not both.")
    folder = _own_folder(reference, formats) if into_checkpoint else None
    checkpoint = load_checkpoint(reference)
    photographs, calibrating = _photographs(checkpoint, data, work, "onnx" in formats)
    out.mkdir(parents=True, exist_ok=True)
    bench = _Bench(checkpoint, photographs, agreement.by_torch(checkpoint, photographs), out)
    files = []
    if "onnx" in formats:
        files += _onnx(bench, calibrating)
    if "tflite" in formats:
        files.append(_tflite(bench, cache or tflite.default_cache()))
    labelled = photographs.malignant is not None
    record = {
        "checkpoint": {"hash": checkpoint.hash, "source": checkpoint.source},
        "checked_on": {
            "photographs": len(photographs.squares),
            "malignant": int(photographs.malignant.sum()) if labelled else None,
            "sources": photographs.sources,
            "split": "validation" if work is not None else None,
        },
        "torch": {"milliseconds": _torch_milliseconds(checkpoint), "auc": files[0]["auc_torch"]},
        "files": files,
        "versions": {name: version(name) for name in ("torch", "timm", "onnx", "onnxruntime", "onnxscript")},
        "metadata": metadata(checkpoint),
    }
    write_json(out / RECORD_FILE, record, allow_nan=False)
    if folder is not None and any(found["good"] for found in files if found["file"] == ONNX_FILE):
        _put_beside(out / ONNX_FILE, folder)
    return record


def table(record: dict[str, Any]) -> str:
    """Size, latency and distance from PyTorch as text, one line a file, and why a file was not written."""
    columns = f"{'':18}{'MB':>7}{'ms':>8}{'max |Δrisk|':>14}{'AUC':>9}  "
    torch_row = record["torch"]
    lines = [
        columns + "verdict",
        f"{'PyTorch':18}{'':7}{torch_row['milliseconds']:8.1f}{'':14}{_auc(torch_row['auc'])}",
    ]
    for found in record["files"]:
        risk = found["max_risk_difference"]
        verdict = "good" if found["good"] else f"not written: {'; '.join(found['faults'])}"
        lines.append(
            f"{found['file']:18}{found['bytes'] / 1e6:7.2f}{found['milliseconds']:8.1f}"
            f"{'not finite' if risk is None else f'{risk:.6f}':>14}{_auc(found['auc'])}  {verdict}"
        )
    sources = ", ".join(f"{source} {n}" for source, n in record["checked_on"]["sources"].items())
    lines.append(
        f"On {record['checked_on']['photographs']} photographs ({sources}); ms: one photo on one thread, median."
    )
    return "\n".join(lines)


def failed(record: dict[str, Any]) -> list[str]:
    """A sentence for every file that was asked for and is not good."""
    return [
        f"{found['file']} was not written: {'; '.join(found['faults'])}."
        for found in record["files"]
        if found["required"] and not found["good"]
    ]


def _own_folder(reference: str | Path | None, formats: Sequence[str]) -> Path:
    """The checkpoint's folder; raises UserError where it has none, or nothing can be put there."""
    if "onnx" not in formats:
        raise UserError("Only the ONNX file is put into the checkpoint's folder: add onnx to --formats.")
    if reference is not None and on_hub(str(reference)):
        raise UserError(
            f"{reference} is on the Hub, and a file is only put beside a checkpoint in a folder. "
            "What is on the Hub gets its ONNX file from push model."
        )
    folder = EMBEDDED if reference is None else Path(reference)
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise UserError(f"Nothing can be written to {folder}. Copy that checkpoint, and name the copy.")
    return folder


def _put_beside(file: Path, folder: Path) -> None:
    """Copy the ONNX file into the folder and name it in config.json. Whenever it is interrupted, the checkpoint can be
    loaded: an ONNX file that is not named is not looked at, and PyTorch answers.
    """
    content, config = file.read_bytes(), read_config(folder)
    config["skin_model"]["onnx_sha256"] = ""
    write_json(folder / CONFIG_FILE, config)
    write_bytes(folder / ONNX_FILE, content)
    config["skin_model"]["onnx_sha256"] = sha256(content)
    write_json(folder / CONFIG_FILE, config)


def _auc(value: float | None) -> str:
    return f"{'–' if value is None else f'{value:.4f}':>9}"


def _photographs(
    checkpoint: Checkpoint, data: Path | None, work: Path | None, calibrate: bool
) -> tuple[Photographs, np.ndarray | None]:
    """The photographs to compare on, and the (N, S, S, 3) squares to calibrate int8 on: others, or None."""
    preprocessing, count = checkpoint.config.preprocessing, agreement.PHOTOGRAPHS
    others = None
    if work is not None:
        from train.evaluation.evaluate import read_split

        rows = agreement.spread_over_sources(read_split(work, "validation"), count)
        others = agreement.spread_over_sources(read_split(work, "train"), CALIBRATING)
    elif data is not None:
        from train.data import catalogue

        found, _ = catalogue.read_all([data])
        drawn = agreement.spread_over_sources(found, count + CALIBRATING)
        kept = max(1, min(count, len(drawn) - min(CALIBRATING, len(drawn) // 3)))
        rows, others = drawn.iloc[:kept], drawn.iloc[kept:]
    else:
        rows = agreement.example_files()
    photographs = agreement.read(rows, preprocessing, "Opening photographs")
    if not calibrate or others is None or others.empty:
        return photographs, None
    return photographs, agreement.read(others, preprocessing, "Opening photographs for int8").squares


@dataclass(frozen=True)
class _Bench:
    """What every file is made of and held to."""

    checkpoint: Checkpoint
    photographs: Photographs
    expected: Answers
    out: Path

    def judge(
        self,
        name: str,
        make: Callable[[Path], tuple[dict[str, np.ndarray], float]],
        *,
        precision: str,
        required: bool = True,
    ) -> dict[str, Any]:
        """Let ``make`` write the file aside and answer with it (outputs by name, milliseconds), compare, then rename.

        Returns the file's figures. Whatever goes wrong, nothing half written is left.
        """
        file, aside = self.out / name, self.out / f"{name}.part"
        try:
            outputs, milliseconds = make(aside)
            figures = agreement.compare(agreement.from_outputs(outputs), self.expected, self.photographs.malignant)
            faults = agreement.faults(figures, precision)
            content = aside.read_bytes()
            if faults:
                file.unlink(missing_ok=True)  # an earlier one must not pass for this one
            else:
                aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
        finite = {key: value if value is None or np.isfinite(value) else None for key, value in figures.items()}
        return {
            "file": name,
            "precision": precision,
            "bytes": len(content),
            "sha256": sha256(content),
            "milliseconds": milliseconds,
            **finite,
            "required": required,
            "good": not faults,
            "faults": faults,
        }


def _onnx(bench: _Bench, calibrating: np.ndarray | None) -> list[dict[str, Any]]:
    from train.export import onnx_files

    size = bench.checkpoint.config.preprocessing.input_size
    tqdm.write("Writing the ONNX graph, a minute …", file=sys.stderr)
    full = onnx_files.graph(ExportGraph(bench.checkpoint), size)
    explains = has_closed_form(bench.checkpoint.network)
    gradients = onnx_files.graph(IntegratedGradientsGraph(bench.checkpoint), size) if explains else None

    def explaining(prepare: Callable[[Any], Any]) -> Any:
        if gradients is None:
            return prepare(full)
        return onnx_files.with_more_on_request(prepare(full), prepare(gradients), REQUEST)

    models = {"fp32": lambda: explaining(lambda model: model)}
    models["fp16"] = lambda: explaining(onnx_files.with_half_weights)
    if calibrating is not None:
        models["int8"] = lambda: _quantised(full, calibrating)
    else:
        tqdm.write("int8 is not tried: it needs photographs, --work WORK or --data FOLDER.", file=sys.stderr)

    def make(aside: Path, precision: str) -> tuple[dict[str, np.ndarray], float]:
        model = models[precision]()
        onnx_files.describe(model, {**metadata(bench.checkpoint), "precision": precision})
        aside.write_bytes(model.SerializeToString())
        loaded = session(aside)
        batches = tqdm(
            bench.photographs.pixels(),
            total=-(-len(bench.photographs.squares) // agreement.BATCH),
            desc=f"Checking {onnx_files.FILES[precision]}",
            file=sys.stderr,
            disable=None,
        )
        answers = [onnx_files.run(loaded, pixels) for pixels in batches]
        outputs = {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
        if INTEGRATED_GRADIENTS in outputs:
            pictures = [agreement.pixels(square[None]) for square in bench.photographs.squares[: agreement.EXPLAINED]]
            asked = [onnx_files.run(loaded, picture, {REQUEST: np.array(True)}) for picture in pictures]
            outputs[INTEGRATED_GRADIENTS] = np.concatenate([answer[INTEGRATED_GRADIENTS] for answer in asked])
        picture = agreement.pixels(bench.photographs.squares[:1])
        return outputs, _milliseconds(lambda: onnx_files.run(loaded, picture))

    return [
        bench.judge(
            onnx_files.FILES[precision],
            lambda aside, precision=precision: make(aside, precision),
            precision=precision,
            required=precision != "int8",
        )
        for precision in models
    ]


def _quantised(full: Any, calibrating: np.ndarray) -> Any:
    from train.export import onnx_files

    tqdm.write("Calibrating int8, about a minute …", file=sys.stderr)
    with tempfile.TemporaryDirectory() as aside:
        return onnx_files.quantised(full, agreement.pixels(calibrating), Path(aside))


def _tflite(bench: _Bench, cache: Path) -> dict[str, Any]:
    described = {**metadata(bench.checkpoint), "precision": "fp32"}

    def make(aside: Path) -> tuple[dict[str, np.ndarray], float]:
        return tflite.write(bench.checkpoint, bench.photographs.squares, described, aside, cache)

    return bench.judge(tflite.FILE, make, precision="fp32")


def _milliseconds(run: Callable[[], Any]) -> float:
    """Median of a call's time."""
    return float(1000 * np.median(timeit.repeat(run, number=1, repeat=TIMED_RUNS)))


def _torch_milliseconds(checkpoint: Checkpoint) -> float:
    size, threads = checkpoint.config.preprocessing.input_size, torch.get_num_threads()
    picture = torch.zeros(1, 3, size, size).contiguous(memory_format=torch.channels_last)
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return _milliseconds(lambda: checkpoint.network(picture))
    finally:
        torch.set_num_threads(threads)
