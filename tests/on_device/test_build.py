"""What the build writes, and what it refuses to write."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

import onnx
import pytest
import typer
from typer.testing import CliRunner

from on_device import runtime, sentences
from on_device.build import HERE, LOCATOR, MODEL, OUTLINE, CannotBuild, build, main
from on_device.model_file import NotAnExport, entries, metadata
from skin_model import wording
from skin_model.lesion import locate, outline
from skin_model.network.checkpoint import Checkpoint
from train.export import onnx_files
from train.export.graph import metadata as described_in_train


def test_the_manifest_holds_the_checksum_of_every_file(site):
    manifest = json.loads((site / "release.json").read_text())
    listed = set(manifest["files"])
    written = {file.relative_to(site).as_posix() for file in site.rglob("*") if file.is_file()}
    beside = {f"{path}.gz" for path in listed} | {"release.json", "release.json.gz"}
    assert listed <= written
    assert written - listed <= beside
    for path, facts in manifest["files"].items():
        content = (site / path).read_bytes()
        assert len(content) == facts["bytes"]
        assert hashlib.sha256(content).hexdigest() == facts["sha256"]


def test_packed_copies_hold_what_they_are_copies_of(site):
    packed = [file for file in site.rglob("*.gz") if file.with_suffix("").is_file()]
    assert len(packed) > 20
    assert all(gzip.decompress(file.read_bytes()) == file.with_suffix("").read_bytes() for file in packed)


def test_the_same_sources_give_the_same_release(site, tmp_path):
    again = build(tmp_path / "again")
    assert again == json.loads((site / "release.json").read_text())


def test_a_build_replaces_an_older_one_completely(tmp_path, another_page):
    out = tmp_path / "site"
    old = build(out)
    another_page("index.html", "<title>Self Skin Check</title>", "<title>Another</title>")
    new = build(out)
    assert {folder.name for folder in out.glob("v-*")} == {f"v-{new['version']}"} != {f"v-{old['version']}"}
    assert list(tmp_path.iterdir()) == [out]


@pytest.fixture
def another_page(monkeypatch, tmp_path_factory):
    """Builds from a copy of the sources, in which one text is replaced."""
    copied = tmp_path_factory.mktemp("sources") / "on_device"
    shutil.copytree(HERE / "page", copied / "page")

    def replace(name, text, by):
        file = copied / "page" / name
        assert text in file.read_text()
        file.write_text(file.read_text().replace(text, by))
        monkeypatch.setattr("on_device.build.HERE", copied)

    return replace


@pytest.mark.parametrize(
    ("name", "text"),
    [("index.html", "<h1"), ("service-worker.js", "const OURS"), ("page.css", ".small"), ("app.js", "now")],
)
def test_whatever_changes_makes_another_release(site, tmp_path, another_page, name, text):
    another_page(name, text, f" {text}")
    assert build(tmp_path / "out")["version"] != json.loads((site / "release.json").read_text())["version"]


@pytest.mark.parametrize("release", [None, "{}", "no json", '{"files": ["index.html"]}'])
def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path, release):
    (tmp_path / "thesis.txt").write_text("mine")
    if release is not None:
        (tmp_path / "release.json").write_text(release)
    with pytest.raises(CannotBuild, match=r"thesis\.txt"):
        build(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_file_is_no_place_for_a_build(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CannotBuild, match="is a file"):
        build(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_build_into_the_current_folder_works_where_that_is_empty(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "site")
    build(Path())
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_model_without_metadata_is_refused(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x07")
    with pytest.raises(NotAnExport, match="does not say its calibration"):
        build(tmp_path / "out", model)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"\x72\xff", b"\x72", b"no protobuf at all"])
def test_a_file_that_is_no_onnx_model_is_refused(content):
    with pytest.raises(NotAnExport, match="no complete ONNX file"):
        metadata(content)


def test_what_an_export_says_of_itself_is_read_as_it_was_written():
    written, model = described_in_train(Checkpoint.load()), onnx.ModelProto()
    onnx_files.describe(model, written)
    assert metadata(model.SerializeToString()) == json.loads(json.dumps(written))


def test_the_committed_network_is_the_embedded_checkpoint():
    described, checkpoint = metadata(MODEL.read_bytes()), Checkpoint.load()
    assert described["checkpoint_sha256"] == checkpoint.config.model_sha256
    assert described["thresholds"]["low"] == checkpoint.config.thresholds.low
    assert described["calibration"]["temperature"] == checkpoint.config.calibration.temperature
    assert described["gate_threshold"] == float(checkpoint.gate.threshold)


def test_a_network_that_wants_hairs_removed_is_refused(monkeypatch, tmp_path):
    described = metadata(MODEL.read_bytes())
    described["preprocessing"]["remove_hair"] = True
    monkeypatch.setattr("on_device.build.metadata", lambda content: described)
    with pytest.raises(CannotBuild, match="hairs removed"):
        build(tmp_path / "out")


@pytest.mark.parametrize(("name", "file"), [("model", MODEL), ("locator", LOCATOR)])
def test_the_page_says_what_each_network_it_loads_must_be(site, name, file):
    (folder,) = site.glob("v-*")
    said = json.loads((folder / "release.json").read_text())["downloads"][name]
    assert gzip.decompress((folder / said["file"]).read_bytes()) == file.read_bytes()
    assert said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_committed_locator_is_the_embedded_one(site):
    described = entries(LOCATOR.read_bytes())
    (config,) = site.glob("v-*/config.json")
    assert described["weights_sha256"] == hashlib.sha256(locate.WEIGHTS.read_bytes()).hexdigest()
    assert json.loads(config.read_text())["least_skin"] == locate.record()["least_skin"]


def test_a_package_with_another_checksum_is_not_used(monkeypatch, tmp_path):
    def fetch(folder):
        package = folder / "package.tgz"
        package.write_bytes(b"something else")
        return package

    monkeypatch.setattr(runtime, "_fetch", fetch)
    with pytest.raises(runtime.RuntimeUnavailable, match="another checksum"):
        runtime.files(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("language", wording.languages())
def test_only_the_pages_own_sentences_are_shipped(site, language):
    shipped = json.loads(next(site.glob(f"v-*/words/{language}.json")).read_text(encoding="utf-8"))
    assert {"device.promise", "band.low", "next_step.high", "problem.glare", "refused.not_skin"} <= set(shipped)
    assert not [key for key in shipped if key.startswith(("batch.", "mistakes.", "evidence.", "compare."))]


def test_templates_in_the_scripts_count_as_their_keys():
    assert set(sentences.used({"band.low": "", "diagnosis.mel.name": "", "batch.line": ""})) == {
        "band.low",
        "diagnosis.mel.name",
    }


def test_the_diarys_sentences_lie_apart_and_none_twice(site):
    (words,) = site.glob("v-*/words")
    page, diary = (json.loads(file.read_text("utf-8")) for file in (words / "en.json", words / "diary" / "en.json"))
    assert {"diary.title", "diary.keep"} <= set(page)
    assert {"diary.intro", "diary.problem.full", "compare.what.size"} <= set(diary)
    assert not set(page) & set(diary)


def test_the_diary_is_no_part_of_what_a_first_visit_keeps(site):
    manifest = json.loads((site / "release.json").read_text())
    worker = (site / "service-worker.js").read_text()
    first, later = (
        json.loads(re.search(rf"^const {name} = (.*?);", worker, re.MULTILINE)[1]) for name in ("FILES", "LATER")
    )
    assert all(re.match(r"v-\w+/(diary|idb|lesion|words/diary|outline)", path) for path in later)
    assert {"./"} | set(manifest["files"]) - {"index.html", "service-worker.js"} == set(first) | set(later)
    assert not set(first) & set(later)


def test_the_committed_outline_network_is_the_embedded_one():
    made_of = entries(OUTLINE.read_bytes())["weights_sha256"]
    assert made_of == hashlib.sha256(outline.WEIGHTS.read_bytes()).hexdigest()


def test_a_script_of_other_people_that_was_changed_is_not_shipped(another_page, tmp_path):
    another_page("idb/index.js", "idbProxyableTypes", "idbProxyable")
    with pytest.raises(CannotBuild, match=r"idb/index\.js is not what was pinned"):
        build(tmp_path / "out")


def test_the_command_says_why_it_cannot_build(tmp_path):
    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, ["--out", str(tmp_path / "out"), "--model", str(tmp_path / "none.onnx")])
    assert done.exit_code == 1
    assert "Make one with: python -m train export" in str(done.exception)
