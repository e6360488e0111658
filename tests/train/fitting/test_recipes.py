"""Every recipe takes a real step, stages freeze what they say, and imbalance is met as described."""

import json
from dataclasses import asdict, replace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from skin_model.network.preprocessing import Preprocessing
from tests.train.rendered_lesions import render_lesion, write_work
from train import UserError
from train.data.augmentation import NO_AUGMENTATION, augment
from train.data.images import UNCHANGED
from train.fitting import fit as fitting
from train.fitting import losses, run_folder, sampling
from train.fitting import run as running
from train.fitting.networks import architectures, backbones, hand_features
from train.fitting.networks.stages import freeze, head_prefix, stages_of
from train.fitting.recipes import BALANCES, RECIPES, Recipe, Stage, find

SMALLEST_INPUT = {"inception_resnet_v2": 96}
STAGED = Recipe(
    name="staged",
    description="For tests: the head for one epoch, then the last two fifths of the layers for two.",
    pretrained=False,
    input_size=64,
    epochs=3,
    batch_size=8,
    ema_decay=0.0,
    drop_rate=0.0,
    stages=(Stage(1 / 3, 1e-2, unfrozen=0.0), Stage(2 / 3, 1e-3, unfrozen=0.4)),
)


def table(count):
    malignant = np.arange(count) % 2
    diagnosis = np.where(malignant == 1, "mel", "nv")
    return pd.DataFrame({"source": "ham10000", "diagnosis": diagnosis, "malignant": malignant})


def start(recipe, folder, count=8):
    """A run of ``recipe`` on rendered lesions, ready for its first epoch."""
    rng = np.random.default_rng(0)
    squares = np.stack([render_lesion(bool(i % 2), rng) for i in range(count)])
    seen = np.stack([cv2.resize(square, (recipe.input_size,) * 2) for square in squares])
    preprocessing = Preprocessing(recipe.input_size, *backbones.pixel_statistics(recipe.architecture))
    run = running.Run(Accelerator(), folder, recipe, preprocessing, table(count), table(count), squares, seen)
    run.prepare(running.network_of(recipe), backbones.FROM_SCRATCH)
    return run


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def small(name):
    recipe = RECIPES[name]
    size = SMALLEST_INPUT.get(recipe.architecture, 64)
    return recipe.change(pretrained=False, input_size=size, batch_size=4, balance_power=1.0, epochs=2)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_a_real_step(name, tmp_path):
    run = start(small(name), tmp_path, count=4)
    before = weights(run.plain)
    loss, *_ = run._epoch(0)
    head = head_prefix(run.plain)
    learning = {n for n, p in run.plain.named_parameters() if p.requires_grad}
    moved = changed(before, weights(run.plain))
    assert np.isfinite(loss)
    assert {n for n in learning if n.startswith(head)} <= moved
    # Not all: residual branches that start at zero (ResNet) pass no gradient to their layers in the first step.
    assert len(learning & moved) > 0.2 * len(learning)


@pytest.mark.parametrize("name", ["seven-class-cnn", "hand-features"])
def test_the_loss_falls_as_a_recipe_goes_on(name, tmp_path):
    run = start(small(name).change(learning_rate=2e-3, drop_rate=0.0, schedule="constant"), tmp_path, count=16)
    losses = [run._epoch(epoch)[0] for epoch in range(10)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_first_stage_changes_the_head_and_nothing_else(tmp_path):
    run = start(STAGED, tmp_path)
    before = weights(run.plain)
    run._epoch(0)
    assert changed(before, weights(run.plain)) == {"classifier.weight", "classifier.bias"}


def test_the_second_stage_changes_the_layers_nearest_the_head_and_nothing_else(tmp_path):
    run = start(STAGED, tmp_path)
    run.best = {"auc": 0.5, "epoch": 1, "weights": weights(run.plain)}
    run.history = [{}]
    run._begin(1)
    before = weights(run.plain)
    run._epoch(1)
    moved = changed(before, weights(run.plain))
    assert "conv_head.weight" in moved
    assert any(name.startswith("blocks.5") for name in moved)
    assert not any(
        name.startswith(("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2", "blocks.3.0")) for name in moved
    )


def test_a_stage_begins_with_the_best_weights_and_its_own_learning_rate(tmp_path):
    run = start(STAGED.change(schedule="constant"), tmp_path)
    best = {name: torch.full_like(tensor, 0.25) for name, tensor in run.plain.state_dict().items()}
    run.best, run.history = {"auc": 0.5, "epoch": 1, "weights": best}, [{}, {}]
    run._begin(1)
    assert not changed(best, run.plain.state_dict())
    assert run.optimiser.param_groups[0]["lr"] == 1e-3


def test_a_recipe_without_stages_has_one_in_which_everything_learns():
    recipe = RECIPES["single-run"]
    assert stages_of(recipe) == (Stage(1.0, recipe.learning_rate, unfrozen=1.0),)


def test_a_stage_without_progress_hands_over_to_the_next_one(tmp_path):
    run = start(STAGED.change(epochs=30, patience=3), tmp_path)
    run.best, run.history = {"auc": 0.5, "epoch": 1, "weights": weights(run.plain)}, [{}] * 3
    assert run._has_another_epoch() and run.stage == 0
    run.history = [{}] * 4
    assert run._has_another_epoch() and run.stage == 1
    run.history = [{}] * 6
    assert run._has_another_epoch()
    run.history = [{}] * 7
    assert not run._has_another_epoch()


def test_freezing_counts_layers_from_the_head():
    network = torch.nn.Sequential(*[torch.nn.Linear(2, 2) for _ in range(5)])
    network.get_classifier = lambda: network[4]
    frozen = freeze(network, 0.25)
    assert frozen == [network[0], network[1], network[2]]
    assert [layer.weight.requires_grad for layer in network] == [False, False, False, True, True]


@pytest.mark.slow  # trains four times
def test_a_staged_run_interrupted_at_and_within_a_stage_ends_at_the_same_weights(tmp_path, monkeypatch):
    work = write_work(tmp_path, training=16, validation=12)
    fitting.fit(work, tmp_path / "whole", STAGED)

    class Interrupted(Exception):
        pass

    whole_save = running.Run._save

    def save_then_stop(self):
        whole_save(self)
        raise Interrupted

    for _ in range(2):
        monkeypatch.setattr(running.Run, "_save", save_then_stop)
        with pytest.raises(Interrupted):
            fitting.fit(work, tmp_path / "again", STAGED)
        monkeypatch.undo()
    fitting.fit(work, tmp_path / "again", STAGED)
    one, other = (torch.load(tmp_path / run / "state.pt", weights_only=True) for run in ("whole", "again"))
    assert one["stage"] == other["stage"] == [1, 1]
    assert not changed(one["network"], other["network"])
    checkpoints = [load_file(tmp_path / run / "checkpoint" / "model.safetensors") for run in ("whole", "again")]
    assert not changed(*checkpoints)


def test_a_run_from_before_a_setting_was_added_goes_on(tmp_path):
    work = write_work(tmp_path, training=4, validation=4)
    recipe = RECIPES["single-run"]
    run_folder.keep_recipe(tmp_path, recipe, work)
    kept = json.loads((tmp_path / "recipe.json").read_text())
    del kept["recipe"]["stages"], kept["recipe"]["augmentation"]["shear"]
    (tmp_path / "recipe.json").write_text(json.dumps(kept))
    (tmp_path / "state.pt").touch()
    run_folder.keep_recipe(tmp_path, recipe, work)
    with pytest.raises(UserError, match="holds another run: it differs in stages"):
        run_folder.keep_recipe(tmp_path, recipe.change(stages=STAGED.stages), work)


def test_a_folder_whose_run_failed_before_its_first_epoch_is_taken_by_another(tmp_path):
    work = write_work(tmp_path, training=4, validation=4)
    recipe = RECIPES["single-run"]
    run_folder.keep_recipe(tmp_path, recipe, work)
    run_folder.keep_recipe(tmp_path, recipe.change(epochs=3), work)
    (tmp_path / "history.csv").touch()
    with pytest.raises(UserError, match="holds another run: it differs in epochs"):
        run_folder.keep_recipe(tmp_path, recipe, work)


RARE = pd.DataFrame(
    {"source": "ham10000", "diagnosis": ["nv"] * 6 + ["mel"] * 3 + ["df"] * 2 + [""], "malignant": [0] * 9 + [1] * 3}
)


def drawn_by(kind, **settings):
    sampler = sampling.sampler(RARE, Recipe("", "", balance=kind, balance_power=1.0, batch_size=1).change(**settings))
    keys = np.array(list(sampler))
    return keys, pd.Series(RARE["diagnosis"].to_numpy()[keys[:, 0]]).value_counts().to_dict()


def test_oversampling_draws_every_diagnosis_as_often_as_the_commonest():
    keys, counts = drawn_by("oversampling")
    assert counts == {"nv": 6, "mel": 6, "df": 6, "": 6}
    assert set(keys[:, 0]) == set(range(12))


def test_undersampling_draws_every_diagnosis_as_often_as_the_rarest_and_nothing_twice():
    keys, counts = drawn_by("undersampling")
    assert counts == {"nv": 1, "mel": 1, "df": 1, "": 1}
    assert len(set(keys[:, 0])) == len(keys)


def test_undersampling_draws_another_part_every_epoch():
    sampler = sampling.sampler(RARE, Recipe("", "", balance="undersampling", balance_power=1.0, batch_size=1))
    seen = set()
    for epoch in range(100):
        sampler.set_epoch(epoch)
        seen |= {index for index, _ in sampler}
    assert seen == set(range(12))


def test_half_way_oversampling_multiplies_by_the_square_root():
    assert sampling.times_drawn(RARE, "oversampling", 0.5) == pytest.approx(
        [1] * 6 + [2**0.5] * 3 + [3**0.5] * 2 + [6**0.5]
    )


def test_balance_by_augmentation_leaves_the_first_draw_of_each_photograph_unchanged():
    keys, counts = drawn_by("augmentation")
    unchanged = keys[keys[:, 1] == UNCHANGED, 0]
    assert counts == {"nv": 6, "mel": 6, "df": 6, "": 6}
    assert sorted(unchanged) == list(range(12))


def test_an_unchanged_photograph_is_not_augmented(tmp_path):
    run = start(STAGED.change(balance="augmentation", input_size=96), tmp_path)
    dataset = run.loader.dataset
    assert np.array_equal(dataset[(3, UNCHANGED)][0], run.squares[3])
    assert not np.array_equal(dataset[(3, 7)][0], run.squares[3])


def test_the_focal_loss_weighs_by_the_square_of_what_is_missing():
    # p = 1/2: (1 - 1/2)² ln 2. Seven equal outputs: (6/7)² ln 7.
    binary = RECIPES["self-check-original"].change(balance="focal")
    loss = losses.loss_per_photograph(torch.zeros(1, 1), torch.tensor([-1]), torch.tensor([1.0]), binary)
    assert loss.item() == pytest.approx(0.25 * np.log(2), rel=1e-5)
    seven = RECIPES["seven-class-cnn"].change(balance="focal")
    loss = losses.loss_per_photograph(torch.zeros(1, 7), torch.tensor([0]), torch.tensor([1.0]), seven)
    assert loss.item() == pytest.approx((6 / 7) ** 2 * np.log(7), rel=1e-5)


@pytest.mark.parametrize("kind", BALANCES)
def test_every_balance_takes_a_real_step(kind, tmp_path):
    run = start(small("seven-class-cnn").change(balance=kind), tmp_path)
    before = weights(run.plain)
    loss, *_ = run._epoch(0)
    assert np.isfinite(loss)
    assert "classifier.1.weight" in changed(before, weights(run.plain))


def test_a_name_may_carry_another_balance():
    recipe = find("seven-class-cnn+undersampling")
    assert recipe == RECIPES["seven-class-cnn"].change(name="seven-class-cnn+undersampling", balance="undersampling")


def test_an_unknown_balance_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="oversampling"):
        find("seven-class-cnn+luck")


def test_names_and_settings_of_recipes_can_be_kept_as_json():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert json.loads(json.dumps(asdict(recipe)))["architecture"] == recipe.architecture


def offline(monkeypatch):
    def unreachable(name, pretrained=False, **settings):
        raise ConnectionError

    monkeypatch.setattr(backbones.timm, "create_model", unreachable)


def test_the_first_backbone_file_that_fits_is_taken(tmp_path, monkeypatch):
    recipe = small("two-stage-mobilenetv2")
    donor = architectures.timm.create_model("mobilenetv2_100")
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    save_file(donor.state_dict(), tmp_path / "mobilenetv2.safetensors")
    network = running.network_of(recipe)
    offline(monkeypatch)
    files = [tmp_path / "other.safetensors", tmp_path / "mobilenetv2.safetensors"]
    head = network.classifier.weight.clone()
    assert backbones.load(network, recipe.architecture, files, or_scratch=True) == "ImageNet from file"
    assert torch.equal(network.conv_head.weight, donor.conv_head.weight)
    assert torch.equal(network.classifier.weight, head)


def test_without_file_and_connection_a_compared_recipe_starts_from_scratch(tmp_path, monkeypatch):
    work = write_work(tmp_path, training=8, validation=8)
    recipe = small("two-stage-mobilenetv2").change(pretrained=True, epochs=1, stages=())
    network = running.network_of(recipe)
    monkeypatch.setattr(running, "network_of", lambda recipe: network)
    offline(monkeypatch)
    with pytest.raises(UserError, match="--backbone"):
        fitting.fit(work, tmp_path / "run", recipe)
    monkeypatch.setattr(fitting.Checkpoint, "save", lambda self, folder: self)
    checkpoint = fitting.fit(work, tmp_path / "run", recipe, or_scratch=True)
    assert checkpoint.config.training["started_from"] == "from scratch"


def test_weights_from_timm_are_named_so(monkeypatch):
    network = running.network_of(small("two-stage-mobilenetv2"))
    donor = architectures.timm.create_model("mobilenetv2_100")
    monkeypatch.setattr(backbones.timm, "create_model", lambda name, pretrained: donor)
    assert backbones.load(network, "mobilenetv2_100_seen_at_28", ()) == "ImageNet from timm"
    assert torch.equal(network.conv_stem.weight, donor.conv_stem.weight)


def test_detail_below_28_pixels_is_not_seen():
    network = running.network_of(small("two-stage-mobilenetv2")).eval()
    coarse = torch.rand(1, 3, 28, 28, generator=torch.Generator().manual_seed(0)).repeat_interleave(2, 2)
    coarse = coarse.repeat_interleave(2, 3)
    pattern = torch.tensor([[0.5, -0.5], [-0.5, 0.5]]).repeat(28, 28)
    seen = []
    network.conv_stem.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        for batch in (coarse, coarse + pattern, coarse.flip(3)):
            network(batch)
    assert seen[0].shape == coarse.shape
    assert torch.allclose(seen[0], seen[1], atol=1e-5)
    assert not torch.allclose(seen[0], seen[2], atol=1e-2)


def test_the_dense_head_has_128_and_64_units():
    network = running.network_of(small("two-stage-mobilenetv2-224"))
    sizes = [tuple(layer.weight.shape) for layer in network.classifier if isinstance(layer, torch.nn.Linear)]
    assert sizes == [(128, 1280), (64, 128), (7, 64)]


def disc(radii, side=96):
    picture = np.full((side, side, 3), (220, 180, 160), dtype=np.uint8)
    return cv2.ellipse(picture, (side // 2, side // 2), radii, 0, 0, 360, (60, 40, 30), -1)


def named(picture):
    found = hand_features.features(picture)
    assert found.shape == (hand_features.COUNT,)
    return {"area": found[-10], "compactness": found[-8], "convexity": found[-7], "elongation": found[-6]} | {
        "asymmetry": found[-5:-3],
        "red inside": found[0],
        "red around": found[18],
    }


def test_a_disc_is_round_compact_and_symmetric():
    found = named(disc((24, 24)))
    assert found["area"] == pytest.approx(np.pi * 24**2 / 96**2, rel=0.05)
    assert found["compactness"] == pytest.approx(1, abs=0.15)
    assert found["elongation"] == pytest.approx(1, abs=0.02)
    assert found["asymmetry"] == pytest.approx([0, 0], abs=0.03)


def test_an_ellipse_is_as_elongated_as_its_axes():
    assert named(disc((30, 15)))["elongation"] == pytest.approx(0.5, abs=0.03)


def test_a_lopsided_lesion_is_asymmetric():
    picture = disc((24, 24))
    picture[48:, 48:] = (220, 180, 160)
    assert named(picture)["asymmetry"].max() > 0.1


def test_colours_are_measured_in_the_lesion_and_around_it():
    found = named(disc((24, 24)))
    assert found["red inside"] == pytest.approx(60 / 255, abs=0.05)
    assert found["red around"] == pytest.approx(220 / 255, abs=0.05)


def test_a_picture_of_one_colour_has_features_too():
    assert np.isfinite(hand_features.features(np.full((64, 64, 3), 128, dtype=np.uint8))).all()


def centre_of_lesion(changes, seed):
    moved = augment(disc((16, 16)), 96, changes, np.random.default_rng(seed))
    return np.argwhere(moved[:, :, 0] < 140).mean(axis=0) - 47.5


def test_a_shift_moves_the_lesion_by_at_most_its_share():
    moves = np.array([centre_of_lesion(replace(NO_AUGMENTATION, shift=0.2), seed) for seed in range(40)])
    assert np.abs(moves).max() <= 0.2 * 96 + 1
    assert np.abs(moves).max() > 0.15 * 96
    assert moves.min() < 0 < moves.max()


def test_a_shear_slants_the_lesion_but_keeps_its_area():
    changes = replace(NO_AUGMENTATION, shear=30.0)
    areas, ratios = [], []
    for seed in range(10):
        lesion = augment(disc((16, 16)), 96, changes, np.random.default_rng(seed))[:, :, 0] < 140
        areas.append(lesion.sum())
        ratios.append(named(np.where(lesion[..., None], np.uint8(40), np.uint8(220)).repeat(3, 2))["elongation"])
    assert areas == pytest.approx([(disc((16, 16))[:, :, 0] < 140).sum()] * 10, rel=0.03)
    assert min(ratios) < 0.75
