"""The whole path in one object: a photo in, an assessment out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_model import quality
from skin_model import region as regions
from skin_model.border import Border, Box
from skin_model.lesion.locate import embedded as embedded_locator
from skin_model.lesion.locate import square_around
from skin_model.network import calibration, saliency
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.context import Context
from skin_model.network.inference import engine
from skin_model.network.preprocessing import prepare
from skin_model.network.turned_views import VIEWS, turned
from skin_model.overlay import overlay
from skin_model.photo import Photo, PhotoRefused, open_photo
from skin_model.pools import thread_pool
from skin_model.region import Region
from skin_model.wording import sentence

if TYPE_CHECKING:
    from torch import Tensor

NOT_SKIN, UNFAMILIAR = "not_skin", "unfamiliar"
NO_SUCH_FILE = "no_such_file"
NOTHING_TOLD = Context()


@dataclass(frozen=True)
class Assessment:
    """What is said of one photo.

    risk: 0…1 at the checkpoint's reference prevalence. band: low, raised, high or cannot_tell. diagnoses: probability
    per diagnosis, which sum to 1 (None for a binary checkpoint), as ``DiagnosisCalibration`` says. border and crop
    (left, top, right, bottom): pixels of the upright full-size photo. problems: codes of what is wrong with the
    picture. refused: a code, or None. located: x and y of the middle, width and height of the spot that was judged, in
    the same pixels, and how certain that is, 0…1; None where none stood out. risk_with_context: the risk with what was
    told of age, sex and site; None where nothing was told, or the checkpoint does not know what that adds. spread:
    lowest and highest risk over all eight mirrored and turned views, where all were looked at. contributions: (8, h, w)
    what every place of these views adds to the risk's log-odds, where that came with the answer.
    """

    risk: float | None = None
    band: str | None = None
    diagnoses: dict[str, float] | None = None
    border: Border | None = None
    crop: Box | None = None
    problems: tuple[str, ...] = ()
    refused: str | None = None
    message: str | None = None
    located: dict[str, float] | None = None
    risk_with_context: float | None = None
    spread: tuple[float, float] | None = None
    contributions: np.ndarray | None = field(default=None, repr=False, compare=False)

    @classmethod
    def refusal(cls, code: str, language: str = "en") -> Assessment:
        """The assessment of a file that gives no photo: no numbers, the refusal's code and sentence."""
        return cls(refused=code, message=sentence(f"refused.{code}", language))

    def to_json(self, file: str) -> dict[str, Any]:
        """The object that the command line prints and the ``/assess`` endpoint returns, JSON-ready."""
        return {
            "file": file,
            "risk": None if self.risk is None else round(self.risk, 6),
            "risk_with_context": None if self.risk_with_context is None else round(self.risk_with_context, 6),
            "band": self.band,
            "diagnoses": None if self.diagnoses is None else {k: round(v, 6) for k, v in self.diagnoses.items()},
            "border": None if self.border is None else self.border.to_json(),
            "crop": None if self.crop is None else list(self.crop),
            "located": self.located,
            "problems": list(self.problems),
            "refused": self.refused,
            "message": self.message,
        }


@dataclass(frozen=True)
class View:
    """What the network sees of a photo: the region in pixels of ``photo.rgb``, and what lies inside its crop;
    batch (1, 3, S, S) float32.
    """

    region: Region
    cropped: np.ndarray
    batch: np.ndarray

    @property
    def square(self) -> Box:
        """What the network sees, in pixels of ``photo.rgb``."""
        return self.region.square

    @property
    def tensor(self) -> Tensor:
        """``batch`` in torch, for what trains or explains with gradients."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(self.batch))


def to_full_size(box: Box, photo: Photo) -> Box:
    """A box in pixels of ``photo.rgb`` to one in pixels of the full-size photo."""
    across, down = photo.width / photo.rgb.shape[1], photo.height / photo.rgb.shape[0]
    left, top, right, bottom = box
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _refused(region: Region, out_of_distribution: bool) -> str | None:
    """Why no number is shown. Where nobody looked for skin, whatever is unlike the training photographs is none."""
    if not region.shows_skin or (out_of_distribution and region.skin is None):
        return NOT_SKIN
    return UNFAMILIAR if out_of_distribution else None


def _located(region: Region, photo: Photo) -> dict[str, float] | None:
    if not region.spots:
        return None
    spot = region.spots[0]
    across, down = photo.width / photo.rgb.shape[1], photo.height / photo.rgb.shape[0]
    left, top, right, bottom = spot.box
    return {
        "x": round((left + right) / 2 * across, 1),
        "y": round((top + bottom) / 2 * down, 1),
        "width": round((right - left) * across, 1),
        "height": round((bottom - top) * down, 1),
        "certainty": round(spot.certainty, 4),
    }


class Assessor:
    """Scores photos with one checkpoint.

    >>> assessor = Assessor.load()                       # the embedded checkpoint
    >>> assessor.assess(open_photo("mole.jpg")).risk     # doctest: +SKIP
    0.31
    """

    def __init__(self, checkpoint: Checkpoint, views: int | None = None) -> None:
        """views: 1, 2, 4 or 8 (VIEWS), None for as many as the checkpoint was calibrated with. Above 1 the log-odds are
        averaged over that many mirrored and turned views of the photo: as many times the network's work for an answer
        that depends less on how the camera was held; with 8, not at all. Raises ValueError for another number, and
        CheckpointError where the locator that it needs is damaged: now, and not in a visitor's first photo.
        """
        views = checkpoint.config.views if views is None else views
        if views not in VIEWS:
            raise ValueError(f"A photo is looked at in {', '.join(map(str, VIEWS))} views, not {views}.")
        self.checkpoint = checkpoint
        self.views = views
        self.engine = engine(checkpoint)
        if checkpoint.config.preprocessing.square == "spot":
            embedded_locator()

    @classmethod
    def load(cls, reference: str | Path | None = None, views: int | None = None) -> Assessor:
        """From a folder, ``owner/name@revision`` on the Hub, or the embedded default; raises CheckpointError."""
        return cls(Checkpoint.load(reference), views)

    def view(self, photo: Photo, *, chosen: bool = False) -> View:
        """Region and network input of one photo, as the checkpoint's preprocessing says.

        chosen: the photo is the part that a person chose to have judged.
        """
        preprocessing = self.checkpoint.config.preprocessing
        region = regions.find(photo.rgb, preprocessing, chosen=chosen)
        cropped = regions.cropped(photo.rgb, region, preprocessing)
        return View(region, cropped, prepare(region.square_of(cropped), preprocessing))

    def assess(self, photo: Photo, view: View | None = None, context: Context = NOTHING_TOLD) -> Assessment:
        """Score one photo. Whatever decodes gets a number, refused or not.

        view: ``view(photo)``, where it is known. context: what the person tells of the spot.
        """
        return self.with_context(self._assess([photo], [view or self.view(photo)])[0], context)

    def with_context(self, assessment: Assessment, context: Context) -> Assessment:
        """The assessment with the risk that it has with this context."""
        model = self.checkpoint.config.context
        if model is None or assessment.risk is None or context.is_empty:
            return replace(assessment, risk_with_context=None)
        return replace(assessment, risk_with_context=model.risk(assessment.risk, context))

    def assess_many(self, photos: Iterable[Photo]) -> list[Assessment]:
        """Score several photos together, a forward pass a view; the same numbers as one by one, up to rounding."""
        photos = list(photos)
        if not photos:
            return []
        # Looking for the spot leaves Python's lock free.
        with thread_pool(min(os.cpu_count() or 1, len(photos))) as pool:
            views = pool.map(self.view, photos)
        return self._assess(photos, views)

    def _assess(self, photos: list[Photo], views: list[View]) -> list[Assessment]:
        config = self.checkpoint.config
        batch = np.concatenate([view.batch for view in views])
        answers = [self.engine(turned_batch) for turned_batch in turned(batch, self.views)]
        logits = np.stack([answer.logits for answer in answers])
        mean = logits.mean(axis=0)
        probability = calibration.probabilities(mean, config.malignant, config.calibration)
        risks = calibration.risk(probability, config.malignant)
        spreads = self._spreads(logits) if self.views == max(VIEWS) else [None] * len(photos)
        if config.diagnosis_calibration is not None:
            probability = calibration.diagnosis_probabilities(mean, config.diagnosis_calibration)
        refused = np.zeros(len(photos), dtype=bool)
        limit = self.checkpoint.weights.gate_threshold
        if limit is not None:
            # The gate's limit was set on single views, from which the mean of several strays less: it refuses no more.
            refused = np.mean([answer.ood_score for answer in answers], axis=0) > limit
        added = [None] * len(photos)
        if self.views == max(VIEWS) and answers[0].contributions is not None:
            added = np.stack([answer.contributions for answer in answers], axis=1)
        return [
            replace(
                self._assessment(photo, view, float(risk), row, bool(unlike)), spread=spread, contributions=of_views
            )
            for photo, view, risk, row, unlike, spread, of_views in zip(
                photos, views, risks, probability, refused, spreads, added, strict=True
            )
        ]

    def _assessment(
        self, photo: Photo, view: View, risk: float, row: np.ndarray, out_of_distribution: bool
    ) -> Assessment:
        config, border = self.checkpoint.config, view.region.border
        refused = _refused(view.region, out_of_distribution)
        band = calibration.CANNOT_TELL if refused else calibration.band(risk, config.thresholds)
        return Assessment(
            risk=risk,
            band=band,
            diagnoses=dict(zip(config.diagnoses, map(float, row), strict=True)) if config.diagnoses else None,
            border=None if border is None else border.scaled(photo.scale),
            crop=to_full_size(view.region.crop, photo),
            located=_located(view.region, photo),
            problems=tuple(quality.check(view.cropped, view.region.lesion)),
            refused=refused,
            message=sentence(f"refused.{refused}") if refused else None,
        )

    def spot_squares(self, view: View) -> list[Box]:
        """A square round every spot that was found, the one that is judged first, in ``photo.rgb``."""
        share = self.checkpoint.config.preprocessing.spot_share
        return [square_around(spot.box, view.region.crop, share) for spot in view.region.spots]

    def spread(self, view: View) -> tuple[float, float]:
        """Lowest and highest risk of a photo in all eight mirrored and turned views.

        How far the answer hangs on how the camera was held; no measure of whether the answer is right.
        """
        return self._spreads(np.stack([self.engine(one).logits for one in turned(view.batch, max(VIEWS))]))[0]

    def _spreads(self, logits: np.ndarray) -> list[tuple[float, float]]:
        """Of every photo; logits: (V, N, K) of V views of N photos."""
        config = self.checkpoint.config
        probability = [calibration.probabilities(one, config.malignant, config.calibration) for one in logits]
        risks = np.stack([calibration.risk(one, config.malignant) for one in probability])
        return list(zip(risks.min(axis=0).tolist(), risks.max(axis=0).tolist(), strict=True))

    def heatmap(
        self, view: View, method: str = saliency.METHODS[0], assessment: Assessment | None = None
    ) -> np.ndarray:
        """Where the risk comes from: (S, S) float32 over the square that the network sees, as ``attribution.explain``.

        assessment: of this view, where it is known: the default map may have come with it.
        """
        if method == saliency.TURNED_GRAD_CAM and assessment is not None and assessment.contributions is not None:
            temperature = self.checkpoint.config.calibration.temperature
            return saliency.in_units(assessment.contributions, view.batch.shape[-1], temperature)
        return self.engine.heatmap(view.batch, method)

    def explain(
        self,
        photo: Photo,
        method: str = saliency.METHODS[0],
        strength: float = 0.5,
        *,
        view: View | None = None,
        assessment: Assessment | None = None,
    ) -> np.ndarray:
        """The uncropped photo, (H, W, 3) uint8, with the heatmap drawn over it. strength: 0 (photo only) … 1.

        view, assessment: of the photo, where they are known.
        """
        view = view or self.view(photo)
        return overlay(photo.rgb, self.heatmap(view, method, assessment), view.square, strength)


def refused_assessment(problem: PhotoRefused, language: str = "en") -> Assessment:
    """The assessment of a file that ``open_photo`` refused."""
    return Assessment.refusal(problem.code, language)


def opened(source: str | os.PathLike | bytes) -> Photo | Assessment:
    """The photo of a file or of its bytes, or the refusal that stands for it where it cannot be opened."""
    try:
        return open_photo(source)
    except FileNotFoundError:
        return Assessment.refusal(NO_SUCH_FILE)
    except PhotoRefused as problem:
        return refused_assessment(problem)
    except OSError:  # not allowed to read it, or the disk failed
        return Assessment.refusal("unreadable_file")
