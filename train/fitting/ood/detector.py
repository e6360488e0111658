"""Fits the out-of-distribution gate on the features of a trained network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from tqdm import tqdm

from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend.architecture import logits_and_maps, normalise
from skin_model.network.torch_backend.out_of_distribution import OutOfDistributionGate, features
from train.data.augmentation import Augmentation, augment
from train.fitting.ood import outliers

REFUSED_SHARE = 0.02
"""Share of the photographs of any one source that may be refused."""
LEAST_VALIDATION = 50
"""A source with fewer validation photographs sets no threshold of its own: its tail would be one or two photographs."""
PER_SOURCE = 600
"""Training photographs, and validation photographs, taken of each source at most."""
DIRECTIONS = 96
ALTERED = Augmentation(
    scale=(0.65, 1.1),
    aspect=1.2,
    brightness=0.2,
    contrast=0.25,
    saturation=0.3,
    tint=0.08,
    gamma=0.2,
    soft=0.25,
    melanin=0.25,
    phone=0.25,
    hairs=0.2,
    ruler=0.2,
    ink=0.2,
    shift=0.05,
)
"""How training photographs are changed first: badly lit or blurred skin with a ruler on it is still skin."""
_BATCH = 64


def fit(
    network: nn.Module,
    preprocessing: Preprocessing,
    photographs: Sequence[np.ndarray],
    sources: Sequence[str],
    validation: Sequence[np.ndarray],
    validation_sources: Sequence[str],
    seed: int = 0,
) -> OutOfDistributionGate:
    """Fit the gate to a trained network.

    photographs, validation: (S, S, 3) uint8 inputs as the network sees them, before normalisation; sources: one name
    each. What is not skin comes from ``train.fitting.ood.outliers``. The threshold is the lowest at which no source
    loses more than REFUSED_SHARE of its validation photographs to a gate that has seen none of that source: the app's
    photos come from centres and cameras that are not in the data. The same arguments give the same gate.
    Raises ValueError when either list of photographs is empty or has not one source each.
    """
    for pictures, names in ((photographs, sources), (validation, validation_sources)):
        if len(pictures) == 0 or len(pictures) != len(names):
            raise ValueError(f"The gate needs photographs with one source each, not {len(pictures)} with {len(names)}.")
    rng = np.random.default_rng(seed)
    size = preprocessing.input_size
    sources, validation_sources = np.asarray(sources), np.asarray(validation_sources)
    chosen, checked = (_some_of_each(names, rng) for names in (sources, validation_sources))
    # A tenth as many outliers of a kind as photographs are enough, and keeps small runs quick.
    count = int(np.clip(len(chosen) // 10, 100, 500))
    altered = (augment(photographs[i], size, ALTERED, rng) for i in chosen)
    known = _features(network, preprocessing, altered, len(chosen))
    unaltered = _features(network, preprocessing, (validation[i] for i in checked), len(checked))
    unlike = chain(outliers.crops(outliers.packaged(), count, size, rng), outliers.rendered(count, size, rng))
    other = _features(network, preprocessing, unlike, 2 * count)
    looked_at = _without_first_and_last(network, preprocessing)
    known_names, names = sources[chosen], validation_sources[checked]

    def gate(which: np.ndarray, on: np.ndarray) -> OutOfDistributionGate:
        return _scaled(_fit(known[which], _equal_weights(known_names[which]), other, looked_at), unaltered[on])

    score = np.empty(len(names))
    for name in np.unique(names):
        mine = names == name
        # A source that is the only one cannot be looked at as a stranger's.
        which, on = (known_names != name, ~mine) if (~mine).any() else (known_names == name, mine)
        score[mine] = _score(gate(which, on), unaltered[mine])
    # Rounded up, since rounding a float32 down would refuse the photograph that sets the threshold.
    threshold = np.nextafter(np.float32(allowing(REFUSED_SHARE, score, names)), np.float32(np.inf))
    everything = gate(np.full(len(known), True), np.full(len(names), True))
    return replace(everything, threshold=torch.tensor(float(threshold)))


def _some_of_each(names: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices, in order, of at most PER_SOURCE of each name."""
    order = rng.permutation(len(names))
    return np.sort(np.concatenate([order[names[order] == name][:PER_SOURCE] for name in np.unique(names)]))


def _equal_weights(names: np.ndarray) -> np.ndarray:
    """Weights that sum to 1, in which every name has the same share."""
    _, index, counts = np.unique(names, return_inverse=True, return_counts=True)
    return 1 / (counts[index] * len(counts))


def _features(network: nn.Module, preprocessing: Preprocessing, pictures: Iterable[np.ndarray], count: int) -> Tensor:
    """(count, F) features of square uint8 pictures."""
    stream: Iterator[np.ndarray] = iter(tqdm(pictures, total=count, desc="Fitting the gate", unit="photo", leave=False))
    found = []
    network.eval()
    with torch.inference_mode():
        while batch := list(islice(stream, _BATCH)):
            _, maps = logits_and_maps(network, normalise(torch.from_numpy(np.stack(batch)), preprocessing))
            found.append(features(maps))
    return torch.cat(found).clone()


def _without_first_and_last(network: nn.Module, preprocessing: Preprocessing) -> tuple[int, int]:
    """Features (from, to) of all but the first and the last map.

    The first map only knows colour and edges, and the last one, after training, little but the diagnoses: what is not
    skin lies closest to skin there.
    """
    size = preprocessing.input_size
    with torch.inference_mode():
        maps = logits_and_maps(network, torch.zeros(1, 3, size, size))[1]
    ends = np.cumsum([0] + [2 * m.shape[1] for m in maps])
    return (int(ends[1]), int(ends[-2])) if len(maps) > 2 else (0, int(ends[-1]))


def _fit(known: Tensor, weight: np.ndarray, other: Tensor, looked_at: tuple[int, int]) -> OutOfDistributionGate:
    """The gate without its scales and threshold."""
    values = known.double().numpy()
    mean = np.average(values, axis=0, weights=weight)
    scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight)) + 1e-3
    inside, outside = (np.clip((v - mean) / scale, -8, 8) for v in (values, other.double().numpy()))
    first, last = looked_at
    near = inside[:, first:last]
    variance, basis = np.linalg.eigh((near * weight[:, None]).T @ near)
    kept = min(DIRECTIONS, len(near) // 4 + 1, near.shape[1] - 1)
    variance, basis = variance[::-1], basis[:, ::-1]
    line = LogisticRegression(C=3e-3, max_iter=300, tol=1e-3)
    line.fit(
        np.concatenate([inside, outside]),
        np.concatenate([np.zeros(len(inside)), np.ones(len(outside))]),
        sample_weight=np.concatenate([weight, np.full(len(outside), 1 / len(outside))]) * len(inside),
    )
    tensors = {
        "mean": mean,
        "scale": scale,
        "first": first,
        "basis": basis[:, :kept],
        "variance": variance[:kept] + 1e-3 * variance[0],
        "residual": max(float(variance[kept:].mean()), 1e-3),
        "weights": line.coef_[0],
        "bias": line.intercept_[0],
        "centres": np.zeros(2),
        "spreads": np.ones(2),
        "threshold": 0.0,
    }
    return OutOfDistributionGate(
        **{name: torch.from_numpy(np.array(v, dtype=np.float32)) for name, v in tensors.items()}
    )


def _scaled(gate: OutOfDistributionGate, values: Tensor) -> OutOfDistributionGate:
    """The gate with scales from photographs' features, so that the scores of several gates can be compared."""
    both = torch.stack(gate.views(values), dim=1)
    return replace(gate, centres=both.mean(0), spreads=both.std(0, correction=0).clamp_min(1e-3))


def _score(gate: OutOfDistributionGate, values: Tensor) -> np.ndarray:
    both = torch.stack(gate.views(values), dim=1)
    return ((both - gate.centres) / gate.spreads).sum(1).double().numpy()


def allowing(share: float, score: np.ndarray, sources: np.ndarray) -> float:
    """The lowest threshold that refuses at most ``share`` of unseen photographs, of all and of every source.

    Unseen ones, not these: the split-conformal quantile (Vovk et al. 2005, doi 10.1007/b106715), by which of n scores
    one fewer than share × (n + 1) may lie above, and none where that is under one. Sources with fewer than
    LEAST_VALIDATION scores count only within all.
    """
    groups = [score] + [
        group for name in np.unique(sources) if len(group := score[sources == name]) >= LEAST_VALIDATION
    ]
    # The hair's breadth is for products such as 0.02 × 150, which must not end just under 3.
    above = [max(int(share * (len(group) + 1) + 1e-9) - 1, 0) for group in groups]
    return max(float(np.sort(group)[::-1][count]) for group, count in zip(groups, above, strict=True))
