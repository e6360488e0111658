"""Commands on photographs before any training: ``prepare``, ``audit`` and ``outliers``."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from skin_model.atomic_files import write_text
from train.commands import options

app = typer.Typer()


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
    keep_split: options.KeepSplit = None,
    seed: Annotated[int, typer.Option(help="Decides which groups go where; the same seed gives the same split.")] = 0,
    manifest: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|hub:HUB_ID[@REVISION]",
            help="Rebuild this data set without pictures (push dataset --manifest-only) from those in --data.",
        ),
    ] = None,
    allow_unlabelled: options.AllowUnlabelled = False,
) -> None:
    """Read data folders, find near-duplicates, and split into train, validation and test without leaks.

    Prints what every label was taken for, and what in the folders was not looked at.
    """
    from train.commands import preparation
    from train.evaluation.shortcuts import audit as shortcuts

    audit = preparation.prepare(data, out, keep_split, seed, manifest, allow_unlabelled)
    print(shortcuts.table(audit))
    for reason, count in audit["left_out"].items():
        print(f"left out, {reason}: {count}, for example {audit['left_out_examples'][reason]}")
    for folder, kinds in audit.get("not_looked_at", {}).items():
        for kind, found in kinds.items():
            examples = ", ".join(found["examples"])
            print(f"not looked at in {folder}, {kind}: {found['count']}, for example {examples}")
    print(f"\nWrote {out / 'split.csv'}. {_next(audit, out)}")


def _next(audit: dict[str, Any], work: Path) -> str:
    """What to do with a split, by its counts."""
    if audit["malignant"] in (0, audit["photographs"]):
        only, other = ("malignant", "benign") if audit["malignant"] else ("benign", "malignant")
        return f"All its photographs are {only}, of which nothing can be learnt: add {other} ones."
    return f"Next: python -m train fit --work {work} --out RUN"


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
    from train.evaluation.shortcuts import audit as shortcuts

    found = shortcuts.audit_files(data, work, duplicates)
    text = json.dumps(found, indent=1)
    if out:
        write_text(out, text + "\n")
    print(text if as_json else shortcuts.table(found))


@app.command()
def outliers(
    out: Annotated[Path, typer.Option(help="The folder for the pictures; it takes 0.5 GB.")],
) -> None:
    """Fetch ordinary pictures without skin (animals, food, landscapes, things), about 430 MB of Debian's packages.

    python -m train locator learns from them what is not skin. The same command goes on where an interrupted one
    stopped.
    """
    from train.fitting.ood import debian_outliers

    folders = debian_outliers.fetch(out)
    count = sum(len(list(folder.glob("*.jpg"))) for folder in folders)
    print(f"{count} pictures of {len(folders)} packages lie in {out}.")
    print(f"Next: python -m train locator --work WORK --pictures {out} --backbone FILE --out DIR")
