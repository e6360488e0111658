"""The corpus of bad files through the server's own endpoint: each gets an answer, and none an error."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import REPOSITORY
from tests.hostile.corpus import PHOTO, Case, cases

EVERY = [case for case in cases() if "file_too_large" not in case.outcomes]  # the server takes no such upload
SAMPLE = [case for case in EVERY if not case.slow and not case.name.startswith("heif/grid")][3::25]


def wrongs(client, chosen: list[Case], folder) -> list[str]:
    """What is wrong with the answers to these cases, one sentence each."""
    from gradio_client import handle_file

    found = []
    for case in chosen:
        file = folder / f"private name{case.suffix}"
        file.write_bytes(case.build())
        try:
            answer, overlay, crop = client.predict(handle_file(file), api_name="/assess")
        except Exception as problem:
            found.append(f"{case.name}: {type(problem).__name__}: {problem}")
            continue
        what = answer["refused"] if answer["refused"] not in (None, "not_skin") else PHOTO
        if what not in case.outcomes:
            found.append(f"{case.name}: {what}, expected one of {sorted(case.outcomes)}")
        if (answer["risk"] is None) != (what != PHOTO):
            found.append(f"{case.name}: {what} with the risk {answer['risk']}")
        if answer["refused"] is not None and (overlay, crop) != (None, None):
            found.append(f"{case.name}: pictures of a refused photo")
        if answer["refused"] is not None and not answer["message"]:
            found.append(f"{case.name}: refused without a word")
    return found


def test_a_sample_of_bad_files_gets_an_answer_each(client, tmp_path):
    assert len(SAMPLE) >= 10
    assert wrongs(client, SAMPLE, tmp_path) == []


@pytest.fixture
def server(tmp_path):
    """The app as visitors meet it, in a process of its own: its address, and the file that holds all it says."""
    said = tmp_path / "said.txt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=REPOSITORY,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1"},
        )
        try:
            deadline = time.monotonic() + 120
            while "http://" not in (text := said.read_text(encoding="utf-8")):
                assert process.poll() is None, text
                assert time.monotonic() < deadline, text
                time.sleep(0.5)
            yield next(word for word in text.split() if word.startswith("http://")).rstrip(".,"), said
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("slow", [False, True], ids=["small", "large"])
def test_the_running_app_answers_every_bad_file_and_says_nothing_of_it(server, tmp_path, slow):
    from gradio_client import Client

    address, said = server
    client = Client(address, verbose=False, download_files=tmp_path / "answers", analytics_enabled=False)
    assert wrongs(client, [case for case in EVERY if case.slow == slow], tmp_path) == []
    text = said.read_text(encoding="utf-8")
    assert "Traceback" not in text, text[-3000:]
    assert "private name" not in text
