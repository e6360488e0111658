"""The scale on the page: Python's segments and places."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from skin_model.network.calibration import Thresholds, band
from skin_model.network.risk_scale import place, segments

pytestmark = pytest.mark.browser

RISKS = [0.0, 0.03, 0.0587, 0.1, 0.25, 0.61, 1.0]
DRAWN = """async (folder, [thresholds, risks]) => {
    const { segments, placeOf } = await import(folder + "path/risk_scale.js");
    const { bandOf } = await import(folder + "path/calibration.js");
    const scale = segments(thresholds);
    return { scale, places: risks.map((risk) => placeOf(risk, bandOf(risk, thresholds), scale)) };
}"""


@pytest.mark.parametrize(
    "thresholds",
    [
        Thresholds(low=0.0587, high=0.2125, malignant_from=0.0991, benign_to=0.2169),
        Thresholds(low=0.1, high=0.5, malignant_from=0.2, benign_to=0.3),
        Thresholds(low=0.1, high=0.3, malignant_from=1.0, benign_to=0.0),
    ],
)
def test_segments_and_places_are_pythons(scripts, thresholds):
    drawn, scale = scripts(DRAWN, [asdict(thresholds), RISKS]), segments(thresholds)
    assert drawn["scale"] == [asdict(segment) for segment in scale]
    assert drawn["places"] == pytest.approx([place(risk, band(risk, thresholds), scale) for risk in RISKS])
