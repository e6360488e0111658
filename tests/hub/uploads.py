"""What changes a local Hub: creating, uploading, committing, tagging, pull requests, a Space's settings."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml

from tests.hub import views
from tests.hub.calls import Answer, Call, Refusal
from tests.hub.faults import MESSAGES
from tests.hub.repositories import Blob

if TYPE_CHECKING:
    from tests.hub.repositories import Repository

KIND_OF = {"model": "models", "dataset": "datasets", "space": "spaces", None: "models"}
LICENCES = {
    *("apache-2.0", "mit", "openrail", "bigscience-openrail-m", "bsl-1.0", "bsd-2-clause", "bsd-3-clause", "gpl-3.0"),
    *("lgpl-3.0", "mpl-2.0", "odbl", "unlicense", "unknown", "other", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-3.0"),
    *("cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0"),
    *("cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
}
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SPACE_SDKS = ("gradio", "docker", "static")
SHORT_DESCRIPTION = 60


def create(call: Call) -> Answer:
    asked = call.json()
    namespace = asked.get("organization") or call.user or ""
    call.require_writing(namespace)
    kind, name = KIND_OF[asked.get("type")], f"{namespace}/{asked['name']}"
    found = call.hub.repositories.get((kind, name))
    prefix = "" if kind == "models" else f"{kind}/"
    url = f"{call.hub.endpoint}/{prefix}{name}"
    if found is not None:
        raise Refusal(409, f"You already created this {asked.get('type') or 'model'} repo: {name}", url=url)
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    call.hub.create(name, kind=kind, private=private, sdk=asked.get("sdk"))
    return Answer(body={"url": url, "name": name})


def delete(call: Call) -> Answer:
    asked = call.json()
    name = f"{asked.get('organization') or call.user}/{asked['name']}"
    repository = call.repository(KIND_OF[asked.get("type")], name, write=True)
    del call.hub.repositories[repository.kind, repository.name]
    return Answer(body={})


def settings(call: Call, repository: Repository, rest: str) -> Answer:
    asked = call.json()
    if "visibility" in asked or "private" in asked:
        repository.private = asked.get("visibility") == "private" or bool(asked.get("private"))
    return Answer(body={"private": repository.private})


def validate_yaml(call: Call) -> Answer:
    """The checks of a card's metadata that the Hub makes before it takes a README.md."""
    asked = call.json()
    found = re.match(r"---\r?\n(.*?)\r?\n---", asked["content"], re.DOTALL)
    if found is None:
        return Answer(body={"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    try:
        data = yaml.safe_load(found[1]) or {}
        errors = metadata_errors(data, asked["repoType"])
    except yaml.YAMLError as problem:
        errors = [f"YAML: {problem}"]
    if errors:
        body = {"error": "Invalid metadata", "errors": [{"message": text} for text in errors], "warnings": []}
        return Answer(400, body)
    return Answer(body={"errors": [], "warnings": []})


def metadata_errors(data: Any, repo_type: str) -> list[str]:
    """What the Hub would not take."""
    if not isinstance(data, dict):
        return ["metadata must be a mapping"]
    errors = []
    licences = data.get("license", [])
    for licence in [licences] if isinstance(licences, str) else licences:
        if licence not in LICENCES:
            errors.append(f'"license" must be one of {", ".join(sorted(LICENCES))}')
    for index in data.get("model-index") or []:
        for result in index.get("results", [{}]):
            if not result.get("task", {}).get("type"):
                errors.append('"model-index[0].results[0].task" is required')
            for metric in result.get("metrics", [{}]):
                if "type" not in metric or "value" not in metric:
                    errors.append('"model-index[0].results[0].metrics[0]" needs type and value')
            if not {"type", "name"} <= result.get("dataset", {}).keys():
                errors.append('"model-index[0].results[0].dataset" needs type and name')
    if repo_type == "space":
        if data.get("sdk") not in SPACE_SDKS:
            errors.append(f'"sdk" must be one of {", ".join(SPACE_SDKS)}')
        errors += [
            f'"{key}" must be one of {COLOURS}'
            for key in ("colorFrom", "colorTo")
            if data.get(key, "red") not in COLOURS
        ]
        if len(data.get("short_description", "")) > SHORT_DESCRIPTION:
            errors.append(
                f'"short_description" length must be less than or equal to {SHORT_DESCRIPTION} characters long'
            )
    return errors


def preupload(call: Call, repository: Repository, rest: str) -> Answer:
    """Whether each file goes by git or by Large File Storage, and which content is there already."""
    head = views.at(repository, unquote(rest))
    answers = []
    for asked in call.json()["files"]:
        sample = base64.b64decode(asked["sample"])
        lfs = repository.wants_lfs(asked["path"], sample, asked["size"], unquote(rest))
        there = head.blobs.get(asked["path"])
        answers.append({
            "path": asked["path"],
            "uploadMode": "lfs" if lfs else "regular",
            "shouldIgnore": False,
            "oid": None if there is None else there.sha256 if there.lfs else there.oid,
        })  # fmt: skip
    return Answer(body={"files": answers})


def batch(call: Call, repository: Repository) -> Answer:
    """Where each Large File Storage object is to be sent; nothing for those that are there already."""
    answers = []
    for asked in call.json()["objects"]:
        oid, size = asked["oid"], asked["size"]
        answer: dict[str, Any] = {"oid": oid, "size": size, "authenticated": True}
        if oid not in call.hub.objects:
            base = f"{call.hub.endpoint}/{repository.prefix}{repository.name}.git/info/lfs"
            upload: dict[str, Any] = {"href": f"{call.hub.storage}/storage/{oid}"}
            if call.hub.part_bytes and size > call.hub.part_bytes:
                parts = -(-size // call.hub.part_bytes)
                header = {str(n): f"{call.hub.storage}/storage/{oid}?part={n}" for n in range(1, parts + 1)}
                upload = {
                    "href": f"{call.hub.endpoint}/storage/{oid}",
                    "header": {"chunk_size": str(call.hub.part_bytes), **header},
                }
            answer["actions"] = {"upload": upload, "verify": {"href": f"{base}/verify"}}
        answers.append(answer)
    return Answer(body={"transfer": "basic", "objects": answers})


def verify(call: Call, repository: Repository) -> Answer:
    asked = call.json()
    if len(call.hub.objects.get(asked["oid"], b"")) != asked["size"]:
        raise Refusal(404, "The object is not there, or not whole")
    return Answer(body={})


LFS = {"objects/batch": batch, "verify": verify}


def storage(call: Call) -> Answer:
    """Large File Storage objects, as a storage host with signed addresses keeps them."""
    oid = call.path.rpartition("/")[2]
    if call.method == "PUT":
        if "part" in call.query:
            call.hub.parts[oid, int(call.query["part"][0])] = call.body
            return Answer(headers={"ETag": f'"{hashlib.md5(call.body).hexdigest()}"'})
        return _keep(call, oid, call.body)
    if call.method == "POST":  # the address is signed, so no token comes along: put the parts together
        return _keep(
            call, oid, b"".join(call.hub.parts.pop((oid, part["partNumber"]), b"") for part in call.json()["parts"])
        )
    if oid not in call.hub.objects:
        raise Refusal(404, "NoSuchKey")
    return views.ranged(call, call.hub.objects[oid], {"ETag": f'"{hashlib.md5(oid.encode()).hexdigest()}"'})


def _keep(call: Call, oid: str, content: bytes) -> Answer:
    if hashlib.sha256(content).hexdigest() != oid:
        raise Refusal(400, "The SHA-256 you specified did not match the content")
    call.hub.objects[oid] = content
    return Answer(headers={"ETag": f'"{hashlib.md5(content).hexdigest()}"'})


def commit(call: Call, repository: Repository, rest: str) -> Answer:
    """One commit from newline-delimited JSON: a header, then a line for each file; all of it or nothing."""
    branch = unquote(rest)
    create_pr = views.flag(call, "create_pr")
    if branch not in repository.heads:
        raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    header: dict[str, Any] = {}
    added: dict[str, Blob] = {}
    removed: list[str] = []
    for line in call.body.splitlines():
        item = json.loads(line)
        key, value = item["key"], item["value"]
        if key == "header":
            header = value
        elif key == "file":
            added[value["path"]] = Blob(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in call.hub.objects:
                raise Refusal(400, f"An LFS pointer pointed to a file that does not exist: {value['path']}")
            added[value["path"]] = Blob(call.hub.objects[value["oid"]], lfs=True)
        elif key in ("deletedFile", "deletedFolder"):
            removed.append(value["path"].rstrip("/") + "/" * (key == "deletedFolder"))
        else:
            raise Refusal(400, f"unknown key {key}")
    if "README.md" in added:
        checked = json.dumps({"content": added["README.md"].content.decode(), "repoType": repository.kind[:-1]})
        answer = validate_yaml(type(call)(**{**vars(call), "body": checked.encode()}))
        if answer.status != 200:
            return answer
    parent = header.get("parentCommit")
    if parent is not None and parent != repository.heads[branch]:
        raise Refusal(412, MESSAGES[412])
    pull = repository.open_pull_request(header["summary"], call.user or "") if create_pr else None
    made = repository.commit(
        pull.ref if pull else branch,
        header["summary"],
        header.get("description", ""),
        call.user or "",
        added,
        tuple(removed),
    )
    url = f"{call.hub.endpoint}/{repository.prefix}{repository.name}"
    body = {"success": True, "commitOid": made.sha, "commitUrl": f"{url}/commit/{made.sha}", "hookOutput": ""}
    if pull:
        body["pullRequestUrl"] = f"{url}/discussions/{pull.number}"
    return Answer(body=body)


def tag(call: Call, repository: Repository, rest: str) -> Answer:
    name = call.json()["tag"]
    commit = views.at(repository, unquote(rest))
    if name in repository.tags:
        raise Refusal(409, f"Tag reference exists already: {name}")
    repository.tags[name] = commit.sha
    return Answer(201, {})


def delete_tag(call: Call, repository: Repository, rest: str) -> Answer:
    if repository.tags.pop(unquote(rest), None) is None:
        raise Refusal(404, "Tag not found", "RevisionNotFound")
    return Answer(body={})


def branch(call: Call, repository: Repository, rest: str) -> Answer:
    name = unquote(rest)
    if name in repository.heads:
        raise Refusal(409, f"Reference already exists: {name}")
    start = call.json().get("startingPoint") or "main"
    repository.heads[name] = views.at(repository, start).sha
    return Answer(201, {})


def delete_branch(call: Call, repository: Repository, rest: str) -> Answer:
    if unquote(rest) == "main" or repository.heads.pop(unquote(rest), None) is None:
        raise Refusal(404, "Branch not found", "RevisionNotFound")
    return Answer(body={})


def change_discussion(call: Call, repository: Repository, rest: str) -> Answer:
    """Merge or close a pull request."""
    number, _, change = rest.partition("/")
    if not number.isdigit() or not 1 <= int(number) <= len(repository.pulls) or change not in ("merge", "status"):
        raise Refusal(404, "Discussion not found")
    pull = repository.pulls[int(number) - 1]
    if change == "status":
        pull.status = call.json()["status"]
        return Answer(body={"newStatus": {"type": "status-change"}})
    head = repository.head(pull.ref)
    made = repository.commit("main", pull.title, "", pull.author, head.blobs, ())
    pull.status, pull.merged_as = "merged", made.sha
    return Answer(body={"success": True})


def set_variable(call: Call, repository: Repository, rest: str) -> Answer:
    asked = call.json()
    repository.variables[asked["key"]] = asked["value"]
    return views.variables(call, repository, rest)


def delete_variable(call: Call, repository: Repository, rest: str) -> Answer:
    repository.variables.pop(call.json()["key"], None)
    return views.variables(call, repository, rest)


def set_secret(call: Call, repository: Repository, rest: str) -> Answer:
    repository.secrets[call.json()["key"]] = call.json()["value"]
    return Answer(body={})
