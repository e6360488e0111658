"""What the page makes of the network's answers: Python's numbers."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from skin_model.network.calibration import DiagnosisCalibration, diagnosis_probabilities
from skin_model.network.turned_views import turned

pytestmark = pytest.mark.browser

OWN = DiagnosisCalibration(0.8, (0.1, -0.2, 0.3, 0.0, -0.4, 0.5, -0.3))
LIKELY = """async (folder, [logits, calibration]) => {
    const { diagnosisProbabilities } = await import(folder + "path/calibration.js");
    return diagnosisProbabilities(logits, calibration);
}"""
VIEWS = """async (folder, [side, levels, count]) => {
    const { turnedViews } = await import(folder + "path/assess.js");
    const picture = { width: side, height: side, data: Uint8Array.from(levels) };
    return turnedViews(picture, count).map(({ data }) => [...data]);
}"""


def test_the_probabilities_of_the_diagnoses_are_pythons(scripts):
    logits = [2.0, -1.0, 0.5, 30.0, -8.0, 0.0, 1.5]
    assert scripts(LIKELY, [logits, asdict(OWN)]) == pytest.approx(diagnosis_probabilities(np.array([logits]), OWN)[0])


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_the_mirrored_and_turned_views_are_pythons(scripts, count):
    picture = np.random.default_rng(0).integers(0, 256, (3, 3, 3), np.uint8)
    batch = picture.transpose(2, 0, 1)[None]
    expected = [view[0].transpose(1, 2, 0).ravel().tolist() for view in turned(batch, count)]
    assert scripts(VIEWS, [3, picture.flatten().tolist(), count]) == expected
