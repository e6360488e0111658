"""Where uploads lie while a visit lasts: a folder of this server's own, and what becomes of it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "self-skin-check-"
KEPT_SECONDS = 600
SWEEP_SECONDS = 60


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make Gradio keep uploads in a folder that only this user can read and that is gone when the server stops.

    However it is stopped, but by force: what a killed server left behind is swept by the next one. To be entered in
    the main thread, before a page is built.
    """
    parent = Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    # A server is mostly stopped by this signal, which would end Python without tidying up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stopped = threading.Event()

    def keep_sweeping() -> None:
        while True:
            sweep(parent, KEPT_SECONDS - SWEEP_SECONDS)
            if stopped.wait(SWEEP_SECONDS):
                return

    threading.Thread(target=keep_sweeping, daemon=True).start()
    try:
        yield folder
    finally:
        stopped.set()
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, seconds: float) -> None:
    """Delete every file older than ``seconds`` in the servers' folders under ``parent``, and folders left empty."""
    limit = time.time() - seconds
    for folder in parent.glob(PREFIX + "*"):
        for path in [*sorted(folder.rglob("*"), reverse=True), folder]:  # what lies in a folder before the folder
            try:
                if path.stat().st_mtime >= limit:
                    continue
                path.rmdir() if path.is_dir() else path.unlink()
            except OSError:
                continue  # not empty, gone already, or another user's
