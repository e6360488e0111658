"""Ray started on this machine and stopped again, or a cluster joined; what goes wrong there is one sentence."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skin_model.network.hub import first_line
from train import UserError
from train.batch_inference.scorer import UNFIT, Attempts
from train.cluster_packages import require, start_ray

SECONDS_TO_ANSWER, SECONDS_TO_STOP = 10.0, 300.0


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[int]:
    """Ray, for a ``with``: of this machine alone, or at an address. Yields how many actors there may be.

    workers: the wanted number; None for as many as there are cores. Raises UserError.
    """
    require("ray", "Ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # After Ctrl-C a thread of Ray Data may still ask something: it must not join or start another cluster for that.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    # Else Ray's core prints an error at every start: that no actor could start again if this command were gone.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray Data asks how many actors it may have, waits 5 seconds, and gives up altogether after 10 times; a busy machine
    # is slower than that.
    os.environ.setdefault("RAY_DATA_AUTOSCALING_COORDINATOR_MAX_CONSECUTIVE_FAILURES", "1000")
    import ray
    from ray.data import DataContext

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"address": "local", "num_cpus": workers or os.cpu_count() or 1, "include_dashboard": False}
    else:
        options["address"] = address
        _knock(address)
    try:
        start_ray(**options)
    except Exception as problem:  # Ray raises that very class where a node starts too slowly
        said = " ".join(str(problem).split())
        if "ersion" in said and "mismatch" in said:
            raise UserError(
                f"The cluster at {address} runs other versions of Ray or Python than this machine: {said} "
                "Install the same ones everywhere."
            ) from None
        if address is None:
            raise UserError(f"Ray did not start on this machine: {first_line(problem)}") from None
        if ":" not in address:
            raise UserError(_nobody_at(address)) from None
        raise UserError(
            f"This machine cannot join the Ray cluster at {address}: {first_line(problem)} Run the command on one of "
            "the cluster's machines, and look whether that address is a head's."
        ) from None
    try:
        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        _stop_streaming()
        ray.shutdown()


class SharedAttempts(Attempts):
    """The same for all workers of a cluster, in an actor that takes no core. To be made within ``cluster``."""

    def __init__(self) -> None:
        import ray

        self._actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()

    def begin(self, what: str) -> int:
        """As ``Attempts`` has it."""
        import ray

        return ray.get(self._actor.begin.remote(what))

    def end(self, what: str) -> None:
        """As ``Attempts`` has it."""
        import ray

        ray.get(self._actor.end.remote(what))


def _stop_streaming() -> None:
    """End what Ray Data still runs, as after Ctrl-C: a thread of it that speaks to Ray after Ray's end ends the process
    at once, with status 1 and without a word.
    """
    for thread in threading.enumerate():
        if thread.name.startswith("StreamingExecutor") and hasattr(thread, "shutdown"):
            thread.shutdown(force=True)
            thread.join(SECONDS_TO_STOP)


def _knock(address: str) -> None:
    """Raises UserError where nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return  # auto, say, or ray://…
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_ANSWER):
            pass
    except (OSError, OverflowError):
        raise UserError(_nobody_at(address)) from None


def _nobody_at(address: str) -> str:
    return (
        f"No Ray cluster answers at {address}. Start one there with `ray start --head --port 6379`, and give the "
        "address that it prints."
    )


def sentence_of(problem: BaseException) -> str | None:
    """The sentence that an actor ended with, found in what Ray says around it; None where there is none."""
    for said in (str(problem), str(problem.__cause__)):
        if UNFIT in said:
            return UNFIT + first_line(said.rpartition(UNFIT)[2])
    return None
