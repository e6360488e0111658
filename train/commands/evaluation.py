"""Commands that judge a checkpoint: ``evaluate``, ``report``, ``mistakes`` and ``repeatability``."""

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
            "--full",
            help="Also alter, turn and attack photographs, test overlays, audit shortcuts; takes ten times as long or "
            "more.",
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
    out: Annotated[Path, typer.Option(help="The gallery folder; an older gallery in it is replaced.")],
    work: Annotated[
        Path | None, typer.Option(help="A work folder made by prepare; its training cases are the most alike ones.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A folder of labelled photographs, shown whole; its layout is detected.")
    ] = None,
    checkpoint: options.Checkpoint = None,
    split: Annotated[str, typer.Option(help="train, validation or test, for --work.")] = "test",
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
            help="Worst false positives, and worst false negatives, that each source keeps with details. Default: all.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="A predictions.csv by this checkpoint of this split, to not score it again.")
    ] = None,
) -> None:
    """Collect what a checkpoint gets wrong in a gallery: every case with its scores, the worst mistakes with reasons.

    Kept with details (photograph, border, map, nearest training cases) are the benign cases at or above the
    checkpoint's low threshold, and the malignant ones below its high threshold. The folder is a Hugging Face
    imagefolder. Photographs stay under their own licences: look at those before sharing the folder.

    Of your own photographs: python -m train mistakes --data FOLDER --out gallery. A repeated call resumes.
    """
    from train.evaluation import mistakes

    asked = {"data": data, "split": split, "photographs": photographs, "limit": limit, "predictions": predictions}
    counts = mistakes.make(checkpoint, work, out, **asked)["counts"]
    for name in ("low", "high"):
        found = counts[name]
        print(
            f"At the {name} threshold: {found['false_positives']} false positives and {found['false_negatives']} false "
            f"negatives among {counts['cases']} cases, {counts['malignant']} of them malignant."
        )
    print(f"\nWrote {out}, {counts['kept']} mistakes with details.")
    print(f"Look at it: SKIN_MISTAKES={out} python app.py, then open http://127.0.0.1:7860/?tab=mistakes")


@app.command()
def repeatability(
    work: options.Work,
    out: Annotated[
        Path | None, typer.Option(help="The file for the limits. Default: the one that the app reads.")
    ] = None,
    checkpoint: options.Checkpoint = None,
    source: Annotated[
        str, typer.Option(help="A source whose photographs of one lesion are of one visit.")
    ] = "ham10000",
    lesions: Annotated[int, typer.Option(min=50, help="Of each part so many are looked at, at most.")] = 300,
    resamples: options.Resamples = 1000,
    seed: options.BootstrapSeed = 0,
) -> None:
    """Measure how far two photographs of one unchanged lesion differ; the Compare tab calls only more a change.

    To be repeated for every new checkpoint, whose risks differ in their own way; a repeated call resumes.
    """
    from skin_model.comparison import LIMITS_FILE
    from train.bootstrap import text
    from train.evaluation import repeatability

    file = LIMITS_FILE if out is None else out
    asked = {"source": source, "lesions": lesions, "resamples": resamples, "seed": seed}
    found = repeatability.measure(checkpoint, work, file, **asked)
    for name, limit in found["limits"].items():
        print(f"{name}: a change from {limit['limit']:.3f}, of {limit['pairs']} validation pairs")
    for name in ("validation", "test"):
        print(f"{name}: of {found[name]['pairs']} unchanged pairs called a change {text(found[name]['false_changes'])}")
    print(f"\nWrote {file}.")
