"""Files of one commit of a Hub repository: downloaded once, kept in the Hub client's cache, or one sentence why not."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

REFERENCE = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?")
"""``owner/name[@revision]``, to be matched whole."""


class HubError(ValueError):
    """Why the Hub did not give the files, in one sentence."""


def download(
    repo: str, revision: str | None, needed: Sequence[str], wanted: Sequence[str] = (), *, anew: bool = False
) -> Path:
    """The folder that holds a model's files, all of the same commit; those ``wanted`` may be missing there.

    revision: branch, tag or commit; None is the main branch. Where the Hub cannot be reached, or HF_HUB_OFFLINE is set,
    the files of an earlier download are taken, if they are whole. anew: whatever the cache holds. Raises HubError.
    """
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import RemoteEntryNotFoundError

    with _in_one_sentence(repo, revision, f"it lacks one of {', '.join(needed)}"):
        folder = Path(hf_hub_download(repo, needed[0], revision=revision, force_download=anew)).parent
        # The cache names a folder by its commit, so that the branch may move on in between.
        commit = folder.name
        for name in needed[1:]:
            hf_hub_download(repo, name, revision=commit, force_download=anew)
        for name in wanted:
            if try_to_load_from_cache(repo, name, revision=commit) is not _CACHED_NO_EXIST:
                try:
                    hf_hub_download(repo, name, revision=commit, force_download=anew)
                except RemoteEntryNotFoundError:
                    continue
        return folder


def data_set(repo: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """The folder, named by the commit, that holds those files of a data set which fit the patterns. Raises HubError."""
    from huggingface_hub import snapshot_download

    with _in_one_sentence(repo, revision, "a file went missing there"):
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=list(patterns)))


@contextmanager
def _in_one_sentence(repo: str, revision: str | None, lacking: str) -> Iterator[None]:
    # What the client's own transport raises; it comes along with huggingface_hub.
    from httpx2 import HTTPError, TransportError
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RevisionNotFoundError,
    )

    at = f" at revision {revision}" if revision else ""
    try:
        yield
    except LocalEntryNotFoundError:
        reason = "the Hub cannot be reached, and there is no earlier download of it"
        raise HubError(f"The Hub did not give {repo}{at}: {reason}. Check the name and the connection.") from None
    except RevisionNotFoundError:
        raise HubError(f"The Hub did not give {repo}{at}: there is no such revision.") from None
    except EntryNotFoundError:
        raise HubError(f"The Hub did not give {repo}{at}: {lacking}.") from None
    except HfHubHTTPError as problem:
        raise HubError(f"The Hub did not give {repo}{at}: {_why(problem)}") from None
    except TransportError as problem:
        raise HubError(f"The Hub did not give {repo}{at}: the connection failed ({first_line(problem)}).") from None
    except (HTTPError, OSError, ValueError) as problem:
        raise HubError(f"The Hub did not give {repo}{at}: {first_line(problem)}") from None


def _why(problem: OSError) -> str:
    status = problem.response.status_code
    if status == 401 and "credentials" in (problem.server_message or ""):
        return "it does not accept the token. Log in again with: hf auth login"
    if status in (401, 404):
        return "there is no such repository, or it is private. Check the name, and log in where it is private."
    return first_line(problem.server_message or problem)


def first_line(problem: object) -> str:
    """Of what an error says, or its name where it says nothing."""
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
