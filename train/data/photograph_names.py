"""Which photograph of a folder a table's name means, and what of several files that bear one name."""

from __future__ import annotations

import filecmp
import posixpath
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np
from PIL import Image

from skin_model.photo.folders import ENDINGS
from train.data.labels import plain

PICTURE_ENDINGS: frozenset[str] = ENDINGS | {".pjpeg", ".pjp", ".avif", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".jp2"}
"""Endings that a table may give, or leave away, and the photograph have another."""
_DERIVED: frozenset[str] = frozenset(
    {"mask", "segmentation", "seg", "superpixel", "overlay", "heatmap", "thumb", "thumbnail", "preview", "enhanced"}
    | {"clahe", "augmented", "processed", "preprocessed", "filtered", "sharpened", "hairless", "resized", "cropped"}
)
"""Words in the names of folders and files that hold what was made from photographs."""
_SIZE = re.compile(r"\d+ ?x ?\d+")
"""A folder so named holds copies of that size."""
_PARTS: frozenset[str] = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://[^/]*/([^?#]*).*", re.IGNORECASE)
_ABSOLUTE = re.compile(r"/|[a-z]:/", re.IGNORECASE)
_NUMBERED = re.compile(r"(isic)?[_ -]?0*(\d+?)(?:\.0+)?")
"""An id that a spreadsheet took for a number: 24306 or 24306.0 for ISIC_0024306, 1 for 001."""
_TWO_COLOURED = 0.97
"""Share of a mask's pixels that have its two colours; the rest are its edge, blurred by JPEG."""
_FAR_APART = 100
"""Levels between a mask's two colours, in one channel at least; skin and mole may be nearer."""
_FEW_COLOURS = 16
"""A picture with no more, one of them black or white, is drawn; a photograph has hundreds."""
_SIDE = 32
_SAME = 8.0
"""Mean difference in levels of two pictures of that side which show the same."""
_SAME_SIZED = 2.5
"""The same of two that are as large as each other, where one was saved again in another format."""
_SAME_ASPECT = 0.03


class SeveralPhotographs(ValueError):
    """Several different photographs bear the name; the sentence names them."""


@dataclass(frozen=True)
class _Sight:
    """What is looked at to tell files apart: (width, height), a small RGB picture, and whether it is a mask."""

    size: tuple[int, int]
    small: np.ndarray
    mask: bool


def _loose(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    while path.suffix.lower() in PICTURE_ENDINGS:  # photo.jpg.jpg, where Windows hides the ending
        path = path.with_suffix("")
    return path.name


def _number(stem: str) -> str:
    """A stem's number without zeros in front, of the ISIC archive's ids with their prefix; "" without one."""
    found = _NUMBERED.fullmatch(stem)
    return f"{found[1] or ''}{found[2]}" if found else ""


class PhotographNames:
    """The photographs of a folder by name. pictures: their paths below root."""

    def __init__(self, root: Path, pictures: Sequence[Path]) -> None:
        self._root = root
        self._pictures = pictures

    @cached_property
    def _exact(self) -> dict[str, Path]:
        return {path.as_posix(): path for path in self._pictures}

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self._pictures:
            found.setdefault(_loose(_stem(path.name)), []).append(path)
        return found

    @cached_property
    def _by_number(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for stem, paths in self._by_stem.items():
            if number := _number(stem):
                found.setdefault(number, []).extend(paths)
        return found

    def find(self, name: str, below: Path = Path()) -> Path | None:
        """The photograph that a table lying in the folder ``below`` calls so, relative to the root; None without one.

        The exact path counts first, then the only one that is the same after Unicode normalisation, case, slashes and
        ending, wherever it lies below the table or, where no photograph lies there, in the whole folder; then what
        the name's web address, its path on another machine or its number means. Of several the photograph counts and
        not its mask, thumbnail or copy. Raises SeveralPhotographs.
        """
        for text in (name, name.strip()):  # a folder's name may begin with a blank
            written = text.replace("\\", "/")
            for exact in (posixpath.normpath(f"{below.as_posix()}/{written}"), posixpath.normpath(written)):
                if exact in self._exact:
                    return self._exact[exact]
        address = _ADDRESS.fullmatch(written)
        plainly = unquote(address[1] if address else written)
        *above, last = [_loose(part) for part in PurePosixPath(written).parts if part != ".."] or [""]
        found = [
            path
            for path in self._by_stem.get(_stem(last), [])
            if [_loose(part) for part in path.parts[:-1]][-len(above) :] == above or not above
        ]
        if not found:
            found = self._elsewhere(plainly, below, bool(address or _ABSOLUTE.match(written)))
            last, written = _loose(PurePosixPath(plainly).name), plainly
        near = [path for path in found if path.is_relative_to(below)]
        found = near if near or self._below(below) else found
        for nearer in (
            lambda path: _loose(path.name) == last,
            lambda path: (
                unicodedata.normalize("NFC", path.name) == unicodedata.normalize("NFC", PurePosixPath(written).name)
            ),
        ):
            found = [path for path in found if nearer(path)] or found
        if len(found) < 2:
            return found[0] if found else None
        kept = [path for path, reason in self.told_apart(found).items() if not reason]
        if len(kept) > 1:
            raise SeveralPhotographs(f"several photographs of this name ({', '.join(map(str, kept[:4]))})")
        return kept[0]

    def _elsewhere(self, written: str, below: Path, absolute: bool) -> list[Path]:
        """The photographs of which a path on another machine, or seen from another folder, may speak.

        Their own folders end it. A photograph in no folder counts where the path is absolute or names the root; none
        does where what is above names another part of a split.
        """
        *above, last = [_loose(part) for part in PurePosixPath(written).parts if part != ".."] or [""]
        stem = _stem(last)
        number = _number(stem)
        numbered = self._by_number.get(number) or self._by_number.get(f"isic{number}") if number else None
        named = self._by_stem.get(stem) or numbered or []
        here = [_loose(part) for part in (self._root / below).parts]
        found = []
        for path in named:
            folders = [_loose(part) for part in path.parts[:-1]]
            under = [_loose(part) for part in path.relative_to(below).parts[:-1]] if path.is_relative_to(below) else []
            for own in (folders, under):
                rest = above[: len(above) - len(own)]
                if above[len(rest) :] != own or len(own) > len(above):
                    continue
                if rest and not own and not absolute and rest[-1] != here[-1]:
                    continue
                if not any(_PARTS & set(plain(part).split()) and part not in here for part in rest):
                    found.append(path)
                    break
        return found or ([] if above else named)

    def namesakes(self) -> list[list[Path]]:
        """Photographs that bear one name, those without a namesake left out."""
        return [paths for paths in self._by_stem.values() if len(paths) > 1]

    def original(self, path: Path) -> Path:
        """The photograph of which this one is a copy because the folder holds a copy of itself, or the path itself."""
        for start in range(len(path.parts) - 1, 0, -1):
            shorter = Path(*path.parts[start:])
            if shorter.as_posix() in self._exact and self._equal(path, shorter):
                return shorter
        return path

    def told_apart(self, paths: Sequence[Path]) -> dict[Path, str]:
        """Each of several files of one photograph -> "" where it is that photograph, else of which it is made."""
        made = self.made_from_others(paths)
        sights = {path: self._look(path) for path in paths if not made[path]}
        kept: list[Path] = []
        for path in sorted(sights, key=lambda path: -(sights[path].size[0] if sights[path] else 0)):
            if not any(self._equal(path, other) or _reduced(sights[path], sights[other]) for other in kept):
                kept.append(path)
        return {
            path: made[path] or ("" if path in kept else f"a copy of another photograph ({kept[0]})") for path in paths
        }

    def derived(self) -> dict[Path, str]:
        """What was made from another photograph by its own name (001_mask, thumb_001), with the reason."""
        found = {}
        for path in self._pictures:
            stem = _loose(_stem(path.name))
            parts = re.split(r"[_\-. ]+", stem)
            at = next((k for k, part in enumerate(parts) if plain(part) in _DERIVED), None)
            if at is None or len(parts) == 1:
                continue
            ends = [stem[: stem.rindex(part)].rstrip("_-. ") for part in parts[1 : at + 1]]
            ends += [stem[len(parts[0]) :].lstrip("_-. ")] if at == 0 else []
            beside = [
                other
                for end in ends
                for other in self._by_stem.get(end, [])
                if other.parent == path.parent or self._is_mask(path)
            ]
            kind = "mask" if self._is_mask(path) else "copy"
            if beside:
                found[path] = f"a {kind} of another photograph ({beside[0]})"
            elif kind == "mask":
                found[path] = "a mask"
        return found

    def _is_mask(self, path: Path) -> bool:
        sight = self._look(path)
        return sight is not None and sight.mask

    def made_from_others(self, paths: Sequence[Path]) -> dict[Path, str]:
        """Each of several namesakes -> why it is no photograph of its own (a mask, a copy in such a folder), or ""."""
        masks = {path for path in paths if self._is_mask(path)}
        masks = masks if len(masks) < len(paths) else set()
        copies = {path for path in paths if path not in masks and _is_derived(path)}
        whole = [path for path in paths if path not in masks | copies]
        if not whole:
            whole, copies = sorted(copies), set()
        return {
            path: f"a mask of another photograph ({whole[0]})"
            if path in masks
            else f"a copy of another photograph ({whole[0]})"
            if path in copies
            else ""
            for path in paths
        }

    def _below(self, folder: Path) -> bool:
        return any(path.is_relative_to(folder) for path in self._pictures)

    def _equal(self, one: Path, other: Path) -> bool:
        try:
            return filecmp.cmp(self._root / one, self._root / other, shallow=False)
        except OSError:  # one of them may not be read, which is told when it is opened as a photograph
            return False

    def _look(self, path: Path) -> _Sight | None:
        try:
            with Image.open(self._root / path) as picture:
                size = picture.size
                picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
                colours = picture.convert("RGB")
            levels = np.asarray(colours.resize((2 * _SIDE, 2 * _SIDE), Image.Resampling.NEAREST))
            small = np.asarray(colours.resize((_SIDE, _SIDE), Image.Resampling.BOX)).astype(float)
        except Exception:  # whatever is wrong with it is told when it is opened as a photograph
            return None
        return _Sight(size, small, _two_coloured(levels) or _drawn(levels))


def _two_coloured(levels: np.ndarray) -> bool:
    """Whether (H, W, 3) pixels have two colours that are far apart, or are black or white all over."""
    shades, counts = np.unique((levels.reshape(-1, 3).astype(int) + 16) // 32, axis=0, return_counts=True)
    order = np.argsort(-counts)[:2]
    if counts[order].sum() <= _TWO_COLOURED * counts.sum():
        return False
    first, last = shades[order[0]], shades[order[-1]]
    blank = len(shades) == 1 and (first.max() == 0 or first.min() == 8)
    return bool(blank or np.abs(first - last).max() * 32 >= _FAR_APART)


def _drawn(levels: np.ndarray) -> bool:
    """Whether (H, W, 3) pixels have few colours, black or white among them."""
    colours = np.unique(levels.reshape(-1, 3), axis=0)
    extreme = (colours.max(axis=1) == 0) | (colours.min(axis=1) == 255)
    return len(colours) <= _FEW_COLOURS and bool(extreme.any())


def _is_derived(path: Path) -> bool:
    folders = [plain(part) for part in path.parts[:-1]]
    return any(_DERIVED & set(folder.split()) or _SIZE.fullmatch(folder) for folder in folders)


def _reduced(one: _Sight | None, other: _Sight | None) -> bool:
    """Whether one is a smaller copy of the other, or the same in another format."""
    if one is None or other is None or one.size[0] > other.size[0]:
        return False
    aspects = (one.size[0] / one.size[1], other.size[0] / other.size[1])
    same_shape = abs(aspects[0] / aspects[1] - 1) < _SAME_ASPECT
    apart = _SAME_SIZED if one.size == other.size else _SAME
    return same_shape and float(np.abs(one.small - other.small).mean()) < apart
