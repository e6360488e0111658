"""Attacks: no pixel moves further than it may, each goes to the wrong side, and figures are as by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from skin_model.assess import Assessor
from skin_model.network.calibration import Thresholds
from skin_model.network.torch_backend.attribution import risk_log_odds
from skin_model.photo import Photo
from tests.rendering import skin
from train.evaluation.stress import adversarial

QUARTER = Thresholds(low=0.25, high=0.5, malignant_from=0.3, benign_to=0.3)


@pytest.fixture(scope="module")
def assessor():
    return Assessor.load()


@pytest.fixture(scope="module")
def batch(assessor):
    picture = np.clip(skin(120, 160, np.random.default_rng(1)), 0, 255).astype(np.uint8)
    return assessor.view(Photo(picture, 160, 120)).tensor


@pytest.mark.parametrize("name", adversarial.ATTACKS)
@pytest.mark.parametrize("strength", adversarial.STRENGTHS)
def test_no_pixel_changes_by_more_than_the_strength_nor_leaves_the_range(assessor, batch, name, strength):
    changed = adversarial.attack(assessor, batch, torch.tensor([1.0]), name, strength)
    std = torch.tensor(assessor.checkpoint.config.preprocessing.std)[None, :, None, None]
    assert float(((changed - batch) * std).abs().max()) <= strength / 255 + 1e-6
    assert float(changed.abs().max()) <= 1 + 1e-6  # mean and standard deviation are 0.5


@pytest.mark.parametrize("name", adversarial.ATTACKS)
def test_a_cancer_is_pushed_down_and_a_benign_spot_up(assessor, batch, name):
    def log_odds(x):
        with torch.no_grad():
            return float(risk_log_odds(assessor.checkpoint.network(x), assessor.checkpoint.config.malignant))

    for malignant, sign in ((1.0, -1), (0.0, 1)):
        changed = adversarial.attack(assessor, batch, torch.tensor([malignant]), name, 2)
        assert sign * (log_odds(changed) - log_odds(batch)) > 0


def test_an_attack_misleads_the_mean_of_all_views_that_an_answer_is_made_of(batch):
    checkpoint = Assessor.load().checkpoint
    alone, together = Assessor(checkpoint, views=1), Assessor(checkpoint, views=4)

    def of_views(x):
        with torch.no_grad():
            logits = torch.stack([checkpoint.network(v) for v in (x, x.flip(3), x.flip(2), x.flip(2, 3))]).mean(dim=0)
            return float(risk_log_odds(logits, checkpoint.config.malignant))

    truth = torch.tensor([1.0])
    assert of_views(adversarial.attack(together, batch, truth, "pgd", 2)) < of_views(
        adversarial.attack(alone, batch, truth, "pgd", 2)
    )


def test_the_network_keeps_no_gradients(assessor, batch):
    adversarial.attack(assessor, batch, torch.tensor([1.0]), "pgd", 1)
    assert all(p.grad is None and not p.requires_grad for p in assessor.checkpoint.network.parameters())


def test_shares_talked_down_and_up_are_of_those_that_were_on_the_right_side():
    # Cancers at .9 and .3 (both found), one falls; one at .1 was missed before. Benign at .1 and .2, one rises.
    before, after = [0.9, 0.3, 0.1, 0.1, 0.2, 0.9], [0.8, 0.2, 0.0, 0.2, 0.3, 0.9]
    names = [f"{a}_{s}" for a in adversarial.ATTACKS for s in adversarial.STRENGTHS]
    risks = pd.DataFrame({"unaltered": before, **dict.fromkeys(names, after)})
    rows = pd.DataFrame({"malignant": [1, 1, 1, 0, 0, 0], "source": "ham10000", "group": list("abcdef")})
    found = adversarial.summarise(risks, rows, QUARTER, 10)
    of = found["attacks"]["pgd"]["4"]
    assert of["talked_down"]["value"] == 0.5
    assert of["talked_up"]["value"] == 0.5
    assert (found["n"], found["n_malignant"], found["threshold"]) == (6, 3, 0.25)


def test_a_file_that_does_not_open_is_left_out(assessor, tmp_path):
    row = SimpleNamespace(root=str(tmp_path), file="none.jpg", malignant=1)
    assert all(np.isnan(list(adversarial.attacked_risks(assessor, row).values())))
