"""What one of Ray's actors does, without Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skin_model import assess
from skin_model.assess import opened
from tests.conftest import REPOSITORY
from tests.train.batch_inference.rendered_archives import write_archive
from train.batch_inference.archive import Archive, open_archive
from train.batch_inference.scorer import MOST_ATTEMPTS, Attempts, Scorer, load, versions

pytest.importorskip("pyarrow")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return open_archive(str(write_archive(tmp_path / "archive", 3)))


def scorer(archive: Archive, attempts: Attempts) -> Scorer:
    return Scorer(archive, None, versions() | {"checkpoint": load(None).hash}, overlay=False, attempts=attempts)


def test_a_photograph_in_whose_hand_workers_end_again_and_again_counts_as_damaged_and_no_other_does(
    archive, monkeypatch
):
    (block,) = archive.blocks(np.ones(archive.photographs, dtype=bool))
    attempts, tried = Attempts(), []

    def ends_the_worker(content: Path) -> Any:
        if content.name == "001.jpg":
            tried.append(content)
            raise SystemExit
        return opened(content)

    monkeypatch.setattr(assess, "opened", ends_the_worker)
    for _ in range(1 + MOST_ATTEMPTS):
        with pytest.raises(SystemExit):
            scorer(archive, attempts)(block)
    scored = scorer(archive, attempts)(block).to_pylist()
    assert len(tried) == 1 + MOST_ATTEMPTS
    assert {row["file"] for row in scored if row["refused"] == "damaged_file"} == {"1/001.jpg", "cut.jpg"}


def test_a_photograph_whose_machine_was_lost_once_is_scored_elsewhere(archive):
    (block,) = archive.blocks(np.ones(archive.photographs, dtype=bool))
    attempts = Attempts()
    first = scorer(archive, attempts)(block)
    assert scorer(archive, attempts)(block) == first


def test_an_archive_is_scored_by_the_embedded_checkpoint_without_an_import_of_torch(tmp_path: Path):
    write_archive(tmp_path / "archive", 2)
    code = """if True:
        import sys
        import numpy as np
        from train.batch_inference.archive import open_archive
        from train.batch_inference.scorer import Scorer, load, versions
        archive = open_archive(sys.argv[1])
        scorer = Scorer(archive, None, versions() | {"checkpoint": load(None).hash}, overlay=True)
        (block,) = archive.blocks(np.ones(archive.photographs, dtype=bool))
        scored = scorer(block)
        assert len(scored) == 4 and scored["risk"].null_count == scored["overlay"].null_count == 2
        assert not {"torch", "timm", "captum"} & set(sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "archive"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
