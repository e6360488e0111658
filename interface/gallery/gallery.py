"""A gallery of mistakes to look through: cases, filters, the mistakes at a threshold, pictures and overlays."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from interface.gallery.cases import (
    CASES_FILE,
    GALLERY_FILE,
    IMAGES,
    METADATA_FILE,
    NEAREST,
    Case,
    Details,
    GalleryError,
    Neighbour,
    read_cases,
    read_header,
)
from interface.gallery.facets import FACETS, value_of
from interface.gallery.isic_archive import Archive
from skin_model.network import hub
from skin_model.network.calibration import Thresholds

__all__ = ["FACETS", "Case", "Counts", "Details", "Gallery", "GalleryError", "Neighbour", "how_wrong"]

_HUB_REFERENCE = re.compile(r"(?P<repo>\w[\w.-]*/[\w.-]+?)(?:@(?P<revision>\w[\w./-]*))?", re.ASCII)


@dataclass(frozen=True)
class Counts:
    """How the cases fall at a threshold; refused ones count as their risk says, unreadable ones not at all."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def sensitivity(self) -> float | None:
        """Share of the malignant cases that are found, None without any."""
        malignant = self.true_positives + self.false_negatives
        return self.true_positives / malignant if malignant else None

    @property
    def specificity(self) -> float | None:
        """Share of the benign cases that are left in peace, None without any."""
        benign = self.true_negatives + self.false_positives
        return self.true_negatives / benign if benign else None


def how_wrong(case: Case, threshold: float) -> float:
    """How far the risk lies from the threshold on the wrong side; negative, or 0 on the threshold, where it is right.

    A risk on the threshold counts as raised, so a benign case there is wrong by 0. NaN without a risk.
    """
    if case.risk is None:
        return math.nan
    return threshold - case.risk if case.malignant else case.risk - threshold


@dataclass(frozen=True)
class Gallery:
    """Cases of one split as one checkpoint scored them. header: the content of gallery.json.

    >>> gallery = Gallery.load("examples/mistakes")                                   # doctest: +SKIP
    >>> raised, missed = gallery.filtered(source="ham10000").mistakes(0.1)            # doctest: +SKIP
    """

    header: dict[str, Any]
    cases: tuple[Case, ...]
    folder: Path
    thresholds: Thresholds
    archive: Archive = field(default_factory=Archive, compare=False)

    @classmethod
    def load(cls, reference: str | Path, archive: Archive | None = None) -> Gallery:
        """From a folder, or from the data set ``owner/name[@revision]`` on the Hub. Raises GalleryError."""
        folder = Path(reference)
        if folder.is_file():
            raise GalleryError(f"{folder} is a file; name its folder, the one with {GALLERY_FILE} in it.")
        if not folder.is_dir():
            match = _HUB_REFERENCE.fullmatch(str(reference))
            if match is None:
                raise GalleryError(f"There is no folder {reference}. Name a folder, or owner/name on the Hub.")
            wanted = [GALLERY_FILE, CASES_FILE, METADATA_FILE, f"{IMAGES}/*.jpg", f"{NEAREST}/*.jpg"]
            try:
                folder = hub.data_set(match["repo"], match["revision"], wanted)
            except hub.HubError as problem:
                raise GalleryError(str(problem)) from None
        header, thresholds = read_header(folder)
        return cls(header, tuple(read_cases(folder, header, thresholds)), folder, thresholds, archive or Archive())

    @property
    def is_untouched(self) -> bool:
        """Whether it is known that the network never saw these photographs: a test split of its own."""
        return self.header.get("split") == "test" and not self.header.get("warnings")

    def case(self, image_id: str) -> Case | None:
        """The case of that id, for a link to it; None where there is none."""
        return self._by_id.get(image_id)

    @cached_property
    def _by_id(self) -> dict[str, Case]:
        return {case.image_id: case for case in self.cases}

    def choices(self, facet: str) -> list[str]:
        """The values that occur in one of FACETS, sorted, "" (unknown) last."""
        if facet not in FACETS:
            raise ValueError(f"Cases cannot be filtered by {facet!r}, only by {', '.join(FACETS)}.")
        return sorted({value_of(case, facet) for case in self.cases}, key=lambda value: (value == "", value))

    def filtered(
        self,
        *,
        age: tuple[float, float] | None = None,
        score: tuple[float, float] | None = None,
        **facets: str | Collection[str] | None,
    ) -> Gallery:
        """The gallery with only the cases that fit everything that is asked.

        facets: for any of FACETS one value or several, "" for unknown; None asks nothing. age in years and score as
        a risk in 0…1: ranges that include both ends; a case whose age, or risk, is unknown fits no range.
        """
        wanted: dict[str, Collection[str]] = {}
        for facet, values in facets.items():
            if facet not in FACETS:
                raise ValueError(f"Cases cannot be filtered by {facet!r}, only by {', '.join(FACETS)}.")
            if values is not None:
                wanted[facet] = {values} if isinstance(values, str) else set(values)
        fits = tuple(
            case
            for case in self.cases
            if all(value_of(case, facet) in values for facet, values in wanted.items())
            and _within(case.age, age)
            and _within(case.risk, score)
        )
        return replace(self, cases=fits)

    def mistakes(self, threshold: float) -> tuple[list[Case], list[Case]]:
        """False positives (benign, risk at or above the threshold) and false negatives (malignant, below it).

        Each with the most wrong one first; equally wrong ones in the order of the gallery.
        """
        scored = [case for case in self.cases if case.risk is not None]
        raised = [case for case in scored if not case.malignant and case.risk >= threshold]
        missed = [case for case in scored if case.malignant and case.risk < threshold]
        return tuple(
            sorted(found, key=lambda case: how_wrong(case, threshold), reverse=True) for found in (raised, missed)
        )

    def counts(self, threshold: float) -> Counts:
        """How many cases are right and wrong at a threshold."""
        raised = {True: 0, False: 0}
        below = {True: 0, False: 0}
        for case in self.cases:
            if case.risk is not None:
                (raised if case.risk >= threshold else below)[case.malignant] += 1
        return Counts(raised[True], raised[False], below[False], below[True])

    def picture(self, shown: Case | Neighbour, *, full: bool = True) -> bytes | None:
        """The photograph as a picture file: from the folder, else from the ISIC Archive, else None.

        full: False takes the archive's thumbnail. What the archive gives is kept in memory only. May wait 4 seconds.
        """
        name = shown.file_name if isinstance(shown, Neighbour) else shown.details and shown.details.file_name
        if name:
            try:
                return (self.folder / name).read_bytes()
            except OSError:
                pass
        return self.archive.picture(shown.isic_id, full=full) if shown.isic_id else None

    def has_picture(self, shown: Case | Neighbour) -> bool:
        """Whether there is a place to take the photograph from; it may fail all the same."""
        name = shown.file_name if isinstance(shown, Neighbour) else shown.details and shown.details.file_name
        return bool(name or shown.isic_id)

    def shown(self, image_id: str) -> Case | Neighbour | None:
        """The case of that id, or the training case that is a neighbour of one; None for a stranger."""
        return self._by_id.get(image_id) or self._neighbours.get(image_id)

    @cached_property
    def _neighbours(self) -> dict[str, Neighbour]:
        return {near.image_id: near for case in self.cases if case.details for near in case.details.nearest}


def _within(value: float | None, bounds: tuple[float, float] | None) -> bool:
    return bounds is None or (value is not None and bounds[0] <= value <= bounds[1])
