"""Worker processes end with the command that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

COMMAND = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from skin_model.pools import end_with_the_command

def work():
    import os
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_the_command) as pool:
        pool.submit(work).result()
"""


def runs(pid):
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_a_worker_ends_when_the_command_is(ending, start, tmp_path):
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = subprocess.Popen([sys.executable, script, start], stdout=subprocess.PIPE, text=True, env=environment)
    worker = int(command.stdout.readline())
    assert runs(worker)
    command.send_signal(ending)
    command.wait(60)
    deadline = time.monotonic() + 60
    while runs(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(worker)
