"""Ordinary pictures out of Debian packages: which are kept, how, and what an interruption or a bad file leaves."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train import UserError
from train.digests import sha256
from train.fitting.ood import debian_outliers
from train.fitting.ood.debian_outliers import Package, fetch, pictures


def encoded(width, height, kind="PNG", mode="RGB", colour=(10, 120, 200)):
    buffer = io.BytesIO()
    Image.new(mode, (width, height), colour).save(buffer, kind)
    return buffer.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_deb(file: Path, files: dict[str, bytes]) -> str:
    """A Debian package with these files (deb(5)); returns its digest."""
    content = b"!<arch>\n"
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": packed({"control": b"Package: x\n"}),
        "data.tar.xz": packed(files),
    }
    for name, part in parts.items():
        content += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n".encode() + part + b"\n" * (len(part) % 2)
        )
    file.write_bytes(content)
    return sha256(content)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes one package with these files, lying where it would be fetched to, the only one that is asked for."""

    def make(files: dict[str, bytes], **options: object) -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        digest = write_deb(folder / "some_1_all.deb", files)
        known = Package("some", "pool/main/s/some_1_all.deb", digest, **options)
        monkeypatch.setattr(debian_outliers, "PACKAGES", (known,))
        monkeypatch.setattr(debian_outliers, "ARCHIVES", ())
        return folder

    return make


def kept(folder: Path) -> list[tuple[int, int]]:
    return sorted(Image.open(file).size for file in (folder / "some").glob("*.jpg"))


def test_pictures_are_kept_and_other_files_are_not(package):
    folder = package({"./a.png": encoded(200, 150), "./b.txt": b"text", "./c.jpg": encoded(300, 200, "JPEG")})
    fetch(folder)
    assert kept(folder) == [(200, 150), (300, 200)]


def test_large_pictures_are_reduced_and_icons_and_strips_left_out(package):
    folder = package({"a.png": encoded(2048, 1024), "icon.png": encoded(64, 64), "strip.png": encoded(1000, 200)})
    fetch(folder)
    assert kept(folder) == [(1024, 512)]


def test_parts_that_would_show_skin_are_left_out(package):
    folder = package({"x/people/a.png": encoded(200, 200), "x/cats/a.png": encoded(210, 210)}, without=("/people/",))
    fetch(folder)
    assert kept(folder) == [(210, 210)]


def test_pictures_inside_a_bundle_are_found(package):
    bundle = b"qres" + encoded(120, 130, "WEBP") + b"between" + encoded(140, 150, "JPEG") + b"end"
    folder = package({"a.rcc": bundle})
    fetch(folder)
    assert kept(folder) == [(120, 130), (140, 150)]


def test_a_cut_out_picture_lies_on_one_colour(package):
    folder = package({"a.png": encoded(100, 100, mode="RGBA", colour=(0, 0, 0, 0))})
    fetch(folder)
    (file,) = (folder / "some").glob("*.jpg")
    pixels = np.asarray(Image.open(file)).reshape(-1, 3)
    assert np.ptp(pixels, axis=0).max() <= 2


def test_what_is_there_is_not_fetched_again(package):
    folder = package({"a.png": encoded(200, 150)})
    fetch(folder)
    (folder / "some_1_all.deb").unlink()
    assert fetch(folder) == [folder / "some"]


def test_a_package_with_another_digest_is_refused(package):
    folder = package({"a.png": encoded(200, 150)})
    (folder / "some_1_all.deb").write_bytes(b"not the known one")
    with pytest.raises(UserError, match="some cannot be fetched"):
        fetch(folder)
    assert not (folder / "some").exists()


def test_some_pictures_are_held_out_and_the_others_are_not(package):
    folder = package({f"{side}.png": encoded(side, side) for side in range(100, 140)})
    fetch(folder)
    training, judged = (set(pictures(folder, held_out=part)) for part in (False, True))
    assert training
    assert judged
    assert not training & judged
    assert len(training | judged) == 40


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(UserError, match="python -m train outliers --out"):
        pictures(tmp_path, held_out=False)
