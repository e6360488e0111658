"""What a local Hub keeps: repositories with commits, branches, tags and pull requests, all in memory."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

GITATTRIBUTES = "".join(
    f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n"
    for suffix in ("bin", "jpg", "npz", "onnx", "parquet", "pdf", "png", "safetensors", "tflite", "zip")
)
"""What the Hub puts into a new repository, in short: which files are kept as Large File Storage objects."""
REGULAR_BYTES = 10 * 1024 * 1024
"""Anything larger is kept as a Large File Storage object, whatever it is called."""
BUILT = ("BUILDING", "APP_STARTING", "RUNNING")


@dataclass(frozen=True)
class Blob:
    """The content of a file, and whether git or the Large File Storage keeps it."""

    content: bytes
    lfs: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git keeps in place of a Large File Storage object."""
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        ).encode()

    @property
    def oid(self) -> str:
        """git's SHA-1 of what git keeps."""
        kept = self.pointer if self.lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    message: str
    author: str
    blobs: Mapping[str, Blob]
    date: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))


@dataclass
class PullRequest:
    number: int
    title: str
    author: str
    status: str = "open"
    merged_as: str | None = None

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.number}"


class Repository:
    """One model, data set or Space with its history. kind: models, datasets or spaces, as in the Hub's addresses.

    stages, build_log, variables and secrets are a Space's: each question about its runtime takes the next stage.
    """

    def __init__(self, kind: str, name: str, author: str, *, private: bool = False, sdk: str | None = None) -> None:
        self.kind, self.name, self.private, self.sdk = kind, name, private, sdk
        self.commits: dict[str, Commit] = {}
        self.heads: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.pulls: list[PullRequest] = []
        self.stages: list[str] = list(BUILT)
        self.build_log: list[str] = []
        self.variables: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self._count = itertools.count()
        self.commit("main", "initial commit", "", author, {".gitattributes": Blob(GITATTRIBUTES.encode())}, removed=())

    @property
    def prefix(self) -> str:
        """What stands before the name in addresses that people see."""
        return "" if self.kind == "models" else f"{self.kind}/"

    def resolve(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag, a pull request's ref or a hash names."""
        sha = self.heads.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(sha)

    def head(self, branch: str = "main") -> Commit:
        return self.commits[self.heads[branch]]

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """The content of every file at a revision."""
        found = self.resolve(revision)
        assert found is not None, f"{self.name} has no {revision}"
        return {path: blob.content for path, blob in found.blobs.items()}

    def history(self, revision: str = "main") -> list[Commit]:
        """The commits up to a revision, newest first."""
        found, commits = self.resolve(revision), []
        while found is not None:
            commits.append(found)
            found = self.commits.get(found.parent or "")
        return commits

    def commit(
        self, branch: str, title: str, message: str, author: str, added: Mapping[str, Blob], removed: tuple[str, ...]
    ) -> Commit:
        """Add a commit on a branch, which need not exist: it then starts at main. removed: paths, folders with /."""
        parent = self.heads.get(branch) or self.heads.get("main")
        before = self.commits[parent].blobs if parent else {}
        kept = {
            path: blob
            for path, blob in before.items()
            if not any(path == gone or (gone.endswith("/") and path.startswith(gone)) for gone in removed)
        }
        named = f"{self.kind} {self.name} {parent} {title} {next(self._count)}"
        sha = hashlib.sha1(named.encode()).hexdigest()
        made = Commit(sha, parent, title, message, author, {**kept, **added})
        self.commits[sha], self.heads[branch] = made, sha
        return made

    def upload(self, files: Mapping[str, bytes], title: str = "Add files", branch: str = "main") -> Commit:
        """Commit files as a person would by hand."""
        blobs = {path: Blob(content, self.wants_lfs(path, content, len(content))) for path, content in files.items()}
        return self.commit(branch, title, "", self.name.partition("/")[0], blobs, ())

    def open_pull_request(self, title: str, author: str) -> PullRequest:
        pull = PullRequest(len(self.pulls) + 1, title, author)
        self.pulls.append(pull)
        self.heads[pull.ref] = self.heads["main"]
        return pull

    def wants_lfs(self, path: str, sample: bytes, size: int, branch: str = "main") -> bool:
        """Whether the Hub would keep a file as a Large File Storage object."""
        head = self.resolve(branch) or self.head()
        rules = head.blobs.get(".gitattributes")
        patterns = (
            [line.split()[0] for line in rules.content.decode().splitlines() if "filter=lfs" in line] if rules else []
        )
        name = path.rpartition("/")[2]
        return size > 0 and (
            size > REGULAR_BYTES
            or b"\0" in sample[:512]
            or any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(path, pattern) for pattern in patterns)
        )

    def entry(self, path: str, blob: Blob) -> dict[str, Any]:
        """A file as the Hub lists it."""
        found = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.oid}
        if blob.lfs:
            found["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
        return found

    def listing(self, commit: Commit, folder: str, *, recursive: bool) -> list[dict[str, Any]] | None:
        """Files and folders below a folder ("" is the root), sorted; None where there is no such folder."""
        start = f"{folder}/" if folder else ""
        below = {path: blob for path, blob in sorted(commit.blobs.items()) if path.startswith(start)}
        if not below and folder:
            return None
        found: dict[str, dict[str, Any]] = {}
        for path, blob in below.items():
            parts = path[len(start) :].split("/")
            for depth in range(1, len(parts)) if recursive else range(1, min(2, len(parts))):
                name = start + "/".join(parts[:depth])
                oid = hashlib.sha1(f"tree {commit.sha} {name}".encode()).hexdigest()
                found.setdefault(name, {"type": "directory", "path": name, "size": 0, "oid": oid})
            if recursive or len(parts) == 1:
                found[path] = self.entry(path, blob)
        return [found[path] for path in sorted(found)]
