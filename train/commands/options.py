"""Options that several commands have, each with its one text of help."""

from pathlib import Path
from typing import Annotated

import typer

Checkpoint = Annotated[
    str | None, typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="Default: the checkpoint that comes along.")
]
Work = Annotated[Path, typer.Option(help="The work folder made by prepare.")]
AllowUnlabelled = Annotated[
    bool,
    typer.Option(
        "--allow-unlabelled",
        help="Go on without the photographs that have no label, or labels that contradict each other, even if they are "
        "more than a tenth.",
    ),
]
Backbone = Annotated[
    Path | None, typer.Option(help="ImageNet weights as a safetensors file. Default: timm fetches them.")
]
RecipeName = Annotated[str, typer.Option(help="How to train; an unknown name prints the list.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="In place of the recipe's own.")]
InputSize = Annotated[int | None, typer.Option(min=32, help="In place of the recipe's own, in pixels.")]
KeepSplit = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|FOLDER|HUB_ID[@REVISION]",
        help="An earlier split.csv, or a checkpoint made of an earlier split: photographs keep their part, the test "
        "stays locked.",
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=20,
        help="Train a network a fold first, then one on all but the test part. In place of the recipe's own number.",
    ),
]
Teachers = Annotated[
    list[Path] | None,
    typer.Option(help="Run folders with folds, or checkpoint folders, that a recipe which distils learns from."),
]
Resamples = Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind every interval.")]
BootstrapSeed = Annotated[int, typer.Option(help="Of the bootstrap; the same seed gives the same intervals.")]
Page = Annotated[Path | None, typer.Option(help="A page whose table, between two marks, is renewed.")]
Version = Annotated[str | None, typer.Option(metavar="X.Y.Z", help="The version, which becomes the tag.")]
Private = Annotated[bool, typer.Option("--private", help="Make a new repository private.")]
PullRequest = Annotated[bool, typer.Option("--create-pr", help="Send it as a pull request.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent, with sizes.")]
