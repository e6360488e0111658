"""What data sets and rows of figures are called, in the visitor's words."""

from skin_model.diagnoses import DIAGNOSES
from skin_model.licence_note import SOURCES
from skin_model.network.context import SEXES, SITES
from skin_model.wording import Words

_FACTS = ("source", "modality", "diagnosis", "confirmed_by", "age", "sex", "site", "fitzpatrick", "skin_tone")
"""Attributes that have a name in words, ``mistakes.fact.``; a checkpoint of somebody else may have others."""
_METHODS = {
    "integrated_gradients": "Integrated Gradients",
    "grad_cam": "Grad-CAM",
    "occlusion": "Occlusion",
    "gradient_shap": "GradientSHAP",
    "kernel_shap": "KernelSHAP",
    "lime": "LIME",
}
"""Methods' names of their own, the same in every language."""


def named(words: Words, attribute: str, value: str) -> str:
    """A value of the data, such as "lower_extremity" of ``site``; one that nobody named stays as it was written."""
    if value in ("", "unknown"):
        return words("mistakes.unknown")
    if attribute == "source":
        return SOURCES.get(value, value)
    if attribute == "diagnosis" and value in DIAGNOSES:
        return words(f"diagnosis.{value}.name")
    if attribute == "site" and value in SITES:
        return words(f"context.site.{value}")
    if attribute == "sex" and value in SEXES:
        return words(f"context.sex.{value}")
    return words.value(attribute, value)


def row(words: Words, figure: str, name: str) -> str:
    """A row of one of the evidence tab's figures as its metrics name it: a value, or two with a colon between.

    Two are a source and how its photographs were taken (sources), an attribute and its value (subgroups), or a method
    and a figure of it (pointing).
    """
    first, colon, second = (part.strip() for part in name.partition(":"))
    if not colon:
        return words.value(figure, name)
    if figure == "subgroups":
        attribute = first.removesuffix("_band")
        label = words(f"mistakes.fact.{attribute}") if attribute in _FACTS else first
        return f"{label}: {named(words, first, second)}"
    if figure == "pointing":
        return f"{_METHODS.get(first) or words.value('method', first)}: {words.value('pointing', second)}"
    return f"{SOURCES.get(first, first)}: {named(words, 'modality', second)}"


def diagnosis(words: Words, code: str, malignant: bool) -> str:
    """A true diagnosis, or where there is none only whether it was malignant."""
    return named(words, "diagnosis", code) if code else words("mistakes.malignant" if malignant else "mistakes.benign")
