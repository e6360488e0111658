"""Reads a label's wording: every word of it must be known, or it means nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from train.data.labels import isic_taxonomy
from train.data.labels.meaning import BENIGN, INDETERMINATE, MALIGN, NOTHING, Meaning, of_diagnosis
from train.data.labels.plain_text import plain
from train.data.labels.vocabulary import BESIDE, CODES, DENIED, NOT, OF, PHRASES

_LONGEST = max(len(phrase.split()) for phrase in PHRASES)
_MINUS = ("-", "\u2212", "\u2013", "\u2014")
_STAGE_ZERO = "stage 0"
_GLUED_LENGTH = 5
"""Shorter names are not looked for in words that are written together."""


def diagnosis(label: str) -> str:
    """One of the seven codes for an upstream code or wording, "" where it is none of them or unknown."""
    return meaning(label).diagnosis


@cache
def meaning(label: str) -> Meaning:
    """What a code or a wording means; numbers alone mean nothing here, for they may be ids of classes.

    A denied cancer ("not melanoma", "non-malignant") is benign and a denied "benign" is malignant; any other denied
    name, an indeterminate one, two different names, and every word that is not known leave nothing.
    """
    words = plain(label)
    if _lost_in_plain_words(label, words):
        return NOTHING
    for known in (CODES, isic_taxonomy.names(), PHRASES):
        if words in known:
            return known[words]
    return _combined(list(_parts(tuple(_unglued(words.split())))))


def _lost_in_plain_words(label: str, words: str) -> bool:
    """Whether something stands in a label that turns it round, and that plain words do not show.

    A "?" is a doubt, a minus behind (mel- beside mel+) or a zero (melanoma=0, malignant_0) may be a denial.
    """
    zero = words.endswith(" 0") and not words.endswith(_STAGE_ZERO)
    return "?" in label or label.rstrip().endswith(_MINUS) or zero


def meaning_of_levels(levels: Sequence[str]) -> Meaning:
    """What the levels of a record of the ISIC archive mean, the highest first; those that are empty do not count.

    A lowest level that nobody knows means what the level above it means.
    """
    path = tuple(words for level in levels if (words := plain(level)))
    if not path:
        return NOTHING
    known = isic_taxonomy.values().get(path) or meaning(path[-1])
    return known if known.understood else meaning_of_levels(path[:-1])


def _parts(words: tuple[str, ...]) -> Iterator[Meaning | None]:
    """The meaning of every name among the words, one after the other; None for a word that is not known."""
    at = 0
    while at < len(words):
        length, found = _name(words[at:])
        if length:
            denied = at + length < len(words) and words[at + length] in DENIED
            yield _denied(found) if denied else found
            at += length + denied
            continue
        if words[at] in NOT:
            behind = next((k for k in range(at + 1, len(words)) if words[k] not in OF), len(words))
            length, found = _name(words[behind:])
            if length:
                yield _denied(found)
                at = behind + length
                continue
            # "non-pigmented": what is denied is no diagnosis, but only where one word is glued to it.
            if words[at] != "non":
                yield None
        elif words[at] not in BESIDE and not words[at].isdigit():
            yield None
        at += 1


def _name(words: tuple[str, ...]) -> tuple[int, Meaning]:
    """How many of the words in front are the name of a diagnosis, the longest counting, and what it means."""
    for length in range(min(_LONGEST, len(words)), 0, -1):
        name = " ".join(words[:length])
        if name in PHRASES or name in CODES:
            return length, PHRASES.get(name) or CODES[name]
    return 0, NOTHING


def _denied(found: Meaning) -> Meaning:
    if found in (MALIGN, of_diagnosis("mel")):
        return BENIGN
    return MALIGN if found == BENIGN else NOTHING


def _combined(parts: list[Meaning | None]) -> Meaning:
    said = {part for part in parts if part is None or part.understood}
    if None in said or not said:
        return NOTHING
    if INDETERMINATE in said:
        return INDETERMINATE
    diagnoses = {part for part in said if part.diagnosis}
    if len(diagnoses) > 1 or len({part.malignant for part in said}) > 1:
        return NOTHING
    return next(iter(diagnoses or said))


@cache
def _glued() -> dict[str, str]:
    """Names written as one word -> in words."""
    return {name.replace(" ", ""): name for name in PHRASES if len(name) >= _GLUED_LENGTH}


def _unglued(words: list[str]) -> list[str]:
    """The words with those taken apart that are several names in one: basalcellcarcinoma, notmelanoma."""
    whole = _glued().get("".join(words))
    if whole:
        return whole.split()
    found: list[str] = []
    for word in words:
        negation = next((start for start in ("non", "not", "no") if word.removeprefix(start) in _glued()), None)
        if word in _glued():
            found += _glued()[word].split()
        elif negation and word.startswith(negation):
            found += [negation, *_glued()[word.removeprefix(negation)].split()]
        else:
            found.append(word)
    return found
