"""Which photograph a table's name means: exact names first, then the only one that is meant, never a mask."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.train.rendered_folders import skin, write
from train.data.photograph_names import PhotographNames, SeveralPhotographs


def names(folder, *files):
    """Photographs that all differ; a dict gives pictures of one's own."""
    for number, file in enumerate(files):
        write(folder / file, number)
    return PhotographNames(folder, sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()))


def mask(side=160):
    picture = np.zeros((side, side, 3), np.uint8)
    picture[side // 4 : side // 2, side // 4 : side // 2] = 255
    return picture


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("a.jpg", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        (r"train\mel\001.jpg", "train/mel/001.jpg"),
        ("IMG_1.jpg", "img_1.JPG"),
        ("ISIC_0100000", "train/ISIC_0100000.jpg"),
        ("ISIC_0100000.jpg", "ISIC_0100000.png"),
        ("mel/001", "set/train/mel/001.jpg"),
        ("Straße.jpg", "STRASSE.jpg"),
        ("img.001", "img.001.jpg"),
        ("a.jpg", "a.jpg.jpg"),
        ("a.jpg.jpg", "a.png"),
        ("images%2FR%C3%BCcken%201.jpg", "images/Rücken 1.jpg"),
        (unicodedata.normalize("NFC", "Rücken.jpg"), unicodedata.normalize("NFD", "Rücken.jpg")),
    ],
)
def test_slashes_case_endings_folders_and_unicode_forms_do_not_matter(tmp_path, written, file):
    assert names(tmp_path, file, "other.jpg").find(written) == Path(file)


def test_the_exact_name_counts_before_a_similar_one(tmp_path):
    found = names(tmp_path, "a.jpg", "A.jpg", "sub/a.jpg")
    assert [found.find(name) for name in ("a.jpg", "A.jpg", "sub/a.jpg")] == [
        Path("a.jpg"),
        Path("A.jpg"),
        Path("sub/a.jpg"),
    ]


def test_a_name_of_another_folder_is_not_taken(tmp_path):
    found = names(tmp_path, "train/a.jpg", "test/b.jpg")
    assert found.find("test/a.jpg") is None
    assert found.find("b.jpg", Path("train")) is None


@pytest.mark.parametrize(
    "written",
    [
        "/home/someone/skin/images/a.jpg",
        "/kaggle/input/skin-cancer/images/a.jpg",
        r"C:\Users\someone\skin\images\a.jpg",
        "https://example.org/skin/images/a.jpg?size=full",
        "file:///home/someone/images/a.jpg",
        "skin.zip/images/a.jpg",
    ],
)
@pytest.mark.parametrize("file", ["images/a.jpg", "a.jpg"])
def test_a_path_on_another_machine_means_the_photograph_of_its_last_folders(tmp_path, written, file):
    folder = tmp_path / ("skin" if file == "images/a.jpg" else "images")
    assert names(folder, file, "b.jpg").find(written) == Path(file)


def test_a_path_that_names_another_part_of_a_split_is_not_taken(tmp_path):
    found = names(tmp_path, "images/a.jpg", "b.jpg")
    assert found.find("/data/test/images/a.jpg") is None
    assert found.find("/data/test/b.jpg") is None and found.find("other/b.jpg") is None


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("24306", "part_1/ISIC_0024306.jpg"),
        ("24306.0", "ISIC_0024306.jpg"),
        ("7", "007.png"),
        ("ISIC_24306", "ISIC_0024306.jpg"),
    ],
)
def test_an_id_that_lost_its_zeros_in_a_spreadsheet_is_found(tmp_path, written, file):
    assert names(tmp_path, file, "ISIC_0024307.jpg", "008.png").find(written) == Path(file)


def test_an_id_of_the_archive_means_no_photograph_that_has_only_its_number(tmp_path):
    assert names(tmp_path, "1.jpg").find("ISIC_0000001") is None


def test_two_photographs_of_one_number_are_named(tmp_path):
    with pytest.raises(SeveralPhotographs):
        names(tmp_path, "07.png", "007.png").find("7")


def test_a_mask_of_three_colours_is_not_taken_for_the_photograph(tmp_path):
    picture = mask()
    picture[:20] = (255, 0, 0)
    write(tmp_path / "annotations/a.png", picture)
    assert names(tmp_path, "images/a.jpg").find("a") == Path("images/a.jpg")


def test_what_is_made_of_a_photograph_bears_its_name_and_says_so(tmp_path):
    for name in ("a_segmentation.png", "gone_mask.png"):
        write(tmp_path / name, mask())
    found = names(tmp_path, "a.jpg", "a_superpixels.png", "thumb_a.jpg", "a_2.jpg", "mask.jpg", "gone_thumb.jpg")
    assert {path.as_posix(): reason for path, reason in found.derived().items()} == {
        "a_segmentation.png": "a mask of another photograph (a.jpg)",
        "a_superpixels.png": "a copy of another photograph (a.jpg)",
        "gone_mask.png": "a mask",
        "thumb_a.jpg": "a copy of another photograph (a.jpg)",
    }


def test_two_photographs_of_one_name_are_named_in_a_sentence(tmp_path):
    found = names(tmp_path, "one/a.jpg", "two/a.jpg")
    with pytest.raises(SeveralPhotographs, match=r"several photographs of this name \(one/a.jpg, two/a.jpg\)"):
        found.find("a")


def test_a_mask_is_not_taken_for_the_photograph(tmp_path):
    write(tmp_path / "a_masks/a.png", mask())
    write(tmp_path / "b_masks/a.jpg", mask())
    write(tmp_path / "c_masks/a.png", mask() // 255 * np.array([200, 30, 30], np.uint8))
    assert names(tmp_path, "images/a.jpg").find("a") == Path("images/a.jpg")


def test_a_thumbnail_is_not_taken_for_the_photograph(tmp_path):
    small = np.asarray(Image.fromarray(skin(0)).resize((64, 64), Image.Resampling.BOX))
    write(tmp_path / "another/a.jpg", small)
    assert names(tmp_path, "images/a.jpg").find("a") == Path("images/a.jpg")


def test_an_enhanced_copy_is_not_taken_for_the_photograph(tmp_path):
    write(tmp_path / "enhanced images/a.jpg", 255 - skin(0))
    assert names(tmp_path, "images/a.jpg").find("a") == Path("images/a.jpg")


def test_one_picture_in_two_formats_is_one_photograph(tmp_path):
    write(tmp_path / "one/a.png", 0)
    assert names(tmp_path, "one/a.jpg").find("a") in (Path("one/a.jpg"), Path("one/a.png"))


def test_equal_files_are_one_photograph(tmp_path):
    write(tmp_path / "two/a.png", 0)
    assert names(tmp_path, "one/a.png").find("a") == Path("one/a.png")


def test_a_folder_that_holds_a_copy_of_itself_has_each_photograph_once(tmp_path):
    write(tmp_path / "data/train/mel/1.png", 0)
    write(tmp_path / "data/train/mel/2.png", 7)
    found = names(tmp_path, "train/mel/1.png", "train/mel/2.png")
    assert found.original(Path("data/train/mel/1.png")) == Path("train/mel/1.png")
    assert found.original(Path("data/train/mel/2.png")) == Path("data/train/mel/2.png")
