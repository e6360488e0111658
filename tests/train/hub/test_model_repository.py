"""A run to the Hub and back: the real clients read it, the card says what was measured, the gate stands in front."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from tests.train.exported_checkpoints import random_checkpoint
from tests.train.full_metrics import full_metrics
from tests.train.rendered_lesions import write_work
from train.digests import file_sha256
from train.hub import gate, model_repository

REPO = "owner/mole"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A finished run folder of random weights, with its exports, measured by hand-written figures."""
    run = tmp_path_factory.mktemp("run")
    checkpoint = random_checkpoint()
    training = {
        "recipe": "released",
        "seed": 0,
        "split_sha256": "ab" * 32,
        "photographs": {"train": {"ham10000": 900, "clinic|a": 80}, "validation": {"ham10000": 100}, "test": {}},
        "licences": {"ham10000": {"CC BY-NC 4.0": 1000}},
        "started_from": "ImageNet from file",
        "versions": {"torch": "2.15.0"},
        "machine": "Linux",
    }
    config = dataclasses.replace(checkpoint.config, training=training)
    saved = dataclasses.replace(checkpoint, config=config).save(run / "checkpoint")
    from train.export import export

    export.export(run / "checkpoint", run / "exports", ["onnx"])
    metrics = full_metrics()
    metrics["checkpoint"]["hash"] = saved.hash
    (run / "report").mkdir()
    (run / "report" / "metrics.json").write_text(json.dumps(metrics))
    (run / "checkpoint" / "optimiser.pt").write_bytes(b"a pickle that stays at home")
    return run


@pytest.fixture
def run(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def push(run, train):
    """Publishes the run; exit status, stdout and stderr."""
    return lambda *options, of=run: train("push", "model", REPO, "--run", of, *options)


def sent(local, revision="main"):
    return {path: content for path, content in local.repository(REPO).files(revision).items() if path[0] != "."}


def card(local):
    text = sent(local)["README.md"].decode()
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


def other_weights(run, seed):
    """The same run with other weights, and figures and exports that claim to be of those."""
    checkpoint = Checkpoint.load(run / "checkpoint")
    made = random_checkpoint(seed=seed)
    saved = dataclasses.replace(made, config=checkpoint.config).save(run / "checkpoint")
    for file in (run / "report" / "metrics.json", run / "exports" / "export.json"):
        content = json.loads(file.read_text())
        content["checkpoint"]["hash"] = saved.hash
        file.write_text(json.dumps(content))
    return saved


def test_the_licence_of_the_weights_is_that_of_their_config(local, run, push):
    config = json.loads((run / "checkpoint/config.json").read_text())
    config["pretrained_cfg"]["license"] = "cc-by-4.0"
    config["skin_model"]["licence_note"] = "Weights trained on photographs under CC-BY-4.0 (clinic)."
    (run / "checkpoint/config.json").write_text(json.dumps(config))
    push()
    data, body = card(local)
    assert data["license"] == "cc-by-4.0"
    assert "under CC-BY-4.0 (clinic)" in body and "non-commercial" not in body.lower()


def test_what_is_published_loads_again_as_it_was_with_its_version(local, run, push):
    status, out, _ = push("--version", "1.2.0")
    assert status == 0
    assert out.splitlines()[-1].endswith("Next: SKIN_CHECKPOINT=owner/mole@1.2.0 python app.py")
    before, after = Checkpoint.load(run / "checkpoint"), Checkpoint.load(f"{REPO}@1.2.0")
    assert after.hash == before.hash
    assert after.config.version == "1.2.0"
    assert after.gate is not None
    assert after.metrics["checkpoint"]["hash"] == before.hash
    assert sent(local)["model.safetensors"] == (run / "checkpoint" / "model.safetensors").read_bytes()
    assert sent(local)["model.onnx"] == (run / "exports" / "model.onnx").read_bytes()


def test_nothing_that_could_run_code_and_nothing_unknown_is_sent(local, push):
    push()
    assert {path.rpartition(".")[2] for path in sent(local)} == {"json", "safetensors", "onnx", "md", "png"}
    assert "optimiser.pt" not in sent(local)


def test_timm_loads_what_is_published_and_answers_the_same(local, run, push):
    import timm
    import torch

    push()
    network = timm.create_model(f"hf-hub:{REPO}@0.1.0", pretrained=True).eval()
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = Checkpoint.load(run / "checkpoint").network(picture)
        assert torch.allclose(network(picture), expected, atol=1e-5)
    assert network.pretrained_cfg["label_names"][0] == "mel"


def test_the_cards_own_code_runs_and_its_ways_agree(local, push, tmp_path, monkeypatch, capsys):
    push()
    shutil.copyfile(EMBEDDED.parents[1] / "examples" / "tone-1.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    package, timm, onnx = re.findall(r"```python\n(.*?)```", card(local)[1], re.DOTALL)
    said = []
    for code in (package, timm, onnx):
        exec(compile(code, "card", "exec"), {})
        said.append(capsys.readouterr().out.strip())
    risk = float(said[0].split()[0])
    assert set(eval(said[1])) == {"mel", "bcc", "akiec", "nv", "bkl", "df", "vasc"}
    # The package resizes with OpenCV's area averaging, the card with Pillow's box filter.
    assert float(said[2]) == pytest.approx(risk, abs=0.03)


def test_the_cards_metadata_is_what_the_hub_indexes(local, push):
    push("--dataset", "owner/cases")
    data, _ = card(local)
    assert data["license"] == "cc-by-nc-4.0"
    assert data["library_name"] == "timm"
    assert data["pipeline_tag"] == "image-classification"
    assert data["base_model"] == "timm/tf_mobilenetv3_small_100.in1k"
    assert data["datasets"] == ["owner/cases"]
    assert "onnx" in data["tags"]
    metrics = full_metrics()
    name, found = next((name, found) for name, found in metrics["sets"].items() if not found["too_few"])
    results = {result["dataset"]["type"]: result for result in data["model-index"][0]["results"]}
    assert results[name]["task"]["type"] == "image-classification"
    indexed = {metric["name"]: metric["value"] for metric in results[name]["metrics"]}
    assert indexed["AUC of the risk"] == pytest.approx(found["auc"]["value"])
    assert indexed["sensitivity at the screening threshold"] == pytest.approx(found["sensitivity"]["value"])
    assert not any(found["too_few"] for name, found in metrics["sets"].items() if name in results)


def test_the_card_says_what_somebody_must_know_before_using_it(local, push):
    push()
    _, body = card(local)
    for said in (
        "no diagnosis",
        "## What it is for",
        "**Not for**",
        "## Limits",
        "| ham10000 | 900 | 100 | 0 | CC-BY-NC-4.0 (1000) |",
        "| clinic\\|a | 80 | 0 | 0 | not recorded |",
        "| all | 980 | 100 | 0 | |",
        "Tschandl et al. 2018",
        "## How the photographs were split",
        "ab" * 32,
        "## How good it is",
        "works less well",
        "without looking",
        "hairs, ink",
        "risk means",
        "![roc](plots/roc.png)",
        "**For non-commercial use only** (`cc-by-nc-4.0`)",
        "No comparison was made",
    ):
        assert said in body, said
    assert "validation chooses the epoch" in body


def test_the_card_of_a_network_calibrated_out_of_fold_says_that_it_learnt_from_validation_too(local, run, push):
    file = run / "checkpoint" / "config.json"
    content = json.loads(file.read_text())
    content["skin_model"]["training"]["folds"] = 5
    file.write_text(json.dumps(content))
    push()
    _, body = card(local)
    assert "dealt into 5 folds" in body
    assert "learnt from all folds" in body
    assert "validation chooses the epoch" not in body


def test_every_picture_and_file_that_the_card_names_is_there(local, push):
    push()
    _, body = card(local)
    files = sent(local)
    assert set(re.findall(r"\]\((plots/[^)]+)\)", body)) == {path for path in files if path.startswith("plots/")}
    import hashlib

    listed = re.findall(r"^\| `([^`]+)` \| ([\d,]+) \| `([0-9a-f]{64})` \|$", body, re.MULTILINE)
    assert {name for name, _, _ in listed} >= {"model.safetensors", "gate.safetensors", "model.onnx"}
    for name, size, digest in listed:
        assert len(files[name]) == int(size.replace(",", ""))
        assert hashlib.sha256(files[name]).hexdigest() == digest


def test_a_dry_run_lists_what_would_go_and_sends_nothing(local, push):
    status, out, _ = push("--dry-run")
    assert (status, local.repositories) == (0, {})
    listed = {path: size for size, path in re.findall(r"^ *([\d,]+)  (\S+)$", out, re.MULTILINE)}
    assert {"README.md", "config.json", "model.safetensors", "model.onnx"} <= set(listed)
    assert out.splitlines()[-1].endswith("Next: the same command without --dry-run.")
    push()
    for path, size in listed.items():
        assert len(sent(local)[path]) == int(size.replace(",", ""))


def test_a_repeat_after_a_failed_tag_only_tags(local, push):
    fault = local.fail("POST", "/tag/", status=503)
    status, _, err = push()
    assert status == 2
    assert err.splitlines()[-1].startswith("Error: The Hub has trouble (503")
    fault.times = 0
    status, out, _ = push()
    assert status == 0
    assert "bytes in 0 files" in out
    assert len(local.repository(REPO).commits) == 2
    assert local.repository(REPO).tags == {"0.1.0": local.repository(REPO).head().sha}


def test_a_merged_pull_request_is_tagged_by_a_repeat(local, push):
    from huggingface_hub import HfApi

    local.create(REPO)
    status, out, _ = push("--create-pr")
    assert status == 0
    assert "Next: merge it there" in out
    assert local.repository(REPO).tags == {}
    HfApi().merge_pull_request(REPO, 1)
    status, out, _ = push()
    assert "bytes in 0 files" in out
    assert local.repository(REPO).tags == {"0.1.0": local.repository(REPO).head().sha}


def test_another_checkpoint_is_not_replaced_unseen(local, run, push):
    push()
    other_weights(run, seed=1)
    before = local.repository(REPO).head().sha
    status, _, err = push("--version", "0.2.0")
    assert status == 2
    assert "--work WORK" in err
    assert local.repository(REPO).head().sha == before


def test_a_version_that_others_bear_is_told_before_anything_is_compared(local, run, push, tmp_path):
    push("--version", "1.0.0")
    other_weights(run, seed=1)
    status, out, err = push("--version", "1.0.0", "--work", str(tmp_path / "not looked at"), "--override", "why")
    assert (status, out) == (2, "")
    assert "has a version 1.0.0 already" in err


def test_the_card_and_the_metrics_name_the_version_that_is_published(local, push):
    push("--version", "3.1.0")
    assert json.loads(sent(local)["metrics.json"])["checkpoint"]["version"] == "3.1.0"
    assert "0.1.0" not in card(local)[1]


def test_an_override_without_photographs_is_told_in_the_card(local, run, push):
    push()
    other_weights(run, seed=1)
    status, _, _ = push("--version", "0.2.0", "--override", "the old one was trained on a wrong label")
    assert status == 0
    _, body = card(local)
    assert "comparison with the version before was not run" in body
    assert "the old one was trained on a wrong label" in body


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return write_work(tmp_path_factory.mktemp("rendered"), training=8, validation=12)


@pytest.fixture
def quick_gate(monkeypatch):
    """The gate itself, on the few photographs that there are: the rendered folder locks its validation part."""
    quick = functools.partial(gate.compare_with_published, split="validation", resamples=10, altered_photographs=0)
    monkeypatch.setattr(model_repository, "compare_with_published", quick)


def of_split(run, work):
    """Let the run's checkpoint have been trained on this work folder's split."""
    file = run / "checkpoint" / "config.json"
    content = json.loads(file.read_text())
    content["skin_model"]["training"]["split_sha256"] = file_sha256(work / "split.csv")
    file.write_text(json.dumps(content))


def test_a_closed_gate_stops_the_push_and_an_override_is_recorded(local, run, push, work, quick_gate):
    """With 12 rendered photographs nothing can be shown to be no worse, so the gate must stay closed."""
    of_split(run, work)
    push()
    before = local.repository(REPO).head().sha
    for seed in (4, 3):
        other_weights(run, seed=seed)
        status, out, _ = push("--version", "0.2.0", "--work", str(work))
        assert status == 1
        assert "The gate is closed" in out
        assert local.repository(REPO).head().sha == before
    status, out, _ = push("--version", "0.2.0", "--work", str(work), "--override", "a smaller network was asked for")
    assert status == 0
    _, body = card(local)
    assert "**not passed**" in body
    assert "a smaller network was asked for" in body
    # The candidate that was given up counts too; the same verdict, overridden, is no further look.
    assert "2 candidates have been held against these locked photographs, 2 times in all" in body
    held = json.loads(sent(local)["attempts.json"])["attempts"]
    assert sum(found["looks"] for found in held) == 2
    assert {path for path in sent(local) if path.startswith("gate.")} == {"gate.json", "gate.safetensors"}
    again, out, _ = push("--version", "0.2.0", "--work", str(work))
    assert (again, "bytes in 0 files" in out) == (0, True), "the same weights again are neither compared nor sent"


def test_a_first_version_is_held_against_the_locked_photographs_too(local, run, push, work, quick_gate):
    """Its split is another one and nobody recorded what it was trained on, so nobody can tell that there is no leak."""
    status, out, _ = push("--work", str(work))
    assert status == 1
    assert "Nobody can tell" in out
    assert not local.repositories


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda run: shutil.rmtree(run / "checkpoint"), "holds no checkpoint"),
        (lambda run: (run / "checkpoint" / "model.safetensors").write_bytes(b"half"), "is not the file"),
        (lambda run: (run / "report" / "metrics.json").unlink(), r"no metrics\.json of"),
        (lambda run: other_hash(run / "report" / "metrics.json"), "is of checkpoint 0000"),
        (lambda run: other_hash(run / "exports" / "export.json"), "Remove the folder"),
    ],
)
def test_a_run_that_is_not_whole_is_one_sentence_and_asks_nothing_of_the_hub(local, run, push, spoil, says):
    spoil(run)
    status, _, err = push()
    assert status == 2
    assert re.search(says, err.splitlines()[-1])
    assert not local.repositories


def other_hash(file):
    content = json.loads(file.read_text())
    content["checkpoint"]["hash"] = "0000"
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("options", [("--version", "1.0"), ("--override", " ")])
def test_a_version_and_a_reason_must_say_something(local, push, options):
    status, _, err = push(*options)
    assert status == 2
    assert err.startswith("Error: ")
    assert not local.requests


def test_the_gates_file_is_checked_against_the_config(local, run, push):
    push()
    folder = Path(hub_folder())
    (folder / "gate.safetensors").unlink()
    with pytest.raises(ValueError, match=r"has no gate\.safetensors"):
        Checkpoint.load(folder)


def hub_folder():
    from huggingface_hub import snapshot_download

    return snapshot_download(REPO)


def test_the_random_networks_of_these_tests_differ():
    one, two = random_checkpoint(seed=0), random_checkpoint(seed=1)
    assert not np.array_equal(one.network.classifier.weight, two.network.classifier.weight)
