"""The built page, served as any static host would, and a Chromium to open it with."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from on_device import runtime
from on_device.build import build

READY = 60_000
"""Milliseconds that a page may take on a busy machine."""
CAN_SCORE = "html[data-ready]"
KEPT_FOR_OFFLINE = "html[data-ready=offline]"


class _Handler(http.server.SimpleHTTPRequestHandler):
    headers_of_every_answer: dict[str, str]
    asked: list[str]
    sent: int

    def log_message(self, *arguments: object) -> None:
        self.asked.append(self.path)

    def end_headers(self) -> None:
        for name, value in self.headers_of_every_answer.items():
            self.send_header(name, value)
        super().end_headers()

    def copyfile(self, source, outputfile):
        content = source.read()
        type(self).sent += len(content)
        outputfile.write(content)


@contextmanager
def serve(folder: Path, headers: dict[str, str] | None = None) -> Iterator[tuple[str, type[_Handler]]]:
    """The address of a folder served without any help, and its handler, which counts what it sends."""
    handler = type("Handler", (_Handler,), {"headers_of_every_answer": headers or {}, "asked": [], "sent": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", handler
    finally:
        server.shutdown()
        server.server_close()


def built(folder: Path) -> Path:
    """The folder, with the page in it as a maintainer builds it; skips where its runtime cannot be had."""
    try:
        build(folder)
    except runtime.RuntimeUnavailable as problem:
        pytest.skip(f"needs onnxruntime-web: {problem}")
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as a maintainer builds it."""
    return built(tmp_path_factory.mktemp("on_device") / "site")


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    with serve(site) as (url, _):
        yield url


@pytest.fixture(scope="module")
def browser(launch):
    """A Chromium with a camera that no page may use; for one file, since open pages take processor time."""
    with launch("--use-fake-device-for-media-stream", "--deny-permission-prompts") as chromium:
        yield chromium


def start(browser, url: str, *, until: str | None = CAN_SCORE, before: str | None = None, **options: object):
    """The page in a context of its own, as in a first session, once the selector ``until`` is there."""
    page = browser.new_context(**{"viewport": {"width": 390, "height": 844}, "locale": "en-GB"} | options).new_page()
    page.set_default_timeout(READY)
    if before:
        page.add_init_script(before)
    page.goto(url)
    if until:
        page.locator(until).wait_for()
    return page


@pytest.fixture
def open_page(browser, address) -> Iterator[Callable]:
    """``start`` for one test. The network loads for seconds: ``ready_page`` serves where nothing needs to be new."""
    pages = []

    def opened(url: str = address, **options: object):
        pages.append(start(browser, url, **options))
        return pages[-1]

    yield opened
    for page in pages:
        page.context.close()


@pytest.fixture
def open_without_network(browser, address) -> Iterator[Callable]:
    """Opens the page with all that it has before its network arrives, which never does."""
    pages = []

    def opened(url: str = address, **options: object):
        page = start(browser, "about:blank", until=None, service_workers="block", **options)
        pages.append(page)
        page.route("**/*.gz", lambda route: route.abort())
        page.goto(url)
        page.locator("#state[data-kind=failed]").wait_for()
        return page

    yield opened
    for page in pages:
        page.context.close()


@pytest.fixture(scope="module")
def _kept() -> dict[str, Any]:
    return {}


@pytest.fixture
def keep(_kept, failed) -> Iterator[Callable]:
    """``keep(name, opened)``: one page for all tests that ask for it by name; a test that fails takes it along."""
    taken = set()

    def kept(name: str, opened: Callable):
        if name not in _kept:
            _kept[name] = opened()
        taken.add(name)
        return _kept[name]

    yield kept
    if failed():
        for name in taken:
            _kept.pop(name).context.close()


@pytest.fixture
def ready_page(keep, browser, address):
    """A page that can score, with whatever answer an earlier test left on it."""
    return keep("ready", lambda: start(browser, address))


@pytest.fixture(scope="module")
def scripts(browser, address):
    """A page that is ready, for calling its modules: ``scripts(function, argument)``, where a function is JavaScript
    that gets the folder of the modules and the argument."""
    page = browser.new_page()
    page.set_default_timeout(READY)
    page.goto(address)
    page.locator("html[data-ready]").wait_for()
    folder = page.locator("script").get_attribute("src").removesuffix("app.js")

    def call(function: str, argument: object = None):
        return page.evaluate(f"([folder, argument]) => ({function})(folder, argument)", [address + folder, argument])

    yield call
    page.close()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
