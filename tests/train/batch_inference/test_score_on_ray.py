"""Archives on real Ray clusters: a node that dies, Ctrl-C, data sets on the Hub, and what goes wrong in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from skin_model.assess import Assessor
from skin_model.command_line import INTERRUPTED
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY
from tests.train.batch_inference.rendered_archives import lines_of, lines_of_one_process, write_archive, write_parquet
from tests.train.rendered_lesions import render_lesion
from train import UserError
from train.batch_inference import cluster as clusters
from train.batch_inference import score as scoring
from train.batch_inference import shards
from train.batch_inference.archive import Stored
from train.batch_inference.score import score
from train.batch_inference.scorer import Scorer
from train.batch_inference.shards import read_scores
from train.data.hub_datasets import features

ray = pytest.importorskip("ray", reason="needs Ray: make cluster")

from ray.cluster_utils import Cluster  # noqa: E402  after the skip

ENOUGH = 3600
"""Seconds for a machine that does much else."""


def patiently(start: Callable[[], Any]) -> Any:
    """What ``start`` returns. Ray gives a node half a minute, which is little on a machine that does much else."""
    while True:
        try:
            return start()
        except Exception as problem:
            if "timed out" not in str(problem).lower():
                raise


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head with one core."""
    head = {"num_cpus": 1, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # as the command has it where it starts Ray
        started = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        yield started
        started.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive"), 198)


@pytest.fixture(scope="module")
def of_one_process(archive) -> list[str]:
    return lines_of_one_process(archive)


FIRST_BLOCKS = 64
"""Photographs that ``held`` scores at once."""


def held(folder: Path) -> type[Scorer]:
    """A scorer that keeps later blocks in hand until folder/go is there, and leaves a file with the name of its node.

    So that what happens in the middle happens there, however fast machines and actors are.
    """

    class Held(Scorer):
        def __call__(self, block: pa.Table) -> pa.Table:
            if block["position"][0].as_py() >= FIRST_BLOCKS:
                (folder / ray.get_runtime_context().get_node_id()).touch()
                while not (folder / "go").exists():
                    time.sleep(0.1)
            return super().__call__(block)

    return Held


def kill_with_work_in_hand(cluster: Cluster, node: Any, folder: Path, out: Path, came_back: list[int]) -> None:
    """Once some scores have come back and an actor on the node has a block in hand, end its raylet, then let the others
    go on; notes how many shards had come back.
    """
    while not ((folder / node.node_id).exists() and list(out.glob("shards/*.parquet"))):
        time.sleep(0.1)
    came_back.append(len(list(out.glob("shards/*.parquet"))))
    cluster.remove_node(node, allow_graceful=False)
    (folder / "go").touch()


def test_where_a_node_dies_in_the_middle_the_scores_are_those_of_one_process(
    cluster, archive, of_one_process, tmp_path, monkeypatch
):
    monkeypatch.setattr(shards, "SHARD_ROWS", 1)
    monkeypatch.setattr(scoring, "Scorer", held(tmp_path))
    node = patiently(lambda: cluster.add_node(wait=False, num_cpus=1))
    out, came_back = tmp_path / "scores", []
    threading.Thread(target=kill_with_work_in_hand, args=(cluster, node, tmp_path, out, came_back), daemon=True).start()
    summary = score(str(archive), out, address=cluster.address)
    assert len(came_back) == 1 and 0 < came_back[0] <= 2  # of seven blocks
    assert lines_of(read_scores(out)) == of_one_process
    assert (summary["photographs"], summary["unreadable"]) == (200, 2)
    assert summary["scored"] + summary["refused"] == 198
    assert json.loads((out / "summary.json").read_text())["photographs"] == 200


class Deadly(Scorer):
    """Ends with its process when it opens one of the photographs."""

    def _row(self, stored: Stored, refusal: Any = None) -> dict[str, Any]:
        if stored.position == 5 and refusal is None:
            os._exit(1)
        return super()._row(stored, refusal)


def test_a_photograph_that_ends_every_worker_that_opens_it_counts_as_damaged_and_all_others_are_scored(
    cluster, archive, of_one_process, tmp_path, monkeypatch
):
    monkeypatch.setattr(scoring, "Scorer", Deadly)
    summary = score(str(archive), tmp_path / "scores", address=cluster.address)
    assert (summary["photographs"], summary["unreadable"]) == (200, 3)
    deadly = read_scores(tmp_path / "scores").slice(5, 1).to_pylist()[0]
    assert deadly["refused"] == "damaged_file" and deadly["sha256"]
    others = [line for line in of_one_process if json.loads(line)["file"] != deadly["file"]]
    assert [line for line in lines_of(read_scores(tmp_path / "scores")) if line in of_one_process] == others


STARTED_BY_HAND = """
import sys
from pathlib import Path
from tests.train.batch_inference.test_score_on_ray import held
from train.batch_inference import score, shards
from train.commands.command_line import main
shards.SHARD_ROWS = 1
score.Scorer = held(Path(sys.argv[1]))
main(sys.argv[2:])
"""


def test_after_ctrl_c_the_same_command_scores_what_is_missing_and_nothing_twice(archive, of_one_process, tmp_path):
    command = ["score", "--data", str(archive), "--out", str(tmp_path / "scores"), "--workers", "1"]
    with (tmp_path / "said").open("w") as said_to:  # no pipe: Ray's own processes hold it open a while longer
        by_hand = [sys.executable, "-c", STARTED_BY_HAND, str(tmp_path), *command]
        started = subprocess.Popen(by_hand, cwd=REPOSITORY, stderr=said_to, text=True, start_new_session=True)
    while started.poll() is None and not list(tmp_path.glob("scores/shards/*.parquet")):
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does
    started.wait(timeout=ENOUGH)
    said = (tmp_path / "said").read_text()
    assert started.returncode == INTERRUPTED, said
    assert said.splitlines()[-1] == "Interrupted. Repeat the command: it goes on from what is finished."
    kept = {file: file.read_bytes() for file in tmp_path.glob("scores/shards/*.parquet")}
    before = read_scores(tmp_path / "scores").num_rows
    assert 0 < before <= FIRST_BLOCKS
    again = subprocess.run(
        [sys.executable, "-m", "train", *command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert f"Going on after {before} of 200 photographs." in again.stderr
    assert again.stdout.startswith("200 photographs = ")
    assert all(file.read_bytes() == content for file, content in kept.items())
    assert read_scores(tmp_path / "scores")["position"].to_pylist() == list(range(200))
    assert lines_of(read_scores(tmp_path / "scores")) == of_one_process


def drawn(seed: int) -> bytes:
    import io

    held = io.BytesIO()
    Image.fromarray(render_lesion(bool(seed % 2), np.random.default_rng(seed))).save(held, format="PNG")
    return held.getvalue()


def test_a_data_set_on_the_hub_is_scored_and_measured_by_its_labels(cluster, local, tmp_path):
    count = 60
    known = {name: [""] * count for name in features(manifest_only=True) if name not in ("malignant", "diagnosis")}
    known |= {"image_id": [f"i{k}" for k in range(count)], "source": ["ward"] * count, "split": [2] * count}
    known |= {"malignant": [k % 2 for k in range(count)], "diagnosis": [None] * count}
    file = write_parquet(tmp_path / "release/data/test-0.parquet", [drawn(k) for k in range(count)], **known)
    local.create("owner/cases", {"data/test-0.parquet": file.read_bytes()}, kind="datasets")
    summary = score("hub:owner/cases", tmp_path / "scores", address=cluster.address, resamples=20)
    assert summary["sources"]["ward"]["photographs"] == count
    scores = read_scores(tmp_path / "scores")
    assert scores["file"].to_pylist() == [f"i{k}" for k in range(count)]
    metrics = json.loads((tmp_path / "scores/metrics.json").read_text())
    (found,) = metrics["sets"].values()
    assert found["n"] == count and found["n_malignant"] == count // 2
    auc = roc_auc_score(scores["malignant"].to_pylist(), scores["risk"].to_pylist())
    assert found["auc"]["value"] == pytest.approx(auc)
    assert any("Near-duplicates were not looked for" in warning for warning in metrics["warnings"])


def test_parquet_files_are_scored_as_the_same_bytes_in_a_folder_are_and_overlays_are_drawn(cluster, tmp_path):
    pictures = [drawn(k) for k in range(6)]
    write_parquet(tmp_path / "in/a.parquet", pictures, file=[f"{k}.png" for k in range(6)])
    (tmp_path / "folder").mkdir()
    for k, content in enumerate(pictures):
        (tmp_path / f"folder/{k}.png").write_bytes(content)
    score(str(tmp_path / "in/*.parquet"), tmp_path / "scores", address=cluster.address, overlay=True)
    assert lines_of(read_scores(tmp_path / "scores")) == lines_of_one_process(tmp_path / "folder")
    assert len(list((tmp_path / "scores/overlays").rglob("*.png"))) == 6
    expected = Assessor.load().explain(open_photo(pictures[4]))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "scores/overlays/0000/0000004.png")), expected)


def test_a_machine_with_another_version_is_named_and_nothing_is_scored_there(cluster, archive, tmp_path, monkeypatch):
    known = scoring.versions()
    monkeypatch.setattr(scoring, "versions", lambda: known | {"onnxruntime": "0.1"})
    with pytest.raises(UserError, match=r"cannot score: .* has onnxruntime [\d.]+, not 0.1. Install the same versions"):
        score(str(archive), tmp_path, address=cluster.address)
    assert list((tmp_path / shards.SHARDS).iterdir()) == []


def test_a_cluster_that_does_not_answer_is_told_in_words():
    with (
        pytest.raises(UserError, match=r"No Ray cluster answers at 127.0.0.1:1. Start one"),
        clusters.cluster("127.0.0.1:1", None),
    ):
        pass


def test_without_ray_the_command_says_where_it_lives(monkeypatch, archive, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"Ray is not installed here\. .*`make cluster`"):
        score(str(archive), tmp_path)
