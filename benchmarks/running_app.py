"""The real app.py as a process of its own, with a temporary folder and a log of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 400
"""Seconds, on a machine that does other work beside it."""


class NotStarted(RuntimeError):
    """The app ended, or did not answer in time; the text is what it wrote."""


@dataclass
class RunningApp:
    """address: without a slash at its end. temp: what the server takes for the system's temporary folder."""

    address: str
    process: subprocess.Popen
    log: Path
    temp: Path

    def memory(self) -> int:
        """Resident bytes of the server."""
        return psutil.Process(self.process.pid).memory_info().rss

    def said(self) -> str:
        """Everything that the server wrote to stdout and stderr."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def files(self) -> list[Path]:
        """Files with anything in them under the temporary folder; Gradio leaves empty ones until the next sweep."""
        return [path for path in self.temp.rglob("*") if path.is_file() and path.stat().st_size]

    def kill(self) -> None:
        """As a lack of memory would end it: without a chance to tidy up."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_app(
    folder: Path, *, temp: Path | None = None, before: Sequence[str] = (), **settings: str
) -> Iterator[RunningApp]:
    """Start app.py on a free port, and stop it at the end. Raises NotStarted.

    folder: for its log and its home, and, without ``temp``, its temporary folder. before: a command that runs it.
    settings: environment variables; without them it has none but PATH and what keeps its threads few.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    temp = folder / "temp" if temp is None else temp
    temp.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(temp),
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    log = folder / "log.txt"
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as written:
        process = subprocess.Popen(
            [*before, sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=written, stderr=written
        )
        try:
            _wait(address, process, log)
            yield RunningApp(address, process, log, temp)
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        if address in log.read_text(encoding="utf-8", errors="replace"):  # what it prints once it answers
            return
        time.sleep(0.2)
    raise NotStarted(log.read_text(encoding="utf-8", errors="replace"))
