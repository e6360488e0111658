"""Finds the dark or bright circle that a dermatoscope leaves, or a plain frame, and says what to keep inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

Box = tuple[int, int, int, int]

RAYS = 128
"""Directions in which the border is looked for, from the middle of what is not border."""
FINE_SIDE = 512
COARSE_SIDE = 256
"""A circle is looked for where the short side is below COARSE_SIDE pixels and refined where it is below FINE_SIDE."""
KEPT_RADIUS = 0.975
"""Share of the radius that is kept: the edge itself is soft."""
DARK = 110.0
"""No channel of a dark border's pixels is above this, 0…255."""
WHITE = 215.0
"""No channel of a bright border's pixels is below this, 0…255."""


@dataclass(frozen=True)
class Border:
    """What surrounds the skin in a photo.

    kind: ``circle`` or ``frame``. x, y, radius: pixels of the array searched, where pixel (i, j) covers x in j…j+1;
    for a frame its centre and half its shorter inner side. inner: (left, top, right, bottom) of the rectangle that a
    frame leaves; None for a circle.
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
    fine = _reduced(np.ascontiguousarray(rgb), FINE_SIDE)
    red, green, blue = cv2.split(fine)
    for level, darkest in (
        (cv2.max(cv2.max(red, green), blue), DARK),
        (cv2.bitwise_not(cv2.min(cv2.min(red, green), blue)), 255 - WHITE),
    ):
        border = _dark_border(level, darkest)
        if border is not None:
            across, down = rgb.shape[1] / level.shape[1], rgb.shape[0] / level.shape[0]
            return _stretched(border, across, down)
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


def _reduced(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture with its short side below ``side``: means of 2 by 2, after skipping pixels of very large ones."""
    height, width = picture.shape[:2]
    skip = min(height, width) // (2 * side)
    if skip > 1:
        picture = cv2.resize(picture, (width // skip, height // skip), interpolation=cv2.INTER_NEAREST)
    while min(picture.shape[:2]) >= side:
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = cv2.resize(picture, half, interpolation=cv2.INTER_LINEAR)
    return picture


def _stretched(border: Border, across: float, down: float) -> Border:
    inner = border.inner
    if inner is not None:
        inner = (inner[0] * across, inner[1] * down, inner[2] * across, inner[3] * down)
    return Border(border.kind, border.x * across, border.y * down, border.radius * (across * down) ** 0.5, inner)


def _dark_border(fine: np.ndarray, darkest: float) -> Border | None:
    """The dark border in a (h, w) uint8 picture of brightness, in its pixels."""
    coarse = cv2.GaussianBlur(_reduced(fine, COARSE_SIDE), (3, 3), 0)
    sample = coarse[::3, ::3].ravel()
    inside = float(np.partition(sample, int(0.95 * len(sample)))[int(0.95 * len(sample))])
    threshold = min(darkest, 0.45 * inside)
    rim = np.concatenate([coarse[0], coarse[-1], coarse[:, 0], coarse[:, -1]])
    if inside < 30 or np.count_nonzero(rim < threshold) < 0.02 * len(rim):
        return None
    circle = _coarse_circle(coarse, threshold)
    if circle is not None:
        across, down = fine.shape[1] / coarse.shape[1], fine.shape[0] / coarse.shape[0]
        circle = _refined(fine, _stretched(circle, across, down), inside)
        if circle is not None and _evidence(fine, circle, inside, threshold).convinces:
            return circle
    return _frame(fine, inside, threshold)


def _frame(fine: np.ndarray, inside: float, threshold: float) -> Border | None:
    height, width = fine.shape
    lit = cv2.compare(fine, min(threshold, 0.35 * inside), cv2.CMP_GT)
    rows = cv2.reduce(lit, 1, cv2.REDUCE_AVG).ravel() > 5
    columns = cv2.reduce(lit, 0, cv2.REDUCE_AVG).ravel() > 5
    if not rows.any() or not columns.any():
        return None
    top, bottom = int(np.argmax(rows)), height - int(np.argmax(rows[::-1]))
    left, right = int(np.argmax(columns)), width - int(np.argmax(columns[::-1]))
    if max(top, height - bottom, left, width - right) < 0.015 * min(height, width):
        return None
    if bottom - top < 8 or right - left < 8:
        return None
    first, last = lit[top + 2, left:right], lit[bottom - 3, left:right]
    if min(first.mean(), last.mean(), lit[top:bottom, left + 2].mean(), lit[top:bottom, right - 3].mean()) < 0.7 * 255:
        return None  # what is left has dark corners: the rim of something round, not straight bars
    inner = (float(left), float(top), float(right), float(bottom))
    return Border("frame", (left + right) / 2, (top + bottom) / 2, min(right - left, bottom - top) / 2, inner)


@lru_cache(maxsize=1)
def _directions() -> np.ndarray:
    """(RAYS, 2) float32 unit vectors all around."""
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


@lru_cache(maxsize=1)
def _triples() -> np.ndarray:
    """(400, 3) places 0…1 along the list of edge points: three well-spread points make one candidate circle."""
    rng = np.random.default_rng(0)
    return (rng.random((400, 1)) + np.array([0, 1 / 3, 2 / 3]) + rng.uniform(-0.3, 0.3, (400, 3))) % 1.0


def _coarse_circle(coarse: np.ndarray, threshold: float) -> Border | None:
    """The circle on which the picture turns dark, seen from outside, on most rays from the middle of its lit part."""
    height, width = coarse.shape
    short = min(height, width)
    moments = cv2.moments(cv2.compare(coarse, threshold, cv2.CMP_GE), binaryImage=True)
    if moments["m00"] == 0:
        return None
    middle = np.array([moments["m10"], moments["m01"]], np.float32) / np.float32(moments["m00"])
    rays = _directions()
    far = np.array([width - 1, height - 1], np.float32)
    with np.errstate(divide="ignore"):
        reach = np.where(rays > 0, (far - middle) / rays, np.where(rays < 0, -middle / rays, np.inf)).min(axis=1)
    # Every ray is read a pixel a step from the picture's side inwards: hair and lesions inside cannot end it early.
    along = reach[:, None] - np.arange(int(reach.max()) + 1, dtype=np.float32)
    x, y = (middle[axis] + along * rays[:, axis, None] for axis in (0, 1))
    lit = cv2.remap(coarse, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) >= threshold
    lit &= along > 0
    lit[:, :-1] &= lit[:, 1:]
    first = np.argmax(lit, axis=1)
    seen = lit[np.arange(RAYS), first]
    turns = seen & (first > 0)
    if turns.sum() < 8:
        return None
    points = middle + (reach - first + 0.5)[turns, None] * rays[turns]
    ends = middle + reach[seen & ~turns, None] * rays[seen & ~turns]
    centres, radii = _circles_through(points[(_triples() * len(points)).astype(int)])
    possible = (radii > 0.2 * short) & (radii < 0.75 * np.hypot(height, width))
    possible &= (np.abs(centres - far / 2) < 0.45 * far).all(axis=1)
    if not possible.any():
        return None
    centres, radii = centres[possible], radii[possible]
    tolerance = 0.015 * short
    beyond = _beyond(points, centres, radii)
    lost = (beyond > tolerance).sum(axis=1) + (_beyond(ends, centres, radii) > tolerance).sum(axis=1)
    best = int(np.argmax((np.abs(beyond) < tolerance).sum(axis=1) - lost))
    centre, radius = centres[best], radii[best]
    for _ in range(2):
        near = np.abs(_beyond(points, centre[None], radius[None])[0]) < 1.5 * tolerance
        if near.sum() < 8:
            return None
        centre, radius = _fit(points[near])
    return Border("circle", float(centre[0]) + 0.5, float(centre[1]) + 0.5, float(radius))


def _beyond(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """(circles, points): about how far each point lies outside each circle, exact on the circle itself."""
    squared = (centres**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * centres @ points.T
    return (squared - (radii**2)[:, None]) / (2 * radii[:, None])


def _circles_through(triples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 2) and radii (n,) of the circles through (n, 3, 2) points; nearly straight ones get a huge radius."""
    start = triples[:, 0]
    b, c = (triples[:, 1] - start).T, (triples[:, 2] - start).T
    cross = 2 * (b[0] * c[1] - b[1] * c[0])
    cross = np.where(np.abs(cross) < 1e-3, np.float32(1e-3), cross)
    b2, c2 = (b**2).sum(axis=0), (c**2).sum(axis=0)
    offset = np.column_stack([c[1] * b2 - b[1] * c2, b[0] * c2 - c[0] * b2]) / cross[:, None]
    return start + offset, np.hypot(offset[:, 0], offset[:, 1])


def _fit(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (2,) and radius of the least-squares circle through (n, 2) points (Kåsa 1976)."""
    origin = points.mean(axis=0)
    shifted = points - origin
    system = np.column_stack([2 * shifted, np.ones(len(shifted))]).astype(np.float64)
    a, b, c = np.linalg.lstsq(system, (shifted.astype(np.float64) ** 2).sum(axis=1), rcond=None)[0]
    return origin + np.array([a, b]), np.sqrt(max(0.0, c + a * a + b * b))


def _around(level: np.ndarray, circle: Border, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brightness on rings around a circle's centre, and where the ring lies in the picture: both (RAYS, rings)."""
    rays = _directions()
    x = np.float32(circle.x - 0.5) + rays[:, :1] * distances.astype(np.float32)
    y = np.float32(circle.y - 0.5) + rays[:, 1:] * distances.astype(np.float32)
    values = cv2.remap(level, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height, width = level.shape
    return values.astype(np.float32), (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _refined(fine: np.ndarray, circle: Border, inside: float) -> Border | None:
    """The circle moved to where brightness is halfway between both sides of its edge, ray by ray."""
    for breadth in (0.1, 0.06):
        offsets = np.linspace(-breadth, breadth, 31, dtype=np.float32)
        values, visible = _around(fine, circle, circle.radius * (1 + offsets))
        inner, outer = values[:, :8].mean(axis=1), values[:, -8:].mean(axis=1)
        usable = visible.all(axis=1) & (inner - outer > 0.2 * inside)
        if usable.sum() < 8:
            return circle
        lit = (values > ((inner + outer) / 2)[:, None])[usable].mean(axis=1)
        distance = circle.radius * (1 - breadth + 2 * breadth * lit)
        points = np.array([circle.x, circle.y]) + distance[:, None] * _directions()[usable]
        for _ in range(2):
            centre, radius = _fit(points)
            off = np.abs(np.hypot(*(points - centre).T) - radius)
            kept = off <= max(0.004 * radius, 2.0 * float(np.median(off)))
            if kept.sum() < 8:
                break
            points = points[kept]
        if np.hypot(centre[0] - circle.x, centre[1] - circle.y) + abs(radius - circle.radius) > 0.15 * circle.radius:
            return circle
        circle = Border("circle", float(centre[0]), float(centre[1]), float(radius))
    return circle


@dataclass(frozen=True)
class _Evidence:
    """What speaks for a circle. All but ``rays`` are shares, 0…1."""

    rays: int  # directions in which both sides of the edge are in the picture
    steps: float  # of those: the picture turns much darker across the edge
    leaks: float  # of those: it is as bright outside as inside
    plain: float  # of the picture's part outside: dark
    sharp: float  # of the fall from well inside to well outside: happens at the edge

    @property
    def convinces(self) -> bool:
        return self.rays >= 6 and self.steps > 0.5 and self.leaks < 0.15 and self.plain > 0.85 and self.sharp > 0.5


def _evidence(fine: np.ndarray, circle: Border, inside: float, threshold: float) -> _Evidence:
    rings = 1 + np.array([-0.15, -0.1, -0.06, -0.05, 0.05, 0.06, 0.1, 0.15], np.float32)
    values, visible = _around(fine, circle, circle.radius * rings)
    both = visible[:, 2] & visible[:, 4]
    count = int(both.sum())
    if count == 0:
        return _Evidence(0, 0.0, 1.0, 0.0, 0.0)
    near = values[:, 2:4].mean(axis=1) - values[:, 4]
    steps = both & (near > 0.25 * inside)
    leaks = both & (values[:, 4] > threshold)
    outermost = np.where(visible[:, 7], values[:, 7], np.where(visible[:, 6], values[:, 6], values[:, 4]))
    fall = np.maximum(values[:, 0], values[:, 2]) - outermost
    sharp = float(np.median(near[steps] / np.maximum(fall[steps], 1))) if steps.any() else 0.0
    height, width = fine.shape
    x = np.arange(0, width, 3, dtype=np.float32) + 0.5 - circle.x
    y = np.arange(0, height, 3, dtype=np.float32)[:, None] + 0.5 - circle.y
    outside = x * x + y * y > (1.04 * circle.radius) ** 2
    dark = fine[::3, ::3] < threshold
    plain = float((dark & outside).sum() / max(1, outside.sum()))
    return _Evidence(count, float(steps.sum() / count), float(leaks.sum() / count), plain, sharp)
