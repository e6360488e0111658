"""What a local Hub shows: repositories, listings, files, references, discussions, a Space's state."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlencode

import yaml

from tests.hub.calls import Answer, Call, Refusal

if TYPE_CHECKING:
    from tests.hub.repositories import Commit, Repository


def at(repository: Repository, revision: str) -> Commit:
    """The commit of a revision; a Refusal where there is none."""
    found = repository.resolve(revision)
    if found is None:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return found


def flag(call: Call, name: str) -> bool:
    return call.query.get(name, ["false"])[0].lower() in ("true", "1")


def whoami(call: Call) -> Answer:
    if call.user is None:
        raise Refusal(401, "Invalid username or password.")
    token = {"displayName": "local", "role": "write" if call.writes else "read"}
    orgs = [{"type": "org", "name": name} for name in call.hub.organisations]
    return Answer(body={"type": "user", "name": call.user, "orgs": orgs, "auth": {"accessToken": token}})


def card_data(commit: Commit) -> dict[str, Any]:
    """The front matter of README.md at a commit."""
    readme = commit.blobs.get("README.md")
    found = re.match(r"---\r?\n(.*?)\r?\n---", readme.content.decode(), re.DOTALL) if readme else None
    return yaml.safe_load(found[1]) or {} if found else {}


def info(call: Call, repository: Repository, rest: str) -> Answer:
    commit = at(repository, unquote(rest) or "main")
    siblings = []
    for path, blob in sorted(commit.blobs.items()):
        sibling: dict[str, Any] = {"rfilename": path}
        if flag(call, "blobs"):
            sibling |= {"size": len(blob.content), "blobId": blob.oid}
            if blob.lfs:
                sibling["lfs"] = {"sha256": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
        siblings.append(sibling)
    data = card_data(commit)
    body = {
        "_id": commit.sha[:24],
        "id": repository.name,
        "author": repository.name.partition("/")[0],
        "sha": commit.sha,
        "lastModified": commit.date,
        "createdAt": repository.history()[-1].date,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "cardData": data,
        "siblings": siblings,
    }
    if repository.kind == "models":
        body |= {
            "modelId": repository.name,
            "pipeline_tag": data.get("pipeline_tag"),
            "library_name": data.get("library_name"),
        }
    if repository.kind == "spaces":
        body["sdk"] = data.get("sdk", repository.sdk)
    return Answer(body=json.loads(json.dumps(body, default=str)))


def tree(call: Call, repository: Repository, rest: str) -> Answer:
    revision, _, folder = (unquote(part) for part in rest.partition("/"))
    found = repository.listing(at(repository, revision), folder, recursive=flag(call, "recursive"))
    if found is None:
        raise Refusal(404, f"{folder} does not exist on {revision}", "EntryNotFound")
    start = int(call.query.get("cursor", ["0"])[0])
    end = start + call.hub.page_entries
    headers = {}
    if end < len(found):
        query = urlencode({name: values[0] for name, values in call.query.items()} | {"cursor": end})
        headers["Link"] = f'<{call.hub.endpoint}{call.path}?{query}>; rel="next"'
    return Answer(body=found[start:end], headers=headers)


def paths_info(call: Call, repository: Repository, rest: str) -> Answer:
    commit = at(repository, unquote(rest))
    if "json" in call.headers.get("content-type", ""):
        paths = call.json()["paths"]
    else:
        paths = parse_qs(call.body.decode()).get("paths", [])
    found = []
    for path in paths:
        path = path.rstrip("/")
        if path in commit.blobs:
            found.append(repository.entry(path, commit.blobs[path]))
        elif repository.listing(commit, path, recursive=False):
            found.append({"type": "directory", "path": path, "size": 0, "oid": "0" * 40})
    return Answer(body=found)


def refs(call: Call, repository: Repository, rest: str) -> Answer:
    def named(names: dict[str, str], start: str) -> list[dict[str, str]]:
        return [{"name": name, "ref": start + name, "targetCommit": sha} for name, sha in names.items()]

    heads = {name: sha for name, sha in repository.heads.items() if not name.startswith("refs/")}
    pulls = {name: sha for name, sha in repository.heads.items() if name.startswith("refs/")}
    body = {"branches": named(heads, "refs/heads/"), "tags": named(repository.tags, "refs/tags/"), "converts": []}
    if flag(call, "include_prs"):
        body["pullRequests"] = named(pulls, "")
    return Answer(body=body)


def commits(call: Call, repository: Repository, rest: str) -> Answer:
    at(repository, unquote(rest))
    found = [
        {
            "id": commit.sha,
            "title": commit.title,
            "message": commit.message,
            "date": commit.date,
            "authors": [{"user": commit.author}],
        }
        for commit in repository.history(unquote(rest))
    ]
    return Answer(body=found)


def resolve(call: Call, repository: Repository, revision: str, path: str) -> Answer:
    """A file: from here, or for a Large File Storage object a redirect to where it is stored."""
    commit = at(repository, revision)
    headers = {"X-Repo-Commit": commit.sha}
    if path not in commit.blobs:
        refusal = Refusal(404, "Entry not found", "EntryNotFound")
        refusal.answer.headers |= headers
        raise refusal
    blob = commit.blobs[path]
    if blob.lfs:
        headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content))}
        headers["Location"] = f"{call.hub.storage}/storage/{blob.sha256}?filename={quote(path)}"
        return Answer(302, b"Found. Redirecting", headers)
    return ranged(call, blob.content, headers | {"ETag": f'"{blob.oid}"'})


def ranged(call: Call, content: bytes, headers: dict[str, str]) -> Answer:
    """The content, or the part of it that the Range header asks for."""
    headers = headers | {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("range", ""))
    if wanted is None or not any(wanted.groups()):
        return Answer(200, content, headers)
    total = len(content)
    start = int(wanted[1]) if wanted[1] else max(total - int(wanted[2]), 0)
    stop = min(int(wanted[2]) + 1, total) if wanted[1] and wanted[2] else total
    if start >= total:
        return Answer(416, b"", headers | {"Content-Range": f"bytes */{total}"})
    return Answer(206, content[start:stop], headers | {"Content-Range": f"bytes {start}-{stop - 1}/{total}"})


def discussions(call: Call, repository: Repository, rest: str) -> Answer:
    kind = {"models": "model", "datasets": "dataset", "spaces": "space"}[repository.kind]
    found = [
        {
            "num": pull.number,
            "title": pull.title,
            "author": {"name": pull.author},
            "createdAt": repository.head().date,
            "status": pull.status,
            "repo": {"name": repository.name, "type": kind},
            "isPullRequest": True,
            "changes": {"base": "refs/heads/main", "mergeCommitId": pull.merged_as},
            "filesWithConflicts": [],
            "events": [],
            "diff": "",
        }
        for pull in repository.pulls
    ]
    if not rest:
        return Answer(body={"discussions": found, "count": len(found), "start": 0})
    if not rest.isdigit() or not 1 <= int(rest) <= len(found):
        raise Refusal(404, "Discussion not found")
    return Answer(body=found[int(rest) - 1])


def runtime(call: Call, repository: Repository, rest: str) -> Answer:
    stage = repository.stages.pop(0) if len(repository.stages) > 1 else repository.stages[0]
    body: dict[str, Any] = {"stage": stage, "sha": repository.head().sha}
    body["hardware"] = {"current": "cpu-basic", "requested": "cpu-basic"}
    if stage.endswith("ERROR"):
        body["errorMessage"] = repository.build_log[-1] if repository.build_log else "unknown"
    return Answer(body=body)


def logs(call: Call, repository: Repository, rest: str) -> Answer:
    lines = repository.build_log if rest == "build" else []
    events = "".join(f"data: {json.dumps({'data': line, 'timestamp': '2026-01-01T00:00:00Z'})}\n\n" for line in lines)
    return Answer(200, events.encode(), {"Content-Type": "text/event-stream"})


def variables(call: Call, repository: Repository, rest: str) -> Answer:
    shown = {key: {"value": value, "description": None} for key, value in repository.variables.items()}
    return Answer(body=shown)
