"""The commands under push: a token is never an option, and every one of them can be tried without sending."""

from __future__ import annotations

import inspect

import pytest

from tests.conftest import REPOSITORY
from train.commands import push

COMMANDS = {command.callback.__name__: command.callback for command in push.app.registered_commands}
ROOT = REPOSITORY


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_tried_and_none_takes_a_token(name):
    options = set(inspect.signature(COMMANDS[name]).parameters)
    assert {"dry_run", "private", "create_pr", "version"} <= options
    assert not {option for option in options if "token" in option or "key" in option}


def test_no_code_writes_or_prints_a_token():
    """``get_token`` is only asked whether there is one."""
    used = [
        (file.name, line.strip())
        for folder in ("train", "skin_model", "interface")
        for file in (ROOT / folder).rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "get_token(" in line
    ]
    assert used == [("publish.py", "if get_token() is None:")]
