"""What a network answers of a batch of photos, whatever runs it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Answers:
    """Of a batch: logits (B, K) float64; out-of-distribution scores (B,), None without a gate; contributions
    (B, h, w), what every place of the last feature map adds to the log-odds, None where they do not come with the
    answer.
    """

    logits: np.ndarray
    ood_score: np.ndarray | None
    contributions: np.ndarray | None = None


class Engine(Protocol):
    """Answers batches (B, 3, S, S) float32, normalised."""

    def __call__(self, batch: np.ndarray) -> Answers: ...

    def heatmap(self, batch: np.ndarray, method: str) -> np.ndarray:
        """As ``attribution.explain``, of one picture."""
