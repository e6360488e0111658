"""Settings from the environment: usable ones taken, others named with the way to mend them."""

import re
import socket

import pytest

from interface.server import settings
from interface.server.settings import Settings, SettingsError
from tests.conftest import REPOSITORY


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environment({}) == Settings()


def test_an_empty_variable_counts_as_unset():
    assert Settings.from_environment({"SKIN_CHECKPOINT": "", "SKIN_QUEUE": "", "SKIN_MCP": ""}) == Settings()


def test_every_variable_is_read(monkeypatch):
    monkeypatch.setattr(settings, "find_spec", lambda name: object())
    found = Settings.from_environment({
        "SKIN_CHECKPOINT": "owner/name@v1",
        "SKIN_MISTAKES": "gallery",
        "SKIN_LANGUAGE": "de",
        "SKIN_CONCURRENCY": "3",
        "SKIN_QUEUE": "10",
        "SKIN_BATCH_PHOTOS": "50",
        "SKIN_KEEP_SECONDS": "60",
        "SKIN_MCP": "1",
        "GRADIO_SERVER_PORT": str(free := free_port()),
    })  # fmt: skip
    assert found == Settings("owner/name@v1", "gallery", "de", 3, 10, 50, 60, True, free)


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


@pytest.mark.parametrize("name", ["127.0.0.1", "0.0.0.0", ""])
def test_a_port_that_was_chosen_and_is_in_use_is_told_and_not_replaced(name):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"^Port {port} is in use. Set GRADIO_SERVER_PORT to another one"):
            Settings.from_environment({"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": name})


def test_where_no_port_was_chosen_gradio_looks_for_one():
    assert Settings.from_environment({"GRADIO_SERVER_PORT": ""}).port is None


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SKIN_LANGUAGE", "klingon", "ar, de, en"),
        ("SKIN_CONCURRENCY", "0", "from 1 to 64"),
        ("SKIN_QUEUE", "many", "whole number"),
        ("SKIN_QUEUE", "²", "whole number"),
        ("SKIN_BATCH_PHOTOS", "-1", "from 1 to 5000"),
        ("SKIN_MCP", "maybe", "1 or 0"),
        ("GRADIO_SERVER_PORT", "abc", "from 1 to 65535"),
        ("GRADIO_SERVER_NAME", "192.0.2.1", "to 0.0.0.0"),
    ],
)
def test_an_unusable_value_names_the_variable_and_the_way_out(name, value, says):
    with pytest.raises(SettingsError, match=f"{name} is '{value}'") as problem:
        Settings.from_environment({name: value})
    assert says in str(problem.value)
    assert "unset" in str(problem.value)


def test_a_language_may_be_written_in_capitals():
    assert Settings.from_environment({"SKIN_LANGUAGE": "DE"}).language == "de"


def test_the_context_protocol_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    pinned = re.search(r"^gradio==(.+)$", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)[1]
    with pytest.raises(SettingsError, match=rf"-m pip install 'gradio\[mcp\]=={pinned}'$"):
        Settings.from_environment({"SKIN_MCP": "1"})
    assert not Settings.from_environment({}).mcp


@pytest.mark.parametrize("name", ["", "127.0.0.1", "0.0.0.0", "localhost"])
def test_an_address_of_this_computer_may_be_served_on(name):
    assert Settings.from_environment({"GRADIO_SERVER_NAME": name}) == Settings()
