"""Does the risk stay when only the photography changes? The same photographs, altered, through the visitor's path.

What is drawn here (a dermatoscope's surround, hairs, a ruler, ink, bubbles) is drawn by this module alone: it shares no
code with the augmentation of training, which could otherwise have learned these very drawings. Everything is drawn on
the whole photograph, before borders are looked for and cropped; lengths are shares of its shorter side. Which changes
fool dermoscopy networks: Winkler et al. 2019 (doi 10.1001/jamadermatol.2019.1735, ink), Maron et al. 2021
(doi 10.1016/j.ejca.2020.11.020), Bissoto et al. 2020 (arXiv 2004.11457, artefacts).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from skin_model.photo import Photo
from train.bootstrap import RESAMPLES, Draws, figure, mean, mean_of_known, too_few
from train.data.catalogue import family
from train.data.per_photograph import draw, generator, measure_each
from train.data.tables import photo_of
from train.digests import cache_key
from train.evaluation.metrics import ranking
from train.evaluation.subgroups import auc_within_sources
from train.fitting.validation import LEAST_OF_EACH_CLASS

if TYPE_CHECKING:
    from skin_model.assess import Assessor
    from skin_model.network.calibration import Thresholds

FINER = 4
"""Strokes are drawn this much larger and averaged down, because Pillow draws whole pixels only."""

Alteration = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def dark_circle(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Black surround of a dermatoscope: a disc of 0.48…0.56 of the short side stays, its middle up to 0.02 off."""
    height, width, side = *rgb.shape[:2], min(rgb.shape[:2])
    x, y = np.array([width, height]) / 2 + rng.uniform(-0.02, 0.02, 2) * side
    radius, edge = rng.uniform(0.48, 0.56) * side, rng.uniform(0.004, 0.02) * side
    down, across = np.ogrid[0.5 : height + 0.5, 0.5 : width + 0.5]
    outside = np.clip((np.hypot(across - x, down - y) - radius) / edge, 0, 1)
    return _blend(rgb, outside, rng.uniform(2, 22) * np.ones(3))


def hairs(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """8 to 20 long hairs of one colour, black to light brown, anywhere."""
    side = min(rgb.shape[:2])
    canvas, pen = _canvas(rgb)
    for _ in range(rng.integers(8, 21)):
        steps = 40
        heading = rng.uniform(0, 2 * np.pi) + rng.normal(0, 1.2) * np.linspace(0, 1, steps)
        heading += 0.04 * np.cumsum(rng.normal(0, 1, steps))
        stride = rng.uniform(0.35, 0.9) * side / steps
        moves = stride * np.column_stack([np.cos(heading), np.sin(heading)])
        points = rng.uniform(0, 1, 2) * (rgb.shape[1], rgb.shape[0]) + np.cumsum(moves, axis=0)
        _line(pen, points, rng.uniform(0.004, 0.009) * side)
    colour = np.array([[22, 18, 17], [48, 33, 26], [96, 70, 50]][rng.integers(3)])
    return _blend(rgb, 0.9 * _cover(canvas), colour)


def ruler(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scale along a longer side, 0.14 deep at most: etched into the glass, or on a strip of white paper.

    Along a shorter side it would lie outside the central square that the network sees.
    """
    height, width = rgb.shape[:2]
    quarter = int(rng.choice([0, 2] if width > height else [1, 3] if height > width else [0, 1, 2, 3]))
    turned = np.rot90(rgb, quarter).copy()
    height, width, side = *turned.shape[:2], min(turned.shape[:2])
    top, pitch = height - 0.13 * side, rng.uniform(0.025, 0.045) * side
    if rng.random() < 0.5:
        light = min(1.0, 1.15 * float(np.quantile(turned, 0.95)) / 255)
        turned[int(np.ceil(top)) :] = np.array([244, 243, 236]) * light
    canvas, pen = _canvas(turned)
    font = ImageFont.load_default(size=0.042 * side * FINER)
    first = rng.uniform(0, pitch)
    for mark in range(int((width - first) / pitch) + 1):
        x, length = first + mark * pitch, (0.07 if mark % 5 == 0 else 0.035) * side
        _line(pen, np.array([[x, top + 0.005 * side], [x, top + 0.005 * side + length]]), 0.006 * side)
        if mark % 10 == 0:
            place = (FINER * x, FINER * (top + 0.08 * side))
            pen.text(place, str(mark // 10), fill=255, font=font, anchor="mt")
    altered = _blend(turned, 0.9 * _cover(canvas), np.array([24, 24, 28]))
    return np.rot90(altered, -quarter).copy()


def ink(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blue surgical pen: 2 to 4 strokes and a few dots around the middle, which stays free up to 0.3 of the side."""
    side = min(rgb.shape[:2])
    middle = np.array([rgb.shape[1], rgb.shape[0]]) / 2
    canvas, pen = _canvas(rgb)
    for _ in range(rng.integers(2, 5)):
        angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, rng.uniform(0.3, 0.9), 24)
        reach = side * (rng.uniform(0.36, 0.46) + 0.003 * np.cumsum(rng.normal(0, 1, 24)).clip(-5, 5))
        _line(pen, middle + reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), 0.028 * side)
    for _ in range(rng.integers(0, 4)):
        angle, reach, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.36, 0.46) * side, 0.018 * side
        x, y = middle + reach * np.array([np.cos(angle), np.sin(angle)])
        pen.ellipse([FINER * c for c in (x - radius, y - radius, x + radius, y + radius)], fill=255)
    # Ink is a filter: skin shines through it, and blots where the pen pressed harder.
    blots = cv2.GaussianBlur(rng.normal(0, 1, rgb.shape[:2]), (0, 0), 0.02 * side)
    pressed = _cover(canvas) * np.clip(0.85 + 0.15 * blots / blots.std(), 0.4, 1.2)
    passes = np.array([0.22, 0.28, 0.72]) ** pressed[..., None]
    return _whole(rgb * passes)


def bubbles(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """8 to 25 air bubbles in the contact gel: a dark rim, a bright crescent towards the lamp, a spot of glare."""
    height, width, side = *rgb.shape[:2], min(rgb.shape[:2])
    picture = rgb.astype(np.float64)
    lamp = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(8, 26)):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), side * np.exp(rng.uniform(*np.log((0.008, 0.04))))
        rows = slice(max(0, int(y - 1.4 * radius)), int(y + 1.4 * radius) + 2)
        columns = slice(max(0, int(x - 1.4 * radius)), int(x + 1.4 * radius) + 2)
        part = picture[rows, columns]
        down, across = np.mgrid[rows, columns][:, : part.shape[0], : part.shape[1]] + 0.5
        down, across = (down - y) / radius, (across - x) / radius
        distance = np.hypot(across, down)
        facing = np.clip((across * np.cos(lamp) + down * np.sin(lamp)) / np.maximum(distance, 1e-6), 0, 1)
        part *= (1 - 0.45 * np.exp(-(((distance - 1) / 0.1) ** 2)))[..., None]
        glare = 95 * facing**2 * np.exp(-(((distance - 0.8) / 0.13) ** 2))
        glare += 150 * np.exp(-(np.hypot(across - 0.4 * np.cos(lamp), down - 0.4 * np.sin(lamp)) ** 2) / 0.02)
        part += glare[..., None]
    return _whole(picture)


def blur(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus: a Gaussian of 0.008 of the short side (2 pixels of 256)."""
    return cv2.GaussianBlur(rgb, (0, 0), 0.008 * min(rgb.shape[:2]))


def jpeg_30(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Saved as a JPEG of quality 30, as messengers do."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=30)
    return np.array(Image.open(file))


def brighter(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every value + 25 %."""
    return _whole(rgb * 1.25)


def darker(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every value - 25 %."""
    return _whole(rgb * 0.75)


def colour_cast(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A wrong white balance: red + 12 % and blue - 18 % (warm lamp), or red - 14 % and blue + 12 % (cold one)."""
    return _whole(rgb * np.array([[1.12, 1, 0.82], [0.86, 1, 1.12]][rng.integers(2)]))


def rotated_90(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A quarter turn."""
    return np.rot90(rgb).copy()


ALTERATIONS: dict[str, Alteration] = {
    drawn.__name__: drawn
    for drawn in (
        dark_circle,
        hairs,
        ruler,
        ink,
        bubbles,
        blur,
        jpeg_30,
        brighter,
        darker,
        colour_cast,
        rotated_90,
    )
}
UNALTERED = "unaltered"


def alter(photo: Photo, name: str, file: str) -> Photo:
    """The photo with one of ``ALTERATIONS``; what is drawn depends on ``name`` and the file's name alone."""
    rgb = ALTERATIONS[name](photo.rgb, generator(name, file))
    sides = (photo.width, photo.height)
    return Photo(rgb, *(sides if rgb.shape == photo.rgb.shape or name != "rotated_90" else sides[::-1]))


def measure(
    assessor: Assessor,
    rows: pd.DataFrame,
    thresholds: Thresholds,
    resamples: int = RESAMPLES,
    seed: int = 0,
    photographs: int | None = None,
    *,
    out: Path | None = None,
) -> dict[str, Any] | None:
    """How much every alteration changes the risk of ``rows`` (root, file, source, group, malignant).

    photographs: measure only so many, drawn at random with ``seed``. Of each alteration: ``mean_abs_change`` of the
    risk, ``flips`` (share that crosses ``thresholds.low``), ``auc`` within sources and ``auc_change`` against the
    unaltered photographs, from the same resamples. Files that cannot be opened are left out; None where none is left.
    out: a folder that the risks are kept in as they come, so that an interrupted call, repeated, goes on.
    """
    rows = draw(rows, photographs, seed)
    found = altered_risks(assessor, rows, out)
    if found.empty or found[UNALTERED].isna().all():
        return None
    readable = found[UNALTERED].notna().to_numpy()
    return summarise(found[readable], rows[readable], thresholds, resamples, seed)


def altered_risks(assessor: Assessor, rows: pd.DataFrame, out: Path | None = None) -> pd.DataFrame:
    """The risk of every row (root, file) unaltered and with each alteration, one column each, NaN where not opened.

    out: as for ``measure``.
    """
    kept = None if out is None else out / f"robustness-{_key(assessor, rows)}.csv"
    return measure_each(
        rows, lambda row: [_risks(assessor, row)], "Altering photographs", kept, threads=os.cpu_count() or 1
    )


def summarise(
    risks: pd.DataFrame, rows: pd.DataFrame, thresholds: Thresholds, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """``measure``'s figures of risks that are known: a column ``unaltered`` and one an alteration, as long as rows."""
    drawn = DrawnRisks(risks, rows, resamples, seed)
    before, draws = drawn.of(UNALTERED), drawn.draws
    alterations = {}
    for name in risks.columns.intersection(list(ALTERATIONS), sort=False):
        after = drawn.of(name)
        crossed = (after >= thresholds.low) != (before >= thresholds.low)
        alterations[name] = {
            "mean_abs_change": mean(draws, np.abs(after - before)),
            "flips": mean(draws, crossed.astype(np.float64)),
            **drawn.aucs(name),
        }
    return {**drawn.facts, "threshold": thresholds.low, "alterations": alterations}


class DrawnRisks:
    """Risks of the same photographs unaltered and changed in several ways, with bootstrap draws of their groups."""

    def __init__(self, risks: pd.DataFrame, rows: pd.DataFrame, resamples: int, seed: int) -> None:
        """risks: a column ``unaltered`` and one a change, as long as rows (source, group, malignant)."""
        self.risks, self.truth = risks, rows["malignant"].to_numpy(dtype=np.float64)
        self.sources, groups = rows["source"].to_numpy(dtype=str), rows["group"].to_numpy(dtype=str)
        self.draws = Draws(groups, resamples, seed)
        names = _counted_sources(self.truth, self.sources)
        counted = np.isin(self.sources, names) | (not names)
        self.few = too_few(groups, *(counted & (self.truth == of) for of in (0, 1)))
        self.unaltered = self._auc(UNALTERED)

    def of(self, name: str) -> np.ndarray:
        """(N,) risks."""
        return self.risks[name].to_numpy(dtype=np.float64)

    def aucs(self, name: str) -> dict[str, Any]:
        """``auc`` within sources, and ``auc_change`` against the unaltered photographs, from the same resamples."""
        area = self._auc(name)
        return {"auc": figure(area, self.few), "auc_change": figure(area - self.unaltered, self.few)}

    @property
    def facts(self) -> dict[str, Any]:
        """How many photographs there are, and the AUC within sources without a change."""
        counts = {"n": len(self.truth), "n_malignant": int(self.truth.sum())}
        return {**counts, "auc": figure(self.unaltered, self.few)}

    def _auc(self, name: str) -> np.ndarray:
        values = self.of(name)
        return self.draws.measure(lambda weights: within_source_auc(values, self.truth, self.sources, weights))


def within_source_auc(risks: np.ndarray, truth: np.ndarray, sources: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC within a source, averaged over centre families, for each row of weights: (B,).

    risks, truth (0 or 1), sources: (N,); weights: (B, N). A family's AUC is the mean over its sources weighted by their
    malignant photographs; sources with fewer than ``LEAST_OF_EACH_CLASS`` of either class are left out. Where that
    leaves none, the AUC over everything. A resample without both classes of a source leaves that source out.
    """
    counted = _counted_sources(truth, sources)
    if not counted:
        return ranking(risks, truth, weights)["auc"]
    found = []
    for name in dict.fromkeys(map(family, counted)):
        of = np.isin(sources, [source for source in counted if family(source) == name])
        found.append(auc_within_sources(risks[of], truth[of], sources[of], weights[:, of]))
    return mean_of_known(np.stack(found))


def _counted_sources(truth: np.ndarray, sources: np.ndarray) -> list[str]:
    """The sources with at least ``LEAST_OF_EACH_CLASS`` photographs of either class."""
    found = []
    for source in np.unique(sources):
        ill = truth[sources == source] == 1
        if min(ill.sum(), (~ill).sum()) >= LEAST_OF_EACH_CLASS:
            found.append(str(source))
    return found


def _risks(assessor: Assessor, row: Any) -> dict[str, float]:
    photo = photo_of(row)
    if photo is None:
        return dict.fromkeys([UNALTERED, *ALTERATIONS], np.nan)
    photos = [photo, *(alter(photo, name, row.file) for name in ALTERATIONS)]
    scored = assessor.assess_many(photos)
    return {name: found.risk for name, found in zip([UNALTERED, *ALTERATIONS], scored, strict=True)}


def _key(assessor: Assessor, rows: pd.DataFrame) -> str:
    config = assessor.checkpoint.config
    described = f"{assessor.checkpoint.hash} {config.preprocessing} {config.calibration} " + "\n".join(rows["file"])
    return cache_key(described)


def _canvas(rgb: np.ndarray) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("L", (FINER * rgb.shape[1], FINER * rgb.shape[0]))
    return canvas, ImageDraw.Draw(canvas)


def _line(pen: ImageDraw.ImageDraw, points: np.ndarray, width: float) -> None:
    """points: (n, 2) x and y in pixels of the photograph; so is ``width``."""
    pen.line([tuple(point) for point in FINER * points], fill=255, width=max(1, round(FINER * width)), joint="curve")


def _cover(canvas: Image.Image) -> np.ndarray:
    """(H, W) share of every pixel that the strokes cover, 0…1."""
    return np.asarray(canvas.reduce(FINER), dtype=np.float64) / 255


def _blend(rgb: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return _whole(rgb + cover[..., None] * (colour - rgb))


def _whole(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
