"""python -m skin_model: one JSON object a file, in order, and the exit status that outsiders' scripts rely on."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from skin_model.__main__ import app
from skin_model.command_line import printable
from skin_model.network.checkpoint import Checkpoint
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


def test_a_method_without_an_overlay_is_said_to_change_nothing(photos):
    found = run(photos / "a.jpg", "--method", "grad_cam", "--json")
    assert found.exit_code == 0
    assert found.stderr == "Nothing is drawn without --overlay DIR, so --method changes nothing.\n"


def test_what_a_checkpoint_cannot_use_is_said(photos, tmp_path):
    embedded = Checkpoint.load()
    replace(embedded, config=replace(embedded.config, context=None)).save(tmp_path / "without")
    result = run(photos / "a.jpg", "--age", "54", "--json", "--checkpoint", tmp_path / "without")
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


def test_photos_of_which_the_context_table_says_nothing_are_counted(photos, tmp_path):
    table = tmp_path / "context.csv"
    table.write_text(f"file,age\n{photos / 'a.jpg'},54\n")
    result = run(photos / "a.jpg", photos / "b.png", "--context", table)
    assert f"No row of {table} tells of 1 of 2 photos: {photos / 'b.png'}." in result.stderr


def in_a_process(*arguments, encoding):
    return subprocess.run(
        [sys.executable, "-m", "skin_model", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["utf-8:strict", "cp1252", "ascii"])
def test_every_photo_has_its_line_whatever_its_name_and_the_terminal_s_encoding(photos, encoding):
    for name in (b"R\xfccken.jpg", "📷 Łódź.jpg".encode(), b"two\nlines.jpg"):
        shutil.copy(photos / "a.jpg", photos / os.fsdecode(name))
    done = in_a_process(photos, encoding=encoding)
    assert done.returncode == 0, done.stderr
    named = [line for line in done.stdout.decode(encoding.split(":")[0]).splitlines() if line.startswith(str(photos))]
    assert len(named) == 7


def test_a_name_shows_nothing_that_a_terminal_would_obey():
    assert printable("a\x1b[2Jb\n\udcfc\u202egpj.exe 👩\u200d⚕️ ü") == "a\ufffd[2Jb\ufffd\ufffd\ufffdgpj.exe 👩\u200d⚕️ ü"


def test_an_overlay_of_a_name_that_is_too_long_is_shortened(photos, tmp_path):
    # 82 Chinese characters are 246 bytes: with .jpg 250, of the 255 that a name may have.
    for name in ("色" * 82, "色" * 81 + "彩"):
        shutil.copy(photos / "a.jpg", photos / f"{name}.jpg")
    assert run(photos, "--overlay", tmp_path / "drawn").exit_code == 0
    long = sorted(file.name for file in (tmp_path / "drawn").iterdir() if file.name.startswith("色"))
    assert long == ["色" * 79 + "-2.png", "色" * 80 + ".png"]


def test_an_overlay_never_takes_the_place_of_a_photo(photos):
    before = (photos / "b.png").read_bytes()
    assert run(photos, "--overlay", photos).exit_code == 0
    assert (photos / "b.png").read_bytes() == before and (photos / "b-2.png").is_file()


def test_overlays_of_names_that_differ_only_in_case_are_two(photos, tmp_path):
    shutil.copy(photos / "b.png", photos / "B.png")
    assert run(photos / "b.png", photos / "B.png", "--overlay", tmp_path / "drawn").exit_code == 0
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["B-2.png", "b.png"]


def test_an_overlay_that_cannot_be_written_costs_no_line(tmp_path):
    first, second = EXAMPLES / "tone-1.jpg", EXAMPLES / "tone-5-uneven.jpg"
    (tmp_path / "tone-1.png").mkdir()
    done = run(first, second, "--json", "--overlay", tmp_path)
    assert done.exit_code == 1 and [line["refused"] for line in lines(done)] == [None, None]
    assert f"The overlay of {first} was not written: Is a directory." in done.stderr
    assert (tmp_path / "tone-5-uneven.png").is_file()


def test_a_name_longer_than_any_file_can_have_is_a_missing_file():
    done = run("x" * 300, EXAMPLES / "tone-1.jpg", "--json")
    assert done.exit_code == 2 and [line["refused"] for line in lines(done)] == ["no_such_file", None]
