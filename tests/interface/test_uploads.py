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

from interface import uploads

REPOSITORY = Path(__file__).resolve().parents[2]


def left_behind(parent: Path, name: str, age: float) -> Path:
    file = parent / f"{uploads.PREFIX}old" / "hash" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"photo")
    for path in (file, file.parent, file.parent.parent):
        os.utime(path, (time.time() - age, time.time() - age))
    return file


def test_what_a_killed_server_left_goes_after_its_time(tmp_path):
    old = left_behind(tmp_path, "old.jpg", 601)
    uploads.sweep(tmp_path, 600)
    assert not old.exists()


def test_a_young_upload_stays(tmp_path):
    young = left_behind(tmp_path, "young.jpg", 599)
    uploads.sweep(tmp_path, 600)
    assert young.exists()


def test_nothing_but_the_servers_own_folders_is_swept(tmp_path):
    foreign = tmp_path / "holiday" / "beach.jpg"
    foreign.parent.mkdir()
    foreign.write_bytes(b"photo")
    os.utime(foreign, (0, 0))
    uploads.sweep(tmp_path, 600)
    assert foreign.exists()


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
