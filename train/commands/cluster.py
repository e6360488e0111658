"""Commands that use more than one machine: ``score`` on Ray, ``federate`` on Flower."""

from pathlib import Path
from typing import Annotated

import typer

from train.commands import options

app = typer.Typer()


@app.command()
def federate(
    work: options.Work,
    out: Annotated[Path, typer.Option(help="The run folder: checkpoint/, history.csv and a plot.")],
    sites: Annotated[str, typer.Option(metavar="source|family", help="What is one site: a source, or a family.")] = (
        "source"
    ),
    rounds: Annotated[int, typer.Option(min=1, help="How often the sites' weights are averaged.")] = 10,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of its own photographs that a site trains a round.")] = 1,
    recipe: options.RecipeName = "single-run",
    backbone: options.Backbone = None,
    strategy: Annotated[str, typer.Option(metavar="fedavg|fedprox", help="How the weights become one.")] = "fedavg",
    mu: Annotated[float, typer.Option(min=0, help="For fedprox: how strongly sites are held near each other.")] = 0.01,
    batch_norm: Annotated[
        str,
        typer.Option(
            metavar="shared|local",
            help="Statistics of batch normalisation: averaged in every round, or each site's own until the last one.",
        ),
    ] = "shared",
    secure: Annotated[
        bool, typer.Option("--secure", help="Let the server see the sum of the sites' changes only (SecAgg+).")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the network's first weights, and of every site's drawing.")] = 0,
    input_size: options.InputSize = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Sites at work at once. Default: one a core.")] = None,
) -> None:
    """Train one network across sites that keep their photographs, simulated on this machine; repeat it to resume.

    Each source (or centre family) of the work folder becomes a site, which trains on its own photographs alone. Only
    weights and counts leave a site, and the calibration is made from counts. The result is an ordinary run folder.

    Example: python -m train federate --work work --sites source --rounds 10 --out runs/federated

    The same on real machines, one in each hospital, with the same code: docs/federated.md.

    Needs `make cluster`, which installs Flower and Ray in .venv-cluster.
    """
    from train.federated import simulation
    from train.federated.settings import Settings

    asked = {"strategy": strategy, "mu": mu, "batch_norm": batch_norm, "secure": secure, "seed": seed}
    least = 3 if secure else 2
    agreed = Settings(recipe, rounds, epochs, **asked, input_size=input_size or 0, least_sites=least)
    simulation.federate(work, out, agreed, sites=sites, backbone=backbone, workers=workers)
    folder = out / "checkpoint"
    print(f"Wrote {folder}. Next: python -m train evaluate --checkpoint {folder} --work {work} --out REPORT")


@app.command()
def score(
    data: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|hub:OWNER/DATASET[@REV]|'*.parquet'",
            help="A folder of photographs, a data set on the Hub, or Parquet files that hold photographs.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the scores, the summary and, with labels, metrics.json.")],
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="A Ray cluster that this machine belongs to: its address, such as 10.0.0.1:6379, or auto. "
            "Default: Ray is started on this machine, and stopped afterwards.",
        ),
    ] = None,
    checkpoint: options.Checkpoint = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also draw where each risk comes from, as PNG files in SCORES/overlays.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Photographs scored at the same time. Default: one a core.")
    ] = None,
    resamples: options.Resamples = 1000,
    seed: options.BootstrapSeed = 0,
) -> None:
    """Score an archive of photographs of any size on all cores of this machine, or on a Ray cluster.

    On this machine:  python -m train score --data archive --out scores

    On a cluster:     python -m train score --data /shared/archive --out scores --ray 10.0.0.1:6379

    SCORES/shards holds Parquet files with a row a photograph: what python -m skin_model --json says of it, and the
    SHA-256 of its file. The same command, after Ctrl-C or a crash, scores what is missing and nothing twice; at the
    end every photograph is counted as scored, refused or unreadable. Where photographs have labels, metrics.json is
    written as evaluate writes it. Folders must have the same name on every machine of a cluster.

    Needs `make cluster`, which installs Ray in .venv-cluster.
    """
    from train.batch_inference import score as scoring

    asked = {"address": ray, "checkpoint": checkpoint, "overlay": overlay, "workers": workers}
    summary = scoring.score(data, out, **asked, resamples=resamples, seed=seed)
    print(scoring.table(summary))
    print(f"\nWrote {out}. Read it with: pandas.read_parquet('{out / 'shards'}')")
