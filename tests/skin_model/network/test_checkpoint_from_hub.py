"""owner/name@revision from a local Hub with the real client: downloaded once, checked, or the embedded one instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from huggingface_hub import constants

from skin_model.network.checkpoint import EMBEDDED, Checkpoint, CheckpointError
from tests import hub
from tests.conftest import REPOSITORY
from tests.hub import LocalHub

FILES = ("config.json", "model.safetensors", "gate.safetensors", "metrics.json")
REFERENCE = "owner/name@v1.0.0"


@pytest.fixture(scope="module")
def content():
    """A whole checkpoint that is not the embedded one: its version is another."""
    found = {name: (EMBEDDED / name).read_bytes() for name in FILES}
    config = json.loads(found["config.json"])
    config["skin_model"]["version"] = "9.9.9"
    return {**found, "config.json": json.dumps(config).encode()}


@pytest.fixture
def local(monkeypatch, tmp_path, content):
    with LocalHub() as found:
        hub.point_clients_at(found, monkeypatch, tmp_path / "home")
        put(found, content)
        yield found


def put(local, content):
    repository = local.create("owner/name", content)
    repository.tags["v1.0.0"] = repository.head().sha
    return repository


def changed(content, **ours):
    config = json.loads(content["config.json"])
    config["skin_model"].update(ours)
    return {**content, "config.json": json.dumps(config).encode()}


def test_a_checkpoint_loads_at_a_revision(local):
    found = Checkpoint.load(REFERENCE)
    assert (found.config.version, found.source) == ("9.9.9", REFERENCE)
    assert found.hash == Checkpoint.load().hash
    assert found.gate is not None
    assert found.metrics["checkpoint"]["hash"] == found.hash


def test_a_second_start_downloads_nothing(local):
    Checkpoint.load(REFERENCE)
    before = len(local.requests)
    assert Checkpoint.load(REFERENCE).config.version == "9.9.9"
    assert {request.method for request in local.requests[before:]} <= {"HEAD"}


def test_only_the_checkpoints_own_files_are_downloaded(local, content, tmp_path):
    put(local, {**content, "model.onnx": b"0" * 100})
    Checkpoint.load(REFERENCE)
    assert {file.name for file in (tmp_path / "home").rglob("snapshots/*/*")} == set(FILES)


def test_gate_and_metrics_may_be_missing(local, content):
    without = changed(content, gate_sha256="")
    put(local, {name: without[name] for name in FILES[:2]})
    found = Checkpoint.load(REFERENCE)
    assert (found.gate, found.metrics) == (None, None)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("owner/name@v9", "The Hub did not give owner/name at revision v9: there is no such revision"),
        ("owner/other", "The Hub did not give owner/other: there is no such repository, or it is private"),
    ],
)
def test_what_is_not_there_is_one_sentence(local, reference, says):
    with pytest.raises(CheckpointError, match=says) as problem:
        Checkpoint.load(reference)
    assert "\n" not in str(problem.value)


def fail_away(local, content, monkeypatch):
    local.__exit__()


def fail_gone(local, content, monkeypatch):
    del local.repositories["models", "owner/name"]


def fail_token(local, content, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrongToken")


def fail_private(local, content, monkeypatch):
    local.repository("owner/name").private = True


def fail_shortened(local, content, monkeypatch):
    local.fail("GET", "filename=model.safetensors", shorten=0.5)


def fail_cut_short(local, content, monkeypatch):
    local.fail("GET", "filename=model.safetensors", truncate=0.5)


def fail_truncated(local, content, monkeypatch):
    put(local, {**content, "model.safetensors": content["model.safetensors"][:-1000]})


def fail_truncated_config(local, content, monkeypatch):
    put(local, {**content, "config.json": content["config.json"][:1000]})


def fail_other_gate(local, content, monkeypatch):
    put(local, changed(content, gate_sha256="0" * 64))


def fail_missing_gate(local, content, monkeypatch):
    put(local, changed({name: content[name] for name in FILES[:2]}, gate_sha256="0" * 64))


def fail_no_weights(local, content, monkeypatch):
    put(local, {"config.json": content["config.json"], "pytorch_model.bin": b"a pickle"})


def fail_newer(local, content, monkeypatch):
    put(local, changed(content, schema=2))


def fail_500(local, content, monkeypatch):
    local.fail(None, "/resolve/", status=500)


def fail_429(local, content, monkeypatch):
    local.fail(None, "/resolve/", status=429, retry_after=5)


def fail_connection(local, content, monkeypatch):
    local.fail(None, "", cut=True)


def fail_403(local, content, monkeypatch):
    local.fail(None, "/resolve/", status=403)


def fail_slow(local, content, monkeypatch):
    from huggingface_hub import file_download

    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
    monkeypatch.setattr(file_download, "_ETAG_RETRY_TIMEOUT", 0.2)
    local.fail(None, "/resolve/", delay=2.0)


def fail_offline(local, content, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


FAULTS = {
    fail_away: "the Hub cannot be reached",
    fail_gone: "no such repository",
    fail_token: "does not accept the token",
    fail_private: "or it is private",
    fail_shortened: "Consistency check failed",
    fail_cut_short: "the connection failed",
    fail_truncated: "is not the file that config.json names",
    fail_truncated_config: "is not valid JSON",
    fail_other_gate: "gate.safetensors is not the file that config.json names",
    fail_missing_gate: "has no gate.safetensors",
    fail_no_weights: "it lacks one of config.json, model.safetensors",
    fail_newer: "schema 2, but this version reads schema 1",
    fail_500: "the Hub cannot be reached",
    fail_429: "the Hub cannot be reached",
    fail_connection: "the connection failed",
    fail_403: "the Hub cannot be reached",
    fail_slow: "the Hub cannot be reached",
    fail_offline: "the Hub cannot be reached",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_with_a_fault_the_embedded_checkpoint_answers_and_says_why(local, content, monkeypatch, fault):
    fault(local, content, monkeypatch)
    found = Checkpoint.load_or_embedded(REFERENCE)
    assert (found.source, found.config.version) == ("embedded", Checkpoint.load().config.version)
    assert found.fallback_for == REFERENCE
    assert FAULTS[fault] in found.why_not
    assert "\n" not in found.why_not
    assert "hf_" not in found.why_not


@pytest.mark.parametrize("fault", [fail_away, fail_500, fail_offline], ids=lambda fault: fault.__name__)
def test_what_was_downloaded_before_is_taken_where_the_hub_is_away(local, content, monkeypatch, fault):
    Checkpoint.load(REFERENCE)
    fault(local, content, monkeypatch)
    found = Checkpoint.load_or_embedded(REFERENCE)
    assert (found.config.version, found.fallback_for) == ("9.9.9", None)


def test_half_an_earlier_download_is_not_taken(local, content, monkeypatch):
    fault = local.fail("GET", "filename=gate.safetensors", cut=True)
    assert Checkpoint.load_or_embedded(REFERENCE).fallback_for == REFERENCE
    fault.times = 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert Checkpoint.load_or_embedded(REFERENCE).fallback_for == REFERENCE
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert Checkpoint.load_or_embedded(REFERENCE).fallback_for is None


def test_a_cached_file_that_was_cut_off_is_downloaded_anew(local, tmp_path):
    Checkpoint.load(REFERENCE)
    cached = next((tmp_path / "home").rglob("snapshots/*/model.safetensors"))
    cached.resolve().write_bytes(cached.read_bytes()[:-1000])
    found = Checkpoint.load(REFERENCE)
    assert (found.config.version, found.fallback_for) == ("9.9.9", None)


def test_offline_by_choice_asks_nobody(local, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    Checkpoint.load_or_embedded(REFERENCE)
    assert not local.requests


def test_a_broken_folder_is_still_an_error(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not a Self Skin Check checkpoint"):
        Checkpoint.load_or_embedded(tmp_path)
    with pytest.raises(CheckpointError, match="There is no folder"):
        Checkpoint.load_or_embedded("./no/such/folder")


SCRIPT = """
import sys
from skin_model.network.checkpoint import Checkpoint
print(Checkpoint.load(sys.argv[1]).config.version)
"""


def test_the_environment_alone_says_which_hub(local, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, REFERENCE],
        cwd=REPOSITORY,
        env=hub.environment(local.endpoint, tmp_path / "another", OMP_NUM_THREADS="1", PATH=os.environ["PATH"]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.strip() == "9.9.9", done.stderr
