"""The app and the static page to a Space: exactly what they need, pinned to one commit of the model, and waited for."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from on_device import runtime
from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from tests import hub
from tests.conftest import REPOSITORY
from train.hub import space_repository

REPO, MODEL = "owner/app", "owner/mole"
FILES = ("config.json", "model.safetensors", "gate.safetensors", "metrics.json")


@pytest.fixture
def local(local):
    """The Hub with a published checkpoint, version 1.0.0."""
    model = local.create(MODEL, {name: (EMBEDDED / name).read_bytes() for name in FILES})
    model.tags["1.0.0"] = model.head().sha
    return local


@pytest.fixture
def push(train):
    """Publishes a Space; exit status, stdout and stderr."""
    return lambda *options, model=f"{MODEL}@1.0.0": train("push", "space", REPO, "--model", model, *options)


def sent(local):
    return {path: content for path, content in local.repository(REPO, "spaces").files().items() if path[0] != "."}


def front(local):
    return yaml.safe_load(sent(local)["README.md"].decode().split("---\n")[1])


def test_the_front_matter_pins_the_model_to_its_commit(local, push):
    gallery = local.create("owner/mistakes", {"gallery.json": b"{}"}, kind="datasets")
    gallery.tags["1.0.0"] = gallery.head().sha
    status, out, _ = push("--dataset", "owner/cases", "--mistakes", "owner/mistakes@1.0.0")
    assert status == 0
    commit = local.repository(MODEL).head().sha
    data = front(local)
    assert data["models"][0] == MODEL
    assert data["datasets"] == ["owner/cases", "owner/mistakes"]
    assert data["preload_from_hub"] == [f"{MODEL} config.json,model.safetensors,gate.safetensors,metrics.json {commit}"]
    assert (data["sdk"], data["app_file"]) == ("gradio", "app.py")
    variables = {"SKIN_CHECKPOINT": f"{MODEL}@{commit}", "SKIN_MISTAKES": f"owner/mistakes@{gallery.head().sha}"}
    assert local.repository(REPO, "spaces").variables == variables
    assert f"open {local.endpoint}/spaces/owner/app; it is RUNNING." in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("gallery", "says"),
    [
        ("owner/nosuch", "no data set owner/nosuch on the Hub"),
        ("owner/cases@9.9.9", "has no revision 9.9.9"),
        ("owner/cases", "is no gallery of mistakes"),
        ("cases", "Write it as owner/name@revision"),
    ],
)
def test_a_gallery_that_is_not_there_is_one_sentence_and_makes_no_space(local, push, gallery, says):
    local.create("owner/cases", {"README.md": b"#"}, kind="datasets")
    status, _, err = push("--mistakes", gallery)
    assert (status, says in err) == (2, True), err
    assert ("spaces", REPO) not in local.repositories


def test_torch_comes_from_the_index_without_cuda_first(local, push):
    push()
    first, rest = sent(local)["requirements.txt"].decode().split("\n", 1)
    assert first == "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert rest == (REPOSITORY / "requirements.txt").read_text()


def test_nothing_of_training_tests_or_documents_is_sent(local, push):
    push()
    tops = {path.partition("/")[0] for path in sent(local)}
    assert tops - {"on_device"} == {
        "README.md",
        "LICENSE",
        "app.py",
        "requirements.txt",
        "skin_model",
        "interface",
        "examples",
    }
    assert not any("__pycache__" in path or path.endswith("render.py") for path in sent(local))
    assert not re.search(r"!\[[^]]*\]\(docs/", sent(local)["README.md"].decode()), "a picture that was not sent"


def test_the_same_again_changes_nothing(local, push):
    push()
    commits, changes = len(local.repository(REPO, "spaces").commits), len(local.asked("POST", "/variables"))
    _, out, _ = push()
    assert "bytes in 0 files" in out
    assert len(local.repository(REPO, "spaces").commits) == commits
    assert len(local.asked("POST", "/variables")) == changes


def test_a_build_that_fails_is_one_sentence_after_the_end_of_its_log(local, push):
    space = local.create(REPO, kind="spaces", sdk="gradio")
    space.stages, space.build_log = ["BUILDING", "BUILD_ERROR"], ["step 1\n", "ERROR: no matching torch\n"]
    status, _, err = push()
    assert status == 2
    lines = err.splitlines()
    assert "ERROR: no matching torch" in lines
    assert lines[-1].startswith("Error: The Space owner/app ended in BUILD_ERROR: ERROR: no matching torch")


def test_a_space_that_takes_too_long_is_one_sentence(local, push, monkeypatch):
    local.create(REPO, kind="spaces", sdk="gradio").stages = ["BUILDING"]
    seconds = iter(range(0, 10_000, 100))
    monkeypatch.setattr(
        space_repository,
        "wait_until_it_runs",
        lambda repo, revision, wait, honest=space_repository.wait_until_it_runs: honest(
            repo, revision, wait, now=lambda: next(seconds)
        ),
    )
    status, _, err = push("--wait", "600")
    assert status == 2
    assert err.splitlines()[-1].startswith("Error: The Space owner/app is still BUILDING after 600 seconds")


def test_a_stage_of_the_commit_before_does_not_count(local, monkeypatch):
    space = local.create(REPO, kind="spaces", sdk="gradio")
    space.stages = ["RUNNING"]
    seconds = iter(range(0, 10_000, 100))
    with pytest.raises(space_repository.UserError, match="still RUNNING"):
        space_repository.wait_until_it_runs(REPO, "f" * 40, 300, now=lambda: next(seconds))
    assert space_repository.wait_until_it_runs(REPO, space.head().sha, 300, now=lambda: 0) == "RUNNING"


@pytest.mark.parametrize("options", [("--dry-run",), ("--create-pr",)])
def test_neither_a_dry_run_nor_a_pull_request_touches_the_running_space(local, push, options):
    before = local.create(REPO, kind="spaces", sdk="gradio").head().sha
    status, out, _ = push(*options)
    space = local.repository(REPO, "spaces")
    assert (status, space.head().sha, space.variables) == (0, before, {})
    assert "app.py" in out


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("owner/none", "There is no model owner/none"),
        (f"{MODEL}@9.9.9", "has no revision 9.9.9"),
        ("no name", "owner/name@revision"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence_and_makes_no_space(local, push, model, says):
    status, _, err = push(model=model)
    assert status == 2
    assert says in err
    assert ("spaces", REPO) not in local.repositories


def built_page(folder, digest):
    """What a build of the page looks like from outside."""
    (folder / "v-0123").mkdir(parents=True)
    (folder / "v-0123" / "config.json").write_text(json.dumps({"checkpoint_sha256": digest}))
    (folder / "index.html").write_text("<title>page</title>")
    (folder / "release.json").write_text("{}")
    return folder


def test_the_static_page_is_a_space_of_its_own_with_isolation_headers(local, push, tmp_path):
    page = built_page(tmp_path / "site", Checkpoint.load().config.model_sha256)
    status, _, _ = push("--static", "--page", str(page))
    assert status == 0
    data = front(local)
    assert (data["sdk"], data["app_file"], data["models"]) == ("static", "index.html", [MODEL])
    assert data["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    assert data["custom_headers"]["cross-origin-opener-policy"] == "same-origin"
    assert "sdk_version" not in data
    assert set(sent(local)) == {"README.md", "index.html", "release.json", "v-0123/config.json"}
    assert local.repository(REPO, "spaces").variables == {}


def test_a_page_of_another_network_is_refused(local, push, tmp_path):
    page = built_page(tmp_path / "site", "0" * 64)
    status, _, err = push("--static", "--page", str(page))
    assert status == 2
    assert "of another checkpoint" in err
    assert ("spaces", REPO) not in local.repositories


def test_without_a_page_the_static_one_needs_the_models_onnx_file(local, push):
    status, _, err = push("--static")
    assert status == 2
    assert "holds no model.fp16.onnx" in err


def test_without_a_page_the_static_one_is_built_from_the_models_own_onnx_file(local, push):
    try:
        runtime.files()
    except runtime.RuntimeUnavailable as problem:
        pytest.skip(f"needs onnxruntime-web: {problem}")
    exported = (EMBEDDED / "model.fp16.onnx").read_bytes()
    local.create(MODEL, {name: (EMBEDDED / name).read_bytes() for name in FILES} | {"model.fp16.onnx": exported})
    status, _, _ = push("--static", model=MODEL)
    assert status == 0
    page = sent(local)
    config = next(content for path, content in page.items() if re.fullmatch(r"v-\w+/config.json", path))
    assert json.loads(config)["checkpoint_sha256"] == Checkpoint.load().config.model_sha256
    listed = json.loads(page["release.json"])["files"]
    assert {path: hashlib.sha256(page[path]).hexdigest() for path in listed} == {
        path: stated["sha256"] for path, stated in listed.items()
    }


SCRIPT = """
import sys
from interface.server.settings import Settings
from skin_model.assess import Assessor
from skin_model.network.checkpoint import Checkpoint
from interface import blocks
settings = Settings.from_environment()
checkpoint = Checkpoint.load_or_embedded(settings.checkpoint)
page = blocks.build(Assessor(checkpoint), settings)
print("built", checkpoint.source, len(page.blocks) > 100, "train" in sys.modules)
"""


def test_what_is_sent_is_enough_to_build_the_app(local, push, tmp_path):
    push()
    folder = tmp_path / "space"
    for path, content in sent(local).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    variables = local.repository(REPO, "spaces").variables
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env=hub.environment(local.endpoint, tmp_path / "fresh", PATH=os.environ["PATH"], PYTHONPATH="", **variables),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"built {variables['SKIN_CHECKPOINT']} True False"
