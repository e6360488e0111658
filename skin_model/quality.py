"""What is wrong with a photo: blurred, badly lit, grey, too few pixels, or the lesion too small in it or cut off.

Every measure is taken on a copy of fixed size and relative to the picture's own contrast, so that a 12-megapixel phone
photo and a 256-pixel training photograph of the same skin get the same answer. The codes are worded in ``wording``.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

Box = tuple[int, int, int, int]

TOO_BLURRED, TOO_DARK, TOO_BRIGHT, GLARE, NO_COLOUR, TOO_SMALL, LESION_TOO_SMALL, LESION_CUT_OFF = PROBLEMS = (
    "too_blurred",
    "too_dark",
    "too_bright",
    "glare",
    "no_colour",
    "too_small",
    "lesion_too_small",
    "lesion_cut_off",
)

LEAST_SIDE = 150
"""Pixels on the short side below which a photo is too small; the network looks at 224."""
SMALLEST_LESION = 0.22
"""Extent of a lesion as a share of the short side, below which it is too small in the frame."""


MOST_BLUR = 1.5
"""Pixels of blur above which a photo is too blurred: 2 of 600 published photographs are, both soft to the eye."""
DARKEST, BRIGHTEST = 50.0, 225.0
"""Lightness, 0…255: a photo is too dark where nine tenths of it lie below, too bright where nine tenths lie above."""
MOST_WASHED = 0.25
"""Share of pixels at full white above which a photo is too bright."""
MOST_GLARE = 0.01
"""Share of the picture covered by reflections above which they hide too much."""

LEAST_COLOURED = 0.01
"""Share of the picture in colour below which a photo has none; 0.07 in the greyest of 31,312 published photographs."""

_SIDE, _LESION_SIDE, _COLOUR_SIDE = 256, 128, 128
_GREY = 4
"""Levels (0…255) that red, green and blue of a grey photo may be apart, as colour profiles and encoders leave them."""
_FINE, _COARSE = 1.0, 2.0
_COARSER = 0.8
_SLOPE_OF_NOTHING = 0.25
"""Levels (0…255) a pixel: a picture nowhere steeper shows nothing at all."""
_FULL = 250
_WHITE, _REFLECTED, _LARGEST_SPOT = 235, 60, 0.3


@dataclass(frozen=True)
class Measures:
    """The numbers behind the problems.

    side: pixels on the short side. blur: standard deviation of the blur at the sharpest edges, in pixels of a copy with
    256 on the short side (see ``blur``). dark, bright: lightness 0…255 that a tenth of the picture lies below, and
    above. washed: share of pixels at full white. glare: share of the picture under reflections. coloured: share of the
    whole photo that is not grey. lesion: the lesion's extent as a share of the short side; None where none stands out
    from plain skin. cut_off: whether it reaches a side of the photo.
    """

    side: int
    blur: float
    dark: float
    bright: float
    washed: float
    glare: float
    coloured: float
    lesion: float | None
    cut_off: bool = False


@dataclass(frozen=True)
class Lesion:
    """Where the located lesion is in a picture: its box and the square round it, in pixels. cut_off: as in Measures."""

    box: tuple[float, float, float, float]
    square: Box
    cut_off: bool


def check(rgb: np.ndarray, lesion: Lesion | None = None) -> list[str]:
    """Codes of what is wrong with a photo, of PROBLEMS and in that order; empty where nothing is.

    rgb: (H, W, 3) uint8, cropped inside a dermatoscope's border. lesion: where it was located, so that a sharp ruler
    beside it hides no blur. No problem changes the risk or refuses the photo.
    """
    m = measure(rgb, lesion)
    too_dark, too_bright = m.bright < DARKEST, m.dark > BRIGHTEST or m.washed > MOST_WASHED
    found = {
        TOO_BLURRED: m.blur > MOST_BLUR,
        TOO_DARK: too_dark,
        TOO_BRIGHT: too_bright,
        GLARE: m.glare > MOST_GLARE,
        NO_COLOUR: m.coloured < LEAST_COLOURED and not (too_dark or too_bright),  # which take the colours too
        TOO_SMALL: m.side < LEAST_SIDE,
        LESION_TOO_SMALL: m.lesion is not None and m.lesion < SMALLEST_LESION,
        LESION_CUT_OFF: m.cut_off,
    }
    return [code for code in PROBLEMS if found[code]]


def measure(rgb: np.ndarray, lesion: Lesion | None = None) -> Measures:
    """The numbers behind ``check`` for a photo, (H, W, 3) uint8."""
    side, share_in_colour = min(rgb.shape[:2]), coloured(rgb)
    if lesion is not None:
        left, top, right, bottom = lesion.square
        extent = max(lesion.box[2] - lesion.box[0], lesion.box[3] - lesion.box[1]) / side
        rgb = rgb[top:bottom, left:right]
    small = _working_copy(rgb, _SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    shares = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()) / grey.size
    dark, bright = (float(np.searchsorted(shares, share)) for share in (0.1, 0.9))
    if lesion is None:
        found = _segment(small)
        extent = None if found is None or not found.alone else found.extent
    return Measures(
        side=side,
        blur=blur(grey),
        dark=dark,
        bright=bright,
        washed=1 - float(shares[_FULL - 1]),
        glare=glare(small),
        coloured=share_in_colour,
        lesion=extent,
        cut_off=lesion is not None and lesion.cut_off,
    )


def _working_copy(rgb: np.ndarray, side: int) -> np.ndarray:
    """At most ``side`` pixels on the short side."""
    height, width = rgb.shape[:2]
    factor = side / min(height, width)
    if factor >= 1:
        return rgb
    size = round(width * factor), round(height * factor)
    whole = int(1 / factor)
    if whole > 1:  # averaging whole blocks of pixels first is several times as fast
        rgb = cv2.resize(rgb, (width // whole, height // whole), interpolation=cv2.INTER_AREA)
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def blur(grey: np.ndarray) -> float:
    """Standard deviation of the blur at the sharpest edges of a grey picture, in pixels.

    Measured on the picture and on copies of half and a quarter of its size, each in its own pixels; the largest counts,
    because noise on a blurred photo passes for sharp edges at the finest scale, and only there. The coarser ones count
    for less: in a sharp photo of a soft lesion they see little else.
    """
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    quarter = cv2.resize(half, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return max(_edge_blur(grey), _COARSER * _edge_blur(half), _COARSER * _edge_blur(quarter))


def _edge_blur(grey: np.ndarray) -> float:
    """Standard deviation of the blur at the sharpest edges, at one scale.

    The slope of an edge blurred by s, and then by a, falls with sqrt(s² + a²), so two known a give s whatever the
    contrast (Zhuo & Sim 2011, doi 10.1016/j.patcog.2011.03.009). Taken from the sharpest tenth of the steepest percent
    of the picture, so that neither plain skin nor a soft lesion in a sharp photo counts as blur.
    """
    fine, coarse = (_slopes(grey, sigma) for sigma in (_FINE, _COARSE))
    count = max(1, fine.size // 100)
    steepest = np.argpartition(fine, -count)[-count:]
    ratio = float(np.quantile(fine[steepest] / np.maximum(coarse[steepest], 1e-6), 0.9))
    if ratio <= 1 or fine[steepest].max() < _SLOPE_OF_NOTHING:
        return float(min(grey.shape))
    return float(np.sqrt(max(_COARSE**2 - (ratio * _FINE) ** 2, 0.0) / (ratio**2 - 1)))


def _slopes(grey: np.ndarray, sigma: float) -> np.ndarray:
    """Size of the gradient of the picture blurred by ``sigma``, flattened."""
    reach = int(np.ceil(3.5 * sigma))
    at = np.arange(-reach, reach + 1, dtype=np.float32)
    bell = np.exp(-(at**2) / (2 * sigma**2))
    bell /= bell.sum()
    slope = -at / sigma**2 * bell
    across = cv2.sepFilter2D(grey, cv2.CV_32F, slope, bell)
    down = cv2.sepFilter2D(grey, cv2.CV_32F, bell, slope)
    return cv2.magnitude(across, down).ravel()


def glare(rgb: np.ndarray) -> float:
    """Share of the picture under reflections: white spots, far smaller than the picture, on skin that is not white.

    White that reaches the picture's side or fills much of it is skin that is too bright, or paper.
    """
    height, width = rgb.shape[:2]
    lowest = cv2.min(cv2.min(rgb[:, :, 0], rgb[:, :, 1]), rgb[:, :, 2])
    white = (lowest >= _WHITE).astype(np.uint8)
    if not 0 < cv2.countNonZero(white) < white.size / 2 or np.median(lowest[::4, ::4]) > _WHITE - _REFLECTED:
        return 0.0
    _, _, stats, _ = cv2.connectedComponentsWithStats(white, connectivity=8)
    left, top, wide, high, area = stats[1:].T
    spots = (np.maximum(wide, high) < _LARGEST_SPOT * min(height, width)) & (left > 0) & (top > 0)
    spots &= (left + wide < width) & (top + high < height)
    return float(area[spots].sum()) / white.size


def coloured(rgb: np.ndarray) -> float:
    """Share of a picture, (H, W, 3) uint8, whose red, green and blue are farther apart than in a grey photo."""
    step = max(1, min(rgb.shape[:2]) // _COLOUR_SIDE)
    red, green, blue = cv2.split(np.ascontiguousarray(rgb[::step, ::step]))
    apart = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return float((apart > _GREY).mean())


@dataclass(frozen=True)
class _Lesion:
    """extent: longer side as a share of the picture's short side. alone: plain skin around."""

    extent: float
    alone: bool


@lru_cache(maxsize=16)
def _light(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six slowly varying shades of lighting, (height × width, 6), the same on a coarse grid, and the grid's index."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shades = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2).astype(np.float32)
    grid = np.zeros((height, width), dtype=bool)
    grid[::4, ::4] = True
    return shades.reshape(-1, 6), shades[grid], np.flatnonzero(grid)


def _segment(rgb: np.ndarray) -> _Lesion | None:
    small = _working_copy(rgb, _LESION_SIDE)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    height, width = lab.shape[:2]
    difference = _from_skin(lab)
    spread = 1.4826 * float(np.median(np.abs(difference - np.median(difference))))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    seeds = cv2.GaussianBlur(difference, (0, 0), 1.5) * np.exp(-(x * x + y * y) / 1.2).astype(np.float32)
    top = np.unravel_index(int(seeds.argmax()), seeds.shape)
    peak = float(difference[top])
    if peak < max(_LEAST_CONTRAST, 4 * spread):
        return None
    standing_out = (difference > max(0.3 * peak, 2.5 * spread, 6.0)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(standing_out, connectivity=8)
    _, _, wide, high, area = (int(v) for v in stats[labels[top]])
    rest = float(standing_out.mean()) - area / standing_out.size
    return _Lesion(
        extent=max(wide, high) / min(height, width),
        alone=rest < _MOST_OF_THE_REST and peak > _CLEAR * spread,
    )


_INK = 118.0
"""b* (0…255) below which a colour is blue or violet."""
_LEAST_CONTRAST = 14.0
"""Least difference in colour (L*a*b*, 0…255 each) of a lesion from the skin around it."""
_CLEAR = 18.0
"""Standing out by fewer times the unevenness of the rest, the part found may be a patch within a larger lesion."""
_MOST_OF_THE_REST = 0.06
"""Where more of the picture than this stands out as well, the lesion may be larger than the part found."""


def _from_skin(lab: np.ndarray) -> np.ndarray:
    """How much darker, or of another colour, each pixel is than the skin, after the lighting is evened out."""
    height, width = lab.shape[:2]
    shades, coarse, grid = _light(height, width)
    pixels = lab.reshape(-1, 3)
    sample = pixels[grid]
    weight = np.ones(len(sample), np.float32)
    for _ in range(3):
        weighted = coarse * weight[:, None]
        skin = np.linalg.solve(coarse.T @ weighted + 1e-3 * np.eye(6, dtype=np.float32), weighted.T @ sample)
        off = np.linalg.norm(sample - coarse @ skin, axis=1)
        weight = (1 / (1 + (off / max(float(np.median(off)), 1.0)) ** 4)).astype(np.float32)
    change = pixels - shades @ skin
    darker = np.maximum(-change[:, 0], 0)
    different = darker + 0.7 * cv2.magnitude(change[:, 1].copy(), change[:, 2].copy())[:, 0]
    # Blue or violet on skin that is neither is a doctor's pen.
    different[(pixels[:, 2] < _INK) & (np.median(sample[:, 2]) > _INK + 6)] = 0
    return different.reshape(height, width)
