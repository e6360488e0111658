"""Where uploads lie while a session lasts: a folder of this server's own, and what becomes of it."""

import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: what a killed server left goes when its time is over
    fcntl = None  # type: ignore[assignment]

PREFIX = "self-skin-check-"
KEPT_SECONDS = 600
MAX_TOTAL_BYTES = 400 * 2**20
"""What all photos of a batch may hold together, unpacked: a small ZIP must not fill the memory."""
IN_USE = "in-use"
"""A file in a server's folder that the server holds locked for as long as it lives, however it ends."""


class NoFolder(OSError):
    """There is no place for uploads; the text says what to do."""


@contextmanager
def private_folder(keep: float = KEPT_SECONDS) -> Iterator[Path]:
    """Make Gradio keep uploads in a folder that only this user can read and that is gone when the server stops.

    However it is stopped, but by force: what a killed server left behind is swept by the next one as it starts. To be
    entered in the main thread, before a page is built. keep: seconds for which a file may stay. Raises NoFolder.
    """
    try:
        # Without a temporary folder that can be written Python would take the folder that the app lies in.
        parent = Path(os.environ.get("TMPDIR") or tempfile.gettempdir())
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        mark = _marked(folder)
    except OSError as problem:
        raise NoFolder(
            f"Uploads have no place: {problem.strerror or problem} ({problem.filename}). "
            "Make the temporary folder writable with some space, or name another one in TMPDIR."
        ) from None
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    # A server is mostly stopped by this signal, which would end Python without tidying up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stopped = threading.Event()

    def keep_sweeping() -> None:
        # A file may wait one sweep longer than its age: together they stay within its time.
        while not stopped.wait(keep / 10):
            sweep(parent, folder, keep * 0.9)

    sweep(parent, folder, keep * 0.9)
    threading.Thread(target=keep_sweeping, daemon=True).start()
    try:
        yield folder
    finally:
        stopped.set()
        mark.close()
        shutil.rmtree(folder, ignore_errors=True)


def _marked(folder: Path) -> IO[str]:
    """The folder's mark, held before it has its name: a mark that nobody holds is a dead server's."""
    if fcntl is None:
        return (folder / IN_USE).open("w")
    unnamed = folder / f"{IN_USE}.part"
    mark = unnamed.open("w")
    fcntl.flock(mark, fcntl.LOCK_EX)
    unnamed.rename(folder / IN_USE)
    return mark


def _is_a_servers(folder: Path) -> bool:
    """Whether a server of this user made the folder. Others may bear such a name: an unpacked archive of this project,
    or a link to somebody's files.
    """
    try:
        made, mark = folder.lstat(), (folder / IN_USE).lstat()
    except OSError:
        return False
    private = os.name == "nt" or (made.st_uid == os.getuid() and made.st_mode & 0o077 == 0)
    return private and stat.S_ISDIR(made.st_mode) and stat.S_ISREG(mark.st_mode)


def _is_dead(folder: Path) -> bool:
    """Whether the folder's server has ended; False where nobody can tell."""
    if fcntl is None:
        return False
    try:
        with (folder / IN_USE).open() as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by a server that lives
        return False
    return True


def sweep(parent: Path, own: Path, seconds: float) -> None:
    """Delete what is older than ``seconds`` in the server's ``own`` folder, and folders under ``parent`` whose server
    has ended; where nobody can tell that (Windows), what is older than the ten minutes in any server's folder.
    """
    for folder in parent.glob(PREFIX + "*"):
        if not _is_a_servers(folder):
            continue
        if folder == own:
            _sweep(folder, time.time() - seconds)
        elif _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
        elif fcntl is None:
            _sweep(folder, time.time() - KEPT_SECONDS)


def _sweep(folder: Path, limit: float) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies in a folder before the folder
        try:
            if path.name == IN_USE or path.lstat().st_mtime >= limit:
                continue
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            continue  # not empty, or gone already
