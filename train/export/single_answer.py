"""A small network with one answer as an ONNX file with half-precision weights, compared before it gets its name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from torch import Tensor, nn

from skin_model.atomic_files import replacing, write_json
from skin_model.network.inference import session
from train import UserError
from train.digests import file_sha256
from train.export import onnx_files
from train.export.graph import INPUT


class _Graph(nn.Module):
    def __init__(self, network: nn.Module, output: str) -> None:
        super().__init__()
        self.network, self.output_names = network, (output,)

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """pixels: (N, 3, S, S), RGB in 0…255."""
        return (self.network(pixels),)


def write(
    file: Path,
    network: nn.Module,
    output: str,
    metadata: dict[str, Any],
    squares: np.ndarray,
    wanted: Callable[[np.ndarray], np.ndarray],
    most_difference: float,
) -> Path:
    """Write ``file``, name it in the JSON file of the network's figures beside it, and return it.

    squares: (N, S, S, 3) uint8 to compare on. wanted: what PyTorch answers to them, in the shape of ``output``.
    Raises UserError where the file answers otherwise by more than ``most_difference``.
    """
    model = onnx_files.with_half_weights(onnx_files.graph(_Graph(network, output), squares.shape[1]))
    onnx_files.describe(model, metadata)
    with replacing(file) as aside:
        onnx.save(model, aside)
        found = session(aside).run([output], {INPUT: squares.transpose(0, 3, 1, 2).astype(np.float32)})[0]
        apart = float(np.abs(found - wanted(squares)).max())
        if not apart <= most_difference:
            raise UserError(f"{file.name} answers otherwise than PyTorch, by {apart:.2g}. Report this.")
    figures = file.with_suffix(".json")
    if figures.is_file():
        found = json.loads(figures.read_bytes())
        found["files"] = {**found.get("files", {}), file.name: file_sha256(file)}
        write_json(figures, found)
    return file
