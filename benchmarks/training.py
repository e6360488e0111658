"""Training throughput in images/s, against the plain loop of PyTorch and torchvision, alone and in two processes."""

import os
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from torch.utils.data import DataLoader, Dataset

from benchmarks.speed_page import write_page
from benchmarks.table import ROOT, write

BATCH = 64


class Plain(Dataset):
    """Photographs as tutorials load them: decoded anew each time, changed by torchvision."""

    def __init__(self, rows: pd.DataFrame, side: int) -> None:
        from torchvision import transforms

        from train.data.tables import files_of

        self.files = files_of(rows)
        self.labels = rows["malignant"].astype(int).tolist()
        self.change = transforms.Compose(
            [
                transforms.RandomResizedCrop(side, scale=(0.7, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.ColorJitter(0.2, 0.2, 0.2, 0.05),
                transforms.ToTensor(),
                transforms.Normalize((0.5,) * 3, (0.5,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        with Image.open(self.files[index]) as image:
            return self.change(image.convert("RGB")), self.labels[index]


def plain_loop(rows: pd.DataFrame, side: int, batches: int) -> dict[str, Any]:
    """Throughput of the plain loop, and the share of time in which it waits for images."""
    import timm

    loader = iter(DataLoader(Plain(rows, side), BATCH, shuffle=True, num_workers=2, drop_last=True))
    network = timm.create_model("tf_mobilenetv3_small_100", num_classes=2)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    next(loader)
    began, waited = time.perf_counter(), 0.0
    for _ in range(batches):
        asked = time.perf_counter()
        images, labels = next(loader)
        waited += time.perf_counter() - asked
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    seconds = time.perf_counter() - began
    return {"loop": "PyTorch and torchvision", "images/s": batches * BATCH / seconds, "waiting share": waited / seconds}


def loader_only(rows: pd.DataFrame, side: int, batches: int) -> dict[str, Any]:
    """Throughput of two workers that decode and augment the plain way, with nothing trained."""
    loader = iter(DataLoader(Plain(rows, side), BATCH, shuffle=True, num_workers=2, drop_last=True))
    return {"loop": "torchvision's images alone", "images/s": _throughput(loader, batches)}


def our_images(rows: pd.DataFrame, squares: Any, recipe: Any, batches: int) -> dict[str, Any]:
    """Throughput of our two workers, with nothing trained."""
    import numpy as np

    from train.data import images

    dataset = images.TrainingSquares(
        squares,
        positions=np.arange(len(rows)),
        diagnosis=np.zeros(len(rows), int),
        malignant=rows["malignant"].to_numpy(int),
        weight=np.ones(len(rows)),
        input_size=recipe.input_size,
        augmentation=recipe.augmentation,
        centre=np.zeros(len(rows), int),
        folds=np.zeros((len(rows), 0), int),
    )
    sampler = images.EpochSampler(len(rows), (batches + 1) * BATCH, 0, None)
    loader = iter(DataLoader(dataset, BATCH, sampler=sampler, num_workers=2))
    return {"loop": "our images alone", "images/s": _throughput(loader, batches)}


def _throughput(loader: Iterator[Any], batches: int) -> float:
    """Images/s of a loader whose workers have begun."""
    next(loader)
    return batches * BATCH / timeit.timeit(lambda: next(loader), number=batches)


def fitted(work: Path, recipe: str, length: int, processes: int, out: Path) -> dict[str, Any]:
    """Throughput of ``fit`` in its second epoch of ``length`` images, from random weights."""
    command = ["-m", "benchmarks.training", str(work), str(out), recipe, str(length)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    if processes > 1:
        command = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), *command]
        environment |= {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    last = pd.read_csv(out / "history.csv").iloc[-1]
    named = f"train fit, {processes} process{'es' * (processes > 1)}"
    return {"loop": named, "images/s": last["images_per_second"], "waiting share": last["waiting_share"]}


def training(
    work: Annotated[Path, typer.Option(help="A work folder made by python -m train prepare.")],
    recipe: Annotated[str, typer.Option(help="The recipe that is timed.")] = "single-run",
    batches: Annotated[int, typer.Option(min=2, help="Batches of 64 that each loop is timed on.")] = 30,
) -> None:
    """Training images a second against the plain loop of PyTorch and torchvision; the share of time spent waiting."""
    from skin_model.network.preprocessing import Preprocessing
    from train.data import images, splits
    from train.fitting.recipes import find

    rows = splits.read_split(work / "split.csv")
    rows = rows[rows["split"] == "train"]
    chosen = find(recipe)
    squares = images.load_squares(rows, Preprocessing(chosen.input_size), work / "cache")
    with tempfile.TemporaryDirectory() as scratch:
        plain = plain_loop(rows, chosen.input_size, batches)
        found = [
            plain,
            *(fitted(work, recipe, batches * BATCH, k, Path(scratch) / f"run-{k}") for k in (1, 2)),
            loader_only(rows, chosen.input_size, batches),
            our_images(rows, squares, chosen, batches),
        ]
    for row in found[:3]:
        row["times the plain loop"] = row["images/s"] / plain["images/s"]
    write(
        "training",
        found,
        note="Validation after each epoch, and decoding, once before the first, are left out.",
    )
    write_page("training")


def _fit(work: str, out: str, recipe: str, length: str) -> None:
    from train.fitting import fit
    from train.fitting.recipes import find

    fit.fit(Path(work), Path(out), find(recipe).change(epochs=2, epoch_length=int(length), pretrained=False))


if __name__ == "__main__":
    _fit(*sys.argv[1:])
