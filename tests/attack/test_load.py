"""Many visitors at once, slow ones and ones that vanish: nobody's photo is lost, and every place becomes free again."""

from __future__ import annotations

import asyncio
import io
import socket
import time
import zipfile

import httpx
import pytest

from benchmarks.load import press
from benchmarks.running_app import RunningApp, running_app
from benchmarks.visitor import API, Visitor, unlike_any_other
from interface.server.middleware import SILENT_SECONDS
from tests.attack.asking import ask, endpoint, file_data, function_of, join, upload
from tests.own_loop import own_loop

VISITORS, SECONDS = 40, 180
PHOTOS = 2000


@pytest.fixture
def fresh(tmp_path):
    with running_app(tmp_path) as running:
        yield running


def waiting(app: RunningApp) -> int:
    return httpx.get(f"{app.address}{API}/queue/status", timeout=60).json()["queue_size"]


def test_forty_visitors_for_three_minutes_lose_nothing(fresh):
    found = own_loop(press(fresh, VISITORS, SECONDS, PHOTOS))
    print(found)
    assert (found.lost, found.wrong, found.gave_up, found.left_waiting) == (0, 0, 0, 0), found.reasons
    assert found.memory_growth <= 0.10
    # First come, first served: a visitor's next photo waits behind everybody else's.
    assert found.most - found.fewest <= 3


def test_more_visitors_than_places_are_told_to_try_again_and_get_their_turn(tmp_path):
    with running_app(tmp_path, SKIN_QUEUE="8") as app:
        found = own_loop(press(app, 20, 20, 0))
    assert (found.lost, found.wrong) == (0, 0), found.reasons
    assert found.busy + found.gave_up > 0
    assert found.answers > 10


def test_whoever_vanishes_while_waiting_frees_the_place(app, tab, photo):
    async def vanish(client: httpx.AsyncClient) -> None:
        visitor = Visitor(client, tab)
        await visitor.join(await visitor.upload(unlike_any_other(photo), "mole.jpg"))
        stream = visitor.messages()
        await anext(stream)
        await stream.aclose()

    async def go() -> int:
        async with httpx.AsyncClient(base_url=app.address, timeout=120) as client:
            await asyncio.gather(*(vanish(client) for _ in range(40)))
        await asyncio.sleep(3)
        return waiting(app)

    # Forty answers take far more than three seconds; of those who vanished at most what had begun is worked out.
    assert own_loop(go()) <= 2


def as_zip(photo: bytes, many: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(many):
            archive.writestr(f"{number}.jpg", photo)
    return packed.getvalue()


def test_whoever_vanishes_during_a_batch_frees_the_place(app, config, photo):
    batch = function_of(config, "batch-files", "change")

    def timed(many: int) -> float:
        place = upload(app.address, as_zip(photo, many), "moles.zip").json()[0]
        start = time.monotonic()
        assert ask(app.address, batch, [[file_data(place)], ""])["success"]
        return time.monotonic() - start

    timed(1)
    whole = timed(40) / 40 * 200
    place = upload(app.address, as_zip(photo, 200), "moles.zip").json()[0]
    joined = join(app.address, batch, [[file_data(place)], ""], session_hash="vanishing")
    assert joined.status_code == 200
    with httpx.stream(
        "GET", f"{app.address}{API}/queue/data", params={"session_hash": "vanishing"}, timeout=60
    ) as stream:
        next(line for line in stream.iter_lines() if "process_starts" in line)
    assert timed(1) < whole / 2


def test_single_photos_do_not_wait_for_a_batch(app, config, tab, photo):
    place = upload(app.address, as_zip(photo, 200), "moles.zip").json()[0]
    batch = function_of(config, "batch-files", "change")
    join(app.address, batch, [[file_data(place)], ""], session_hash="patient")

    async def go() -> None:
        async with httpx.AsyncClient(base_url=app.address, timeout=120) as client, Visitor(client, tab) as visitor:
            answer = await visitor.check(photo)
            assert 'class="answer"' in answer.html
            # The batch is still at work.
            params = {"session_hash": "patient"}
            async with client.stream("GET", f"{API}/queue/data", params=params) as stream:
                async for line in stream.aiter_lines():
                    if '"progress"' in line:
                        return
                    assert "process_completed" not in line

    own_loop(go())


def test_senders_who_stand_still_hold_nobody_up_and_are_sent_away(app, tab, photo):
    port = int(app.address.rpartition(":")[2])
    before = set(app.files())
    slow = []
    for number in range(30):
        sender = socket.create_connection(("127.0.0.1", port), timeout=SILENT_SECONDS + 30)
        head = (
            f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; "
            f'name="files"; filename="{number}.jpg"\r\n\r\n'
        )
        sender.sendall(head.encode() + photo[:1000])
        slow.append(sender)

    async def quick() -> float:
        async with httpx.AsyncClient(base_url=app.address, timeout=120) as client, Visitor(client, tab) as visitor:
            return (await visitor.check(unlike_any_other(photo))).seconds

    assert own_loop(quick()) < SILENT_SECONDS / 2
    start = time.monotonic()
    for sender in slow:
        assert sender.recv(1000).startswith(b"HTTP/1.1 408 ")
        sender.close()
    assert time.monotonic() - start < SILENT_SECONDS + 10
    time.sleep(2)
    assert not [path for path in set(app.files()) - before if path.name.startswith("tmp")]


def test_a_program_that_calls_and_never_listens_is_served_without_end(app, config, photo):
    """Its answers are dropped in time; until then they keep nobody from their own."""
    place = upload(app.address, photo).json()[0]
    for number in range(10):
        joined = join(
            app.address, endpoint(config, "assess"), [file_data(place), "grad_cam", 0.5], session_hash=f"deaf{number}"
        )
        assert joined.status_code == 200
    deadline = time.monotonic() + 60
    while waiting(app) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert waiting(app) == 0
