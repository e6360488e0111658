"""The locator as an ONNX file with half-precision weights, compared with PyTorch before it gets its name."""

from pathlib import Path

import numpy as np
import onnx
from torch import Tensor, nn

from skin_model.atomic_files import replacing
from skin_model.lesion import locate, locator_network
from skin_model.network.inference import session
from train import UserError
from train.digests import file_sha256
from train.export import onnx_files
from train.export.graph import INPUT

FILE = locate.ONNX_FILE
MOST_DIFFERENCE = 1e-3
"""Of any answer from PyTorch's: a thousandth of the picture's side, or of a logit."""
OUTPUT = "answer"


class _Graph(nn.Module):
    output_names = (OUTPUT,)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """pixels: (N, 3, S, S), RGB in 0…255."""
        return (self.network(pixels),)


def write(weights: Path, out: Path) -> Path:
    """Write FILE into ``out``, made of locator weights; raises UserError where it does not answer as PyTorch does."""
    network = locator_network.load(weights)
    model = onnx_files.with_half_weights(onnx_files.graph(_Graph(network), locate.SIZE))
    onnx_files.describe(
        model, {"weights_sha256": file_sha256(weights), "least_skin": locate.record(weights)["least_skin"]}
    )
    squares = np.random.default_rng(0).integers(0, 256, (4, locate.SIZE, locate.SIZE, 3), dtype=np.uint8)
    squares = np.ascontiguousarray(np.repeat(np.repeat(squares[:, ::8, ::8], 8, 1), 8, 2))  # blocks, as noise is grey
    with replacing(out / FILE) as aside:
        onnx.save(model, aside)
        found = session(aside).run([OUTPUT], {INPUT: squares.transpose(0, 3, 1, 2).astype(np.float32)})[0]
        apart = float(np.abs(found - locator_network.answers(network, squares)).max())
        if not apart <= MOST_DIFFERENCE:
            raise UserError(f"The locator's ONNX file answers otherwise than PyTorch, by {apart:.2g}. Report this.")
    return out / FILE
