"""The checkpoint that a run ends in: calibrated, with its out-of-distribution gate and its training record."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from skin_model import __version__
from skin_model.diagnoses import DIAGNOSES
from skin_model.network import calibration as calibrated
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.network.preprocessing import resize
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.out_of_distribution import OutOfDistributionGate
from skin_model.network.torch_backend.weights import Weights
from train.data import licences
from train.data.catalogue import family
from train.fitting import calibration, context
from train.fitting.ood import detector
from train.fitting.run import Run
from train.fitting.run_folder import plot_history
from train.fitting.validation import log_odds, predict, within_source_auc

PHOTOGRAPHS_FOR_GATE = 6000
"""Training photographs, drawn at random, that the out-of-distribution gate is fitted on."""


def write(
    run: Run,
    record: dict[str, Any],
    *,
    out_of_fold: np.ndarray | None = None,
    gate_threshold: float | None = None,
    told: pd.DataFrame | None = None,
) -> Checkpoint:
    """Calibrate a trained run's network, fit its gate, and write the checkpoint and the history's plot.

    record: the training record, to which what the run found is added. A run without validation photographs needs
    out_of_fold, (N, K) logits of networks that did not see its N training photographs, on which calibration and
    thresholds are fitted, and gate_threshold, as such networks' gates have it: its own answers to photographs that it
    learnt from are surer than those to a stranger's. told: N rows with age, sex, site and fold, from which is learned
    what these add, if anything.
    """
    network, recipe = run.plain.eval().requires_grad_(False).cpu(), run.recipe
    if out_of_fold is None:
        rows = run.validation
        logits = predict(network, run.seen, run.preprocessing, torch.device("cpu"), recipe.views)
    else:
        rows, logits = run.training, out_of_fold
    fitted, thresholds, points = calibration.fit(
        logits,
        rows["malignant"].to_numpy(),
        rows["source"].map(family).to_numpy(dtype=str),
        recipe.malignant_outputs,
        groups=rows["group"].to_numpy(dtype=str),
    )
    diagnoses = None
    if recipe.head != "binary":
        diagnoses = calibration.fit_diagnoses(logits, pd.Index(DIAGNOSES).get_indexer(rows["diagnosis"]))
    risk = log_odds(logits, recipe.malignant_outputs)
    auc = within_source_auc(risk, rows["malignant"].to_numpy(), rows["source"].to_numpy(dtype=str))
    record |= {"best_epoch": run.best["epoch"], "validation_auc": auc, "epochs": len(run.history)}
    record |= {"seconds_training": round(sum(epoch["seconds"] for epoch in run.history))}
    record |= {"started_from": run.started_from}
    licence, note = licences.of_weights(record["licences"])
    added = None
    if told is not None:
        risks = calibrated.risk(
            calibrated.probabilities(logits, recipe.malignant_outputs, fitted), recipe.malignant_outputs
        )
        added = context.fit_where_it_helps(told, risks, fitted.reference_prevalence, told["fold"].to_numpy())
    config = Config(
        diagnoses=() if recipe.head == "binary" else DIAGNOSES,
        preprocessing=run.preprocessing,
        calibration=fitted,
        thresholds=thresholds,
        operating_points=points,
        training=record,
        architecture=recipe.architecture,
        version=__version__,
        licence=licence,
        licence_note=note,
        context=added,
        diagnosis_calibration=diagnoses,
        views=recipe.views,
    )
    gate = _gate(run, network)
    if gate is not None and gate_threshold is not None:
        gate = replace(gate, threshold=torch.tensor(gate_threshold))
    saved = Checkpoint(config, Weights(network, gate)).save(run.out / "checkpoint")
    plot_history(run.history, run.out / "history.png")
    return saved


def _gate(run: Run, network: nn.Module) -> OutOfDistributionGate | None:
    """The out-of-distribution gate of the released network's stages; None for a network of another build."""
    if not networks.has_maps(network):
        return None
    size = run.recipe.input_size
    order = np.random.default_rng(run.recipe.seed).permutation(len(run.training))
    some = np.sort(order[:PHOTOGRAPHS_FOR_GATE])

    def as_seen(chosen: np.ndarray) -> list[np.ndarray]:
        return [resize(run.squares[run.positions[i]], size, size) for i in chosen]

    judged, judged_sources = list(run.seen), list(run.validation["source"])
    if not judged:
        others = np.sort(order[PHOTOGRAPHS_FOR_GATE : 2 * PHOTOGRAPHS_FOR_GATE] if len(order) > len(some) else order)
        judged, judged_sources = as_seen(others), list(run.training["source"].iloc[others])
    return detector.fit(
        network,
        run.preprocessing,
        as_seen(some),
        list(run.training["source"].iloc[some]),
        judged,
        judged_sources,
        seed=run.recipe.seed,
    )
