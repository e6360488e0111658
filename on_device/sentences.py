"""Which sentences the page says: found in its own scripts, so that none is missed and none is shipped for nothing."""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "page"
DIARY = "diary"
"""The folder whose scripts have sentences of their own."""
_QUOTED = re.compile(r'"([a-z_]+(?:\.[a-z_0-9]+)+)"|`([a-z_]+\.[^`\n ]*)`')
_NAMED_BY_THE_CONFIG = (r"licence\.\w+",)
_FILLED = re.compile(r"\\\$\\\{[^}]*\\\}")


def patterns(diary: bool = False) -> set[str]:
    """Regular expressions for every key that the page's scripts and its HTML name; a filled-in part matches a word.

    diary: those of the diary's scripts, which the page loads when the diary is opened, in place of the others.
    """
    found = set()
    for file in [*PAGE.rglob("*.js"), *PAGE.glob("*.html")]:
        if (DIARY in file.relative_to(PAGE).parts) is not diary:
            continue
        for plain, template in _QUOTED.findall(file.read_text(encoding="utf-8")):
            found.add(re.escape(plain) if plain else _FILLED.sub(r"\\w+", re.escape(template)))
    return found


def used(sentences: dict[str, str]) -> dict[str, str]:
    """Those of one language's sentences that the page says."""
    return _matching(sentences, patterns() | set(_NAMED_BY_THE_CONFIG))


def used_by_the_diary(sentences: dict[str, str]) -> dict[str, str]:
    """Those that only the diary says."""
    return _matching({key: sentences[key] for key in sentences.keys() - used(sentences).keys()}, patterns(diary=True))


def _matching(sentences: dict[str, str], said: set[str]) -> dict[str, str]:
    whole = [re.compile(pattern) for pattern in said]
    return {key: text for key, text in sorted(sentences.items()) if any(pattern.fullmatch(key) for pattern in whole)}
