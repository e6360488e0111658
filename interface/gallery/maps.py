"""A case's coarse map as lines and as colours, over the photograph or in its place."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from interface.gallery.cases import Case
from skin_model.region import central_square_of

LEVEL = 0.5
"""Of the map's maximum: what is warmer lies inside the line."""
_SIDE = 64
_COLOURS = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0]


@dataclass(frozen=True)
class MapLines:
    """For an SVG whose viewBox is the photograph. square: left, top, width, height of what the network saw. path: round
    what raised the risk most, "" for an empty map.
    """

    width: int
    height: int
    square: tuple[int, int, int, int]
    path: str


def lines(case: Case) -> MapLines | None:
    """The map's outline in pixels of the full-size photograph; None where no map is kept."""
    details = case.details
    if details is None or details.heat is None:
        return None
    left, top, right, bottom = details.square or central_square_of(details.crop)
    scale = (right - left) / _SIDE, (bottom - top) / _SIDE
    parts = []
    if details.heat.max() > 0:
        # A cold rim closes every line inside the square.
        warm = np.pad(_enlarged(details.heat)[1:-1, 1:-1], 1) >= LEVEL
        for contour in cv2.findContours(warm.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]:
            points = cv2.approxPolyDP(contour, 0.6, closed=True)[:, 0] + 0.5
            if len(points) > 2:
                placed = (f"{left + x * scale[0]:.0f} {top + y * scale[1]:.0f}" for x, y in points)
                parts.append("M" + "L".join(placed) + "Z")
    return MapLines(details.width, details.height, (left, top, right - left, bottom - top), "".join(parts))


def colours(case: Case) -> str:
    """The map as a data URI of a PNG to lie over the square, through which the photograph shows where it is cold; ""
    for an empty map and where none is kept.
    """
    if case.details is None or case.details.heat is None or case.details.heat.max() <= 0:
        return ""
    levels = np.round(_enlarged(case.details.heat) * 255).astype(np.uint8)
    encoded = cv2.imencode(".png", np.dstack([_COLOURS[levels], levels]))[1]
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _enlarged(heat: np.ndarray) -> np.ndarray:
    """(_SIDE, _SIDE) in 0…1."""
    return np.clip(cv2.resize(heat, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC), 0, 1)
