"""The About tab: what it says of the network that answers."""

from interface.tabs.about import learned_from

PHOTOGRAPHS = {"train": {"one": 7, "two": 2}, "validation": {"one": 3, "three": 1}, "test": {"one": 5}}


def test_a_network_that_validation_chose_learnt_from_the_training_part_alone():
    assert learned_from({"photographs": PHOTOGRAPHS}) == {"one": 7, "two": 2}


def test_a_network_calibrated_out_of_fold_learnt_from_the_validation_part_too():
    assert learned_from({"photographs": PHOTOGRAPHS, "folds": 5}) == {"one": 10, "two": 2, "three": 1}


def test_nothing_recorded_is_nothing_learnt():
    assert learned_from({}) == {}
