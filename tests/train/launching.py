"""Starts a script on several CPU processes that share one run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def launch(script: Path, processes: int, *arguments: object, timeout: int = 240) -> tuple[int, str]:
    """Run ``script`` with ``arguments`` on ``processes`` CPU processes that share the global batch, as torchrun does.

    Returns the highest exit status and what all of them wrote to stderr. torchrun itself would import torch once more.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    environment |= {"LOCAL_WORLD_SIZE": str(processes)}
    started = [
        subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            cwd=REPOSITORY,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        said = [process.communicate(timeout=timeout)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return max(process.returncode for process in started), "\n".join(said)
