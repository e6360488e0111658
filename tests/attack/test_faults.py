"""What the server does when its machine fails it: each fault with the behaviour that docs/operations.md states."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from gradio_client import Client

from benchmarks.running_app import REPOSITORY, NotStarted, RunningApp, running_app
from benchmarks.visitor import CheckTab, Visitor, unlike_any_other
from interface.server.middleware import KEPT_FREE_BYTES
from skin_model.network.checkpoint import EMBEDDED
from skin_model.wording import Words
from tests import hub
from tests.attack.asking import upload
from tests.own_loop import own_loop
from tests.skin_model.network.test_checkpoint_from_hub import FILES
from tests.test_container import powerless

BUSY = Words("en")("interface.busy")


def check(app: RunningApp, photo: bytes) -> str:
    """What the page shows of a photo."""

    async def visit() -> str:
        async with httpx.AsyncClient(base_url=app.address, timeout=120) as client:
            tab = CheckTab.of((await client.get("/config")).json())
            async with Visitor(client, tab) as visitor:
                return (await visitor.check(unlike_any_other(photo))).html

    return own_loop(visit())


def pictures(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 0]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell that another process has ended")
def test_a_server_killed_at_work_leaves_no_photo_once_it_runs_again(tmp_path, photo):
    temp = tmp_path / "temp"

    async def at_work(app: RunningApp) -> None:
        async with httpx.AsyncClient(base_url=app.address, timeout=60) as client:
            visitor = Visitor(client, CheckTab.of((await client.get("/config")).json()))
            for _ in range(4):
                await visitor.join(await visitor.upload(unlike_any_other(photo), "mole.jpg"))
            async for message in visitor.messages():
                if message["msg"] == "process_starts":
                    app.kill()
                    return

    with running_app(tmp_path / "first", temp=temp) as app:
        own_loop(at_work(app))
    assert len(pictures(temp)) >= 4
    with running_app(tmp_path / "second", temp=temp) as app:
        assert pictures(temp) == []
        assert 'class="answer"' in check(app, photo)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with 32 MB beyond what is kept free."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={KEPT_FREE_BYTES + 32 * 2**20}", "tmpfs", str(folder)],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    ballast = disk / "ballast"
    left = shutil.disk_usage(disk).free - leave
    with ballast.open("wb") as file:
        while left > 0:
            try:
                left -= file.write(bytes(min(left, 1 << 16)))
                file.flush()
            except OSError:
                break
    return ballast


def test_a_filling_disk_refuses_uploads_in_words_and_keeps_room_for_answers(tmp_path, small_disk, photo):
    with running_app(tmp_path / "app", temp=small_disk) as app:
        before = check(app, photo)

        async def upload_then_fill() -> str:
            async with httpx.AsyncClient(base_url=app.address, timeout=60) as client:
                visitor = Visitor(client, CheckTab.of((await client.get("/config")).json()))
                place = await visitor.upload(photo, "mole.jpg")
                fill(small_disk, KEPT_FREE_BYTES // 2)
                data = await visitor.run(place, "mole.jpg")
                return next(value for value in data if isinstance(value, str) and 'class="answer"' in value)

        assert own_loop(upload_then_fill()) == before
        refused = upload(app.address, photo)
        assert (refused.status_code, refused.text) == (503, BUSY)
        (small_disk / "ballast").unlink()
        assert check(app, photo) == before


def test_a_full_disk_ends_one_answer_and_not_the_server(tmp_path, small_disk, photo):
    with running_app(tmp_path / "app", temp=small_disk) as app:
        before = check(app, photo)

        async def full() -> dict:
            async with httpx.AsyncClient(base_url=app.address, timeout=60) as client:
                visitor = Visitor(client, CheckTab.of((await client.get("/config")).json()))
                # Another picture, whose answer has no file yet.
                other = (REPOSITORY / "examples" / "tone-6.jpg").read_bytes()
                place = await visitor.upload(other, "mole.jpg")
                fill(small_disk, 0)
                event = await visitor.join(place)
                async for message in visitor.messages():
                    if message["msg"] == "process_completed" and message["event_id"] == event:
                        return message
            raise AssertionError("no last word")

        assert own_loop(full())["success"] is False
        (small_disk / "ballast").unlink()
        assert check(app, photo) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights on folders")
def test_without_a_writable_temporary_folder_the_app_says_so_and_ends(tmp_path):
    temp = tmp_path / "temp"
    temp.mkdir()
    temp.chmod(0o555)
    try:
        with (
            pytest.raises(NotStarted) as said,
            running_app(tmp_path / "app", temp=temp, before=powerless()),
        ):
            pass
    finally:
        temp.chmod(0o755)
    lines = str(said.value).strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: Uploads have no place") and "TMPDIR" in lines[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights on folders")
def test_a_folder_that_can_no_longer_be_written_refuses_uploads_until_it_can(tmp_path, photo):
    with running_app(tmp_path / "app", before=powerless()) as app:
        before = check(app, photo)
        (folder,) = app.temp.glob("self-skin-check-*")
        folder.chmod(0o500)
        try:
            refused = upload(app.address, photo)
        finally:
            folder.chmod(0o700)
        assert (refused.status_code, refused.text) == (503, BUSY)
        assert check(app, photo) == before


def test_a_folder_that_was_tidied_away_is_made_anew_for_this_user_alone(tmp_path, photo):
    with running_app(tmp_path / "app") as app:
        (folder,) = app.temp.glob("self-skin-check-*")
        shutil.rmtree(folder)
        assert 'class="answer"' in check(app, photo)
        assert folder.stat().st_mode & 0o077 == 0


def test_a_checkpoint_removed_while_running_goes_on_answering(tmp_path, photo):
    checkpoint = tmp_path / "checkpoint"
    shutil.copytree(EMBEDDED, checkpoint)
    with running_app(tmp_path / "app", SKIN_CHECKPOINT=str(checkpoint)) as app:
        before = check(app, photo)
        shutil.rmtree(checkpoint)
        assert check(app, photo) == before
        for address in ("/", "/fr", "/config"):
            assert httpx.get(app.address + address, timeout=60).status_code == 200


def test_a_hub_that_is_cut_off_changes_no_answer_and_stops_no_start(tmp_path, photo):
    with ExitStack() as connected:
        local = connected.enter_context(hub.LocalHub())
        local.create("owner/name", {name: (EMBEDDED / name).read_bytes() for name in FILES})
        settings = {
            "SKIN_CHECKPOINT": "owner/name",
            "HF_ENDPOINT": local.endpoint,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
        }
        cache, empty = {"HF_HOME": str(tmp_path / "cache")}, {"HF_HOME": str(tmp_path / "empty")}
        with running_app(tmp_path / "first", **settings, **cache) as app:
            assert stands_in(app) is None
            before = check(app, photo)
            connected.close()
            assert check(app, photo) == before
    with running_app(tmp_path / "second", **settings, **cache) as app:
        assert stands_in(app) is None
        assert check(app, photo) == before
    with running_app(tmp_path / "third", **settings, **empty) as app:
        assert stands_in(app) == "owner/name"
        assert check(app, photo) == before


def stands_in(app: RunningApp) -> str | None:
    """The checkpoint in whose place the embedded one answers."""
    return Client(app.address, verbose=False, analytics_enabled=False).predict(api_name="/about")["fallback_for"]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a signal that it could answer")
def test_a_server_told_to_stop_at_work_ends_soon_and_leaves_no_photo(tmp_path, photo):
    async def at_work(app: RunningApp) -> None:
        async with httpx.AsyncClient(base_url=app.address, timeout=60) as client:
            visitor = Visitor(client, CheckTab.of((await client.get("/config")).json()))
            await visitor.join(await visitor.upload(photo, "mole.jpg"))
            app.process.send_signal(signal.SIGTERM)
            start = time.monotonic()
            while app.process.poll() is None and time.monotonic() - start < 30:
                await asyncio.sleep(0.2)

    with running_app(tmp_path / "app") as app:
        own_loop(at_work(app))
        assert app.process.poll() is not None
        assert pictures(app.temp) == []
