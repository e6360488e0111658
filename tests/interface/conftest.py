"""An assessor with random weights: what the interface does must not hang on what was learned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.interface.served import random_assessor, serve


@pytest.fixture(scope="session")
def assessor():
    return random_assessor()


@pytest.fixture(scope="session")
def client(assessor, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A gradio_client on the served interface."""
    from gradio_client import Client

    with serve(assessor) as address:
        yield Client(address, verbose=False, download_files=tmp_path_factory.mktemp("answers"), analytics_enabled=False)


@pytest.fixture(scope="session")
def examples() -> Path:
    return REPOSITORY / "examples"
