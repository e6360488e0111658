"""What a clone promises: figures that match the run, layers that hold, weights that fit, pages that are complete."""

import json
import re
import subprocess
from collections import Counter

import pandas as pd
import pytest

from interface.blocks import TABS
from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from skin_model.network.saliency import METHODS
from skin_model.wording import sentence
from tests.conftest import REPOSITORY
from train.data import splits
from train.reports.report import BEGIN, BEGIN_ALL, END, summary_table, tables


def test_the_figures_in_readme_and_docs_are_those_of_the_embedded_checkpoints_metrics():
    metrics = json.loads((EMBEDDED / "metrics.json").read_text())
    for page, begin, text in (
        ("README.md", BEGIN, summary_table(metrics)),
        ("docs/figures.md", BEGIN_ALL, tables(metrics)),
    ):
        assert f"{begin}\n{text}\n{END}" in (REPOSITORY / page).read_text(encoding="utf-8"), page


def test_readme_stays_short_and_names_every_tab_in_order():
    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 165
    rows = page.partition("| tab |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [sentence(f"tab.{name}") for name in TABS]


def test_the_lines_for_windows_run_in_order_what_make_app_runs():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    rule = r"^%s:.*\n\t\$\(RUN\) ([^|\n]+)"
    runs = [
        re.search(rule % target, makefile, re.MULTILINE)[1].strip() for target in ("on_device/site/release.json", "app")
    ]
    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    lines = page.partition("Without make (Windows):")[2].split("```")[1].splitlines()
    assert [line for line in lines if line.removeprefix(".venv\\Scripts\\python ") in runs] == [
        f".venv\\Scripts\\python {run}" for run in runs
    ]


def test_every_folder_that_the_pages_have_a_reader_fill_is_ignored_by_git():
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    options = re.compile(r"--(?:data|gallery|out|overlay|pictures|run|work) ([a-z][\w./-]*)")
    named = {name.rstrip(".") for page in pages for name in options.findall(page.read_text(encoding="utf-8"))}
    assert {"work", "photographs/ham10000", "overlays"} <= named
    kept = {"examples/mistakes"}  # the gallery that is part of the project, of drawings and figures alone
    for name in sorted(named - kept):
        asked = subprocess.run(["git", "check-ignore", "--quiet", f"{name}/x.jpg"], cwd=REPOSITORY, check=False)
        assert asked.returncode == 0, name


def test_the_metrics_are_those_of_the_embedded_weights():
    metrics = json.loads((EMBEDDED / "metrics.json").read_text())
    checkpoint = Checkpoint.load()
    assert metrics["checkpoint"]["hash"] == checkpoint.hash
    assert metrics["data"]["split_sha256"] == checkpoint.config.training["split_sha256"]


def test_the_overlay_shown_first_points_at_lesions_better_than_chance_and_than_plain_grad_cam():
    measured = json.loads((EMBEDDED / "metrics.json").read_text())["saliency"]
    first = measured["methods"][METHODS[0]]["pointing_game"]["low"]
    assert first > measured["random"]["pointing_game"]["high"]
    assert first > measured["methods"]["grad_cam"]["pointing_game"]["high"]


def test_the_embedded_weights_take_at_most_four_megabytes():
    size = sum((EMBEDDED / name).stat().st_size for name in ("model.safetensors", "gate.safetensors", "config.json"))
    assert size <= 4_000_000


SOURCE = [
    file for folder in ("skin_model", "interface", "on_device", "train") for file in (REPOSITORY / folder).rglob("*.py")
]


def test_no_module_is_longer_than_400_lines():
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCE}
    assert {file: count for file, count in lines.items() if count > 400} == {}


def test_no_folder_holds_more_than_14_modules():
    modules = Counter(file.parent for file in SOURCE if file.name != "__init__.py")
    assert {folder: count for folder, count in modules.items() if count > 14} == {}


REQUIREMENTS = ["requirements.txt", "requirements-train.txt", "requirements-dev.txt"]
REQUIREMENTS += ["requirements-tflite.txt", "requirements-cluster.txt"]


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_is_pinned_exactly(file):
    lines = [line for line in (REPOSITORY / file).read_text().splitlines() if line and line[0] not in "#-"]
    assert lines
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+(; sys_platform == \"linux\")?", line) for line in lines)


def test_every_dependency_has_its_row_with_what_it_is_for_and_why():
    page = (REPOSITORY / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in page.splitlines() if row.startswith("| ")]
    assert all(len(row) == 3 and all(row) for row in rows)
    named = {name for row in rows for name in re.findall(r"[\w.-]+", re.sub(r"\(.*\)", "", row[0]).lower())}
    for file in [*REQUIREMENTS, "requirements-audit.txt"]:
        for name in re.findall(r"^([\w.-]+)(?:\[\w+\])?==", (REPOSITORY / file).read_text(), re.MULTILINE):
            assert name.lower() in named, f"{name} of {file}"


def test_the_spaces_gradio_is_the_pinned_one():
    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    pinned = re.search(r"^gradio==(.+)$", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert f"sdk_version: {pinned}\n" in page


def test_the_embedded_checkpoint_lists_every_photograph_that_it_says_it_learnt_from(shared_data):
    seen = json.loads((EMBEDDED / "trained_on.json").read_text(encoding="utf-8"))
    counted = Checkpoint.load().config.training["photographs"]
    table = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    key = splits.hashed_identities(table, "image_id")
    for part in ("train", "validation"):
        listed = table[key.isin(seen[part]["image_id"].split())]
        assert listed["source"].value_counts().loc[list(counted[part])].to_dict() == counted[part]


def test_every_promise_of_the_security_page_names_a_test_that_is_there():
    page = (REPOSITORY / "docs/security.md").read_text(encoding="utf-8")
    promises = [line for line in page.splitlines() if line.startswith("| ") and "::" in line]
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    missing = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}(" not in (REPOSITORY / file).read_text(encoding="utf-8")
    ]
    assert missing == [] and len(named) == len(promises) > 30


def listed_with_licences(page: str) -> dict[str, str]:
    """Package -> version; a package that has no licence in the list is missing here."""
    rows = [line.split("|")[1:4] for line in (REPOSITORY / page).read_text(encoding="utf-8").splitlines()[2:]]
    cells = [[cell.strip() for cell in row] for row in rows]
    return {name.lower().replace("_", "-"): version for name, version, licence in cells if licence}


def test_every_pinned_package_of_the_cluster_environment_stands_in_its_list_of_licences_with_its_version():
    listed = listed_with_licences("docs/licences-cluster.md")
    for file in ("requirements-cluster.txt", "requirements-train.txt", "requirements.txt"):
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        for name, version in re.findall(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)", text, re.MULTILINE):
            if name != "typer" or file == "requirements-cluster.txt":  # the app's own is newer
                assert listed[name.lower().replace("_", "-")].partition("+")[0] == version, name


def test_every_pinned_package_stands_in_the_list_of_licences_and_the_parts_list_with_its_version():
    listed = listed_with_licences("docs/licences.md")
    parts = json.loads((REPOSITORY / "docs/sbom.cdx.json").read_text(encoding="utf-8"))["components"]
    counted = {part["name"].lower().replace("_", "-"): part["version"] for part in parts}
    for file in ("requirements.txt", "requirements-train.txt", "requirements-dev.txt"):
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE):
            plain = name.lower().replace("_", "-")
            # The licence list writes what is installed: with PyTorch's build at the end.
            assert listed[plain].partition("+")[0] == counted[plain].partition("+")[0] == version, name
