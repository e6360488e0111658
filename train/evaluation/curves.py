"""The curves of ``metrics.json``: what ``plots`` draws, as numbers, so that no photograph is needed to redraw them."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from skin_model.network.calibration import Calibration, DiagnosisCalibration, probabilities, shift_prevalence
from skin_model.network.calibration import risk as total_risk

CURVE_POINTS = 101
RELIABILITY_BINS = 10


def curves(rows: pd.DataFrame, reference_prevalence: float) -> dict[str, Any] | None:
    """What the plots draw, thinned to about a hundred points: ROC, precision-recall, sensitivity and specificity
    against the threshold, and the reliability of the risk. None with one class only."""
    truth, risks = rows["malignant"].to_numpy(dtype=int), rows["risk"].to_numpy(dtype=np.float64)
    prevalence = truth.mean() if len(truth) else 0.0
    if not 0 < prevalence < 1:
        return None
    false_alarms, caught, _ = roc_curve(truth, risks)
    precision, recall, _ = precision_recall_curve(truth, risks)
    at = np.linspace(0, 1, CURVE_POINTS)
    kinds = {
        "calibrated": risks,
        "at_own_prevalence": shift_prevalence(risks, reference_prevalence, float(prevalence)),
    }
    if "risk_uncalibrated" in rows:
        kinds = {"uncalibrated": rows["risk_uncalibrated"].to_numpy(dtype=np.float64), **kinds}
    return {
        "roc": {"false_positive_rate": _thinned(false_alarms), "sensitivity": _thinned(caught)},
        "precision_recall": {"recall": _thinned(recall), "precision": _thinned(precision)},
        "operating_points": {
            "threshold": _list(at),
            "sensitivity": _list((risks[truth == 1][:, None] >= at).mean(axis=0)),
            "specificity": _list((risks[truth == 0][:, None] < at).mean(axis=0)),
        },
        "reliability": {name: _reliability(values, truth) for name, values in kinds.items()},
    }


def uncalibrated_risk(
    probability: np.ndarray, malignant: list[bool], calibration: Calibration | DiagnosisCalibration
) -> np.ndarray:
    """The risk that the network's bare outputs would give, from the calibrated probabilities (N, K) of its answers; the
    inverse of ``probabilities`` or ``diagnosis_probabilities`` of ``skin_model.network.calibration``. K = 1: (N, 1)
    risks of a binary head."""
    if isinstance(calibration, DiagnosisCalibration):
        offsets = np.asarray(calibration.offsets, dtype=np.float64)
    else:
        offsets = calibration.malignant_offset * np.asarray(malignant, dtype=np.float64)
    clipped = np.clip(np.asarray(probability, dtype=np.float64), 1e-300, 1 - 1e-16)
    logits = np.log(clipped) - (np.log1p(-clipped) if clipped.shape[1] == 1 else 0)
    logits = (logits - offsets) * calibration.temperature
    return total_risk(probabilities(logits, malignant, Calibration()), malignant)


def _reliability(risks: np.ndarray, truth: np.ndarray) -> dict[str, list[float]]:
    order = np.argsort(risks, kind="stable")
    bins = np.array_split(order, min(RELIABILITY_BINS, len(order)))
    return {
        "mean_risk": _list(np.array([risks[b].mean() for b in bins])),
        "malignant_share": _list(np.array([truth[b].mean() for b in bins])),
        "n": [len(b) for b in bins],
    }


def _thinned(values: np.ndarray) -> list[float]:
    keep = np.unique(np.linspace(0, len(values) - 1, CURVE_POINTS).round().astype(int))
    return _list(values[keep])


def _list(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
