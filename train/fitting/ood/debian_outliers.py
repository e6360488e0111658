"""Ordinary pictures that show no skin, out of Debian packages: animals, food, plants, landscapes, things, drawings.

What is no skin can only be learned from pictures of everything else (outlier exposure, Hendrycks et al. 2019,
arXiv 1812.04606). The packages are fetched once from Debian's archive, checked against their digests, and never passed
on; a trained line between skin and the rest holds none of their pixels.
"""

import hashlib
import io
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from urllib.error import URLError

import numpy as np
from debian.debfile import ArError, DebFile
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from skin_model.atomic_files import replacing, write_text
from train import UserError
from train.digests import file_sha256, sha256

ARCHIVES = ("https://deb.debian.org/debian", "https://snapshot.debian.org/archive/debian/20231001T000000Z")
"""Where packages are fetched from: the current archive, and how it was, for when a version has left it."""
SHORT_SIDE = 512
"""Pixels to which larger pictures are reduced."""
LEAST_SIDE = 96
"""Pixels below which a picture is an icon."""
LONGEST = 3
"""Times the short side beyond which the long one makes a strip of a picture."""
HELD_OUT_BELOW = "2"
"""Files are named after their digest in hexadecimal: an eighth of the other packages' pictures is held out too."""
COMPLETE = "complete.txt"


@dataclass(frozen=True)
class Package:
    """A Debian package. held_out: all of it is judged on and never trained on. without: parts of paths left out."""

    name: str
    path: str
    sha256: str
    held_out: bool = False
    without: tuple[str, ...] = ()


PACKAGES: tuple[Package, ...] = (
    Package(
        "tuxpaint-stamps-default",
        "pool/main/t/tuxpaint-stamps/tuxpaint-stamps-default_2022.06.04-1_all.deb",
        "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
        without=("/people/",),  # they show skin
    ),
    Package(
        "gcompris-qt-data",
        "pool/main/g/gcompris-qt/gcompris-qt-data_3.1-2_all.deb",
        "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
        without=("paintings.rcc", "leftright.rcc"),  # pieces of portraits, and hands
    ),
    Package(
        "plasma-workspace-wallpapers",
        "pool/main/p/plasma-workspace-wallpapers/plasma-workspace-wallpapers_5.27.5-2_all.deb",
        "32cd18b71c8c938a18b3b351f217c02ac590e323caa3cf322fbb875ce8892f8b",
        without=("screenshot.", "vertical"),  # the same pictures once more
    ),
    Package(
        "ukui-wallpapers",
        "pool/main/u/ukui-wallpapers/ukui-wallpapers_20.04.3-1.1_all.deb",
        "6d49be70152e6d603163458e177e501deb0be8f2916389ccbfcf59b0d7fc0262",
    ),
    Package(
        "mate-backgrounds",
        "pool/main/m/mate-backgrounds/mate-backgrounds_1.26.0-1_all.deb",
        "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
        held_out=True,
    ),
    Package(
        "gnome-backgrounds",
        "pool/main/g/gnome-backgrounds/gnome-backgrounds_43.1-1_all.deb",
        "a670dea21572652127d6e55f9cdb3a226d0037854fdbfd037003c7d00ee0dc4e",
        held_out=True,
    ),
    Package(
        "lomiri-wallpapers-16.04",
        "pool/main/l/lomiri-wallpapers/lomiri-wallpapers-16.04_20.04.0-2_all.deb",
        "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
        held_out=True,
    ),
)

_PICTURE = (".jpg", ".jpeg", ".png", ".webp")
_BUNDLE = ".rcc"
_BEGINNING = re.compile(rb"RIFF....WEBP|\xff\xd8\xff[\xdb\xe0\xe1]", re.DOTALL)


def fetch(folder: Path) -> list[Path]:
    """Every package's pictures as JPEG files under ``folder``, a folder a package; those that are there are kept.

    Returns the packages' folders. Raises UserError where a package cannot be fetched or is not the known one.
    """
    for package in PACKAGES:
        if not (folder / package.name / COMPLETE).is_file():
            _unpack(_fetched(package, folder), package, folder / package.name)
    return [folder / package.name for package in PACKAGES]


def pictures(folder: Path, *, held_out: bool) -> list[Path]:
    """The pictures of a fetched folder, sorted: those to judge on, or those to train on. Raises UserError for none."""
    found = [
        file
        for package in PACKAGES
        if (folder / package.name / COMPLETE).is_file()
        for file in sorted((folder / package.name).glob("*.jpg"))
        if held_out == (package.held_out or file.name < HELD_OUT_BELOW)
    ]
    if not found:
        raise UserError(f"{folder} holds no ordinary pictures. Fetch them: python -m train outliers --out {folder}")
    return found


def _fetched(package: Package, folder: Path) -> Path:
    file = folder / PurePosixPath(package.path).name
    if file.is_file() and file_sha256(file) == package.sha256:
        return file
    problem: Exception = OSError("no archive was asked")
    for archive in ARCHIVES:
        try:
            with urllib.request.urlopen(f"{archive}/{package.path}", timeout=60) as answer, replacing(file) as aside:
                size = int(answer.headers.get("Content-Length", 0)) or None
                with (
                    aside.open("wb") as kept,
                    tqdm(total=size, desc=package.name, unit="B", unit_scale=True, unit_divisor=1024) as bar,
                ):
                    while block := answer.read(2**20):
                        kept.write(block)
                        bar.update(len(block))
                if file_sha256(aside) != package.sha256:
                    raise ValueError("what came has another digest than the known one")
            return file
        except (URLError, OSError, ValueError) as failed:
            problem = failed
    raise UserError(
        f"{package.name} cannot be fetched: {problem}. With the network back, the same command goes on; or put "
        f"{file.name} into {folder} by hand."
    )


def _unpack(file: Path, package: Package, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with DebFile(file) as opened:
            count = 0
            for content in tqdm(_pictures(opened, package), desc=package.name, unit="picture", disable=None):
                picture = _decoded(content)
                if picture is not None:
                    picture.save(folder / f"{sha256(content)[:16]}.jpg", quality=90)
                    count += 1
    except (ArError, OSError) as problem:
        raise UserError(f"{file} cannot be unpacked: {problem}. Delete it, and run the same command again.") from None
    write_text(folder / COMPLETE, f"{count} pictures of {file.name}\n")


def _pictures(opened: DebFile, package: Package) -> Iterator[bytes]:
    """The bytes of every picture in a package, and of those inside bundles (Qt's resource files)."""
    with opened.data.tgz() as archive:
        for member in archive:
            suffix = PurePosixPath(member.name).suffix.lower()
            if not member.isfile() or any(part in member.name for part in package.without):
                continue
            if suffix in _PICTURE:
                yield archive.extractfile(member).read()
            elif suffix == _BUNDLE:
                bundle = archive.extractfile(member).read()
                starts = [found.start() for found in _BEGINNING.finditer(bundle)]
                yield from (bundle[start:end] for start, end in pairwise([*starts, len(bundle)]))


def _decoded(content: bytes) -> Image.Image | None:
    """The picture, reduced, on a ground of one colour where it is cut out; None for icons, strips and no pictures."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            opened.draft("RGB", (SHORT_SIDE, SHORT_SIDE))
            if min(opened.size) < LEAST_SIDE or max(opened.size) > LONGEST * min(opened.size):
                return None
            opened.load()
            picture = ImageOps.exif_transpose(opened)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    shrink = min(1.0, SHORT_SIDE / min(picture.size))
    size = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
    picture = picture.convert("RGBA").resize(size, Image.Resampling.BOX if shrink < 0.5 else Image.Resampling.BICUBIC)
    ground = np.random.default_rng(list(hashlib.sha256(content).digest()[:8])).integers(0, 256, 3)
    below = Image.new("RGBA", size, (*ground.tolist(), 255))
    return Image.alpha_composite(below, picture).convert("RGB")
