"""What changes too small to be seen can do to the risk, when they are made to mislead the network.

FGSM (Goodfellow et al. 2015, arXiv 1412.6572) takes one step along the sign of the gradient, PGD (Madry et al. 2018,
arXiv 1706.06083) several; both by Captum, in the pixels that the network sees. Every photograph is pushed to the wrong
side: a malignant one down, a benign one up. Nobody's camera does that; it says how thin the ground is that an answer
stands on, and what somebody could do who wants a wrong one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from captum.robust import FGSM, PGD
from torch import Tensor

from skin_model.network import calibration
from skin_model.network.calibration import Thresholds
from skin_model.network.torch_backend.attribution import risk_log_odds
from skin_model.network.turned_views import turned_tensors
from train.bootstrap import RESAMPLES, mean
from train.data.per_photograph import draw, measure_each
from train.data.tables import photo_of
from train.digests import cache_key
from train.evaluation.stress.robustness import UNALTERED, DrawnRisks

if TYPE_CHECKING:
    from skin_model.assess import Assessor

ATTACKS: tuple[str, ...] = ("fgsm", "pgd")
STRENGTHS: tuple[int, ...] = (1, 2, 4)
"""Most that a channel of a pixel may change, in steps of 1/255."""
KINDS = [(name, strength) for name in ATTACKS for strength in STRENGTHS]
PHOTOGRAPHS = 500
PGD_STEPS = 10


def measure(
    assessor: Assessor,
    rows: pd.DataFrame,
    thresholds: Thresholds,
    resamples: int = RESAMPLES,
    seed: int = 0,
    photographs: int | None = PHOTOGRAPHS,
    *,
    out: Path | None = None,
) -> dict[str, Any] | None:
    """AUC within sources under attack, and the share of answers that an attack turns.

    rows: root, file, source, group, malignant, of which ``photographs`` are drawn. Of each attack and strength: ``auc``
    and ``auc_change``, ``talked_down`` (of the cancers at or above ``thresholds.low``, the share that falls below it)
    and ``talked_up`` (of the benign ones below it, the share that does not stay there). None where nothing opens.
    out: a folder that the risks are kept in as they come, so that an interrupted call, repeated, goes on.
    """
    rows = draw(rows, photographs, seed)
    kept = None if out is None else out / f"adversarial-{_key(assessor, rows)}.csv"
    found = measure_each(
        rows, lambda row: [attacked_risks(assessor, row)], "Attacking photographs", kept, threads=os.cpu_count() or 1
    )
    if found.empty or found[UNALTERED].isna().all():
        return None
    readable = found[UNALTERED].notna().to_numpy()
    return summarise(found[readable], rows[readable], thresholds, resamples, seed)


def attacked_risks(assessor: Assessor, row: Any) -> dict[str, float]:
    """The risk of one photograph (root, file, malignant) as it is and under every attack, NaN where not opened."""
    names = [f"{name}_{strength}" for name, strength in KINDS]
    photo = photo_of(row)
    if photo is None:
        return dict.fromkeys([UNALTERED, *names], np.nan)
    batch = assessor.view(photo).tensor
    malignant = torch.tensor([float(row.malignant)])
    changed = [attack(assessor, batch, malignant, *kind) for kind in KINDS]
    config = assessor.checkpoint.config
    with torch.no_grad():
        logits = _answers(assessor, torch.cat([batch, *changed])).double().numpy()
    risks = calibration.risk(calibration.probabilities(logits, config.malignant, config.calibration), config.malignant)
    return dict(zip([UNALTERED, *names], map(float, risks), strict=True))


def attack(assessor: Assessor, batch: Tensor, malignant: Tensor, name: str, strength: int) -> Tensor:
    """The network's input (1, 3, S, S) changed by at most ``strength`` / 255 a channel, towards the wrong answer.

    name: one of ATTACKS. malignant: (1,) 0 or 1, the truth.
    """
    config = assessor.checkpoint.config
    mean, std = (
        torch.tensor(values)[None, :, None, None] for values in (config.preprocessing.mean, config.preprocessing.std)
    )
    # Captum steps by one number in all channels, so pixels of 0…1 are what is changed.
    pixels = (batch * std + mean).detach()

    def log_odds(seen: Tensor) -> Tensor:
        return risk_log_odds(_answers(assessor, (seen - mean) / std), config.malignant)

    def wrongness(found: Tensor, truth: Tensor) -> Tensor:
        return torch.where(truth > 0.5, -found, found)

    reach = strength / 255
    with torch.inference_mode(False), torch.enable_grad():
        pixels = pixels.clone()
        if name == "fgsm":
            changed = FGSM(log_odds, wrongness, 0.0, 1.0).perturb(pixels, reach, malignant)
        else:
            step = 2.5 * reach / PGD_STEPS
            changed = PGD(log_odds, wrongness, 0.0, 1.0).perturb(pixels, reach, step, PGD_STEPS, malignant)
    return ((changed.detach() - mean) / std).contiguous(memory_format=torch.channels_last)


def _answers(assessor: Assessor, batch: Tensor) -> Tensor:
    """(N, K) logits, averaged over as many turned views as an answer is: an attack must mislead them all."""
    views = turned_tensors(batch, assessor.views)
    return torch.stack([assessor.checkpoint.network(view) for view in views]).mean(dim=0)


def summarise(
    risks: pd.DataFrame, rows: pd.DataFrame, thresholds: Thresholds, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """``measure``'s figures of risks that are known: a column ``unaltered`` and one ``attack_strength`` each."""
    drawn = DrawnRisks(risks, rows, resamples, seed)
    before, truth = drawn.of(UNALTERED), drawn.truth

    def share(of: np.ndarray, turned: np.ndarray) -> Any:
        return mean(drawn.draws, np.where(of, turned.astype(np.float64), np.nan))

    attacks: dict[str, dict[str, Any]] = {}
    for name, strength in KINDS:
        after = drawn.of(f"{name}_{strength}")
        attacks.setdefault(name, {})[str(strength)] = {
            **drawn.aucs(f"{name}_{strength}"),
            "talked_down": share((truth == 1) & (before >= thresholds.low), after < thresholds.low),
            "talked_up": share((truth == 0) & (before < thresholds.low), after >= thresholds.low),
        }
    return {**drawn.facts, "threshold": thresholds.low, "attacks": attacks}


def _key(assessor: Assessor, rows: pd.DataFrame) -> str:
    config = assessor.checkpoint.config
    described = f"{assessor.checkpoint.hash} {config.preprocessing} {config.calibration} {assessor.views} {PGD_STEPS} "
    return cache_key(described + "\n".join(rows["file"]))
