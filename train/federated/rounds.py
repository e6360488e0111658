"""The server's side of a round: which sites take part, what each is asked, and the mean of what comes back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg, FedProx
from tqdm import tqdm

from train import UserError
from train.federated import secure
from train.federated.counts import BINS, SiteCounts
from train.federated.messages import (
    ABOUT,
    ARRAYS,
    CONFIG,
    COUNTS,
    PHOTOGRAPHS,
    REASONS,
    Weights,
    are_finite,
    count_bytes,
    from_record,
    refused,
    sent_back,
    to_record,
)
from train.federated.settings import Settings

LOOK_AGAIN_AFTER = 2.0
"""Seconds between looks for sites that are still missing."""
_PARTS = ("train", "validation")


class CountedGrid:
    """Flower's grid, seen by a strategy: only the sites that take part, with the bytes that went to and fro."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.nodes: list[int] = []
        self.sent = self.received = 0
        self.errors: dict[int, str] = {}

    def get_node_ids(self) -> Iterable[int]:
        return list(self.nodes)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        messages = list(messages)
        self.sent += sum(count_bytes(message.content) for message in messages)
        replies = list(self._grid.send_and_receive(messages, timeout=timeout))
        silent = {message.metadata.dst_node_id for message in messages}
        for reply in replies:
            node = reply.metadata.src_node_id
            if reply.has_error() and node not in silent:
                continue  # the SuperLink's own word for a site that is gone
            silent.discard(node)
            if reply.has_error():
                self.errors[node] = str(reply.error.reason)
            else:
                self.received += count_bytes(reply.content)
        self.errors |= dict.fromkeys(silent, "no answer in time")
        return replies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grid, name)


@dataclass(frozen=True)
class Introduced:
    """A site as it introduced itself. photographs: benign and malignant ones of its training and validation parts."""

    name: str
    photographs: dict[str, tuple[int, int]]

    @property
    def training(self) -> int:
        """How many photographs it trains on."""
        return sum(self.photographs["train"])


@dataclass(frozen=True)
class Round:
    """What a round gave: the new common weights (None where too few sites answered), the mean loss, the names of the
    sites behind them, and name -> why of those that were left out.
    """

    weights: Weights | None
    loss: float
    sites: list[str]
    left_out: dict[str, str] = field(default_factory=dict)


class Federation:
    """All sites that can be reached, under one run's settings.

    build: of the network, as ``messages.build_of``. expected: how many sites there are in a simulation, all of which
    are waited for; None where sites come and go.
    """

    def __init__(
        self, grid: Grid, context: Context, settings: Settings, build: str, expected: int | None = None
    ) -> None:
        self._expected = expected
        self.grid, self.context, self.settings, self.build = CountedGrid(grid), context, settings, build
        self.sites: dict[int, Introduced] = {}
        self.refused: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._online = grid.get_node_ids
        least = {"min_train_nodes": settings.least_sites, "min_available_nodes": settings.least_sites}
        options = {**least, "fraction_evaluate": 0.0, "weighted_by_key": PHOTOGRAPHS}
        self._strategy = (
            FedAvg(**options) if settings.strategy == "fedavg" else FedProx(proximal_mu=settings.mu, **options)
        )

    def gather(self) -> None:
        """Find out who is there, and wait for enough sites. Raises UserError where they do not come in time."""
        until, told = time.monotonic() + self.settings.patience, False
        while True:
            online, late = set(self._online()), time.monotonic() > until
            if self._expected is not None and len(online) < self._expected and not late:
                time.sleep(0.1)
                continue
            self._introduce(sorted(online - set(self.sites) - set(self.refused)))
            self.grid.nodes = sorted(online & set(self.sites))
            if len(self.grid.nodes) >= self.settings.least_sites:
                return
            missing = self.settings.least_sites - len(self.grid.nodes)
            if late or self._expected is not None:
                raise UserError(f"{missing} more sites are needed, and do not come. {self._who_was_refused()}".strip())
            if not told:
                tqdm.write(f"Waiting for {missing} more sites.", file=sys.stderr)
                told = True
            time.sleep(LOOK_AGAIN_AFTER)

    def train(self, number: int, weights: Weights, *, statistics: bool) -> Round:
        """One round from the common weights, all of which are sent, so that a new site starts from the statistics of
        batch normalisation that the others started from. statistics: the sites shall send theirs too.
        """
        self.gather()
        self.grid.errors = {}
        if self.settings.secure:
            return self._train_secure(number, weights, statistics)
        asked = self._strategy.configure_train(
            number, to_record(weights), ConfigRecord({"statistics": statistics}), self.grid
        )
        replies = self.grid.send_and_receive(asked, timeout=self.settings.patience)
        kept, left_out = self._sorted(replies, sent_back(weights, statistics=statistics))
        if len(kept) < self.settings.least_sites:
            return Round(None, float("nan"), [], left_out)
        arrays, numbers = self._strategy.aggregate_train(number, kept)
        names = sorted(self._name(reply) for reply in kept)
        return Round(from_record(arrays), float(numbers["loss"]), names, left_out)

    def count(
        self, weights: Weights, temperatures: Sequence[float], *, own_statistics: bool
    ) -> tuple[list[SiteCounts], dict[str, str]]:
        """Every site's histograms, by name, and who was left out. own_statistics: each with its own batch norm."""
        self.gather()
        self.grid.errors = {}
        config = ConfigRecord({"temperatures": list(temperatures), "own-statistics": own_statistics})
        content = RecordDict({ARRAYS: to_record(weights), CONFIG: config})
        asked = [Message(content, dst_node_id=node, message_type=MessageType.EVALUATE) for node in self.grid.nodes]
        replies = self.grid.send_and_receive(asked, timeout=self.settings.patience)
        found, left_out = [], {}
        for reply in replies:
            if reply.has_error():
                continue
            code = refused(reply.content)
            if code is not None:
                left_out[self._name(reply)] = REASONS[code]
                continue
            try:
                found.append(_site_counts(self._name(reply), reply.content, len(temperatures)))
            except (KeyError, ValueError, TypeError):
                left_out[self._name(reply)] = "its counts are none"
        return sorted(found, key=lambda counts: counts.site), left_out | self._silent()

    def _introduce(self, nodes: list[int]) -> None:
        """Ask new sites who they are; names those that cannot take part."""
        if not nodes:
            return
        empty = RecordDict({CONFIG: ConfigRecord({"build": self.build})})
        asked = [Message(empty, dst_node_id=node, message_type=MessageType.QUERY) for node in nodes]
        for reply in self.grid.send_and_receive(asked, timeout=self.settings.patience):
            if reply.has_error():
                continue
            node, content = reply.metadata.src_node_id, reply.content
            about, code = content.config_records.get(ABOUT, {}), refused(content)
            self._names[node] = self._unique(str(about.get("name", node)))
            if code is None and about.get("build") != self.build:
                code = "other_network"
            if code is not None:
                self.refused[node] = REASONS[code]
                tqdm.write(f"{self._names[node]} stays out: {REASONS[code]}.", file=sys.stderr)
                continue
            told = content.metric_records[COUNTS]
            parts = {part: (int(told[f"{part}-benign"]), int(told[f"{part}-malignant"])) for part in _PARTS}
            self.sites[node] = Introduced(self._names[node], parts)

    def _unique(self, name: str) -> str:
        """A name that no other site that is online goes by."""
        online = set(self._online())
        taken = {known for node, known in self._names.items() if node in online}
        return next(n for n in (name, *(f"{name} ({k})" for k in range(2, 10_000))) if n not in taken)

    def _sorted(self, replies: list[Message], weights: Weights) -> tuple[list[Message], dict[str, str]]:
        """The answers that can be averaged, and name -> why of the others."""
        kept, left_out = [], {}
        # Always in one order, whoever was quicker and whatever numbers Flower drew for the nodes, so that the sum, and
        # with it every later round, is the same to the last bit.
        for reply in sorted(replies, key=self._name):
            if reply.has_error():
                continue
            code = refused(reply.content) or _fault(reply.content, weights)
            if code is None:
                kept.append(reply)
            else:
                left_out[self._name(reply)] = REASONS[code]
        return kept, left_out | self._silent()

    def _train_secure(self, number: int, weights: Weights, statistics: bool) -> Round:
        config: dict[str, Any] = {"server-round": number, "statistics": statistics}
        if self.settings.strategy == "fedprox":
            config["proximal-mu"] = self.settings.mu
        nodes = list(self.grid.nodes)
        most = max(self.sites[node].training for node in nodes)
        found, told = secure.aggregate(self.grid, self.context, nodes, weights, config, most, self.settings.patience)
        left_out = self._silent()
        if found is None or len(told) < self.settings.least_sites or not are_finite(found):
            return Round(None, float("nan"), [], left_out)
        shares = [one["photographs"] for one in told.values()]
        loss = float(np.average([one["loss"] for one in told.values()], weights=shares))
        names = sorted(self._names[node] for node in told)
        return Round(sent_back(found, statistics=statistics), loss, names, left_out)

    def _silent(self) -> dict[str, str]:
        """Name -> why, of sites that Flower gave no answer of."""
        said = {}
        for node, reason in self.grid.errors.items():
            code = next((code for code in REASONS if code != "failed" and code in reason), None)
            said[self._names.get(node, str(node))] = REASONS[code] if code else "it could not be reached"
        return said

    def _name(self, reply: Message) -> str:
        return self._names.get(reply.metadata.src_node_id, str(reply.metadata.src_node_id))

    def _who_was_refused(self) -> str:
        return " ".join(f"{self._names[node]} stays out: {why}." for node, why in self.refused.items())


def _fault(content: RecordDict, weights: Weights) -> str | None:
    """Why a site's weights cannot be averaged with others, a code of REASONS; None where they can."""
    try:
        sent = from_record(content.array_records[ARRAYS])
        photographs, loss = content.metric_records[COUNTS][PHOTOGRAPHS], content.metric_records[COUNTS]["loss"]
    except (KeyError, ValueError, TypeError):
        return "failed"
    if any(name not in sent or sent[name].shape != tensor.shape for name, tensor in weights.items()):
        return "other_network"
    if not are_finite(sent) or not np.isfinite(loss):
        return "not_finite"
    return None if isinstance(photographs, int) and photographs > 0 else "failed"


def _site_counts(name: str, content: RecordDict, temperatures: int) -> SiteCounts:
    """Raises ValueError, KeyError or TypeError where a site's counts are none."""
    found = [content.array_records[ARRAYS][kind].numpy() for kind in ("benign", "malignant")]
    groups = tuple(int(content.metric_records[COUNTS][f"{kind}-groups"]) for kind in ("benign", "malignant"))
    if any(each.shape != (temperatures, BINS) or each.min(initial=0) < 0 for each in found) or min(groups) < 0:
        raise ValueError("These are no histograms.")
    return SiteCounts(name, *found, groups)
