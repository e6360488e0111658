"""What a session leaves in this server, and when it is forgotten: soon after the visitor left, or in time.

Gradio by itself keeps a session's values for an hour after it ended, what its page last showed (pictures of the photo
among it) until ten thousand other sessions came, and answers that nobody fetched until two thousand others did.
"""

import asyncio
import contextlib
import json
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder

from interface.server.uploads import PREFIX

_FEWEST_HELD = 32


def held(queue: int) -> int:
    """How many sessions' photos are held at the same time where ``queue`` visitors wait; more push out the oldest."""
    return max(_FEWEST_HELD, 2 * queue)


def has_left(page: gr.Blocks, session: str | None) -> bool:
    """Whether the visitor for whom something is being worked out no longer waits for it."""
    running = [event for job in page._queue.active_jobs if job for event in job]
    return any(event.session_hash == session and not event.alive for event in running)


class _Values(SessionState):
    """A session's values, without a description of what every component shows: that would hold pictures of the photo,
    take half a second to begin with, and serve nothing but links to a session's content, which this server refuses.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks=()))  # type: ignore[arg-type]

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class _Holder(StateHolder):
    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = _Values(self.blocks)
        return super().__getitem__(session_id)


class Sessions:
    """Who is here, which files are whose, and the forgetting of both.

    folder: where uploads and answers' pictures lie. keep: seconds that a photo may stay. clock: seconds, monotonic.
    """

    def __init__(self, folder: Path, keep: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.keep, self.clock = folder, keep, clock
        # A phone that looks away for a moment, or changes its network, has not left.
        self.grace = keep / 20
        self._connections: Counter[str] = Counter()
        self._seen: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._owners: defaultdict[str, set[str]] = defaultdict(set)
        self._mentioned = re.compile(re.escape(json.dumps(str(folder))[1:-1]).encode() + rb'(?:[^"\\]|\\.)+(?=")')

    def take_over(self, app: App) -> None:
        """Put a holder that holds less in the place of Gradio's own; before the first visitor comes."""
        holder = _Holder()
        holder.set_blocks(app.get_blocks())
        app.state_holder = holder

    def asks(self, session: str) -> None:
        """A session wants something: its time starts anew."""
        self._seen[session] = self.clock()

    def mentions(self, session: str, message: bytes) -> list[str]:
        """Every file that a message (JSON) to or from the session names belongs to the session from now on.

        Returns those that did not before.
        """
        new = []
        for found in self._mentioned.findall(message):
            with contextlib.suppress(ValueError):
                place = json.loads(b'"' + found + b'"')
                if session not in self._owners[place]:
                    self._owners[place].add(session)
                    new.append(place)
        self._seen.setdefault(session, self.clock())
        return new

    def is_shown(self, session: str, message: bytes) -> None:
        """As ``mentions``, of a message to the session: a picture that is new to it has its whole time before it.

        Pictures are named after their content, so another visitor's like it may have lain there for most of its time.
        """
        for place in self.mentions(session, message):
            if self._is_ours(place):
                with contextlib.suppress(OSError):  # gone already
                    os.utime(place)

    @contextmanager
    def connected(self, session: str) -> Iterator[None]:
        """While the session's page is open, or waits for an answer."""
        self._connections[session] += 1
        self._left.pop(session, None)
        self._seen.setdefault(session, self.clock())
        try:
            yield
        finally:
            self._connections[session] -= 1
            if not self._connections[session]:
                del self._connections[session]
                self._left[session] = self.clock()

    def over(self, sessions: Iterable[str], now: float) -> list[str]:
        """Those of the sessions that are to be forgotten: left, or not heard of for as long as a photo may stay."""

        def is_over(session: str) -> bool:
            if session in self._left and now - self._left[session] >= self.grace:
                return True
            return now - self._seen.setdefault(session, now) >= self.keep * 0.9

        return [session for session in sessions if is_over(session)]

    async def sweep(self, app: App) -> None:
        """Forget every session that is over."""
        queue = app.get_blocks()._queue
        known = {
            *app.state_holder.session_data,
            *queue.pending_messages_per_session,
            *queue.pending_event_ids_session,
            *self._seen,
            *self._left,
            *(session for owners in self._owners.values() for session in owners),
        }
        for session in self.over(known, self.clock()):
            await self.forget(app, session)
        self._delete_unowned()

    async def forget(self, app: App, session: str) -> None:
        """Drop the session's values, its place in the queue, its unfetched answers, and files that no other one has."""
        blocks = app.get_blocks()
        await blocks._queue.clean_events(session_hash=session)
        blocks._queue.pending_event_ids_session.pop(session, None)
        blocks.pending_streams.pop(session, None)
        blocks.pending_diff_streams.pop(session, None)
        if session not in self._connections:
            blocks._queue.pending_messages_per_session.pop(session, None)
        app.state_holder.session_data.pop(session, None)
        app.state_holder.time_last_used.pop(session, None)
        self._seen.pop(session, None)
        self._left.pop(session, None)
        for owners in self._owners.values():
            owners.discard(session)
        self._delete_unowned()
        for names in blocks.temp_file_sets:
            names.difference_update([name for name in names if not Path(name).exists()])

    def _delete_unowned(self) -> None:
        """Delete files that no session has any more.

        Places are named after content: another session may just have written the same, and not have named it yet.
        """
        gone = [place for place, owners in self._owners.items() if not owners and not self._is_new(place)]
        for place in gone:
            del self._owners[place]
            self._delete(place)

    def _is_new(self, place: str) -> bool:
        try:
            return self._is_ours(place) and time.time() - Path(place).stat().st_mtime < self.grace
        except OSError:  # swept already
            return False

    def drop_unfinished_uploads(self) -> None:
        """Delete what senders who broke off have left; while no upload is on its way."""
        if self.folder.name.startswith(PREFIX):  # else others may be writing there
            for rest in self.folder.glob("tmp*"):
                rest.unlink(missing_ok=True)

    def _is_ours(self, place: str) -> bool:
        path = Path(place)
        return self.folder in path.parents and ".." not in path.parts

    def _delete(self, place: str) -> None:
        path = Path(place)
        if not self._is_ours(place):
            return
        with contextlib.suppress(OSError):  # swept already, or not a file
            path.unlink()
            path.parent.rmdir()

    async def keep_sweeping(self, app: App) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.keep / 60)
            await self.sweep(app)
