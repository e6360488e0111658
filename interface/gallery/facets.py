"""What cases can be filtered by, with the many spellings of one value as one."""

from interface.gallery.cases import Case
from skin_model.network.context import grouped_site

FACETS: tuple[str, ...] = ("diagnosis", "source", "site", "modality", "confirmed_by", "sex", "fitzpatrick", "band")
"""Beside age and score; "" stands for unknown."""
CONFIRMATIONS: tuple[str, ...] = ("histo", "follow_up", "consensus", "confocal", "clinical")
_CONFIRMATION_OF = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
    "single contributor clinical assessment": "clinical",
}


def value_of(case: Case, facet: str) -> str:
    """The case's value of one of FACETS: sites as ``skin_model.network.context`` groups them, confirmations as
    CONFIRMATIONS; a word that neither knows stays as it is.
    """
    value = getattr(case, facet)
    if facet == "site":
        return grouped_site(value)
    return _CONFIRMATION_OF.get(value, value) if facet == "confirmed_by" else value
