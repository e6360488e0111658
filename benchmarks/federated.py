"""One site alone, the sites as a federation, all photographs together: the AUC within every source."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from tqdm import tqdm

from benchmarks.table import write
from train.cluster_packages import require
from train.data import images, splits
from train.data.catalogue import family


def federated(
    work: Annotated[Path, typer.Option(help="A work folder made by prepare, of several sources.")],
    backbone: Annotated[Path, typer.Option(help="ImageNet weights as a safetensors file.")],
    out: Annotated[Path | None, typer.Option(help="Keeps all runs, so that a repeated call resumes.")] = None,
    sites: Annotated[str, typer.Option(metavar="source|family", help="What is one site.")] = "source",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of one epoch; as many epochs for the others.")] = 10,
    recipe: Annotated[str, typer.Option(help="As for fit.")] = "released",
    seed: Annotated[list[int] | None, typer.Option(help="Repeat the option for several.")] = None,
    input_size: Annotated[int, typer.Option(help="In pixels; 0 for the recipe's own.")] = 0,
) -> None:
    """A federation against one site alone and all photographs together, with the same passes; needs `make cluster`.

    Takes about as long as 5 trainings for each seed. Scores the validation part, so that the test part decides
    nothing; writes results/federated.csv, and results/federated_rounds.csv with the AUC and the bytes of each round.
    """
    require("flwr", "Flower")
    require("ray", "Ray")
    from train.federated.settings import Settings
    from train.federated.simulation import divide, federate
    from train.fitting import fit

    with tempfile.TemporaryDirectory() as scratch:
        folder = out or Path(scratch)
        rows, by_round = [], []
        for number in seed or [0]:
            asked = {"rounds": rounds, "seed": number, "input_size": input_size}
            for name, options in (
                ("federated, shared batch norm", {}),
                ("federated, local batch norm", {"batch_norm": "local"}),
                ("federated, fedprox", {"strategy": "fedprox"}),
            ):
                agreed = Settings(recipe, **asked, **options)
                run = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{number}"
                checkpoint = federate(work, run, agreed, sites=sites, backbone=backbone)
                rows += _judged(checkpoint, work, {"trained on": name, "seed": number})
                told = pd.read_csv(run / "history.csv")[
                    ["round", "loss", "validation_auc", "bytes_sent", "bytes_received"]
                ]
                by_round += told.assign(run=name, seed=number).to_dict("records")
            # The same recipe as a site's: no moving average, the last epoch.
            alike = Settings(recipe, **asked).to_recipe()
            together = fit.fit(work, folder / f"together-{number}", alike, backbone)
            rows += _judged(together, work, {"trained on": "all photographs together", "seed": number})
            for place in divide(work, folder / "alone", sites):
                alone = _alone(Path(place["work"]), folder / f"alone-{place['name']}-{number}", alike, backbone)
                if alone is not None:
                    rows += _judged(alone, work, {"trained on": f"{place['name']} alone", "seed": number})
        write("federated", rows, note="AUC on the validation part, within a source. Compare within a column's source.")
        write("federated_rounds", by_round)


def _alone(work: Path, out: Path, recipe: Any, backbone: Path) -> Any:
    """A site's own network; None where it has not both classes to train and to validate on."""
    from train import UserError
    from train.fitting import fit

    try:
        return fit.fit(work, out, recipe, backbone)
    except UserError as problem:
        tqdm.write(f"{work.name} cannot train alone: {problem}", file=sys.stderr)
        return None


def _judged(checkpoint: Any, work: Path, told: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a source of the validation part that has enough of both classes."""
    from sklearn.metrics import roc_auc_score

    from train.fitting.validation import LEAST_OF_EACH_CLASS, log_odds, predict

    rows = splits.read_split(work / "split.csv")
    rows = rows[rows["split"] == "validation"]
    config = checkpoint.config
    seen = images.load_squares(rows, config.preprocessing, work / "cache", config.preprocessing.input_size)
    logits = predict(checkpoint.network, seen, config.preprocessing, torch.device("cpu"), config.views)
    odds = log_odds(logits, config.malignant)
    found = []
    for source in sorted(set(rows["source"])):
        of = (rows["source"] == source).to_numpy()
        ill = rows["malignant"].to_numpy()[of]
        if min(ill.sum(), (1 - ill).sum()) >= LEAST_OF_EACH_CLASS:
            auc = float(roc_auc_score(ill, odds[of]))
            found.append({**told, "source": source, "family": family(source), "photographs": len(ill), "auc": auc})
    return found
