"""Commands that compare: ``compare``, ``experiments``, ``runs`` and ``leaking-split``."""

from pathlib import Path
from typing import Annotated

import typer

from train.commands import options

app = typer.Typer()


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
    resamples: options.Resamples = 1000,
    page: options.Page = None,
) -> None:
    """Train several recipes on the same split, score the same photographs, and print one table; repeat it to resume."""
    from train.studies import compare

    folder = work / "compare" if out is None else out
    asked = {"split": split, "data": data or [], "epochs": epochs, "backbone": backbone or [], "resamples": resamples}
    asked["finished"] = finished or []
    content = compare.compare(work, recipes, folder, **asked)
    print(compare.table(content))
    if page:
        from train.reports.markdown import write_page

        write_page(compare.flat(content["rows"]), page, compare.table(content), (compare.START, compare.END))
    print(f"\nWrote {folder / compare.TABLE_FILE}, {compare.CSV_FILE} and {compare.JSON_FILE}.")


@app.command()
def experiments(
    work: options.Work,
    out: Annotated[Path, typer.Option(help="The folder of all runs; what is done in it is not done again.")],
    recipes: Annotated[list[str], typer.Option(help="Recipes, one or more; an unknown name prints the list.")],
    parts: Annotated[
        list[str] | None,
        typer.Option(
            help="What is held out and judged, one or more: fold (a fifth of all photographs), or a family of centres "
            "(ham10000, isic_2017, siim_acral, pad_ufes_20). Default: fold."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often each is trained.")] = 1,
    against: Annotated[
        str, typer.Option(help="What others are compared with; one with --less: itself with all photographs.")
    ] = "single-run",
    less: Annotated[
        Path | None,
        typer.Option(
            help="A table of photographs (source, image_id) that are not learned from: what do these contribute?"
        ),
    ] = None,
    backbone: options.Backbone = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Networks at a time, a core and 8 GB each. Default: a network a core.")
    ] = None,
    page: options.Page = None,
) -> None:
    """Compare recipes at their full length: train each without a part of the photographs, and judge it on that part.

    Half an hour to an hour of two cores a recipe, part and seed. It never opens the test split.

    An interrupted call goes on where it stopped; one with other recipes adds its rows.
    """
    from train.reports.markdown import write_page
    from train.studies import experiments

    asked = {"seeds": seeds, "less": less, "backbone": backbone, "jobs": jobs}
    experiments.check(out, recipes, against, page)
    found = experiments.compare(work, out, recipes, parts or [experiments.FOLD], **asked)
    table = experiments.markdown(found, experiments.differences(out, against))
    print(table)
    if page:
        write_page(found, page, table, (experiments.START, experiments.END))


@app.command()
def runs(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders of fit, on one split.")],
    page: Annotated[
        Path | None, typer.Option(help="A page whose table of runs, between two marks, is renewed.")
    ] = None,
) -> None:
    """Compare what finished runs reached on the validation split, and what they cost."""
    from train.reports.markdown import write_page
    from train.studies import full_runs

    found = full_runs.table(folders)
    print(full_runs.markdown(found))
    if page:
        write_page(found, page, full_runs.markdown(found), (full_runs.START, full_runs.END), ending="-full.csv")


@app.command(name="leaking-split")
def leaking_split(
    work: options.Work,
    out: Annotated[Path, typer.Option(help="The folder of all networks; what is done in it is not done again.")],
    backbone: options.Backbone = None,
    recipe: options.RecipeName = "self-check-original",
    seeds: Annotated[int, typer.Option(min=1, help="How often the whole is done again; two networks each.")] = 1,
    jobs: Annotated[int | None, typer.Option(min=1, help="Networks at a time, one core each. Default: all.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="A page whose table, between two marks, and pictures beside it are renewed.")
    ] = None,
) -> None:
    """Measure what a random split flatters a score by: the same photographs, with relatives in training and without.

    About 25 minutes of one core a seed; never opens the test split. An interrupted call goes on where it stopped.
    """
    from train.reports.markdown import write_page
    from train.studies import leaking_split, leaking_split_page

    scores, facts = leaking_split.study(work, out, backbone, recipe, seeds, jobs)
    found = leaking_split_page.figures(scores, facts)
    print(leaking_split_page.markdown(found))
    if page:
        write_page(found.reset_index(), page, leaking_split_page.markdown(found), leaking_split_page.MARKS)
        leaking_split_page.draw(found, page.with_suffix(""))
