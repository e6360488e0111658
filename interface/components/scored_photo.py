"""One visitor's photo and what was found in it, held in memory only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, median_low

import cv2
import numpy as np

from interface.components.photo_stage import Box
from skin_model.assess import Assessment, Assessor, View
from skin_model.network import calibration
from skin_model.overlay import overlay
from skin_model.photo import Photo, open_photo

URGENCY = ("low", "raised", calibration.CANNOT_TELL, "high")
"""The bands, the one that can wait longest first."""


QUEUE = "photos"
"""The queue in which every single photo waits, whichever tab and language it comes from."""


@dataclass
class ScoredPhoto:
    """One visitor's photo and what was found, in memory only.

    file: the upload, from which a chosen part is decoded in full. whole, scored: the photo, and the part that was
    scored. region: that part in full-size pixels of the whole, None where all of it was scored. spots: squares round
    all spots that were found in the whole, in the same pixels. spread: lowest and highest risk when the photo is
    mirrored and turned. number: 1 for the first photo of a spot, 2 for the second, … further: the other photos of the
    same spot; of all of them the most serious is the one that is looked at.
    """

    file: Path
    whole: Photo
    scored: Photo
    region: Box | None
    assessment: Assessment
    view: View
    spots: list[Box]
    spread: tuple[float, float]
    number: int = 1
    further: list[ScoredPhoto] = field(default_factory=list)
    heatmaps: dict[str, np.ndarray] = field(default_factory=dict)


def score_photo(assessor: Assessor, file: Path, whole: Photo | None = None, region: Box | None = None) -> ScoredPhoto:
    """Open and score a photo, or a ``region`` of it (full-size pixels). Raises PhotoRefused or FileNotFoundError."""
    whole = open_photo(file) if whole is None else whole
    scored = whole if region is None else open_photo(file, region=region)
    view = assessor.view(scored, chosen=region is not None)
    assessment = assessor.assess(scored, view)
    spots = []
    if region is None and view.region.spots:
        spots = [_in_full_size(square, whole) for square in (view.square, *assessor.spot_squares(view)[1:])]
    spread = (0.0, 1.0)
    if assessment.refused is None:
        spread = assessment.spread or assessor.spread(view)
    return ScoredPhoto(file, whole, scored, region, assessment, view, spots, spread)


def not_located(assessor: Assessor, photo: ScoredPhoto) -> bool:
    """Whether the network wants a spot, one was looked for, and none stood out."""
    looked = assessor.checkpoint.config.preprocessing.square == "spot" and photo.region is None
    return looked and photo.assessment.located is None


@dataclass(frozen=True)
class CombinedAssessment:
    """What all photos of a spot say together.

    assessment: the median risk with its band, and the mean of the diagnoses; of one photo its own. Where a photo by
    itself is more urgent than the median (of two, than the other one), that photo's, for a median must not talk a
    warning away. interval: lowest and highest risk (0…1) over the photos, of one photo over its mirrored and turned
    views. risks: of each photo, in the order in which they were taken. disagree: whether one photo was more urgent.
    number: which photo is the one that is looked at.
    """

    assessment: Assessment
    interval: tuple[float, float]
    risks: tuple[float, ...]
    disagree: bool = False
    number: int = 1


def combine(photo: ScoredPhoto, thresholds: calibration.Thresholds) -> CombinedAssessment:
    """What all photos of the spot say together; with one photo, what that one says."""
    if not photo.further:
        risk = photo.assessment.risk
        return CombinedAssessment(photo.assessment, photo.spread, () if risk is None else (risk,))
    every = [each.assessment for each in sorted([photo, *photo.further], key=lambda each: each.number)]
    risks = [each.risk for each in every if each.risk is not None]
    diagnoses = photo.assessment.diagnoses
    if diagnoses is not None:
        diagnoses = {
            code: float(np.mean([each.diagnoses[code] for each in every if each.diagnoses])) for code in diagnoses
        }
    risk = float(median(risks))
    band = calibration.band(risk, thresholds)
    urgent = max((each for each in every if each.refused is None), key=urgency)
    middle = calibration.band(median_low(risks), thresholds)
    disagree = URGENCY.index(urgent.band) > URGENCY.index(middle)  # type: ignore[arg-type]
    if disagree:
        risk, band, diagnoses = urgent.risk, urgent.band, urgent.diagnoses
    problems = tuple(dict.fromkeys(code for each in every for code in each.problems))
    combined = replace(photo.assessment, risk=risk, band=band, diagnoses=diagnoses, problems=problems)
    return CombinedAssessment(combined, (min(risks), max(risks)), tuple(risks), disagree, photo.number)


def urgency(found: Assessment) -> tuple[int, float]:
    """What is not refused, by how soon a doctor should look, and by its risk."""
    return URGENCY.index(found.band), found.risk  # type: ignore[arg-type,return-value]


def most_serious_first(photo: ScoredPhoto, added: ScoredPhoto) -> ScoredPhoto:
    """The same spot with a further photo of it: the most urgent one, with the others as its ``further``."""
    every = [replace(photo, further=[]), *photo.further, replace(added, number=2 + len(photo.further))]
    shown = max(every, key=lambda each: urgency(each.assessment))
    return replace(shown, further=[each for each in every if each is not shown])


def _in_full_size(box: Box, photo: Photo) -> Box:
    left, top, right, bottom = (round(edge * photo.scale) for edge in box)
    return left, top, min(right, photo.width), min(bottom, photo.height)


def before_and_after(
    assessor: Assessor, photo: ScoredPhoto, method: str, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """The scored picture plain and with the map drawn over it, both (H, W, 3) uint8. strength: 0…1."""
    rgb = photo.scored.rgb
    return rgb, overlay(rgb, heatmap(assessor, photo, method), photo.view.square, strength)


def heatmap(assessor: Assessor, photo: ScoredPhoto, method: str) -> np.ndarray:
    """The map of one method, as ``Assessor.heatmap`` gives it, worked out once a photo."""
    if method not in photo.heatmaps:
        photo.heatmaps[method] = assessor.heatmap(photo.view, method, photo.assessment)
    return photo.heatmaps[method]


def other_spots(photo: ScoredPhoto) -> list[Box]:
    """Squares round the spots that were found and are not the one that was scored, in full-size pixels."""
    scored = square_in_whole(photo)
    return [square for square in photo.spots if _overlap(square, scored) < 0.5]


def _overlap(one: Box, other: Box) -> float:
    """What two boxes share, as a part (0…1) of what both cover."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    covered = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(covered - shared, 1)


def square_in_whole(photo: ScoredPhoto) -> Box:
    """The square that the network saw, in full-size pixels of the whole photo."""
    scale = photo.scored.scale
    across, down = (0, 0) if photo.region is None else photo.region[:2]
    left, top, right, bottom = photo.view.square
    return (
        round(left * scale) + across,
        round(top * scale) + down,
        round(right * scale) + across,
        round(bottom * scale) + down,
    )


def square_around(x: float, y: float, size: float, width: int, height: int) -> list[float]:
    """The sliders' square as shares of the photo: centre ``x``, ``y`` and side ``size``, all in per cent.

    The side counts in the photo's shorter side; the square is moved inside the photo where it would stick out.
    """
    side = min(width, height) * size / 100
    left = min(max(width * x / 100 - side / 2, 0), width - side)
    top = min(max(height * y / 100 - side / 2, 0), height - side)
    return [left / width, top / height, (left + side) / width, (top + side) / height]


def with_frame(photo: ScoredPhoto) -> np.ndarray:
    """The scored picture, (H, W, 3) uint8, with a white frame, dark at its sides, round the square that was seen."""
    rgb = photo.scored.rgb.copy()
    left, top, right, bottom = photo.view.square
    width = max(1, min(rgb.shape[:2]) // 150)
    for thickness, colour in ((3 * width, (40, 40, 40)), (width, (255, 255, 255))):
        inset = 3 * width // 2
        corners = (left + inset, top + inset), (right - 1 - inset, bottom - 1 - inset)
        cv2.rectangle(rgb, *corners, colour, thickness)
    return rgb


def scored_square(photo: ScoredPhoto) -> np.ndarray:
    left, top, right, bottom = photo.view.square
    return photo.scored.rgb[top:bottom, left:right]
