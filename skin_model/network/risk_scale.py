"""The scale that a risk is shown on: as many segments of one width as there are bands along it.

On a linear scale the bands that most people's risks fall into would be too narrow to be told apart. Within a segment
the risk runs evenly. The app, its PDF and the on-device page draw their scales from this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from skin_model.network.calibration import Thresholds, band


@dataclass(frozen=True)
class Segment:
    """A band along the scale, from one risk to another (0…1). A band may have two, around another one."""

    band: str
    start: float
    end: float


def segments(thresholds: Thresholds) -> tuple[Segment, ...]:
    """The bands from risk 0 to 1, as ``calibration.band`` tells them; what no risk reaches is left out."""
    inner = {thresholds.low, thresholds.high, thresholds.malignant_from, thresholds.benign_to}
    edges = [0.0, *sorted(edge for edge in inner if 0 < edge < 1), 1.0]
    found: list[Segment] = []
    for start, end in pairwise(edges):
        name = band((start + end) / 2, thresholds)
        if found and found[-1].band == name:
            found[-1] = Segment(name, found[-1].start, end)
        else:
            found.append(Segment(name, start, end))
    return tuple(found)


def segment_of(risk: float, shown_band: str, scale: Sequence[Segment]) -> int:
    """Which segment a risk (0…1) lies in; on a border, that of its band."""
    holding = [number for number, segment in enumerate(scale) if segment.start <= risk <= segment.end]
    return next((number for number in holding if scale[number].band == shown_band), holding[-1])


def place(risk: float, shown_band: str, scale: Sequence[Segment]) -> float:
    """Where a risk stands, as a share (0…1) of the scale's length."""
    number = segment_of(risk, shown_band, scale)
    segment = scale[number]
    return (number + (risk - segment.start) / (segment.end - segment.start)) / len(scale)
