"""Any checkpoint's answers, in torch."""

import numpy as np
import torch
from torch import nn

from skin_model.network.answers import Answers
from skin_model.network.config import Config
from skin_model.network.torch_backend import attribution
from skin_model.network.torch_backend.architecture import fused, logits_and_maps
from skin_model.network.torch_backend.weights import Weights


class TorchEngine:
    """Answers as ``answers.Engine`` says."""

    def __init__(self, weights: Weights, config: Config) -> None:
        self.network: nn.Module = fused(weights.network)
        self._gate, self._malignant = weights.gate, config.malignant
        self._temperature = config.calibration.temperature

    @torch.inference_mode()
    def __call__(self, batch: np.ndarray) -> Answers:
        channels_last = _tensor(batch).contiguous(memory_format=torch.channels_last)
        logits, maps = logits_and_maps(self.network, channels_last)
        return Answers(logits.double().numpy(), None if self._gate is None else self._gate.score(maps))

    def heatmap(self, batch: np.ndarray, method: str) -> np.ndarray:
        return attribution.explain(self.network, _tensor(batch), self._malignant, method, self._temperature)


def _tensor(batch: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(batch))
