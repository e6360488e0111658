"""Renders the example photos: skin in six tones with a mole, in some with hairs or a dermatoscope's dark circle.

No photograph goes in. Pigment darkens the skin as absorbing layers do (Beer-Lambert, stronger in blue than in red), the
furrows of the skin are the edges of a Voronoi pattern, and light falls on the resulting relief from one side.
``examples.json`` holds what is known of each picture because it was drawn: outline, hairs, circle and tone.

    python -m examples.render            # writes examples/*.jpg and examples/examples.json
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skin_model.command_line import begin, command

if __name__ == "__main__":
    begin("cv2", "numpy", requirements="requirements.txt", status=1)

import cv2
import numpy as np

FOLDER = Path(__file__).parent
FACTS = FOLDER / "examples.json"

SKIN_TONES: dict[int, tuple[int, int, int]] = {
    1: (238, 205, 190),
    2: (226, 186, 163),
    3: (207, 160, 130),
    4: (176, 125, 94),
    5: (141, 95, 70),
    6: (101, 69, 54),
}
"""sRGB of well-lit skin by Fitzpatrick type."""

_MELANIN = np.array([0.74, 1.02, 1.20], dtype=np.float32)
_BLOOD = np.array([0.10, 0.62, 0.50], dtype=np.float32)


@dataclass(frozen=True)
class Scene:
    """What one example shows. Lengths are shares of the picture's shorter side.

    radius, centre: of the mole. irregularity: how far its outline strays from an ellipse. pigment: optical depth.
    mottling: how uneven the pigment is. redness: optical depth of blood under it. circle: (x, y, radius) of the bright
    disc that a dermatoscope leaves, or None. blur: standard deviation in pixels.
    """

    name: str
    caption: str
    tone: int
    seed: int
    width: int = 800
    height: int = 600
    radius: float = 0.2
    centre: tuple[float, float] = (0.5, 0.5)
    elongation: float = 1.15
    irregularity: float = 0.045
    pigment: float = 0.9
    mottling: float = 0.25
    redness: float = 0.0
    hairs: int = 0
    circle: tuple[float, float, float] | None = None
    blur: float = 0.7


SCENES: tuple[Scene, ...] = (
    Scene("tone-1", "even", tone=1, seed=11, radius=0.17, pigment=1.25, centre=(0.49, 0.52)),
    Scene("tone-2-hairs", "hairs", tone=2, seed=22, radius=0.19, pigment=1.5, hairs=16, centre=(0.53, 0.48)),
    Scene(
        "tone-3-dermatoscope",
        "dermatoscope",
        tone=3,
        seed=33,
        radius=0.25,
        pigment=1.7,
        mottling=0.45,
        hairs=3,
        circle=(0.51, 0.49, 0.47),
        centre=(0.5, 0.5),
    ),
    Scene(
        "tone-4-uneven",
        "uneven",
        tone=4,
        seed=47,
        radius=0.24,
        elongation=1.35,
        irregularity=0.13,
        pigment=2.1,
        mottling=0.85,
        redness=0.2,
        centre=(0.5, 0.5),
    ),
    Scene(
        "tone-5-uneven",
        "uneven",
        tone=5,
        seed=68713,
        radius=0.30,
        elongation=1.36,
        irregularity=0.22,
        pigment=3.0,
        mottling=1.35,
        redness=0.91,
        centre=(0.5, 0.5),
    ),
    Scene("tone-6", "even", tone=6, seed=66, radius=0.19, pigment=1.6, hairs=4, centre=(0.52, 0.51)),
    Scene(
        "far-away",
        "far_away",
        tone=2,
        seed=77,
        width=1200,
        height=900,
        radius=0.045,
        pigment=1.6,
        centre=(0.58, 0.44),
        hairs=8,
    ),
    Scene("blurred", "blurred", tone=3, seed=88, radius=0.18, pigment=1.5, blur=9.0),
)


def render(scene: Scene) -> tuple[np.ndarray, dict[str, Any]]:
    """One picture, (H, W, 3) uint8 sRGB, and its facts in pixels; the same scene always gives the same picture.

    Facts: tone (1…6), outline (list of [x, y]), hairs (list of {points, width}), circle ({x, y, radius} or None).
    """
    rng = np.random.default_rng(scene.seed)
    height, width, side = scene.height, scene.width, min(scene.height, scene.width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)

    outline, depth_inside = _outline(scene, rng, x, y)
    # Soft towards the skin: pigment thins out over a tenth of the mole's radius.
    soft = 0.1 * scene.radius * side
    inside = _smoothstep(depth_inside / soft + 0.5)

    furrows = 0.8 * _furrows(rng, x, y, cell=0.034 * side) + 0.6 * _furrows(rng, x, y, cell=0.016 * side)
    relief = furrows * (1 - 0.5 * inside)
    relief += 0.35 * _noise(rng, height, width, 3) + 0.22 * _noise(rng, height, width, 1.2)
    relief += 4.0 * inside * _noise(rng, height, width, 0.02 * side) * 0.25
    dome = 1.6 * np.clip(depth_inside / (scene.radius * side), 0, 1) ** 0.5 * 6
    light = _light(relief + dome)

    absorbed = _absorption(scene, rng, x, y, depth_inside, inside)
    rgb = _linear(np.array(SKIN_TONES[scene.tone], dtype=np.float32) / 255) * np.exp(-absorbed)
    rgb *= light[..., None]
    rgb += _shine(relief + dome, scene.tone)[..., None]
    rgb *= _falloff(rng, x / width, y / height)[..., None]

    hairs = []
    for _ in range(scene.hairs):
        hairs.append(_draw_hair(rgb, rng, side))
    if scene.circle is not None:
        rgb *= _disc(scene.circle, side, width, height, x, y)[..., None]
    if scene.blur:
        rgb = cv2.GaussianBlur(rgb, (0, 0), scene.blur)

    picture = _srgb(np.clip(rgb, 0, 1)) * 255
    grain = rng.normal(0, 1, picture.shape).astype(np.float32)
    picture = picture + cv2.GaussianBlur(grain, (0, 0), 0.7) * 3.0
    facts = {
        "file": f"{scene.name}.jpg",
        "caption": scene.caption,
        "width": width,
        "height": height,
        "tone": scene.tone,
        "outline": [[round(float(a), 1), round(float(b), 1)] for a, b in outline],
        "hairs": hairs,
        "circle": _circle_facts(scene, side, width, height),
        "blur": scene.blur,
    }
    return np.clip(np.round(picture), 0, 255).astype(np.uint8), facts


def _outline(scene: Scene, rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mole's outline as (120, 2) points, and the depth of every pixel inside it (negative outside), in pixels."""
    side = min(scene.width, scene.height)
    centre = np.array([scene.centre[0] * scene.width, scene.centre[1] * scene.height])
    turn = rng.uniform(0, np.pi)
    strengths = rng.normal(0, 1, 7) / np.arange(2, 9) ** 0.7 * scene.irregularity
    phases = rng.uniform(0, 2 * np.pi, 7)

    def radius_at(angle: np.ndarray) -> np.ndarray:
        bumps = sum(s * np.cos(n * angle + p) for n, (s, p) in enumerate(zip(strengths, phases, strict=True), start=2))
        ellipse = 1 / np.hypot(
            np.cos(angle - turn) / scene.elongation**0.5, np.sin(angle - turn) * scene.elongation**0.5
        )
        return scene.radius * side * ellipse * (1 + bumps)

    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    outline = centre + radius_at(angles)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    dx, dy = x - centre[0], y - centre[1]
    return outline, (radius_at(np.arctan2(dy, dx)) - np.hypot(dx, dy)).astype(np.float32)


def _absorption(
    scene: Scene, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, depth_inside: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Optical depth per pixel and channel, (H, W, 3), on top of plain skin."""
    height, width = x.shape
    side = min(height, width)
    melanin = 0.05 * _noise(rng, height, width, 0.12 * side) + 0.045 * _noise(rng, height, width, 0.03 * side)
    melanin += 0.02 * _noise(rng, height, width, 0.008 * side)
    blood = 0.06 * _noise(rng, height, width, 0.09 * side) + 0.04 * _noise(rng, height, width, 0.018 * side)

    clouds = _noise(rng, height, width, 0.22 * scene.radius * side) + 0.5 * _noise(rng, height, width, 0.012 * side)
    edge = np.clip(depth_inside / (0.55 * scene.radius * side), 0, 1)
    body = scene.pigment * (0.62 + 0.38 * edge) * np.clip(1 + scene.mottling * 0.6 * clouds, 0.12, 2.2)
    # The pigment network: its meshes are the furrows' smaller sisters, and it fades towards the mole's middle.
    mesh = _furrows(rng, x, y, cell=0.075 * scene.radius * side)
    body *= 1 - 0.13 * mesh * (1 - 0.6 * edge)
    spots = np.clip(_noise(rng, height, width, 0.06 * scene.radius * side) - 1.7, 0, 1) * scene.mottling
    melanin = melanin + inside * (body + 1.2 * spots)
    halo = np.exp(-np.clip(-depth_inside, 0, None) / (0.35 * scene.radius * side))
    blood = blood + halo * (0.05 + 0.3 * scene.redness) + inside * scene.redness * np.clip(0.6 + clouds, 0, 2)
    return melanin[..., None] * _MELANIN + blood[..., None] * _BLOOD


def _noise(rng: np.random.Generator, height: int, width: int, scale: float) -> np.ndarray:
    """Smooth noise of mean 0 and variance 1 whose grains are about ``scale`` pixels across."""
    shrink = max(1.0, scale / 3)
    h, w = int(np.ceil(height / shrink)) + 8, int(np.ceil(width / shrink)) + 8
    grain = cv2.GaussianBlur(rng.normal(0, 1, (h, w)).astype(np.float32), (0, 0), max(0.5, scale / shrink))
    grain = cv2.resize(grain, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)[:height, :width]
    return (grain - grain.mean()) / (grain.std() + 1e-6)


def _furrows(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, cell: float) -> np.ndarray:
    """Height of the skin's plateaus: 1 in the middle of a Voronoi cell, 0 in the furrow between two."""
    angle = rng.uniform(0, np.pi)
    bend = cell * 0.5
    u = (x * np.cos(angle) + y * np.sin(angle) + bend * _noise(rng, *x.shape, 6 * cell)) / cell
    v = (-x * np.sin(angle) + y * np.cos(angle) + bend * _noise(rng, *x.shape, 6 * cell)) / (cell * 0.75)
    column, row = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    jitter = rng.uniform(0.1, 0.9, (2, 256, 256)).astype(np.float32)
    nearest = np.full(x.shape, np.inf, dtype=np.float32)
    second = nearest.copy()
    for across in (-1, 0, 1):
        for down in (-1, 0, 1):
            i, j = (column + across) & 255, (row + down) & 255
            distance = np.hypot(column + across + jitter[0, i, j] - u, row + down + jitter[1, i, j] - v)
            second = np.minimum(second, np.maximum(nearest, distance))
            nearest = np.minimum(nearest, distance)
    return _smoothstep((second - nearest) / 0.38)


def _slopes(relief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rise per pixel across and down."""
    relief = relief.astype(np.float32)
    return cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=1 / 8)


def _light(relief: np.ndarray) -> np.ndarray:
    """Diffuse light from the upper left on a relief in pixels of height; about 1 on level skin."""
    across, down = _slopes(relief)
    return np.clip(1 - 0.34 * (across * 0.6 + down * 0.8) - 0.07 * (1 - np.clip(relief, 0, 1)), 0.4, 1.5)


def _shine(relief: np.ndarray, tone: int) -> np.ndarray:
    """The faint sheen of slopes that face the light; it shows more on darker skin."""
    across, down = _slopes(relief)
    facing = np.clip(-(across * 0.6 + down * 0.8) - 0.25, 0, 1.5)
    return (0.006 + 0.0035 * tone) * cv2.GaussianBlur(facing, (0, 0), 1.0)


def _falloff(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Uneven light over the picture: brighter towards a corner, darker at the rim. u, v: 0…1 across and down."""
    angle = rng.uniform(0, 2 * np.pi)
    slope = 0.14 * ((u - 0.5) * np.cos(angle) + (v - 0.5) * np.sin(angle))
    return 1 + slope - 0.22 * ((u - 0.5) ** 2 + (v - 0.5) ** 2)


def _draw_hair(rgb: np.ndarray, rng: np.random.Generator, side: int) -> dict[str, Any]:
    """Draw one tapering hair with its soft shadow into linear ``rgb``; returns its points and width in pixels."""
    height, width = rgb.shape[:2]
    start = rng.uniform(-0.05, 1.05, 2) * (width, height)
    angle = rng.normal(0.6, 0.5)
    length = rng.uniform(0.25, 0.75) * side
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    bow = (start + end) / 2 + rng.normal(0, 0.10) * length * np.array([-np.sin(angle), np.cos(angle)])
    t = np.linspace(0, 1, 60)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * bow + t**2 * end
    thickness = float(rng.uniform(0.0035, 0.006) * side)

    scale = 4  # sub-pixel positions, as cv2 draws whole pixels only
    canvas = np.zeros((height * scale, width * scale), dtype=np.uint8)
    for n in range(len(points) - 1):
        taper = thickness * (1 - 0.75 * (n / len(points)) ** 2)
        a, b = (tuple(int(c) for c in np.round(p * scale)) for p in points[n : n + 2])
        cv2.line(canvas, a, b, 255, max(1, round(taper * scale)), cv2.LINE_AA)
    cover = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    shift = np.float32([[1, 0, 0.006 * side], [0, 1, 0.009 * side]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(cover, shift, (width, height)), (0, 0), 0.006 * side)
    rgb *= (1 - 0.35 * shadow)[..., None]
    colour = _linear(np.array([52, 38, 30], dtype=np.float32) / 255)
    rgb[:] = rgb * (1 - 0.9 * cover)[..., None] + colour * 0.9 * cover[..., None]
    return {"points": [[round(float(a), 1), round(float(b), 1)] for a, b in points[::6]], "width": round(thickness, 2)}


def _disc(
    circle: tuple[float, float, float], side: int, width: int, height: int, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """1 inside the dermatoscope's view, nearly 0 outside, with a rim a few pixels soft."""
    distance = circle[2] * side - np.hypot(x - circle[0] * width, y - circle[1] * height)
    return 0.004 + 0.996 * _smoothstep(distance / (0.012 * side) + 0.5)


def _circle_facts(scene: Scene, side: int, width: int, height: int) -> dict[str, float] | None:
    if scene.circle is None:
        return None
    x, y, radius = scene.circle
    return {"x": x * width, "y": y * height, "radius": radius * side}


def _smoothstep(value: np.ndarray) -> np.ndarray:
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def _linear(srgb: np.ndarray) -> np.ndarray:
    return srgb**2.2


def _srgb(linear: np.ndarray) -> np.ndarray:
    return linear ** (1 / 2.2)


def write(folder: Path = FOLDER) -> None:
    """Render every scene into ``folder`` as JPEG, with ``examples.json`` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    known = []
    for scene in SCENES:
        picture, facts = render(scene)
        encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
        (folder / facts["file"]).write_bytes(encoded.tobytes())
        known.append(facts)
    (folder / FACTS.name).write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    with command("requirements.txt", status=1):
        write()
        print(f"Rendered {len(SCENES)} examples into {FOLDER}.")
