"""Training: losses by hand, balance by hand, resuming, and several processes."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from skin_model.assess import Assessor
from skin_model.network.torch_backend.architecture import normalise
from skin_model.photo import open_photo
from tests.train.launching import launch
from tests.train.rendered_lesions import write_work
from train import UserError
from train.data.augmentation import NO_AUGMENTATION
from train.digests import file_sha256
from train.fitting import fit as fitting
from train.fitting import losses, run_folder, sampling, validation
from train.fitting import run as running
from train.fitting.recipes import RECIPES, Recipe, find

TINY = Recipe(
    name="tiny",
    description="For tests: three short epochs from random weights at 64 px.",
    pretrained=False,
    input_size=64,
    epochs=3,
    batch_size=8,
    ema_decay=0.5,
)


def row(*values):
    return torch.tensor([values], dtype=torch.float32)


@pytest.mark.parametrize("steps", range(1, 12))
def test_a_schedule_may_be_as_short_as_it_likes(steps):
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1e-3)
    schedule = running._schedule(optimiser, "one_cycle", 1e-3, steps)
    for _ in range(steps - 1):
        optimiser.step()
        schedule.step()
    assert 0 <= schedule.get_last_lr()[0] <= 1e-3


def test_a_known_diagnosis_costs_its_cross_entropy_plus_the_weighted_risk():
    # All seven outputs equal: -ln(1/7) for the diagnosis, -ln(3/7) for malignant.
    loss = losses.loss_per_photograph(row(*[0] * 7), torch.tensor([0]), torch.tensor([1.0]), TINY)
    assert loss.item() == pytest.approx(np.log(7) + 0.5 * np.log(7 / 3), rel=1e-5)


def test_an_unknown_diagnosis_trains_the_sum_over_its_side_only():
    # benign of unknown kind: the four benign outputs hold 4/7.
    loss = losses.loss_per_photograph(
        row(*[0] * 7), torch.tensor([-1]), torch.tensor([0.0]), TINY.change(risk_weight=0.0)
    )
    assert loss.item() == pytest.approx(np.log(7 / 4), rel=1e-5)


def test_an_unknown_diagnosis_pulls_no_diagnosis_apart_within_its_side():
    logits = torch.zeros(1, 7, requires_grad=True)
    losses.loss_per_photograph(logits, torch.tensor([-1]), torch.tensor([1.0]), TINY).sum().backward()
    malignant, benign = logits.grad[0, :3], logits.grad[0, 3:]
    assert torch.allclose(malignant, malignant[0].expand(3))
    assert torch.allclose(benign, benign[0].expand(4))
    assert malignant[0] < 0 < benign[0]


def test_the_binary_head_costs_the_logistic_loss():
    loss = losses.loss_per_photograph(row(0), torch.tensor([-1]), torch.tensor([1.0]), RECIPES["self-check-original"])
    assert loss.item() == pytest.approx(np.log(2), rel=1e-5)


def balance_table():
    return pd.DataFrame({"source": ["ham10000"] * 4, "diagnosis": ["mel", "nv", "nv", "nv"], "malignant": [1, 0, 0, 0]})


def test_full_balance_gives_every_diagnosis_the_same_total_weight():
    weights = sampling.balancing_weights(balance_table(), 1.0)
    assert weights == pytest.approx([2.0, 2 / 3, 2 / 3, 2 / 3])


def test_no_balance_gives_every_photograph_the_same_weight():
    assert sampling.balancing_weights(balance_table(), 0.0) == pytest.approx([1.0] * 4)


def test_telling_the_source_apart_earns_no_validation_auc():
    # The score is the source's prevalence: within each source it is a constant, so the AUC is a half.
    sources = np.array(["ham10000"] * 20 + ["pad_ufes_20"] * 20)
    malignant = np.array([0] * 15 + [1] * 5 + [0] * 5 + [1] * 15)
    risk = np.where(sources == "ham10000", 0.25, 0.75)
    assert validation.within_source_auc(risk, malignant, sources) == 0.5


def test_an_unknown_recipe_is_refused_with_the_names_there_are():
    with pytest.raises(UserError, match="released"):
        find("no-such-recipe")


def test_small_photographs_are_left_out_and_counted(tmp_path, capsys):
    rows = pd.read_csv(write_work(tmp_path, training=4, validation=2) / "split.csv")
    Image.new("RGB", (300, 95)).save(tmp_path / "data" / rows["file"][1])
    assert rows["file"][1] not in set(fitting.learned_from(rows, TINY.change(least_side=96))["file"])
    assert "1 photographs with a side under 96 pixels are not learned from." in capsys.readouterr().err


def test_only_photographs_that_were_learned_from_bind_the_weights_to_their_licence(tmp_path):
    columns = ["root", "file", "source", "split", "licence"]
    rows = [("/d", "a", "one", "train", "CC0"), ("/d", "b", "small", "train", "CC BY-NC 4.0")]
    rows += [("/d", "c", "one", "validation", "CC0"), ("/d", "d", "one", "test", "CC0")]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(tmp_path / "catalogue.csv", index=False)
    assert run_folder.licences(tmp_path, table[table["source"] == "one"]) == {"one": {"CC0": 2}}
    assert run_folder.licences(tmp_path) == {"one": {"CC0": 2}, "small": {"CC BY-NC 4.0": 1}}


def test_photographs_that_are_all_too_small_are_one_sentence(tmp_path):
    work = write_work(tmp_path, training=4, validation=2)
    with pytest.raises(UserError, match=r"at least 128 pixels.*--recipe single-run"):
        fitting.fit(work, tmp_path / "run", TINY.change(least_side=128))


def test_a_folder_without_a_split_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="python -m train prepare"):
        fitting.fit(tmp_path, tmp_path / "run", TINY)


def test_a_split_with_one_class_is_refused(tmp_path):
    work = write_work(tmp_path, training=4, validation=4)
    rows = pd.read_csv(work / "split.csv")
    rows[(rows.split == "train") | (rows.malignant == 0)].to_csv(work / "split.csv", index=False)
    with pytest.raises(UserError, match="validation part"):
        fitting.fit(work, tmp_path / "run", TINY)


def test_a_backbone_of_another_network_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    work = write_work(tmp_path, training=8, validation=4)
    with pytest.raises(UserError, match="does not fit"):
        fitting.fit(work, tmp_path / "run", TINY.change(pretrained=True), tmp_path / "other.safetensors")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An undisturbed run of three epochs."""
    folder = tmp_path_factory.mktemp("finished")
    work = write_work(folder)
    fitting.fit(work, folder / "run", TINY)
    return work, folder / "run"


def test_a_run_can_go_on_from_a_checkpoint_head_and_all(finished, tmp_path):
    from skin_model.network.checkpoint import Checkpoint

    work, run = finished
    slow = TINY.change(epochs=1, learning_rate=1e-9, ema_decay=0.0)
    trained = fitting.fit(work, tmp_path / "run", slow, start=run / "checkpoint")
    earlier = Checkpoint.load(run / "checkpoint")
    head, before = (each.network.state_dict()["classifier.weight"] for each in (trained, earlier))
    assert torch.allclose(head, before, atol=1e-6)
    assert trained.config.training["started_from"] == f"checkpoint {earlier.hash}"


def test_a_checkpoint_that_saw_the_test_part_is_no_start(finished, tmp_path):
    work, run = finished
    rows = pd.read_csv(work / "split.csv")
    (tmp_path / "work").mkdir()
    rows.loc[rows.index[rows.split == "train"][:1], "split"] = "test"
    rows.to_csv(tmp_path / "work/split.csv", index=False)
    with pytest.raises(UserError, match="--keep-split"):
        fitting.fit(tmp_path / "work", tmp_path / "run", TINY, start=run / "checkpoint")


def test_what_the_start_was_trained_on_counts_as_trained_on(finished, tmp_path):
    import json

    work, run = finished
    rows = pd.read_csv(work / "split.csv")
    dropped = rows.index[rows.split == "train"][:1]
    (tmp_path / "work").mkdir()
    rows.drop(dropped).to_csv(tmp_path / "work/split.csv", index=False)
    fitting.fit(tmp_path / "work", tmp_path / "run", TINY.change(epochs=1), start=run / "checkpoint")
    now, before = (json.loads((of / "checkpoint/trained_on.json").read_text()) for of in (tmp_path / "run", run))
    assert now["train"] == before["train"]


def test_training_sizes_share_the_epochs_evenly():
    recipe = TINY.change(input_size=224, epochs=6, training_sizes=(128, 160, 192))
    assert [running.input_size(recipe, epoch) for epoch in range(6)] == [128, 128, 160, 160, 192, 192]
    assert running.input_size(TINY.change(input_size=224), 0) == 224


def test_a_run_whose_photographs_grow_trains_on_both_sizes(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(running, "normalise", lambda x, p: (sizes.append(x.shape[1]), normalise(x, p))[1])
    recipe = TINY.change(epochs=2, input_size=64, training_sizes=(32, 64))
    fitting.fit(write_work(tmp_path), tmp_path / "run", recipe)
    assert sizes[0] == 32
    assert set(sizes) == {32, 64}


def test_a_run_leaves_checkpoint_history_and_plot(finished):
    _, run = finished
    assert {"config.json", "model.safetensors"} <= {f.name for f in (run / "checkpoint").iterdir()}
    assert len(pd.read_csv(run / "history.csv")) == 3
    assert (run / "history.png").stat().st_size > 1000


def test_the_checkpoint_records_recipe_split_and_counts(finished):
    work, run = finished
    record = json.loads((run / "checkpoint" / "config.json").read_text())["skin_model"]["training"]
    assert record["recipe"] == "tiny"
    assert record["photographs"] == {"train": {"rendered": 32}, "validation": {"rendered": 16}}
    assert record["split_sha256"] == file_sha256(work / "split.csv")


def test_the_checkpoint_scores_a_photo(finished):
    work, run = finished
    photo = open_photo(work.parent / "data" / "images" / "1.png")
    assessment = Assessor.load(run / "checkpoint").assess(photo)
    assert 0 <= assessment.risk <= 1
    assert sum(assessment.diagnoses.values()) == pytest.approx(1)


class Interrupted(Exception):
    pass


@pytest.fixture
def stopping_after_an_epoch(monkeypatch):
    """While it is in use, every run stops once its first epoch is saved."""
    whole_save = running.Run._save

    def save_then_stop(self):
        whole_save(self)
        if len(self.history) == 1:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(running.Run, "_save", save_then_stop)
        yield patch


def test_an_interrupted_run_ends_at_the_same_weights(finished, tmp_path, stopping_after_an_epoch):
    work, run = finished
    with pytest.raises(Interrupted):
        fitting.fit(work, tmp_path / "again", TINY)
    stopping_after_an_epoch.undo()
    fitting.fit(work, tmp_path / "again", TINY)
    undisturbed = load_file(run / "checkpoint" / "model.safetensors")
    resumed = load_file(tmp_path / "again" / "checkpoint" / "model.safetensors")
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)


def test_resuming_with_another_recipe_is_refused(finished):
    work, run = finished
    with pytest.raises(UserError, match="holds another run"):
        fitting.fit(work, run, TINY.change(epochs=5))


def test_the_binary_recipe_trains_a_checkpoint_without_diagnoses(tmp_path):
    work = write_work(tmp_path, training=16, validation=12)
    recipe = RECIPES["self-check-original"].change(pretrained=False, input_size=64, epochs=1, batch_size=8)
    fitting.fit(work, tmp_path / "run", recipe)
    assessment = Assessor.load(tmp_path / "run" / "checkpoint").assess(
        open_photo(work.parent / "data" / "images" / "1.png")
    )
    assert assessment.diagnoses is None
    assert 0 <= assessment.risk <= 1


LAUNCHED = """
import sys
from pathlib import Path
from tests.train.fitting.test_fit import LAUNCHED_RECIPE
from train.fitting import fit
fit.fit(Path(sys.argv[1]), Path(sys.argv[2]), LAUNCHED_RECIPE)
"""
LAUNCHED_RECIPE = TINY.change(epochs=2, frozen_batch_norm=True, drop_rate=0.0, augmentation=NO_AUGMENTATION)


def test_two_processes_and_one_give_the_same_weights(tmp_path):
    work = write_work(tmp_path)
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    fitting.fit(work, tmp_path / "one", LAUNCHED_RECIPE)
    status, said = launch(script, 2, work, tmp_path / "two")
    assert status == 0, said[-2000:]
    config = json.loads((tmp_path / "two" / "checkpoint" / "config.json").read_text())
    assert config["skin_model"]["training"]["machine"].endswith("2 × 1 threads")
    one = torch.load(tmp_path / "one" / "state.pt", weights_only=True)["network"]
    two = torch.load(tmp_path / "two" / "state.pt", weights_only=True)["network"]
    start = running.network_of(LAUNCHED_RECIPE).state_dict()
    moved = max(float((one[name] - start[name]).abs().max()) for name in one if one[name].is_floating_point())
    apart = max(float((one[name] - two[name]).abs().max()) for name in one if one[name].is_floating_point())
    assert moved > 1e-3
    assert apart < 0.02 * moved


@pytest.mark.slow  # that one goes on, and that two and one agree, is shown in `make test`
def test_two_processes_go_on_where_an_interrupted_run_stopped(tmp_path, stopping_after_an_epoch):
    work = write_work(tmp_path)
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    with pytest.raises(Interrupted):
        fitting.fit(work, tmp_path / "run", LAUNCHED_RECIPE)
    first = pd.read_csv(tmp_path / "run" / "history.csv")
    status, said = launch(script, 2, work, tmp_path / "run")
    assert status == 0, said[-2000:]
    both = pd.read_csv(tmp_path / "run" / "history.csv")
    assert len(both) == 2
    assert both.iloc[0].equals(first.iloc[0])
