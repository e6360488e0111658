"""What is too much for the app: uploads, questions, and how many of them at once."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter

import httpx

from benchmarks.visitor import API, Visitor
from interface.server.middleware import SHARE_OF_ONE_ADDRESS
from interface.server.settings import Settings
from interface.tabs.check import METHOD
from skin_model.wording import Words
from tests.attack.asking import endpoint, file_data, join, upload
from tests.own_loop import own_loop


def test_a_file_over_20_mb_is_refused_and_nothing_of_it_stays(app):
    before = set(app.files())
    assert upload(app.address, b"\xff\xd8" + bytes(21 * 2**20)).status_code in (400, 413)
    assert set(app.files()) == before


def test_an_upload_beyond_every_batch_is_refused_before_it_is_sent(app):
    head = (
        f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nReferer: {app.address}/de\r\n"
        f"Connection: close\r\nContent-Length: {3 * 2**30}\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(app.address.rpartition(":")[2])), timeout=60) as sender:
        sender.sendall(head.encode())
        answer = b"".join(iter(lambda: sender.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert answer.endswith(Words("de")("batch.refused.too_large", megabytes=400))


def test_an_upload_of_unknown_length_is_refused(app):
    def pieces():
        yield b"--x\r\n"

    answer = httpx.post(
        f"{app.address}{API}/upload",
        content=pieces(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        timeout=60,
    )
    assert answer.status_code == 411


def test_a_question_over_4_mb_is_refused(app, tab):
    assert join(app.address, tab.function, ["x" * (5 * 2**20)]).status_code == 413


def test_thousands_of_questions_leave_places_for_others_and_the_rest_is_told_to_try_again(app, config, tab, photo):
    place = upload(app.address, photo).json()[0]
    words, most = Words("en")("interface.busy"), Settings.queue
    said, left = Counter(), threading.Semaphore(0)
    before = app.memory()

    def flood() -> None:
        with httpx.Client(timeout=120) as client:
            for _ in range(500):
                answer = join(
                    app.address,
                    endpoint(config, "assess"),
                    [file_data(place), METHOD, 0.5],
                    client=client,
                )
                said[answer.status_code] += 1
                if answer.status_code != 200:
                    assert (answer.status_code, answer.json()["detail"]) == (503, words)
        left.release()

    senders = [threading.Thread(target=flood) for _ in range(6)]
    for sender in senders:
        sender.start()
    time.sleep(1)

    async def somebody_else() -> str:
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        client = httpx.AsyncClient(base_url=app.address, transport=elsewhere, timeout=180)
        async with client, Visitor(client, tab, patience=0) as visitor:
            return (await visitor.check(photo, "polite.jpg")).html

    assert 'class="answer"' in own_loop(somebody_else())
    for sender in senders:
        sender.join()
    assert said[503] > 2000
    assert said[200] >= SHARE_OF_ONE_ADDRESS * most - 1
    deadline = time.monotonic() + 240
    while (
        httpx.get(f"{app.address}{API}/queue/status", timeout=60).json()["queue_size"] and time.monotonic() < deadline
    ):
        time.sleep(1)
    assert httpx.get(f"{app.address}{API}/queue/status", timeout=60).json()["queue_size"] == 0
    print(f"3,000 questions: {dict(said)}, memory {(app.memory() - before) / 2**20:+.0f} MiB")
