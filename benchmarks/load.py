"""Many visitors at once against the real server: answers per second, waiting, refusals, and the server's memory.

    python -m benchmarks load --visitors 40 --seconds 180 --photos 2000

Each visitor opens the page, checks three photos with the requests that the page sends, and leaves; the next one comes.
Every file is unlike any other; every answer is compared with the one that the same image got on the idle server.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Annotated

import httpx
import numpy as np
import pandas as pd
import typer

from benchmarks.photo import SIZES, jpeg
from benchmarks.running_app import REPOSITORY, RunningApp, running_app
from benchmarks.speed_page import write_page
from benchmarks.table import RESULTS, machine
from benchmarks.visitor import Busy, CheckTab, Lost, Visitor, unlike_any_other
from skin_model.atomic_files import write_csv

PHOTOS_A_VISIT = 3
EXAMPLES = "the examples"
_IMAGES = ("tone-1.jpg", "tone-2-hairs.jpg", "tone-3-dermatoscope.jpg", "tone-4-uneven.jpg", "tone-6.jpg")


@dataclass(frozen=True)
class Load:
    """What was measured. photos: which ones. seconds, waits: in seconds. memory: resident MiB, medians of a window.

    busy: refusals with "busy, try again". gave_up: photos whose visitor was refused too often. lost: photos without an
    answer and without such a word. wrong: answers that differ from the idle server's. fewest, most: answers a visitor
    got, without the first and last visits' share. left_waiting: events in the queue after the last visitor left.
    """

    photos: str
    visitors: int
    seconds: float
    answers: int
    answers_a_second: float
    p50: float
    p95: float
    longest: float
    busy: int
    gave_up: int
    lost: int
    wrong: int
    fewest: int
    most: int
    memory_after_warm_up: float
    memory_at_end: float
    memory_growth: float
    left_waiting: int
    reasons: str = ""


@dataclass
class _Tally:
    waits: list[float] = field(default_factory=list)
    a_visitor: Counter[int] = field(default_factory=Counter)
    busy: int = 0
    gave_up: int = 0
    wrong: int = 0
    lost: list[str] = field(default_factory=list)
    memory: list[tuple[int, int]] = field(default_factory=list)


async def press(
    app: RunningApp, visitors: int, seconds: float, photos: int, *, name: str = EXAMPLES, say: bool = True
) -> Load:
    """Let ``visitors`` come for ``seconds`` and until ``photos`` have their answers, whichever takes longer.

    name: of the photos that they bring, EXAMPLES or one of SIZES.
    """
    if name == EXAMPLES:
        images = [(REPOSITORY / "examples" / file).read_bytes() for file in _IMAGES]
    else:
        images = [jpeg(*SIZES[name])]
    tally, start = _Tally(), time.monotonic()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=2 * visitors)
    async with httpx.AsyncClient(base_url=app.address, timeout=120, limits=limits) as client:
        tab = CheckTab.of((await client.get("/config")).json())
        async with Visitor(client, tab) as alone:
            expected = [(await alone.check(unlike_any_other(image))).html for image in images]
        start = time.monotonic()

        def goes_on() -> bool:
            return time.monotonic() - start < seconds or len(tally.waits) < photos

        watch = asyncio.create_task(_watch(app, tally, say))
        await asyncio.gather(
            *(_visits(number, client, tab, images, expected, tally, goes_on) for number in range(visitors))
        )
        took = time.monotonic() - start
        watch.cancel()
        left = (await client.get("/gradio_api/queue/status")).json()["queue_size"]
    return _summary(tally, name, visitors, took, left)


async def _visits(
    number: int,
    client: httpx.AsyncClient,
    tab: CheckTab,
    images: list[bytes],
    expected: list[str],
    tally: _Tally,
    goes_on: Callable[[], bool],
) -> None:
    turn = number
    while goes_on():
        try:
            async with Visitor(client, tab) as visitor:
                for _ in range(PHOTOS_A_VISIT):
                    which = turn % len(images)
                    turn += 1
                    try:
                        answer = await visitor.check(unlike_any_other(images[which]))
                    except Busy:
                        tally.gave_up += 1
                        continue
                    tally.waits.append(answer.seconds)
                    tally.a_visitor[number] += 1
                    tally.busy += answer.busy
                    tally.wrong += answer.html != expected[which] or not answer.overlay
                    if not goes_on():
                        break
        except (Lost, httpx.HTTPError) as problem:
            tally.lost.append(f"{type(problem).__name__} {problem}"[:120])
            await asyncio.sleep(0.5)


async def _watch(app: RunningApp, tally: _Tally, say: bool) -> None:
    last = 0.0
    while True:
        tally.memory.append((len(tally.waits), app.memory()))
        if say and time.monotonic() - last > 10:
            last = time.monotonic()
            print(f"{len(tally.waits)} answers, {app.memory() / 2**20:.0f} MiB, {len(tally.lost)} lost", flush=True)
        await asyncio.sleep(0.5)


def _summary(tally: _Tally, name: str, visitors: int, took: float, left: int) -> Load:
    waits = np.array(tally.waits or [np.nan])
    memory = [size / 2**20 for _, size in tally.memory]
    # Warm is who has answered a quarter; a window of a tenth evens out the waves of uploads.
    quarter, tenth = len(memory) // 4, max(1, len(memory) // 10)
    warm, end = median(memory[quarter : quarter + tenth]), median(memory[-tenth:])
    counts = [tally.a_visitor[number] for number in range(visitors)]
    return Load(
        photos=name,
        visitors=visitors,
        seconds=round(took, 1),
        answers=len(tally.waits),
        answers_a_second=round(len(tally.waits) / took, 2),
        p50=round(float(np.quantile(waits, 0.5)), 3),
        p95=round(float(np.quantile(waits, 0.95)), 3),
        longest=round(float(waits.max()), 3),
        busy=tally.busy,
        gave_up=tally.gave_up,
        lost=len(tally.lost),
        wrong=tally.wrong,
        fewest=min(counts),
        most=max(counts),
        memory_after_warm_up=round(warm, 1),
        memory_at_end=round(end, 1),
        memory_growth=round(end / warm - 1, 4),
        left_waiting=left,
        reasons="; ".join(f"{count}× {reason}" for reason, count in Counter(tally.lost).most_common(3)),
    )


def load(
    visitors: Annotated[int, typer.Option(min=1, help="Visitors at the same time.")] = 40,
    seconds: Annotated[float, typer.Option(min=1, help="For at least so long.")] = 180,
    photos: Annotated[int, typer.Option(min=0, help="And until so many photos have an answer.")] = 2000,
    alone: Annotated[int, typer.Option(min=1, help="Photos of one visitor alone, before the others come.")] = 60,
) -> None:
    """One visitor, then many at once, against the real server: from choosing a photo to the answer with its overlay."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder, running_app(Path(folder)) as app:
        rows = [asyncio.run(press(app, 1, 0, alone, name=name, say=False)) for name in SIZES]
        rows.append(asyncio.run(press(app, visitors, seconds, photos)))
    for name in (each.name for each in fields(Load)):
        print(f"{name:22}", *(f"{getattr(row, name)!s:>16}" for row in rows))
    write_csv(RESULTS / "load.csv", pd.DataFrame(rows).assign(machine=machine()))
    write_page("load")
