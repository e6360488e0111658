"""Fits what turns logits into risks, bands and diagnoses, on validation photographs or out of fold.

Data sets range from 2 % to 78 % malignant, so every photograph is weighted: each centre family counts the same, and
within a family the malignant photographs hold exactly the reference prevalence of its weight. Within one class of one
family every photograph counts the same, also several of one lesion, so that the operating points are the figures that
``evaluate`` prints for the same photographs; how many independent cases there are is counted in groups.
"""

import logging
import math

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from skin_model.network.calibration import Calibration, DiagnosisCalibration, Thresholds, probabilities, risk
from train import UserError

TARGET_SENSITIVITY = 0.95
TARGET_SPECIFICITY = 0.90
MALIGNANT_ERROR, BENIGN_ERROR = 0.10, 0.15
"""Share of the malignant photographs of every centre family, and of the benign ones of all of them, that the conformal
set may miss. A cancer missed in one clinic is not made good by those found in another; more certainty on benign ones
would answer "cannot tell" more often than one time in five."""
FEWEST_GROUPS = 30
"""A family with fewer malignant or fewer benign groups does not take part: a handful would count like a centre."""
COMMONNESS = 0.5
"""How far the frequency of a diagnosis in the training photographs counts in its probability: 0 all alike, 1 fully."""
FEWEST_OF_A_DIAGNOSIS = 30
"""Photographs that every diagnosis needs for the diagnoses to have a calibration of their own."""
ROUNDING = 1e-12
"""Sums of weights that should reach a target exactly may fall short of it by this much."""

_log = logging.getLogger(__name__)


def choose_families(malignant: np.ndarray, families: np.ndarray, groups: np.ndarray) -> tuple[list[str], list[str]]:
    """The centre families whose photographs calibrate, and one sentence for each that does not.

    malignant, families, groups: (N,). A family needs FEWEST_GROUPS malignant and as many benign groups. Where none
    has them, all that hold both classes are used; where none holds both, everything counts as one family, named "".
    """
    malignant = np.asarray(malignant).astype(bool)
    families, groups = np.asarray(families, dtype=str), np.asarray(groups, dtype=str)
    counts = {
        name: (
            len(np.unique(groups[(families == name) & malignant])),
            len(np.unique(groups[(families == name) & ~malignant])),
        )
        for name in np.unique(families).tolist()
    }
    enough = [name for name, pair in counts.items() if min(pair) >= FEWEST_GROUPS]
    both = [name for name, pair in counts.items() if min(pair) > 0]
    if not both:
        return [""], ["No centre family has malignant and benign groups: all are pooled as if from one centre."]
    used = enough or both
    notes = [
        f"{name} is left out of the calibration: {ill} malignant and {well} benign groups, it takes {FEWEST_GROUPS}."
        for name, (ill, well) in counts.items()
        if name not in used
    ]
    if not enough:
        notes.append(f"No centre family has {FEWEST_GROUPS} malignant and benign groups: the thresholds are uncertain.")
    return used, notes


def weigh(malignant: np.ndarray, families: np.ndarray, prevalence: float) -> np.ndarray:
    """(N,) weights that sum to 1: every family with both classes equally, its malignant share exactly ``prevalence``.

    malignant, families: (N,). Photographs of a family with one class get 0; raises UserError if there is no other.
    """
    malignant = np.asarray(malignant).astype(bool)
    families = np.asarray(families, dtype=str)
    weights = np.zeros(len(malignant))
    for name in np.unique(families):
        ill, well = (families == name) & malignant, (families == name) & ~malignant
        if ill.any() and well.any():
            weights[ill] = prevalence / ill.sum()
            weights[well] = (1 - prevalence) / well.sum()
    if not weights.any():
        raise UserError("Calibration needs malignant and benign validation photographs; prepare with more data.")
    return weights / weights.sum()


def fit_calibration(
    logits: np.ndarray,
    malignant: np.ndarray,
    families: np.ndarray,
    outputs_malignant: list[bool],
    reference_prevalence: float = 0.15,
) -> Calibration:
    """Temperature and malignant offset that minimise the weighted log loss of the risk.

    logits: (N, K), K = len(outputs_malignant); malignant, families: (N,). The temperature stays within 0.05…20, which
    it would leave only on logits that separate the classes perfectly, or not at all.
    """
    truth = np.asarray(malignant).astype(bool)
    weights = weigh(truth, families, reference_prevalence)
    logits = np.asarray(logits, dtype=np.float64)
    prior = math.log(reference_prevalence / (1 - reference_prevalence))

    def log_loss(parameters: np.ndarray) -> float:
        calibration = Calibration(float(np.exp(parameters[0])), float(parameters[1]), reference_prevalence)
        risks = risk(probabilities(logits, outputs_malignant, calibration), outputs_malignant)
        right = np.clip(np.where(truth, risks, 1 - risks), 1e-12, 1)
        return float(-(weights * np.log(right)).sum())

    bounds = [(math.log(0.05), math.log(20)), (-20, 20)]
    found = [minimize(log_loss, start, bounds=bounds, method="L-BFGS-B") for start in ((0.0, 0.0), (0.7, prior))]
    best = min(found, key=lambda result: result.fun)
    return Calibration(float(np.exp(best.x[0])), float(best.x[1]), reference_prevalence)


def fit_diagnoses(logits: np.ndarray, diagnoses: np.ndarray) -> DiagnosisCalibration | None:
    """Temperature and offsets that minimise the log loss of the diagnoses, weighted to ``COMMONNESS``.

    logits: (N, K). diagnoses: (N,) index of the output that is right, negative where it is not known. Vector scaling
    (Guo et al. 2017, arXiv 1706.04599) with one temperature. None where a diagnosis has too few photographs.
    """
    known = np.asarray(diagnoses) >= 0
    right, logits = np.asarray(diagnoses)[known], np.asarray(logits, dtype=np.float64)[known]
    counts = np.bincount(right, minlength=logits.shape[1])
    if counts.min() < FEWEST_OF_A_DIAGNOSIS:
        return None
    weights = counts[right] ** (COMMONNESS - 1)
    weights /= weights.sum()

    def log_loss(parameters: np.ndarray) -> float:
        shares = log_softmax(logits / np.exp(parameters[0]) + parameters[1:], axis=1)
        return float(-(weights * shares[np.arange(len(right)), right]).sum())

    bounds = [(math.log(0.05), math.log(20)), *[(-20, 20)] * logits.shape[1]]
    best = minimize(log_loss, np.zeros(1 + logits.shape[1]), bounds=bounds, method="L-BFGS-B").x
    return DiagnosisCalibration(float(np.exp(best[0])), tuple(map(float, best[1:] - best[1:].mean())))


def fit_thresholds(
    risks: np.ndarray, malignant: np.ndarray, families: np.ndarray, groups: np.ndarray
) -> tuple[Thresholds, list[dict[str, float]]]:
    """Band thresholds, conformal limits and operating points from calibrated risks (N,) in 0…1.

    low: the highest threshold with a family-averaged sensitivity of at least TARGET_SENSITIVITY; high: the lowest with
    a specificity of at least TARGET_SPECIFICITY, never under low. A risk on a threshold counts as above it. The
    conformal limits are class-conditional split-conformal quantiles (Vovk 2012, arXiv 1209.2673) with the correction
    ceil((n + 1)(1 - error)) / n for n groups; for the malignant, the lowest over the families (Mondrian categories).
    The operating points are family averages at 0, 0.01, … 1, low and high.
    """
    ill = np.asarray(malignant).astype(bool)
    risks = np.asarray(risks, dtype=np.float64)
    families, kept, _ = _taking_part(ill, families, groups)
    ill, risks, families, groups = (np.asarray(a)[kept] for a in (ill, risks, families, groups))
    weights = weigh(ill, families, 0.5) * 2  # each class sums to 1, each family equally in both
    sick, healthy = (risks[ill], weights[ill]), (risks[~ill], weights[~ill])

    low = _highest_reaching(*sick, TARGET_SENSITIVITY)
    # Only just above a benign risk does that lesion count as cleared.
    high = min(1.0, float(np.nextafter(_lowest_reaching(*healthy, TARGET_SPECIFICITY), 2.0)))
    thresholds = Thresholds(
        low=low,
        high=max(low, high),
        malignant_from=min(_covering(risks[of], groups[of]) for of in (ill & (families == f) for f in set(families))),
        benign_to=_lowest_reaching(*healthy, _conformal_level(len(np.unique(groups[~ill])), BENIGN_ERROR)),
    )
    at = np.unique(np.concatenate([np.arange(101) / 100, [thresholds.low, thresholds.high]]))
    points = [
        {
            "threshold": float(t),
            "sensitivity": min(1.0, float(sick[1][sick[0] >= t].sum())),
            "specificity": min(1.0, float(healthy[1][healthy[0] < t].sum())),
        }
        for t in at
    ]
    return thresholds, points


def fit(
    logits: np.ndarray,
    malignant: np.ndarray,
    families: np.ndarray,
    outputs_malignant: list[bool],
    reference_prevalence: float = 0.15,
    *,
    groups: np.ndarray,
) -> tuple[Calibration, Thresholds, list[dict[str, float]]]:
    """Calibration, thresholds and operating points from validation logits.

    logits: (N, K) for K = len(outputs_malignant) outputs; malignant: (N,) 0 or 1; families, groups: (N,) names.
    Families too small to take part are logged; ``choose_families`` returns the same sentences for a record.
    Raises UserError when a class is missing, ValueError on a wrong shape or logits that are not finite.
    """
    malignant = np.asarray(malignant)
    sizes = {len(np.asarray(a)) for a in (logits, malignant, families, groups)}
    if len(sizes) != 1:
        raise ValueError(f"Logits, labels, families and groups must have the same length, not {sorted(sizes)}.")
    if not np.isin(malignant, (0, 1)).all():
        raise ValueError("The malignant labels must be 0 or 1.")
    families, kept, notes = _taking_part(malignant, families, groups)
    for note in notes:
        _log.warning(note)
    logits, malignant, families, groups = (np.asarray(a)[kept] for a in (logits, malignant, families, groups))
    calibration = fit_calibration(logits, malignant, families, outputs_malignant, reference_prevalence)
    risks = risk(probabilities(logits, outputs_malignant, calibration), outputs_malignant)
    return calibration, *fit_thresholds(risks, malignant, families, groups)


def _taking_part(
    malignant: np.ndarray, families: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The families (N,), all "" where they count as one, a mask of the photographs that take part, and the notes."""
    used, notes = choose_families(malignant, families, groups)
    families = np.full(len(malignant), "") if used == [""] else np.asarray(families, dtype=str)
    return families, np.isin(families, used), notes


def _covering(risks: np.ndarray, groups: np.ndarray) -> float:
    """The highest limit at or above which lie as many risks of malignant photographs as the conformal set must hold."""
    level = _conformal_level(len(np.unique(groups)), MALIGNANT_ERROR)
    return _highest_reaching(risks, np.full(len(risks), 1 / len(risks)), level)


def _conformal_level(n: int, error: float) -> float:
    return math.ceil((n + 1) * (1 - error)) / n


def _lowest_reaching(values: np.ndarray, weights: np.ndarray, share: float, beyond: float = 1.0) -> float:
    """The lowest value with at least ``share`` of the weight (which sums to 1) at or under it, else ``beyond``."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= share - ROUNDING
    return float(values[order][reached.argmax()]) if reached.any() else beyond


def _highest_reaching(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The highest value with at least ``share`` of the weight (which sums to 1) at or above it, else 0."""
    return abs(_lowest_reaching(-values, weights, share, beyond=0.0))
