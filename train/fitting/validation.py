"""How well a network in training tells malignant from benign on photographs that it does not train on."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from tqdm import tqdm

from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend.architecture import normalise
from skin_model.network.turned_views import turned_tensors
from train.data.catalogue import family

LEAST_OF_EACH_CLASS = 5
"""A source needs this many malignant and benign validation photographs to count in the validation AUC."""


def within_source_auc(risk: np.ndarray, malignant: np.ndarray, sources: np.ndarray) -> float:
    """Mean over centre families of the AUC within a source, so that telling sources apart earns nothing.

    risk: (N,) any monotone score. malignant: (N,) 0/1. sources: (N,) names. A family's AUC is the mean over its sources
    weighted by their number of malignant photographs; sources with fewer than 5 of either class are left out. Where
    that leaves none, it is the AUC over everything.
    """
    per_family: dict[str, list[tuple[float, int]]] = {}
    for source in np.unique(sources):
        of = sources == source
        positives = int(malignant[of].sum())
        if min(positives, int(of.sum()) - positives) >= LEAST_OF_EACH_CLASS:
            auc = float(roc_auc_score(malignant[of], risk[of]))
            per_family.setdefault(family(str(source)), []).append((auc, positives))
    if not per_family:
        return float(roc_auc_score(malignant, risk))
    return float(np.mean([np.average([a for a, _ in v], weights=[n for _, n in v]) for v in per_family.values()]))


def predict(
    network: nn.Module, pictures: np.ndarray, preprocessing: Preprocessing, device: torch.device, views: int = 1
) -> np.ndarray:
    """Logits (N, K) float32 of (N, S, S, 3) uint8 input pictures, with a progress bar.

    views: of how many mirrored and turned views of each they are the mean.
    """
    network.eval()
    found = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(pictures), 64), desc="Validating", unit="batch", leave=False, disable=None):
            batch = torch.from_numpy(np.array(pictures[start : start + 64])).to(device)
            looks = turned_tensors(normalise(batch, preprocessing), views)
            found.append(torch.stack([network(look).float() for look in looks]).mean(dim=0).cpu())
    return torch.cat(found).numpy()


def log_odds(logits: np.ndarray, malignant: list[bool]) -> np.ndarray:
    if len(malignant) == 1:
        return logits[:, 0]
    flags = np.asarray(malignant)
    return np.logaddexp.reduce(logits[:, flags], axis=1) - np.logaddexp.reduce(logits[:, ~flags], axis=1)
