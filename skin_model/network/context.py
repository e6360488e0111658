"""What age, sex and body site add to the picture's answer: a small additive model on its log-odds (late fusion).

Fitted in training (``train.fitting.context``) and only applied here. What is not known adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEXES: tuple[str, ...] = ("female", "male")
SITES: tuple[str, ...] = (
    "head_neck",
    "anterior_torso",
    "posterior_torso",
    "torso",
    "upper_extremity",
    "lower_extremity",
    "palms_soles",
    "oral_genital",
)
"""The ISIC archive's general anatomical sites; "torso" where the side is not known."""
OLDEST = 120
_WORDS: dict[str, str] = {
    "head_neck": "head neck face scalp ear nose lip eyelid cheek forehead chin",
    "anterior_torso": "chest abdomen belly front breast",
    "posterior_torso": "back buttock",
    "torso": "torso trunk lateral_torso flank side",
    "upper_extremity": "arm forearm upper_arm elbow shoulder hand wrist finger upper_limb",
    "lower_extremity": "leg thigh shin calf knee foot ankle toe hip lower_limb",
    "palms_soles": "palm sole palms soles acral acral_palms_or_soles acral_nos nail",
    "oral_genital": "mouth oral genital genitals genitalia groin",
}
_SITE_OF = {word: site for site, words in _WORDS.items() for word in (site, *words.split())}


class UnknownContext(ValueError):
    """An age, sex or site that is none; the text is a sentence for the user."""


def sex_of(text: str) -> str | None:
    """One of SEXES, or None where the text is empty or says that it is unknown; raises UnknownContext."""
    word = _normal(text)
    if word in ("", "unknown", "other"):
        return None
    for sex in SEXES:
        if word in (sex, sex[0]):
            return sex
    raise UnknownContext(f"The sex is female or male, not {text!r}. Leave it out where it is neither or not known.")


def site_of(text: str) -> str | None:
    """One of SITES from a body site as data sets and people write it, or None where it is empty or unknown.

    Raises UnknownContext for a word that is no site.
    """
    word = _normal(text)
    if word in ("", "unknown", "other"):
        return None
    found = _SITE_OF.get(word) or _SITE_OF.get(word.removesuffix("s"))
    if found is None:
        raise UnknownContext(
            f"{text!r} is no body site that is known. Write one of: {', '.join(SITES)}, or a plain word such as "
            "face, chest, back, arm, leg, palm."
        )
    return found


def grouped_site(text: str) -> str:
    """As ``site_of`` for data: "" where the site is unknown, and a word that is no site as it stands."""
    try:
        return site_of(text) or ""
    except UnknownContext:
        return text


def age_of(text: str | float) -> float | None:
    """Years, 0 to OLDEST, or None where the text is empty; raises UnknownContext for anything else."""
    if isinstance(text, str) and _normal(text) in ("", "unknown"):
        return None
    try:
        years = float(text)
    except ValueError:
        years = math.nan
    if not 0 <= years <= OLDEST:
        raise UnknownContext(f"The age is a number of years between 0 and {OLDEST}, not {text!r}.")
    return years


def _normal(text: str) -> str:
    return "_".join(text.strip().lower().replace("/", " ").replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True)
class Context:
    """What a person tells of a spot. age: years; sex: of SEXES; site: of SITES; None where it is not told."""

    age: float | None = None
    sex: str | None = None
    site: str | None = None

    @classmethod
    def told(cls, age: str | float = "", sex: str = "", site: str = "") -> Context:
        """From what somebody typed; raises UnknownContext."""
        return cls(age_of(age), sex_of(sex), site_of(site))

    @property
    def is_empty(self) -> bool:
        return self.age is None and self.sex is None and self.site is None


@dataclass(frozen=True)
class ContextModel:
    """What is added to the log-odds of the calibrated risk.

    ages: years of the knots, ascending; age_effects: what is added there, linear between them and constant beyond.
    sex_effects, site_effects: by code; what is missing adds nothing. gain: how much better photographs are told apart
    with it, as measured out of fold.
    """

    ages: tuple[float, ...]
    age_effects: tuple[float, ...]
    sex_effects: Mapping[str, float]
    site_effects: Mapping[str, float]
    gain: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = [*self.ages, *self.age_effects, *self.sex_effects.values(), *self.site_effects.values()]
        if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            raise ValueError("the context's effects must be finite numbers.")
        if len(self.ages) != len(self.age_effects) or list(self.ages) != sorted(set(self.ages)) or not self.ages:
            raise ValueError("the context needs one effect for every age, and the ages ascending.")
        if not set(self.sex_effects) <= set(SEXES) or not set(self.site_effects) <= set(SITES):
            raise ValueError("the context has effects of a sex or a site that there is none of.")

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ContextModel:
        """As ``asdict`` wrote it; raises KeyError, TypeError or ValueError."""
        ages, effects = (tuple(content[name]) for name in ("ages", "age_effects"))
        by_code = (dict(content[name]) for name in ("sex_effects", "site_effects"))
        return cls(ages, effects, *by_code, dict(content.get("gain", {})))

    def added(self, context: Context) -> float:
        """Log-odds that the context adds."""
        total = self.sex_effects.get(context.sex, 0.0) + self.site_effects.get(context.site, 0.0)
        return total if context.age is None else total + self._of_age(context.age)

    def risk(self, risk: float, context: Context) -> float:
        """The calibrated risk (0…1) of the picture alone, as it is with the context."""
        risk = min(max(risk, 1e-9), 1 - 1e-9)
        log_odds = math.log(risk) - math.log1p(-risk) + self.added(context)
        return 1 / (1 + math.exp(-log_odds))

    def _of_age(self, age: float) -> float:
        if age <= self.ages[0]:
            return self.age_effects[0]
        for k in range(1, len(self.ages)):
            if age <= self.ages[k]:
                share = (age - self.ages[k - 1]) / (self.ages[k] - self.ages[k - 1])
                return self.age_effects[k - 1] + share * (self.age_effects[k] - self.age_effects[k - 1])
        return self.age_effects[-1]
