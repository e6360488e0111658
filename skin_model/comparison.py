"""Two photos of one spot in, what changed between them out: nothing counts that two photos of an unchanged spot give.

How far those differ is measured by ``python -m train repeatability`` on public photographs of one lesion at one visit,
and kept in LIMITS_FILE. A measure needs outlines that are certain and follow an edge.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from skin_model.assess import Assessment, Assessor
from skin_model.lesion import abcd, colour, registration
from skin_model.lesion import outline as outlines
from skin_model.lesion.outline import Outline
from skin_model.network.checkpoint_folder import DamagedFileError
from skin_model.photo import Photo

MEASURES: tuple[str, ...] = ("size", "shape", "colour", "risk")
"""size: natural logarithm of the ratio of areas. shape: asymmetry, see ``abcd.Abcd``. colour: CIEDE2000. risk: its
log-odds. All as amounts, 0 for no difference."""
LIMITS_FILE = Path(__file__).parent / "weights" / "repeatability.json"
EDGE = 6.0
"""Colour difference (ΔE*ab) between a band inside and one outside an outline from which there is an edge between."""
SECTORS = 36
_SIDE = 256
_BAND = (0.02, 0.14)
"""Where the bands begin and end, as shares of the lesion's mean diameter."""


@dataclass(frozen=True)
class Shot:
    """One of the two photos. outline, measures: None where no lesion stands out. edge: as ``edge_share`` gives it."""

    photo: Photo
    assessment: Assessment
    outline: Outline | None = None
    measures: abcd.Abcd | None = None
    edge: float = 0.0


@dataclass(frozen=True)
class Limits:
    """What a difference has to exceed to be a change.

    limits: one of MEASURES -> amount. least_certainty, least_edge: of an outline that is measured. checkpoint: hash of
    the network whose risks were compared; another one's risks are not judged.
    """

    limits: Mapping[str, float]
    least_certainty: float
    least_edge: float
    checkpoint: str = ""
    record: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def read(cls, file: Path = LIMITS_FILE) -> Limits:
        """The limits that come along, or another file of ``python -m train repeatability``.

        Raises CheckpointError where it is missing or damaged.
        """
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            limits = {name: float(found["limit"]) for name, found in record["limits"].items()}
            least = record["least"]
            return cls(limits, float(least["certainty"]), float(least["edge"]), record["checkpoint"], record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise DamagedFileError(f"{file} is missing or damaged. Copy it again.") from None

    def holds(self, shot: Shot) -> bool:
        """Whether the photo's outline is certain and follows an edge, so that what it measures means something."""
        found = shot.outline
        return found is not None and found.certainty >= self.least_certainty and shot.edge >= self.least_edge


@cache
def embedded_limits() -> Limits:
    """Those that come along."""
    return Limits.read()


@dataclass(frozen=True)
class Comparison:
    """Both photos with what was found. differences: of MEASURES those that could be taken, with their amounts."""

    before: Shot
    after: Shot
    alignment: registration.Alignment
    size_ratio: float | None
    differences: Mapping[str, float]
    limits: Limits

    @property
    def changes(self) -> tuple[str, ...]:
        """Those of MEASURES that differ by more than two photos of an unchanged spot do, in that order."""
        return tuple(name for name in self.differences if self.differences[name] > self.limits.limits[name])

    @property
    def is_measured(self) -> bool:
        """Whether anything of the spot itself could be compared, and not only the risks."""
        return bool(self.differences.keys() - {"risk"})


def shoot(assessor: Assessor, photo: Photo) -> Shot:
    """Score and outline a photo."""
    found = outlines.find(photo.rgb)
    assessment = assessor.assess(photo)
    if found is None:
        return Shot(photo, assessment)
    return Shot(photo, assessment, found, abcd.measure(photo.rgb, found), edge_share(photo.rgb, found))


def compare(before: Shot, after: Shot, checkpoint: str, limits: Limits | None = None) -> Comparison:
    """Lay the two over each other and measure what differs. checkpoint: hash of the network that gave the risks."""
    limits = embedded_limits() if limits is None else limits
    alignment = registration.align(before.photo.rgb, after.photo.rgb, before.outline, after.outline)
    taken: dict[str, float | None] = dict.fromkeys(MEASURES)
    ratio = None
    if alignment.kind != registration.NONE and limits.holds(before) and limits.holds(after):
        both = (before.outline, after.outline)
        change = registration.change(before.photo.rgb, after.photo.rgb, both, alignment)
        ratio = change.size_ratio
        taken["size"] = None if ratio is None else abs(math.log(ratio))
        taken["shape"] = None if change.asymmetry_difference is None else abs(change.asymmetry_difference)
        taken["colour"] = change.colour_difference
    risks = (before.assessment.risk, after.assessment.risk)
    if checkpoint == limits.checkpoint and risks[0] is not None and risks[1] is not None:
        taken["risk"] = abs(log_odds(risks[1]) - log_odds(risks[0]))
    differences = {name: amount for name, amount in taken.items() if amount is not None}
    return Comparison(before, after, alignment, ratio, differences, limits)


def log_odds(risk: float) -> float:
    """Of a risk in 0…1; the ends count as one in a million from them."""
    risk = min(max(risk, 1e-6), 1 - 1e-6)
    return math.log(risk / (1 - risk))


def edge_share(rgb: np.ndarray, outline: Outline) -> float:
    """Share of the directions from the lesion's centre, 0…1, in which it differs from the skin across its outline.

    rgb: (H, W, 3) uint8, the array that the outline was found in. In each of SECTORS the mean colours of a band inside
    and of one outside are compared; where the photo ends there is no edge to be seen.
    """
    left, top, right, bottom = outline.box
    reach = round(_BAND[1] * max(right - left, bottom - top)) + 3
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = max(0, left - reach), max(0, top - reach), min(width, right + reach), min(height, bottom + reach)
    part, mask = np.ascontiguousarray(rgb[y0:y1, x0:x1]), outline.mask[y0:y1, x0:x1].astype(np.uint8)
    factor = min(1.0, _SIDE / max(part.shape[:2]))
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    # The rim of the array is not the rim of the lesion.
    inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    diameter = 2 * math.sqrt(max(1, np.count_nonzero(mask)) / math.pi)
    near, far = (share * diameter for share in _BAND)
    colours = colour.lab(part).reshape(-1, 3)
    rows, columns = np.indices(mask.shape)
    covered = mask > 0
    angle = np.arctan2(rows - rows[covered].mean(), columns - columns[covered].mean())
    sector = np.minimum(((angle / (2 * np.pi) + 0.5) * SECTORS).astype(int), SECTORS - 1).ravel()
    means = []
    for away in (inside, outside):
        band = ((away > near) & (away <= max(far, near + 1.5))).ravel()
        count = np.bincount(sector[band], minlength=SECTORS)
        sums = [np.bincount(sector[band], colours[band, axis], SECTORS) for axis in range(3)]
        means.append(np.where(count > 0, np.stack(sums) / np.maximum(count, 1), np.nan))
    difference = np.sqrt(np.square(means[0] - means[1]).sum(axis=0))
    return float(np.mean(np.nan_to_num(difference) >= EDGE))
