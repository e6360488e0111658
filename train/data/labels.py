"""What public data sets call a diagnosis, and which of the seven diagnoses it is."""

import re

from skin_model.diagnoses import DIAGNOSES, MALIGNANT
from train import UserError


class CatalogueError(UserError, ValueError):
    """A data folder that cannot be read; the sentence says why and what would be."""


class NoLabel(ValueError):
    """A row that says neither benign nor malignant, or both; its sentence is the reason for leaving it out."""


CODES: dict[str, str] = {
    **{code: code for code in DIAGNOSES},
    "ak": "akiec",
    "ack": "akiec",
    "scc": "akiec",
    "bod": "akiec",
    "nev": "nv",
    "sek": "bkl",
    "sk": "bkl",
}
"""Upstream short codes, lower case: HAM10000, ISIC 2017 and 2019, PAD-UFES-20."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r"atypical melanocytic|indeterminate|non-?melanoma", ""),
    (r"melanoma|lentigo maligna", "mel"),
    (r"basal cell carcinoma", "bcc"),
    (r"squamous cell|actinic keratosis|actinic keratoses|bowen|intraepithelial carcinoma", "akiec"),
    (r"dermatofibroma", "df"),
    (r"angio|vascular|pyogenic granuloma|ha?emorrhage", "vasc"),
    (r"seborrh?o?eic keratos|lentigo|lichen|benign keratosis", "bkl"),
    (r"\bna?ev(us|i)\b|\bspitz\b", "nv"),
)
_NOT_VASCULAR = re.compile(r"angiofibroma")
_YES = {"1", "1.0", "true", "malignant", "melanoma", "m"}
_NO = {"0", "0.0", "false", "benign", "b", "non-melanoma", "nonmelanoma", "non_melanoma", "not_melanoma"}


def diagnosis(label: str) -> str:
    """One of the seven codes for an upstream code or wording, "" where it is none of them or unknown."""
    plain = label.strip().lower()
    if plain in CODES:
        return CODES[plain]
    if _NOT_VASCULAR.search(plain):
        return ""
    return next((code for pattern, code in _WORDS if re.search(pattern, plain)), "")


def yes_or_no(word: str) -> int | None:
    """1 or 0 for malignant, benign, 1, 0, true, false, melanoma…; None for anything else, also indeterminate."""
    plain = word.strip().lower()
    return 1 if plain in _YES else 0 if plain in _NO else None


def reconcile(code: str, said: int | None) -> tuple[str, int]:
    """(diagnosis, malignant 0/1) from a diagnosis code ("" unknown) and what upstream says of malignancy, if anything.

    Actinic keratosis counts as malignant here ("needs a doctor") whatever upstream calls it. Raises NoLabel where both
    are unknown or disagree.
    """
    if not code:
        if said is None:
            raise NoLabel("no label: neither a known diagnosis nor benign or malignant")
        return "", said
    implied = int(code in MALIGNANT)
    if said is not None and said != implied and code != "akiec":
        words = ("benign", "malignant")
        raise NoLabel(f"conflicting label: diagnosis {code}, but called {words[said]}")
    return code, implied
