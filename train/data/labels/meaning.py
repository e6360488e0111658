"""The meaning of a label, and what a row means that is told its label in several places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skin_model.diagnoses import MALIGNANT
from train import UserError

WORDS: tuple[str, str] = ("benign", "malignant")


class CatalogueError(UserError, ValueError):
    """A data folder that cannot be read; the sentence says why and what would be."""


class NoLabel(ValueError):
    """A row that says neither benign nor malignant, or both; its sentence is the reason for leaving it out.

    upstream: whether upstream itself says that it cannot be told.
    """

    def __init__(self, reason: str, *, upstream: bool = False) -> None:
        super().__init__(reason)
        self.upstream = upstream


@dataclass(frozen=True)
class Meaning:
    """diagnosis: one of the seven, "" where it is none of them or unknown. malignant: 0 or 1, None where not said.

    indeterminate: upstream says that it is neither.
    """

    diagnosis: str = ""
    malignant: int | None = None
    indeterminate: bool = False

    @property
    def understood(self) -> bool:
        """Whether it says anything at all."""
        return self != NOTHING


NOTHING = Meaning()
INDETERMINATE = Meaning(indeterminate=True)
BENIGN, MALIGN = Meaning(malignant=0), Meaning(malignant=1)


def of_diagnosis(code: str) -> Meaning:
    """The meaning of one of the seven diagnoses."""
    return Meaning(code, int(code in MALIGNANT))


@dataclass(frozen=True)
class Told:
    """What one place (a column, a class folder) says of a row, and what that was taken for."""

    place: str
    text: str
    meaning: Meaning


def settle(told: Sequence[Told]) -> tuple[str, int]:
    """(diagnosis, malignant 0/1) of a row from all that it is told.

    Actinic keratosis counts as malignant here ("needs a doctor") whatever upstream calls it. Raises NoLabel where
    nothing was understood, where upstream calls it indeterminate, and where two places disagree.
    """
    meanings = [place.meaning for place in told]
    codes = list(dict.fromkeys(meaning.diagnosis for meaning in meanings if meaning.diagnosis))
    if len(codes) > 1:
        raise NoLabel(f"conflicting label: diagnosis {codes[0]}, but also {codes[1]}")
    if codes == ["akiec"]:
        return "akiec", 1
    said = [meaning.malignant for meaning in meanings if meaning.malignant is not None and not meaning.diagnosis]
    # The name of an indeterminate lesion yields to upstream's own answer; a diagnosis beside it does not decide.
    if any(meaning.indeterminate for meaning in meanings) and (codes or not said):
        raise NoLabel("no label: upstream calls it indeterminate", upstream=True)
    if codes:
        implied = int(codes[0] in MALIGNANT)
        if any(answer != implied for answer in said):
            raise NoLabel(f"conflicting label: diagnosis {codes[0]}, but called {WORDS[1 - implied]}")
        return codes[0], implied
    if not said:
        raise NoLabel("no label: neither a known diagnosis nor benign or malignant")
    if len(set(said)) > 1:
        raise NoLabel("conflicting label: called both benign and malignant")
    return "", said[0]


def taken_for(told: Sequence[Told]) -> str:
    """What ``settle`` makes of it, in words."""
    try:
        code, malignant = settle(told)
    except NoLabel as reason:
        return str(reason)
    return f"{code}, {WORDS[malignant]}" if code else f"{WORDS[malignant]}, no diagnosis"
