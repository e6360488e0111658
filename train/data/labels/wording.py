"""Reads a label's wording: every word of it must be known, or it means nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from train.data.labels import isic_taxonomy
from train.data.labels.meaning import BENIGN, INDETERMINATE, MALIGN, NOTHING, Meaning, of_diagnosis
from train.data.labels.plain_text import plain
from train.data.labels.vocabulary import BESIDE, CODES, DENIED, FILLERS, JOINED, NOT, OF, PHRASES

_LONGEST = max(len(phrase.split()) for phrase in PHRASES)
_MINUS = "-\u2212\u2013\u2014"
_TURNS_ROUND = re.compile(
    rf"""[?!~%^@\u00ac\u2260\u2190-\u21ff\u2212\u2713-\u2718\u2705\u274c]  # doubts, denies, or says how much
    | <> | [-=]> | [<>](?!\s*=?\s*\d)                                      # "<" before a number is a thickness
    | (?<![^\W_])[{_MINUS}]\d                                               # melanoma=-1
    | ^\W*[{_MINUS}] | [{_MINUS}]\W*$                                      # mel- beside mel+
    """,
    re.VERBOSE,
)
_SHARE = re.compile(r"\d?[.,]\d+\s*$")
"""A decimal number at the end may be how likely the name in front of it is."""
_STAGE_ZERO = "stage 0"
_GLUED_DENIAL = "non"
"""Denies the word behind it, unless it stands at the end, where it is French for no."""
_ALL_BUT = ("other", "than")
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
    parts = _unglued(words.split())
    if _ALL_BUT in pairwise(parts):
        return NOTHING
    found = _combined(list(_parts(tuple(parts))))
    # "Seborrheic keratoses and other benign tumors" holds more than its first name says.
    more = any(pair[0] in JOINED and pair[1] == "other" for pair in pairwise(parts))
    return _answer_alone(parts) if more and found.understood else found


def _answer_alone(words: Sequence[str]) -> Meaning:
    return next((PHRASES[word] for word in words if PHRASES.get(word) in (BENIGN, MALIGN)), NOTHING)


def _lost_in_plain_words(label: str, words: str) -> bool:
    """Whether something stands in a label that turns it round, and that plain words do not show.

    A "?" is a doubt, a minus in front or behind (mel- beside mel+) or a zero (melanoma=0, malignant_0) may be a denial.
    """
    zero = words.endswith(" 0") and not words.endswith(_STAGE_ZERO)
    return zero or any(sign.search(label) for sign in (_TURNS_ROUND, _SHARE))


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
    """The meaning of every name among the words, one after the other; None for a word that is not known.

    None too where it cannot be told what is denied: "melanoma, no nevus", "no nevus or melanoma".
    """
    at, denied = 0, None
    while at < len(words):
        length, found = _name(words[at:])
        if length:
            behind = words[at + length :]
            negative = len(behind) == 1 and behind[0] in DENIED
            if negative:
                found = _denied(found)
            elif behind and behind[0] in DENIED and behind[0] != _GLUED_DENIAL:
                yield None
            yield found if denied is None or (denied == found and words[at - 1] not in JOINED) else None
            at += length + negative
            continue
        if words[at] in NOT:
            start = next((k for k in range(at + 1, len(words)) if words[k] not in OF), len(words))
            length, found = _name(words[start:])
            if length:
                denied = _denied(found)
                yield denied
                at = start + length
                continue
            # "non-pigmented": what is denied is no diagnosis, but only where one word is glued to it.
            if words[at] != _GLUED_DENIAL:
                yield None
        elif words[at] not in (BESIDE if denied is None else FILLERS) and not words[at].isdigit():
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
