"""Evaluates the saliency methods, each against a map of random noise.

- Pointing game (Zhang et al. 2016, arXiv 1608.00507) and energy-based pointing game (Wang et al. 2020, arXiv
  1910.01279): does the map lie on the lesion, as a person outlined it?
- Deletion and insertion (Petsiuk et al. 2018, arXiv 1806.07421): does the risk fall when the most salient pixels are
  deleted (blurred), and come back when they are inserted?
- Model parameter randomisation (Adebayo et al. 2018, arXiv 1810.03292): does the map depend on the weights at all?
- Infidelity (Yeh et al. 2019, arXiv 1901.09392): does the map predict what perturbing a region does to the log-odds?
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
import torch
from captum.metrics import infidelity as captum_infidelity
from scipy.stats import spearmanr
from skimage.draw import polygon2mask
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from skin_model.network import calibration
from skin_model.network.saliency import METHODS, ON_DEMAND
from skin_model.network.torch_backend.attribution import explain, last_feature_map, risk_log_odds
from train.bootstrap import RESAMPLES, Draws, mean
from train.data.outlines import outlines
from train.data.per_photograph import draw, generator, measure_each
from train.data.tables import photo_of
from train.digests import cache_key

if TYPE_CHECKING:
    from skin_model.assess import Assessor

RANDOM = "random"
EVALUATED = (*METHODS, *ON_DEMAND)
FIGURES = ("pointing_game", "energy_inside", "deletion", "insertion", "randomisation", "infidelity")
RANKED = {"pointing_game": 1, "energy_inside": 1, "deletion": -1, "insertion": 1}
"""What the best method is chosen by; 1 where more is better, -1 where less is."""
PHOTOGRAPHS = 200
STEPS = 20
"""Equal steps in which a deletion or insertion curve covers all pixels."""
PATCHES = 32
"""Rectangles that are perturbed, one at a time, to measure infidelity."""
NORMALISED_ON = 16
"""Photographs on which the random network's normalisation is estimated."""


def measure(
    assessor: Assessor,
    rows: pd.DataFrame,
    photographs: int = PHOTOGRAPHS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    *,
    out: Path | None = None,
) -> dict[str, Any] | None:
    """Every figure of every method on photographs whose lesion is outlined, malignant or not, drawn with ``seed``.

    rows: root, file, group. ``area`` is the mean share of the network's square that the lesion covers, which is what
    energy and pointing game give a map that knows nothing. ``best``: of those that the app offers, see
    ``best_method``. Photographs that cannot be opened, or whose lesion lies outside the square, are left out; so is
    Grad-CAM for a network that it cannot explain. None where no lesion is outlined.
    out: a folder that the measurements are kept in as they come, so that an interrupted call, repeated, goes on.
    """
    outlined = [row.file in outlines(row.root) for row in rows.itertuples(index=False)]
    rows = draw(rows[outlined], photographs, seed)
    if rows.empty:
        return None
    kept = None if out is None else out / f"saliency-{_key(assessor, rows, seed)}.csv"
    found = measure_each(rows, _Measurement(assessor, rows, seed), "Testing saliency maps", kept)
    found = found[found["area"].notna()]
    if found.empty:
        return None
    measured = found["position"].unique()
    draws = Draws(rows["group"].to_numpy(dtype=str)[measured], resamples, seed)

    def figures(method: str) -> dict[str, Any]:
        of = found[found["method"] == method]
        return {name: mean(draws, of[name].to_numpy(dtype=np.float64)) for name in FIGURES}

    methods = {method: figures(method) for method in EVALUATED if (found["method"] == method).any()}
    area = found.loc[found["method"] == RANDOM, "area"].to_numpy(dtype=np.float64)
    return {
        "n": len(measured),
        "methods": methods,
        "random": figures(RANDOM),
        "area": mean(draws, area),
        "best": best_method({name: of for name, of in methods.items() if name in METHODS}),
    }


def best_method(methods: dict[str, dict[str, Any]]) -> str:
    """The method with the best mean rank over pointing game, energy inside, deletion and insertion.

    Energy is ranked as it is: all methods are measured on the same photographs, so dividing it by the lesions' area
    would not change the order. Equal values share their mean rank; of methods that tie, the first one wins.
    """
    values = pd.DataFrame(
        {name: {of: -sign * m[of]["value"] for of, sign in RANKED.items()} for name, m in methods.items()}
    )
    return str(values.rank(axis=1).mean(axis=0).idxmin())


def lesion_mask(
    outline: np.ndarray, width: int, height: int, square: tuple[int, int, int, int], size: int
) -> np.ndarray:
    """(size, size) bool: the pixels of the network's input whose centre lies in the lesion.

    outline: (n, 2) x and y in 0…1 of a picture of width × height pixels. square: the (left, top, right, bottom) of it
    that the network sees.
    """
    left, top, right, _ = square
    points = (outline * (width, height) - (left, top)) * size / (right - left) - 0.5
    return polygon2mask((size, size), points[:, ::-1])


def pointing_game(heatmap: np.ndarray, lesion: np.ndarray) -> float:
    """Hit or miss, 1 or 0: whether the maximum lies in the lesion; of several maxima the share that does."""
    return float(lesion[heatmap == heatmap.max()].mean())


def energy_inside(heatmap: np.ndarray, lesion: np.ndarray) -> float:
    """Share of the map's energy inside the lesion, 0…1; of an empty map the lesion's area, as of an even one."""
    total = float(heatmap.sum(dtype=np.float64))
    return float(heatmap[lesion].sum(dtype=np.float64)) / total if total > 0 else float(lesion.mean())


def deletion_and_insertion(
    risk: Callable[[Tensor], np.ndarray],
    picture: Tensor,
    baseline: Tensor,
    heatmap: np.ndarray,
    rng: np.random.Generator,
    steps: int = STEPS,
) -> tuple[float, float]:
    """Areas under the deletion curve (less is better) and the insertion curve (more), most salient pixels first.

    risk: (B, C, S, S) to (B,). picture, baseline: (1, C, S, S). heatmap: (S, S); equally salient pixels go in random
    order. Both areas are means of the risk over the share of pixels moved, 0…1, by the trapezoidal rule.
    """
    order = np.lexsort((rng.random(heatmap.size), -heatmap.ravel()))
    rank = np.empty(heatmap.size)
    rank[order] = np.arange(heatmap.size)
    shares = np.linspace(0, 1, steps + 1)
    moved = torch.from_numpy(rank.reshape(1, 1, *heatmap.shape) < shares[:, None, None, None] * heatmap.size)
    curves = risk(torch.cat([torch.where(moved, baseline, picture), torch.where(moved, picture, baseline)]))
    deleted, inserted = np.split(np.asarray(curves, dtype=np.float64), 2)
    return float(np.trapezoid(deleted, shares)), float(np.trapezoid(inserted, shares))


def infidelities(
    log_odds: Callable[[Tensor], Tensor],
    picture: Tensor,
    baseline: Tensor,
    heatmaps: Sequence[np.ndarray],
    rng: np.random.Generator,
    patches: int = PATCHES,
) -> list[float]:
    """Of each map: the share of what perturbing random rectangles does to the log-odds that it does not predict, 0…1.

    log_odds: (B, C, S, S) to (B,). picture, baseline: (1, C, S, S); a perturbed pixel becomes the baseline's. heatmaps:
    (S, S) each, what a pixel adds to the log-odds, in any unit: Captum's ``normalize`` scales it to fit best. Captum's
    infidelity, in squared log-odds, is then divided by that of an empty map, which predicts nothing. All maps meet
    the same rectangles. NaN where perturbing changes nothing at all.
    """
    side = picture.shape[-1]
    corners = np.sort(rng.integers(0, side + 1, (patches, 2, 2)), axis=-1)
    place = np.arange(side)
    within = (place >= corners[..., :1]) & (place < corners[..., 1:])
    perturbed = torch.from_numpy(within[:, 0, :, None] & within[:, 1, None, :])[:, None]

    def perturb(pictures: Tensor) -> tuple[Tensor, Tensor]:
        return perturbed.to(pictures.dtype).expand_as(pictures), torch.where(perturbed, baseline, pictures)

    def of(heatmap: np.ndarray) -> float:
        # Captum wants the picture's shape: what a pixel adds is shared out evenly over its channels.
        spread = torch.from_numpy(np.ascontiguousarray(heatmap)).to(picture.dtype).expand_as(picture)
        share = spread / picture.shape[1]
        return float(captum_infidelity(log_odds, perturb, picture, share, n_perturb_samples=patches, normalize=True))

    whole = of(np.zeros((side, side)))
    return [of(heatmap) / whole if whole > 0 else float("nan") for heatmap in heatmaps]


def rank_change(before: np.ndarray, after: np.ndarray) -> float:
    """1 - Spearman's rank correlation of two maps: 0 same order, 1 unrelated (also where one is even), 2 reversed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="An input array is constant")
        correlation = float(spearmanr(before.ravel(), after.ravel()).statistic)
    return 1.0 if np.isnan(correlation) else 1 - correlation


def randomised(network: nn.Module, batch: Tensor, seed: int) -> nn.Module:
    """A copy with every weight drawn anew, as before training; the network itself stays as it is.

    Its batch normalisation is estimated on ``batch``, (B, C, S, S): left at its defaults, signals would fade to nothing
    on their way through the layers, and the maps with them.
    """
    network = copy.deepcopy(network).eval()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.no_grad():
        torch.manual_seed(seed)
        for module in network.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        update_bn([batch], network)
    return network


def random_map(size: int, rng: np.random.Generator) -> np.ndarray:
    """(size, size) float32 in 0…1: the positive part of smoothed noise, with spots of about an eighth of the side."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), size / 16)
    positive = np.maximum(noise, 0)
    return positive / positive.max()


def blurred(picture: Tensor) -> Tensor:
    """The baseline that pixels are deleted to: the (1, C, S, S) picture without any detail finer than a tenth of it."""
    plain = cv2.GaussianBlur(picture[0].permute(1, 2, 0).contiguous().numpy(), (0, 0), picture.shape[-1] / 10)
    return torch.from_numpy(plain.reshape(*picture.shape[2:], -1)).permute(2, 0, 1)[None].contiguous()


class _Measurement:
    """All figures of all methods for one row; the random network is made before the first."""

    def __init__(self, assessor: Assessor, rows: pd.DataFrame, seed: int) -> None:
        self.assessor, self.rows, self.seed = assessor, rows, seed
        self.network, self.config = assessor.checkpoint.network, assessor.checkpoint.config
        self.random_network: nn.Module | None = None
        self.methods = (*EVALUATED, RANDOM)
        try:
            last_feature_map(self.network)
        except ValueError:  # some of the networks that are compared have no feature map that Grad-CAM finds
            self.methods = tuple(method for method in self.methods if not method.endswith("grad_cam"))

    def __call__(self, row: Any) -> list[dict[str, Any]]:
        if self.random_network is None:
            opened = (self._view(of) for of in self.rows.itertuples(index=False))
            batch = [of[0].tensor for of in islice(filter(None, opened), NORMALISED_ON)]
            if batch:
                self.random_network = randomised(self.network, torch.cat(batch), self.seed)
        opened = self._view(row)
        left_out = [{"method": RANDOM, "area": np.nan, **dict.fromkeys(FIGURES, np.nan)}]
        if opened is None:
            return left_out
        view, width, height = opened
        picture = view.tensor
        lesion = lesion_mask(outlines(row.root)[row.file], width, height, view.square, picture.shape[-1])
        if not lesion.any():
            return left_out
        baseline = blurred(picture)
        heatmaps = {method: self._map(method, self.network, row.file, picture) for method in self.methods}
        infidelity_of = infidelities(
            self._log_odds, picture, baseline, list(heatmaps.values()), generator("patches", row.file)
        )
        records = []
        for (method, heatmap), infidelity in zip(heatmaps.items(), infidelity_of, strict=True):
            # The same numbers for every method, so that ties are broken alike.
            order = generator("order", row.file)
            deletion, insertion = deletion_and_insertion(self._risk, picture, baseline, heatmap, order)
            # What lowered the risk was looked at too.
            looked_at = np.abs(heatmap)
            after = self._map(method, self.random_network, row.file, picture)
            records.append(
                {
                    "method": method,
                    "area": float(lesion.mean()),
                    "pointing_game": pointing_game(looked_at, lesion),
                    "energy_inside": energy_inside(looked_at, lesion),
                    "deletion": deletion,
                    "insertion": insertion,
                    "randomisation": rank_change(heatmap, after),
                    "infidelity": infidelity,
                }
            )
        return records

    def _map(self, method: str, network: nn.Module, file: str, picture: Tensor) -> np.ndarray:
        if method == RANDOM:  # looks at no network, so it does not change with the weights
            return random_map(picture.shape[-1], generator("random map", file))
        return explain(network, picture, self.config.malignant, method)

    def _view(self, row: Any) -> tuple[Any, int, int] | None:
        photo = photo_of(row)
        return None if photo is None else (self.assessor.view(photo), *photo.rgb.shape[1::-1])

    @torch.no_grad()
    def _log_odds(self, batch: Tensor) -> Tensor:
        return risk_log_odds(self.network(batch.contiguous(memory_format=torch.channels_last)), self.config.malignant)

    @torch.no_grad()
    def _risk(self, batch: Tensor) -> np.ndarray:
        logits = self.network(batch.contiguous(memory_format=torch.channels_last)).double().numpy()
        probability = calibration.probabilities(logits, self.config.malignant, self.config.calibration)
        return calibration.risk(probability, self.config.malignant)


def _key(assessor: Assessor, rows: pd.DataFrame, seed: int) -> str:
    config = assessor.checkpoint.config
    described = f"{assessor.checkpoint.hash} {config.preprocessing} {config.calibration} {seed} "
    return cache_key(described + "\n".join(rows["file"]))
