"""Ray and Flower, which live in an environment of their own beside the app's."""

import importlib.util
import os
from typing import Any

from train import UserError

OWN_ENVIRONMENT = (
    "It lives in an environment of its own: make it with `make cluster`, then write "
    ".venv-cluster/bin/python in place of python."
)
STARTS = 4
"""So often Ray is asked to start on this machine: it gives itself half a minute, which a busy machine may exceed."""


def start_ray(**options: Any) -> None:
    """``ray.init`` with these options, again where Ray was too slow for its own clock; raises what Ray raises."""
    # Ray's own 15 would leave the workers next to nothing beside anything else that runs on the machine.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # A warning of a change to come in Ray, which would be printed before anything else.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    for left in reversed(range(STARTS)):
        try:
            ray.init(**options)
        except Exception as problem:  # Ray raises that very class
            if not left or "timed out during startup" not in str(problem):
                raise
            ray.shutdown()
        else:
            return


def require(package: str, name: str) -> None:
    """Raises UserError where a package of requirements-cluster.txt is missing. name: as people call it."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{name} is not installed here. {OWN_ENVIRONMENT}")
