"""The app, or the static on-device page, to a Space on the Hub: exactly the files it needs, pinned to one model."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from skin_model.network import hub
from skin_model.network.checkpoint import CONFIG_FILE, GATE_FILE, METRICS_FILE, MODEL_FILE
from train import UserError
from train.evaluation.mistakes import GALLERY_FILE
from train.hub.errors import NAMES, RepoType, in_plain_words, with_retries
from train.hub.publish import Published, publish

ROOT = Path(__file__).parents[2]
CODE = ("app.py", "LICENSE", "requirements.txt")
PACKAGES = ("skin_model", "interface", "examples")
BUILT_PAGE = Path("on_device") / "site"
"""The on-device page, where it was built: the app's own tab serves it."""
NEEDED = (CONFIG_FILE, MODEL_FILE)
WANTED = (GATE_FILE, METRICS_FILE)
CPU_ONLY = "--extra-index-url https://download.pytorch.org/whl/cpu"
ISOLATION = {
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}
"""Headers of the static page: isolated, the browser lets the network use several threads."""
STATIC_MODEL = "model.fp16.onnx"
FAILED = ("NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR", "RUNTIME_ERROR")
READY = ("RUNNING", "SLEEPING", "PAUSED", "STOPPED")
POLL_SECONDS = 5.0
LOG_LINES = 20
PATIENCE_SECONDS = 1800.0


@dataclass(frozen=True)
class Model:
    """A published checkpoint, at one commit."""

    repo: str
    commit: str
    files: tuple[str, ...]

    @property
    def reference(self) -> str:
        """What SKIN_CHECKPOINT is set to."""
        return f"{self.repo}@{self.commit}"


@dataclass(frozen=True)
class Space:
    """What came of a push: what the Hub got, and the stage that the Space reached, None where it was not waited for."""

    published: Published
    stage: str | None
    variables: dict[str, str]


def push(
    repo: str,
    model: str,
    *,
    static: bool = False,
    page: Path | None = None,
    mistakes: str | None = None,
    datasets: tuple[str, ...] = (),
    version: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    dry_run: bool = False,
    wait: float = PATIENCE_SECONDS,
) -> Space:
    """Publish the app as a Space that answers with ``model`` (owner/name[@revision]), and wait until it runs.

    static: the page that scores in the visitor's browser instead; page: a build of it, else it is built now from the
    model's ONNX file. mistakes: a gallery on the Hub for SKIN_MISTAKES. wait: seconds; 0 does not wait. Raises
    UserError, also where the Space cannot be built, with the last lines of its log.
    """
    found = resolve(model)
    mistakes = gallery_at(mistakes) if mistakes else None
    variables = {} if static else {"SKIN_CHECKPOINT": found.reference}
    variables |= {"SKIN_MISTAKES": mistakes} if mistakes and not static else {}
    with tempfile.TemporaryDirectory() as staged:
        folder = Path(staged) / "space"
        if static:
            stage_page(folder, found, page, datasets)
        else:
            stage_app(folder, found, (*datasets, *([mistakes.partition("@")[0]] if mistakes else [])))
        options = {"private": private, "create_pr": create_pr, "dry_run": dry_run}
        message = f"{'The on-device page' if static else 'The app'} with {found.repo} at {found.commit[:12]}"
        sent = publish(folder, repo, "space", version=version, message=message, **options)
    if dry_run or create_pr:
        return Space(sent, None, variables)
    _set_variables(repo, variables)
    return Space(sent, wait_until_it_runs(repo, sent.revision, wait) if wait else None, variables)


def resolve(model: str) -> Model:
    """The commit that a reference means now, which has to hold a checkpoint. Raises UserError."""
    repo, commit, files = _at(model, "model")
    lacking = [name for name in NEEDED if name not in files]
    if lacking:
        raise UserError(f"{model} holds no {lacking[0]}. Publish a checkpoint first: python -m train push model")
    return Model(repo, commit, files)


def gallery_at(reference: str) -> str:
    """owner/name@commit of a published gallery of mistakes. Raises UserError where there is none."""
    repo, commit, files = _at(reference, "dataset")
    if GALLERY_FILE not in files:
        raise UserError(f"{reference} is no gallery of mistakes. Publish one first: python -m train push mistakes")
    return f"{repo}@{commit}"


def _at(reference: str, kind: RepoType) -> tuple[str, str, tuple[str, ...]]:
    """Repository, commit and file names of owner/name[@revision]. Raises UserError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    match = hub.REFERENCE.fullmatch(reference)
    if match is None:
        raise UserError(f"{reference} names no {NAMES[kind]} on the Hub. Write it as owner/name@revision.")
    repo, revision = match["repo"], match["revision"]
    with in_plain_words(repo, kind):
        try:
            info = with_retries(lambda: HfApi().repo_info(repo, repo_type=kind, revision=revision))
        except RevisionNotFoundError:
            raise UserError(f"{repo} has no revision {revision}. Choose one of its tags, or leave it out.") from None
    return repo, info.sha, tuple(sorted(sibling.rfilename for sibling in info.siblings))


def stage_app(folder: Path, model: Model, datasets: tuple[str, ...]) -> None:
    """Everything that the app needs, and nothing else, into ``folder``."""
    folder.mkdir(parents=True)
    for name in CODE:
        shutil.copyfile(ROOT / name, folder / name)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]", "*.part"))
    (folder / "examples" / "render.py").unlink()
    if (ROOT / BUILT_PAGE / "release.json").is_file():
        shutil.copytree(ROOT / BUILT_PAGE, folder / BUILT_PAGE)
    requirements = (folder / "requirements.txt").read_text(encoding="utf-8")
    (folder / "requirements.txt").write_text(f"{CPU_ONLY}\n{requirements}", encoding="utf-8")
    front, opening = _readme()
    kept = [name for name in (*NEEDED, *WANTED) if name in model.files]
    front |= {
        "models": [model.repo, *(name for name in front.get("models", []) if name != model.repo)],
        "datasets": list(datasets),
        # With its commit, the files lie in the cache under the very name that SKIN_CHECKPOINT asks for.
        "preload_from_hub": [f"{model.repo} {','.join(kept)} {model.commit}"],
    }
    _write_readme(folder, front, opening, model)


def stage_page(folder: Path, model: Model, page: Path | None, datasets: tuple[str, ...]) -> None:
    """The static page of that very model into ``folder``, with the headers that let it use several threads."""
    expected = json.loads((hub_files(model, CONFIG_FILE) / CONFIG_FILE).read_text(encoding="utf-8"))
    if page is None:
        if STATIC_MODEL not in model.files:
            raise UserError(f"{model.repo} holds no {STATIC_MODEL}. Publish it again: python -m train push model")
        _build(folder, hub_files(model, STATIC_MODEL) / STATIC_MODEL)
    else:
        if not (page / "release.json").is_file():
            raise UserError(f"{page} is no build of the page. Make one: python -m on_device.build --out {page}")
        shutil.copytree(page, folder)
    held = {json.loads(file.read_text("utf-8")).get("checkpoint_sha256") for file in folder.glob("v-*/config.json")}
    if held != {expected["skin_model"]["model_sha256"]}:
        raise UserError(
            f"The page is of another checkpoint than {model.reference}. Build it of that one, or leave --page out."
        )
    front, opening = _readme()
    front = {name: value for name, value in front.items() if name not in ("sdk_version", "python_version", "app_file")}
    front |= {"sdk": "static", "app_file": "index.html", "models": [model.repo], "datasets": list(datasets)}
    _write_readme(folder, front | {"custom_headers": ISOLATION}, opening, model)


def hub_files(model: Model, name: str) -> Path:
    """The folder in the cache that holds the file at the model's commit."""
    try:
        return hub.download(model.repo, model.commit, [name])
    except hub.HubError as problem:
        raise UserError(str(problem)) from None


def wait_until_it_runs(
    repo: str, revision: str | None, patience: float, now: Callable[[], float] = time.monotonic
) -> str:
    """The stage that the Space ends in; raises UserError where it cannot be built, or takes longer than that."""
    from huggingface_hub import HfApi

    api, deadline, seen = HfApi(), now() + patience, ""
    with in_plain_words(repo, "space"):
        while True:
            runtime = with_retries(lambda: api.get_space_runtime(repo))
            of_this = runtime.raw.get("sha") in (None, revision)
            if runtime.stage != seen:
                seen = runtime.stage
                tqdm.write(f"{repo}: {seen}", file=sys.stderr)
            if of_this and seen in FAILED:
                log = list(api.fetch_space_logs(repo, build=seen != "RUNTIME_ERROR"))[-LOG_LINES:]
                tqdm.write("".join(line if line.endswith("\n") else line + "\n" for line in log), file=sys.stderr)
                said = " ".join(str(runtime.raw.get("errorMessage") or "its log says why").split()).rstrip(".")
                raise UserError(f"The Space {repo} ended in {seen}: {said}. Mend that and repeat the command.")
            if of_this and seen in READY:
                return seen
            if now() >= deadline:
                raise UserError(f"The Space {repo} is still {seen} after {patience:.0f} seconds. Look at its page.")
            time.sleep(POLL_SECONDS)


def _set_variables(repo: str, variables: dict[str, str]) -> None:
    """Only those that differ: each change starts the Space anew."""
    from huggingface_hub import HfApi

    api = HfApi()
    with in_plain_words(repo, "space"):
        if variables:
            there = with_retries(lambda: api.get_space_variables(repo))
            for name, value in variables.items():
                if name not in there or there[name].value != value:
                    with_retries(lambda name=name, value=value: api.add_space_variable(repo, name, value))


def _build(folder: Path, model: Path) -> None:
    command = [sys.executable, "-m", "on_device.build", "--out", str(folder), "--model", str(model)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or "it gave no reason").splitlines()[-1].removeprefix("Error: ")
        raise UserError(f"The on-device page could not be built: {said}")


def _readme() -> tuple[dict[str, Any], str]:
    """The project's README: what the Hub reads, and the opening paragraphs."""
    _, front, body = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), re.split(r"^(?:!\[|## )", body, maxsplit=1, flags=re.MULTILINE)[0].strip()


def _write_readme(folder: Path, front: dict[str, Any], opening: str, model: Model) -> None:
    dumped = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    said = f"It answers with [{model.repo}](https://huggingface.co/{model.repo}) at commit `{model.commit}`."
    (folder / "README.md").write_text(f"---\n{dumped}---\n\n{opening}\n\n{said}\n", encoding="utf-8")
