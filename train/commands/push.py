"""python -m train push …: what a maintainer publishes on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train import UserError
from train.commands import options

if TYPE_CHECKING:
    from train.hub.publish import Published

app = typer.Typer(
    help="Publish on the Hub; the token is that of the environment (HF_TOKEN) or of hf auth login.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Repo = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository on the Hub; made where there is none.")]
Licence = Annotated[
    str | None,
    typer.Option(
        metavar="SPDX,SPDX…",
        help="Under which licences photographs are published, compared whole: CC0-1.0,CC-BY-4.0. Default: all that are "
        "free, so neither non-commercial nor no-derivatives nor unknown ones.",
    ),
]


@app.command()
def model(
    repo: Repo,
    run: Annotated[Path, typer.Option(help="The run folder of fit.")],
    work: Annotated[
        Path | None, typer.Option(help="The work folder whose locked test split is scored with both checkpoints.")
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="What evaluate measured. Default: metrics.json in the run or its report folder.")
    ] = None,
    version: options.Version = None,
    override: Annotated[
        str | None, typer.Option(help="Why to publish whatever the gate finds; the reason stands in the card.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="OWNER/NAME", help="A data set on the Hub that trained it, once each.")
    ] = None,
    private: options.Private = False,
    create_pr: options.PullRequest = False,
    dry_run: options.DryRun = False,
) -> None:
    """Publish a run's checkpoint for timm, this package and ONNX, with its card, unless it is worse than the one there.

    Where the repository holds a checkpoint already, both are scored on the same locked photographs first; exit status 1
    where the new one may be worse by more than a margin, or either was trained on a locked group. Without --version
    the version is the checkpoint's own.
    """
    from train.hub import gate, model_repository
    from train.hub.publish import listing

    asked = {"work": work, "metrics": metrics, "version": version, "override": override, "datasets": dataset or []}
    asked |= {"private": private, "create_pr": create_pr, "dry_run": dry_run}
    release = model_repository.push(repo, run, **asked)
    if release.verdict is not None:
        print(gate.table(release.verdict) + "\n")
    sent = release.published
    if sent is None:
        raise typer.Exit(1)
    print(listing(sent))
    merged = ", then repeat the command without --create-pr, which tags it"
    then = f"SKIN_CHECKPOINT={repo}@{sent.version} python app.py"
    print(_ended(sent, dry_run, then, folder=release.folder, merged=merged))


@app.command()
def dataset(
    repo: Repo,
    data: Annotated[
        list[Path] | None, typer.Option(help="Data folders; they are prepared first. Or --work, where that is done.")
    ] = None,
    work: Annotated[Path | None, typer.Option(help="The work folder made by prepare.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where what is sent is written. Default: the work folder; for --data, work/OWNER--NAME."),
    ] = None,
    licence: Licence = None,
    allow_unlabelled: options.AllowUnlabelled = False,
    manifest_only: Annotated[
        bool, typer.Option("--manifest-only", help="Ids, labels, splits and hashes of all photographs, and no picture.")
    ] = False,
    version: options.Version = None,
    private: options.Private = False,
    create_pr: options.PullRequest = False,
    dry_run: options.DryRun = False,
) -> None:
    """Publish a prepared split as a data set with its card: photographs under the licences asked for, or a manifest.

    Photographs lose their metadata (place, device, notes) before they are sent. What is left out for its licence is
    named. Without --version the version is 1.0.0.
    """
    from train.commands import preparation
    from train.hub import dataset_repository
    from train.hub.publish import listing, publish

    if (data is None) == (work is None):
        raise UserError("Say what to publish: either --data FOLDER or --work WORK.")
    if work is None:
        work = (out or Path("work")) / repo.replace("/", "--")
        preparation.prepare(data, work, allow_unlabelled=allow_unlabelled)
    folder = dataset_repository.write_dataset(
        work,
        (out or work) / "dataset",
        licences=None if licence is None else licence.split(","),
        manifest_only=manifest_only,
        repo=repo,
    )
    version = version or "1.0.0"
    what = "Manifest" if manifest_only else "Data set"
    asked = {"private": private, "create_pr": create_pr, "dry_run": dry_run}
    sent = publish(folder, repo, "dataset", version=version, message=f"{what}, version {version}", **asked)
    print(listing(sent))
    option = "--manifest" if manifest_only else "--data"
    more = " --data FOLDER_OF_PICTURES" if manifest_only else ""
    then = f"python -m train prepare {option} hub:{repo}@{version}{more} --out WORK"
    print(_ended(sent, dry_run, then, folder=folder))


@app.command()
def mistakes(
    repo: Repo,
    gallery: Annotated[Path, typer.Option(help="The folder that python -m train mistakes wrote.")],
    licence: Licence = None,
    version: options.Version = None,
    private: options.Private = False,
    create_pr: options.PullRequest = False,
    dry_run: options.DryRun = False,
) -> None:
    """Publish a gallery of mistakes as a data set that the app's mistakes tab opens.

    A case whose photograph is under another licence than those asked for is sent without it, and counted.
    """
    from train.hub import mistakes_repository
    from train.hub.publish import listing

    asked = {"licence": licence, "version": version}
    asked |= {"private": private, "create_pr": create_pr, "dry_run": dry_run}
    sent = mistakes_repository.push(repo, gallery, **asked)
    print(listing(sent))
    at = f"{repo}@{sent.version}" if sent.version and not create_pr else repo
    print(_ended(sent, dry_run, f"SKIN_MISTAKES={at} python app.py"))


@app.command()
def space(
    repo: Repo,
    model: Annotated[str, typer.Option(metavar="OWNER/NAME[@REVISION]", help="The checkpoint that answers.")],
    static: Annotated[
        bool, typer.Option("--static", help="The page that scores in the visitor's own browser, not the app.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="A build of that page. Default: built now from the model's ONNX file.")
    ] = None,
    mistakes: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME[@REVISION]", help="A gallery of mistakes on the Hub to show.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="OWNER/NAME", help="A data set on the Hub to name, once each.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until it runs; 0 does not wait.")] = 1800,
    version: options.Version = None,
    private: options.Private = False,
    create_pr: options.PullRequest = False,
    dry_run: options.DryRun = False,
) -> None:
    """Publish the app as a Space pinned to the model's commit, and wait until it runs or says why it cannot."""
    from train.hub import space_repository
    from train.hub.publish import listing

    if page is not None and not static:
        raise typer.BadParameter("It is the static page's; say --static too.", param_hint="--page")
    asked = {"version": version, "private": private, "create_pr": create_pr, "dry_run": dry_run}
    asked |= {"static": static, "page": page, "mistakes": mistakes, "datasets": tuple(dataset or ()), "wait": wait}
    found = space_repository.push(repo, model, **asked)
    print(listing(found.published))
    for name, value in found.variables.items():
        print(f"{'variable':>12}  {name}={value}")
    said = f"open {found.published.url}" + (f"; it is {found.stage}." if found.stage else ".")
    print(_ended(found.published, dry_run, said))


def _ended(sent: Published, dry_run: bool, then: str, *, folder: Path | None = None, merged: str = "") -> str:
    """The last line of a command: what happened, and what comes next.

    folder: where what would be sent lies. merged: what to do once a pull request is merged.
    """
    if dry_run:
        lies = f"; it lies in {folder}" if folder else ""
        return f"\nNothing was sent{lies}. Next: the same command without --dry-run."
    if sent.pull_request:
        return f"\nOpened {sent.pull_request}. Next: merge it there{merged}."
    return f"\nPublished {sent.url}{f' as {sent.version}' if sent.version else ''}. Next: {then}"
