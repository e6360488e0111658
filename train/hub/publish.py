"""A folder to a repository on the Hub, in one commit: all of it or nothing, and nothing twice."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train import UserError
from train.hub.errors import (
    TOKEN_REFUSED,
    WAITS,
    RepoType,
    in_plain_words,
    is_about_the_token,
    is_transient,
    retry_delay,
    with_retries,
)
from train.reports.model_card import MARK

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository. hash: SHA-256 where large file storage keeps it, else git's SHA-1 of the blob."""

    size: int
    hash: str
    large: bool

    def is_like(self, file: Path) -> bool:
        """Whether a local file holds the same bytes."""
        if file.stat().st_size != self.size:
            return False
        digest = hashlib.sha256() if self.large else hashlib.sha1(b"blob %d\0" % self.size)
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == self.hash


@dataclass(frozen=True)
class Remote:
    """What a repository's main branch holds. head: the commit. tags: name -> commit. ours: its card bears our MARK."""

    head: str
    private: bool
    files: dict[str, RemoteFile]
    tags: dict[str, str]
    ours: bool


@dataclass(frozen=True)
class Published:
    """What was sent, or with ``dry_run`` would be.

    revision: the commit, None where nothing was committed on main. sent: (path, bytes). removed: what the folder no
    longer has. pull_request, url: addresses.
    """

    repo: str
    revision: str | None
    pull_request: str | None
    sent: list[tuple[str, int]]
    unchanged: list[str]
    url: str
    removed: list[str] = field(default_factory=list)
    version: str | None = None


def publish(
    folder: Path,
    repo: str,
    repo_type: RepoType,
    *,
    version: str | None,
    message: str,
    private: bool = False,
    create_pr: bool = False,
    dry_run: bool = False,
) -> Published:
    """Make the main branch of ``repo`` hold what ``folder`` holds, in one commit, and tag it with ``version``.

    Files that are there with the same bytes are not sent again; files that the folder lacks are removed, but for those
    whose name begins with a dot. The commit is refused where another one came in between. create_pr: as a pull
    request, which is not tagged. dry_run: only say what would be sent. A repeat after a failure finishes what is left.
    The token comes from the environment or the login. Raises UserError.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    with in_plain_words(repo, repo_type):
        api = HfApi()
        there = ready(repo, repo_type, private=private, dry_run=dry_run)
        plan = _plan(folder, there)
        _check_version(repo, version, there, changes=bool(plan.sent or plan.removed))
        url = f"{api.endpoint}/{'' if repo_type == 'model' else repo_type + 's/'}{repo}"
        if dry_run:
            revision = there.head if there and not (plan.sent or plan.removed) else None
            return Published(repo, revision, None, plan.sent, plan.unchanged, url, plan.removed, version)
        if there is None:
            with_retries(lambda: _create(api, repo, repo_type, folder, private))
            there = look(repo, repo_type)
            if there is None:
                raise UserError(f"The Hub made {repo} but does not show it. Repeat the command.")
            plan = _plan(folder, there)
        revision, pull_request = there.head, None
        if plan.sent or plan.removed:
            operations = [
                *(CommitOperationAdd(path, folder / path) for path, _ in plan.sent),
                *(CommitOperationDelete(path) for path in plan.removed),
            ]
            options = {"commit_message": message, "repo_type": repo_type, "parent_commit": there.head}
            if create_pr:
                made = api.create_commit(repo, operations, create_pr=True, **options)
                return Published(repo, None, made.pr_url, plan.sent, plan.unchanged, url, plan.removed, version)
            revision = _commit(api, folder, repo, repo_type, operations, options)
        if version is not None and not create_pr and there.tags.get(version) != revision:
            with_retries(
                lambda: api.create_tag(repo, tag=version, revision=revision, repo_type=repo_type, exist_ok=True)
            )
    return Published(repo, revision, pull_request, plan.sent, plan.unchanged, url, plan.removed, version)


def ready(repo: str, repo_type: RepoType, *, private: bool = False, dry_run: bool = False) -> Remote | None:
    """What the repository holds, None where there is none yet; after a look at all that could stop a publication.

    Raises UserError for a name that is none, without a token that may write (not for a dry_run), for a repository that
    is public though a private one is wanted, and for one whose files were not published from here.
    """
    if not _NAME.fullmatch(repo):
        raise UserError(f"{repo} is no name of a repository on the Hub. Write it as owner/name.")
    with in_plain_words(repo, repo_type):
        if not dry_run:
            _check_token()
        there = look(repo, repo_type)
    if there is not None and private and not there.private:
        raise UserError(f"{repo} is there already and is public. Leave --private out, or choose another name.")
    foreign = [path for path in there.files if path[0] != "." and path != "README.md"] if there is not None else []
    if foreign and not there.ours:
        raise UserError(
            f"{repo} holds what was not published from here ({foreign[0]} …), and it would be replaced. Choose another "
            f"name; or, if you mean it, add the tag {MARK} to that repository's card first."
        )
    return there


def listing(published: Published) -> str:
    """What was sent, or would be, as text: a line a file with its size, and the sums."""
    lines = [f"{size:>12,}  {path}" for path, size in published.sent]
    lines += [f"{'removed':>12}  {path}" for path in published.removed]
    lines += [f"{'unchanged':>12}  {path}" for path in published.unchanged]
    total = sum(size for _, size in published.sent)
    lines.append(f"{total:>12,}  bytes in {len(published.sent)} files")
    return "\n".join(lines)


def look(repo: str, repo_type: RepoType) -> Remote | None:
    """What the repository holds; None where there is none that this token may see. Raises UserError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    with in_plain_words(repo, repo_type):
        try:
            info = with_retries(lambda: api.repo_info(repo, repo_type=repo_type))
        except RepositoryNotFoundError:
            return None
        except HfHubHTTPError as problem:
            # Without a token the Hub does not tell what is missing from what is private.
            if problem.response.status_code == 401 and not is_about_the_token(problem):
                return None
            raise
        listed = with_retries(
            lambda: list(api.list_repo_tree(repo, recursive=True, revision=info.sha, repo_type=repo_type))
        )
        files = {
            found.path: RemoteFile(
                found.size, found.lfs.sha256 if found.lfs else found.blob_id, large=found.lfs is not None
            )
            for found in listed
            if isinstance(found, RepoFile)
        }
        refs = with_retries(lambda: api.list_repo_refs(repo, repo_type=repo_type))
        marked = MARK in (getattr(info.card_data, "tags", None) or [])
        return Remote(info.sha, bool(info.private), files, {tag.name: tag.target_commit for tag in refs.tags}, marked)


@dataclass(frozen=True)
class _Plan:
    sent: list[tuple[str, int]]
    unchanged: list[str]
    removed: list[str]


def _plan(folder: Path, there: Remote | None) -> _Plan:
    known = there.files if there else {}
    local = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    if not local:
        raise UserError(f"{folder} holds no file, so there is nothing to publish.")
    unchanged = [path for path, file in local.items() if path in known and known[path].is_like(file)]
    kept = set(unchanged)
    sent = [(path, file.stat().st_size) for path, file in local.items() if path not in kept]
    removed = [path for path in known if path not in local and not path.startswith(".")]
    return _Plan(sent, unchanged, sorted(removed))


def _check_version(repo: str, version: str | None, there: Remote | None, *, changes: bool) -> None:
    if version is None or there is None or version not in there.tags:
        return
    if changes or there.tags[version] != there.head:
        raise UserError(
            f"{repo} has a version {version} already, and it holds something else. Choose another with --version."
        )


def _create(api: HfApi, repo: str, repo_type: RepoType, folder: Path, private: bool) -> None:
    options: dict[str, Any] = {}
    if repo_type == "space":
        from huggingface_hub import RepoCard

        options["space_sdk"] = RepoCard.load(folder / "README.md").data.get("sdk")
    api.create_repo(repo, repo_type=repo_type, private=private, exist_ok=True, **options)


def _commit(
    api: HfApi, folder: Path, repo: str, repo_type: RepoType, operations: Sequence[Any], options: dict[str, Any]
) -> str:
    """The commit's hash. After an answer that was lost, look whether the commit has happened before another try."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    for wait in (*WAITS, None):
        try:
            return api.create_commit(repo, operations, **options).oid
        except (HfHubHTTPError, httpx2.TransportError) as problem:
            # What was asked before the commit itself was tried again by the client already.
            request = problem.response.request if isinstance(problem, HfHubHTTPError) else problem.request
            lost = is_transient(problem) and "/commit/" in str(request.url)
            conflict = isinstance(problem, HfHubHTTPError) and problem.response.status_code == 412
            if not (lost or conflict):
                raise
            there = look(repo, repo_type)
            if there is not None:
                left = _plan(folder, there)
                if not left.sent and not left.removed:
                    return there.head
            if conflict or wait is None:
                raise
            time.sleep(retry_delay(problem, wait))
    raise AssertionError("unreachable")


def _check_token() -> None:
    """Raises UserError without a token, and for one that the Hub does not know or that may only read."""
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if get_token() is None:
        raise UserError(
            "There is no token for the Hub. Log in with: hf auth login (or set HF_TOKEN), with a token that may write."
        )
    try:
        token = with_retries(HfApi().whoami).get("auth", {}).get("accessToken", {})
    except HfHubHTTPError as problem:
        if problem.response.status_code == 401:
            raise UserError(TOKEN_REFUSED) from None
        raise
    if token.get("role") == "read":
        raise UserError("The token may only read. Log in with one that may write: hf auth login")
