"""Finds the dark or bright circle that a dermatoscope leaves, or a plain frame, and says what to keep inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

Box = tuple[int, int, int, int]

SEARCH_SIDE = 128
"""Short side in pixels of the reduced picture in which a border is looked for."""
RAYS = 128
"""Directions in which the border is looked for, from the middle of what is not border."""
KEPT_RADIUS = 0.975
"""Share of the radius that is kept: the edge itself is soft."""


@dataclass(frozen=True)
class Border:
    """What surrounds the skin in a photo.

    kind: ``circle`` or ``frame``. x, y, radius: pixels of the array searched, where pixel (i, j) covers x in j…j+1;
    for a frame its centre and half its shorter inner side. inner: (left, top, right, bottom) of the rectangle that
    straight bars leave, None where there are none; a circle can have bars too.
    """

    kind: str
    x: float
    y: float
    radius: float
    inner: tuple[float, float, float, float] | None = None

    def scaled(self, factor: float) -> Border:
        """The same border in a picture ``factor`` times as large."""
        inner = None if self.inner is None else tuple(side * factor for side in self.inner)
        return replace(self, x=self.x * factor, y=self.y * factor, radius=self.radius * factor, inner=inner)

    def to_json(self) -> dict[str, str | float]:
        """Kind, x, y and radius, JSON-ready."""
        return {"kind": self.kind, "x": round(self.x, 2), "y": round(self.y, 2), "radius": round(self.radius, 2)}


def find(rgb: np.ndarray) -> Border | None:
    """The border of a photo, or None where the skin reaches the picture's sides.

    rgb: (H, W, 3) uint8. The circle may be off-centre, cut by the picture or larger than it, so that only corners are
    covered. Vignetting, shadows and dark lesions are not borders: outside must be plain and the step to it sharp.
    """
    height, width = rgb.shape[:2]
    step = max(1, min(height, width) // (2 * SEARCH_SIDE))
    thinned = rgb[step // 2 :: step, step // 2 :: step]
    factor = min(height, width) / SEARCH_SIDE
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.resize(np.ascontiguousarray(thinned), size, interpolation=cv2.INTER_AREA)
    for picture, full in ((small, rgb), (255 - small, None)):
        level = cv2.max(cv2.max(picture[..., 0], picture[..., 1]), picture[..., 2])
        found = _find_dark(level, bright=full is None)
        if found is not None:
            return _to_picture(found, width / size[0], height / size[1])
    return None


def crop_box(rgb_or_shape: np.ndarray | tuple[int, ...], border: Border | None) -> Box:
    """The largest upright rectangle of skin inside the border: (left, top, right, bottom) in whole pixels.

    rgb_or_shape: the photo or its (H, W, …). Without a border the whole photo.
    """
    height, width = (rgb_or_shape.shape if isinstance(rgb_or_shape, np.ndarray) else rgb_or_shape)[:2]
    if border is None:
        return 0, 0, width, height
    left, top, right, bottom = border.inner or (0.0, 0.0, float(width), float(height))
    if border.kind == "circle":
        # A rectangle that reaches m above or below the centre may as well reach m both ways: one number to search.
        radius = border.radius * KEPT_RADIUS
        reach = radius * np.sin(np.linspace(0.01, np.pi / 2 - 0.01, 400))
        half = np.sqrt(radius**2 - reach**2)
        sides = (
            np.maximum(left, border.x - half),
            np.maximum(top, border.y - reach),
            np.minimum(right, border.x + half),
            np.minimum(bottom, border.y + reach),
        )
        best = np.argmax(np.maximum(0, sides[2] - sides[0]) * np.maximum(0, sides[3] - sides[1]))
        left, top, right, bottom = (float(side[best]) for side in sides)
    box = (
        max(0, int(np.ceil(left))),
        max(0, int(np.ceil(top))),
        min(width, int(np.floor(right))),
        min(height, int(np.floor(bottom))),
    )
    return box if box[2] > box[0] and box[3] > box[1] else (0, 0, width, height)


def _to_picture(found: Border, across: float, down: float) -> Border:
    inner = found.inner
    if inner is not None:
        inner = (inner[0] * across, inner[1] * down, inner[2] * across, inner[3] * down)
    return Border(found.kind, found.x * across, found.y * down, found.radius * (across + down) / 2, inner)


@lru_cache(maxsize=16)
def _directions() -> tuple[np.ndarray, np.ndarray]:
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    return np.cos(angle), np.sin(angle)


@lru_cache(maxsize=1)
def _triples() -> np.ndarray:
    """(400, 3) places 0…1 along the list of edge points: three well-spread points make one candidate circle."""
    rng = np.random.default_rng(0)
    first = rng.random((400, 1))
    return (first + np.array([0, 1 / 3, 2 / 3]) + rng.uniform(-0.3, 0.3, (400, 3))) % 1.0


def _find_dark(level: np.ndarray, bright: bool) -> Border | None:
    """The dark border in a (h, w) uint8 picture of brightness; ``bright`` tells that the picture was inverted."""
    h, w = level.shape
    smooth = cv2.GaussianBlur(level, (3, 3), 0)
    rim = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    inside = float(np.percentile(smooth[::2, ::2], 95))
    threshold = min(90.0, 0.45 * inside) if not bright else min(25.0, 0.3 * inside)
    if inside < 40 or np.mean(rim < threshold) < 0.03:
        return None
    circle = _circle(smooth, threshold, inside)
    if circle is not None:
        return circle
    return _frame(smooth, threshold)


def _frame(smooth: np.ndarray, threshold: float) -> Border | None:
    h, w = smooth.shape
    rows = np.percentile(smooth, 97, axis=1) < threshold
    columns = np.percentile(smooth, 97, axis=0) < threshold
    if rows.all() or columns.all():
        return None
    top, bottom = int(np.argmin(rows)), h - int(np.argmin(rows[::-1]))
    left, right = int(np.argmin(columns)), w - int(np.argmin(columns[::-1]))
    if max(top, h - bottom, left, w - right) < 2:
        return None
    inner = (float(left), float(top), float(right), float(bottom))
    return Border("frame", (left + right) / 2, (top + bottom) / 2, min(right - left, bottom - top) / 2, inner)


def _circle(smooth: np.ndarray, threshold: float, inside: float) -> Border | None:
    h, w = smooth.shape
    short = min(h, w)
    lit = smooth >= threshold
    mass = lit.sum()
    cx = float((lit.sum(axis=0) * np.arange(w)).sum() / mass)
    cy = float((lit.sum(axis=1) * np.arange(h)).sum() / mass)
    across, down = _directions()
    with np.errstate(divide="ignore"):
        to_x = np.where(across > 0, (w - 1 - cx) / across, np.where(across < 0, -cx / across, np.inf))
        to_y = np.where(down > 0, (h - 1 - cy) / down, np.where(down < 0, -cy / down, np.inf))
    reach = np.minimum(to_x, to_y)
    steps = int(np.ceil(reach.max()))
    # Sample every ray from the picture's side inwards, a pixel a step.
    along = reach[:, None] - np.arange(steps)[None]
    x = (cx + along * across[:, None]).astype(np.float32)
    y = (cy + along * down[:, None]).astype(np.float32)
    profile = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    over = (profile >= threshold) & (along > 0)
    over[:, :-1] &= over[:, 1:]
    first = np.argmax(over, axis=1)
    reached = over[np.arange(RAYS), first]
    edge = reached & (first > 0)
    if edge.sum() < 6:
        return None
    place = reach - first + 0.5
    points = np.column_stack([cx + place * across, cy + place * down])
    ends = np.column_stack([cx + reach * across, cy + reach * down])[reached & (first == 0)]
    points = points[edge]
    index = (_triples() * len(points)).astype(int)
    centres, radii = _circles_through(points[index])
    good = (radii > 0.2 * short) & (radii < 1.0 * max(h, w))
    good &= (np.abs(centres[:, 0] - w / 2) < 0.4 * w) & (np.abs(centres[:, 1] - h / 2) < 0.4 * h)
    if not good.any():
        return None
    centres, radii = centres[good], radii[good]
    tolerance = 0.015 * short
    gap = np.hypot(points[None, :, 0] - centres[:, :1], points[None, :, 1] - centres[:, 1:]) - radii[:, None]
    out = np.hypot(ends[None, :, 0] - centres[:, :1], ends[None, :, 1] - centres[:, 1:]) - radii[:, None]
    score = (np.abs(gap) < tolerance).sum(1) - (gap > tolerance).sum(1) - (out > tolerance).sum(1)
    best = int(np.argmax(score))
    centre, radius = centres[best], radii[best]
    near = np.abs(gap[best]) < 1.5 * tolerance
    for _ in range(2):
        if near.sum() < 6:
            return None
        centre, radius = _fit(points[near])
        near = np.abs(np.hypot(*(points - centre).T) - radius) < tolerance
    gap = np.hypot(*(points - centre).T) - radius
    out = np.hypot(*(ends - centre).T) - radius
    agree = near.sum()
    against = (gap > tolerance).sum() + (out > tolerance).sum() + 0.3 * (gap < -tolerance).sum()
    if agree < 10 or against > 0.4 * agree:
        return None
    if not _is_plain_step(smooth, centre, radius, inside):
        return None
    return Border("circle", float(centre[0]) + 0.5, float(centre[1]) + 0.5, float(radius))


def _is_plain_step(smooth: np.ndarray, centre: np.ndarray, radius: float, inside: float) -> bool:
    h, w = smooth.shape
    across, down = _directions()
    distance = np.array([-0.1, -0.05, 0.05, 0.1]) * radius + radius
    x = (centre[0] + distance[:, None] * across).astype(np.float32)
    y = (centre[1] + distance[:, None] * down).astype(np.float32)
    seen = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    values = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(float)
    both = seen[1] & seen[2]
    if both.sum() < 8:
        return False
    step = values[1] - values[2]
    return float(np.mean(step[both] > 0.2 * inside)) > 0.6


def _circles_through(triples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 2) and radii (n,) of the circles through (n, 3, 2) points; nearly straight ones get a huge radius."""
    a, b, c = triples[:, 0], triples[:, 1], triples[:, 2]
    ab, ac = b - a, c - a
    cross = 2 * (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    cross = np.where(np.abs(cross) < 1e-6, 1e-6, cross)
    ab2, ac2 = (ab**2).sum(1), (ac**2).sum(1)
    offset = np.column_stack([ac[:, 1] * ab2 - ab[:, 1] * ac2, ab[:, 0] * ac2 - ac[:, 0] * ab2]) / cross[:, None]
    return a + offset, np.hypot(offset[:, 0], offset[:, 1])


def _fit(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares circle through (n, 2) points."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:2], float(np.sqrt(max(0.0, solution[2] + (solution[:2] ** 2).sum())))
