"""What a federation agrees on before it begins: sent by the server, read by every site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from train import UserError
from train.fitting.recipes import Recipe, find

STRATEGIES = ("fedavg", "fedprox")
BATCH_NORMS = ("shared", "local")


@dataclass(frozen=True)
class Settings:
    """recipe: a name, as for ``fit``. rounds: how often the sites' weights are averaged. epochs: of its own photographs
    that a site trains in each round. strategy: "fedavg" (McMahan et al. 2017, arXiv 1602.05629) or "fedprox" (Li et al.
    2020, arXiv 1812.06127), whose ``mu`` holds a site's weights near the common ones. batch_norm: whether the
    statistics of batch normalisation are averaged as the weights are ("shared"), or stay with each site until the last
    round ("local", SiloBN, Andreux et al. 2020, arXiv 2008.07424). secure: the server only sees the sum of all sites'
    changes (SecAgg+, Bell et al. 2020, doi 10.1145/3372297.3417885). least_sites: fewer than these are waited for.
    patience: seconds that a round waits for a site. input_size: in place of the recipe's own, 0 for that.
    """

    recipe: str = "single-run"
    rounds: int = 10
    epochs: int = 1
    strategy: str = "fedavg"
    mu: float = 0.01
    batch_norm: str = "shared"
    secure: bool = False
    seed: int = 0
    input_size: int = 0
    least_sites: int = 2
    patience: float = 3600.0

    def __post_init__(self) -> None:
        for name, chosen, known in (
            ("strategy", self.strategy, STRATEGIES),
            ("batch-norm", self.batch_norm, BATCH_NORMS),
        ):
            if chosen not in known:
                raise UserError(f"There is no {name} {chosen!r}. Choose one of: {', '.join(known)}.")
        if self.least_sites < 2 or (self.secure and self.least_sites < 3):
            raise UserError(
                "Secure aggregation needs at least 3 sites: of two, each knows the other from the sum."
                if self.secure
                else "A federation needs at least 2 sites."
            )
        self.to_recipe()

    def to_recipe(self) -> Recipe:
        """How a site trains: the recipe over all rounds, without the moving average, whose place the sites' mean takes.

        Raises UserError for a recipe that cannot be shared out in rounds.
        """
        recipe = find(self.recipe)
        if recipe.distil or recipe.stages:
            raise UserError(
                f"The recipe {self.recipe} {'learns from teachers' if recipe.distil else 'has stages'}, "
                "which cannot be shared out in rounds. Choose another one, such as single-run or strong-crops."
            )
        total = self.rounds * self.epochs
        changes: dict[str, Any] = {"epochs": total, "patience": total, "keep": "last", "ema_decay": 0.0}
        if self.input_size:
            changes["input_size"] = self.input_size
        return recipe.change(**changes, seed=self.seed)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Settings:
        """From Flower's configuration, whose names have hyphens and which may hold more; raises UserError."""
        known = {field.name: type(field.default) for field in fields(cls)}
        found = {name.replace("-", "_"): value for name, value in given.items()}
        return cls(**{name: kind(found[name]) for name, kind in known.items() if name in found})

    def to_config(self) -> dict[str, Any]:
        """As ``read`` takes it."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}
