"""Ray and Flower, which live in an environment of their own beside the app's."""

import importlib.util

from train import UserError

OWN_ENVIRONMENT = (
    "It lives in an environment of its own: make it with `make cluster`, then write "
    ".venv-cluster/bin/python in place of python."
)


def require(package: str, name: str) -> None:
    """Raises UserError where a package of requirements-cluster.txt is missing. name: as people call it."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{name} is not installed here. {OWN_ENVIRONMENT}")
