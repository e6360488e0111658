"""The network that outlines lesions as an ONNX file with half-precision weights, for the on-device page."""

from pathlib import Path

import numpy as np
import onnx
from torch import Tensor, nn

from skin_model.atomic_files import replacing
from skin_model.lesion import outline, weights_file
from skin_model.network.inference import session
from train import UserError
from train.digests import file_sha256
from train.export import onnx_files
from train.export.graph import INPUT

FILE = "outline.onnx"
MOST_DIFFERENCE = 1e-4
"""Of any probability from PyTorch's."""
OUTPUT = "probability"


class _Graph(nn.Module):
    output_names = (OUTPUT,)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """pixels: (N, 3, S, S), RGB in 0…255."""
        return (self.network(pixels).sigmoid(),)


def write(weights: Path, out: Path) -> Path:
    """Write FILE into ``out``, made of outline weights; raises UserError where it does not answer as PyTorch does."""
    # Normalisations stay nodes of their own: folded into the kernels they would make numbers that fp16 rounds.
    network = weights_file.load(outline.create(), outline.NAME, weights)
    model = onnx_files.with_half_weights(onnx_files.graph(_Graph(network), outline.SIZE))
    onnx_files.describe(model, {"weights_sha256": file_sha256(weights)})
    squares = np.zeros((2, outline.SIZE, outline.SIZE, 3), np.uint8) + np.array([210, 170, 150], np.uint8)
    squares[0, 40:80, 50:90] = squares[1, 20:60, 70:120] = (90, 60, 50)
    with replacing(out / FILE) as aside:
        onnx.save(model, aside)
        found = session(aside).run([OUTPUT], {INPUT: squares.transpose(0, 3, 1, 2).astype(np.float32)})[0][:, 0]
        apart = float(np.abs(found - outline.probabilities(network, squares)).max())
        if not apart <= MOST_DIFFERENCE:
            raise UserError(f"The outline's ONNX file answers otherwise than PyTorch, by {apart:.2g}. Report this.")
    return out / FILE
