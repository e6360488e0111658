"""What the middleware lets in, in front of the served interface; the slow tests ask the real app much more."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from interface.server import middleware
from interface.server.middleware import (
    HEADERS,
    MAX_QUESTION_BYTES,
    MAX_UPLOAD_BYTES,
    SHARE_OF_ONE_ADDRESS,
    _names_elsewhere,
    _place,
)
from skin_model.wording import Words, languages
from tests.own_loop import own_loop


@pytest.fixture(scope="module")
def address(client) -> str:
    return client.src.rstrip("/")


def post(address, path, content=b"{}", **headers):
    return httpx.post(
        address + path, content=content, headers={"Content-Type": "application/json", **headers}, timeout=60
    )


@pytest.mark.parametrize("path", ["/", "/de", "/config", "/theme.css", "/nothing", "/gradio_api/file=/etc/passwd"])
def test_every_answer_carries_the_headers(address, path):
    found = httpx.get(address + path, timeout=60).headers
    assert {name: found[name] for name in HEADERS} == HEADERS


def test_a_slash_after_the_language_keeps_what_the_address_asks_for_and_a_proxys_prefix(address):
    found = httpx.get(address + "/de/?tab=batch", timeout=60)
    assert (found.status_code, found.headers["Location"]) == (308, "../de?tab=batch")


def test_spaces_may_show_the_page_in_a_frame_and_nobody_else():
    (rule,) = (part for part in HEADERS["Content-Security-Policy"].split("; ") if part.startswith("frame-ancestors"))
    assert rule.split()[1:] == ["'self'", "https://huggingface.co", "https://*.hf.space"]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/deep_link?session_hash=a",
        "/gradio_api/proxy=https://example.hf.space/",
        "/gradio_api/file=http://127.0.0.1/",
        "/gradio_api/file=HTTPS://example.org/a.jpg",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/run-history/records",
        "/gradio_api/dev/reload",
        "/monitoring",
    ],
)
def test_what_the_page_does_not_need_is_not_there(address, path):
    assert httpx.get(address + path, timeout=60).status_code == 404


@pytest.mark.parametrize(
    "path", ["/gradio_api/run/assess", "/gradio_api/component_server", "/gradio_api/process_recording", "/login"]
)
def test_nobody_passes_the_queue_by(address, path):
    assert post(address, path).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000])
def test_a_question_that_is_no_json_object_is_refused(address, body):
    assert 400 <= post(address, "/gradio_api/queue/join", body).status_code < 500


def test_a_question_that_is_too_large_is_refused(address):
    assert post(address, "/gradio_api/queue/join", b" " * (MAX_QUESTION_BYTES + 1)).status_code == 413


def test_an_upload_of_unknown_length_is_refused(address):
    assert httpx.post(f"{address}/gradio_api/upload", content=iter([b"x"]), timeout=60).status_code == 411


@pytest.mark.parametrize(
    "path",
    [
        "http://localhost/a.jpg",
        "HTTPS://example.org/a",
        " ftp://example.org/a",
        "file:///etc/passwd",
        "data:,a",
        "gopher:x",
    ],
)
def test_a_file_that_would_have_to_be_fetched_is_refused(address, path):
    question = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}], "fn_index": 0, "session_hash": "a"}
    refused = post(address, "/gradio_api/queue/join", json.dumps(question).encode())
    assert refused.status_code == 400
    assert "Send the photo itself" in refused.json()["detail"]


def test_a_file_is_found_however_deep_it_lies():
    inner: object = {"path": "https://example.org/a.jpg"}
    for _ in range(500):
        inner = [{"further": inner}]
    assert _names_elsewhere({"data": inner})


@pytest.mark.parametrize("path", ["/tmp/gradio/hash/mole.jpg", "mole.jpg", "ratio 1:2.jpg", "/tmp/12:30.jpg", None, 7])
def test_a_place_on_this_server_is_none_that_is_fetched(path):
    assert not _names_elsewhere({"data": [{"path": path}]})


def test_one_address_leaves_places_for_others():
    from collections import Counter
    from contextlib import ExitStack

    taken: Counter[str] = Counter()
    with ExitStack() as held:
        got = [held.enter_context(_place(taken, "greedy", 8)) for _ in range(10)]
        assert sum(got) == 8 * SHARE_OF_ONE_ADDRESS
        assert held.enter_context(_place(taken, "other", 8))
    assert not taken


def ask(app, scope, messages=()):
    """An ASGI request straight to the middleware; its status and text."""
    sent, left = [], list(messages)

    async def receive():
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    base = {
        "type": "http",
        "method": "POST",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "app": None,
    }
    own_loop(app({**base, **scope}, receive, send))
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return sent[0]["status"], body.decode()


class Empty:
    """Stands behind the middleware and must not be reached."""

    async def __call__(self, *_):
        raise AssertionError("let in")


def headers(**values):
    return [(name.replace("_", "-").encode(), str(value).encode()) for name, value in values.items()]


@pytest.fixture
def guarded(tmp_path):
    from interface.server.sessions import Sessions
    from interface.server.settings import Settings

    return middleware.AdmissionMiddleware(Empty(), Sessions(tmp_path / "uploads", 600), Settings())


@pytest.mark.parametrize("language", languages())
def test_a_batch_that_is_too_large_is_refused_in_the_pages_language(guarded, language):
    asked = headers(content_length=MAX_UPLOAD_BYTES + 1, referer=f"http://localhost/{language}?tab=batch")
    status, text = ask(guarded, {"path": "/gradio_api/upload", "headers": asked})
    assert (status, text) == (413, Words(language)("batch.refused.too_large", megabytes=400))


def test_a_disk_without_room_refuses_uploads_in_words(guarded, monkeypatch):
    monkeypatch.setattr(middleware, "KEPT_FREE_BYTES", 2**62)
    status, text = ask(guarded, {"path": "/gradio_api/upload", "headers": headers(content_length=10)})
    assert (status, text) == (503, Words("en")("interface.busy"))


def test_a_folder_that_was_tidied_away_is_made_anew_for_this_user_alone(guarded, monkeypatch):
    monkeypatch.setattr(middleware, "KEPT_FREE_BYTES", 2**62)
    ask(guarded, {"path": "/gradio_api/upload", "headers": headers(content_length=10)})
    assert guarded.sessions.folder.stat().st_mode & 0o077 == 0


def test_whoever_stands_still_is_sent_away(tmp_path, monkeypatch):
    monkeypatch.setattr(middleware, "SILENT_SECONDS", 0.05)

    async def still():
        await asyncio.sleep(60)

    async def go():
        return await middleware._patiently(still, 600)()

    assert own_loop(go()) == {"type": "http.disconnect"}
