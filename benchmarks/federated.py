"""One site alone, the sites as a federation, all photographs together: the AUC within every source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from tqdm import tqdm

from benchmarks.federated_page import ALONE, FEDERATED, TOGETHER, write_page
from benchmarks.table import write
from skin_model.atomic_files import write_csv
from train import UserError
from train.bootstrap import RESAMPLES, Draws, figure
from train.cluster_packages import require
from train.data import images, splits
from train.data.catalogue import family

OPTIONS: dict[str, dict[str, str]] = {
    "shared": {},
    "local": {"batch_norm": "local"},
    "fedprox": {"strategy": "fedprox"},
}
"""Of ``Settings``, for the federations that are compared."""


def federated(
    work: Annotated[Path, typer.Option(help="A work folder made by prepare, of several sources.")],
    backbone: Annotated[Path, typer.Option(help="ImageNet weights as a safetensors file.")],
    out: Annotated[Path, typer.Option(help="Keeps all runs, so that a repeated call resumes.")] = Path(
        "runs/federated-benchmark"
    ),
    sites: Annotated[str, typer.Option(metavar="source|family", help="What is one site.")] = "source",
    site: Annotated[list[str] | None, typer.Option(help="Only this site; repeat the option. Default: all.")] = None,
    photographs: Annotated[
        int, typer.Option(min=0, help="At most so many of a site to train on, and to validate on; 0 for all.")
    ] = 0,
    federation: Annotated[
        list[str] | None,
        typer.Option(metavar="shared|local|fedprox", help="Only this one; repeat the option. Default: all three."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of one epoch; as many epochs for the others.")] = 10,
    recipe: Annotated[str, typer.Option(help="As for federate.")] = "single-run",
    seed: Annotated[list[int] | None, typer.Option(help="Repeat the option for several.")] = None,
    input_size: Annotated[int, typer.Option(help="In pixels; 0 for the recipe's own.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Sites at work at once. Default: one a core.")] = None,
) -> None:
    """A federation against one site alone and all photographs together, with the same passes; needs `make cluster`.

    Takes about as long as 5 trainings on all photographs for each seed; repeated, it goes on where it stopped. Scores
    the validation part, so that the test part decides nothing. Writes results/federated.csv,
    results/federated_rounds.csv with the AUC and the bytes of each round, and the table of docs/federated.md.
    """
    require("flwr", "Flower")
    require("ray", "Ray")
    from train.federated.settings import Settings
    from train.federated.simulation import divide, federate

    unknown = sorted(set(federation or []) - set(OPTIONS))
    if unknown:
        raise UserError(f"There is no federation {unknown[0]!r}. Choose among: {', '.join(OPTIONS)}.")
    chosen = sample(work, out / "work", sites, site or [], photographs)
    places = divide(chosen, out / "sites", sites)
    rows, by_round = [], []
    for number in seed or [0]:
        asked = {"rounds": rounds, "seed": number, "input_size": input_size}
        # The same recipe as a site's: no moving average, the last epoch.
        alike = Settings(recipe, **asked).to_recipe()
        about = {"seed": number, "recipe": recipe, "pixels": alike.input_size, "rounds": rounds}

        run = out / f"together-{number}"
        rows += _judged(_fitted(chosen, run, alike, backbone), chosen, {"trained on": TOGETHER, **about})
        by_round += _history(run, TOGETHER, number)
        for name in federation or OPTIONS:
            run = out / f"federated-{name}-{number}"
            _decode_once(places, run)
            agreed = Settings(recipe, **asked, **OPTIONS[name])
            checkpoint = federate(chosen, run, agreed, sites=sites, backbone=backbone, workers=workers)
            rows += _judged(checkpoint, chosen, {"trained on": FEDERATED[name], **about})
            by_round += _history(run, FEDERATED[name], number)
        for place in places:
            own = Path(place["work"])
            try:
                alone = _fitted(own, out / f"alone-{own.name}-{number}", alike, backbone)
            except UserError as problem:  # it has not both classes to train and to validate on
                tqdm.write(f"{place['name']} cannot train alone: {problem}", file=sys.stderr)
                continue
            rows += _judged(alone, chosen, {"trained on": f"{place['name']}{ALONE}", **about})
    write("federated", rows, note="AUC on the validation part, within a source. Compare within a column's source.")
    write("federated_rounds", by_round)
    write_page()


def sample(work: Path, out: Path, sites: str, names: list[str], photographs: int) -> Path:
    """A work folder of some sites, with at most ``photographs`` (0: all) in each part of each, whole groups of them.

    The test part stays out. Raises UserError where there is no such site.
    """
    rows = splits.read_split(work / "split.csv")
    rows = rows[rows["split"] != "test"]
    owner = rows["source"] if sites == "source" else rows["source"].map(family)
    unknown = sorted(set(names) - set(owner))
    if unknown:
        known = ", ".join(sorted(set(owner)))
        raise UserError(f"{work} has no site {unknown[0]}. It has: {known}.")
    rows = rows[owner.isin(names)] if names else rows
    kept = []
    for _, of in rows.groupby([owner[rows.index], "split"], sort=True):
        groups = np.random.default_rng(0).permutation(np.unique(of["group"].to_numpy(dtype=str)))
        rank = of["group"].map({name: k for k, name in enumerate(groups)})
        before = rank.map(rank.value_counts().sort_index().cumsum())  # photographs up to the end of its group
        kept.append(of if not photographs else of[before <= photographs])
    write_csv(out / "split.csv", pd.concat(kept).sort_index())
    return out


def _fitted(work: Path, run: Path, recipe: Any, backbone: Path) -> Any:
    """``fit``, which would calibrate a finished run again."""
    from train.fitting import fit
    from train.fitting.networks.architectures import load_checkpoint

    if fit.is_finished(work, run, recipe):
        return load_checkpoint(run / "checkpoint")
    return fit.fit(work, run, recipe, backbone)


def _decode_once(places: list[dict[str, Any]], run: Path) -> None:
    """Let a federation's sites find the squares that were decoded for another."""
    for place in places:
        own = Path(place["work"])
        cache, there = own / "cache", run / "sites" / own.name / "cache"
        cache.mkdir(exist_ok=True)
        there.parent.mkdir(parents=True, exist_ok=True)
        if not there.exists():
            there.symlink_to(cache)


def _history(run: Path, name: str, seed: int) -> list[dict[str, Any]]:
    """A row a round; of a run on all photographs, a row an epoch, without bytes."""
    told = pd.read_csv(run / "history.csv")
    told = told.assign(run=name, seed=seed, round=range(1, len(told) + 1))
    columns = ["run", "seed", "round", "sites", "loss", "validation_auc", "bytes_sent", "bytes_received"]
    return told.reindex(columns=columns).astype({"bytes_sent": "Int64", "bytes_received": "Int64"}).to_dict("records")


def _judged(checkpoint: Any, work: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a source of the validation part that has enough of both classes."""
    from train.evaluation.metrics import ranking
    from train.fitting.validation import LEAST_OF_EACH_CLASS, log_odds, predict

    everything = splits.read_split(work / "split.csv")
    rows = everything[everything["split"] == "validation"]
    config = checkpoint.config
    seen = images.load_squares(rows, config.preprocessing, work / "cache", config.preprocessing.input_size)
    logits = predict(checkpoint.network, seen, config.preprocessing, torch.device("cpu"), config.views)
    odds = log_odds(logits, config.malignant)
    found = []
    for source in sorted(set(rows["source"])):
        of = (rows["source"] == source).to_numpy()
        ill = rows["malignant"].to_numpy()[of].astype(int)
        if min(ill.sum(), (1 - ill).sum()) < LEAST_OF_EACH_CLASS:
            continue
        draws = Draws(rows["group"].to_numpy(dtype=str)[of], RESAMPLES, seed=0)
        auc = figure(ranking(odds[of], ill, draws.weights)["auc"])
        trained = ((everything["source"] == source) & (everything["split"] == "train")).sum()
        counts = {"training": int(trained), "photographs": len(ill), "malignant": int(ill.sum())}
        found.append({**about, "source": source, **counts, "auc": auc["value"], "low": auc["low"], "high": auc["high"]})
    return found
