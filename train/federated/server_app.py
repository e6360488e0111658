"""Flower's ServerApp: the rounds, one after the other, and the run folder that they end in."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp
from tqdm import tqdm

from train import UserError
from train.federated import counts
from train.federated.messages import Weights, build_of, fill, weights_of
from train.federated.rounds import Federation, Introduced
from train.federated.run_folder import FederatedRun
from train.federated.settings import Settings
from train.fitting.networks import backbones
from train.fitting.run import network_of

FAILED_ROUNDS = 3
"""So many rounds one after the other in which too few sites answered end the run, to be gone on with later."""


def build(
    settings: Settings | None = None,
    out: Path | None = None,
    backbone: Path | None = None,
    work: Path | None = None,
    expected: int | None = None,
    stopped: threading.Event | None = None,
) -> ServerApp:
    """The app. Without arguments they come from Flower's run configuration: ``flwr run … --run-config 'out="RUN"'``.

    work: the work folder that a simulation's sites were made of. expected: how many sites it has. stopped: set where
    the simulation ends before its time; nobody answers any more.
    """
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        given: dict[str, Any] = dict(context.run_config)
        agreed = settings or Settings.read(given)
        folder = out or Path(str(given.get("out") or "federated-run")).expanduser()
        file = backbone or (Path(str(given["backbone"])).expanduser() if given.get("backbone") else None)
        folder.mkdir(parents=True, exist_ok=True)
        if stopped is not None:
            _end_waiting(grid, stopped)
        run_rounds(grid, context, FederatedRun(folder, agreed, work), file, expected)

    return app


def _end_waiting(grid: Grid, stopped: threading.Event) -> None:
    """Let the grid, which looks for answers several times a second, look no more once ``stopped`` is set."""
    look = grid.pull_messages

    def pull_messages(message_ids: Iterable[str]) -> Iterable[Message]:
        if stopped.is_set():
            raise UserError("The simulation was stopped. The same command goes on after the last whole round.")
        return look(message_ids)

    grid.pull_messages = pull_messages


def run_rounds(
    grid: Grid, context: Context, run: FederatedRun, backbone: Path | None, expected: int | None = None
) -> None:
    """All rounds that are left, then the calibration. Raises UserError where sites do not come or do not answer.

    expected: as for ``Federation``.
    """
    settings, recipe = run.settings, run.settings.to_recipe()
    network = network_of(recipe)
    kept, started_from = run.resume(), backbones.FROM_SCRATCH
    if recipe.pretrained:
        started_from = backbones.load(network, recipe.architecture, [] if backbone is None else [backbone])
    federation = Federation(grid, context, settings, build_of(network), expected)
    everything = weights_of(network, statistics=True) | (kept or {})
    done, failed = len(run.history), 0
    if done:
        tqdm.write(f"Going on after round {done} of {settings.rounds}.", file=sys.stderr)
    bar = tqdm(total=settings.rounds, initial=done, desc="Rounds", unit="round", file=sys.stderr, disable=None)
    with bar:
        while done < settings.rounds:
            row = _round(federation, settings, done + 1, everything)
            if row is None:
                failed += 1
                if failed == FAILED_ROUNDS:
                    raise UserError(
                        f"Too few sites answered, {FAILED_ROUNDS} rounds one after the other. The same command goes on "
                        f"after round {done} once they are back."
                    )
                continue
            done, failed = done + 1, 0
            run.keep(everything, row)
            bar.update()
    fill(network, everything)
    found, left_out = federation.count(everything, counts.TEMPERATURES, own_statistics=False)
    _tell("The calibration", left_out)
    checkpoint, notes = run.finish(network, found, _taking_part(federation), started_from)
    for note in notes:
        tqdm.write(note, file=sys.stderr)
    tqdm.write(f"Wrote {run.out / 'checkpoint'}, {checkpoint.hash}.", file=sys.stderr)


def _round(federation: Federation, settings: Settings, number: int, everything: Weights) -> dict[str, Any] | None:
    """One round, whose weights go into ``everything``; its row of the history, None where too few sites answered."""
    began, sent, received = time.monotonic(), federation.grid.sent, federation.grid.received
    statistics = settings.batch_norm == "shared" or number == settings.rounds
    found = federation.train(number, everything, statistics=statistics)
    _tell(f"Round {number}", found.left_out)
    if found.weights is None:
        return None
    everything.update(found.weights)
    own = settings.batch_norm == "local" and number < settings.rounds
    judged, left_out = federation.count(everything, (1.0,), own_statistics=own)
    _tell(f"Validation of round {number}", left_out)
    aucs = [auc for site in judged if (auc := counts.auc(site)) is not None]
    row = {
        "epoch": number * settings.epochs,
        "loss": found.loss,
        "validation_auc": float(np.mean(aucs)) if aucs else float("nan"),
        "seconds": time.monotonic() - began,
        "round": number,
        "sites": len(found.sites),
        "left_out": "; ".join(f"{name}: {why}" for name, why in sorted(found.left_out.items())),
        "bytes_sent": federation.grid.sent - sent,
        "bytes_received": federation.grid.received - received,
    }
    tqdm.write(
        f"Round {number} of {settings.rounds}: {row['sites']} sites, loss {row['loss']:.4f}, validation AUC within "
        f"site {row['validation_auc']:.4f}, {row['seconds']:.0f} s, {row['bytes_received'] / 1e6:.1f} MB received.",
        file=sys.stderr,
    )
    return row


def _tell(what: str, left_out: dict[str, str]) -> None:
    for name, why in sorted(left_out.items()):
        tqdm.write(f"{what} goes on without {name}: {why}.", file=sys.stderr)


def _taking_part(federation: Federation) -> list[Introduced]:
    """Every site once, by name."""
    return list({site.name: site for site in federation.sites.values()}.values())


app = build()
