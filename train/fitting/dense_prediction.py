"""One training run of a small network that answers for every pixel or cell, saved after every epoch.

The outline network and the locator are trained this way; what each learns from, loses and is judged by is its own.
"""

import copy
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from skin_model.atomic_files import replacing
from skin_model.pools import thread_pool
from train import UserError
from train.data.images import EpochSampler
from train.digests import sha256

BATCH = 32
WEIGHT_DECAY = 1e-3
EMA_DECAY = 0.997


class DenseRun:
    """Trains with AdamW on one cycle of the learning rate, and keeps the averaged weights of the best epoch.

    A subclass says what is learned: ``prepare``, ``example``, ``loss`` and ``score``.
    """

    def __init__(
        self,
        state_file: Path,
        network: nn.Module,
        split_sha256: str,
        *,
        length: int,
        count: int,
        epochs: int,
        rate: float,
    ) -> None:
        """count: examples to draw from, of which an epoch takes ``length``. rate: the largest learning rate.

        Raises UserError where ``state_file`` holds a run on another split or of another length.
        """
        self.state_file, self.split_sha256, self.epochs = state_file, split_sha256, epochs
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] = {"score": -1.0, "epoch": -1, "weights": None}
        self.network = network
        self.average = AveragedModel(network, avg_fn=_averaged, use_buffers=True)
        learning = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, lr=rate, weight_decay=WEIGHT_DECAY)
        self.sampler = EpochSampler(count, max(1, length // BATCH) * BATCH, 0)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, rate, total_steps=epochs * (len(self.sampler) // BATCH), pct_start=0.2
        )
        self._resume()

    def prepare(self) -> None:
        """Read what an unfinished run learns from."""
        raise NotImplementedError

    def example(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """A training picture (S, S, 3) uint8 with what belongs to it; ``rng`` alone decides how it is changed."""
        raise NotImplementedError

    def loss(self, answer: Tensor, *truth: Tensor) -> Tensor:
        """Of a batch's answers, with what belongs to its pictures."""
        raise NotImplementedError

    def score(self, network: nn.Module) -> float:
        """How good the averaged network is on validation, larger being better."""
        raise NotImplementedError

    @property
    def is_over(self) -> bool:
        return len(self.history) >= self.epochs

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights of the best epoch, rounded as they are written."""
        return {k: v.half().to(v.dtype) if v.is_floating_point() else v for k, v in self.best["weights"].items()}

    @property
    def finished(self) -> nn.Module:
        """The best epoch's network, rounded as it is written."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.weights)
        return network.eval().requires_grad_(False)

    @property
    def weights_hash(self) -> str:
        return sha256(b"".join(self.weights[name].numpy().tobytes() for name in sorted(self.weights)))

    @property
    def record(self) -> dict[str, Any]:
        """What is said of a run wherever its weights go."""
        return {
            "split_sha256": self.split_sha256,
            "epochs": len(self.history),
            "best_epoch": self.best["epoch"],
            "seconds_training": round(sum(epoch["seconds"] for epoch in self.history)),
            "versions": {name: version(name) for name in ("torch", "numpy", "opencv-python-headless")},
        }

    def train(self) -> None:
        """All epochs that are missing."""
        if not self.is_over:
            self.prepare()
        while not self.is_over:
            epoch = len(self.history)
            began = time.monotonic()
            lost = self._one_epoch(epoch)
            reached = self.score(self.average.module.eval())
            self.history.append(
                {"epoch": epoch, "loss": lost, "validation": reached, "seconds": time.monotonic() - began}
            )
            if reached > self.best["score"]:
                weights = {k: v.detach().clone() for k, v in self.average.module.state_dict().items()}
                self.best = {"score": reached, "epoch": epoch, "weights": weights}
            self._save()
            tqdm.write(f"Epoch {epoch + 1}: loss {lost:.3f}, validation {reached:.4f}", file=sys.stderr)

    def _example(self, key: tuple[int, int]) -> tuple[np.ndarray, ...]:
        return self.example(key[0], np.random.default_rng(key[1]))

    def _batches(self, epoch: int) -> Iterator[list[Tensor]]:
        """Pictures (B, 3, S, S) uint8 and what belongs to them; the next are made while these are learned from.

        In threads and not in processes, because OpenCV's own threads do not outlive a fork.
        """
        self.sampler.set_epoch(epoch)
        keys = list(self.sampler)
        with thread_pool(2) as pool:
            coming = [pool.map_async(self._example, keys[:BATCH])]
            for start in range(BATCH, len(keys) + BATCH, BATCH):
                coming.append(pool.map_async(self._example, keys[start : start + BATCH]))
                pictures, *truth = (torch.from_numpy(np.stack(part)) for part in zip(*coming.pop(0).get(), strict=True))
                yield [pictures.permute(0, 3, 1, 2), *truth]

    def _one_epoch(self, epoch: int) -> float:
        self.network.train()
        total = 0.0
        steps = len(self.sampler) // BATCH
        for pictures, *truth in tqdm(
            self._batches(epoch), total=steps, desc=f"Epoch {epoch + 1}", unit="batch", leave=False, disable=None
        ):
            batch = pictures.float().contiguous(memory_format=torch.channels_last)
            lost = self.loss(self.network(batch), *truth)
            if not torch.isfinite(lost):
                raise UserError("The loss is no longer a finite number. Try again with fewer epochs.")
            self.optimiser.zero_grad(set_to_none=True)
            lost.backward()
            self.optimiser.step()
            self.scheduler.step()
            self.average.update_parameters(self.network)
            total += lost.item()
        return total / steps

    def _save(self) -> None:
        state = {
            "split_sha256": self.split_sha256,
            "epochs": self.epochs,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "history": self.history,
            "best": self.best,
        }
        with replacing(self.state_file) as aside:
            torch.save(state, aside)

    def _resume(self) -> None:
        if not self.state_file.is_file():
            return
        state = torch.load(self.state_file, weights_only=True)
        if state["split_sha256"] != self.split_sha256 or state["epochs"] != self.epochs:
            raise UserError(
                f"{self.state_file.parent} holds a run on another split or of other length. Choose another folder "
                "with --out."
            )
        self.history, self.best = state["history"], state["best"]
        for name in ("network", "average", "optimiser", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        if not self.is_over:
            tqdm.write(f"Resuming after epoch {len(self.history)}.", file=sys.stderr)


def _averaged(average: Tensor, new: Tensor, updates: Tensor | int) -> Tensor:
    """A moving average that forgets its random beginning: its decay grows to EMA_DECAY with the number of updates."""
    updates = int(updates)
    return average + (1 - min(EMA_DECAY, (1 + updates) / (10 + updates))) * (new - average)
