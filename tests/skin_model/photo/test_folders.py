"""The photos of a folder are told by content, links are followed, and what else lies there is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from skin_model.photo.folders import list_folder


def jpeg(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (100, 100)).save(file, format="JPEG")
    return file


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.pjpeg", "a.JPG", "a.dat", "a"])
def test_a_jpeg_is_found_whatever_its_name(tmp_path, name):
    jpeg(tmp_path / name)
    assert list_folder(tmp_path).photos == [Path(name)]


def test_heif_is_found_whatever_its_name(tmp_path):
    (tmp_path / "a.hif").write_bytes(b"")
    (tmp_path / "b.bin").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    assert list_folder(tmp_path).photos == [Path("a.hif"), Path("b.bin")]


def test_what_a_phones_export_holds_beside_its_photos_is_none(tmp_path):
    jpeg(tmp_path / "IMG_1.JPG")
    for name in ("IMG_1.JPG.supplemental-metadata.json", "IMG_1.AAE", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "IMG_1.MOV").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0")
    found = list_folder(tmp_path)
    assert found.photos == [Path("IMG_1.JPG")] and len(found.others) == 5


def test_a_broken_file_that_is_named_as_a_photo_is_listed_as_one(tmp_path):
    (tmp_path / "broken.jpg").write_text("no photo")
    assert list_folder(tmp_path).photos == [Path("broken.jpg")]


def test_links_to_folders_are_followed_and_never_in_a_circle(tmp_path):
    jpeg(tmp_path / "store/a.jpg")
    jpeg(tmp_path / "data/b.jpg")
    (tmp_path / "data/more").symlink_to(tmp_path / "store")
    (tmp_path / "store/back").symlink_to(tmp_path / "data")
    assert list_folder(tmp_path / "data").photos == [Path("b.jpg"), Path("more/a.jpg")]


def test_dead_links_and_hidden_files_are_listed_apart(tmp_path):
    jpeg(tmp_path / ".cache/a.jpg")
    (tmp_path / "dead.jpg").symlink_to(tmp_path / "gone.jpg")
    found = list_folder(tmp_path)
    assert (found.photos, found.unreadable, found.hidden) == ([], [Path("dead.jpg")], [Path(".cache")])
