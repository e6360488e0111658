"""A photo with a place, a serial number and a name goes every way through the app; afterwards nothing of it is left."""

from __future__ import annotations

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from benchmarks.running_app import RunningApp, running_app
from benchmarks.visitor import API, CheckTab, Visitor
from interface.tabs.check import METHOD
from tests.attack.asking import answer, ask, endpoint, file_data, function_of, join, upload
from tests.conftest import REPOSITORY
from tests.own_loop import own_loop

KEEP = 30
"""Seconds: SKIN_KEEP_SECONDS, which maintainers may set too, in place of the usual 600."""
SERIAL, OWNER, NAME = "SN-4711-PRIVATE", "Erika Mustermann", "erikas-left-shoulder"
LATITUDE = (52.0, 30.0, 59.25)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("private"), SKIN_KEEP_SECONDS=str(KEEP)) as running:
        yield running


@pytest.fixture(scope="module")
def config(app) -> dict:
    return httpx.get(f"{app.address}/config", timeout=60).json()


@pytest.fixture(scope="module")
def tagged() -> bytes:
    """A rendered mole as a phone would have taken it."""
    picture = Image.open(REPOSITORY / "examples" / "tone-1.jpg")
    tags = Image.Exif()
    tags[0x013B] = OWNER  # Artist
    tags.get_ifd(0x8769)[0xA431] = SERIAL  # BodySerialNumber
    tags.get_ifd(0x8825).update({1: "N", 2: LATITUDE, 3: "E", 4: (13.0, 22.0, 39.0)})  # GPS
    written = io.BytesIO()
    picture.save(written, "JPEG", exif=tags, quality=92)
    assert SERIAL.encode() in written.getvalue()
    return written.getvalue()


def as_zip(photo: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{NAME}.jpg", photo)
        archive.writestr(f"album/{NAME}-2.jpg", photo)
    return packed.getvalue()


def traces(app: RunningApp, photo: bytes) -> list[str]:
    """Files and log lines that hold the photo, its name or its tags; pictures count whatever they show."""
    words = [word.encode() for word in (SERIAL, OWNER, NAME)] + [photo[2000:2064]]
    found = [f"log: {word!r}" for word in words if word in app.log.read_bytes()]
    for path in Path(app.log.parent).rglob("*"):
        if not path.is_file() or path == app.log or path.name == "in-use":
            continue
        content = path.read_bytes()
        if NAME in str(path) or any(word in content for word in words) or content[:3] in (b"\xff\xd8\xff", b"\x89PN"):
            found.append(str(path))
    return found


def until_nothing_is_left(app: RunningApp, photo: bytes, seconds: float) -> float:
    """Seconds until there was no trace any more; fails the test where there still is one after ``seconds``."""
    start = time.monotonic()
    while left := traces(app, photo):
        if time.monotonic() - start > seconds:
            pytest.fail(f"after {seconds:.0f} s there is still {left}")
        time.sleep(0.2)
    return time.monotonic() - start


@asynccontextmanager
async def visit(app: RunningApp, config: dict):
    client = httpx.AsyncClient(base_url=app.address, timeout=120)
    async with client, Visitor(client, CheckTab.of(config)) as visitor:
        yield visitor


async def _ask(visitor: Visitor, function: int, data: list) -> list:
    asked = {"data": data, "fn_index": function, "session_hash": visitor.session, "event_data": None}
    joined = await visitor.client.post(f"{API}/queue/join", json=asked)
    assert joined.status_code == 200, joined.text
    async for message in visitor.messages():
        if message["msg"] == "process_completed":
            assert message["success"], message
            return message["output"]["data"]
    raise AssertionError("no answer")


async def checked(visitor: Visitor, config: dict, photo: bytes) -> None:
    assert 'class="answer"' in (await visitor.check(photo, f"{NAME}.jpg")).html


async def pdf(visitor: Visitor, config: dict, photo: bytes) -> None:
    await checked(visitor, config, photo)
    (link,) = await _ask(visitor, function_of(config, "make-pdf", "click"), [None, METHOD, 50])
    assert "data:application/pdf" in link


async def further_photo(visitor: Visitor, config: dict, photo: bytes) -> None:
    await checked(visitor, config, photo)
    place = await visitor.upload(photo, f"{NAME}-again.jpg")
    await _ask(visitor, function_of(config, "more-photos", "upload"), [file_data(place), None, *visitor.tab.settings])


async def compared(visitor: Visitor, config: dict, photo: bytes) -> None:
    for name in ("before", "after"):
        place = await visitor.upload(photo, f"{NAME}-{name}.jpg")
        data = await _ask(visitor, function_of(config, f"compare-choose-{name}", "upload"), [file_data(place), None])
    assert "<table" in data[-1]


async def batch(visitor: Visitor, config: dict, photo: bytes) -> None:
    place = await visitor.upload(as_zip(photo), f"{NAME}.zip")
    data = await _ask(visitor, function_of(config, "batch-files", "change"), [[file_data(place)], ""])
    assert NAME in json.dumps(data)


async def broken(visitor: Visitor, config: dict, photo: bytes) -> None:
    assert 'class="answer"' in (await visitor.check(photo[: len(photo) // 2], f"{NAME}-cut.jpg")).html


JOURNEYS = (checked, pdf, further_photo, compared, batch, broken)


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
def test_nothing_is_left_soon_after_the_visitor_left(app, config, tagged, journey):
    async def go() -> str:
        async with visit(app, config) as visitor:
            await journey(visitor, config, tagged)
            assert traces(app, tagged), "the photo was never there: the search finds nothing"
            return visitor.session

    session = own_loop(go())
    # Well before its time is over: because the visitor left.
    took = until_nothing_is_left(app, tagged, KEEP / 3)
    assert traces(app, tagged) == []
    print(f"{journey.__name__}: nothing left {took:.1f} s after leaving")
    assert unfetched(app, session) == ""


def unfetched(app: RunningApp, session: str) -> str:
    """What the server still has to say to a session."""
    said = ""
    try:
        with httpx.stream(
            "GET", f"{app.address}{API}/queue/data", params={"session_hash": session}, timeout=30
        ) as stream:
            for line in stream.iter_lines():
                said += line if "process_completed" in line else ""
    except httpx.HTTPError:
        pass
    return said


def test_nothing_is_left_when_its_time_is_over_though_the_page_is_still_open(app, config, tagged):
    async def go() -> None:
        async with visit(app, config) as visitor:
            for journey in (checked, compared, batch):
                await journey(visitor, config, tagged)
            start = time.monotonic()
            while await asyncio.to_thread(traces, app, tagged):
                assert time.monotonic() - start < KEEP + 3
                await asyncio.sleep(0.5)
            assert time.monotonic() - start > KEEP / 3, "gone before its time"
            # Whoever goes on is told to choose the photo again.
            (link,) = await _ask(visitor, function_of(config, "make-pdf", "click"), [None, METHOD, 50])
            assert link == ""

    own_loop(go())


def test_an_error_puts_no_name_into_the_log(app, config, tagged):
    place = upload(app.address, tagged, f"{NAME}.jpg").json()[0]
    Path(place).unlink()
    assert not ask(app.address, endpoint(config, "assess"), [file_data(place), METHOD, 0.5])["success"]
    assert "Error in:" in app.said()
    assert NAME not in app.said()


@pytest.mark.parametrize("way", ["queue", "call", "never asked", "never fetched"])
def test_nothing_that_a_program_sent_is_left_when_its_time_is_over(app, config, tagged, way):
    place = upload(app.address, tagged, f"{NAME}.jpg").json()[0]
    if way == "queue":
        assert ask(app.address, endpoint(config, "assess"), [file_data(place), METHOD, 0.5])["success"]
    elif way == "call":
        question = {"data": [file_data(place), METHOD, 0.5]}
        event = httpx.post(f"{app.address}{API}/call/assess", json=question, timeout=60).json()["event_id"]
        assert "complete" in httpx.get(f"{app.address}{API}/call/assess/{event}", timeout=120).text
    elif way == "never fetched":
        joined = join(app.address, endpoint(config, "assess"), [file_data(place), METHOD, 0.5])
    assert traces(app, tagged)
    until_nothing_is_left(app, tagged, KEEP + 3)
    if way == "never fetched":
        assert unfetched(app, json.loads(joined.request.content)["session_hash"]) == ""


def test_a_sender_who_breaks_off_leaves_nothing(app, tagged):
    size = len(tagged)
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{NAME}.jpg"\r\n\r\n'.encode()

    def pieces():
        yield head + tagged[: size // 2]
        time.sleep(0.5)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError), httpx.Client(timeout=30) as client:
        client.post(
            f"{app.address}{API}/upload",
            headers={"Content-Length": str(2 * size), "Content-Type": "multipart/form-data; boundary=x"},
            content=pieces(),
        )
    until_nothing_is_left(app, tagged, 3)


def test_answers_hold_no_tags(app, config, tagged):
    place = upload(app.address, tagged, "mole.jpg").json()[0]
    joined = join(app.address, endpoint(config, "assess"), [file_data(place), METHOD, 0.5])
    said = answer(app.address, joined)
    assert SERIAL not in json.dumps(said) and OWNER not in json.dumps(said)
    for picture in said["output"]["data"][1:]:
        content = httpx.get(f"{app.address}{API}/file={picture['path']}", timeout=60).content
        assert not Image.open(io.BytesIO(content)).getexif()
        assert SERIAL.encode() not in content and OWNER.encode() not in content
