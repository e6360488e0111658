"""Renders test photographs whose truth is known: skin, lesions, borders, hairs. Shares no code with training."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
SKIN_TONES: tuple[tuple[int, int, int], ...] = (
    (246, 222, 204),
    (232, 190, 166),
    (205, 152, 122),
    (166, 112, 80),
    (118, 76, 54),
    (84, 54, 42),
)
"""sRGB of six skins, light to dark."""


@dataclass(frozen=True)
class Circle:
    """A dermatoscope's circle: centre and radius in pixels, where pixel (i, j) covers x in j…j+1."""

    x: float
    y: float
    radius: float


def clouds(height: int, width: int, cell: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 smooth noise, about -1…1; ``cell``: size in pixels of its spots."""
    coarse = rng.normal(0, 0.5, (max(2, round(height / cell) + 2), max(2, round(width / cell) + 2)))
    return cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)


def skin(height: int, width: int, rng: np.random.Generator, tone: tuple[int, int, int] = SKIN_TONES[1]) -> np.ndarray:
    """(H, W, 3) float32 in 0…255: skin with uneven colour, fine lines and uneven light."""
    short = min(height, width)
    shade = 1 + 0.05 * clouds(height, width, short / 2, rng) + 0.03 * clouds(height, width, short / 12, rng)
    shade += 0.03 * clouds(height, width, max(2.0, short / 120), rng)
    picture = np.array(tone, np.float32) * shade[..., None]
    picture[..., 0] += 6 * clouds(height, width, short / 5, rng)  # redness comes and goes
    return picture


def lesion_mask(
    height: int, width: int, rng: np.random.Generator, *, x: float, y: float, radius: float, edge: float = 3.0
) -> np.ndarray:
    """(H, W) float32 in 0…1: an irregular spot of about this radius; ``edge``: width in pixels of its soft outline."""
    across = np.arange(width, dtype=np.float32) + 0.5 - x
    down = np.arange(height, dtype=np.float32)[:, None] + 0.5 - y
    angle = np.arctan2(down, across)
    outline = np.full_like(angle, radius)
    for waves in range(2, 8):
        outline += radius * rng.normal(0, 0.12 / waves) * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
    return np.clip((outline - np.hypot(across, down)) / edge + 0.5, 0, 1)


def add_lesion(
    picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator, *, darkness: float = 0.55, mottled: float = 0.15
) -> np.ndarray:
    """The picture with a brown lesion where the mask says. darkness: 0 (like the skin) … 1 (nearly black)."""
    height, width = mask.shape
    brown = np.array([0.95, 0.72, 0.6], np.float32) * (1 - darkness)
    gleam = np.array([22, 16, 15], np.float32) * darkness  # even black lesions send some light back
    mottle = 1 + mottled * clouds(height, width, max(3.0, min(height, width) / 18), rng)
    return picture * (1 - mask[..., None]) + (picture * brown + gleam) * mottle[..., None] * mask[..., None]


def add_circle(
    picture: np.ndarray,
    circle: Circle,
    rng: np.random.Generator,
    *,
    softness: float = 2.0,
    colour: tuple[float, float, float] = (6.0, 6.0, 8.0),
    grain: float = 2.0,
) -> np.ndarray:
    """The picture seen through a circle. softness: width in pixels of the edge, half of it on either side."""
    height, width = picture.shape[:2]
    across = np.arange(width, dtype=np.float32) + 0.5 - circle.x
    down = np.arange(height, dtype=np.float32)[:, None] + 0.5 - circle.y
    ramp = np.clip((circle.radius - np.hypot(across, down)) / max(softness, 1e-3) + 0.5, 0, 1)
    ramp = (ramp * ramp * (3 - 2 * ramp))[..., None]
    outside = np.array(colour, np.float32) + grain * rng.standard_normal((height, width, 1), dtype=np.float32)
    return picture * ramp + outside * (1 - ramp)


def add_frame(
    picture: np.ndarray, left: int, top: int, right: int, bottom: int, colour: tuple[float, float, float] = (3, 3, 3)
) -> np.ndarray:
    """The picture with plain bars left of ``left``, above ``top``, from ``right`` on and from ``bottom`` on."""
    framed = np.empty_like(picture)
    framed[:] = np.array(colour, np.float32)
    framed[top:bottom, left:right] = picture[top:bottom, left:right]
    return framed


def add_vignette(picture: np.ndarray, strength: float) -> np.ndarray:
    """Corners that darken gradually, as a lens does it; ``strength``: the share of light lost in the far corner."""
    height, width = picture.shape[:2]
    across = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height * 2 - 1
    return picture * (1 - strength * ((across**2 + down**2) / 2) ** 1.5)[..., None]


def add_shadow(picture: np.ndarray, rng: np.random.Generator, *, strength: float, softness: float) -> np.ndarray:
    """A straight-edged shadow over one side or corner. softness: width of its edge in pixels."""
    height, width = picture.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    across = np.arange(width, dtype=np.float32) - width / 2
    down = np.arange(height, dtype=np.float32)[:, None] - height / 2
    depth = across * np.cos(angle) + down * np.sin(angle) - rng.uniform(0.2, 0.45) * min(height, width)
    return picture * (1 - strength * np.clip(depth / softness + 0.5, 0, 1))[..., None]


def add_hairs(
    picture: np.ndarray,
    rng: np.random.Generator,
    *,
    count: int,
    thickness: float,
    colour: tuple[float, float, float] = (40, 28, 24),
) -> tuple[np.ndarray, np.ndarray]:
    """The picture with bent hairs, and their (H, W) bool mask. thickness: pixels, varied by a quarter."""
    height, width = picture.shape[:2]
    fine = 4  # drawn four times as large, so that thin hairs get their true share of a pixel
    cover = np.zeros((height * fine, width * fine), np.uint8)
    for _ in range(count):
        start = rng.uniform((0, 0), (width, height))
        length = rng.uniform(0.3, 1.0) * max(height, width)
        heading = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.7) * np.linspace(0, 1, 24)
        steps = length / 24 * np.column_stack([np.cos(heading), np.sin(heading)])
        path = (start + np.cumsum(steps, axis=0)) * fine
        width_here = max(1, round(thickness * rng.uniform(0.75, 1.25) * fine))
        cv2.polylines(cover, [np.round(path).astype(np.int32)], False, 255, width_here, cv2.LINE_AA)
    share = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    opaque = 0.9 * share[..., None]
    return picture * (1 - opaque) + np.array(colour, np.float32) * opaque, share >= 0.5


def photograph(picture: np.ndarray, rng: np.random.Generator, *, noise: float = 3.0, quality: int = 88) -> np.ndarray:
    """(H, W, 3) uint8 as a camera hands it over: noise and JPEG's traces."""
    noisy = picture + noise * rng.standard_normal(picture.shape, dtype=np.float32)
    bgr = np.clip(noisy, 0, 255).astype(np.uint8)[..., ::-1]
    decoded = cv2.imdecode(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[..., ::-1])


def lesion_on_skin(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32: skin of a random tone with a random lesion, small to larger than the picture."""
    short = min(height, width)
    picture = skin(height, width, rng, SKIN_TONES[rng.integers(len(SKIN_TONES))])
    mask = lesion_mask(
        height,
        width,
        rng,
        x=width * rng.uniform(0.25, 0.75),
        y=height * rng.uniform(0.25, 0.75),
        radius=short * rng.choice([rng.uniform(0.08, 0.3), rng.uniform(0.3, 0.55), rng.uniform(0.55, 0.8)]),
        edge=short * rng.uniform(0.005, 0.06),
    )
    return add_lesion(picture, mask, rng, darkness=rng.uniform(0.3, 0.85))


def two_moles() -> np.ndarray:
    """A rendered photo laid over itself, moved, so that its mole is seen twice: (900, 1200, 3) uint8."""
    picture = np.asarray(Image.open(EXAMPLES / "far-away.jpg"))
    return np.minimum(picture, np.roll(picture, (-150, -260), axis=(0, 1)))
