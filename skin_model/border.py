"""Finds the dark or bright circle that a dermatoscope leaves, or a plain frame, and says what to keep inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

Box = tuple[int, int, int, int]

RAYS = 256
"""Directions in which a circle's edge is measured; it is first looked for in every second of them."""
FINE_SIDE = 320
COARSE_SIDE = 160
"""A circle is looked for where the short side is below COARSE_SIDE pixels and refined where it is below FINE_SIDE."""
CANDIDATES = 160
"""Circles tried, each through three points of the edge."""
LEAST_SIDE = 16
"""Pixels below which what a border leaves is nothing to look at."""
KEPT_RADIUS = 0.975
"""Share of the radius that is kept: the edge itself is soft."""


@dataclass(frozen=True)
class _Look:
    """What a border of one kind must look like in a picture in which it is dark."""

    darkest: float  # its pixels are not above this, 0…255
    plain: float  # nearly all of them are not above this either
    sharp: float  # at least this share of the fall happens at its edge
    one_sided: float  # how far the steps may lie on one side: see _Evidence


_DARK = _Look(darkest=110.0, plain=110.0, sharp=0.5, one_sided=0.9)
_BRIGHT = _Look(
    darkest=30.0, plain=15.0, sharp=0.8, one_sided=0.86
)  # inverted; stricter: overexposed skin round a lesion is pale


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
    fine = _reduced(np.ascontiguousarray(rgb), FINE_SIDE)
    red, green, blue = cv2.split(fine)
    for level, look in (
        (cv2.max(cv2.max(red, green), blue), _DARK),
        (cv2.bitwise_not(cv2.min(cv2.min(red, green), blue)), _BRIGHT),
    ):
        border = _dark_border(level, look)
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
        area = np.maximum(0, sides[2] - sides[0]) * np.maximum(0, sides[3] - sides[1])
        # In a circle that lies wholly in the picture a wide box and its upright twin are equally large: the first
        # counts, or the last bit of a sine, another on every processor, would move the box by a pixel.
        best = np.argmax(area >= area.max() * (1 - 1e-9))
        left, top, right, bottom = (float(side[best]) for side in sides)
    box = (
        max(0, int(np.ceil(left))),
        max(0, int(np.ceil(top))),
        min(width, int(np.floor(right))),
        min(height, int(np.floor(bottom))),
    )
    return box if box[2] > box[0] and box[3] > box[1] else (0, 0, width, height)


def bounds(rgb_or_shape: np.ndarray | tuple[int, ...], border: Border | None) -> Box:
    """The upright rectangle around all that a border leaves, in whole pixels; its corners may lie under the border."""
    height, width = (rgb_or_shape.shape if isinstance(rgb_or_shape, np.ndarray) else rgb_or_shape)[:2]
    if border is None:
        return 0, 0, width, height
    left, top, right, bottom = border.inner or (0.0, 0.0, float(width), float(height))
    if border.kind == "circle":
        left, right = max(left, border.x - border.radius), min(right, border.x + border.radius)
        top, bottom = max(top, border.y - border.radius), min(bottom, border.y + border.radius)
    box = max(0, int(left)), max(0, int(top)), min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom)))
    return box if box[2] - box[0] >= LEAST_SIDE and box[3] - box[1] >= LEAST_SIDE else (0, 0, width, height)


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


def _dark_border(fine: np.ndarray, look: _Look) -> Border | None:
    """The dark border in a (h, w) uint8 picture of brightness, in its pixels."""
    coarse = cv2.GaussianBlur(_reduced(fine, COARSE_SIDE), (3, 3), 0)
    sample = coarse[::3, ::3].ravel()
    inside = float(np.partition(sample, int(0.95 * len(sample)))[int(0.95 * len(sample))])
    rim = np.concatenate([coarse[0], coarse[-1], coarse[:, 0], coarse[:, -1]])
    outside = min(0.3 * inside, float(np.partition(rim, len(rim) // 50)[len(rim) // 50]))
    threshold = min(look.darkest, outside + 0.45 * (inside - outside))
    if inside < 30 or np.count_nonzero(rim < threshold) < 0.02 * len(rim):
        return None
    frame = _frame(fine, inside, threshold)
    if frame is not None:
        left, top, right, bottom = (int(side) for side in frame.inner)
        within = fine[top:bottom, left:right]
        coarse = cv2.GaussianBlur(_reduced(within, COARSE_SIDE), (3, 3), 0)
        circle = _circle(within, coarse, look, inside, outside)
        return frame if circle is None else replace(circle, x=circle.x + left, y=circle.y + top, inner=frame.inner)
    return _circle(fine, coarse, look, inside, outside)


def _circle(fine: np.ndarray, coarse: np.ndarray, look: _Look, inside: float, outside: float) -> Border | None:
    threshold = min(look.darkest, outside + 0.45 * (inside - outside))
    # The lower level tells a dark lesion that covers much of the edge from the darker border around it.
    for level, strict in ((threshold, False), (min(threshold, outside + 0.15 * (inside - outside)), True)):
        circle = _coarse_circle(coarse, level)
        if circle is not None:
            across, down = fine.shape[1] / coarse.shape[1], fine.shape[0] / coarse.shape[0]
            circle = _refined(fine, _stretched(circle, across, down), inside)
            evidence = _evidence(fine, circle, inside, level, min(level, look.plain))
            if evidence.convinces(look, strict):
                return circle
    return None


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
    """(CANDIDATES, 3) places 0…1 along the list of edge points: three well-spread points make one candidate circle."""
    rng = np.random.default_rng(0)
    return (rng.random((CANDIDATES, 1)) + np.array([0, 1 / 3, 2 / 3]) + rng.uniform(-0.3, 0.3, (CANDIDATES, 3))) % 1.0


def _coarse_circle(coarse: np.ndarray, threshold: float) -> Border | None:
    """The circle on which the picture turns dark, seen from outside, on most rays from the middle of its lit part."""
    height, width = coarse.shape
    short = min(height, width)
    moments = cv2.moments(cv2.compare(coarse, threshold, cv2.CMP_GE), binaryImage=True)
    if moments["m00"] == 0:
        return None
    middle = np.array([moments["m10"], moments["m01"]], np.float32) / np.float32(moments["m00"])
    rays = _directions()[::2]
    far = np.array([width - 1, height - 1], np.float32)
    with np.errstate(divide="ignore"):
        reach = np.where(rays > 0, (far - middle) / rays, np.where(rays < 0, -middle / rays, np.inf)).min(axis=1)
    # Every ray is read from the picture's side inwards: hair and lesions inside cannot end it early.
    stride = short / 100
    along = reach[:, None] - np.arange(0, reach.max() + 1, stride, dtype=np.float32)
    x, y = (middle[axis] + along * rays[:, axis, None] for axis in (0, 1))
    lit = cv2.remap(coarse, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) >= threshold
    lit &= along > 0
    lit[:, :-1] &= lit[:, 1:]
    first = np.argmax(lit, axis=1)
    seen = lit[np.arange(len(rays)), first]
    turns = seen & (first > 0)
    if turns.sum() < 8:
        return None
    place = (reach - (first - 0.5) * stride).astype(np.float32)
    points = middle + place[turns, None] * rays[turns]
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
    centre, radius = centres[best], float(radii[best])
    for _ in range(2):
        near = np.abs(_beyond(points, centre[None], np.array([radius]))[0]) < 1.5 * tolerance
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


def _fit(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and radius of the least-squares circle through (n, 2) points (Kåsa 1976)."""
    origin = points.mean(axis=0)
    u, v = (points - origin).T.astype(np.float64)
    squared = u * u + v * v
    uu, uv, vv = float(u @ u), float(u @ v), float(v @ v)
    determinant = max(uu * vv - uv * uv, 1e-9)
    ru, rv = float(u @ squared) / 2, float(v @ squared) / 2
    a, b = (ru * vv - rv * uv) / determinant, (rv * uu - ru * uv) / determinant
    return origin + np.array([a, b]), float(np.sqrt(a * a + b * b + (uu + vv) / len(u)))


def _around(
    level: np.ndarray, circle: Border, rays: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Brightness on rings around a circle's centre, and where a ring lies in the picture: both (rays, rings)."""
    x = np.float32(circle.x - 0.5) + rays[:, :1] * distances.astype(np.float32)
    y = np.float32(circle.y - 0.5) + rays[:, 1:] * distances.astype(np.float32)
    values = cv2.remap(level, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height, width = level.shape
    return values.astype(np.float32), (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _steps(inner: np.ndarray, outer: np.ndarray, inside: float) -> np.ndarray:
    """Where the picture turns much darker. Beside a dark lesion: to a fraction of the lesion's brightness."""
    step = inner - outer
    return (step > 0.25 * inside) | ((step > 12) & (inner > 2 * outer))


def _refined(fine: np.ndarray, circle: Border, inside: float) -> Border:
    """The circle moved to where brightness is halfway between both sides of its edge, ray by ray."""
    for breadth in (0.1, 0.06):
        ends = circle.radius * np.array([1 - breadth, 1 + breadth])
        rays = _directions()[_around(fine, circle, _directions(), ends)[1].all(axis=1)]
        rays = rays[:: max(1, len(rays) // 80)]
        values, _ = _around(fine, circle, rays, np.linspace(*ends, 25)) if len(rays) else (np.zeros((0, 25)), None)
        inner, outer = values[:, :6].mean(axis=1), values[:, -6:].mean(axis=1)
        usable = _steps(inner, outer, inside)
        if usable.sum() < 6:
            return circle
        lit = (values > ((inner + outer) / 2)[:, None])[usable].mean(axis=1)
        points = np.array([circle.x, circle.y]) + (ends[0] + lit * (ends[1] - ends[0]))[:, None] * rays[usable]
        centre, radius = _fit(points)
        off = np.abs(np.hypot(*(points - centre).T) - radius)
        kept = off <= max(0.004 * radius, 2.0 * float(np.median(off)))
        if kept.sum() >= 6:
            centre, radius = _fit(points[kept])
        if np.hypot(centre[0] - circle.x, centre[1] - circle.y) + abs(radius - circle.radius) > 0.15 * circle.radius:
            return circle
        circle = Border("circle", float(centre[0]), float(centre[1]), radius)
    return circle


@dataclass(frozen=True)
class _Evidence:
    """What speaks for a circle. All but ``rays`` are shares, 0…1."""

    rays: int  # directions in which both sides of the edge are in the picture
    lit: float  # of those: bright on the inner side (a dark lesion may reach the edge)
    steps: float  # of the lit ones: much darker across the edge
    leaks: float  # of the rays: as bright outside as inside
    one_sided: float  # length of the mean direction of the steps: 1 for a single spot, 0 for all around
    plain: float  # of the picture's part outside: dark
    sharp: float  # of the fall from well inside to well outside: happens at the edge

    def convinces(self, look: _Look, strict: bool) -> bool:
        """Whether this is a border's circle; ``strict`` where a second look had to find it."""
        if self.rays < 6 or self.lit < 0.35 or self.leaks > 0.15 or self.plain < 0.85 or self.sharp < look.sharp:
            return False
        if strict and (self.rays < 12 or self.steps < 0.8 or self.sharp < 0.8):
            return False
        # Short arcs must all agree and lie around the picture: one spot of shadow is no circle.
        return self.one_sided < look.one_sided and self.steps > (0.5 if self.rays >= 16 else 0.75)


def _evidence(fine: np.ndarray, circle: Border, inside: float, threshold: float, plain: float) -> _Evidence:
    rings = 1 + np.array([-0.15, -0.06, -0.05, 0.035, 0.05, 0.1, 0.15], np.float32)
    values, visible = _around(fine, circle, _directions(), circle.radius * rings)
    both = visible[:, 1] & visible[:, 3]
    rays = int(both.sum())
    inner = values[:, 1:3].mean(axis=1)
    outer = np.where(visible[:, 4], values[:, 4], values[:, 3])  # corners may show little of what is outside
    steps = both & _steps(inner, outer, inside)
    lit = both & ((inner > threshold) | steps)
    if not steps.any():
        return _Evidence(rays, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    outermost = np.where(visible[:, 6], values[:, 6], np.where(visible[:, 5], values[:, 5], outer))
    fall = np.maximum(values[:, 0], inner) - outermost
    height, width = fine.shape
    x = np.arange(0, width, 3, dtype=np.float32) + 0.5 - circle.x
    y = np.arange(0, height, 3, dtype=np.float32)[:, None] + 0.5 - circle.y
    outside = x * x + y * y > (1.04 * circle.radius) ** 2
    return _Evidence(
        rays=rays,
        lit=float(lit.sum() / rays),
        steps=float(steps.sum() / lit.sum()),
        leaks=float((both & (outer > threshold)).sum() / rays),
        one_sided=float(np.hypot(*_directions()[steps].mean(axis=0))),
        plain=float(((fine[::3, ::3] <= plain) & outside).sum() / max(1, outside.sum())),
        sharp=float(np.median(((inner - outer) / np.maximum(fall, 1))[steps])),
    )
