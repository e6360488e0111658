"""Commands that judge a checkpoint: ``evaluate``, ``report`` and ``mistakes``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from train.commands import options

app = typer.Typer()


@app.command()
def evaluate(
    out: Annotated[Path, typer.Option(help="The folder for metrics.json, predictions.csv and the pictures.")],
    checkpoint: options.Checkpoint = None,
    data: Annotated[Path | None, typer.Option(help="A data folder, scored whole; its layout is detected.")] = None,
    work: Annotated[Path | None, typer.Option(help="A work folder made by prepare; one split of it is scored.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test, for --work.")] = "test",
    resamples: options.Resamples = 1000,
    seed: options.BootstrapSeed = 0,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Also alter photographs, test overlays, audit shortcuts; takes ten times as long or more."
        ),
    ] = False,
) -> None:
    """Score photographs with a checkpoint and say how good it is, per source, with intervals; repeat it to resume."""
    from train.evaluation import evaluate

    drawn = {"resamples": resamples, "seed": seed}
    metrics = evaluate.evaluate(checkpoint, out, data=data, work=work, split=split, full=full, **drawn)
    print(evaluate.table(metrics))
    print(f"\nWrote {out / evaluate.METRICS_FILE}, {evaluate.PREDICTIONS_FILE} and the pictures beside it.")


@app.command()
def report(
    metrics: Annotated[Path, typer.Option(help="A metrics.json that evaluate wrote.")],
    out: Annotated[Path | None, typer.Option(help="The folder for report.html and its tables.")] = None,
    readme: Annotated[Path | None, typer.Option(help="A page whose figures, between two marks, are renewed.")] = None,
) -> None:
    """Turn metrics.json into a page that needs no other file, the tables of a model card, and those of README."""
    from train.reports import report

    print(report.report(metrics, out, readme))
    if out is not None:
        written = ", ".join(str(out / name) for name in ("report.html", "model_card_figures.md", "figures.md"))
        print(f"\nWrote {written}.", file=sys.stderr)


@app.command()
def mistakes(
    work: Annotated[Path, typer.Option(help="A work folder made by prepare; its training cases are the neighbours.")],
    out: Annotated[Path, typer.Option(help="The gallery folder; an older gallery in it is replaced.")],
    checkpoint: options.Checkpoint = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    photographs: Annotated[
        bool,
        typer.Option(
            "--photographs/--no-photographs", help="Without: ids, scores and coarse maps only, which may be shared."
        ),
    ] = True,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Worst false positives, and worst false negatives, that each source keeps with details. "
            "Default: 40, without photographs 5.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="A predictions.csv by this checkpoint of this split, to not score it again.")
    ] = None,
) -> None:
    """Collect what a checkpoint gets wrong in a gallery: every case with its scores, the worst mistakes with reasons.

    Kept with details (photograph, border, map, nearest training cases) are the benign cases of the highest risk, at or
    above the checkpoint's low threshold, and the malignant ones of the lowest, below its high threshold. The folder is
    a Hugging Face imagefolder. Photographs stay under their own licences: look at those before sharing the folder.
    """
    from train.evaluation import mistakes

    asked = {"split": split, "photographs": photographs, "limit": limit, "predictions": predictions}
    counts = mistakes.make(checkpoint, work, out, **asked)["counts"]
    for name in ("low", "high"):
        found = counts[name]
        print(
            f"At the {name} threshold: {found['false_positives']} false positives and {found['false_negatives']} false "
            f"negatives among {counts['cases']} cases, {counts['malignant']} of them malignant."
        )
    print(f"\nWrote {out}, {counts['kept']} mistakes with details. Next: SKIN_MISTAKES={out} python app.py")
