"""What a photograph's file loses before it is given away (where, when, with what), and what it keeps (every pixel)."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.train.rendered_folders import skin, write
from train import UserError
from train.hub.image_metadata import jpeg_without_metadata, without_metadata

SECRET = b"Jane Roe, Example Street"


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = SECRET.decode()
    tags.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return tags


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(skin(1, 64)[:, :48])


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_loses_its_notes_and_keeps_its_pixels_and_colours(tmp_path, picture, progressive):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = tmp_path / "a.jpg"
    options = {"exif": exif(), "comment": SECRET, "icc_profile": profile, "xmp": b"<x>" + SECRET + b"</x>"}
    picture.save(file, quality=90, progressive=progressive, restart_marker_rows=1, **options)
    file.write_bytes(file.read_bytes() + b"\xff\xd8" + SECRET)
    content, ending = without_metadata(file)
    assert ending == ".jpg" and SECRET not in content and b"Exif" not in content
    assert np.array_equal(pixels(content), pixels(file.read_bytes()))
    found = Image.open(io.BytesIO(content))
    assert found.info["icc_profile"] == profile and "exif" not in found.info and "comment" not in found.info


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_file_without_notes_stays_as_it_is_byte_for_byte(tmp_path, name):
    file = write(tmp_path / name, 3)
    assert without_metadata(file)[0] == file.read_bytes()


def test_a_png_loses_its_notes_and_keeps_its_pixels(tmp_path, picture):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", SECRET.decode())
    picture.save(tmp_path / "a.png", pnginfo=notes, exif=exif())
    content, ending = without_metadata(tmp_path / "a.png")
    assert ending == ".png" and SECRET not in content and b"eXIf" not in content
    assert np.array_equal(pixels(content), np.asarray(picture))


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_photograph_on_its_side_comes_upright(tmp_path, picture, name):
    picture.save(tmp_path / name, exif=exif(6), quality=95)
    content, _ = without_metadata(tmp_path / name)
    upright = np.rot90(np.asarray(picture), -1)
    assert SECRET not in content and pixels(content).shape == upright.shape
    assert np.abs(pixels(content).astype(int) - upright).mean() < 6


@pytest.mark.parametrize(("name", "ending"), [("a.webp", ".jpg"), ("a.heic", ".jpg"), ("a.tif", ".png")])
def test_other_formats_become_ones_that_every_reader_opens(tmp_path, picture, name, ending):
    picture.save(tmp_path / name, exif=exif())
    content, given = without_metadata(tmp_path / name)
    assert given == ending and SECRET not in content
    assert np.abs(pixels(content).astype(int) - np.asarray(picture)).mean() < 8


def test_what_is_no_picture_is_one_sentence(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(UserError, match=r"a\.jpg cannot be given away"):
        without_metadata(tmp_path / "a.jpg")


def test_a_jpeg_that_ends_in_the_middle_is_refused(tmp_path):
    content = write(tmp_path / "a.jpg", 3).read_bytes()
    with pytest.raises((ValueError, IndexError)):
        jpeg_without_metadata(content[: len(content) // 2])
