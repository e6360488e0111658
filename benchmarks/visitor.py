"""A visitor who checks photos over HTTP, with the very requests that the page sends from a browser."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

API = "/gradio_api"
_count = itertools.count()


class Busy(Exception):
    """The server said that it is busy and asked to try again."""


class Lost(Exception):
    """A photo without an answer and without a word why."""


@dataclass(frozen=True)
class CheckTab:
    """What the page's description says of the check tab's upload: which function it calls, and what it sends along."""

    function: int
    trigger: int
    settings: tuple[Any, ...]

    @classmethod
    def of(cls, config: dict[str, Any]) -> CheckTab:
        """Read it from ``/config``. Raises StopIteration where there is no such upload."""
        parts = {part["id"]: part for part in config["components"]}
        upload = next(number for number, part in parts.items() if part["props"].get("elem_id") == "choose-photo")
        called = next(
            each for each in config["dependencies"] if [upload, "upload"] in each["targets"] and each["backend_fn"]
        )
        settings = tuple(parts[number]["props"].get("value") for number in called["inputs"][1:])
        return cls(called["id"], upload, settings)


def unlike_any_other(jpeg: bytes) -> bytes:
    """The same image as a file of its own: a comment that no other one bears comes after the first marker."""
    comment = f"visitor {next(_count)} {secrets.token_hex(8)}".encode()
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]


@dataclass
class Answer:
    """html: what the page shows as the answer. overlay: bytes of the image with the heat, 0 for a refused photo.
    seconds: from choosing the photo until both are there. busy: how often the server asked to try again before.
    """

    html: str
    overlay: int
    seconds: float
    busy: int


class Visitor:
    """One visit: a session with a heartbeat, which ends where the ``async with`` ends."""

    def __init__(self, client: httpx.AsyncClient, tab: CheckTab, *, patience: int = 5) -> None:
        """patience: how often to try again where the server is busy."""
        self.client, self.tab, self.patience = client, tab, patience
        self.session = secrets.token_hex(8)
        self._heart: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Visitor:
        (await self.client.get("/")).raise_for_status()
        self._heart = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._heart is not None:
            self._heart.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                await self._heart

    async def _beat(self) -> None:
        async with self.client.stream("GET", f"{API}/heartbeat/{self.session}", timeout=None) as stream:
            async for _ in stream.aiter_lines():
                pass

    async def check(self, photo: bytes, name: str = "mole.jpg") -> Answer:
        """Upload a photo and wait for its answer. Raises Busy where patience is at its end, or Lost."""
        start = time.perf_counter()
        for busy in range(self.patience + 1):
            try:
                place = await self.upload(photo, name)
                data = await self.run(place, name)
            except Busy:
                if busy == self.patience:
                    raise
                await asyncio.sleep(1.0 + busy)
                continue
            images = shown_images(data)
            overlay = 0
            if images:
                fetched = await self.client.get(f"{API}/file={images[-1]}")
                if fetched.status_code != 200:
                    raise Lost(f"overlay: {fetched.status_code}")
                overlay = len(fetched.content)
            html = next((value for value in data if isinstance(value, str) and 'class="answer"' in value), "")
            return Answer(html, overlay, time.perf_counter() - start, busy)
        raise AssertionError

    async def upload(self, photo: bytes, name: str) -> str:
        """The file's place on the server."""
        answer = await self.client.post(
            f"{API}/upload", params={"upload_id": secrets.token_hex(5)}, files={"files": (name, photo)}
        )
        _raise_for(answer)
        return answer.json()[0]

    async def join(self, place: str, name: str = "mole.jpg") -> str:
        """Ask for the photo's answer; gives the event's id."""
        file = {"path": place, "orig_name": name, "mime_type": "image/jpeg", "meta": {"_type": "gradio.FileData"}}
        answer = await self.client.post(
            f"{API}/queue/join",
            json={
                "data": [file, *self.tab.settings],
                "fn_index": self.tab.function,
                "trigger_id": self.tab.trigger,
                "session_hash": self.session,
                "event_data": None,
            },
        )
        _raise_for(answer)
        return answer.json()["event_id"]

    async def run(self, place: str, name: str) -> list[Any]:
        """Ask, and wait for the answer: the values of everything that the page then shows."""
        event = await self.join(place, name)
        async for message in self.messages():
            if message["msg"] == "process_completed" and message.get("event_id") == event:
                if not message["success"]:
                    raise Lost(str(message["output"]))
                return message["output"]["data"]
        raise Lost("the stream ended without an answer")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the server has to say to this session, until it closes the stream."""
        params = {"session_hash": self.session}
        async with self.client.stream("GET", f"{API}/queue/data", params=params, timeout=120) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])


def _raise_for(answer: httpx.Response) -> None:
    if answer.status_code == 503 and "busy" in answer.text.lower() and "try again" in answer.text.lower():
        raise Busy
    if answer.status_code != 200:
        raise Lost(f"{answer.status_code}: {answer.text[:200]}")


def shown_images(data: list[Any]) -> list[str]:
    """Places of the images in an answer's slider, the plain one before the one with the heat."""
    for value in (each.get("value") if isinstance(each, dict) else each for each in data):
        if isinstance(value, list) and value and all(isinstance(each, dict) and "path" in each for each in value):
            return [each["path"] for each in value]
    return []
