"""The border's circle: found where there is one, to scale, quickly; never where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from skin_model import border
from skin_model.border import Border
from tests import rendering
from tests.rendering import Circle

CASES = json.loads((Path(__file__).parent / "border_cases.json").read_text(encoding="utf-8"))
SIZES = ((256, 256), (256, 341), (192, 256), (750, 1000), (1000, 750))

PER_KIND = 25
"""Rendered photographs of every kind below."""


def _visible_share(circle: Circle, height: int, width: int) -> float:
    """Share of the picture that lies outside the circle."""
    across = np.arange(width) + 0.5 - circle.x
    down = np.arange(height)[:, None] + 0.5 - circle.y
    return float(np.mean(np.hypot(across, down) > circle.radius))


def _inside_frame(rng: np.random.Generator, height: int, width: int) -> Circle:
    short = min(height, width)
    return Circle(
        width / 2 + rng.uniform(-0.05, 0.05) * width,
        height / 2 + rng.uniform(-0.03, 0.03) * height,
        short * rng.uniform(0.3, 0.48),
    )


def _off_centre(rng: np.random.Generator, height: int, width: int) -> Circle:
    """Cut by one or two sides of the picture."""
    return Circle(
        width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7), min(height, width) * rng.uniform(0.4, 0.6)
    )


def _corners_only(rng: np.random.Generator, height: int, width: int) -> Circle:
    """Larger than the picture's short side: only the corners are covered, at least 1 % of the picture."""
    while True:
        circle = Circle(
            width * rng.uniform(0.47, 0.53),
            height * rng.uniform(0.47, 0.53),
            np.hypot(height, width) / 2 * rng.uniform(0.8, 0.95),
        )
        if _visible_share(circle, height, width) >= 0.01 and circle.radius > min(height, width) / 2:
            return circle


def _seen_through(
    place: Callable[[np.random.Generator, int, int], Circle], softness: tuple[float, float], colour: float = 6.0
) -> Callable[[np.random.Generator, int, int], tuple[np.ndarray, Circle]]:
    def render(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, Circle]:
        circle = place(rng, height, width)
        picture = rendering.lesion_on_skin(height, width, rng)
        soft = rng.uniform(*softness) * circle.radius
        shade = tuple(np.clip(colour + rng.uniform(-6, 6, 3), 0, 255))
        return rendering.add_circle(picture, circle, rng, softness=soft, colour=shade), circle

    return render


WITH_CIRCLE = {
    "inside the frame": _seen_through(_inside_frame, (0.0, 0.02)),
    "off-centre, cut by the frame": _seen_through(_off_centre, (0.0, 0.02)),
    "corners only": _seen_through(_corners_only, (0.0, 0.02)),
    "soft edge": _seen_through(_inside_frame, (0.05, 0.1)),
    "corners only, soft edge": _seen_through(_corners_only, (0.03, 0.08)),
    "bright": _seen_through(_inside_frame, (0.0, 0.02), colour=251),
    "bright, corners only": _seen_through(_corners_only, (0.0, 0.02), colour=251),
}


def _plain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rendering.lesion_on_skin(height, width, rng)


def _vignetted(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rendering.add_vignette(rendering.lesion_on_skin(height, width, rng), rng.uniform(0.2, 0.6))


def _shadowed(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    soft = rng.uniform(0.02, 0.3) * min(height, width)
    return rendering.add_shadow(
        rendering.lesion_on_skin(height, width, rng), rng, strength=rng.uniform(0.3, 0.8), softness=soft
    )


def _dark_lesion_at_the_edge(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    short = min(height, width)
    picture = rendering.skin(height, width, rng, rendering.SKIN_TONES[rng.integers(len(rendering.SKIN_TONES))])
    x, y = rng.choice([0, 1, 0.5]) * width, rng.choice([0, 1]) * height
    mask = rendering.lesion_mask(height, width, rng, x=x, y=y, radius=short * rng.uniform(0.3, 0.8), edge=short * 0.02)
    return rendering.add_lesion(picture, mask, rng, darkness=rng.uniform(0.75, 0.93))


def _round_lesion_on_pale_skin(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    picture = rendering.skin(height, width, rng, rendering.SKIN_TONES[0])
    radius = min(height, width) * rng.uniform(0.3, 0.5)
    mask = rendering.lesion_mask(height, width, rng, x=width / 2, y=height / 2, radius=radius)
    return rendering.add_lesion(picture, mask, rng, darkness=rng.uniform(0.4, 0.8))


def _hairy(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    thick = min(height, width) / rng.uniform(60, 150)
    return rendering.add_hairs(rendering.lesion_on_skin(height, width, rng), rng, count=40, thickness=thick)[0]


WITHOUT_BORDER = {
    "lesion on six skin tones": _plain,
    "vignetting": _vignetted,
    "shadow": _shadowed,
    "dark lesion over an edge or a corner": _dark_lesion_at_the_edge,
    "round lesion on pale skin": _round_lesion_on_pale_skin,
    "hair": _hairy,
}


def test_known_circles_are_found_within_three_percent_of_the_short_side(capsys) -> None:
    right, total, lines = 0, 0, []
    for number, (name, render) in enumerate(WITH_CIRCLE.items()):
        hits = 0
        for i in range(PER_KIND):
            rng = np.random.default_rng([1, number, i])
            height, width = SIZES[i % len(SIZES)]
            picture, truth = render(rng, height, width)
            found = border.find(rendering.photograph(picture, rng))
            allowed = 0.03 * min(height, width)
            hits += (
                found is not None
                and found.kind == "circle"
                and abs(found.radius - truth.radius) <= allowed
                and np.hypot(found.x - truth.x, found.y - truth.y) <= allowed
            )
        lines.append(f"  {name}: {hits} of {PER_KIND}")
        right, total = right + hits, total + PER_KIND
    with capsys.disabled():
        print(f"\nrendered circles found within 3 %: {right} of {total}", *lines, sep="\n")
    assert right >= 0.97 * total, lines


def test_rendered_photos_without_a_border_are_left_whole(capsys) -> None:
    wrong, total, lines = 0, 0, []
    for number, (name, render) in enumerate(WITHOUT_BORDER.items()):
        cropped = 0
        for i in range(PER_KIND):
            rng = np.random.default_rng([2, number, i])
            height, width = SIZES[i % len(SIZES)]
            cropped += border.find(rendering.photograph(render(rng, height, width), rng)) is not None
        lines.append(f"  {name}: {cropped} of {PER_KIND}")
        wrong, total = wrong + cropped, total + PER_KIND
    with capsys.disabled():
        print(f"\nrendered photos without a border wrongly cropped: {wrong} of {total}", *lines, sep="\n")
    assert wrong <= 0.01 * total, lines


def _photo(shared_data: Path, source: str, image_id: str) -> np.ndarray:
    with Image.open(shared_data / "images" / source / f"{image_id}.jpg") as picture:
        return np.asarray(picture.convert("RGB"))


def _listed(kind: str) -> list[tuple[str, str]]:
    return [(source, image_id) for source, ids in CASES[kind].items() for image_id in ids]


@pytest.mark.real_data
def test_real_circles_listed_by_eye_are_found(shared_data: Path, capsys) -> None:
    missed = []
    for source, image_id in _listed("circle"):
        found = border.find(_photo(shared_data, source, image_id))
        if found is None or found.kind != "circle":
            missed.append(f"{source}/{image_id}")
    total = len(_listed("circle"))
    with capsys.disabled():
        print(f"\nreal circles found: {total - len(missed)} of {total}; missed: {missed}")
    assert total >= 50
    assert len(missed) <= 0.1 * total


@pytest.mark.real_data
def test_real_photos_without_a_border_are_left_whole(shared_data: Path, capsys) -> None:
    cropped = []
    for source, image_id in _listed("none"):
        picture = _photo(shared_data, source, image_id)
        if border.crop_box(picture, border.find(picture)) != (0, 0, picture.shape[1], picture.shape[0]):
            cropped.append(f"{source}/{image_id}")
    total = len(_listed("none"))
    with capsys.disabled():
        print(f"\nreal photos without a border wrongly cropped: {len(cropped)} of {total}: {cropped}")
    assert total >= 100
    assert len(cropped) <= 0.01 * total
