"""Drawn photographs of several clinics, and Flower's grid within one process."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.task_identity import TaskIdentity

from tests.train.rendered_lesions import write_work
from train.fitting.recipes import Recipe

TINY = Recipe(
    name="tiny",
    description="A few steps on small pictures.",
    pretrained=False,
    input_size=32,
    epochs=2,
    batch_size=8,
    learning_rate=3e-3,
    risk_weight=1.0,
)
TINY_CNN = TINY.change(name="tiny-cnn", architecture="small_cnn")
"""Learns more from a few steps, and has maps of no kind."""
CLINICS = ("vienna", "bern", "graz")


def write_clinics(folder: Path, *, training: int = 24, validation: int = 24) -> Path:
    """A work folder with photographs of three clinics, half of them malignant."""
    tables = []
    for seed, clinic in enumerate(CLINICS):
        work = write_work(folder / clinic, training=training, validation=validation, seed=seed)
        rows = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
        ids = {name: f"{clinic}-" + rows[name] for name in ("image_id", "group")}
        tables.append(rows.assign(source=clinic, **ids))
        shutil.rmtree(work)
    (folder / "work").mkdir()
    pd.concat(tables).to_csv(folder / "work/split.csv", index=False)
    return folder / "work"


class GridInOneProcess:
    """Sites by number, each answered by a ClientApp. offline: those that nobody reaches now.

    answering: node -> what it does to its answer's content before it is sent.
    """

    def __init__(self, app: ClientApp, sites: int) -> None:
        TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 0  # as Flower sets them for a run
        self.app, self.nodes = app, list(range(1, sites + 1))
        self.offline: set[int] = set()
        self.answering: dict[int, Callable[[RecordDict], RecordDict]] = {}
        self.seen: list[tuple[Message, Message]] = []
        self.contexts = {node: self._context(node) for node in self.nodes}

    @staticmethod
    def _context(node: int, config: dict[str, Any] | None = None) -> Context:
        partition = {"partition-id": node - 1, **(config or {})}
        return Context(run_id=1, node_id=node, node_config=partition, state=RecordDict(), run_config={})

    def get_node_ids(self) -> Iterable[int]:
        return [node for node in self.nodes if node not in self.offline]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        replies = []
        for message in messages:
            message = copy.deepcopy(message)  # as sent over a network: no two sites share an object
            node = message.metadata.dst_node_id
            if node in self.offline:
                continue
            try:
                reply = self.app(message, self.contexts[node])
                if node in self.answering:
                    reply = Message(self.answering[node](reply.content), reply_to=message)
            except Exception as problem:
                reply = Message(Error(code=1, reason=str(problem)), reply_to=message)
            self.seen.append((message, reply))
            replies.append(reply)
        return replies


def server_context() -> Context:
    """The server's own."""
    return Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={})
