"""The scale: a segment a band, with the borders where the bands have them, and a risk in the segment of its band."""

import pytest

from skin_model.network.calibration import BANDS, Thresholds, band
from skin_model.network.risk_scale import Segment, place, segment_of, segments

OVERLAPPING = Thresholds(low=0.06, high=0.21, malignant_from=0.1, benign_to=0.22)
NESTED = Thresholds(low=0.1, high=0.5, malignant_from=0.2, benign_to=0.3)
CERTAIN = Thresholds(low=0.1, high=0.3, malignant_from=1.0, benign_to=0.0)


def test_a_high_band_begins_where_cannot_tell_ends():
    assert segments(OVERLAPPING) == (
        Segment("low", 0.0, 0.06),
        Segment("raised", 0.06, 0.1),
        Segment("cannot_tell", 0.1, 0.22),
        Segment("high", 0.22, 1.0),
    )


def test_a_band_around_another_one_has_two_segments():
    assert [segment.band for segment in segments(NESTED)] == ["low", "raised", "cannot_tell", "raised", "high"]


def test_a_band_that_no_risk_reaches_has_no_segment():
    assert [segment.band for segment in segments(CERTAIN)] == ["low", "raised", "high"]
    equal = Thresholds(low=0.2, high=0.2, malignant_from=1.0, benign_to=0.0)
    assert [segment.band for segment in segments(equal)] == ["low", "high"]


@pytest.mark.parametrize("thresholds", [OVERLAPPING, NESTED, CERTAIN])
def test_every_risk_lies_in_a_segment_of_its_band(thresholds):
    scale = segments(thresholds)
    for risk in [number / 1000 for number in range(1001)]:
        name = band(risk, thresholds)
        number = segment_of(risk, name, scale)
        assert scale[number].band == name in BANDS
        assert number <= place(risk, name, scale) * len(scale) <= number + 1


def test_the_middle_of_a_segment_stands_in_the_middle_of_it():
    scale = segments(OVERLAPPING)
    assert place(0.03, "low", scale) == pytest.approx(0.125)
    assert place(0.61, "high", scale) == pytest.approx(0.875)


def test_a_risk_on_a_border_stands_there():
    scale = segments(OVERLAPPING)
    assert place(0.22, "cannot_tell", scale) == pytest.approx(0.75)
    assert place(0.06, "raised", scale) == pytest.approx(0.25)
