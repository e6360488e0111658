"""The command ``export``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from train.commands import options

app = typer.Typer()


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="The folder for the files and export.json.")],
    checkpoint: options.Checkpoint = None,
    formats: Annotated[
        list[str] | None, typer.Option(help="onnx, tflite, or both; tflite makes an environment of its own, 7 GB.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A data folder to compare with PyTorch on.")] = None,
    work: Annotated[
        Path | None, typer.Option(help="A work folder made by prepare: compare on its validation split.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where the environment for tflite is kept. Default: ~/.cache/self-skin-check.")
    ] = None,
    into_checkpoint: Annotated[
        bool,
        typer.Option(
            "--into-checkpoint",
            help="Also put model.fp16.onnx into the checkpoint's folder and name it in its config.json: the app and "
            "the command line then answer with it, about twice as fast.",
        ),
    ] = False,
) -> None:
    """Write a checkpoint as ONNX and TFLite, each file compared with PyTorch before it is kept; docs/exports.md.

    Without --data or --work the comparison is on the few rendered photographs that come along, and int8 is not tried.
    Exit status 1 where a format that was asked for does not give PyTorch's answers.
    """
    from skin_model.network.checkpoint import EMBEDDED
    from train.export import export

    record = export.export(
        checkpoint, out, formats or ["onnx"], data=data, work=work, cache=cache, into_checkpoint=into_checkpoint
    )
    print(export.table(record))
    written = ", ".join(found["file"] for found in record["files"] if found["good"]) or "no model"
    print(f"\nWrote {written} and {export.RECORD_FILE} to {out}.")
    if into_checkpoint and not export.failed(record):
        print(f"Put {export.ONNX_FILE} into {checkpoint or EMBEDDED} and named it in its config.json.")
    problems = export.failed(record)
    for sentence in problems:
        print(f"Error: {sentence}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)
