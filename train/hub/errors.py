"""Trouble between here and the Hub: what may pass and is tried again, and what a maintainer is told."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from skin_model.network.hub import first_line
from train import UserError

RepoType = Literal["model", "dataset", "space"]
WAITS = (1.0, 2.0, 4.0)
"""Seconds before another try, where the Hub has trouble that may pass."""
LONGEST_WAIT = 60.0
"""Seconds to wait at most where the Hub says how long."""
PASSING = frozenset({408, 429, 500, 502, 503, 504})
TOKEN_REFUSED = (
    "The Hub does not accept the token. Make another at https://huggingface.co/settings/tokens and log in again: "
    "hf auth login"
)
NAMES = {"model": "model", "dataset": "data set", "space": "Space"}
_Result = TypeVar("_Result")


def with_retries(call: Callable[[], _Result]) -> _Result:
    """Call again after trouble that may pass; only for what may be asked twice."""
    for wait in WAITS:
        try:
            return call()
        except Exception as problem:
            if not is_transient(problem):
                raise
            time.sleep(retry_delay(problem, wait))
    return call()


def is_transient(problem: BaseException) -> bool:
    """Whether the same may succeed a little later."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(problem, HfHubHTTPError):
        return problem.response.status_code in PASSING
    return isinstance(problem, httpx2.TransportError)


def retry_delay(problem: BaseException, usual: float) -> float:
    """Seconds that the Hub asks to wait, or the usual ones."""
    response = getattr(problem, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return min(float(asked), LONGEST_WAIT) if asked.isdigit() else usual


def is_about_the_token(problem: Any) -> bool:
    """Whether a 401 means the token itself, not what it may see."""
    return "credentials" in (problem.server_message or str(problem))


@contextmanager
def in_plain_words(repo: str, repo_type: RepoType) -> Iterator[None]:
    """Turn what the Hub's client raises into a UserError of one sentence that says how to mend it."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled:
        raise UserError(
            "HF_HUB_OFFLINE is set, so nothing can be published. Unset it and repeat the command."
        ) from None
    except HFValidationError:
        raise UserError(f"{repo} is no name of a repository on the Hub. Write it as owner/name.") from None
    except (HfHubHTTPError, httpx2.HTTPError, RuntimeError) as problem:
        cause = problem
        if not isinstance(problem, HfHubHTTPError | httpx2.HTTPError):
            cause = problem.__cause__  # the client wraps what goes wrong while a large file is sent
        if isinstance(cause, HfHubHTTPError):
            raise UserError(_sentence(cause, repo, repo_type)) from None
        if isinstance(cause, httpx2.HTTPError):
            raise UserError(_unreachable(cause)) from None
        raise
    except ValueError as problem:
        raise UserError(f"The Hub would not take {repo}: {' '.join(str(problem).split())}") from None


def _unreachable(problem: Exception) -> str:
    return (
        f"The Hub cannot be reached ({first_line(problem).rstrip('.')}). Check the connection and repeat the command; "
        "it goes on where it stopped."
    )


def _sentence(problem: Any, repo: str, repo_type: RepoType) -> str:
    status = problem.response.status_code
    said = first_line(problem.server_message or problem).rstrip(".")
    if status == 401 and is_about_the_token(problem):
        return TOKEN_REFUSED
    if status in (401, 404):
        return (
            f"There is no {NAMES[repo_type]} {repo} on the Hub that this token may see. Check the name and the token."
        )
    if status == 403:
        return f"The token may not write to {repo} ({said}). Use a token that may, or choose another name."
    if status == 412:
        return (
            f"{repo} has changed since it was looked at, by somebody else. See what came in, then repeat the command."
        )
    if status == 429:
        return "The Hub asks for a pause (429). Wait some minutes and repeat the command; it goes on where it stopped."
    if status >= 500:
        return f"The Hub has trouble ({status}: {said}). Repeat the command later; it goes on where it stopped."
    return f"The Hub refused {repo} ({status}: {said}). Mend that and repeat the command."
