"""Training on real photographs: two processes learn as much as one, and more than nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from tests.train.launching import launch
from train.fitting import fit as fitting
from train.fitting import validation
from train.fitting.recipes import RECIPES

SMALL = RECIPES["single-run"].change(input_size=96, epochs=2, batch_size=32, ema_decay=0.9, patience=9)
SCRIPT = """
import sys
from pathlib import Path
from tests.train.fitting.test_fit_on_photographs import SMALL
from train.fitting import fit
fit.fit(Path(sys.argv[1]), Path(sys.argv[2]), SMALL, Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def work(shared_data, tmp_path_factory):
    """800 training and 400 validation photographs of HAM10000, half of each malignant, split by lesion."""
    folder = tmp_path_factory.mktemp("photographs")
    rows = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    rows = rows[rows.source == "ham10000"].drop_duplicates("lesion_id")
    chosen = []
    for malignant in ("0", "1"):
        of_class = rows[rows.malignant == malignant].sample(600, random_state=0)
        chosen.append(of_class.assign(split=["train"] * 400 + ["validation"] * 200))
    rows = pd.concat(chosen).assign(root=str(shared_data))
    rows["group"] = rows["lesion_id"]
    columns = ["root", "file", "source", "image_id", "group", "split", "diagnosis", "malignant"]
    rows[columns].to_csv(folder / "split.csv", index=False)
    return folder


def validation_log_odds(run):
    """Risk log-odds of the run's checkpoint on the 400 validation photographs, and their labels."""
    from skin_model.network.checkpoint import Checkpoint
    from train.data.images import load_squares

    checkpoint = Checkpoint.load(run / "checkpoint")
    rows = fitting.read_split(run.parent)
    rows = rows[rows.split == "validation"]
    preprocessing = checkpoint.config.preprocessing
    pictures = load_squares(rows, preprocessing, run.parent / "cache", preprocessing.input_size)
    logits = validation.predict(checkpoint.network, pictures, preprocessing, torch.device("cpu"))
    return validation.log_odds(logits, checkpoint.config.malignant), rows["malignant"].to_numpy()


def interval(risk, malignant):
    """95 % bootstrap interval of the AUC over photographs: 2.5 % and 97.5 % quantiles."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(risk), len(risk)) for _ in range(500)]
    return np.quantile([roc_auc_score(malignant[drawn], risk[drawn]) for drawn in draws], [0.025, 0.975])


@pytest.mark.real_data
@pytest.mark.slow  # that two processes learn the same weights is shown in test_fit.py
def test_the_validation_aucs_of_two_processes_and_of_one_lie_within_each_others_uncertainty(
    work, backbone_file, record_property
):
    """Both are short, noisy runs, each with an interval of its own, so it is the two intervals that must meet."""
    fitting.fit(work, work / "one", SMALL, backbone_file)
    script = work / "launched.py"
    script.write_text(SCRIPT)
    status, said = launch(script, 2, work, work / "two", backbone_file, timeout=480)
    assert status == 0, said[-2000:]

    intervals = []
    for run in ("one", "two"):
        risk, malignant = validation_log_odds(work / run)
        low, high = interval(risk, malignant)
        record_property(run, f"{roc_auc_score(malignant, risk):.3f} ({low:.3f} to {high:.3f})")
        intervals.append((low, high))
    (low_one, high_one), (low_two, high_two) = intervals
    assert min(low_one, low_two) > 0.6
    assert max(low_one, low_two) <= min(high_one, high_two)
