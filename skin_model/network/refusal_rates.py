"""How often a checkpoint refuses, from its ``metrics.json``: the rows of every table that shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTS: tuple[str, ...] = ("source", "modality", "skin_tone")
"""What photographs are counted by; metrics.json has them under ``by_source`` and so on."""

REASONS: tuple[str, ...] = ("not_skin", "unfamiliar")
"""Why a photograph that could be opened is refused: nothing in it is skin, or the skin is unlike everything learnt."""

COUNTS: tuple[str, ...] = ("n", "n_refused", *(f"n_{reason}" for reason in REASONS))
"""What is counted of the photographs of a row."""


@dataclass(frozen=True)
class RefusalRow:
    """How often photographs of one kind are refused.

    by: one of PARTS, or "all". name: the source, the modality or the Fitzpatrick type, "unknown" where it is not
    recorded, "" for all. photographs, cancers: COUNTS, and ``share``, n_refused of n (``value``, ``low`` and ``high``
    in 0…1, the last two its 95 % interval; None where n is 0), of all photographs and of those of a cancer. n_refused
    includes the files that could not be opened.
    """

    by: str
    name: str
    photographs: Mapping[str, Any]
    cancers: Mapping[str, Any]


def refusal_rows(metrics: Mapping[str, Any]) -> list[RefusalRow]:
    """All photographs first, then by source, by modality and by skin tone; none where metrics.json has no such counts.

    metrics: the content of a ``metrics.json``.
    """
    photographs, cancers = metrics.get("refused"), metrics.get("refused_malignant")
    if not photographs or not cancers:
        return []
    rows = [RefusalRow("all", "", photographs["all"], cancers["all"])]
    for part in PARTS:
        of_all, of_cancers = photographs[f"by_{part}"], cancers[f"by_{part}"]
        rows += [RefusalRow(part, name, found, of_cancers[name]) for name, found in of_all.items()]
    return rows
