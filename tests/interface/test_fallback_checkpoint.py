"""A checkpoint on the Hub that cannot be had: the app starts all the same, and says so on every page."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import httpx
import pytest
from gradio_client import Client

from interface import blocks
from skin_model.assess import Assessor
from skin_model.wording import Words, languages
from tests import hub
from tests.conftest import REPOSITORY
from tests.interface.served import random_assessor
from tests.skin_model.network.test_checkpoint_from_hub import FILES


def heads(assessor):
    return [
        block.value
        for block in blocks.build(assessor).blocks.values()
        if getattr(block, "elem_id", None) == "page-head"
    ]


@pytest.fixture(scope="module")
def standing_in():
    assessor = random_assessor()
    checkpoint = dataclasses.replace(
        assessor.checkpoint, fallback_for="owner/<b>@v1", why_not="/root/secret/folder is damaged."
    )
    return Assessor(checkpoint)


def test_every_language_says_which_network_could_not_be_had(standing_in):
    found = heads(standing_in)
    assert len(found) == len(languages())
    for language in languages():
        said = Words(language)("interface.stands_in", wanted="owner/&lt;b&gt;@v1")
        assert any(said in head for head in found), language


def test_nothing_is_said_where_the_wanted_checkpoint_answers():
    assert not any("stands-in" in head for head in heads(random_assessor()))


def test_why_stays_with_the_server(standing_in):
    from interface.tabs import about

    known = about.facts(standing_in.checkpoint)
    assert known["fallback_for"] == "owner/<b>@v1"
    assert "secret" not in str(known)


def test_the_app_starts_with_the_embedded_checkpoint_where_the_file_on_the_hub_is_cut_off(tmp_path):
    from skin_model.network.checkpoint import EMBEDDED, Checkpoint

    files = {name: (EMBEDDED / name).read_bytes() for name in FILES}
    files["model.safetensors"] = files["model.safetensors"][:-1000]
    with hub.LocalHub() as local:
        local.create("owner/name", files)
        environment = hub.environment(
            local.endpoint,
            tmp_path / "home",
            local.token,
            SKIN_CHECKPOINT="owner/name",
            TMPDIR=str(tmp_path),
            PATH=os.environ["PATH"],
            PYTHONUNBUFFERED="1",
            GRADIO_ANALYTICS_ENABLED="False",
        )
        with (tmp_path / "stderr").open("w") as stderr:
            server = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=REPOSITORY,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
            try:
                address = next(word for line in server.stdout for word in line.split() if word.startswith("http"))
                about = Client(address, verbose=False, analytics_enabled=False).predict(api_name="/about")
                page = httpx.get(address, timeout=60).text
            finally:
                server.terminate()
                rest, _ = server.communicate(timeout=60)
    said = (tmp_path / "stderr").read_text()
    assert (about["hash"], about["fallback_for"]) == (Checkpoint.load().hash, "owner/name")
    assert "owner/name could not be loaded" in page
    assert "is not the file that config.json names" in said
    assert said.count("The embedded checkpoint answers instead.") == 1
    assert local.token not in said + rest + page
