"""A checkpoint's licence note, as ``train.data.licences.of_weights`` words it, told apart for translation."""

import re

SOURCES: dict[str, str] = {
    "ham10000": "HAM10000",
    "isic_2017": "ISIC 2017",
    "isic_archive": "ISIC Archive",
    "siim_isic_2020": "SIIM-ISIC 2020",
    "bcn20000_84px": "BCN20000 (84 px)",
    "isic_acral_ids": "ISIC acral (IDS)",
    "isic_acral_barcelona": "ISIC acral (Barcelona)",
    "isic_acral_imperial": "ISIC acral (Imperial)",
    "isic_acral_other": "ISIC acral",
    "pad_ufes_20": "PAD-UFES-20",
    "kaggle_melanoma_120": "Kaggle Melanoma 120",
}
"""Data sets' names of their own, the same in every language."""
_NOTES = {
    "licence.non_commercial": re.compile(r"photographs under (?P<named>.+): for non-commercial use only\."),
    "licence.unclear": re.compile(r"photographs whose licence(?: \((?P<named>.+?)\))? is not stated"),
    "licence.named": re.compile(r"photographs under (?P<named>.+): name these sources\."),
}


def told_apart(note: str) -> tuple[str, dict[str, str]] | None:
    """The key of the sentence that says the same as a note, and its values; None for words of somebody's own.

    A value is isolated (Unicode's LRI … PDI), so that a sentence from right to left does not take its brackets apart.
    """
    for key, pattern in _NOTES.items():
        if found := pattern.search(note):
            named = re.sub(r"\w+", lambda word: SOURCES.get(word[0], word[0]), found["named"] or "–")
            return key, {"named": f"\u2066{named}\u2069"}
    return None
