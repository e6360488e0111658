"""Threads and processes that end with their command, whatever ends it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from multiprocessing.process import BaseProcess


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


def end_with_the_command() -> None:
    """For a worker process as it begins: Ctrl-C, which reaches it too, ends it without a traceback, and so does the end
    of the process that started it, which may be killed before it can tell its workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
