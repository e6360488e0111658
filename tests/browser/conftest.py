"""A served page and a Chromium to drive it; every browser test skips with a reason where there is no Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skin_model.wording import ENGLISH, Words
from tests.conftest import FAKE_CAMERA
from tests.interface.served import RefusingGate, random_assessor, serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser(launch):
    """A Chromium for one file: its open pages take processor time even when no test looks at them."""
    with launch(*FAKE_CAMERA) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The address of the interface, served on random weights."""
    with serve(random_assessor()) as address:
        yield address


@pytest.fixture(scope="session")
def served_locating() -> Iterator[str]:
    """The same with a checkpoint that wants photos cut round the spot."""
    with serve(random_assessor(square="spot")) as address:
        yield address


@pytest.fixture(scope="session")
def served_refusing() -> Iterator[str]:
    """The same with a gate that takes no photo for skin."""
    with serve(random_assessor(RefusingGate())) as address:
        yield address


@pytest.fixture
def open_page(browser, served) -> Iterator[Callable]:
    """Opens the interface in a new session; fails the test on an uncaught script error or a request to anywhere else.

    Its context ends with the test: open pages take processor time even when no test looks at them.
    """
    contexts, errors, strangers = [], [], []

    def listen(page) -> None:
        page.on("pageerror", report_error)
        page.on("request", report_stranger)

    def report_error(problem) -> None:
        errors.append(str(problem))

    def report_stranger(request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            strangers.append(request.url)

    def session(
        width: int = 1280,
        height: int = 900,
        *,
        address: str = served,
        tab: str | None = None,
        query: str = "",
        language: str = ENGLISH,
        color_scheme: str = "light",
        **options: object,
    ):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=color_scheme)
        listen(page)
        path = "" if language == ENGLISH else f"/{language}"
        page.goto(f"{address}{path}/?tab={tab}{query}" if tab else f"{address}{path}")
        words = Words(language)
        if tab:
            page.get_by_role("tab", name=words(f"tab.{tab}"), exact=True, selected=True).wait_for()
        else:
            page.get_by_role("button", name=words("interface.upload"), exact=True).wait_for()
        return page

    yield session
    for context in contexts:
        context.close()
    assert not errors, f"the page's scripts failed: {errors}"
    assert not strangers, f"the page asked other servers: {strangers}"
