"""Options of a recipe that change the loss or the start: label smoothing, mixup, the robust loss, a head of zeros."""

import cv2
import numpy as np
import pandas as pd
import pillow_heif
import pytest
import torch
from PIL import Image

from tests.train.rendered_lesions import write_work
from train import UserError
from train.data import images
from train.fitting import fit as fitting
from train.fitting import losses
from train.fitting import run as running
from train.fitting.recipes import RECIPES, Recipe

TINY = Recipe("tiny", "For tests.", pretrained=False, input_size=64, epochs=1, batch_size=8, ema_decay=0.0)


def row(*values):
    return torch.tensor([values], dtype=torch.float32)


def test_label_smoothing_takes_its_share_from_the_mean_over_all_diagnoses():
    logits = row(2, 0, 0, 0, 0, 0, 0)
    # The true diagnosis costs c = ln(e² + 6) - 2, each of the six others c + 2: their mean is c + 12/7.
    cost = np.log(np.exp(2) + 6) - 2
    smoothed = TINY.change(label_smoothing=0.1, risk_weight=0.0)
    loss = losses.loss_per_photograph(logits, torch.tensor([0]), torch.tensor([1.0]), smoothed)
    assert loss.item() == pytest.approx(cost + 0.1 * 12 / 7, rel=1e-5)


def test_the_spread_between_centres_is_the_variance_of_their_mean_losses():
    # Means 2 and 6: variance 4.
    spread = losses.spread_between(torch.tensor([1.0, 3.0, 6.0]), torch.tensor([0, 0, 1]))
    assert spread.item() == pytest.approx(4)


def test_one_centre_has_no_spread():
    assert losses.spread_between(torch.tensor([1.0, 3.0]), torch.tensor([2, 2])).item() == 0


def test_a_head_of_zeros_gives_every_diagnosis_the_same_chance():
    logits = running.network_of(RECIPES["plain"].change(zero_head=True)).eval()(torch.randn(2, 3, 64, 64))
    assert torch.equal(logits, torch.zeros(2, 7))


@pytest.mark.parametrize("option", [{"mixup": 0.4}, {"label_smoothing": 0.1}])
def test_an_option_changes_what_is_learned_and_the_same_seed_repeats_it(tmp_path, option):
    work = write_work(tmp_path, training=24, validation=12)

    def loss(name, recipe):
        fitting.fit(work, tmp_path / name, recipe)
        return float((tmp_path / name / "history.csv").read_text().splitlines()[1].split(",")[1])

    assert loss("with", TINY.change(**option)) == loss("again", TINY.change(**option)) != loss("without", TINY)


def test_an_epoch_length_says_how_many_photographs_an_epoch_draws(tmp_path):
    work = write_work(tmp_path, training=24, validation=12)
    fitting.fit(work, tmp_path / "run", TINY.change(epoch_length=16, schedule="constant"))
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    steps = next(iter(state["optimiser"]["state"].values()))["step"]
    assert int(steps) == 2


def test_mixing_with_a_share_of_one_is_no_mixing(monkeypatch, tmp_path):
    class Whole:
        def __init__(self, *_):
            pass

        def sample(self):
            return torch.tensor(1.0)

    work = write_work(tmp_path, training=24, validation=12)
    frozen = TINY.change(drop_rate=0.0)
    fitting.fit(work, tmp_path / "without", frozen)
    monkeypatch.setattr(torch.distributions, "Beta", Whole)
    fitting.fit(work, tmp_path / "with", frozen.change(mixup=0.2))
    first, second = ((tmp_path / name / "history.csv").read_text().splitlines()[1] for name in ("without", "with"))
    assert float(first.split(",")[1]) == pytest.approx(float(second.split(",")[1]), rel=1e-4)


def test_batches_are_mixed_in_the_share_that_the_recipe_names(monkeypatch, tmp_path):
    mixed = []
    partners = running._partners
    monkeypatch.setattr(running, "_partners", lambda folds: mixed.append(1) or partners(folds))
    work = write_work(tmp_path, training=24, validation=12)
    fitting.fit(work, tmp_path / "never", TINY.change(mixup=0.4, mixup_share=0.0))
    assert not mixed
    fitting.fit(work, tmp_path / "always", TINY.change(mixup=0.4))
    assert len(mixed) == 3  # batches of eight


@pytest.mark.parametrize(("keep", "kept"), [("best", 1), ("last", 2)])
def test_the_best_epoch_is_kept_or_the_last_as_the_recipe_says(tmp_path, monkeypatch, keep, kept):
    aucs = iter([0.9, 0.6])
    monkeypatch.setattr(running.Run, "_validation_auc", lambda *_: next(aucs))
    work = write_work(tmp_path, training=24, validation=12)
    checkpoint = fitting.fit(work, tmp_path / "run", TINY.change(keep=keep, epochs=2))
    assert checkpoint.config.training["best_epoch"] == kept


def test_photographs_smaller_than_the_recipe_asks_are_not_learned_from(tmp_path):
    work = write_work(tmp_path, training=24, validation=12)
    small = work.parent / "data" / "images" / "1.png"
    cv2.imwrite(str(small), cv2.resize(cv2.imread(str(small)), (80, 120)))
    checkpoint = fitting.fit(work, tmp_path / "run", TINY.change(epochs=1, least_side=96))
    assert checkpoint.config.training["photographs"]["train"] == {"rendered": 23}


def test_the_size_of_a_heic_photograph_is_known_too(tmp_path):
    pillow_heif.from_pillow(Image.new("RGB", (200, 120), (200, 150, 120))).save(tmp_path / "a.heic")
    rows = pd.DataFrame({"root": [str(tmp_path)], "file": ["a.heic"]})
    assert [images.large_enough(rows, least).tolist() for least in (120, 121)] == [[True], [False]]


def test_a_file_that_is_no_photograph_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"a\.jpg cannot be read"):
        images.large_enough(pd.DataFrame({"root": [str(tmp_path)], "file": ["a.jpg"]}), 128)
