"""A typed number beyond a slider's ends counts as the end."""

import pytest

from interface.bounded import bounded_slider


@pytest.mark.parametrize(
    ("typed", "taken"), [(50, 50), (100, 99), (-5, 0.1), (0.1, 0.1), (float("nan"), 0.1), (None, 0.1), ("a", 0.1)]
)
def test_a_typed_number_is_moved_to_the_nearer_end(typed, taken):
    assert bounded_slider(0.1, 99, 5).preprocess(typed) == taken
