"""A gallery of mistakes to the Hub and back into the interface, with a card that names everybody's photographs."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from interface.gallery.gallery import Gallery
from tests.conftest import REPOSITORY

EMBEDDED = REPOSITORY / "examples" / "mistakes"
REPO = "owner/mistakes"


@pytest.fixture
def gallery(tmp_path):
    """The embedded gallery, which has no picture."""
    shutil.copytree(EMBEDDED, tmp_path / "gallery")
    return tmp_path / "gallery"


@pytest.fixture
def push(gallery, train):
    """Publishes the gallery; exit status, stdout and stderr."""
    return lambda *options: train("push", "mistakes", REPO, "--gallery", gallery, *options)


def with_picture(gallery, licence):
    """Give the first case with details a picture and a licence."""
    metadata = gallery / "metadata.jsonl"
    rows = [json.loads(line) for line in metadata.read_text().splitlines()]
    shown = rows[0]["image_id"]
    rows[0]["file_name"] = f"images/{shown}.jpg"
    metadata.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (gallery / "images").mkdir(exist_ok=True)
    (gallery / "images" / f"{shown}.jpg").write_bytes((REPOSITORY / "examples" / "tone-1.jpg").read_bytes())
    cases = (gallery / "cases.csv").read_text().splitlines()
    names = cases[0].split(",")
    for i, line in enumerate(cases[1:], start=1):
        values = line.split(",")
        if values[0] == shown:
            values[names.index("licence")], source = licence, values[names.index("source")]
            cases[i] = ",".join(values)
    (gallery / "cases.csv").write_text("\n".join(cases) + "\n")
    header = json.loads((gallery / "gallery.json").read_text())
    header["attributions"][source][licence] = f"Licence: {licence}."
    (gallery / "gallery.json").write_text(json.dumps(header))
    return shown


def test_the_interface_opens_the_published_gallery_as_it_opens_the_folder(local, gallery, push):
    status, out, _ = push("--version", "1.0.0")
    assert status == 0
    assert out.splitlines()[-1].endswith("Next: SKIN_MISTAKES=owner/mistakes@1.0.0 python app.py")
    here, there = Gallery.load(gallery), Gallery.load(f"{REPO}@1.0.0")
    assert there.cases == here.cases
    assert there.header == here.header


def test_the_card_names_every_attribution_and_warns_against_training_on_it(local, gallery, push):
    push()
    text = local.repository(REPO, "datasets").files()["README.md"].decode()
    data = yaml.safe_load(text.split("---\n")[1])
    assert data["license"] == "other"
    assert data["configs"][0]["data_files"] == "cases.csv"
    header = json.loads((gallery / "gallery.json").read_text())
    plain = text.replace("\\", "")
    for stated in header["attributions"].values():
        for said in stated.values():
            assert said in plain
    counts, low = header["counts"]["low"], header["thresholds"]["low"]
    assert f"| low | {low:.2%} | {counts['false_positives']} | {counts['false_negatives']} |" in text
    assert "**Do not train on it**" in text


def test_a_photograph_under_a_free_licence_travels_byte_for_byte(local, gallery, push):
    shown = with_picture(gallery, "CC BY 4.0")
    status, _, _ = push()
    assert status == 0
    sent = local.repository(REPO, "datasets").files()[f"images/{shown}.jpg"]
    assert sent == (gallery / "images" / f"{shown}.jpg").read_bytes()


def test_a_non_commercial_photograph_travels_only_where_that_licence_is_asked_for(local, gallery, push):
    shown = with_picture(gallery, "CC BY-NC 4.0")
    push()
    assert f"images/{shown}.jpg" not in local.repository(REPO, "datasets").files()
    push("--licence", "CC-BY-NC-4.0")
    assert f"images/{shown}.jpg" in local.repository(REPO, "datasets").files()


@pytest.mark.parametrize("licence", ["", "CC BY-ND 4.0", "all rights reserved"])
def test_a_photograph_that_may_not_be_published_stays_and_its_scores_travel(local, gallery, push, licence):
    shown = with_picture(gallery, licence)
    status, _, err = push()
    assert status == 0
    assert f"Left out: 1 photographs of {Gallery.load(gallery).case(shown).source}" in err
    assert not [name for name in local.repository(REPO, "datasets").files() if name.startswith("images/")]
    there = Gallery.load(REPO).case(shown)
    assert there.risk == Gallery.load(gallery).case(shown).risk and there.details.file_name is None


def test_a_licence_without_derivatives_cannot_be_asked_for(local, gallery, push):
    status, _, err = push("--licence", "CC-BY-ND-4.0")
    assert status == 2
    assert "CC-BY-ND-4.0 forbids derivatives" in err
    assert not local.requests


def test_only_the_gallerys_own_files_are_sent(local, gallery, push):
    (gallery / "notes.txt").write_text("mine")
    push()
    assert set(local.repository(REPO, "datasets").files()) == {
        ".gitattributes",
        "README.md",
        "cases.csv",
        "gallery.json",
        "metadata.jsonl",
    }


def test_a_dry_run_sends_nothing(local, push):
    status, out, _ = push("--dry-run")
    assert (status, local.repositories) == (0, {})
    assert "cases.csv" in out


@pytest.mark.parametrize("name", ["gallery.json", "cases.csv"])
def test_a_folder_that_is_no_gallery_is_one_sentence(local, gallery, push, name):
    (gallery / name).unlink()
    status, _, err = push()
    assert status == 2
    assert "python -m train mistakes" in err
    assert not local.requests
