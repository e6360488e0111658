"""python -m train: photographs in, a published checkpoint out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from train import UserError, push
from train.publishing import commands as publishing

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

app = typer.Typer(
    help="Train, evaluate and publish a checkpoint from folders of labelled photographs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(publishing)
app.add_typer(push.app, name="push")


@app.callback()
def _main() -> None:
    pass


_SEVERAL = frozenset({"--data", "--recipes", "--formats", "--ideas"})


def spread(arguments: list[str]) -> list[str]:
    """``--data A B`` as ``--data A --data B``, which is what typer understands; the same for all of _SEVERAL."""
    found, option, values = [], "", 0
    for argument in arguments:
        if argument.startswith("-"):
            option, values = argument if argument in _SEVERAL else "", 0
        elif option:
            values += 1
            if values > 1:
                found.append(option)
        found.append(argument)
    return found


@app.command()
def prepare(
    data: Annotated[
        list[Path],
        typer.Option(
            metavar="FOLDER|hub:HUB_ID[@REVISION]",
            help="Data folders, one or more, whose layout is detected, or data sets that push dataset made.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The work folder that split.csv and audit.json are written to.")],
    keep_split: Annotated[
        Path | None, typer.Option(help="An earlier split.csv: its photographs keep their split, the test stays locked.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which groups go where; the same seed gives the same split.")] = 0,
    manifest: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|hub:HUB_ID[@REVISION]",
            help="Rebuild this data set without pictures (push dataset --manifest-only) from those in --data.",
        ),
    ] = None,
) -> None:
    """Read data folders, find near-duplicates, and split into train, validation and test without leaks."""
    from train import shortcuts, splits

    audit = splits.prepare(data, out, keep_split, seed, manifest)
    print(shortcuts.table(audit))
    for reason, count in audit["left_out"].items():
        print(f"left out, {reason}: {count}")
    print(f"\nWrote {out / 'split.csv'}. Next: python -m train fit --work {out} --out RUN")


@app.command()
def audit(
    data: Annotated[
        list[Path], typer.Option(help="Data folders, or lists of labelled photographs as CSV, with or without a split.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write the audit to this JSON file too.")] = None,
    work: Annotated[Path | None, typer.Option(help="A folder that keeps what was read, for a quick rerun.")] = None,
    duplicates: Annotated[bool, typer.Option(help="Look for near-duplicates.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
) -> None:
    """Say what can be predicted without looking at the lesion, and what crosses a split."""
    from train import shortcuts

    found = shortcuts.audit_files(data, work, duplicates)
    text = json.dumps(found, indent=1)
    if out:
        aside = out.with_name(out.name + ".part")
        aside.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text + "\n", encoding="utf-8")
        aside.replace(out)
    print(text if as_json else shortcuts.table(found))


@app.command()
def fit(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare.")],
    out: Annotated[Path, typer.Option(help="The run folder: checkpoint/, history.csv and plots.")],
    recipe: Annotated[str, typer.Option(help="How to train; an unknown name prints the list.")] = "released",
    backbone: Annotated[
        Path | None, typer.Option(help="ImageNet weights as a safetensors file. Default: timm fetches them.")
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="Checkpoint folders that the recipe distilled learns from, once each.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the recipe's own.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's own.")] = None,
    input_size: Annotated[int | None, typer.Option(min=32, help="In place of the recipe's own, in pixels.")] = None,
) -> None:
    """Train one recipe, calibrate it and write a checkpoint; the same command resumes an interrupted run.

    With the same options, on several GPUs or machines: accelerate launch -m train fit ...; on several CPU processes:
    ACCELERATE_USE_CPU=true OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 -m train fit ...
    """
    from train import fit as room
    from train.recipes import find

    asked = {"seed": seed, "epochs": epochs, "input_size": input_size}
    chosen = find(recipe).change(**{name: value for name, value in asked.items() if value is not None})
    if room.fit(work, out, chosen, backbone, teachers=teacher or []) is not None:
        folder = out / "checkpoint"
        print(f"Wrote {folder}. Next: python -m train evaluate --checkpoint {folder} --work {work} --out REPORT")


@app.command()
def evaluate(
    out: Annotated[Path, typer.Option(help="The folder for metrics.json, predictions.csv and the pictures.")],
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="Default: the checkpoint that comes along.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A data folder, scored whole; its layout is detected.")] = None,
    work: Annotated[Path | None, typer.Option(help="A work folder made by prepare; one split of it is scored.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test, for --work.")] = "test",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind every interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap; the same seed gives the same intervals.")] = 0,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Also alter photographs, test overlays, audit shortcuts; takes ten times as long or more."
        ),
    ] = False,
) -> None:
    """Score photographs with a checkpoint and say how good it is, per source, with intervals; repeat it to resume."""
    from train import evaluate as room

    drawn = {"resamples": resamples, "seed": seed}
    metrics = room.evaluate(checkpoint, out, data=data, work=work, split=split, full=full, **drawn)
    print(room.table(metrics))
    print(f"\nWrote {out / room.METRICS_FILE}, {room.PREDICTIONS_FILE} and the pictures beside it.")


@app.command()
def compare(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare: all recipes train on its one split.")],
    recipes: Annotated[
        list[str], typer.Option(help="Recipes, one or more; NAME+BALANCE changes what is done against imbalance.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="One run folder a recipe, and the table. Default: WORK/compare.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="Folders of external photographs, scored too.")] = None,
    split: Annotated[
        str, typer.Option(help="The part of the work folder that is scored: validation or test.")
    ] = "test",
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of each recipe's own.")] = None,
    backbone: Annotated[
        list[Path] | None,
        typer.Option(help="ImageNet weights (safetensors), once a file; the first that fits is taken."),
    ] = None,
    finished: Annotated[
        list[Path] | None, typer.Option(help="Run folders of fit on the same work folder, judged as they are.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind every interval.")] = 1000,
    page: Annotated[Path | None, typer.Option(help="A page whose table, between two marks, is renewed.")] = None,
) -> None:
    """Train several recipes on the same split, score the same photographs, and print one table; repeat it to resume."""
    from train import compare as room

    folder = work / "compare" if out is None else out
    asked = {"split": split, "data": data or [], "epochs": epochs, "backbone": backbone or [], "resamples": resamples}
    asked["finished"] = finished or []
    content = room.compare(work, recipes, folder, **asked)
    print(room.table(content))
    if page:
        from train import experiments

        experiments.write_page(room.flat(content["rows"]), page, room.table(content), (room.START, room.END))
    print(f"\nWrote {folder / room.TABLE_FILE}, {room.CSV_FILE} and {room.JSON_FILE}.")


@app.command()
def report(
    metrics: Annotated[Path, typer.Option(help="A metrics.json that evaluate wrote.")],
    out: Annotated[Path | None, typer.Option(help="The folder for report.html and its tables.")] = None,
    readme: Annotated[Path | None, typer.Option(help="A page whose figures, between two marks, are renewed.")] = None,
) -> None:
    """Turn metrics.json into a page that needs no other file, the tables of a model card, and those of README."""
    from train import report as room

    print(room.report(metrics, out, readme))
    if out is not None:
        written = ", ".join(str(out / name) for name in ("report.html", "model_card_figures.md", "figures.md"))
        print(f"\nWrote {written}.", file=sys.stderr)


@app.command()
def mistakes(
    work: Annotated[Path, typer.Option(help="A work folder made by prepare; its training cases are the neighbours.")],
    out: Annotated[Path, typer.Option(help="The gallery folder; an older gallery in it is replaced.")],
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="Default: the checkpoint that comes along.")
    ] = None,
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
    from train import mistakes as room

    asked = {"split": split, "photographs": photographs, "limit": limit, "predictions": predictions}
    counts = room.make(checkpoint, work, out, **asked)["counts"]
    for name in ("low", "high"):
        found = counts[name]
        print(
            f"At the {name} threshold: {found['false_positives']} false positives and {found['false_negatives']} false "
            f"negatives among {counts['cases']} cases, {counts['malignant']} of them malignant."
        )
    print(f"\nWrote {out}, {counts['kept']} mistakes with details. Next: SKIN_MISTAKES={out} python app.py")


@app.command()
def experiments(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare.")],
    out: Annotated[Path, typer.Option(help="The folder of all runs; what is done in it is not done again.")],
    ideas: Annotated[list[str] | None, typer.Option(help="Which ideas; an unknown name prints the list.")] = None,
    backbone: Annotated[
        Path | None, typer.Option(help="ImageNet weights as a safetensors file. Default: timm fetches them.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Folds at a time, one core each. Default: all cores.")] = None,
    page: Annotated[Path | None, typer.Option(help="A page whose table, between two marks, is renewed.")] = None,
) -> None:
    """Screen ideas for a better network: train each without one centre family, and judge it on that family.

    About twelve minutes an idea on two cores; never opens the test split. An interrupted call goes on where it stopped.
    """
    from train import experiments as room

    found = room.screen(work, out, backbone, ideas, jobs)
    print(room.markdown(found) if len(found) else "No idea has all its folds yet.")
    if page and len(found):
        room.write_page(found, page, room.markdown(found))


@app.command()
def runs(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders of fit, on one split.")],
    page: Annotated[
        Path | None, typer.Option(help="A page whose table of runs, between two marks, is renewed.")
    ] = None,
) -> None:
    """Compare what finished runs reached on the validation split, and what they cost."""
    from train import experiments, full_runs

    found = full_runs.table(folders)
    print(full_runs.markdown(found))
    if page:
        experiments.write_page(
            found, page, full_runs.markdown(found), (full_runs.START, full_runs.END), ending="-full.csv"
        )


@app.command(name="leaking-split")
def leaking_split(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare.")],
    out: Annotated[Path, typer.Option(help="The folder of all networks; what is done in it is not done again.")],
    backbone: Annotated[
        Path | None, typer.Option(help="ImageNet weights as a safetensors file. Default: timm fetches them.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="How to train; an unknown name prints the list.")] = "self-check-original",
    seeds: Annotated[int, typer.Option(min=1, help="How often the whole is done again; two networks each.")] = 1,
    jobs: Annotated[int | None, typer.Option(min=1, help="Networks at a time, one core each. Default: all.")] = None,
    screening: Annotated[
        Path | None, typer.Option(help="The CSV that experiments wrote: its baseline, for a centre never seen.")
    ] = Path("docs/experiments.csv"),
    page: Annotated[
        Path | None, typer.Option(help="A page whose table, between two marks, and pictures beside it are renewed.")
    ] = None,
) -> None:
    """Measure what a random split flatters a score by: the same photographs, with relatives in training and without.

    About 25 minutes of one core a seed; never opens the test split. An interrupted call goes on where it stopped.
    """
    from train import leaking_page
    from train import leaking_split as room
    from train.experiments import write_page

    scores, facts = room.study(work, out, backbone, recipe, seeds, jobs)
    found = leaking_page.figures(scores, facts, leaking_page.left_out_auc(screening))
    print(leaking_page.markdown(found))
    if page:
        write_page(found.reset_index(), page, leaking_page.markdown(found), leaking_page.MARKS)
        leaking_page.draw(found, page.with_suffix(""))


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="The folder for the files and export.json.")],
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="Default: the checkpoint that comes along.")
    ] = None,
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
) -> None:
    """Write a checkpoint as ONNX and TFLite, each file compared with PyTorch before it is kept; docs/exports.md.

    Without --data or --work the comparison is on the few rendered photographs that come along, and int8 is not tried.
    Exit status 1 where a format that was asked for does not give PyTorch's answers.
    """
    from train import export as room

    record = room.export(checkpoint, out, formats or ["onnx"], data=data, work=work, cache=cache)
    print(room.table(record))
    written = ", ".join(found["file"] for found in record["files"] if found["good"]) or "no model"
    print(f"\nWrote {written} and {room.RECORD_FILE} to {out}.")
    problems = room.failed(record)
    for sentence in problems:
        print(f"Error: {sentence}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


@app.command(name="outline")
def outline_network(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare: its split decides who trains.")],
    data: Annotated[Path, typer.Option(help="The data folder whose outlines.jsonl holds lesions as people drew them.")],
    out: Annotated[Path, typer.Option(help="The folder for outline.safetensors and outline.json.")],
    test: Annotated[
        bool, typer.Option("--test", help="Also measure the test split. It decides nothing; do it once, at the end.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the usual number.")] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind every interval.")] = 1000,
) -> None:
    """Train the network that outlines lesions, about twelve minutes on two cores; the same command resumes.

    Trains on outlined photographs of the training split, keeps the epoch that is best on validation, and prints the
    mean Dice there: 1 where outlines agree with the people's, 0 where they share nothing. To use the weights, copy
    outline.safetensors and outline.json to skin_model/weights.
    """
    from train import outline_network as room

    found = room.train(work, data, out, epochs=epochs or room.EPOCHS, test=test, resamples=resamples)
    print(room.table(found))
    print(f"\nWrote {out / room.WEIGHTS_FILE} and {out / room.FIGURES_FILE}.")


def main(arguments: list[str] | None = None) -> None:
    """Run a command; what a user can mend is one sentence on stderr and exit status 2."""
    try:
        app(spread(sys.argv[1:] if arguments is None else arguments), prog_name="python -m train")
    except UserError as problem:
        print(f"Error: {problem}", file=sys.stderr)
        raise SystemExit(2) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("\nInterrupted. The same command goes on where it stopped.", file=sys.stderr)
        raise
    except OSError as problem:
        # A folder that is a file, a disk that is full, a right that is missing: the system's own word says which.
        where = f"{problem.filename}: " if problem.filename else ""
        print(f"Error: {where}{problem.strerror or problem}. Choose another place, or mend this one.", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
