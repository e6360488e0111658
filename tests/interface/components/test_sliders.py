"""A typed number beyond a slider's ends counts as the end."""

import pytest

from interface.components.sliders import bounded_slider, slider_threshold, slider_value


@pytest.mark.parametrize(
    ("typed", "taken"), [(50, 50), (100, 99), (-5, 0.1), (0.1, 0.1), (float("nan"), 0.1), (None, 0.1), ("a", 0.1)]
)
def test_a_typed_number_is_moved_to_the_nearer_end(typed, taken):
    assert bounded_slider(0.1, 99, 5).preprocess(typed) == taken


def test_a_slider_that_stands_on_the_bands_border_is_exactly_the_border():
    assert slider_value(0.05291) == 5.3
    assert slider_threshold(5.3, 0.05291) == 0.05291
    assert slider_threshold(5.4, 0.05291) == pytest.approx(0.054)


def test_a_border_under_the_sliders_end_stands_at_the_end():
    assert slider_value(0.0004) == 0.1
    assert slider_threshold(0.1, 0.0004) == 0.0004
