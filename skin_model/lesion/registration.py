"""Lays two photos of the same lesion over each other and says what changed between them.

Size is taken only from what lies around the lesion (other moles, furrows of the skin), never from the lesion itself:
scaling a lesion to its earlier size would hide that it grew.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from skin_model import border as borders
from skin_model.lesion import abcd, colour
from skin_model.lesion.outline import Outline

FEATURES, CENTRED, NONE = KINDS = ("features", "centred", "none")
NO_LESION, DIFFERENT_SCALE = REASONS = ("no_lesion", "different_scale")

SIDE = 640
"""Short side in pixels of the largest copy in which features are looked for."""
MOST_FEATURES = 2500
SURER = 0.8
"""A feature's best match must be nearer than this share of the distance to the second best (Lowe 2004)."""
REACH = 3.0
"""Pixels, in the copy, that a feature may lie off its place."""
FEWEST = 14
"""Features that must agree. Of unrelated photos a handful does by chance."""
LEAST_AGREEMENT = 0.2
"""Share of the matches that must agree."""
SPREAD = 0.12
"""Least spread (standard deviation as a share of the short side) of the features that agree, along their widest and
their narrowest direction together: a single hair or fold does not tell the scale."""
SCALES = (0.33, 3.0)
MOST_APART = 1.0
"""How far apart the lesions' centres may lie after alignment, in mean diameters of the lesion before."""
MOST_LARGER = 2.5
"""Lesions whose diameters, as shares of their photos' shorter sides, differ by more than this factor were not taken
from a like distance, or with a like device; without features they are not compared."""
_KEPT_OFF = 0.12
"""Margin around the lesion, as a share of its mean diameter, from which no feature is taken: its rim moves with it."""


@dataclass(frozen=True)
class Alignment:
    """How the photo after is laid over the one before.

    kind: "features" (shift, rotation and scale from the skin around the lesion), "centred" (the lesions' centres on
    each other; the photos' shorter sides taken for equally long) or "none". matrix: (2, 3) float64 from pixels of the
    photo after to pixels of the one before; None for "none". inliers: features that agree, 0 unless "features".
    residual: root mean square distance in pixels of the photo before by which they miss, None unless "features".
    reason: why there is none: "no_lesion" or "different_scale".
    """

    kind: str
    matrix: np.ndarray | None = None
    inliers: int = 0
    residual: float | None = None
    reason: str | None = None

    @property
    def scale(self) -> float | None:
        """Pixels of the photo before for one of the photo after; None where it is not known from features."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2])))) if self.kind == FEATURES else None


@dataclass(frozen=True)
class Change:
    """What changed from before to after; None where it cannot be said.

    size_ratio: area after by area before; needs an alignment by features, and lesions that no side of a photo cuts.
    colour_difference: CIEDE2000 between the mean colours, after evening out the skin around them (about 1 is just
    visible side by side). asymmetry_difference: after minus before, -1…1; see ``abcd.Abcd``. Differences of light,
    focus and the outlines themselves remain in all three.
    """

    size_ratio: float | None
    colour_difference: float | None
    asymmetry_difference: float | None


def align(
    before_rgb: np.ndarray,
    after_rgb: np.ndarray,
    outline_before: Outline | None,
    outline_after: Outline | None,
) -> Alignment:
    """Lay the photo after over the one before; both (H, W, 3) uint8 of any size, with the outlines found in them."""
    if outline_before is None or outline_after is None:
        return Alignment(NONE, reason=NO_LESION)
    found = _by_features(before_rgb, after_rgb, outline_before, outline_after)
    if found is not None:
        return found
    sides = [min(rgb.shape[:2]) for rgb in (before_rgb, after_rgb)]
    diameters = [
        np.sqrt(outline.area) / side for outline, side in zip((outline_before, outline_after), sides, strict=True)
    ]
    if max(diameters) > MOST_LARGER * min(diameters):
        return Alignment(NONE, reason=DIFFERENT_SCALE)
    scale = sides[0] / sides[1]
    offset = np.array(outline_before.centre) - scale * np.array(outline_after.centre)
    # Centres are in pixels that cover x in j…j+1; warping counts from the middle of the first pixel.
    offset += (scale - 1) / 2
    return Alignment(CENTRED, np.column_stack([scale * np.eye(2), offset]))


def warped(after_rgb: np.ndarray, alignment: Alignment, shape: tuple[int, ...]) -> np.ndarray:
    """The photo after as it lies over the one before, whose (H, W, …) is ``shape``; black where it has nothing to show.

    Raises ValueError for an alignment of kind "none".
    """
    if alignment.matrix is None:
        raise ValueError("The photos are not aligned, so one cannot be laid over the other.")
    height, width = shape[:2]
    shrinking = np.sqrt(abs(np.linalg.det(alignment.matrix[:, :2])))
    rgb = np.ascontiguousarray(after_rgb)
    if shrinking < 0.8:
        rgb = cv2.GaussianBlur(rgb, (0, 0), 0.4 / shrinking)
    return cv2.warpAffine(rgb, alignment.matrix, (width, height), flags=cv2.INTER_LINEAR)


def change(
    before: np.ndarray,
    after: np.ndarray,
    outlines: tuple[Outline | None, Outline | None],
    alignment: Alignment,
) -> Change:
    """What changed. before, after: (H, W, 3) uint8; outlines: found in them; alignment: given by ``align`` for them."""
    first, second = outlines
    if first is None or second is None or alignment.kind == NONE:
        return Change(None, None, None)
    size_ratio = None
    if alignment.scale is not None and not (first.is_cut or second.is_cut):
        size_ratio = second.area * alignment.scale**2 / first.area
    return Change(
        size_ratio=size_ratio,
        colour_difference=_colour_difference(before, after, first, second),
        asymmetry_difference=abcd.asymmetry(second.mask) - abcd.asymmetry(first.mask),
    )


def _colour_difference(before: np.ndarray, after: np.ndarray, first: Outline, second: Outline) -> float | None:
    """Each photo's light is scaled, channel by channel (von Kries), so that both skins have their common mean."""
    parts = [abcd.lesion_and_skin(rgb, outline) for rgb, outline in ((before, first), (after, second))]
    if any(len(skin) < 30 for _, skin in parts):
        return None
    means = [[colour.linear(pixels).mean(axis=0) for pixels in part] for part in parts]
    common = np.sqrt(means[0][1] * means[1][1])
    labs = [colour.lab(colour.encoded(lesion * common / np.maximum(skin, 1e-4))) for lesion, skin in means]
    return colour.ciede2000(*labs)


def _by_features(
    before_rgb: np.ndarray, after_rgb: np.ndarray, outline_before: Outline, outline_after: Outline
) -> Alignment | None:
    found = [_features(rgb, outline) for rgb, outline in ((before_rgb, outline_before), (after_rgb, outline_after))]
    (places, described, shrunk), (places_after, described_after, shrunk_after) = found
    if min(len(places), len(places_after)) < FEWEST:
        return None
    pairs = _matched(described_after, described)
    if len(pairs) < FEWEST:
        return None
    source, target = places_after[pairs[:, 0]], places[pairs[:, 1]]
    cv2.setRNGSeed(0)  # the same two photos always get the same answer
    matrix, agreeing = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=REACH, maxIters=5000, confidence=0.999
    )
    if matrix is None:
        return None
    agree = agreeing[:, 0].astype(bool)
    distinct = len(np.unique(np.round(target[agree]), axis=0))
    if distinct < FEWEST or agree.sum() < LEAST_AGREEMENT * len(pairs):
        return None
    short = min(before_rgb.shape[:2]) * shrunk
    spreads = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(target[agree].T)), 0))
    if np.sqrt(spreads[0] * spreads[1]) < SPREAD * short:
        return None
    missed = target[agree] - (source[agree] @ matrix[:, :2].T + matrix[:, 2])
    # From pixels of the copies to pixels of the photos.
    full = matrix.copy()
    full[:, :2] *= shrunk_after / shrunk
    full[:, 2] = (matrix[:, 2] + matrix[:, :2] @ np.full(2, (shrunk_after - 1) / 2) - (shrunk - 1) / 2) / shrunk
    scale = float(np.sqrt(abs(np.linalg.det(full[:, :2]))))
    relative = scale * min(after_rgb.shape[:2]) / min(before_rgb.shape[:2])
    if not SCALES[0] <= relative <= SCALES[1]:
        return None
    moved = full[:, :2] @ (np.array(outline_after.centre) - 0.5) + full[:, 2] + 0.5
    apart = np.linalg.norm(moved - outline_before.centre)
    if apart > MOST_APART * 2 * np.sqrt(outline_before.area / np.pi):
        return None
    residual = float(np.sqrt((missed**2).sum(axis=1).mean())) / shrunk
    return Alignment(FEATURES, full, int(distinct), residual)


def _features(rgb: np.ndarray, outline: Outline) -> tuple[np.ndarray, np.ndarray, float]:
    """SIFT features (Lowe 2004) of the skin around the lesion: places (n, 2), descriptions (n, 128), and the factor by
    which the copy they were found in is smaller than the photo."""
    height, width = rgb.shape[:2]
    factor = min(1.0, SIDE / min(height, width))
    size = round(width * factor), round(height * factor)
    small = np.ascontiguousarray(rgb)
    if factor < 1:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    grey = cv2.createCLAHE(3.0, (8, 8)).apply(grey)  # skin is of low contrast, and light differs between two days
    sift = cv2.SIFT_create(nfeatures=MOST_FEATURES, contrastThreshold=0.02)
    keypoints, described = sift.detectAndCompute(grey, _around_lesion(small, outline, size))
    if not keypoints:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), factor
    described = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-6))  # RootSIFT
    return np.array([k.pt for k in keypoints], np.float32), described, size[0] / width


def _around_lesion(small: np.ndarray, outline: Outline, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8, 255 where features may be taken: not on the lesion or its rim, nor on a dermatoscope's border."""
    lesion = cv2.resize(outline.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    margin = max(2, round(_KEPT_OFF * 2 * np.sqrt(max(1, np.count_nonzero(lesion)) / np.pi)))
    lesion = cv2.dilate(lesion, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2))
    allowed = 255 * (1 - lesion)
    border = borders.find(small)
    if border is not None:
        inside = np.zeros_like(allowed)
        if border.inner is not None:
            left, top, right, bottom = (round(side) for side in border.inner)
            inside[top + 4 : max(0, bottom - 4), left + 4 : max(0, right - 4)] = 255
        else:
            inside[:] = 255
        if border.kind == "circle":
            disc = np.zeros_like(allowed)
            cv2.circle(disc, (round(border.x), round(border.y)), max(1, round(0.93 * border.radius)), 255, -1)
            inside &= disc
        allowed &= inside
    return allowed


def _matched(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, 2) index pairs that are each other's nearest, and clearly nearer than the second nearest."""
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    there = matcher.knnMatch(first, second, k=2)
    back = {m.queryIdx: m.trainIdx for m in matcher.match(second, first)}
    pairs = [
        (best.queryIdx, best.trainIdx)
        for best, *others in there
        if others and best.distance < SURER * others[0].distance and back.get(best.trainIdx) == best.queryIdx
    ]
    return np.array(pairs, dtype=int).reshape(-1, 2)
