"""Trainings side by side, in processes."""

import os
import signal

import pytest

from train import UserError
from train.studies.resumable import side_by_side


def name(number):
    return {"name": number}


def killed():
    """As the system ends a process when no memory is left."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_each_call_returns_comes_as_it_is_done():
    assert sorted(found["name"] for found in side_by_side(name, [(1,), (2,)], 1)) == [1, 2]


def test_a_process_that_is_ended_from_outside_is_one_sentence_that_says_what_to_do():
    with pytest.raises(UserError, match=r"perhaps because memory ran out\. Repeat the command with fewer --jobs"):
        list(side_by_side(killed, [()], 1))
