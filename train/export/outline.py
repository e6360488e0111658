"""The network that outlines lesions as an ONNX file, for the on-device page and for answers without torch."""

from pathlib import Path

import numpy as np
from torch import nn

from skin_model.lesion import outline, outline_network, weights_file
from train.digests import file_sha256
from train.export import single_answer

FILE = outline.ONNX_FILE
MOST_DIFFERENCE = 1e-4
"""Of any probability from PyTorch's."""
OUTPUT = "probability"


def write(weights: Path, out: Path) -> Path:
    """Write FILE into ``out``, made of outline weights; raises UserError where it does not answer as PyTorch does."""
    # Normalisations stay nodes of their own: folded into the kernels they would make numbers that fp16 rounds.
    network = weights_file.load(outline_network.create(), weights_file.OUTLINE, weights)
    squares = np.zeros((2, outline.SIZE, outline.SIZE, 3), np.uint8) + np.array([210, 170, 150], np.uint8)
    squares[0, 40:80, 50:90] = squares[1, 20:60, 70:120] = (90, 60, 50)
    return single_answer.write(
        out / FILE,
        nn.Sequential(network, nn.Sigmoid()).eval(),
        OUTPUT,
        {"weights_sha256": file_sha256(weights)},
        squares,
        lambda those: outline_network.probabilities(network, those)[:, None],
        MOST_DIFFERENCE,
    )
