"""What tests of publishing share: a local Hub, and a command run as a maintainer runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import hub
from tests.hub import LocalHub
from train.commands.command_line import main
from train.hub import errors, publish, space_repository


@pytest.fixture
def local(monkeypatch, tmp_path) -> Iterator[LocalHub]:
    """An empty Hub that all clients of this process speak to, with a token that may write; waiting takes no time."""
    with LocalHub() as found:
        hub.point_clients_at(found, monkeypatch, tmp_path / "home", found.token)
        for module in (publish, errors, space_repository):
            monkeypatch.setattr(module, "time", found.clock)
        yield found


@pytest.fixture
def train(capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs ``python -m train …``; gives exit status, stdout and stderr, none of which may hold a token."""

    def running(*words: object) -> tuple[int, str, str]:
        try:
            main([str(word) for word in words])
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        said = capsys.readouterr()
        assert "hf_" not in said.out + said.err
        return status, said.out, said.err

    return running
