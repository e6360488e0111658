"""Every sentence that a person reads, one flat JSON file a language; code speaks in codes."""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

ENGLISH = "en"
LEAST_SHOWN = 0.01
"""The least share that is written as a number; below it stands "under 1%"."""


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


@dataclass(frozen=True)
class Words:
    """The sentences of one language, with its way to write numbers.

    Raises KeyError for a language without a file of sentences.
    """

    language: str = ENGLISH

    def __post_init__(self) -> None:
        _sentences(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """The sentence under a dotted key; raises KeyError as ``sentence`` does."""
        return sentence(key, self.language, **values)

    @property
    def name(self) -> str:
        """The language's name in itself, such as "Deutsch"."""
        return self("language.name")

    @property
    def direction(self) -> str:
        """ "ltr", or "rtl" where one writes from right to left."""
        return self("language.direction")

    def value(self, field: str, written: str) -> str:
        """What a table of data holds, such as "lower extremity" under ``site``, in words.

        field: as in the keys ``value.<field>.<code>``. What has no sentence of its own, as in somebody else's data,
        stays as it was written.
        """
        code = re.sub(r"[^a-z0-9]+", "_", written.lower()).strip("_")
        return _sentences(self.language).get(f"value.{field}.{code}", written)

    def number(self, value: float, decimals: int = 0) -> str:
        """A number rounded to some decimals, with the language's decimal sign."""
        return f"{value:.{decimals}f}".replace(".", self("format.decimal"))

    def percent(self, share: float) -> str:
        """A share (0…1) in per cent, under 10 with one decimal, where the bands begin.

        Never "0%" or "100%", which would claim a certainty that nobody has.
        """
        if share < LEAST_SHOWN:
            return self("format.percent.under")
        if share > 0.99:
            return self("format.percent.over")
        return self("format.percent", number=self.number(100 * share, 1 if share < 0.0995 else 0))
