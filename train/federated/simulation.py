"""A federation on one machine: one site a source or centre family of a work folder, by Flower's simulation on Ray."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

from skin_model.atomic_files import write_csv
from skin_model.network.checkpoint import Checkpoint
from train import UserError
from train.cluster_packages import require, start_ray
from train.data import splits
from train.data.catalogue import family

SITES = ("source", "family")
_UNSAFE = re.compile(r"[^\w.-]+")


def divide(work: Path, folder: Path, sites: str) -> list[dict[str, Any]]:
    """Write a work folder a site below ``folder``; returns name and work of each, as a SuperNode has them.

    sites: "source" or "family". The test part stays out: nobody trains or calibrates on it. Raises UserError.
    """
    if sites not in SITES:
        raise UserError(f"There are no sites by {sites!r}. Choose one of: {', '.join(SITES)}.")
    rows = splits.read_split(work / "split.csv")
    rows = rows[rows["split"].isin(["train", "validation"])]
    owner = rows["source"] if sites == "source" else rows["source"].map(family)
    found = []
    for name, own in rows.groupby(owner, sort=True):
        place = folder / _UNSAFE.sub("_", str(name))
        write_csv(place / "split.csv", own)
        found.append({"name": str(name), "work": str(place.resolve())})
    if len(found) < 2:
        raise UserError(f"{work} has photographs of one {sites} only; a federation needs at least 2 sites.")
    return found


def federate(
    work: Path,
    out: Path,
    settings: Any,
    *,
    sites: str = "source",
    backbone: Path | None = None,
    workers: int | None = None,
) -> Checkpoint:
    """Train ``settings`` (a ``Settings``) across the sites of ``work``, and return the checkpoint in ``out``.

    The same call goes on after the last whole round. workers: sites that train at the same time; None for one a core.
    Raises UserError.
    """
    require("flwr", "Flower")
    require("ray", "Ray")
    import ray
    from flwr.simulation import run_simulation

    from train.federated import client_app, server_app
    from train.federated.run_folder import FederatedRun
    from train.fitting.networks.architectures import load_checkpoint

    run = FederatedRun(out, settings, work)
    if not run.is_finished:
        places = divide(work, out / "sites", sites)
        # What goes wrong at a site, the site and the server say in words; Flower prints a traceback besides.
        logging.getLogger("flwr").setLevel(logging.CRITICAL)
        stopped = threading.Event()
        # Flower would start Ray itself, but only once, however busy the machine is.
        start_ray(
            address="local",
            num_cpus=workers or os.cpu_count() or 1,
            include_dashboard=False,
            logging_level=logging.ERROR,
            # The server's bar shows the rounds; those of all sites at once would only be lines among its sentences.
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path), "TQDM_DISABLE": "1"}},
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run_simulation(
                    server_app.build(settings, out, backbone, work, len(places), stopped),
                    client_app.build(places, settings),
                    num_supernodes=len(places),
                    backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
                )
        finally:
            stopped.set()  # after Ctrl-C the server's thread would wait for its sites, and Python for the thread
            ray.shutdown()
    return load_checkpoint(out / "checkpoint")
