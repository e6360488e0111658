"""Threads and processes that end with their command, whatever ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool


@contextmanager
def thread_pool(threads: int | None) -> Iterator[ThreadPool]:
    """A ThreadPool whose threads are done when it is left, by an exception too: one that still computes in torch while
    Python ends would bring the process down.
    """
    pool = ThreadPool(threads)
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()


def die_of_ctrl_c() -> None:
    """For a worker process as it begins: Ctrl-C, which reaches it too, ends it without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
