"""Uploads: gone when the server stops, and when a server that was killed left some behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from interface.server import uploads
from tests.conftest import REPOSITORY


def made(parent: Path, name: str, *, mark: bool = True) -> Path:
    """A folder as a server makes it, with an upload of an hour ago in it."""
    folder = parent / f"{uploads.PREFIX}{name}"
    (folder / "hash").mkdir(parents=True)
    folder.chmod(0o700)
    if mark:
        (folder / uploads.IN_USE).touch()
    aged(folder / "hash" / "mole.jpg", 3600)
    return folder


def aged(file: Path, seconds: float) -> Path:
    file.write_bytes(b"photo")
    os.utime(file, (time.time() - seconds,) * 2)
    return file


def swept(parent: Path, own: Path) -> None:
    uploads.sweep(parent, own, 540)


def test_an_old_upload_goes_and_a_young_one_stays(tmp_path):
    own = made(tmp_path, "own")
    old, young = own / "hash" / "mole.jpg", aged(own / "hash" / "young.jpg", 539)
    with (own / uploads.IN_USE).open("w"):
        swept(tmp_path, own)
    assert young.exists() and not old.exists()
    assert (own / uploads.IN_USE).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell that another process has ended")
def test_what_a_killed_server_left_goes_at_once(tmp_path):
    dead = made(tmp_path, "dead")
    aged(dead / "hash" / "young.jpg", 1)
    swept(tmp_path, tmp_path / "own")
    assert not dead.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell that another process has ended")
def test_another_server_that_lives_looks_after_its_own(tmp_path):
    with uploads._marked(alive := made(tmp_path, "alive", mark=False)):
        swept(tmp_path, tmp_path / "own")
        assert (alive / "hash" / "mole.jpg").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell that another process has ended")
def test_a_mark_is_held_before_it_has_its_name(tmp_path, monkeypatch):
    """Else a server that starts just then would take the folder for a dead one's."""
    named = []
    honest = uploads.fcntl.flock
    monkeypatch.setattr(
        uploads.fcntl, "flock", lambda *a: [named.append((tmp_path / uploads.IN_USE).exists()), honest(*a)]
    )
    with uploads._marked(tmp_path):
        assert named == [False] and (tmp_path / uploads.IN_USE).exists()


def test_folders_of_other_people_are_left_alone_whatever_they_are_called(tmp_path):
    unpacked = made(tmp_path, "main", mark=False)
    elsewhere = made(tmp_path / "elsewhere", "old")
    (tmp_path / f"{uploads.PREFIX}link").symlink_to(elsewhere)
    open_to_all = made(tmp_path, "open")
    open_to_all.chmod(0o755)
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    aged(holiday / "beach.jpg", 3600)
    swept(tmp_path, tmp_path / "own")
    left = [
        unpacked / "hash/mole.jpg",
        elsewhere / "hash/mole.jpg",
        open_to_all / "hash/mole.jpg",
        holiday / "beach.jpg",
    ]
    assert all(file.exists() for file in left)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a signal that it could answer")
def test_a_server_that_is_told_to_stop_leaves_no_photo(tmp_path, examples):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_SERVER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    environment.pop("GRADIO_TEMP_DIR", None)
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        line = server.stdout.readline()
        assert f"http://127.0.0.1:{port}" in line
        with (examples / "tone-1.jpg").open("rb") as photo:
            answer = httpx.post(
                f"http://127.0.0.1:{port}/gradio_api/upload", files={"files": ("mole.jpg", photo)}, timeout=60
            )
        assert answer.status_code == 200
        assert list(tmp_path.rglob("mole.jpg"))
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    finally:
        server.kill()
    assert not list(tmp_path.rglob("*.jpg"))
