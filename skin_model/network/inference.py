"""What the network answers of a batch: in ONNX Runtime where these weights lie beside it in that format, else in torch.

ONNX Runtime takes less than half of torch's time for one photo (``python -m benchmarks batch``), gives with the answer
what every place of the picture adds to it, and needs no import of torch, which takes seconds.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_model.network import saliency
from skin_model.network.answers import Answers, Engine
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.turned_views import VIEWS, turned

if TYPE_CHECKING:
    from skin_model.network.torch_backend.inference import TorchEngine

try:
    import onnxruntime
except ImportError:  # it has no wheel for some machines; torch answers the same there
    onnxruntime = None


def session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """An ONNX file, or its content, on one thread: a photo gains nothing from a second, and several are scored side by
    side. Of content nothing else is read: it cannot name files beside it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxEngine:
    """A checkpoint in ONNX Runtime; what needs gradients is still torch's."""

    def __init__(self, checkpoint: Checkpoint, onnx: bytes) -> None:
        """onnx: the content of its ONNX file. Raises ValueError where that cannot be run, or is of other weights."""
        try:
            self._session = session(onnx)
        except Exception as problem:  # its errors have no common class
            raise ValueError(f"The ONNX file of {checkpoint.source} cannot be run: {problem}") from problem
        made_of = self._session.get_modelmeta().custom_metadata_map.get("checkpoint_sha256")
        if made_of != checkpoint.config.model_sha256:
            raise ValueError(f"The ONNX file of {checkpoint.source} was made of other weights than these.")
        self._checkpoint = checkpoint
        self._outputs = {output.name for output in self._session.get_outputs()}
        self._explains = {"cam", "cam_gradient", "feature_map"} <= self._outputs
        preprocessing = checkpoint.config.preprocessing
        self._mean, self._std = (
            np.array(of, dtype=np.float32)[:, None, None] for of in (preprocessing.mean, preprocessing.std)
        )

    def __call__(self, batch: np.ndarray) -> Answers:
        wanted = [name for name in ("logits", "novelty", "cam_gradient", "feature_map") if name in self._outputs]
        found = dict(zip(wanted, self._run(batch, wanted), strict=True))
        ood_score = found.get("novelty")
        return Answers(
            found["logits"].astype(np.float64),
            None if ood_score is None else ood_score.astype(np.float64),
            np.einsum("bc,bchw->bhw", found["cam_gradient"], found["feature_map"]) if self._explains else None,
        )

    def heatmap(self, batch: np.ndarray, method: str) -> np.ndarray:
        side = batch.shape[-1]
        if self._explains and method == saliency.TURNED_GRAD_CAM:
            of_views = self(np.concatenate(turned(batch, max(VIEWS)))).contributions
            return saliency.in_units(of_views, side, self._checkpoint.config.calibration.temperature)
        if self._explains and method == "grad_cam":
            return saliency.enlarged(self._run(batch, ["cam"])[0][0], side)
        if saliency.INTEGRATED_GRADIENTS in self._outputs and method == saliency.INTEGRATED_GRADIENTS:
            return saliency.readable(self._run(batch, [method], explain=True)[0][0])
        return self._torch.heatmap(batch, method)

    @cached_property
    def _torch(self) -> TorchEngine:
        from skin_model.network.torch_backend.inference import TorchEngine

        return TorchEngine(self._checkpoint.weights, self._checkpoint.config)

    def _run(self, batch: np.ndarray, wanted: list[str], *, explain: bool = False) -> list[np.ndarray]:
        """explain: work out Integrated Gradients of the first picture too."""
        given = {"pixels": np.ascontiguousarray(batch * self._std + self._mean)}  # as stored, pixels in 0…1
        if explain:
            given["explain"] = np.array(True)
        return self._session.run(wanted, given)


def engine(checkpoint: Checkpoint) -> Engine:
    """The fastest that fits."""
    if onnxruntime is not None and checkpoint.onnx is not None:
        try:
            return OnnxEngine(checkpoint, checkpoint.onnx)
        except ValueError:
            pass  # the weights are whole: torch gives the same answers, later
    from skin_model.network.torch_backend.inference import TorchEngine

    return TorchEngine(checkpoint.weights, checkpoint.config)
