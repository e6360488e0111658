"""Saliency maps put to the test: hand-made maps, a linear network whose truth is known, and a whole measurement."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from skin_model.assess import Assessor
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.saliency import METHODS
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.weights import Weights
from tests.train.rendered_lesions import render_lesion
from train.data import per_photograph
from train.evaluation import saliency_evaluation
from train.evaluation.saliency_evaluation import EVALUATED

LESION = np.zeros((4, 4), dtype=bool)
LESION[1:3, 1:3] = True  # a quarter of the square


def test_all_warmth_inside_is_an_energy_of_one_and_an_even_map_has_the_lesions_share():
    assert saliency_evaluation.energy_inside(LESION.astype(np.float32), LESION) == 1
    assert saliency_evaluation.energy_inside(np.ones((4, 4), np.float32), LESION) == 0.25
    assert saliency_evaluation.energy_inside((~LESION).astype(np.float32), LESION) == 0


def test_a_map_that_is_empty_has_the_lesions_share_too():
    assert saliency_evaluation.energy_inside(np.zeros((4, 4), np.float32), LESION) == 0.25
    assert saliency_evaluation.pointing_game(np.zeros((4, 4), np.float32), LESION) == 0.25


def test_the_pointing_game_by_hand():
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[1, 1], heatmap[0, 0] = 0.9, 0.5
    assert saliency_evaluation.pointing_game(heatmap, LESION) == 1
    heatmap[0, 0] = 1.0
    assert saliency_evaluation.pointing_game(heatmap, LESION) == 0
    heatmap[1, 1] = 1.0  # one of two equally warm pixels
    assert saliency_evaluation.pointing_game(heatmap, LESION) == 0.5


def test_an_outline_is_mapped_into_the_square_that_the_network_sees():
    # Of 8 x 4 pixels the network sees the columns 2 to 6; the lesion covers the columns 2 to 6 and the rows 1 to 3.
    outline = np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])
    found = saliency_evaluation.lesion_mask(outline, 8, 4, (2, 0, 6, 4), 8)
    expected = np.zeros((8, 8), dtype=bool)
    expected[2:6] = True
    assert np.array_equal(found, expected)


def test_a_lesion_outside_the_square_leaves_nothing():
    outline = np.array([[0.0, 0.25], [0.2, 0.25], [0.2, 0.75], [0.0, 0.75]])
    assert not saliency_evaluation.lesion_mask(outline, 8, 4, (2, 0, 6, 4), 8).any()


# A linear network: what each pixel adds is its weight times its distance from the baseline

SIDE = 12


class Linear(nn.Module):
    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(4)))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return (batch * self.weight).sum((1, 2, 3))


@pytest.fixture
def linear() -> tuple[Linear, torch.Tensor, torch.Tensor, np.ndarray]:
    """The network, a picture, a baseline and the exact contribution of each pixel, from autograd."""
    generator = torch.Generator().manual_seed(5)
    picture, baseline = torch.randn(2, 1, 3, SIDE, SIDE, generator=generator)
    network = Linear()
    leaf = picture.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(leaf).sum(), leaf)
    return network.requires_grad_(False), picture, baseline, (gradient * (picture - baseline))[0].sum(0).numpy()


def test_deleting_by_the_true_map_lowers_the_risk_sooner_and_inserting_raises_it_sooner_than_by_chance(linear):
    network, picture, baseline, truth = linear
    rng = np.random.default_rng(0)

    def areas(heatmap):
        return saliency_evaluation.deletion_and_insertion(lambda b: network(b).numpy(), picture, baseline, heatmap, rng)

    deletion, insertion = areas(truth)
    for seed in range(5):
        by_chance = areas(saliency_evaluation.random_map(SIDE, np.random.default_rng(seed)))
        assert deletion < by_chance[0]
        assert insertion > by_chance[1]


def test_deletion_and_insertion_by_hand():
    picture, baseline = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    weight = torch.tensor([[0.4, 0.3], [0.2, 0.1]])
    heatmap = weight.numpy()
    found = saliency_evaluation.deletion_and_insertion(
        lambda batch: (batch * weight).sum((1, 2, 3)).numpy(), picture, baseline, heatmap, np.random.default_rng(0), 4
    )
    # The risk goes 1, 0.6, 0.3, 0.1, 0 as pixels go, and 0, 0.4, 0.7, 0.9, 1 as they come.
    assert found == pytest.approx(((0.5 + 0.6 + 0.3 + 0.1) / 4, (0.4 + 0.7 + 0.9 + 0.5) / 4))


def test_the_exact_gradient_of_a_linear_network_has_no_infidelity_and_an_empty_map_has_all(linear):
    network, picture, baseline, truth = linear
    noise = np.random.default_rng(6).normal(size=truth.shape)
    maps = [truth, 7 * truth, np.zeros_like(truth), noise]
    exact, scaled, empty, unrelated = saliency_evaluation.infidelities(
        network, picture, baseline, maps, np.random.default_rng(1)
    )
    assert exact == pytest.approx(0, abs=1e-4)
    assert scaled == pytest.approx(0, abs=1e-4)
    assert empty == pytest.approx(1, abs=1e-4)
    assert 0.3 < unrelated <= 1.0001


def test_infidelity_is_undefined_where_hiding_changes_nothing(linear):
    _, picture, baseline, truth = linear
    found = saliency_evaluation.infidelities(
        lambda batch: torch.zeros(len(batch)), picture, baseline, [truth], np.random.default_rng(1)
    )
    assert np.isnan(found).all()


def test_rank_change_is_none_for_any_rising_map_and_full_for_its_reverse():
    heatmap = np.random.default_rng(0).random((6, 6))
    assert saliency_evaluation.rank_change(heatmap, heatmap**3) == pytest.approx(0)
    assert saliency_evaluation.rank_change(heatmap, 1 - heatmap) == pytest.approx(2)
    assert saliency_evaluation.rank_change(heatmap, np.zeros((6, 6))) == 1


def test_the_random_network_has_other_weights_everywhere_and_still_carries_a_signal():
    torch.manual_seed(0)
    network = networks.create(7).eval().requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    batch = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    other = saliency_evaluation.randomised(network, batch, seed=3)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    weights = dict(other.named_parameters())
    drawn = [name for name, tensor in before.items() if name in weights and tensor.std() > 0]
    assert len(drawn) > 50
    assert not any(torch.equal(weights[name], before[name]) for name in drawn)
    assert not any(module.training for module in other.modules())
    with torch.no_grad():
        deepest = networks.logits_and_maps(other, batch)[1][-1]
    assert deepest.std() > 0.1
    again = saliency_evaluation.randomised(network, batch, seed=3).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in other.state_dict().items())


def test_the_best_method_has_the_best_mean_rank():
    def figures(*values: float) -> dict:
        names = ("pointing_game", "energy_inside", "deletion", "insertion")
        return {name: {"value": value} for name, value in zip(names, values, strict=True)}

    methods = {
        "a": figures(0.9, 0.5, 0.30, 0.40),  # ranks 1, 2, 3, 3: mean 2.25
        "b": figures(0.8, 0.6, 0.20, 0.50),  # ranks 2, 1, 2, 1: mean 1.5
        "c": figures(0.1, 0.2, 0.10, 0.45),  # ranks 3, 3, 1, 2: mean 2.25
    }
    assert saliency_evaluation.best_method(methods) == "b"
    assert saliency_evaluation.best_method({"a": methods["a"], "twin": methods["a"]}) == "a"


# The whole measurement


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pd.DataFrame:
    """Four rendered photographs, three with an outline: rows as ``measure`` takes them."""
    folder = tmp_path_factory.mktemp("outlined")
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = 0.5 + 0.25 * np.column_stack([np.cos(angle), np.sin(angle)])
    files = [f"{n}.png" for n in range(4)]
    for n, file in enumerate(files):
        Image.fromarray(render_lesion(bool(n % 2), rng)).save(folder / file)
    lines = [json.dumps({"file": file, "outline": outline.ravel().tolist()}) for file in files[:3]]
    (folder / "outlines.jsonl").write_text("\n".join(lines) + "\n")
    return pd.DataFrame({"root": str(folder), "file": files, "group": files})


def assessor() -> Assessor:
    torch.manual_seed(0)
    config = Config(
        diagnoses=(),
        preprocessing=Preprocessing(input_size=64),
        calibration=Calibration(),
        thresholds=Thresholds(0.2, 0.4, 0.3, 0.35),
        model_sha256="0" * 64,
    )
    return Assessor(Checkpoint(config, Weights(networks.create(1).eval().requires_grad_(False))))


def test_a_measurement_holds_every_figure_of_every_method_and_resumes_to_the_same(data, tmp_path, monkeypatch):
    monkeypatch.setattr(per_photograph, "SAVED_EVERY", 1)
    whole = saliency_evaluation.measure(assessor(), data, resamples=20, out=tmp_path)
    assert whole["n"] == 3
    assert set(whole["methods"]) == set(EVALUATED)
    assert whole["best"] in METHODS  # of those that the app can offer
    # A circle of a quarter of the side covers pi / 16 of the square.
    assert whole["area"]["value"] == pytest.approx(np.pi / 16, abs=0.01)
    for figures in (*whole["methods"].values(), whole["random"]):
        assert set(figures) == set(saliency_evaluation.FIGURES)
        assert all(f["low"] <= f["value"] <= f["high"] for f in figures.values())
    assert whole["random"]["randomisation"]["value"] == 0  # noise looks at no weights
    assert whole["methods"]["grad_cam"]["randomisation"]["value"] > 0.1

    (kept,) = tmp_path.glob("saliency-*.csv")
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[: 1 + len(EVALUATED) + 1]))  # as if interrupted after the first photograph
    assert saliency_evaluation.measure(assessor(), data, resamples=20, out=tmp_path) == whole


def test_without_outlines_there_is_nothing_to_measure(data):
    assert saliency_evaluation.measure(assessor(), data.iloc[3:]) is None


def test_grad_cam_is_left_out_for_a_network_without_a_feature_map(data):
    config = assessor().checkpoint.config
    torch.manual_seed(0)
    plain = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, 1)).eval().requires_grad_(False)
    found = saliency_evaluation.measure(Assessor(Checkpoint(config, Weights(plain))), data, resamples=5)
    assert set(found["methods"]) == set(EVALUATED) - {"grad_cam", "turned_grad_cam"}
