"""Logits to a calibrated risk, a band, "cannot tell", and to how likely each diagnosis is.

The temperature follows Guo et al. 2017 (arXiv 1706.04599); the prior shift follows Saerens et al. 2002
(doi 10.1162/089976602753284446); the class-conditional conformal set follows Vovk 2012 (arXiv 1209.2673).
All of it is fitted in training (``train.fitting.calibration``) and only applied here.
"""

from dataclasses import dataclass

import numpy as np

LOW, RAISED, HIGH, CANNOT_TELL = "low", "raised", "high", "cannot_tell"
BANDS: tuple[str, ...] = (LOW, RAISED, HIGH, CANNOT_TELL)


@dataclass(frozen=True)
class Calibration:
    """Temperature and malignant offset (log-odds) that turn logits into risks at ``reference_prevalence`` (0…1)."""

    temperature: float = 1.0
    malignant_offset: float = 0.0
    reference_prevalence: float = 0.15

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"The temperature must be a positive number, not {self.temperature}.")
        if not np.isfinite(self.malignant_offset):
            raise ValueError(f"The malignant offset must be a finite number, not {self.malignant_offset}.")
        if not 0 < self.reference_prevalence < 1:
            raise ValueError(f"The reference prevalence must lie between 0 and 1, not {self.reference_prevalence}.")


@dataclass(frozen=True)
class DiagnosisCalibration:
    """Temperature and an offset (log-odds) a diagnosis, which turn logits into probabilities of diagnoses.

    They hold where a diagnosis is met half-way (geometrically) between as often as in the training photographs and as
    often as any other: at the risk's own reference prevalence the commonest diagnosis would nearly always come first.
    """

    temperature: float
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"The temperature must be a positive number, not {self.temperature}.")
        if not np.isfinite(np.asarray(self.offsets, dtype=np.float64)).all():
            raise ValueError(f"Every diagnosis needs an offset that is a finite number, not {self.offsets}.")


@dataclass(frozen=True)
class Thresholds:
    """Where the bands begin, all as risks in 0…1.

    low: below it at most 5 % of the malignant validation lesions lie (95 % sensitivity).
    high: below it 90 % of the benign ones lie (90 % specificity); never under ``low``.
    malignant_from: the conformal set holds "malignant" from here up. benign_to: it holds "benign" up to here.
    """

    low: float
    high: float
    malignant_from: float
    benign_to: float

    def __post_init__(self) -> None:
        values = (self.low, self.high, self.malignant_from, self.benign_to)
        if not all(np.isfinite(v) and 0 <= v <= 1 for v in values):
            raise ValueError(f"Every threshold must be a risk between 0 and 1, not {values}.")
        if self.high < self.low:
            raise ValueError(f"The high threshold ({self.high}) lies under the low one ({self.low}).")

    @property
    def see_doctor_from(self) -> float:
        """The lowest risk that is not called low: from here up, every answer sends to a doctor."""
        return min(self.low, self.malignant_from) if self.malignant_from <= self.benign_to else self.low


def probabilities(logits: np.ndarray, malignant: list[bool], calibration: Calibration) -> np.ndarray:
    """Calibrated probabilities of every output.

    logits: (N, K) for K diagnoses, or (N, 1) for a binary head (one malignant logit). malignant: K flags.
    Returns (N, K) rows that sum to 1 (K > 1), or (N, 1) risks. Raises ValueError on a wrong shape or non-finite logits.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or logits.shape[1] != len(malignant):
        raise ValueError(f"Expected logits of shape (N, {len(malignant)}), not {logits.shape}.")
    if not np.isfinite(logits).all():
        raise ValueError("The network returned a value that is not a finite number.")
    shifted = logits / calibration.temperature + calibration.malignant_offset * np.asarray(malignant, dtype=np.float64)
    return 1 / (1 + np.exp(-shifted)) if logits.shape[1] == 1 else _softmax(shifted)


def diagnosis_probabilities(logits: np.ndarray, calibration: DiagnosisCalibration) -> np.ndarray:
    """(N, K) logits to (N, K) probabilities of the K diagnoses, rows that sum to 1; not those behind the risk."""
    return _softmax(np.asarray(logits, dtype=np.float64) / calibration.temperature + calibration.offsets)


def risk(probability: np.ndarray, malignant: list[bool]) -> np.ndarray:
    """(N, K) probabilities to (N,) risks: the sum over the malignant outputs."""
    return probability[:, np.asarray(malignant)].sum(axis=1)


def shift_prevalence(risks: np.ndarray, from_prevalence: float, to_prevalence: float) -> np.ndarray:
    """Risks calibrated at one prevalence, as they would be at another (label shift: only the prior differs)."""
    clipped = np.clip(np.asarray(risks, dtype=np.float64), 1e-7, 1 - 1e-7)
    log_odds = np.log(clipped) - np.log1p(-clipped)
    log_odds += np.log(to_prevalence / (1 - to_prevalence)) - np.log(from_prevalence / (1 - from_prevalence))
    return 1 / (1 + np.exp(-log_odds))


def is_uncertain(value: float, thresholds: Thresholds) -> bool:
    """Whether the class-conditional conformal set of this risk holds both answers."""
    return thresholds.malignant_from <= value <= thresholds.benign_to


def band(value: float, thresholds: Thresholds) -> str:
    """The band of one risk; a value on a threshold takes the higher band."""
    if is_uncertain(value, thresholds):
        return CANNOT_TELL
    if value >= thresholds.high:
        return HIGH
    return RAISED if value >= thresholds.low else LOW


def _softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
