"""Logits to risks and bands, against numbers worked out by hand."""

import numpy as np
import pytest

from skin_model.network.calibration import (
    Calibration,
    DiagnosisCalibration,
    Thresholds,
    band,
    diagnosis_probabilities,
    probabilities,
    risk,
    shift_prevalence,
)

MALIGNANT = [True, False]
THRESHOLDS = Thresholds(low=0.1, high=0.5, malignant_from=0.2, benign_to=0.4)


def test_equal_logits_give_equal_probabilities():
    assert probabilities(np.zeros((1, 2)), MALIGNANT, Calibration()).tolist() == [[0.5, 0.5]]


def test_temperature_divides_the_logits():
    # logits (2 ln 3, 0) at temperature 2 are (ln 3, 0): odds 3 to 1.
    found = probabilities(np.array([[2 * np.log(3), 0]]), MALIGNANT, Calibration(temperature=2))
    assert found[0] == pytest.approx([0.75, 0.25])


def test_offset_multiplies_the_odds_of_malignant():
    found = probabilities(np.zeros((1, 2)), MALIGNANT, Calibration(malignant_offset=float(np.log(4))))
    assert found[0] == pytest.approx([0.8, 0.2])


def test_binary_head_is_a_logistic_function():
    found = probabilities(np.array([[np.log(9)]]), [True], Calibration())
    assert found[0, 0] == pytest.approx(0.9)


def test_risk_is_the_sum_of_the_malignant_probabilities():
    assert risk(np.array([[0.1, 0.2, 0.7]]), [True, True, False])[0] == pytest.approx(0.3)


def test_an_offset_multiplies_the_odds_of_its_diagnosis():
    # logits (2 ln 3, 0, 0) at temperature 2 are odds 3 : 1 : 1; an offset of ln 2 on the last makes them 3 : 1 : 2.
    calibration = DiagnosisCalibration(2.0, (0.0, 0.0, float(np.log(2))))
    found = diagnosis_probabilities(np.array([[2 * np.log(3), 0, 0]]), calibration)
    assert found[0] == pytest.approx([3 / 6, 1 / 6, 2 / 6])


@pytest.mark.parametrize(("temperature", "offsets"), [(0.0, (0.0,)), (1.0, (float("nan"),))])
def test_a_diagnosis_calibration_of_impossible_numbers_is_refused(temperature, offsets):
    with pytest.raises(ValueError, match=r"positive|finite"):
        DiagnosisCalibration(temperature, offsets)


def test_large_logits_do_not_overflow():
    assert probabilities(np.array([[2000.0, 0.0]]), MALIGNANT, Calibration())[0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("logits", [np.zeros(2), np.zeros((1, 3)), np.array([[np.nan, 0.0]])])
def test_wrong_shapes_and_values_are_refused(logits):
    with pytest.raises(ValueError, match=r"shape|finite"):
        probabilities(logits, MALIGNANT, Calibration())


def test_prevalence_shift_multiplies_the_odds():
    # From 50 % to 20 % prevalence the odds are multiplied by (1/4) / 1: 0.5 becomes 0.2.
    assert shift_prevalence(np.array([0.5]), 0.5, 0.2)[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.09, "low"),
        (0.1, "raised"),
        (0.19, "raised"),
        (0.2, "cannot_tell"),
        (0.4, "cannot_tell"),
        (0.41, "raised"),
        (0.49, "raised"),
        (0.5, "high"),
        (1.0, "high"),
    ],
)
def test_a_value_on_a_threshold_takes_the_higher_band(value, expected):
    assert band(value, THRESHOLDS) == expected


def test_a_high_threshold_below_the_low_one_is_refused():
    with pytest.raises(ValueError, match="under the low one"):
        Thresholds(low=0.5, high=0.1, malignant_from=0.2, benign_to=0.4)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature"):
        Calibration(temperature=temperature)


@pytest.mark.parametrize(
    ("malignant_from", "benign_to", "risk"),
    [(0.05, 0.4, 0.05), (0.2, 0.4, 0.1), (0.05, 0.01, 0.1)],  # before the low threshold, within, and no such risks
)
def test_a_doctor_is_advised_from_the_lowest_risk_that_is_not_called_low(malignant_from, benign_to, risk):
    thresholds = Thresholds(low=0.1, high=0.5, malignant_from=malignant_from, benign_to=benign_to)
    assert thresholds.see_doctor_from == risk
    assert band(risk, thresholds) != "low"
    assert band(risk - 1e-9, thresholds) == "low"
