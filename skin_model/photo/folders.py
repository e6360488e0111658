"""The photos of a folder, told by their first bytes: by content, and not by the ending of a name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skin_model.photo.decoding import HEAD, format_of

ENDINGS: frozenset[str] = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif"))
"""Of photos. A file so named that is none is listed as well, to be refused with a reason and not passed over."""
_HIDDEN = (".", "__MACOSX")


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, as paths below it, sorted. unreadable: folders that may not be entered, and dead links.
    hidden: what a system hides (.name, __MACOSX), not entered.
    """

    photos: list[Path]
    others: list[Path]
    unreadable: list[Path]
    hidden: list[Path]


def is_photo(file: Path) -> bool:
    """Whether a file is a photo by its first bytes, or at least by its name."""
    if file.suffix.lower() in ENDINGS:
        return True
    try:
        with file.open("rb") as stream:
            return format_of(stream.read(HEAD)) is not None
    except OSError:
        return False


def list_folder(root: Path) -> Listing:
    """Everything below a folder, links followed, as paths relative to it and sorted."""
    found = Listing([], [], [], [])
    for path in _walk(root, (), Counter(), found.unreadable):
        if path.name.startswith(_HIDDEN):
            found.hidden.append(path)
        elif not path.is_file():
            found.unreadable.append(path)
        elif is_photo(path):
            found.photos.append(path)
        else:
            found.others.append(path)
    kinds = (found.photos, found.others, found.unreadable, found.hidden)
    return Listing(*(sorted(path.relative_to(root) for path in paths) for paths in kinds))


_Inode = tuple[int, int]


def _walk(folder: Path, above: tuple[_Inode, ...], entered: Counter[_Inode], unreadable: list[Path]) -> Iterator[Path]:
    """Every file below, and what is hidden; no link leads into a folder from within it, or for a third time."""
    try:
        status = folder.stat()
        with os.scandir(folder) as entries:
            found = sorted(Path(entry.path) for entry in entries)
    except OSError:
        unreadable.append(folder)
        return
    here = (status.st_dev, status.st_ino)
    if here in above or entered[here] == 2:
        return
    entered[here] += 1
    for path in found:
        if path.is_dir() and not path.name.startswith(_HIDDEN):
            yield from _walk(path, (*above, here), entered, unreadable)
        else:
            yield path
