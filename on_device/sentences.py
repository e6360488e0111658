"""Which sentences the page says: found in its own scripts, so that none is missed and none is shipped for nothing."""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "page"
_QUOTED = re.compile(r'"([a-z_]+(?:\.[a-z_0-9]+)+)"|`([a-z_]+\.[^`\n ]*)`')
_NAMED_BY_THE_CONFIG = (r"licence\.\w+",)
_FILLED = re.compile(r"\\\$\\\{[^}]*\\\}")


def patterns() -> set[str]:
    """Regular expressions for every key that the page's scripts and its HTML name; a filled-in part matches a word."""
    found = set()
    for file in [*PAGE.rglob("*.js"), *PAGE.glob("*.html")]:
        for plain, template in _QUOTED.findall(file.read_text(encoding="utf-8")):
            found.add(re.escape(plain) if plain else _FILLED.sub(r"\\w+", re.escape(template)))
    return found


def used(sentences: dict[str, str]) -> dict[str, str]:
    """Those of one language's sentences that the page says."""
    said = [re.compile(pattern) for pattern in (*patterns(), *_NAMED_BY_THE_CONFIG)]
    return {key: text for key, text in sentences.items() if any(pattern.fullmatch(key) for pattern in said)}
