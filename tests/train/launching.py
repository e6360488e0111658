"""Starts a script under ``accelerate launch`` on several CPU processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def launch(script: Path, processes: int, *arguments: object, timeout: int = 240) -> subprocess.CompletedProcess[str]:
    """Run ``script`` with ``arguments`` on ``processes`` CPU processes that share the global batch."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1"]
    command += ["--num_processes", str(processes), "--mixed_precision", "no", "--dynamo_backend", "no"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.run(
        [*command, str(script), *map(str, arguments)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
