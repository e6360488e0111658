"""The local Hub against the real clients: what they send comes back byte for byte, and faults are theirs to feel."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    ModelCard,
    constants,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from skin_model.network.checkpoint import EMBEDDED
from tests import hub
from tests.conftest import REPOSITORY
from tests.hub import LocalHub

TEXT, LARGE = b"one line\n", bytes(range(256)) * 40
FILES = {
    "config.json": b'{"a": 1}',
    "notes/read me.txt": TEXT,
    "notes/über.txt": b"\xc3\xbc",
    "model.safetensors": LARGE,
}


@pytest.fixture
def local(monkeypatch, tmp_path):
    with LocalHub() as found:
        hub.point_clients_at(found, monkeypatch, tmp_path / "home", found.token)
        yield found


@pytest.fixture
def api(local):
    return HfApi()


def send(api, files=FILES, **options):
    options = {"repo_id": "owner/name", "commit_message": "Add", **options}
    return api.create_commit(
        operations=[CommitOperationAdd(path, content) for path, content in files.items()], **options
    )


def read(folder):
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in Path(folder).rglob("*") if f.is_file()}


def test_what_is_committed_comes_back_byte_for_byte(local, api):
    api.create_repo("owner/name")
    made = send(api)
    found = read(snapshot_download("owner/name", revision=made.oid))
    del found[".gitattributes"]
    assert found == FILES


def test_large_files_go_by_large_file_storage_and_small_text_by_git(local, api):
    api.create_repo("owner/name")
    send(api)
    assert set(local.objects) == {hashlib.sha256(LARGE).hexdigest()}
    listed = {f.path: f for f in api.list_repo_tree("owner/name", recursive=True) if hasattr(f, "blob_id")}
    assert listed["model.safetensors"].lfs.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert listed["config.json"].lfs is None
    # git's own hash of the file, by hand: sha1("blob 9\0one line\n")
    assert listed["notes/read me.txt"].blob_id == hashlib.sha1(b"blob 9\0one line\n").hexdigest()


def test_large_files_in_parts_come_back_byte_for_byte(monkeypatch, tmp_path):
    with LocalHub(part_bytes=1000) as local:
        hub.point_clients_at(local, monkeypatch, tmp_path / "home", local.token)
        HfApi().create_repo("owner/name")
        send(HfApi())
        assert len(local.asked("PUT", "part=")) == 11
        assert Path(hf_hub_download("owner/name", "model.safetensors")).read_bytes() == LARGE


def test_unchanged_files_are_not_sent_again(local, api):
    api.create_repo("owner/name")
    send(api)
    uploads = len(local.asked("PUT", "/storage/"))
    made = send(api, {**FILES, "config.json": b"{}"})
    assert len(local.asked("PUT", "/storage/")) == uploads
    assert local.repository("owner/name").files(made.oid)["config.json"] == b"{}"
    assert send(api, {**FILES, "config.json": b"{}"}).oid == made.oid, "a commit that changes nothing was made"


def test_files_are_moved_and_folders_deleted_in_one_commit(local, api):
    api.create_repo("owner/name")
    send(api)
    operations = [
        CommitOperationCopy("model.safetensors", "old/model.safetensors"),
        CommitOperationDelete("model.safetensors"),
        CommitOperationDelete("notes/"),
    ]
    api.create_commit("owner/name", operations, commit_message="Move")
    assert set(local.repository("owner/name").files()) == {".gitattributes", "config.json", "old/model.safetensors"}


def test_a_listing_longer_than_a_page_comes_whole(monkeypatch, tmp_path):
    with LocalHub(page_entries=3) as local:
        hub.point_clients_at(local, monkeypatch, tmp_path)
        local.create("owner/name", {f"folder/{n:02}.txt": b"x" for n in range(10)})
        assert len(list(HfApi().list_repo_tree("owner/name", recursive=True))) == 12
        assert len(list(HfApi().list_repo_tree("owner/name", "folder"))) == 10


def test_a_tag_a_branch_and_a_commit_name_what_they_named_then(local, api):
    api.create_repo("owner/name")
    first = send(api, {"a.txt": b"1"})
    api.create_tag("owner/name", tag="v1.0.0", revision=first.oid)
    api.create_branch("owner/name", branch="old", revision="v1.0.0")
    second = send(api, {"a.txt": b"2"})
    for revision, content in (("v1.0.0", b"1"), ("old", b"1"), (first.oid, b"1"), ("main", b"2"), (second.oid, b"2")):
        assert Path(hf_hub_download("owner/name", "a.txt", revision=revision)).read_bytes() == content
    refs = api.list_repo_refs("owner/name")
    assert {(tag.name, tag.target_commit) for tag in refs.tags} == {("v1.0.0", first.oid)}
    assert {branch.name for branch in refs.branches} == {"main", "old"}
    assert [commit.title for commit in api.list_repo_commits("owner/name")] == ["Add", "Add", "initial commit"]


def test_a_tag_that_is_there_is_a_conflict_unless_it_may_be(local, api):
    api.create_repo("owner/name")
    api.create_tag("owner/name", tag="v1")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag("owner/name", tag="v1")
    api.create_tag("owner/name", tag="v1", exist_ok=True)


def test_a_pull_request_leaves_main_as_it_was_until_it_is_merged(local, api):
    api.create_repo("owner/name")
    made = send(api, {"a.txt": b"1"}, create_pr=True)
    assert made.pr_num == 1
    assert "a.txt" not in local.repository("owner/name").files()
    assert Path(hf_hub_download("owner/name", "a.txt", revision="refs/pr/1")).read_bytes() == b"1"
    assert api.get_discussion_details("owner/name", 1).status == "open"
    api.merge_pull_request("owner/name", 1)
    assert local.repository("owner/name").files()["a.txt"] == b"1"
    assert [found.status for found in api.get_repo_discussions("owner/name")] == ["merged"]


def test_a_commit_on_an_outdated_parent_is_a_412(local, api):
    api.create_repo("owner/name")
    parent = api.model_info("owner/name").sha
    send(api, {"a.txt": b"1"}, parent_commit=parent)
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as problem:
        send(api, {"a.txt": b"2"}, parent_commit=parent)
    assert problem.value.response.status_code == 412
    assert local.repository("owner/name").files()["a.txt"] == b"1"


def test_a_repository_that_is_there_is_a_conflict_unless_it_may_be(local, api):
    api.create_repo("owner/name")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("owner/name")
    assert api.create_repo("owner/name", exist_ok=True).repo_id == "owner/name"
    api.delete_repo("owner/name")
    assert not api.repo_exists("owner/name")


def test_metadata_that_the_hub_would_not_take_is_refused_before_anything_is_sent(local, api):
    api.create_repo("owner/name")
    with pytest.raises(ValueError, match="license"):
        send(api, {"README.md": b"---\nlicense: Freeware\n---\n", "model.safetensors": LARGE})
    assert not local.objects
    send(api, {"README.md": b"---\nlicense: cc-by-nc-4.0\n---\n# Card\n"})
    assert ModelCard.load("owner/name").data.license == "cc-by-nc-4.0"


def test_what_is_not_there_is_named_by_the_right_error(local, api):
    local.create("owner/name", FILES)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("owner/other")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("owner/name", revision="v9")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("owner/name", "no.txt")
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree("owner/name", "no-folder"))
    assert [f.path for f in api.get_paths_info("owner/name", ["config.json", "notes", "no"])] == [
        "config.json",
        "notes",
    ]


def test_a_stranger_is_not_told_what_exists(local):
    local.create("owner/secret", FILES, private=True)
    stranger = HfApi(token=False)
    for name in ("owner/secret", "owner/other"):
        with pytest.raises(HfHubHTTPError) as problem:
            stranger.model_info(name)
        assert problem.value.response.status_code == 401
        assert problem.value.server_message == "Invalid username or password."
    assert HfApi(token=local.reading_token).model_info("owner/secret").private


def test_a_wrong_token_is_refused_even_for_what_is_public(local):
    local.create("owner/name", FILES)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header"):
        HfApi(token="hf_wrong").model_info("owner/name")


def test_a_reading_token_and_a_foreign_namespace_may_not_write(local, api):
    local.create("owner/name", FILES)
    local.create("somebody/name", FILES)
    for token, name in ((local.reading_token, "owner/name"), (local.token, "somebody/name")):
        with pytest.raises(HfHubHTTPError, match="403"):
            send(HfApi(token=token), {"a.txt": b"1"}, repo_id=name)
    assert api.whoami()["auth"]["accessToken"]["role"] == "write"


def test_a_range_gives_that_part_and_one_past_the_end_a_416(local):
    local.create("owner/name", FILES)
    with HfFileSystem().open("owner/name/model.safetensors", "rb", block_size=100) as stream:
        stream.seek(5000)
        assert stream.read(7) == LARGE[5000:5007]
    from huggingface_hub.utils import get_session

    address = f"{local.endpoint}/owner/name/resolve/main/config.json"
    assert get_session().get(address, headers={"Range": "bytes=2-4"}).content == b'a":'
    assert get_session().get(address, headers={"Range": "bytes=-2"}).content == b"1}"
    assert get_session().get(address, headers={"Range": "bytes=99-"}).status_code == 416


def test_the_storage_host_never_sees_the_token(local, monkeypatch):
    """A token that is sent along gets a 400 there, so the download would fail."""
    local.create("owner/name", FILES)
    assert Path(hf_hub_download("owner/name", "model.safetensors")).read_bytes() == LARGE
    from huggingface_hub.utils import get_session

    address = f"{local.storage}/storage/{hashlib.sha256(LARGE).hexdigest()}"
    assert get_session().get(address, headers={"Authorization": f"Bearer {local.token}"}).status_code == 400


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_fault_that_passes_is_tried_again(local, api, status):
    api.create_repo("owner/name")
    fault = local.fail("POST", "/preupload/", status=status, retry_after=30 if status == 429 else None, times=2)
    send(api)
    assert fault.met == 2
    assert set(FILES) < set(local.repository("owner/name").files())
    assert local.waited == ([31.0, 31.0] if status == 429 else [1, 2])


def test_a_fault_that_stays_ends_as_the_clients_own_error(local, api):
    api.create_repo("owner/name")
    local.fail("POST", "/preupload/", status=500)
    with pytest.raises(HfHubHTTPError, match="500"):
        send(api)
    assert set(local.repository("owner/name").files()) == {".gitattributes"}


def test_a_cut_upload_is_sent_again(local, api):
    api.create_repo("owner/name")
    fault = local.fail("PUT", "/storage/", cut=True, times=1)
    send(api)
    assert fault.met == 1
    assert local.repository("owner/name").files()["model.safetensors"] == LARGE


def test_a_commit_whose_answer_is_lost_has_happened(local, api):
    api.create_repo("owner/name")
    local.fail("POST", "/commit/", cut=True, afterwards=True, times=1)
    with pytest.raises(Exception, match="disconnected"):
        send(api)
    assert local.repository("owner/name").files()["config.json"] == FILES["config.json"]


def test_a_cut_download_goes_on_where_it_stopped(local, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    local.create("owner/name", FILES)
    local.fail("GET", "/storage/", truncate=0.5, times=1)
    assert Path(hf_hub_download("owner/name", "model.safetensors")).read_bytes() == LARGE
    assert [request.status for request in local.asked("GET", "/storage/")] == [200, 206]


def test_a_download_that_ends_too_early_is_not_kept(local, tmp_path):
    local.create("owner/name", FILES)
    local.fail("GET", "/storage/", shorten=0.5)
    with pytest.raises(OSError, match="Consistency check failed"):
        hf_hub_download("owner/name", "model.safetensors")
    assert not [f for f in (tmp_path / "home").rglob("*") if f.is_file() and f.stat().st_size >= len(LARGE) // 2]


def test_an_answer_that_comes_too_late_is_asked_for_again(local):
    local.create("owner/name", FILES)
    local.fail("HEAD", "/resolve/", delay=1.0, times=1)
    assert Path(hf_hub_download("owner/name", "config.json", etag_timeout=0.3)).read_bytes() == FILES["config.json"]
    assert len(local.asked("HEAD", "/resolve/")) >= 1


def test_a_connection_that_is_cut_without_an_answer_is_an_error_of_the_transport(local):
    local.create("owner/name", FILES)
    local.fail(None, "", cut=True)
    with pytest.raises(httpx2.RemoteProtocolError):
        hf_hub_download("owner/name", "config.json")


def test_faults_may_be_a_conflict_or_a_refusal(local, api):
    api.create_repo("owner/name")
    for status in (401, 403, 412):
        local.fail("POST", "/commit/", status=status, times=1)
        with pytest.raises(HfHubHTTPError) as problem:
            send(api)
        assert problem.value.response.status_code == status
    assert send(api).oid == local.repository("owner/name").head().sha


def test_a_space_goes_through_its_stages_and_tells_why_a_build_failed(local, api):
    api.create_repo("owner/app", repo_type="space", space_sdk="gradio")
    space = local.repository("owner/app", "spaces")
    api.add_space_variable("owner/app", "SKIN_LANGUAGE", "de")
    assert space.variables == {"SKIN_LANGUAGE": "de"}
    assert api.wait_for_space("owner/app", poll_interval=0.01).stage == "RUNNING"
    space.stages, space.build_log = ["BUILDING", "BUILD_ERROR"], ["step 1\n", "no such package\n"]
    assert api.wait_for_space("owner/app", poll_interval=0.01).stage == "BUILD_ERROR"
    assert list(api.fetch_space_logs("owner/app", build=True)) == ["step 1\n", "no such package\n"]


def run(local, script, home, **more):
    """What a script of its own process prints, with the clients' settings read from the environment as usual."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=hub.environment(local.endpoint, home, local.token, OMP_NUM_THREADS="1", **more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


TIMM = """
import timm, torch
network = timm.create_model("hf-hub:owner/name@v1.0.0", pretrained=True).eval()
print(network.num_classes, network.pretrained_cfg["label_names"][0], float(network(torch.zeros(1, 3, 224, 224))[0, 0]))
"""


def test_timm_loads_a_checkpoint_by_its_address(local, tmp_path):
    import torch

    from skin_model.network.checkpoint import Checkpoint

    repository = local.create("owner/name", EMBEDDED)
    repository.tags["v1.0.0"] = repository.head().sha
    classes, label, value = run(local, TIMM, tmp_path).split()
    with torch.inference_mode():
        expected = float(Checkpoint.load().network(torch.zeros(1, 3, 224, 224))[0, 0])
    assert (classes, label) == ("7", "mel")
    assert float(value) == pytest.approx(expected, abs=1e-5)


DATASETS = """
import os
from datasets import Dataset, load_dataset
made = Dataset.from_dict({"id": ["a", "b", "c"], "malignant": [0, 1, 0]})
made.push_to_hub("owner/cases", split="train")
whole = load_dataset("owner/cases", split="train")
streamed = load_dataset("owner/cases", split="train", streaming=True)
print([dict(row) for row in whole] == [dict(row) for row in streamed] == made.to_list())
"""


def test_datasets_pushes_loads_and_streams(local, tmp_path):
    assert run(local, DATASETS, tmp_path).splitlines()[-1] == "True"
    assert "data/train-00000-of-00001.parquet" in local.repository("owner/cases", "datasets").files()
