"""One training run: its epochs, and its state on disk from which it resumes."""

import math
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from skin_model.atomic_files import replacing
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.architecture import normalise
from train import UserError
from train.data import images
from train.data.catalogue import family
from train.fitting import distillation, sampling
from train.fitting.distillation import Teacher
from train.fitting.losses import loss_per_photograph, spread_between
from train.fitting.networks import backbones
from train.fitting.networks.stages import epochs_of, freeze, stages_of
from train.fitting.recipes import Recipe
from train.fitting.run_folder import HISTORY_FILE, STATE_FILE
from train.fitting.validation import log_odds, predict, within_source_auc


def input_size(recipe: Recipe, epoch: int) -> int:
    """Side in pixels of the training photographs of an epoch (0, 1, …)."""
    sizes = recipe.training_sizes or (recipe.input_size,)
    return sizes[min(epoch * len(sizes) // recipe.epochs, len(sizes) - 1)]


@dataclass(eq=False)
class Run:
    """The state of one training run."""

    accelerator: Accelerator
    out: Path
    recipe: Recipe
    preprocessing: Preprocessing
    training: pd.DataFrame
    validation: pd.DataFrame
    squares: np.ndarray
    seen: np.ndarray
    positions: np.ndarray | None = None
    teachers: Sequence[Teacher] = ()
    proximal: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=lambda: {"auc": -1.0, "epoch": -1, "weights": None})

    def __post_init__(self) -> None:
        if self.positions is None:
            self.positions = np.arange(len(self.training))

    def start(self, files: Sequence[Path], *, or_scratch: bool = False, earlier: Checkpoint | None = None) -> None:
        """All of the training, from the weights of ``backbones.load``, or of an earlier checkpoint, or from where an
        earlier call stopped.
        """
        recipe = self.recipe
        network, started_from = network_of(recipe), backbones.FROM_SCRATCH
        if earlier is not None:
            started_from = backbones.of_checkpoint(network, earlier)
        elif recipe.pretrained and not (self.out / STATE_FILE).is_file():
            started_from = backbones.load(network, recipe.architecture, files, or_scratch=or_scratch)
        self.prepare(network, started_from)
        self.train()

    def prepare(self, network: nn.Module, started_from: str) -> None:
        recipe, rows = self.recipe, self.training
        self.plain, self.started_from, self.stages = network, started_from, stages_of(recipe)
        torch.manual_seed(recipe.seed)
        weights = sampling.balancing_weights(rows, recipe.balance_power)
        if recipe.balance in sampling.RESAMPLING:
            self.sampler = sampling.sampler(rows, recipe)
        else:
            drawn = max(1, (recipe.epoch_length or len(rows)) // recipe.batch_size) * recipe.batch_size
            self.sampler = images.EpochSampler(
                len(rows), drawn, recipe.seed, weights if recipe.balance == "sampler" else None
            )
        self.steps = len(self.sampler) // recipe.batch_size
        codes = {code: i for i, code in enumerate(DIAGNOSES)}
        self.dataset = images.TrainingSquares(
            self.squares,
            self.positions,
            rows["diagnosis"].map(lambda code: codes.get(code, -1)).to_numpy(),
            rows["malignant"].to_numpy(),
            weights if recipe.balance == "loss" else np.ones(len(rows)),
            recipe.input_size,
            recipe.augmentation,
            pd.factorize(rows["source"].map(family), sort=True)[0],
            np.stack([np.zeros(len(rows), dtype=int), *(teacher.fold for teacher in self.teachers)], axis=1)[:, 1:],
        )
        # A worker that is not forked would get a copy of all photographs.
        workers = 2 if sys.platform == "linux" else 0
        loader = DataLoader(
            self.dataset,
            recipe.batch_size,
            sampler=self.sampler,
            num_workers=workers,
            # Workers hold the dataset as it was when they began, so a growing input needs new ones every epoch.
            persistent_workers=workers > 0 and len(set(recipe.training_sizes)) < 2,
        )
        self.loader = self.accelerator.prepare(loader)
        self._begin(0)
        self._resume()

    def _begin(self, stage: int) -> None:
        """Begin a stage, from the best weights so far, with an optimiser, schedule and moving average of its own."""
        recipe, chosen = self.recipe, self.stages[stage]
        self.stage, self.stage_began = stage, len(self.history)
        if stage:
            self.network = self.optimiser = None
            self.accelerator.free_memory()  # else the earlier stage's wrapper would go on exchanging gradients
            self.plain.load_state_dict(self.best["weights"])
        self.frozen = freeze(self.plain, chosen.unfrozen)
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        learning = [parameter for parameter in self.plain.parameters() if parameter.requires_grad]
        optimiser = kinds[recipe.optimiser](learning, lr=chosen.learning_rate, weight_decay=recipe.weight_decay)
        steps = epochs_of(chosen, recipe) * self.steps
        self.scheduler = _schedule(optimiser, recipe.schedule, chosen.learning_rate, steps)
        self.ema = None
        if recipe.ema_decay:
            self.ema = AveragedModel(self.plain, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True)
            self.ema.to(self.accelerator.device)
        self.network, self.optimiser = self.accelerator.prepare(self.plain, optimiser)
        self.plain = self.accelerator.unwrap_model(self.network)

    def train(self) -> None:
        """All epochs that are left, then load the best weights into ``self.plain``."""
        recipe = self.recipe
        epochs = sum(epochs_of(stage, recipe) for stage in self.stages)
        while self._has_another_epoch():
            epoch = len(self.history)
            began = time.monotonic()
            loss, learning, waited = self._epoch(epoch)
            scored = self.ema.module if self.ema else self.plain
            # Where the last epoch is kept whatever it scores, only that one is scored.
            asked = recipe.keep != "last" or epoch + 1 == epochs
            auc = self._validation_auc(scored) if asked else float("nan")
            if recipe.schedule == "plateau":
                self.scheduler.step(auc)
            seconds = time.monotonic() - began
            self.history.append(
                {
                    "epoch": epoch + 1,
                    "loss": loss,
                    "validation_auc": auc,
                    "learning_rate": self.optimiser.param_groups[0]["lr"],
                    "seconds": seconds,
                    "images_per_second": len(self.sampler) / learning,
                    "waiting_share": waited,
                }
            )
            if auc > self.best["auc"] or recipe.keep == "last" or not len(self.seen):
                weights = {name: t.detach().clone() for name, t in scored.state_dict().items()}
                self.best = {"auc": auc, "epoch": epoch + 1, "weights": weights}
            if self.accelerator.is_main_process:
                self._save()
                left = (epochs - epoch - 1) * seconds / 60
                judged = "" if math.isnan(auc) else f"validation AUC within source {auc:.4f}, "
                tqdm.write(
                    f"Epoch {epoch + 1} of {epochs}: loss {loss:.4f}, {judged}{seconds:.0f} s; "
                    f"about {left:.0f} min left.",
                    file=sys.stderr,
                )
        self.plain.load_state_dict(self.best["weights"])

    def train_part(self, first: int, count: int) -> float:
        """Train ``count`` epochs from number ``first`` (0, 1, …) on, and return the mean loss; for a federation's site.

        The schedule is where it would be in one training of all epochs, the optimiser begins anew, and ``proximal`` / 2
        times the squared distance from the first weights is added to the loss (Li et al. 2020, arXiv 1812.06127).
        """
        if self.recipe.schedule == "one_cycle" and first:
            self.scheduler.last_epoch = first * self.steps - 1
            with warnings.catch_warnings():  # of a schedule that moves before its optimiser, as this one must
                warnings.simplefilter("ignore", UserWarning)
                self.scheduler.step()
        self.anchor = [parameter.detach().clone() for parameter in self.plain.parameters()]
        return float(np.mean([self._epoch(epoch)[0] for epoch in range(first, first + count)]))

    def _distance(self) -> Tensor:
        """Half the squared distance of the weights from those that ``train_part`` began with."""
        pairs = zip(self.plain.parameters(), self.anchor, strict=True)
        return sum((now - before).square().sum() for now, before in pairs) / 2

    def _epoch(self, epoch: int) -> tuple[float, float, float]:
        """The mean loss, the seconds that it took, and the share of them spent waiting for photographs."""
        recipe = self.recipe
        self.network.train()
        if recipe.frozen_batch_norm:
            for module in self.plain.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        for layer in self.frozen:
            layer.eval()
        self.dataset.input_size = input_size(recipe, epoch)
        self.loader.set_epoch(epoch)  # accelerate hands the epoch on to the sampler
        torch.manual_seed(int(np.random.default_rng([recipe.seed, epoch]).integers(2**62)))
        total = torch.zeros((), device=self.accelerator.device)
        began, waiting, batches = time.monotonic(), 0.0, 0
        bar = tqdm(
            self._batches(),
            total=len(self.loader),
            desc=f"Epoch {epoch + 1}",
            unit="batch",
            leave=False,
            disable=None if self.accelerator.is_main_process else True,
        )
        for waited, (pictures, diagnosis, malignant, weight, centre, folds) in bar:
            waiting += waited
            inputs = normalise(pictures, self.preprocessing)
            losses = self._losses(inputs, diagnosis, malignant.float(), weight.float(), folds)
            loss = losses.mean()
            if recipe.robust:
                loss = loss + recipe.robust * spread_between(losses, centre)
            if self.proximal:
                loss = loss + self.proximal * self._distance()
            if not torch.isfinite(loss):
                raise UserError("The loss is no longer a finite number. Try a smaller learning rate.")
            self.accelerator.backward(loss)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            if recipe.schedule == "one_cycle":
                self.scheduler.step()
            if self.ema is not None:
                self.ema.update_parameters(self.plain)
            total += loss.detach()
            batches += 1
        mean = self.accelerator.reduce(total / batches, reduction="mean").item()
        seconds = time.monotonic() - began
        return mean, seconds, waiting / seconds

    def _losses(self, inputs: Tensor, diagnosis: Tensor, malignant: Tensor, weight: Tensor, folds: Tensor) -> Tensor:
        """(B,) weighted losses of a batch, of mixed photographs where the recipe mixes them.

        folds: (B, T), which of a teacher's networks has not seen a photograph; photographs are only mixed with others
        that the same networks have not seen.
        """
        recipe = self.recipe
        other, share = None, 1.0
        if recipe.mixup and torch.rand(()) < recipe.mixup_share:
            share = float(torch.distributions.Beta(recipe.mixup, recipe.mixup).sample())
            other = _partners(folds)
            inputs = torch.lerp(inputs[other], inputs, share)
        logits = self.network(inputs)
        losses = weight * loss_per_photograph(logits, diagnosis, malignant, recipe)
        if other is not None:
            others = weight[other] * loss_per_photograph(logits, diagnosis[other], malignant[other], recipe)
            losses = torch.lerp(others, losses, share)
            weight = torch.lerp(weight[other], weight, share)
        if self.teachers:
            taught = distillation.answers(inputs, folds, self.teachers)
            losses = torch.lerp(losses, weight * distillation.loss(logits, taught), recipe.distil)
        return losses

    def _batches(self) -> Iterator[tuple[float, Any]]:
        """Every batch with the seconds that it was waited for."""
        asked = time.monotonic()
        for batch in self.loader:
            yield time.monotonic() - asked, batch
            asked = time.monotonic()

    def _validation_logits(self, network: nn.Module) -> np.ndarray:
        """(V, K) logits of the validation photographs, shared out among the processes; the same in all of them."""
        accelerator = self.accelerator
        count, processes = len(self.seen), accelerator.num_processes
        mine = np.arange(accelerator.process_index, count + processes - 1, processes)[: -(-count // processes)]
        logits = predict(network, self.seen[np.minimum(mine, count - 1)], self.preprocessing, accelerator.device)
        everyone = accelerator.gather(torch.from_numpy(logits).to(accelerator.device)).cpu().numpy()
        return everyone.reshape(processes, -1, logits.shape[1]).swapaxes(0, 1).reshape(-1, logits.shape[1])[:count]

    def _validation_auc(self, network: nn.Module) -> float:
        """Within source; not a number for a run without validation photographs."""
        if not len(self.seen):
            return float("nan")
        rows, logits = self.validation, self._validation_logits(network)
        found = log_odds(logits, self.recipe.malignant_outputs)
        return within_source_auc(found, rows["malignant"].to_numpy(), rows["source"].to_numpy(dtype=str))

    def _has_another_epoch(self) -> bool:
        """Whether an epoch is left; where a stage is over, begins the next one."""
        while self._is_stage_over():
            if self.stage + 1 == len(self.stages):
                return False
            self._begin(self.stage + 1)
        return True

    def _is_stage_over(self) -> bool:
        done = len(self.history) - self.stage_began
        waited = len(self.history) - max(self.best["epoch"], self.stage_began)
        return done >= epochs_of(self.stages[self.stage], self.recipe) or (done > 0 and waited >= self.recipe.patience)

    def _save(self) -> None:
        state = {
            "network": self.plain.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None,
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "history": self.history,
            "best": self.best,
            "stage": [self.stage, self.stage_began],
            "started_from": self.started_from,
        }
        with replacing(self.out / STATE_FILE) as aside:
            torch.save(state, aside)
        pd.DataFrame(self.history).to_csv(self.out / HISTORY_FILE, index=False, float_format="%.6g")

    def _resume(self) -> None:
        file = self.out / STATE_FILE
        if not file.is_file():
            return
        # Not onto the accelerator's device: accelerate calls a shared CPU "cpu:0", which torch.load does not know.
        state = torch.load(file, map_location="cpu", weights_only=True)
        self.history, self.best = state["history"], state["best"]
        self.started_from = state.get("started_from", "ImageNet" if self.recipe.pretrained else backbones.FROM_SCRATCH)
        stage, began = state.get("stage", (0, 0))
        if stage:
            self._begin(stage)
        self.stage_began = began
        self.plain.load_state_dict(state["network"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        if self.accelerator.is_main_process:
            tqdm.write(f"Resuming after epoch {len(self.history)}.", file=sys.stderr)


def _partners(folds: Tensor) -> Tensor:
    """(B,) for each photograph of a batch another one, at random among those with the same row of ``folds`` (B, T)."""
    partners = torch.arange(len(folds), device=folds.device)
    _, alike = folds.unique(dim=0, return_inverse=True) if folds.shape[1] else (None, torch.zeros_like(partners))
    for row in alike.unique():
        mine = torch.nonzero(alike == row)[:, 0]
        partners[mine] = mine[torch.randperm(len(mine), device=mine.device)]
    return partners


def network_of(recipe: Recipe) -> nn.Module:
    """The recipe's network with the random weights that its seed gives."""
    torch.manual_seed(recipe.seed)
    rates = {"drop_rate": recipe.drop_rate, "drop_path_rate": recipe.drop_path_rate}
    network = networks.create(len(recipe.malignant_outputs), architecture=recipe.architecture, **rates)
    if recipe.zero_head:
        for parameter in network.get_classifier().parameters():
            nn.init.zeros_(parameter)
    return network


def _schedule(optimiser: torch.optim.Optimizer, kind: str, learning_rate: float, steps: int) -> Any:
    if kind == "one_cycle":
        rise = 0.2 if steps != 5 else 0.4  # torch divides by the length of the rise less one step
        return torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=rise)
    if kind == "plateau":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, mode="max", factor=0.5, patience=2)
    return None
