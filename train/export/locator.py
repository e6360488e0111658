"""The locator as an ONNX file with half-precision weights, compared with PyTorch before it gets its name."""

from pathlib import Path

import numpy as np

from skin_model.lesion import locate, locator_network
from train.digests import file_sha256
from train.export import single_answer

FILE = locate.ONNX_FILE
MOST_DIFFERENCE = 1e-3
"""Of any answer from PyTorch's: a thousandth of the picture's side, or of a logit."""
OUTPUT = "answer"


def write(weights: Path, out: Path) -> Path:
    """Write FILE into ``out``, made of locator weights; raises UserError where it does not answer as PyTorch does."""
    network = locator_network.load(weights)
    squares = np.random.default_rng(0).integers(0, 256, (4, locate.SIZE, locate.SIZE, 3), dtype=np.uint8)
    squares = np.ascontiguousarray(np.repeat(np.repeat(squares[:, ::8, ::8], 8, 1), 8, 2))  # blocks, as noise is grey
    return single_answer.write(
        out / FILE,
        network,
        OUTPUT,
        {"weights_sha256": file_sha256(weights), "least_skin": locate.record(weights)["least_skin"]},
        squares,
        lambda those: locator_network.answers(network, those),
        MOST_DIFFERENCE,
    )
