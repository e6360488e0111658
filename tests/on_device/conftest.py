"""The built page, served as any static host would, and a Chromium to open it with."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from on_device import runtime
from on_device.build import build

READY = 60_000
"""Milliseconds that a page may take on a busy machine."""


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


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as a maintainer builds it."""
    folder = tmp_path_factory.mktemp("on_device") / "site"
    try:
        build(folder)
    except runtime.RuntimeUnavailable as problem:
        pytest.skip(f"needs onnxruntime-web: {problem}")
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    with serve(site) as (url, _):
        yield url


@pytest.fixture(scope="session")
def browser(launch):
    return launch()


@pytest.fixture
def open_page(browser, address) -> Iterator[Callable]:
    """Opens the page in a fresh visit and waits until it can score."""
    contexts = []

    def visit(url: str = address, *, ready: bool = True, before: str | None = None, **options: object):
        context = browser.new_context(**{"viewport": {"width": 390, "height": 844}, "locale": "en-GB"} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(READY)
        if before:
            page.add_init_script(before)
        page.goto(url)
        if ready:
            page.locator("html[data-ready=offline]").wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
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
