"""Opens a corpus in a process of its own, one file after the other, and says what each cost: ``Workers``.

A decoder that crashes takes only the worker with it, and what one file costs is measured where nothing else runs.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

SECONDS, MEGABYTES = 2.0, 400
_WALL_SECONDS = 60
"""After which a worker is given up, on however busy a machine."""
_ADDRESS_SPACE = 4 * 2**30
"""Of a worker: so that a file that gets past every bound cannot take the machine with it."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file. what: "photo", a refusal's code, or "!" and what went wrong. seconds: of processor time.

    megabytes: by how much the process grew at most while it opened the file.
    """

    what: str
    seconds: float
    megabytes: float
    shape: tuple[int, ...] | None = None


class Worker:
    """A process that opens files; a new one is started where one died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *problem: object) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait(_WALL_SECONDS)

    def open(self, file: Path) -> Outcome:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.hostile.opening"],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
            )
        self._process.stdin.write(f"{file}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            return Outcome(f"! the process died: {self._process.wait(_WALL_SECONDS)}", 0, 0)
        told = json.loads(line)
        return Outcome(told["what"], told["seconds"], told["megabytes"], told["shape"] and tuple(told["shape"]))


def memory_from_here() -> float:
    """MB (of 10^6 bytes) that this process has now; the record of the most that it had starts anew. Linux only."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory("VmRSS")


def most_memory() -> float:
    """The most MB that this process had since ``memory_from_here``."""
    return _memory("VmHWM")


def _memory(line: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{line}:")[1].split()[0]) * 1024 / 1e6


def measure(file: Path) -> Outcome:
    """Open one file here. Linux only."""
    from skin_model.photo import Photo, PhotoRefused, open_photo

    before, began = memory_from_here(), time.process_time()
    shape = None
    try:
        photo = open_photo(file)
        assert isinstance(photo, Photo)
        what, shape = "photo", photo.rgb.shape
    except PhotoRefused as refused:
        what = refused.code
    except BaseException as problem:
        what = f"! {type(problem).__name__}: {problem}"
    return Outcome(what, time.process_time() - began, most_memory() - before, shape)


def main() -> None:
    from skin_model.photo import open_photo

    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    open_photo(REPOSITORY / "examples" / "tone-1.jpg")  # what is imported once is not the first file's
    for line in sys.stdin:
        print(json.dumps(asdict(measure(Path(line.rstrip("\n"))))), flush=True)


if __name__ == "__main__":
    main()
