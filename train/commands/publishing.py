"""Commands of a maintainer who publishes: is a candidate good enough, and everything from photographs to the Hub."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from train.commands import options

app = typer.Typer()


@app.command()
def gate(
    checkpoint: Annotated[str, typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="The candidate.")],
    work: Annotated[Path, typer.Option(help="The work folder whose locked split both are scored on.")],
    out: Annotated[Path, typer.Option(help="The folder for gate.json and attempts.json.")],
    published: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="What it would replace. Default: nothing yet."),
    ] = None,
    split: Annotated[str, typer.Option(help="The locked split.")] = "test",
    override: Annotated[str | None, typer.Option(help="Why to publish whatever is found; it is recorded.")] = None,
    resamples: options.Resamples = 1000,
    seed: options.BootstrapSeed = 0,
) -> None:
    """Hold a candidate against the published checkpoint on locked photographs; exit status 1 where it fails.

    It may where no figure is worse by more than its margin (the 95 % interval of the paired difference, bootstrap over
    groups) and neither checkpoint was trained on a locked group. Every look is counted, since many looks are tuning.
    """
    from train.hub import gate

    drawn = {"resamples": resamples, "seed": seed}
    verdict = gate.compare_with_published(checkpoint, published, work, out, split=split, override=override, **drawn)
    print(gate.table(verdict))
    print(f"\nWrote {out / gate.VERDICT_FILE} and {gate.ATTEMPTS_FILE}.")
    if not verdict.may_push:
        raise typer.Exit(1)


@app.command()
def release(
    data: Annotated[
        list[str],
        typer.Option(metavar="FOLDER|hub:HUB_ID[@REVISION]", help="Data folders, or data sets that push dataset made."),
    ],
    out: Annotated[Path, typer.Option(help="The folder that everything is kept in; the same command resumes in it.")],
    push: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="The model repository to publish in.")] = None,
    recipe: options.RecipeName = "released",
    backbone: Annotated[
        str | None, typer.Option(help="ImageNet weights as a safetensors file. Default: timm fetches them.")
    ] = None,
    keep_split: options.KeepSplit = None,
    published: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="What to compare with, where nothing is pushed."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split and of training.")] = 0,
    epochs: options.Epochs = None,
    input_size: options.InputSize = None,
    allow_unlabelled: options.AllowUnlabelled = False,
    folds: options.Folds = None,
    teacher: options.Teachers = None,
    full: Annotated[bool, typer.Option("--full", help="Evaluate as evaluate --full does; takes much longer.")] = False,
    resamples: options.Resamples = 1000,
    version: options.Version = None,
    override: Annotated[
        str | None, typer.Option(help="Why to publish whatever the gate finds; it is recorded.")
    ] = None,
    private: options.Private = False,
    create_pr: options.PullRequest = False,
    dry_run: options.DryRun = False,
) -> None:
    """Prepare, fit, evaluate, export, ask the gate, and push: one command, resumable step by step.

    release.json in the folder says what was done with which versions and seeds, on what machine, how long it took, and
    the SHA-256 of all that came of it; release.log holds what was said. Exit status 1 where the gate is closed.
    """
    asked = {name: value for name, value in locals().items() if name != "out"}
    from train.commands import release_steps

    order = release_steps.Order(**{**asked, "data": tuple(data), "teacher": tuple(map(str, teacher or []))})
    try:
        found = release_steps.release(order, out)
    except release_steps.GateClosed as closed:
        print(f"Error: {closed}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"\nWrote {out / release_steps.RECORD_FILE} and {release_steps.LOG_FILE}.", end=" ")
    if push is None:
        print(f"Next: python -m train push model OWNER/NAME --run {out / 'run'} --work {out / 'work'}")
    elif dry_run:
        print("Nothing was sent. Next: the same command without --dry-run.")
    else:
        print(f"Next: SKIN_CHECKPOINT={push}@{found['steps']['push']['found']['version']} python app.py")
