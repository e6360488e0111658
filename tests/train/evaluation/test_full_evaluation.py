"""``evaluate --full``: the figures that take longer, added to the same report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.weights import Weights
from tests.train.rendered_lesions import write_work
from train.commands.command_line import main
from train.evaluation import evaluate, plots
from train.evaluation.stress import robustness


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Four photographs to score, one of them outlined."""
    work = write_work(tmp_path_factory.mktemp("full"), training=0, validation=4)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = (0.5 + 0.25 * np.column_stack([np.cos(angle), np.sin(angle)])).ravel().tolist()
    (work.parent / "data" / "outlines.jsonl").write_text(json.dumps({"file": "images/1.png", "outline": outline}))
    return work


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    config = Config((), Preprocessing(input_size=64), Calibration(), Thresholds(0.2, 0.4, 0.3, 0.35))
    folder = tmp_path_factory.mktemp("checkpoint")
    Checkpoint(config, Weights(networks.create(1).eval())).save(folder)
    return folder


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda metrics, out: [])


def test_full_adds_robustness_attacks_saliency_and_shortcuts_and_leaves_nothing_else_behind(work, checkpoint, tmp_path):
    options = ["--checkpoint", checkpoint, "--work", work, "--split", "validation", "--resamples", "5"]
    main_exits_well("evaluate", *options, "--out", tmp_path / "plain")
    main_exits_well("evaluate", *options, "--out", tmp_path / "full", "--full")
    plain, full = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("plain", "full"))
    assert set(full) - set(plain) == {"robustness", "orientation", "adversarial", "saliency", "shortcuts"}
    assert (full["robustness"]["n"], full["saliency"]["n"]) == (4, 1)
    assert full["shortcuts"]["border"]["n"] == 4 and full["shortcuts"]["command"] == full["command"]
    assert full["shortcuts"]["crossing"]["groups"] == 0
    assert full["command"] == plain["command"].replace(" --out", " --full --out")
    assert {file.name for file in (tmp_path / "full").iterdir()} == {"metrics.json", "predictions.csv"}


def test_without_outlines_full_has_no_saliency(checkpoint, tmp_path):
    work = write_work(tmp_path, training=0, validation=2)
    found = evaluate.evaluate(checkpoint, tmp_path / "out", work=work, split="validation", resamples=5, full=True)
    assert "robustness" in found
    assert "saliency" not in found


def test_an_interrupted_full_evaluation_keeps_what_it_measured(work, checkpoint, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    options = {"work": work, "split": "validation", "resamples": 5, "full": True}
    with monkeypatch.context() as patch:
        patch.setattr("train.evaluation.saliency_evaluation.measure", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate.evaluate(checkpoint, tmp_path, **options)
    with monkeypatch.context() as patch:
        patch.setattr("train.evaluation.shortcuts.classifiers.protocol", interrupted)  # every photograph has been read
        with pytest.raises(KeyboardInterrupt):
            evaluate.evaluate(checkpoint, tmp_path, **options)
    monkeypatch.setattr(robustness, "_risks", interrupted)  # nothing is altered a second time
    monkeypatch.setattr("train.evaluation.shortcuts.features._read_chunk", interrupted)  # nor read
    assert evaluate.evaluate(checkpoint, tmp_path, **options)["robustness"]["n"] == 4


def main_exits_well(*arguments: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 0
