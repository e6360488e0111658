"""A checkpoint's licence note, as ``train.data.licences.of_weights`` words it, told apart for translation."""

import re

_NOTES = {
    "licence.non_commercial": re.compile(r"photographs under (?P<named>.+): for non-commercial use only\."),
    "licence.unclear": re.compile(r"photographs whose licence(?: \((?P<named>.+?)\))? is not stated"),
    "licence.named": re.compile(r"photographs under (?P<named>.+): name these sources\."),
}


def told_apart(note: str) -> tuple[str, dict[str, str]] | None:
    """The key of the sentence that says the same as a note, and its values; None for words of somebody's own."""
    for key, pattern in _NOTES.items():
        if found := pattern.search(note):
            return key, {"named": found["named"] or "–"}
    return None
