"""How likely each diagnosis is, on the page: Python's numbers."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from skin_model.network.calibration import DiagnosisCalibration, diagnosis_probabilities

pytestmark = pytest.mark.browser

OWN = DiagnosisCalibration(0.8, (0.1, -0.2, 0.3, 0.0, -0.4, 0.5, -0.3))
LIKELY = """async (folder, [logits, calibration]) => {
    const { diagnosisProbabilities } = await import(folder + "path/calibration.js");
    return diagnosisProbabilities(logits, calibration);
}"""


def test_the_probabilities_of_the_diagnoses_are_pythons(scripts):
    logits = [2.0, -1.0, 0.5, 30.0, -8.0, 0.0, 1.5]
    assert scripts(LIKELY, [logits, asdict(OWN)]) == pytest.approx(diagnosis_probabilities(np.array([logits]), OWN)[0])
