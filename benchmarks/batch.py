"""A folder of photos scored by the command line against a plain loop; and the network in several engines."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.photo import SIZES, jpeg
from benchmarks.speed_page import write_page
from benchmarks.table import timed, watched, write
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.inference import OnnxEngine
from skin_model.network.torch_backend.architecture import fused, logits_and_maps

PLAIN_LOOP = """
import sys
from pathlib import Path
import torch
from PIL import Image
from torchvision import transforms
from skin_model.network.checkpoint import Checkpoint
network = Checkpoint.load().network
prepare = transforms.Compose([transforms.Resize(224), transforms.CenterCrop(224), transforms.ToTensor()])
for file in sorted(Path(sys.argv[1]).iterdir()):
    with Image.open(file) as image, torch.no_grad():
        network(prepare(image.convert("RGB"))[None] * 2 - 1).softmax(1)
"""
"""As a first script does it: everything decoded in full, one photo after the other."""


def engines(repeats: int) -> list[dict[str, Any]]:
    """One image through the network on one core: as timm makes it, folded as the app has it, compiled, as ONNX."""
    torch.set_num_threads(1)
    checkpoint = Checkpoint.load()
    network = checkpoint.network
    folded = fused(network)
    side = checkpoint.config.preprocessing.input_size
    batch = torch.rand(1, 3, side, side).contiguous(memory_format=torch.channels_last)
    pixels = np.ascontiguousarray(batch.numpy())
    compiled = torch.compile(network)
    quick = OnnxEngine(checkpoint, checkpoint.onnx)
    calls = {
        "torch, as timm makes it": lambda: network(batch),
        "torch, normalisations folded": lambda: logits_and_maps(folded, batch),
        "torch.compile": lambda: compiled(batch),
        "ONNX Runtime, with out-of-distribution score (used)": lambda: quick(pixels),
    }
    rows = []
    for name, call in calls.items():
        with torch.inference_mode():
            taken = timed(call, repeats)
        rows.append({"engine": name, "fastest ms": taken.fastest, "median ms": taken.median})
    return rows


def batch(
    photos: Annotated[int, typer.Option(min=10, help="Photos a folder.")] = 400,
    repeats: Annotated[int, typer.Option(min=1, help="How often each engine is timed.")] = 50,
) -> None:
    """A folder through `python -m skin_model` against a plain loop, with memory at one and four times the photos.

    In the views of the embedded checkpoint, which turns and mirrors every photo, and in one view, as the loop has it.
    """
    rows, asked = [], Checkpoint.load().config.views
    with tempfile.TemporaryDirectory() as scratch:
        for name, size in SIZES.items():
            content = jpeg(*size)
            for count in (photos, 4 * photos):
                folder = Path(scratch) / f"{size[0]}-{count}"
                folder.mkdir()
                for number in range(count):
                    os.link(_written(Path(scratch), content), folder / f"{number:05}.jpg")
                row: dict[str, Any] = {"photo": name, "photos": count, "views": asked}
                row |= _scored(folder, asked)
                rows.append(row)
                if count == photos:
                    loop = watched([sys.executable, "-c", PLAIN_LOOP, str(folder)])
                    nowhere = Path(scratch) / "empty"
                    nowhere.mkdir(exist_ok=True)
                    empty = watched([sys.executable, "-c", PLAIN_LOOP, str(nowhere)])
                    rows.append({"photo": name, "photos": count, "views": 1, **_scored(folder, 1)})
                    for each in rows[-2:]:
                        each |= {"loop s": loop.seconds, "loop MiB": loop.peak_mib}
                        each["loop photos/s"] = count / (loop.seconds - empty.seconds)
                        each["times the loop"] = each["ours photos/s"] / each["loop photos/s"]
    write("batch", rows, note="Throughput (photos/s) leaves out the start of Python and what it imports.")
    write_page("batch")
    write("engines", engines(repeats))


def _scored(folder: Path, views: int) -> dict[str, Any]:
    """Seconds, memory, and photos a second without the start."""
    command = [sys.executable, "-m", "skin_model", "--json", "--views", str(views)]
    scoring, one = watched([*command, str(folder)]), watched([*command, str(folder / "00000.jpg")])
    throughput = (len(list(folder.iterdir())) - 1) / (scoring.seconds - one.seconds)
    return {"ours s": scoring.seconds, "ours MiB": scoring.peak_mib, "ours photos/s": throughput}


def _written(folder: Path, content: bytes) -> Path:
    file = folder / f"{len(content)}.jpg"
    if not file.is_file():
        file.write_bytes(content)
    return file
