"""What the page measures between two photos is what Python measures: the same files in, the same figures out."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import cv2
import numpy as np
import pytest

from examples import render
from skin_model import comparison
from skin_model.assess import Assessment
from skin_model.comparison import Limits, compare
from skin_model.lesion import abcd, outline
from skin_model.photo import Photo
from tests.on_device.conftest import encoded, start
from tests.on_device.diary.conftest import folder_of

pytestmark = pytest.mark.browser

SCENES = ("tone-1", "tone-2-hairs", "tone-3-dermatoscope", "tone-4-uneven", "tone-5-uneven", "tone-6")
MOST = {"size": 0.02, "shape": 0.005, "colour": 0.1, "risk": 1e-6}
"""By how much a difference may differ: a limit is ten times as large."""
MATRIX = 1.5
"""Pixels of the photo before by which a corner of the photo after may lie elsewhere."""

COMPARE = """async ([folder, files]) => {
    const [{ shoot, compare }, { openOutline }, { download }] = await Promise.all(
        ["lesion/comparison.js", "network.js", "download.js"].map((name) => import(folder + name)));
    const [release, config, diary] = await Promise.all(
        ["release.json", "config.json", "diary.json"].map(async (name) => (await fetch(folder + name)).json()));
    self.outlines ??= await openOutline(
        await download(folder + release.downloads.outline.file, release.downloads.outline, release.version, () =>
            {}), 128);
    const rgbOf = async (file) => {
        const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(file), (c) => c.charCodeAt(0))], {
            type: "image/png" }));
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d");
        context.drawImage(bitmap, 0, 0);
        const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
        return { width: bitmap.width, height: bitmap.height, channels: 3, data: data.filter((_, at) => at % 4 < 3) };
    };
    const shots = [];
    for (const [at, file] of files.entries()) {
        shots.push(await shoot(await rgbOf(file), [0.2, 0.3][at], diary.limits.checkpoint, outlines,
            config.border_triples));
    }
    const began = performance.now(), found = compare(...shots, diary.limits, config.border_triples);
    return {
        kind: found.alignment.kind, reason: found.alignment.reason, matrix: found.alignment.matrix,
            differences: found.differences,
        changes: found.changes, ratio: found.sizeRatio, milliseconds: performance.now() - began,
        outlines: shots.map(({ outline, edge }) => outline && { area: outline.area, centre: outline.centre,
            certainty: outline.certainty, cut: outline.isCut, edge }),
    };
}"""


@pytest.fixture(scope="module")
def page(browser, address):
    opened = start(browser, address)
    yield opened
    opened.context.close()


def warped(rgb, turn, scale, shift, light=1.0, seed=0):
    """Another photo of the same skin: turned, from another distance, in another light, with another noise."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    noise = np.random.default_rng(seed).normal(0, 2, moved.shape)
    return np.clip(moved * light + noise, 0, 255).astype(np.uint8)


@cache
def drawn(name, growth=1.0):
    scene = next(scene for scene in render.SCENES if scene.name == name)
    rgb, _ = render.render(dataclasses.replace(scene, radius=scene.radius * growth))
    return cv2.resize(rgb, (480, 360), interpolation=cv2.INTER_AREA)


def anew(name, turn, scale, light):
    """The same skin seen anew."""
    return drawn(name), warped(drawn(name), turn, scale, (turn / 3, 5 - turn / 4), light, abs(turn))


def grown(name):
    return drawn(name), warped(drawn(name, 1.25), 5, 1.0, (4, -3), 1.0, 7)


def other_skin(one, other):
    return drawn(one), drawn(other)


def from_near(name):
    return drawn(name), cv2.resize(drawn(name)[90:270, 120:360], (480, 360), interpolation=cv2.INTER_CUBIC)


def no_spot(name):
    return drawn(name), np.full_like(drawn(name), drawn(name)[10:40, 60:120].mean(axis=(0, 1)).astype(np.uint8))


SEEN = ((8, 1.0, 1.0), (-20, 1.12, 0.9), (35, 0.9, 1.08), (3, 1.0, 0.85))
PAIRS = [
    *((anew, name, *seen) for name in SCENES for seen in SEEN),
    *((grown, name) for name in SCENES[:4]),
    *((other_skin, one, other) for one, other in zip(SCENES, SCENES[1:] + SCENES[:1], strict=True)),
    *((kind, name) for kind in (from_near, no_spot) for name in SCENES[:3]),
]


def shot(rgb, risk):
    found = outline.find(rgb)
    photo = Photo(rgb, rgb.shape[1], rgb.shape[0])
    assessed = Assessment(risk=risk, band="low")
    if found is None:
        return comparison.Shot(photo, assessed)
    return comparison.Shot(photo, assessed, found, abcd.measure(rgb, found), comparison.edge_share(rgb, found))


def png(rgb):
    return encoded(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


def test_there_are_forty_pairs():
    assert len(PAIRS) == 40


@pytest.mark.parametrize(
    "pair",
    # Every fifth at each run, as a pair takes seconds.
    [pytest.param(pair, marks=() if number % 5 == 0 else pytest.mark.slow) for number, pair in enumerate(PAIRS)],
    ids=[" ".join([kind.__name__, *map(str, of)]) for kind, *of in PAIRS],
)
def test_the_page_measures_what_python_measures(page, pair):
    kind, *of = pair
    before, after = kind(*of)
    limits = Limits.read()
    python = compare(shot(before, 0.2), shot(after, 0.3), limits.checkpoint, limits)
    found = page.evaluate(COMPARE, [folder_of(page), [png(before), png(after)]])
    for own, theirs in zip((python.before, python.after), found["outlines"], strict=True):
        assert (own.outline is None) == (theirs is None)
        if theirs is not None:
            assert theirs["area"] == pytest.approx(own.outline.area, rel=0.005)
            assert theirs["centre"] == pytest.approx(own.outline.centre, abs=0.5)
            assert theirs["certainty"] == pytest.approx(own.outline.certainty, abs=0.005)
            assert theirs["edge"] == pytest.approx(own.edge, abs=1.01 / comparison.SECTORS)
            assert theirs["cut"] == own.outline.is_cut
    assert (found["kind"], found["reason"]) == (python.alignment.kind, python.alignment.reason)
    assert tuple(found["changes"]) == python.changes
    assert set(found["differences"]) == set(python.differences)
    for measure, amount in python.differences.items():
        assert math.isclose(found["differences"][measure], amount, abs_tol=MOST[measure]), measure
    if python.alignment.matrix is not None:
        corners = np.array([[0, 0, 1], [480, 0, 1], [0, 360, 1], [480, 360, 1]]).T
        apart = python.alignment.matrix @ corners - np.array(found["matrix"]).reshape(2, 3) @ corners
        assert np.linalg.norm(apart, axis=0).max() <= MATRIX
