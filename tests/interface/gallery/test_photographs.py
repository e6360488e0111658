"""Photographs over HTTP: only the gallery's, a few at a time, and a clear answer where there is none."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from interface.gallery import isic_archive, photographs
from interface.gallery.gallery import Gallery
from interface.gallery.isic_archive import Archive
from skin_model.photo import open_photo
from tests.interface.gallery.test_gallery import CASES, DETAIL, HEADER
from tests.interface.gallery.test_isic_archive import THUMBNAIL, serving


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "gallery"
    folder.mkdir()
    detail = {key: value for key, value in DETAIL.items() if key != "file_name"}
    (folder / "gallery.json").write_text(json.dumps(HEADER))
    (folder / "cases.csv").write_text(CASES)
    (folder / "metadata.jsonl").write_text(json.dumps(detail) + "\n")
    return folder


@pytest.fixture
def archive():
    with serving() as served:
        yield served


def client(folder, address: str) -> TestClient:
    app = FastAPI()
    photographs.mount(app, Gallery.load(folder, Archive(address)))
    return TestClient(app)


def size(answer) -> tuple[int, int]:
    return open_photo(answer.content).rgb.shape[:2]


def test_a_case_is_shown_as_its_thumbnail_and_large_as_its_photograph(folder, archive):
    page = client(folder, archive.address)
    small, large = (page.get(f"/mistakes/photo/ISIC_0000001?side={side}") for side in (320, 1000))
    assert (small.status_code, small.headers["content-type"]) == (200, "image/jpeg")
    assert (size(small), size(large)) == ((200, 200), (300, 300))
    assert small.headers["cache-control"] == "private, max-age=3600"


def test_a_neighbour_of_a_case_is_shown_too(folder, archive):
    archive.describe("ISIC_0000009", thumbnail_256=f"{archive.base}/thumbnail.jpg")
    assert client(folder, archive.address).get("/mistakes/photo/ISIC_0000009").status_code == 200


@pytest.mark.parametrize("name", ["ISIC_0000007", "PAT_5", "..%2F..%2Fgallery.json", "ISIC_0000001?side=5000"])
def test_what_is_not_the_gallerys_is_not_asked_for(folder, archive, name):
    assert client(folder, archive.address).get(f"/mistakes/photo/{name}").status_code == 404
    assert archive.asked == []


def test_a_photograph_that_the_archive_lacks_is_not_found(folder, archive):
    answer = client(folder, archive.address).get("/mistakes/photo/ISIC_0000002")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_an_archive_that_cannot_be_reached_is_said_to_be_so(folder):
    assert client(folder, "http://127.0.0.1:1").get("/mistakes/photo/ISIC_0000001").status_code == 503


def test_a_photograph_that_keeps_one_waiting_did_not_come_and_is_not_one_that_is_lacking(folder, archive, monkeypatch):
    monkeypatch.setattr(isic_archive, "TIMEOUT_SECONDS", 0.2)
    archive.answers["/thumbnail.jpg"] = lambda _: time.sleep(0.5)
    assert client(folder, archive.address).get("/mistakes/photo/ISIC_0000001").status_code == 503


def test_a_silent_archive_is_asked_anew_where_a_visitor_tries_again(folder, archive, monkeypatch):
    page = client(folder, "http://127.0.0.1:1/api/v2")
    assert page.get("/mistakes/photo/ISIC_0000001").status_code == 503
    mounted = page.app.router.routes[0].endpoint.__self__.gallery.archive
    monkeypatch.setattr(mounted, "address", archive.address)
    monkeypatch.setattr(isic_archive, "LEAST_SILENT_SECONDS", 0.0)
    assert page.get("/mistakes/photo/ISIC_0000001").status_code == 503
    assert page.get("/mistakes/photo/ISIC_0000001?again").status_code == 200


def test_where_the_photograph_keeps_one_waiting_the_thumbnail_at_hand_is_shown(folder, archive, monkeypatch):
    monkeypatch.setattr(isic_archive, "TIMEOUT_SECONDS", 0.3)
    page = client(folder, archive.address)
    assert page.get("/mistakes/photo/ISIC_0000001").status_code == 200
    archive.answers["/full.jpg"] = lambda _: time.sleep(1)
    assert size(page.get("/mistakes/photo/ISIC_0000001?side=1000")) == (200, 200)


def test_no_more_than_ten_are_asked_for_at_a_time(folder, archive):
    rows = [f"ISIC_00001{i:02},ham10000,g{i},,,,,,,CC BY-NC 4.0,nv,0,0.7,,,,,,,," for i in range(30)]
    (folder / "cases.csv").write_text(CASES + "\n".join(rows) + "\n")
    lock, now, most = threading.Lock(), 0, 0

    def slow(handler):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        with lock:
            now -= 1
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(THUMBNAIL)

    archive.answers["/slow.jpg"] = slow
    for i in range(30):
        archive.describe(f"ISIC_00001{i:02}", thumbnail_256=f"{archive.base}/slow.jpg")
    with client(folder, archive.address) as page, ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda i: page.get(f"/mistakes/photo/ISIC_00001{i:02}").status_code, range(30)))
    assert answers == [200] * 30
    assert 1 < most <= 10


def test_those_beyond_the_queue_are_told_to_come_again(folder, archive, monkeypatch):
    monkeypatch.setattr(photographs, "MOST_WAITING", 0)
    assert client(folder, archive.address).get("/mistakes/photo/ISIC_0000001").status_code == 503


def test_nothing_is_written_to_a_disk(folder, archive, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    assert client(folder, archive.address).get("/mistakes/photo/ISIC_0000001?side=1000").status_code == 200
    assert sorted(tmp_path.rglob("*")) == before
