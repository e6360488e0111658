"""What one of Ray's actors does, without Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.train.batch_inference.rendered_archives import write_archive

pytest.importorskip("pyarrow")


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
