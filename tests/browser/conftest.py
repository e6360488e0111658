"""A served page and a Chromium to drive it; every browser test skips with a reason where there is no Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import FAKE_CAMERA
from tests.interface.served import RefusingGate, random_assessor, serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(launch):
    return launch(*FAKE_CAMERA)


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The address of the interface, served on random weights."""
    with serve(random_assessor()) as address:
        yield address


@pytest.fixture(scope="session")
def served_refusing() -> Iterator[str]:
    """The same with a gate that takes no photo for skin."""
    with serve(random_assessor(RefusingGate())) as address:
        yield address


@pytest.fixture
def open_page(browser, served) -> Iterator[Callable]:
    """Opens the page in a fresh visit; fails the test on an uncaught script error or a request to anywhere else."""
    contexts, errors, strangers = [], [], []

    def visit(width: int = 1280, height: int = 900, *, address: str = served, **options: object):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda problem: errors.append(str(problem)))
        page.on("request", lambda request: strangers.append(request.url) if is_elsewhere(request.url) else None)
        page.goto(address)
        page.get_by_role("button", name="Choose a photo").wait_for()
        return page

    def is_elsewhere(url: str) -> bool:
        return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))

    yield visit
    for context in contexts:
        context.close()
    assert not errors, f"the page's scripts failed: {errors}"
    assert not strangers, f"the page asked other servers: {strangers}"
