"""A folder to the Hub: one commit or nothing, nothing twice, and every fault one sentence."""

from __future__ import annotations

import pytest

from tests import hub
from tests.hub import LocalHub
from train import UserError
from train.hub import errors, publish
from train.hub.publish import listing

LARGE = bytes(range(256)) * 8
REPO = "owner/name"


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "folder"
    (found / "plots").mkdir(parents=True)
    (found / "README.md").write_text("---\nlicense: cc-by-nc-4.0\ntags:\n- self-skin-check\n---\n# A model\n")
    (found / "model.safetensors").write_bytes(LARGE)
    (found / "plots" / "roc.png").write_bytes(b"\x89PNG\0")
    return found


def push(folder, **options):
    options = {"version": "1.0.0", "message": "Version 1.0.0", **options}
    return publish.publish(folder, REPO, "model", **options)


def contents(folder):
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def on_hub(local, revision="main"):
    return {path: content for path, content in local.repository(REPO).files(revision).items() if path[0] != "."}


def test_a_folder_arrives_byte_for_byte_in_one_commit_with_its_tag(local, folder):
    done = push(folder)
    assert on_hub(local, "1.0.0") == contents(folder)
    assert [commit.title for commit in local.repository(REPO).history()] == ["Version 1.0.0", "initial commit"]
    assert local.repository(REPO).tags == {"1.0.0": done.revision}
    assert dict(done.sent) == {path: len(content) for path, content in contents(folder).items()}
    assert done.url == f"{local.endpoint}/owner/name"


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(local, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    done = push(folder, dry_run=True)
    assert not local.repositories
    assert {request.method for request in local.requests} == {"GET"}
    lines = listing(done).splitlines()
    assert "       2,048  model.safetensors" in lines
    assert lines[-1].split() == [f"{sum(map(len, contents(folder).values())):,}", "bytes", "in", "3", "files"]
    assert dict(done.sent) == dict(push_for_real(monkeypatch, local, folder).sent)


def push_for_real(monkeypatch, local, folder):
    monkeypatch.setenv("HF_TOKEN", local.token)
    return push(folder)


def test_unchanged_files_are_neither_sent_nor_committed_again(local, folder):
    push(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Another\n")
    uploads = len(local.asked("PUT", "/storage/"))
    done = push(folder, version="1.0.1")
    assert [path for path, _ in done.sent] == ["README.md"]
    assert done.unchanged == ["model.safetensors", "plots/roc.png"]
    assert len(local.asked("PUT", "/storage/")) == uploads
    assert on_hub(local, "1.0.0")["README.md"] != on_hub(local, "1.0.1")["README.md"]


def test_what_the_folder_no_longer_has_is_removed_but_for_hidden_files(local, folder):
    push(folder)
    (folder / "plots" / "roc.png").unlink()
    assert push(folder, version="1.1.0").removed == ["plots/roc.png"]
    assert on_hub(local) == contents(folder)
    assert ".gitattributes" in local.repository(REPO).files()


def test_the_same_again_makes_no_commit(local, folder):
    first = push(folder)
    again = push(folder)
    assert (again.revision, again.sent) == (first.revision, [])
    assert len(local.repository(REPO).commits) == 2


def test_a_version_is_never_given_twice(local, folder):
    push(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Another\n")
    with pytest.raises(UserError, match=r"version 1\.0\.0 already.*--version"):
        push(folder)
    assert on_hub(local)["README.md"] != (folder / "README.md").read_bytes()


def test_a_pull_request_leaves_main_and_tags_alone(local, folder):
    local.create(REPO)
    done = push(folder, create_pr=True)
    assert done.pull_request == f"{local.endpoint}/owner/name/discussions/1"
    assert on_hub(local) == {}
    assert on_hub(local, "refs/pr/1") == contents(folder)
    assert local.repository(REPO).tags == {}


def test_private_makes_a_private_repository(local, folder):
    push(folder, private=True)
    assert local.repository(REPO).private


def test_private_is_refused_where_the_repository_is_public(local, folder):
    local.create(REPO)
    with pytest.raises(UserError, match="is public"):
        push(folder, private=True)
    assert on_hub(local) == {}


def test_a_commit_of_somebody_else_in_between_is_not_overwritten(local, folder, monkeypatch):
    repository = local.create(REPO)
    honest = publish.look

    def looking(repo, repo_type):
        found = honest(repo, repo_type)
        repository.upload({"README.md": b"# Theirs\n"})
        return found

    monkeypatch.setattr(publish, "look", looking)
    with pytest.raises(UserError, match="owner/name has changed since it was looked at, by somebody else"):
        push(folder)
    assert on_hub(local) == {"README.md": b"# Theirs\n"}
    assert repository.tags == {}


@pytest.mark.parametrize("where", ["/api/models/owner/name", "/api/repos/create", "/preupload/", "/commit/", "/tag/"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429, "retry_after": 7}, {"cut": True}])
def test_trouble_that_passes_is_waited_for(local, folder, where, fault):
    local.fail(None, where, times=2, **fault)
    push(folder)
    assert on_hub(local, "1.0.0") == contents(folder)
    assert len(local.repository(REPO).commits) == 2
    if "retry_after" in fault:
        assert all(waited >= 7 for waited in local.waited)


@pytest.mark.parametrize("where", ["/lfs/objects/batch", "/storage/", "/lfs/verify", "/commit/"])
@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": True}, {"status": 403}, {"status": 401}])
def test_trouble_that_stays_is_one_sentence_and_publishes_nothing(local, folder, where, fault):
    local.fail(None, where, **fault)
    with pytest.raises(UserError) as problem:
        push(folder)
    assert "\n" not in str(problem.value)
    assert on_hub(local) == {}
    assert local.repository(REPO).tags == {}


def test_an_answer_that_is_lost_after_the_commit_is_not_a_second_commit(local, folder):
    local.fail("POST", "/commit/", cut=True, afterwards=True, times=1)
    done = push(folder)
    assert local.repository(REPO).tags == {"1.0.0": done.revision}
    assert len(local.repository(REPO).commits) == 2


def test_a_repeat_finishes_what_failed_between_commit_and_tag(local, folder):
    fault = local.fail("POST", "/tag/", status=500)
    with pytest.raises(UserError, match=r"The Hub has trouble \(500: .*goes on where it stopped"):
        push(folder)
    assert local.repository(REPO).tags == {}
    fault.times = 0
    done = push(folder)
    assert (done.sent, local.repository(REPO).tags) == ([], {"1.0.0": done.revision})


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (None, "There is no token for the Hub. Log in with: hf auth login"),
        ("hf_wrongToken", "The Hub does not accept the token"),
        (LocalHub.reading_token, "The token may only read. Log in with one that may write"),
    ],
)
def test_a_token_that_does_not_do_is_one_sentence_without_the_token(local, folder, monkeypatch, token, says):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=says) as problem:
        push(folder)
    assert "hf_" not in str(problem.value)


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_was_not_published_from_here_is_never_replaced(local, folder, dry_run):
    files = {"README.md": b"---\ntags:\n- bert\n---\n", "pytorch_model.bin": b"theirs"}
    before = local.create(REPO, files).head().sha
    with pytest.raises(UserError, match=r"holds what was not published from here \(pytorch_model.bin") as problem:
        push(folder, dry_run=dry_run)
    assert "self-skin-check" in str(problem.value)
    assert local.repository(REPO).head().sha == before


def test_a_repository_with_nothing_but_a_page_of_its_own_is_filled(local, folder):
    local.create(REPO, {"README.md": b"# Made on the web page\n"})
    push(folder)
    assert on_hub(local) == contents(folder)


def test_a_foreign_namespace_a_wrong_name_and_wrong_metadata_are_one_sentence(local, folder):
    with pytest.raises(UserError, match="may not write to somebody/name"):
        publish.publish(folder, "somebody/name", "model", version=None, message="x")
    with pytest.raises(UserError, match="Write it as owner/name"):
        publish.publish(folder, "a/b/c", "model", version=None, message="x")
    (folder / "README.md").write_text("---\nlicense: Freeware\n---\n")
    with pytest.raises(UserError, match=r"The Hub would not take owner/name: Invalid metadata in README\.md"):
        push(folder)
    assert on_hub(local) == {}


def test_a_hub_that_is_not_there_is_one_sentence(monkeypatch, tmp_path, folder):
    with LocalHub() as local:
        hub.point_clients_at(local, monkeypatch, tmp_path / "home", local.token)
        monkeypatch.setattr(errors, "time", local.clock)
    with pytest.raises(UserError, match="The Hub cannot be reached"):
        push(folder)


def test_without_a_network_by_choice_nothing_is_asked(local, folder, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        push(folder)
    assert not local.requests


def test_an_empty_folder_is_not_published(local, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="nothing to publish"):
        push(tmp_path / "empty")
    assert not local.repositories
