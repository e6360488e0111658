"""The real app.py as a process of its own; everything here takes many seconds and belongs to the slow tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.running_app import RunningApp, running_app
from benchmarks.visitor import CheckTab
from tests.conftest import REPOSITORY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("attacked")) as running:
        yield running


@pytest.fixture(scope="session")
def config(app) -> dict:
    return httpx.get(f"{app.address}/config", timeout=60).json()


@pytest.fixture(scope="session")
def tab(config) -> CheckTab:
    return CheckTab.of(config)


@pytest.fixture(scope="session")
def photo() -> bytes:
    return (REPOSITORY / "examples" / "tone-1.jpg").read_bytes()
