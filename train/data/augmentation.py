"""Augmentation: how a training photograph is changed, so that what does not matter cannot be learned.

Everything is drawn for both classes alike. A change that is switched off draws no random number, so that adding one
leaves the pictures of recipes without it as they were.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from skin_model.network.preprocessing import resize, square_input


@dataclass(frozen=True)
class Augmentation:
    """How much a training photograph may be changed. Zero, or (1, 1), switches a change off.

    rotation: degrees either way. scale: smallest and largest side of the region that fills the input, as a share of
    the square photograph. aspect: largest ratio of width to height (either way). brightness, contrast, saturation,
    tint (per channel) and gamma: largest relative change. The rest are probabilities: soft (shrunk and enlarged
    again), jpeg (quality 30 to 80), noise, dark_corners (a dermatoscope's circle), melanin (darker skin), phone (uneven
    light, white balance, shaken focus, glints), hairs, ruler, ink and cutout; but hue: largest turn in degrees, shear:
    largest slant in degrees, shift: largest move as a share of the side. Lesions of both classes are changed alike.
    """

    flips: bool = True
    rotation: float = 180.0
    scale: tuple[float, float] = (0.75, 1.1)
    aspect: float = 1.1
    brightness: float = 0.15
    contrast: float = 0.15
    saturation: float = 0.15
    tint: float = 0.0
    gamma: float = 0.0
    soft: float = 0.0
    jpeg: float = 0.0
    noise: float = 0.0
    dark_corners: float = 0.1
    hue: float = 0.0
    melanin: float = 0.0
    phone: float = 0.0
    hairs: float = 0.0
    ruler: float = 0.0
    ink: float = 0.0
    cutout: float = 0.0
    shear: float = 0.0
    shift: float = 0.0


NO_AUGMENTATION = Augmentation(
    flips=False, rotation=0, scale=(1, 1), aspect=1, brightness=0, contrast=0, saturation=0, dark_corners=0
)


def augment(square: np.ndarray, size: int, changes: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A changed (size, size, 3) uint8 view of a square photograph; without changes it equals ``square_input``."""
    picture = _move(square, size, changes, rng)
    picture = _recolour(picture, changes, rng)
    for share, change in (
        (changes.melanin, _darken_skin),
        (changes.phone, _as_by_phone),
        (changes.hairs, _draw_hairs),
        (changes.ruler, _draw_ruler),
        (changes.ink, _draw_ink),
    ):
        if share and rng.random() < share:
            picture = change(picture, rng)
    if rng.random() < changes.soft:
        small = int(size * rng.uniform(0.3, 0.8))
        picture = resize(resize(picture, small, small), size, size)
    if rng.random() < changes.dark_corners:
        picture = _darken_corners(picture, rng)
    if rng.random() < changes.noise:
        noisy = picture + rng.normal(0, rng.uniform(2, 10), (size, size, 1)).astype(np.float32)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
    if rng.random() < changes.jpeg:
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 80))])
        picture = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if changes.cutout and rng.random() < changes.cutout:
        picture = _cut_out(picture, rng)
    return picture


def _move(square: np.ndarray, size: int, changes: Augmentation, rng: np.random.Generator) -> np.ndarray:
    moves = (changes.flips, changes.rotation, changes.shear, changes.shift)
    if not any(moves) and changes.scale == (1, 1) and changes.aspect == 1:
        return square_input(square, size)
    side = square.shape[0]
    angle = np.deg2rad(rng.uniform(-changes.rotation, changes.rotation))
    scale = rng.uniform(*changes.scale) * side / size
    stretch = np.sqrt(np.exp(rng.uniform(-1, 1) * np.log(changes.aspect)))
    across, down = scale * stretch, scale / stretch
    if changes.flips and rng.random() < 0.5:
        across = -across
    if changes.flips and rng.random() < 0.5:
        down = -down
    # From input pixels to photograph pixels, so that the region's size and place are exact.
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([across, down])
    if changes.shear:
        matrix = matrix @ np.array([[1, np.tan(np.deg2rad(rng.uniform(-changes.shear, changes.shear)))], [0, 1]])
    slack = max(0.0, (side - scale * size) / 2)
    centre = side / 2 + rng.uniform(-slack, slack, 2)
    if changes.shift:
        centre = centre + side * rng.uniform(-changes.shift, changes.shift, 2)
    offset = centre - matrix @ np.array([size / 2, size / 2])
    if scale > 1.2:  # bilinear sampling alone would alias when it shrinks by more than this
        square = cv2.GaussianBlur(square, (0, 0), 0.4 * scale)
    return cv2.warpAffine(
        square,
        np.column_stack([matrix, offset]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


_LUMA = np.array([0.299, 0.587, 0.114])


def _recolour(picture: np.ndarray, changes: Augmentation, rng: np.random.Generator) -> np.ndarray:
    strengths = (changes.brightness, changes.contrast, changes.saturation, changes.tint)
    if any((*strengths, changes.hue)):
        brightness, contrast, saturation = (1 + rng.uniform(-s, s) for s in strengths[:3])
        tint = 1 + rng.uniform(-changes.tint, changes.tint, 3)
        mean = picture.reshape(-1, 3).mean(axis=0)
        # One affine colour transform: saturation about grey, contrast about the mean, brightness and tint as gains.
        colours = np.diag(tint * brightness * contrast) @ (
            saturation * np.eye(3) + (1 - saturation) * np.tile(_LUMA, (3, 1))
        )
        if changes.hue:
            colours = colours @ _turn_about_grey(np.deg2rad(rng.uniform(-changes.hue, changes.hue)))
        shift = tint * brightness * (1 - contrast) * mean
        picture = cv2.transform(picture, np.column_stack([colours, shift]))
    if changes.gamma:
        gamma = np.exp(rng.uniform(-1, 1) * np.log1p(changes.gamma))
        table = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
        picture = cv2.LUT(picture, table)
    return picture


def _turn_about_grey(angle: float) -> np.ndarray:
    """(3, 3) rotation of RGB about the axis of greys (Rodrigues): turns the hue, keeps the sum of the channels."""
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across


def _darken_corners(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A dermatoscope's dark surround: a circle that may be off-centre, larger than the frame, soft or sharp."""
    size = picture.shape[0]
    centre = size / 2 + rng.normal(0, 0.04 * size, 2)
    radius = size * rng.uniform(0.47, 0.68)
    grid = np.arange(size, dtype=np.float32)
    distance = np.sqrt((grid[None, :] - centre[0]) ** 2 + (grid[:, None] - centre[1]) ** 2)
    softness = size * rng.uniform(0.004, 0.05)
    shade = np.clip((distance - radius) / softness, 0, 1)[..., None].astype(np.float32)
    colour = rng.uniform(0, 40) * np.ones(3, dtype=np.float32)
    return (picture * (1 - shade) + colour * shade).astype(np.uint8)


_MELANIN = np.array([0.35, 0.62, 0.9])
"""How strongly melanin absorbs red, green and blue, relative to each other: it falls steeply with the wavelength
(Jacques 2013, Phys. Med. Biol. 58 R37, doi 10.1088/0031-9155/58/11/R37: about as its third power)."""


def _darken_skin(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same lesion under more melanin: every pixel loses light by colour, dark ones less, as in darker skin.

    A lesion's own pigment adds to that of the skin around it only partly, so its contrast shrinks.
    """
    absorbed = np.exp(-rng.uniform(0.2, 1.6) * _MELANIN)
    values = np.arange(256)[:, None] / 255
    held_back = rng.uniform(0.0, 0.35) * (1 - values)  # dark pixels keep a part of their light
    table = values * (absorbed + (1 - absorbed) * held_back)
    return cv2.LUT(picture, np.round(255 * table).astype(np.uint8)[:, None, :])


def _as_by_phone(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Without a dermatoscope: uneven light, a white balance of its own, a soft or shaken focus, a glint or two."""
    size = picture.shape[0]
    grid = np.linspace(-1, 1, size, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 0.45) * (np.cos(angle) * grid[None, :] + np.sin(angle) * grid[:, None])
    warmth = rng.normal(0, 0.08)
    light = (1 + slope)[:, :, None] * np.array([1 + warmth, 1 + rng.normal(0, 0.02), 1 - warmth], dtype=np.float32)
    changed = picture * light
    if rng.random() < 0.3:
        spot = np.zeros((size, size), np.float32)
        for _ in range(int(rng.integers(1, 5))):
            centre = tuple(int(v) for v in rng.integers(0, size, 2))
            cv2.circle(spot, centre, int(size * rng.uniform(0.01, 0.04)) + 1, float(rng.uniform(60, 200)), -1)
        changed = changed + cv2.GaussianBlur(spot, (0, 0), size / 80)[:, :, None]
    changed = np.clip(changed, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        length = max(3, int(size * rng.uniform(0.01, 0.04)))
        kernel = np.zeros((length, length), np.float32)
        turn = rng.uniform(0, np.pi)
        reach = (length - 1) / 2 * np.array([np.cos(turn), np.sin(turn)])
        middle = (length - 1) / 2
        ends = [tuple(round(float(v)) for v in middle + sign * reach) for sign in (-1, 1)]
        cv2.line(kernel, *ends, 1.0)
        changed = cv2.filter2D(changed, -1, kernel / kernel.sum())
    return changed


def _draw_hairs(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three to twenty bent hairs, dark or, seldom, light."""
    size = picture.shape[0]
    drawn = picture.copy()
    shade = rng.uniform(150, 220) if rng.random() < 0.15 else rng.uniform(5, 70)
    colour = tuple(float(v) for v in shade * np.array([1.0, 0.85, 0.75]))
    along = np.linspace(0, 1, 16)[:, None]
    lie = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(3, 21))):
        start = rng.uniform(-0.1, 1.1, 2) * size
        direction = lie + rng.normal(0, 0.5)
        reach = rng.uniform(0.2, 0.9) * size * np.array([np.cos(direction), np.sin(direction)])
        bend = rng.normal(0, 0.12, 2) * size
        curve = start + along * reach + (4 * along * (1 - along)) * bend
        thickness = 1 if rng.random() < 0.75 else 2
        points = np.round(curve * 16).astype(np.int32)  # four fractional bits: thin lines need them
        cv2.polylines(drawn, [points[:, None]], False, colour, thickness, cv2.LINE_AA, 4)
    return drawn


def _draw_ruler(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The tick marks of a millimetre scale along one edge."""
    size = picture.shape[0]
    drawn = picture.copy()
    shade = float(rng.uniform(0, 60)) if rng.random() < 0.8 else float(rng.uniform(200, 255))
    colour = (shade, shade, shade)
    step, edge = size * rng.uniform(0.025, 0.08), size * rng.uniform(0.02, 0.12)
    for i in range(int(size / step) + 1):
        reach = size * (0.07 if i % 5 == 0 else 0.035)
        at = int(i * step)
        cv2.line(drawn, (at, int(edge)), (at, int(edge + reach)), colour, 1, cv2.LINE_AA)
    return np.ascontiguousarray(np.rot90(drawn, int(rng.integers(0, 4))))


def _draw_ink(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A surgeon's pen: one to three see-through blue or violet strokes, more often near the rim."""
    size = picture.shape[0]
    stain = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        angle = rng.uniform(0, 2 * np.pi)
        middle = size / 2 + rng.uniform(0.3, 0.65) * size * np.array([np.cos(angle), np.sin(angle)])
        turn = rng.uniform(0, np.pi)
        reach = rng.uniform(0.05, 0.25) * size * np.array([np.cos(turn), np.sin(turn)])
        ends = [tuple(int(v) for v in middle + sign * reach) for sign in (-1, 1)]
        cv2.line(stain, *ends, 1.0, max(1, int(size * rng.uniform(0.01, 0.06))), cv2.LINE_AA)
    stain = cv2.GaussianBlur(stain, (0, 0), size / 150 + 0.3)[:, :, None] * rng.uniform(0.4, 0.9)
    ink = np.array([rng.uniform(40, 110), rng.uniform(40, 100), rng.uniform(120, 210)], dtype=np.float32)
    return (picture * (1 - stain) + np.minimum(picture, ink) * stain).astype(np.uint8)


def _cut_out(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A square of a tenth to a third of the side painted in the picture's mean colour (DeVries & Taylor 2017)."""
    size = picture.shape[0]
    side = int(size * rng.uniform(0.1, 0.35))
    left, top = (int(v) for v in rng.integers(0, size - side, 2))
    cut = picture.copy()
    cut[top : top + side, left : left + side] = picture.reshape(-1, 3).mean(axis=0)
    return cut
