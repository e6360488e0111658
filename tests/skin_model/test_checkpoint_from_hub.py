"""owner/name@revision: the real client against a local Hub, in a process of its own with an empty cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skin_model.checkpoint import EMBEDDED, Checkpoint
from tests import hub

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from skin_model.checkpoint import Checkpoint, CheckpointError
try:
    print(Checkpoint.load(sys.argv[1]).hash)
except CheckpointError as problem:
    print(f"refused: {problem}")
"""


@pytest.fixture
def load(tmp_path):
    """Load a reference in a fresh process whose Hub is the local one; returns what it printed."""

    def loading(endpoint, reference):
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
        environment.pop("HF_HUB_OFFLINE", None)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, reference],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return loading


def test_a_checkpoint_loads_at_a_revision(load):
    with hub.serve("owner/name", EMBEDDED, ("v1.0.0",)) as endpoint:
        assert load(endpoint, "owner/name@v1.0.0") == Checkpoint.load().hash


def test_a_revision_that_is_not_there_is_one_sentence(load):
    with hub.serve("owner/name", EMBEDDED) as endpoint:
        assert load(endpoint, "owner/name@v9").startswith("refused: The Hub did not give owner/name at revision v9:")


def test_a_repository_that_is_not_there_is_one_sentence(load):
    with hub.serve("owner/name", EMBEDDED) as endpoint:
        assert load(endpoint, "owner/other").startswith("refused: The Hub did not give owner/other:")
