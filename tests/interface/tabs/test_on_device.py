"""The tab leads to the page that the same process serves."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from interface.tabs import on_device
from skin_model.wording import Words, languages


@pytest.fixture
def built(tmp_path):
    (tmp_path / "v-abc").mkdir()
    (tmp_path / "index.html").write_text("<p>the page</p>")
    (tmp_path / "v-abc" / "app.js").write_text("start();")
    return tmp_path


@pytest.fixture
def client(built):
    app = FastAPI()

    @app.get("/{anything:path}")
    def everything(anything: str) -> str:
        return "the app"

    on_device.mount(app, built)
    return TestClient(app)


def test_the_page_is_served_beside_the_app(client):
    assert "the page" in client.get("/on-device/").text
    assert "the app" in client.get("/").text


def test_the_page_is_isolated_so_that_it_may_use_threads(client):
    headers = client.get("/on-device/").headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_only_what_a_release_can_never_change_is_kept_by_browsers(client):
    assert client.get("/on-device/").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/on-device/v-abc/app.js").headers["cache-control"]


def test_the_tab_links_to_the_page_in_the_visitors_language(built):
    html = on_device.content(Words("de"), built)
    assert 'href="./on-device/?from=app&amp;lang=de"' in html
    assert Words("de")("device.tab.open") in html


def test_without_a_build_the_tab_says_how_to_make_one(tmp_path):
    html = on_device.content(Words(), tmp_path)
    assert on_device.COMMAND in html
    assert "<a " not in html


def test_the_tab_points_to_the_diary_of_spots(built):
    html = on_device.content(Words("fr"), built)
    assert 'href="./on-device/?from=app&amp;lang=fr#spots"' in html
    assert Words("fr")("device.tab.spots.open") in html


@pytest.mark.parametrize("language", languages())
def test_a_result_points_to_the_diary_in_the_visitors_language(built, language):
    html = on_device.to_the_diary(Words(language), built)
    assert f'href="./on-device/?from=app&amp;lang={language}#spots"' in html
    assert Words(language)("interface.keep_eye") in html


def test_without_a_build_a_result_points_nowhere(tmp_path):
    assert on_device.to_the_diary(Words(), tmp_path) == ""
