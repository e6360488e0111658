"""Runs in the environment of requirements-tflite.txt, started by ``train/export/tflite.py``: converts, and answers.

python -m train.export.tflite_conversion CHECKPOINT_FOLDER PIXELS.npy MODEL.tflite ANSWERS.npz
"""

import sys
import timeit
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from skin_model.network.checkpoint import Checkpoint
from train.export.graph import INPUT, ExportGraph
from train.fitting.networks.architectures import load_checkpoint

TIMED_RUNS = 50


class ChannelsLast(nn.Module):
    """The graph with the picture as TFLite has it, (1, S, S, 3), and its outputs by name."""

    def __init__(self, graph: ExportGraph) -> None:
        super().__init__()
        self.path = graph  # not "graph": torch.export keeps its own under that name

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.path.output_names, self.path(pixels.permute(0, 3, 1, 2)), strict=True))


def convert(checkpoint: Checkpoint, file: Path) -> None:
    """Write the checkpoint as TFLite, one picture at a time."""
    import litert_torch

    size = checkpoint.config.preprocessing.input_size
    module = ChannelsLast(ExportGraph(checkpoint)).eval()
    litert_torch.convert(module, sample_kwargs={INPUT: torch.zeros(1, size, size, 3)}).export(str(file))


def answers(file: Path, squares: np.ndarray) -> dict[str, np.ndarray]:
    """Every output for each of (N, S, S, 3) uint8, and ``milliseconds``, the median of one run on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(file), num_threads=1).get_signature_runner()
    found: dict[str, list[np.ndarray]] = {}
    for square in tqdm(squares, desc="Checking model.tflite", unit="photo", file=sys.stderr, disable=None):
        for name, values in run(**{INPUT: square[None].astype(np.float32) / 255}).items():
            found.setdefault(name, []).append(values[0])
    picture = squares[:1].astype(np.float32) / 255
    seconds = timeit.repeat(lambda: run(**{INPUT: picture}), number=1, repeat=TIMED_RUNS)
    milliseconds = np.float64(1000 * np.median(seconds))
    return {**{name: np.stack(values) for name, values in found.items()}, "milliseconds": milliseconds}


def main() -> None:
    folder, pixels, model, written = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    convert(load_checkpoint(folder), model)
    np.savez(written, **answers(model, np.load(pixels)))


if __name__ == "__main__":
    main()
