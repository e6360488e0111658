"""Every sentence that a person reads, one flat JSON file a language; code speaks in codes."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

ENGLISH = "en"


@cache
def languages() -> tuple[str, ...]:
    """The codes of the languages that have a file of sentences, sorted, for example ("en",)."""
    names = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


@cache
def _sentences(language: str) -> dict[str, str]:
    # The language may come from a browser: compared with what exists, it can never name another file.
    if language not in languages():
        raise KeyError(f"There are no sentences in the language '{language}'; there are: {', '.join(languages())}.")
    text = resources.files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    return json.loads(text)


def sentence(key: str, language: str = ENGLISH, **values: object) -> str:
    """The sentence under a dotted key such as "refused.damaged_file", its placeholders filled from ``values``.

    Raises KeyError, with a text that names the file to mend, for a key or a language that does not exist and for a
    placeholder without a value.
    """
    try:
        template = _sentences(language)[key]
    except KeyError as error:
        if language not in languages():
            raise
        raise KeyError(f"There is no sentence '{key}' in skin_model/wording/{language}.json.") from error
    try:
        return template.format(**values)
    except (KeyError, IndexError) as error:
        raise KeyError(f"The sentence '{key}' ({language}) needs a value for the placeholder {error}.") from error
