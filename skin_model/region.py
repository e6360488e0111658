"""What of a photo is judged: inside a dermatoscope's border, in a square round the spot.

Training photographs are cut by the same rule as a visitor's, so that training and use agree. The embedded checkpoint
asks for the central square; the locator that a square round the spot needs is not released yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_model import border as borders
from skin_model.border import Border, Box
from skin_model.lesion import hair, locate
from skin_model.lesion.locate import Spot
from skin_model.network.architecture import Preprocessing, central_square


@dataclass(frozen=True)
class Region:
    """All boxes are left, top, right, bottom in pixels of the picture.

    border: what surrounds the skin. crop: what it leaves. square: inside that, what the network sees. spots: what was
    found, the one that is judged first; none where nothing stands out. skin: how much of the square is skin, 0…1; None
    where that was not asked. shows_skin: whether that is enough to judge it.
    """

    border: Border | None
    crop: Box
    square: Box
    spots: tuple[Spot, ...] = ()
    skin: float | None = None
    shows_skin: bool = True

    def square_of(self, cropped: np.ndarray) -> np.ndarray:
        """The part of a cropped picture that the network sees."""
        left, top, right, bottom = (at - self.crop[i % 2] for i, at in enumerate(self.square))
        return cropped[top:bottom, left:right]


def cropped(rgb: np.ndarray, region: Region, preprocessing: Preprocessing) -> np.ndarray:
    """What lies inside the crop, with hair painted over where the preprocessing says so."""
    left, top, right, bottom = region.crop
    inside = rgb[top:bottom, left:right]
    return hair.remove(inside) if preprocessing.remove_hair else inside


def find(
    rgb: np.ndarray, preprocessing: Preprocessing, locator: locate.Locator | None = None, *, chosen: bool = False
) -> Region:
    """The region of a photo, (H, W, 3) uint8, that a checkpoint's preprocessing asks for.

    locator: None for the one that comes along. chosen: a person cut the photo to what is to be judged, so that no spot
    is looked for in it.
    """
    border = borders.find(rgb) if preprocessing.crop == "border" else None
    crop = borders.crop_box(rgb, border)
    if preprocessing.square == "centre":
        return Region(border, crop, central_square_of(crop))
    located = (locator or locate.embedded())(rgb, borders.bounds(rgb, border))
    spots = () if chosen else tuple(s for s in located.spots if s.certainty >= preprocessing.least_certainty)
    if not spots:
        square = central_square_of(crop)
    else:
        crop = _giving_way(crop, spots[0].box, located.bounds)
        square = locate.square_around(spots[0].box, crop, preprocessing.spot_share)
    skin = located.skin_within(square)
    return Region(border, crop, square, spots, skin, skin >= located.least_skin)


def central_square_of(box: Box) -> Box:
    """The largest square in the middle of a box."""
    left, top, right, bottom = box
    a, b, c, d = central_square(right - left, bottom - top)
    return left + a, top + b, left + c, top + d


def _giving_way(crop: Box, spot: tuple[float, float, float, float], bounds: Box) -> Box:
    """The crop, as much larger as the spot needs: a border must not cut a lesion that lies at the rim."""
    left, top, right, bottom = crop
    return (
        max(bounds[0], min(left, int(np.floor(spot[0])))),
        max(bounds[1], min(top, int(np.floor(spot[1])))),
        min(bounds[2], max(right, int(np.ceil(spot[2])))),
        min(bounds[3], max(bottom, int(np.ceil(spot[3])))),
    )
