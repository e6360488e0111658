"""What a photograph costs: the loss of a network's answer to it."""

import torch
from torch import Tensor
from torch.nn import functional

from skin_model.diagnoses import malignant_mask
from train.fitting.recipes import Recipe

FOCAL_GAMMA = 2.0


def loss_per_photograph(logits: Tensor, diagnosis: Tensor, malignant: Tensor, recipe: Recipe) -> Tensor:
    """(B,) losses from logits (B, K), diagnosis indices (B,) with -1 for unknown, and malignant (B,) 0/1.

    A photograph without a diagnosis trains the risk only: its loss is minus the log of the probability summed over the
    benign, or over the malignant, outputs.
    """
    if recipe.head == "binary":
        loss = functional.binary_cross_entropy_with_logits(logits[:, 0], malignant, reduction="none")
        return _focal(loss) if recipe.balance == "focal" else loss
    log_probability = logits.log_softmax(dim=1)
    is_malignant = torch.tensor(malignant_mask(), device=logits.device)
    log_malignant = log_probability[:, is_malignant].logsumexp(dim=1)
    log_benign = log_probability[:, ~is_malignant].logsumexp(dim=1)
    risk_loss = -torch.where(malignant > 0.5, log_malignant, log_benign)
    known = diagnosis >= 0
    diagnosis_loss = -log_probability.gather(1, diagnosis.clamp(min=0)[:, None])[:, 0]
    if recipe.label_smoothing:
        diagnosis_loss = torch.lerp(diagnosis_loss, -log_probability.mean(dim=1), recipe.label_smoothing)
    if recipe.balance == "focal":
        risk_loss, diagnosis_loss = _focal(risk_loss), _focal(diagnosis_loss)
    return torch.where(known, diagnosis_loss + recipe.risk_weight * risk_loss, (1 + recipe.risk_weight) * risk_loss)


def _focal(loss: Tensor) -> Tensor:
    """Focal loss (Lin et al. 2017, arXiv 1708.02002) from minus the log of the probability of what is true."""
    return (1 - torch.exp(-loss)) ** FOCAL_GAMMA * loss


def spread_between(losses: Tensor, centre: Tensor) -> Tensor:
    """Variance of the mean loss between the centre families of a batch (V-REx: Krueger et al. 2021, arXiv 2003.00688).

    losses: (B,); centre: (B,) an index a family. 0 for a batch of one family.
    """
    means = torch.stack([losses[centre == one].mean() for one in torch.unique(centre)])
    return means.var(unbiased=False)
