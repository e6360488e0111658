"""What the network answers of a batch: in ONNX Runtime where these weights lie beside it in that format, else in torch.

ONNX Runtime takes less than half of torch's time for one photo (``python -m benchmarks batch``) and gives Grad-CAM
with the answer, with no pass backwards.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from skin_model.network import saliency
from skin_model.network.architecture import fused, logits_and_maps
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.turned_views import VIEWS, turned

try:
    import onnxruntime
except ImportError:  # it has no wheel for some machines; torch answers the same there
    onnxruntime = None

ONNX_FILE = "model.fp16.onnx"
"""As ``python -m train export`` names it. It holds the checkpoint's own numbers, which are half precision too."""


@dataclass(frozen=True)
class Answers:
    """Of a batch: logits (B, K) float64, and out-of-distribution scores (B,), None without a gate."""

    logits: np.ndarray
    ood_score: np.ndarray | None


def session(file: Path) -> onnxruntime.InferenceSession:
    """An ONNX file on one thread: a photo gains nothing from a second, and several are scored side by side."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


class TorchEngine:
    """Any checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.network: nn.Module = fused(checkpoint.network)
        self._gate, self._malignant = checkpoint.gate, checkpoint.config.malignant
        self._temperature = checkpoint.config.calibration.temperature

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Answers:
        """batch: (B, 3, S, S), normalised."""
        logits, maps = logits_and_maps(self.network, batch.contiguous(memory_format=torch.channels_last))
        return Answers(logits.double().numpy(), None if self._gate is None else self._gate.score(maps))

    def heatmap(self, batch: Tensor, method: str) -> np.ndarray:
        """As ``saliency.explain``."""
        return saliency.explain(self.network, batch, self._malignant, method, self._temperature)


class OnnxEngine(TorchEngine):
    """A checkpoint whose export lies beside it; what needs gradients is still torch's."""

    def __init__(self, checkpoint: Checkpoint, file: Path) -> None:
        """Raises ValueError where the file cannot be run, or was not made of this checkpoint."""
        super().__init__(checkpoint)
        try:
            self._session = session(file)
        except Exception as problem:  # its errors have no common class
            raise ValueError(f"{file} cannot be run: {problem}") from problem
        made_of = self._session.get_modelmeta().custom_metadata_map.get("checkpoint_sha256")
        if made_of != checkpoint.config.model_sha256:
            raise ValueError(f"{file} was made of other weights than these.")
        self._outputs = {output.name for output in self._session.get_outputs()}
        preprocessing = checkpoint.config.preprocessing
        self._mean = torch.tensor(preprocessing.mean)[:, None, None]
        self._std = torch.tensor(preprocessing.std)[:, None, None]

    def __call__(self, batch: Tensor) -> Answers:
        """batch: (B, 3, S, S), normalised."""
        wanted = [name for name in ("logits", "novelty") if name in self._outputs]
        found = dict(zip(wanted, self._run(batch, wanted), strict=True))
        ood_score = found.get("novelty")
        return Answers(found["logits"].astype(np.float64), None if ood_score is None else ood_score.astype(np.float64))

    def heatmap(self, batch: Tensor, method: str) -> np.ndarray:
        """As ``saliency.explain``."""
        if not {"cam", "cam_gradient", "feature_map"} <= self._outputs:
            return super().heatmap(batch, method)
        if method == saliency.TURNED_GRAD_CAM:
            gradient, maps = self._run(torch.cat(turned(batch, max(VIEWS))), ["cam_gradient", "feature_map"])
            return saliency.in_units(np.einsum("vc,vchw->vhw", gradient, maps), batch.shape[-1], self._temperature)
        if method != "grad_cam":
            return super().heatmap(batch, method)
        return saliency.enlarged(torch.from_numpy(self._run(batch, ["cam"])[0])[:, None], tuple(batch.shape[2:]))

    def _run(self, batch: Tensor, wanted: list[str]) -> list[np.ndarray]:
        pixels = (batch * self._std + self._mean).contiguous().numpy()  # as stored, pixels in 0…1
        return self._session.run(wanted, {"pixels": pixels})


def engine(checkpoint: Checkpoint, export: Path | None) -> TorchEngine:
    """The fastest that fits. export: the checkpoint's ONNX file, where one lies beside it."""
    if onnxruntime is not None and export is not None and export.is_file():
        try:
            return OnnxEngine(checkpoint, export)
        except ValueError:
            pass  # the weights are whole: torch gives the same answers, later
    return TorchEngine(checkpoint)
