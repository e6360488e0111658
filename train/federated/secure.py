"""Flower's SecAgg+ around a round: the server learns the sum of the sites' changes, and no site's own.

A site sends how its weights changed, times its share of the photographs, masked; the masks cancel in the sum. Changes
are clipped to CLIPPING units and counted in steps of CLIPPING / 2**21 before that, since masks need whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.common import (
    Code,
    FitIns,
    FitRes,
    Parameters,
    Status,
    ndarrays_to_parameters,
    parameters_to_ndarrays,
)
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS
from flwr.compat.common import recorddict_compat
from flwr.server import LegacyContext
from flwr.server.compat.grid_client_proxy import GridClientProxy
from flwr.server.strategy import FedAvg
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key
from flwr.serverapp import Grid
from torch import Tensor

from train.federated.messages import VARIANCE, Weights, sent_back
from train.federated.site import Site

CLIPPING = 8.0
_NAMES = "names"


def unit(name: str, common: Tensor) -> Tensor:
    """What a change is counted in, of the shape of ``common``. A variance of batch normalisation is often above 100 and
    changes by tens in a round, which CLIPPING would cut off: it is counted in its own size.
    """
    return common.clamp(min=1) if name.endswith(VARIANCE) else torch.ones_like(common)


def masking(message: Message, context: Context, call_next: Any) -> Message:
    """Flower's own mod, for the messages of its protocol; others pass."""
    asked = RECORD_KEY_CONFIGS in message.content.config_records
    return secaggplus_mod(message, context, call_next) if asked else call_next(message, context)


def is_secure(message: Message) -> bool:
    """Whether the answer to this message will be masked."""
    return RECORD_KEY_CONFIGS in message.content.config_records


def train(message: Message, site: Site, name: str) -> RecordDict:
    """A site's change of the weights, which ``masking`` then masks, as Flower's protocol wants it."""
    asked = recorddict_compat.recorddict_to_fitins(message.content, keep_input=True)
    names = str(asked.config[_NAMES]).split()
    given = {n: torch.from_numpy(a) for n, a in zip(names, parameters_to_ndarrays(asked.parameters), strict=True)}
    found = site.train(given, int(asked.config["server-round"]), float(asked.config.get("proximal-mu", 0.0)))
    # What stays here is sent as no change, since Flower masks all of the weights that it handed out.
    after = given | sent_back(found.weights, statistics=bool(asked.config["statistics"]))
    changes = ndarrays_to_parameters([((after[n] - given[n]) / unit(n, given[n])).numpy() for n in names])
    told = {"name": name, "loss": found.loss}
    return recorddict_compat.fitres_to_recorddict(
        FitRes(Status(Code.OK, ""), changes, found.photographs, told), keep_input=False
    )


class _Round(FedAvg):
    """Hands SecAgg+ its sites, and keeps what it found."""

    def __init__(self, asked: list[tuple[GridClientProxy, FitIns]]) -> None:
        super().__init__()
        self._asked = asked
        self.changes: list[np.ndarray] | None = None
        self.answered: dict[int, dict[str, Any]] = {}

    def configure_fit(self, *_: Any) -> list[tuple[GridClientProxy, FitIns]]:
        return self._asked

    def aggregate_fit(self, _: int, results: list[tuple[Any, FitRes]], __: Any) -> tuple[Parameters | None, dict]:
        for proxy, answer in results:
            self.answered[proxy.node_id] = {**answer.metrics, "photographs": answer.num_examples}
        if results:
            self.changes = parameters_to_ndarrays(results[0][1].parameters)
        return None, {}


def aggregate(
    grid: Grid,
    context: Context,
    nodes: list[int],
    weights: Weights,
    config: dict[str, Any],
    most: int,
    patience: float,
) -> tuple[Weights | None, dict[int, dict[str, Any]]]:
    """One round of these nodes: the new common weights, None where too few answered; and what each that did said.

    most: the highest number of photographs that a site has. Sites that leave in the middle are taken out of the sum.
    """
    names = sorted(weights)
    arrays = ndarrays_to_parameters([weights[name].float().numpy() for name in names])
    asked = FitIns(arrays, {**config, _NAMES: " ".join(names)})
    chosen = _Round([(GridClientProxy(node, grid, context.run_id), asked) for node in nodes])
    legacy = LegacyContext(context, strategy=chosen)
    legacy.state = RecordDict(
        {
            MAIN_CONFIGS_RECORD: ConfigRecord({Key.CURRENT_ROUND: int(config["server-round"])}),
            MAIN_PARAMS_RECORD: recorddict_compat.parameters_to_arrayrecord(arrays, keep_input=True),
        }
    )
    # A site that leaves is unmasked by the others, of whom more than half must be there.
    protocol = SecAggPlusWorkflow(1.0, 0.6, max_weight=float(most), clipping_range=CLIPPING, timeout=patience)
    protocol(grid, legacy)
    if chosen.changes is None:
        return None, {}
    changes = {n: torch.from_numpy(np.asarray(c)).float() for n, c in zip(names, chosen.changes, strict=True)}
    return {n: weights[n] + c * unit(n, weights[n]) for n, c in changes.items()}, chosen.answered
