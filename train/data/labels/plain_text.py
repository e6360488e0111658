"""Labels in plain words, so that one spelling stands for all: NotMelanoma, not_melanoma, Not-Melanomas."""

import re
import unicodedata

_SEAMS = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)",
)
"""Where one word ends and the next begins without anything between them."""
_POSSESSIVE = re.compile(r"['’`´](s\b)?")
_NO_WORD = re.compile(r"[\W_]+")
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss"}
)
_SPELLINGS = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"^nae?v(?=us|i$|oid|o$)", "nev"),
        (r"haem", "hem"),
        (r"rrhoe", "rrhe"),
        (r"tumour", "tumor"),
        (r"karzinom", "carcinom"),
        (r"nev(i|uses)$", "nevus"),
        (r"omata$", "oma"),
        (r"oses$", "osis"),
        (r"stases$", "stasis"),
        (r"lentigines$", "lentigo"),
        (r"ephelides$", "ephelis"),
        (r"(?<=...)ies$", "y"),
        (r"(?<=...)(?<![sui])s$", ""),
    )
)
"""To US spelling, and from Latin and English plurals; -ss, -us and -is are none."""


def plain(text: str) -> str:
    """Lower-case words with one space between them: no accents, no punctuation, no CamelCase, singular, US spelling."""
    text = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    text = _POSSESSIVE.sub("", _SEAMS.sub(" ", text)).lower()
    return " ".join(_word(word) for word in _NO_WORD.sub(" ", text).split())


def _word(word: str) -> str:
    for pattern, spelling in _SPELLINGS:
        word = pattern.sub(spelling, word)
    return word
