"""Distillation: the divergence by hand, and teachers that fit the recipe."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.fitting.test_fit import TINY
from tests.train.rendered_lesions import write_work
from train import UserError
from train.fitting import distillation
from train.fitting import fit as fitting
from train.fitting import run as running


class Says(nn.Module):
    """A network that gives the same logits to every photograph."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, inputs):
        return self.logits.expand(len(inputs), -1)


INPUTS = torch.zeros(2, 3, 8, 8)


def teacher(*networks):
    return distillation.Teacher([], list(networks), np.zeros(2, dtype=int))


def test_a_network_that_answers_like_its_teacher_has_nothing_to_learn():
    logits = torch.tensor([[1.0, 2.0, 0.5]]).repeat(2, 1)
    assert distillation.loss(logits, logits) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_the_loss_is_four_times_the_divergence_of_the_halved_logits():
    # softmax([2 ln 3, 0] / 2) = [3/4, 1/4]; the network says [1/2, 1/2]: KL = 0.75 ln 1.5 + 0.25 ln 0.5 = 0.130812
    found = distillation.loss(torch.zeros(2, 2), torch.tensor([[2.1972246, 0.0]]).repeat(2, 1))
    assert found == pytest.approx([4 * 0.130812] * 2, abs=1e-5)


def test_teachers_are_averaged_by_their_logits():
    found = distillation.answers(
        INPUTS, torch.zeros(2, 2, dtype=int), [teacher(Says(3.0, 0.0)), teacher(Says(1.0, 4.0))]
    )
    assert found.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_each_photograph_asks_the_network_of_its_own_fold():
    found = distillation.answers(INPUTS, torch.tensor([[1], [0]]), [teacher(Says(0.0, 7.0), Says(5.0, 0.0))])
    assert found.tolist() == [[5.0, 0.0], [0.0, 7.0]]


def test_photographs_are_only_mixed_with_others_of_their_fold():
    folds = torch.tensor([[0, 1], [0, 0], [0, 1], [1, 1], [0, 0]])
    partners = running._partners(folds)
    assert torch.equal(folds[partners], folds)
    assert sorted(partners.tolist()) == [0, 1, 2, 3, 4]
    drawn = {tuple(running._partners(folds).tolist()) for _ in range(60)}
    assert len(drawn) == 4  # both pairs of a fold, each swapped or not


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A teacher and a run that learnt from it."""
    folder = tmp_path_factory.mktemp("taught")
    work = write_work(folder)
    recipe = TINY.change(epochs=1)
    fitting.fit(work, folder / "teacher", recipe)
    learner = recipe.change(name="learner", distil=0.5, seed=1)
    fitting.fit(work, folder / "learner", learner, teachers=[folder / "teacher" / "checkpoint"])
    return folder, work, learner


def test_the_checkpoint_names_its_teachers(taught):
    folder, *_ = taught
    teacher = json.loads((folder / "teacher" / "checkpoint" / "config.json").read_text())
    learner = json.loads((folder / "learner" / "checkpoint" / "config.json").read_text())
    assert len(learner["skin_model"]["training"]["teachers"]) == 1
    assert learner["skin_model"]["training"]["command"].endswith("--recipe learner --teacher CHECKPOINT")
    assert "teachers" not in teacher["skin_model"]["training"]


def test_a_run_is_not_resumed_with_other_teachers(taught):
    folder, work, learner = taught
    with pytest.raises(UserError, match="differs in teachers"):
        fitting.fit(work, folder / "learner", learner, teachers=[folder / "learner" / "checkpoint"])


def test_a_recipe_that_distils_asks_for_teachers(taught):
    folder, work, learner = taught
    with pytest.raises(UserError, match="--teacher"):
        fitting.fit(work, folder / "none", learner)


def test_teachers_of_a_recipe_that_does_not_distil_are_refused(taught):
    folder, work, _ = taught
    with pytest.raises(UserError, match="no use for teachers"):
        fitting.fit(work, folder / "none", TINY, teachers=[folder / "teacher" / "checkpoint"])


def test_a_teacher_that_sees_photographs_cropped_otherwise_is_refused(taught):
    folder, work, learner = taught
    with pytest.raises(UserError, match="sees photographs otherwise"):
        fitting.fit(
            work, folder / "none", learner.change(border_crop=False), teachers=[folder / "teacher" / "checkpoint"]
        )


def test_a_folder_without_a_checkpoint_is_refused_by_name(taught, tmp_path):
    _, work, learner = taught
    with pytest.raises(UserError, match=str(tmp_path)):
        fitting.fit(work, tmp_path / "none", learner, teachers=[tmp_path])
