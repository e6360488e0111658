"""docs/retraining.md, copied and run as written on rendered photographs, with a network small enough for a test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests import hub
from tests.conftest import REPOSITORY
from tests.train.commands import test_release_steps as test_release
from train.commands.command_line import main
from train.fitting.recipes import RECIPES
from train.hub.non_inferiority import MARGINS

PAGE = (REPOSITORY / "docs/retraining.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """The words after ``python -m train`` of every such line, in order; the page's OWNER is the local Hub's user."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("python -m train ")]
    return [shlex.split(line.replace("OWNER/", "owner/"))[3:] for line in lines]


def like_the_page(folder: Path, first: int, count: int) -> None:
    """Rendered photographs whose table has the columns, the licence and the modality that the page shows."""
    shown = re.search(r"^```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1].splitlines()
    test_release.photographs(folder, first, count)
    table = pd.read_csv(folder / "lesions.csv", dtype=str)
    table = table.assign(lesion_id="L" + table["image_id"], patient_id="P" + table["image_id"], licence="CC-BY-4.0")
    table.assign(modality="dermoscopic")[shown[0].split(",")].to_csv(folder / "lesions.csv", index=False)


def test_every_command_of_the_page_does_what_it_says_and_none_tells_the_token(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(RECIPES, "released", test_release.SMALL)
    like_the_page(tmp_path / "my-photographs", 0, 120)
    like_the_page(tmp_path / "more-photographs", 200, 24)
    with hub.LocalHub() as local:
        hub.point_clients_at(local, monkeypatch, tmp_path / "home", local.token)
        ran = []
        for words in commands():
            with pytest.raises(SystemExit) as ending:
                main(words)
            assert not ending.value.code, words
            ran.append(" ".join(words[:2]) if words[0] == "push" else words[0])
        assert ran == ["prepare", "release", "mistakes", *["release"] * 3, *["push dataset"] * 2, "prepare"]
        assert {"model.safetensors", "model.onnx", "README.md"} <= set(local.repository("owner/MODEL").files())

    said = capsys.readouterr()
    assert local.token not in said.out + said.err
    written = [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_symlink()]
    assert [file for file in written if local.token.encode() in file.read_bytes()] == []

    def split(folder: str) -> dict[str, str]:
        return pd.read_csv(tmp_path / folder / "split.csv", dtype=str).set_index("image_id")["split"].to_dict()

    assert split("work") == split("release/work") == split("rebuilt")
    before, grown = split("work"), split("second/work")
    # Renderings may pass for near-duplicates with another label; such a pair is left out, old or new.
    left_out = set(pd.read_csv(tmp_path / "second/work/left_out.csv", dtype=str)["image_id"])
    assert len(grown) > len(before) and before.keys() - grown.keys() <= left_out
    assert {name: grown[name] for name in before if name in grown} == {n: before[n] for n in before if n in grown}


def test_the_columns_that_the_page_shows_can_be_read(tmp_path):
    from train.data import catalogue
    from train.data.labels import CatalogueError

    shown = re.search(r"^```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "lesions.csv").write_text(shown)
    with pytest.raises(CatalogueError, match="no such photograph in the folder"):
        catalogue.read(tmp_path)
    for line in shown.splitlines()[1:]:
        file = tmp_path / line.split(",")[0]
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert catalogue.read(tmp_path)["malignant"].tolist() == [0, 0, 1]


def test_the_margins_on_the_page_are_those_of_the_gate():
    table = re.search(r"<!-- margins.*?-->\n(.*?)<!-- end of margins -->", PAGE, re.DOTALL)[1]
    stated = [float(line.split("|")[2]) for line in table.splitlines()[2:]]
    assert stated == list(MARGINS.values())
