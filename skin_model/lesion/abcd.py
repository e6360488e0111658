"""Asymmetry, border, colour and diameter of an outlined lesion, as numbers.

The four letters are those of the ABCD rule of dermoscopy (Stolz et al. 1994, Eur J Dermatol 4:521; Nachbar et al. 1994,
doi 10.1016/S0190-9622(94)70061-3) and of its older namesake for the naked eye (Friedman et al. 1985, doi
10.3322/canjclin.35.3.130). The rule's own scores are given by a person who looks at structures too; what is measured
here follows its ideas and is **not** its score: no total is formed and no threshold of the rule applies.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from skin_model.lesion.colour import encoded, lab, linear
from skin_model.lesion.outline import Outline

COLOURS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "white": ((228, 220, 216), (205, 200, 205)),
    "red": ((200, 75, 80), (150, 45, 60)),
    "light_brown": ((185, 130, 100), (160, 110, 82), (200, 150, 125)),
    "dark_brown": ((110, 70, 52), (80, 48, 38)),
    "blue_grey": ((110, 118, 130), (80, 85, 105), (145, 140, 150)),
    "black": ((38, 30, 30), (22, 18, 20)),
}
"""The six colours that the rule counts, as sRGB of well-lit examples; a pixel has the colour of the nearest in CIELAB.

The rule names them and gives no coordinates; these were chosen by this project.
"""
LEAST_SHARE = 0.05
"""Share of the lesion that a colour must cover to count."""
WHITER = 5.0
"""L* by which white must exceed the skin around the lesion, as the rule counts only what is lighter than that."""
REFERENCE_SKIN = (226, 186, 163)
"""sRGB of the well-lit skin that COLOURS were chosen on; of another skin the tint is adapted, not the lightness."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SIDE = 128
"""Colours are read from a copy with the lesion's box at most this large, so that single pixels do not count."""
_SAMPLES = 256
_RING = 0.25
_GAP = 0.08


@dataclass(frozen=True)
class Abcd:
    """The four measures of a lesion.

    asymmetry: 0 (its own mirror image) … 1. Share of the area that is not covered after mirroring about a principal
        axis through the centroid, mean of both axes. The rule's own A is 0, 1 or 2 axes of asymmetry in contour,
        colours and structures; this sees the contour alone.
    border: compactness, perimeter² / (4 π area) (Golston et al. 1992, doi 10.1016/0895-6111(92)90074-J): 1 for a disc,
        more for anything else, also for what is merely long. The rule's own B counts eighths of the rim in which
        pigment ends abruptly; this does not look at pigment.
    colours: which of the six colours of the rule are present, keys of COLOURS in its order, after the tint of the skin
        around is adapted to that of a reference. What light, camera and skin tone do beyond that shifts them.
    colour_spread: root mean square distance of the pixels' CIELAB colours from their mean, in units of ΔE*ab. Not part
        of the rule.
    diameter: longest distance across, as a share of the photo's shorter side. Never millimetres: a photo does not say
        how far away it was taken. The rule's own D is differential structures, which nothing here looks for; the 6 mm
        of its namesake need a scale.
    is_cut: the lesion reaches a side of the photo, so the other numbers describe a part of it.
    """

    asymmetry: float
    border: float
    colours: tuple[str, ...]
    colour_spread: float
    diameter: float
    is_cut: bool


def measure(rgb: np.ndarray, outline: Outline) -> Abcd:
    """The measures of a lesion in a photo, (H, W, 3) uint8, whose outline was found in the same array.

    Raises ValueError where the outline is of an array of another size.
    """
    if outline.mask.shape != rgb.shape[:2]:
        raise ValueError(f"The outline is of {outline.mask.shape} pixels, the photo has {rgb.shape[:2]}.")
    pixels, skin = lesion_and_skin(rgb, outline)
    colours = lab(pixels)
    evened, skin_evened = _as_on_reference_skin(pixels, skin), _as_on_reference_skin(skin, skin)
    return Abcd(
        asymmetry=asymmetry(outline.mask),
        border=compactness(outline.mask),
        colours=present(lab(evened), lab(skin_evened) if len(skin) else None),
        colour_spread=float(np.sqrt(colours.astype(np.float64).var(axis=0).sum())),
        # The polygon runs through the middles of the rim's pixels, half a pixel inside on either end.
        diameter=(longest(outline.polygon) + 1) / min(rgb.shape[:2]),
        is_cut=outline.is_cut,
    )


def asymmetry(mask: np.ndarray) -> float:
    """Share of a (H, W) bool mask not covered by its mirror image about a principal axis, mean of both axes, 0…1.

    The axes are those of its second moments, through its centroid; where they are equal (a disc, a square), upright
    ones take their place.
    """
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    across, down, slant = moments["mu20"], moments["mu02"], moments["mu11"]
    round_ = np.hypot(across - down, 2 * slant) < 0.01 * (across + down)
    angle = 0.0 if round_ else 0.5 * np.arctan2(2 * slant, across - down)
    # Turned so that the axes lie upright in the middle, and scaled to one size: mirroring is then a flip of the array.
    far = np.sqrt(np.square(np.argwhere(mask)[:, ::-1] - (x, y)).sum(axis=1).max()) + 1
    scale = (_SAMPLES - 1) / 2 / far
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (_SAMPLES - 1) / 2
    matrix = np.column_stack([turn, np.array([middle, middle]) - turn @ np.array([x, y])])
    soft = mask.astype(np.float32)
    if scale < 0.8:
        soft = cv2.GaussianBlur(soft, (0, 0), 0.4 / scale)
    turned = cv2.warpAffine(soft, matrix, (_SAMPLES, _SAMPLES), flags=cv2.INTER_LINEAR) > 0.5
    area = max(1, np.count_nonzero(turned))
    missed = [np.count_nonzero(turned & ~mirrored) / area for mirrored in (turned[::-1], turned[:, ::-1])]
    return float(np.mean(missed))


def compactness(mask: np.ndarray) -> float:
    """perimeter² / (4 π area) of a (H, W) bool mask: 1 for a disc, 4 / π for a square; at least 1.

    The perimeter runs along the mask's rim smoothed with a Gaussian of a hundredth of its length (1.3 pixels at least),
    so that neither the pixels' steps nor the photo's size count as irregular.
    """
    contours, _ = cv2.findContours(np.pad(mask.astype(np.uint8), 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = max(contours, key=len)[:, 0].astype(np.float64)
    steps = np.linalg.norm(np.roll(rim, -1, axis=0) - rim, axis=1)
    at = np.concatenate([[0], np.cumsum(steps)])
    even = np.linspace(0, at[-1], 400, endpoint=False)
    closed = np.vstack([rim, rim[:1]])
    points = np.column_stack([np.interp(even, at, closed[:, axis]) for axis in (0, 1)])
    frequencies = np.fft.fftfreq(400) * 400
    width = max(0.01, 1.3 / at[-1])
    keep = np.exp(-0.5 * (2 * np.pi * frequencies * width) ** 2)
    smooth = np.fft.ifft(np.fft.fft(points[:, 0] + 1j * points[:, 1]) * keep)
    following = np.roll(smooth, -1)
    perimeter = float(np.abs(following - smooth).sum())
    area = abs(float((smooth.real * following.imag - following.real * smooth.imag).sum())) / 2
    return max(1.0, perimeter**2 / (4 * np.pi * area)) if area else 1.0


def longest(polygon: np.ndarray) -> float:
    """The longest distance between two of the (n, 2) points."""
    hull = cv2.convexHull(np.ascontiguousarray(polygon, dtype=np.float32))[:, 0]
    return float(np.linalg.norm(hull[:, None] - hull[None], axis=2).max())


def present(lesion: np.ndarray, skin: np.ndarray | None = None) -> tuple[str, ...]:
    """Which of COLOURS cover at least LEAST_SHARE of (n, 3) CIELAB pixels, in that order.

    skin: (m, 3) pixels around the lesion; white counts only where it is lighter than their median.
    """
    names = [name for name, examples in COLOURS.items() for _ in examples]
    examples = lab(np.array([rgb for examples in COLOURS.values() for rgb in examples]))
    distance = np.linalg.norm(lesion[:, None] - examples[None], axis=2)
    if skin is not None:
        as_dark = lesion[:, 0] <= float(np.median(skin[:, 0])) + WHITER
        white = np.array([name == "white" for name in names])
        distance[np.ix_(as_dark, white)] = np.inf
    nearest = np.array(names)[distance.argmin(axis=1)]
    return tuple(name for name in COLOURS if np.mean(nearest == name) >= LEAST_SHARE)


def _as_on_reference_skin(pixels: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(n, 3) sRGB as if the skin around the lesion had the tint of REFERENCE_SKIN; its lightness stays as it is.

    Cameras and dermatoscopes tint photos, and brown in pink light would be taken for red.
    """
    if not len(skin):
        return pixels
    seen, wanted = linear(skin).mean(axis=0) + 1e-4, linear(np.array(REFERENCE_SKIN))
    gains = (wanted / (wanted @ _LUMINANCE)) / (seen / (seen @ _LUMINANCE))
    return encoded(linear(pixels) * gains)


def lesion_and_skin(rgb: np.ndarray, outline: Outline) -> tuple[np.ndarray, np.ndarray]:
    """Colours of the lesion, (n, 3), and of a ring of skin around it, (m, 3) float32 sRGB in 0…255; m may be 0.

    Read from a smoothed copy with the lesion's box at most SIDE large. The ring keeps off the rim, which is both, and
    is a quarter of the lesion's mean diameter wide; nearly black pixels are not skin but a dermatoscope's border.
    """
    left, top, right, bottom = outline.box
    reach = round((_RING + _GAP) * max(right - left, bottom - top)) + 2
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = max(0, left - reach), max(0, top - reach), min(width, right + reach), min(height, bottom + reach)
    part, mask = rgb[y0:y1, x0:x1], outline.mask[y0:y1, x0:x1].astype(np.uint8)
    factor = SIDE / max(right - left, bottom - top)
    if factor < 1:
        size = max(1, round((x1 - x0) * factor)), max(1, round((y1 - y0) * factor))
        part = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
        covered = cv2.resize(mask * 255, size, interpolation=cv2.INTER_AREA)
        # Pixels that are partly skin would add a colour that is in neither.
        mask = (covered >= min(254, int(covered.max()))).astype(np.uint8)
    diameter = 2 * float(np.sqrt(np.count_nonzero(mask) / np.pi))
    away = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    ring = (away > max(1.5, _GAP * diameter)) & (away <= (_RING + _GAP) * diameter + 1.5) & (part.max(axis=2) > 30)
    return part[mask > 0].astype(np.float32), part[ring].astype(np.float32)
