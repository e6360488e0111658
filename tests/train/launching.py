"""Starts a script on several CPU processes that share one run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def launch(script: Path, processes: int, *arguments: object, timeout: int = 240) -> subprocess.CompletedProcess[str]:
    """Run ``script`` with ``arguments`` on ``processes`` CPU processes that share the global batch."""
    # Not ``accelerate launch``: on CPUs it starts one process, whatever number it is told.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    command += ["--master_addr", "127.0.0.1", "--master_port", str(port)]
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
