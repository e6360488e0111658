"""What of a photo is judged: inside a dermatoscope's border, in a square round the spot.

Training photographs are cut by the same rule as a visitor's, so that training and use agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skin_model import border as borders
from skin_model.border import Border, Box
from skin_model.lesion import hair, locate
from skin_model.lesion.locate import Spot
from skin_model.network.preprocessing import Preprocessing, central_square
from skin_model.quality import Lesion

MOST_OUTSIDE = 1 / 3
"""How much of a spot's longer side may stick out of the central square for it to be judged there."""
AT_THE_SIDE = 0.005
"""Distance to a side of what can be seen, as a share of its shorter one, up to which a spot reaches that side."""


@dataclass(frozen=True)
class Region:
    """All boxes are left, top, right, bottom in pixels of the picture.

    border: what surrounds the skin. crop: what it leaves. square: inside that, what the network sees. spots: what was
    found, the one that is judged first; none where nothing stands out. cut_off: whether that one reaches a side of what
    can be seen. skin: how much the picture looks like skin, 0…1; None where that was not asked. shows_skin: whether
    that is enough, or a spot is certain: a tumour that fills the photo may hardly look like skin.
    """

    border: Border | None
    crop: Box
    square: Box
    spots: tuple[Spot, ...] = ()
    cut_off: bool = False
    skin: float | None = None
    shows_skin: bool = True

    def square_of(self, cropped: np.ndarray) -> np.ndarray:
        """The part of a cropped picture that the network sees."""
        left, top, right, bottom = self._in_crop(self.square)
        return cropped[top:bottom, left:right]

    @property
    def lesion(self) -> Lesion | None:
        """Where the spot that is judged lies in the cropped picture; None where none was found."""
        if not self.spots:
            return None
        return Lesion(self._in_crop(self.spots[0].box), self._in_crop(self.square), self.cut_off)

    def _in_crop(self, box: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
        left, top, right, bottom = box
        x, y = self.crop[:2]
        return left - x, top - y, right - x, bottom - y


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
    certain = tuple(spot for spot in located.spots if spot.certainty >= preprocessing.least_certainty)
    shows_skin = bool(certain) or located.skin_seen >= located.least_skin
    if chosen or not certain:
        return Region(border, crop, central_square_of(crop), skin=located.skin_seen, shows_skin=shows_skin)
    box = certain[0].box
    crop = _giving_way(crop, box, located.bounds)
    square = _square_of(box, crop, preprocessing)
    cut_off = _reaches_a_side(box, located.bounds)
    return Region(border, crop, square, certain, cut_off, located.skin_seen, shows_skin)


def central_square_of(box: Box) -> Box:
    """The largest square in the middle of a box."""
    left, top, right, bottom = box
    a, b, c, d = central_square(right - left, bottom - top)
    return left + a, top + b, left + c, top + d


def _square_of(spot: tuple[float, float, float, float], crop: Box, preprocessing: Preprocessing) -> Box:
    """The central square where the spot is large in it, as in the photographs of most collections; else one round it.

    To cut closer to a spot that fills a third of the picture or more loses more of its surroundings than it gains.
    """
    central = central_square_of(crop)
    longer = max(spot[2] - spot[0], spot[3] - spot[1])
    outside = max(central[0] - spot[0], central[1] - spot[1], spot[2] - central[2], spot[3] - central[3])
    if longer >= preprocessing.central_share * (central[2] - central[0]) and outside <= MOST_OUTSIDE * longer:
        return central
    return locate.square_around(spot, crop, preprocessing.spot_share)


def _reaches_a_side(spot: tuple[float, float, float, float], bounds: Box) -> bool:
    least = AT_THE_SIDE * min(bounds[2] - bounds[0], bounds[3] - bounds[1])
    near = [spot[0] - bounds[0], spot[1] - bounds[1], bounds[2] - spot[2], bounds[3] - spot[3]]
    return min(near) <= least


def _giving_way(crop: Box, spot: tuple[float, float, float, float], bounds: Box) -> Box:
    """The crop, as much larger as the spot needs: a border must not cut a lesion that lies at the rim."""
    left, top, right, bottom = crop
    return (
        max(bounds[0], min(left, int(np.floor(spot[0])))),
        max(bounds[1], min(top, int(np.floor(spot[1])))),
        min(bounds[2], max(right, int(np.ceil(spot[2])))),
        min(bounds[3], max(bottom, int(np.ceil(spot[3])))),
    )
