"""python -m skin_model: one JSON object a file, in order, and the exit status that outsiders' scripts rely on."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from skin_model.__main__ import app
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"

KEYS = [
    "file",
    "risk",
    "risk_with_context",
    "band",
    "diagnoses",
    "border",
    "crop",
    "located",
    "problems",
    "refused",
    "message",
]


@pytest.fixture
def photos(tmp_path):
    """A folder with b.png, a.jpg (both skin-coloured), a cut file and a file that is no photo."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rgb = np.clip(rng.normal((210, 165, 140), 8, (200, 300, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(rgb).save(folder / "b.png")
    Image.fromarray(rgb).save(folder / "a.jpg", quality=92)
    Image.fromarray(rgb).save(folder / "deeper" / "a.jpg", quality=92)
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:3000])
    (folder / "notes.txt").write_text("no photo")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_object_a_file_with_exactly_the_keys_of_the_contract(photos):
    result = run(photos / "a.jpg", photos / "b.png", "--json")
    assert result.exit_code == 0
    assert [list(line) for line in lines(result)] == [KEYS, KEYS]


def test_the_spot_that_is_judged_is_given_in_pixels_of_the_photo():
    # Where examples.render draws the mole of far-away.jpg, 1200 × 900: 58 % across, 44 % down.
    result = run(EXAMPLES / "far-away.jpg", "--json")
    found = lines(result)[0]["located"]
    assert list(found) == ["x", "y", "width", "height", "certainty"]
    assert found["x"] == pytest.approx(696, abs=15)
    assert found["y"] == pytest.approx(396, abs=15)
    assert 60 < found["width"] < 140 and 60 < found["height"] < 140
    assert 0.5 <= found["certainty"] <= 1


def test_where_no_spot_stands_out_none_is_located(photos):
    assert lines(run(photos / "a.jpg", "--json"))[0]["located"] is None


def test_folders_are_expanded_in_sorted_order_and_other_files_left_alone(photos):
    found = [line["file"] for line in lines(run(photos, "--json"))]
    assert found == [str(photos / name) for name in ("a.jpg", "b.png", "cut.jpg", "deeper/a.jpg")]


@pytest.mark.parametrize("ending", ["jfif", "jpe", "pjpeg", "JPG", "dat"])
def test_a_photo_in_a_folder_is_scored_whatever_its_ending(photos, ending):
    (photos / "a.jpg").rename(photos / f"a.{ending}")
    found = [line["file"] for line in lines(run(photos, "--json"))]
    assert str(photos / f"a.{ending}") in found and len(found) == 4


def test_folders_that_are_linked_are_entered_and_what_is_no_photo_is_counted(photos, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/more").symlink_to(photos)
    found = run(tmp_path / "linked", "--json")
    assert lines(found)[0]["file"] == str(tmp_path / "linked/more/a.jpg") and len(lines(found)) == 4
    assert f"Not looked at in {tmp_path / 'linked'}: 1 that are no photos, for example more/notes.txt" in found.stderr


def test_a_folder_without_photos_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    found = run(tmp_path, "--json")
    assert (found.exit_code, found.stdout) == (0, "")
    assert f"{tmp_path} holds no photos" in found.stderr


def test_arguments_keep_their_order(photos):
    found = [line["file"] for line in lines(run(photos / "b.png", photos / "a.jpg", "--json"))]
    assert found == [str(photos / "b.png"), str(photos / "a.jpg")]


def test_a_photo_that_several_arguments_name_is_scored_once_at_its_first_place(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    result = run(photos / "b.png", photos, photos / "deeper" / ".." / "a.jpg", tmp_path / "link", "--json")
    found = [line["file"] for line in lines(result)]
    assert found == [str(photos / name) for name in ("b.png", "a.jpg", "cut.jpg", "deeper/a.jpg")]
    # b.png in the folder, a.jpg by its other spelling, and all four again through the link.
    assert "Scored once although several arguments name them: 6." in result.stderr


def test_a_damaged_file_gets_a_line_with_a_code_a_sentence_and_no_number(photos):
    (line,) = lines(run(photos / "cut.jpg", "--json"))
    assert line["refused"] == "damaged_file"
    assert line["message"]
    assert [line[key] for key in ("risk", "band", "diagnoses", "border", "crop")] == [None] * 5


def test_a_missing_file_gets_a_line_and_status_2_and_the_rest_is_scored(photos):
    result = run(photos / "nowhere.jpg", photos / "a.jpg", "--json")
    assert result.exit_code == 2
    missing, scored = lines(result)
    assert missing["refused"] == "no_such_file"
    assert scored["risk"] is not None


def test_whatever_decodes_gets_a_number(photos):
    assert all(0 <= line["risk"] <= 1 for line in lines(run(photos / "b.png", "--json")))


def test_a_broken_checkpoint_is_status_1_and_one_sentence(photos, tmp_path):
    result = run(photos / "a.jpg", "--checkpoint", tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_overlays_have_the_photos_size_and_never_overwrite_each_other(photos, tmp_path):
    run(photos, "--overlay", tmp_path / "overlays", "--json")
    names = sorted(f.name for f in (tmp_path / "overlays").iterdir())
    assert names == ["a-2.png", "a.png", "b.png"]
    assert Image.open(tmp_path / "overlays" / "b.png").size == (300, 200)


def test_without_json_a_person_reads_the_band_and_no_number_of_a_refused_file(photos):
    assert "%" in run(photos / "a.jpg").stdout or "skin" in run(photos / "a.jpg").stdout
    assert "%" not in run(photos / "cut.jpg").stdout


def test_what_a_checkpoint_cannot_use_is_said(photos):
    result = run(photos / "a.jpg", "--age", "54", "--json")
    assert "does not know what age, sex and site add" in result.stderr
    assert lines(result)[0]["risk_with_context"] is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--age", "400"], "between 0 and 120"),
        (["--site", "moon"], "'moon' is no body site"),
        (["--context", "missing.csv"], "missing.csv cannot be read"),
        (["--method", "guess"], "integrated_gradients"),
    ],
)
def test_an_option_that_means_nothing_is_one_sentence_and_status_2(photos, options, says):
    result = run(photos / "a.jpg", *options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
