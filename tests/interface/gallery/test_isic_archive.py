"""Pictures from the ISIC Archive: what it gives is shown, and nothing that it can do wrong reaches the page."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from interface.gallery import isic_archive
from interface.gallery.isic_archive import Archive


def jpeg(side: int, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


FULL, THUMBNAIL = jpeg(300), jpeg(200)


class LocalArchive:
    """Answers like the archive's API; ``answers`` maps a path to bytes, a status, or a function of the handler."""

    def __init__(self, address: str) -> None:
        self.address, self.asked = f"{address}/api/v2", []
        self.base = address
        self.answers: dict = {"/full.jpg": FULL, "/thumbnail.jpg": THUMBNAIL}
        self.describe("ISIC_0000001", full=f"{address}/full.jpg", thumbnail_256=f"{address}/thumbnail.jpg")

    def describe(self, isic_id: str, **addresses: str) -> None:
        files = {name: {"url": url, "size": 1} for name, url in addresses.items()}
        about = {"isic_id": isic_id, "copyright_license": "CC-BY-NC", "files": files}
        self.answers[f"/api/v2/images/{isic_id}/"] = json.dumps(about).encode()


@pytest.fixture
def served():
    with serving() as archive:
        yield archive


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing: the test's output is not the server's."""

        def do_GET(self):
            local.asked.append(self.path)
            answer = local.answers.get(self.path, 404)
            if callable(answer):
                answer(self)
            elif isinstance(answer, int):
                self.send_error(answer)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    local = LocalArchive(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield local
    finally:
        server.shutdown()
        server.server_close()


def redirect(address):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.end_headers()

    return answer


def drip(handler):
    """Sends a little, again and again, for longer than anybody should wait."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(40):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def test_a_picture_comes_from_where_the_archives_answer_says(served):
    assert Archive(served.address).picture("ISIC_0000001") == FULL
    assert served.asked == ["/api/v2/images/ISIC_0000001/", "/full.jpg"]


def test_the_thumbnail_comes_when_a_small_one_does(served):
    assert Archive(served.address).picture("ISIC_0000001", full=False) == THUMBNAIL


def test_where_one_size_is_missing_the_other_comes(served):
    served.describe("ISIC_0000002", thumbnail_256=f"{served.base}/thumbnail.jpg")
    assert Archive(served.address).picture("ISIC_0000002") == THUMBNAIL


def test_the_address_is_a_setting(served, monkeypatch):
    monkeypatch.setenv("SKIN_ISIC_API", served.address + "/")
    assert Archive().picture("ISIC_0000001") == FULL


def test_without_a_setting_it_is_the_isic_archive(monkeypatch):
    monkeypatch.delenv("SKIN_ISIC_API", raising=False)
    assert Archive().address == "https://api.isic-archive.com/api/v2"


def test_a_picture_is_fetched_once(served):
    archive = Archive(served.address)
    assert archive.picture("ISIC_0000001") == archive.picture("ISIC_0000001") == FULL
    assert len(served.asked) == 2


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(served, monkeypatch):
    monkeypatch.setattr(isic_archive, "KEPT_BYTES", len(FULL) + len(THUMBNAIL) - 1)
    archive = Archive(served.address)
    archive.picture("ISIC_0000001", full=False)
    archive.picture("ISIC_0000001")
    archive.picture("ISIC_0000001")
    assert len(served.asked) == 4
    archive.picture("ISIC_0000001", full=False)
    assert len(served.asked) == 6


def test_redirections_are_followed(served):
    served.answers["/moved.jpg"] = redirect("/full.jpg")
    served.describe("ISIC_0000003", full=f"{served.base}/moved.jpg")
    assert Archive(served.address).picture("ISIC_0000003") == FULL


@pytest.mark.parametrize("where", ["named", "redirected"])
def test_no_file_of_this_machine_is_ever_read(served, tmp_path, where):
    (tmp_path / "secret.jpg").write_bytes(FULL)
    address = (tmp_path / "secret.jpg").as_uri()
    served.answers["/away.jpg"] = redirect(address)
    served.describe("ISIC_0000004", full=address if where == "named" else f"{served.base}/away.jpg")
    assert Archive(served.address).picture("ISIC_0000004") is None


def test_an_address_that_is_none_asks_for_nothing(tmp_path):
    folder = tmp_path / "images" / "ISIC_0000001"
    folder.mkdir(parents=True)
    assert Archive(tmp_path.as_uri()).picture("ISIC_0000001") is None
    assert Archive("nonsense").picture("ISIC_0000001") is None


@pytest.mark.parametrize(
    "answer",
    [
        404,
        500,
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"files": null}',
        b'{"files": {"full": "x"}}',
        b'{"files": {}}',
        b"\xff\xfe",
    ],
)
def test_an_answer_that_is_not_understood_is_no_picture(served, answer):
    served.answers["/api/v2/images/ISIC_0000005/"] = answer
    assert Archive(served.address).picture("ISIC_0000005") is None


@pytest.mark.parametrize("content", [404, b"", b"<html>Not here</html>", FULL[:200]])
def test_what_is_no_whole_picture_is_no_picture(served, content):
    served.answers["/full.jpg"] = content
    assert Archive(served.address).picture("ISIC_0000001") is None


def test_an_answer_that_breaks_off_is_no_picture(served):
    def breaking(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(FULL) + 100))
        handler.end_headers()
        handler.wfile.write(FULL)

    served.answers["/full.jpg"] = breaking
    assert Archive(served.address).picture("ISIC_0000001") is None


def test_a_huge_answer_is_left_half_read(served, monkeypatch):
    monkeypatch.setattr(isic_archive, "MAX_BYTES", len(FULL) - 1)
    assert Archive(served.address).picture("ISIC_0000001") is None
    monkeypatch.setattr(isic_archive, "MAX_BYTES", len(FULL))
    assert Archive(served.address).picture("ISIC_0000001") == FULL


@pytest.mark.parametrize("answer", [drip, lambda _: time.sleep(2)], ids=["drips", "is silent"])
def test_an_archive_that_keeps_one_waiting_is_given_up(served, monkeypatch, answer):
    monkeypatch.setattr(isic_archive, "TIMEOUT_SECONDS", 0.5)
    served.answers["/full.jpg"] = answer
    begun = time.monotonic()
    assert Archive(served.address).picture("ISIC_0000001") is None
    assert time.monotonic() - begun < 1.9


def test_an_archive_that_cannot_be_reached_is_not_asked_again_for_a_while(served, monkeypatch):
    archive = Archive("http://127.0.0.1:1/api/v2")
    assert archive.picture("ISIC_0000001") is None
    monkeypatch.setattr(archive, "address", served.address)
    assert archive.picture("ISIC_0000001") is None
    assert served.asked == []
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + isic_archive.SILENT_SECONDS + 1)
    assert archive.picture("ISIC_0000001") == FULL


@pytest.mark.parametrize("answer", [drip, 500], ids=["is slow", "fails"])
def test_one_photograph_that_does_not_come_says_nothing_of_the_others(served, monkeypatch, answer):
    monkeypatch.setattr(isic_archive, "TIMEOUT_SECONDS", 0.3)
    served.describe("ISIC_0000002", full=f"{served.base}/other.jpg")
    served.answers["/other.jpg"] = answer
    archive = Archive(served.address)
    for _ in range(2 * isic_archive.MOST_FAILURES):
        assert archive.picture("ISIC_0000002") is None
        archive._kept.clear()
        assert archive.picture("ISIC_0000001") == FULL
    assert archive.answers


@pytest.mark.parametrize("status", [403, 407, 500, 503])
def test_an_archive_that_fails_again_and_again_counts_as_one_that_cannot_be_reached(served, status):
    archive = Archive(served.address)
    served.answers["/full.jpg"] = status
    for _ in range(isic_archive.MOST_FAILURES):
        assert archive.answers
        archive.picture("ISIC_0000001")
    assert not archive.answers


def test_a_visitor_may_try_again_before_the_silence_ends_but_not_at_every_press(served, monkeypatch):
    archive = Archive("http://127.0.0.1:1/api/v2")
    archive.picture("ISIC_0000001")
    archive.try_again()
    assert not archive.answers
    waited = isic_archive.LEAST_SILENT_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + waited)
    assert not archive.answers
    archive.try_again()
    assert archive.answers


def test_an_id_cannot_lead_to_another_place(served):
    assert Archive(served.address).picture("../../full.jpg?") is None
    assert served.asked == ["/api/v2/images/..%2F..%2Ffull.jpg%3F/"]
