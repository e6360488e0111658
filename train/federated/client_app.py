"""Flower's ClientApp: what runs inside a hospital, once for every message of the server.

A SuperNode tells it where the photographs are: ``--node-config 'work="/data/work" name="Vienna"'``; there,
``only-secure=true`` makes it refuse to send weights that the server could read one by one.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from train import UserError
from train.digests import cache_key
from train.federated import secure
from train.federated.messages import (
    ABOUT,
    ARRAYS,
    CONFIG,
    COUNTS,
    PHOTOGRAPHS,
    about,
    build_of,
    from_record,
    refusal,
    sent_back,
    to_record,
    whole_numbers,
)
from train.federated.settings import Settings
from train.federated.site import Site, SiteRefused
from train.fitting.run import network_of

Answer = Callable[[Message, Site, str], RecordDict]


def build(sites: list[dict[str, Any]] | None = None, settings: Settings | None = None) -> ClientApp:
    """The app. sites, settings: of a simulation, whose nodes are numbered; None where SuperNodes are configured."""
    app = ClientApp(mods=[secure.masking])

    def answering(answer: Answer, *, weights: bool = False) -> Callable[[Message, Context], Message]:
        def handle(message: Message, context: Context) -> Message:
            node = context.node_config if sites is None else sites[int(context.node_config["partition-id"])]
            name = str(node.get("name", context.node_id))
            try:
                if weights and node.get("only-secure") and not secure.is_secure(message):
                    raise SiteRefused("only_secure", "The server asked for weights that it could read; refused.")
                site = _site(node, settings or Settings.read(context.run_config), context.run_config)
                return Message(answer(message, site, name), reply_to=message)
            except SiteRefused as problem:
                return _refuse(message, name, problem.code, str(problem))
            except (UserError, OSError) as problem:
                return _refuse(message, name, "unreadable", str(problem))
            except Exception as problem:
                traceback.print_exc()
                return _refuse(message, name, "failed", type(problem).__name__)

        return handle

    app.query()(answering(_introduce))
    app.train()(answering(_train, weights=True))
    app.evaluate()(answering(_count))
    return app


def _site(node: Any, settings: Settings, run_config: Any) -> Site:
    if "work" not in node:
        raise SiteRefused("no_split", "Start the SuperNode with --node-config 'work=\"FOLDER\"', a folder of prepare.")
    work = Path(str(node["work"])).expanduser()
    # Flower numbers a run that goes on anew; it is known again by its settings and the server's folder.
    agreed = json.dumps([settings.to_config(), str(run_config.get("out", ""))], sort_keys=True)
    return Site(work, settings, work / "federated" / cache_key(agreed))


def _refuse(message: Message, name: str, code: str, sentence: str) -> Message:
    print(f"This site stays out ({code}): {sentence}", file=sys.stderr, flush=True)
    if secure.is_secure(message):
        raise SiteRefused(code, code)  # Flower then counts the site as gone, and unmasks the sum without it
    return Message(refusal(code, name), reply_to=message)


def _introduce(message: Message, site: Site, name: str) -> RecordDict:
    """Who is there: how many photographs of which class, and the build of its network."""
    told = {}
    for part in ("train", "validation"):
        malignant = site.rows(part)["malignant"].to_numpy()
        told |= {f"{part}-benign": int((malignant == 0).sum()), f"{part}-malignant": int((malignant == 1).sum())}
    build = build_of(network_of(site.recipe))
    return RecordDict({ABOUT: about(name, build=build), COUNTS: whole_numbers(**told)})


def _train(message: Message, site: Site, name: str) -> RecordDict:
    if secure.is_secure(message):
        return secure.train(message, site, name)
    config = message.content.config_records[CONFIG]
    given = from_record(message.content.array_records[ARRAYS])
    found = site.train(given, int(config["server-round"]), float(config.get("proximal-mu", 0.0)))
    sent = sent_back(found.weights, statistics=bool(config["statistics"]))
    numbers = whole_numbers(**{PHOTOGRAPHS: found.photographs})
    numbers["loss"] = found.loss
    return RecordDict({ABOUT: about(name), ARRAYS: to_record(sent), COUNTS: numbers})


def _count(message: Message, site: Site, name: str) -> RecordDict:
    config = message.content.config_records[CONFIG]
    given = from_record(message.content.array_records[ARRAYS])
    temperatures = tuple(map(float, config["temperatures"]))
    found = site.count(name, given, own_statistics=bool(config["own-statistics"]), temperatures=temperatures)
    bins = {
        "benign": Array(found.benign.astype(np.int32)),
        "malignant": Array(found.malignant.astype(np.int32)),
    }
    numbers = whole_numbers(**{"benign-groups": found.groups[0], "malignant-groups": found.groups[1]})
    return RecordDict({ABOUT: about(name), ARRAYS: ArrayRecord(bins), COUNTS: numbers})


app = build()
