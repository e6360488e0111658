"""How often photographs are refused, by source, kind of photograph and skin tone."""

from collections.abc import Mapping
from typing import Any

from skin_model.network.refusal_rates import RefusalRow, refusal_rows
from train.bootstrap import FEWEST_GROUPS
from train.reports.sections.parts import Cell, Section, Table, count_cells, share

LABELS = {"source": "source", "modality": "kind of photograph", "skin_tone": "Fitzpatrick skin type"}
CAPTIONS = {
    "photographs": "How many of all photographs are refused",
    "cancers": "How many of the photographs of a cancer are refused",
}
FEW_REFUSALS = f"* fewer than {FEWEST_GROUPS} groups: too few to judge."


def refused(metrics: Mapping[str, Any]) -> Section:
    """One table of all photographs and one of those of a cancer, with a row a source, kind of photograph and tone."""
    key, title, rows = "refused", "How often it refuses a photograph", refusal_rows(metrics)
    if not rows:
        return Section(key, title, missing=("how often photographs are refused",))
    says = (
        "A refused photograph gets no answer: nothing in it is taken for skin, or the skin is unlike everything "
        "learnt. A cancer that is refused is not found.",
        "The skin type is the one that the source recorded; none is estimated from a photograph.",
    )
    note = (
        "An interval is shown where any was refused. Files that could not be opened count as refused, for neither "
        "of the two reasons."
    )
    head = (
        "photographs of",
        "photographs",
        "refused",
        "share refused",
        "taken for no skin",
        "skin unlike all it learnt",
    )
    tables = tuple(
        Table(caption, head, tuple((Cell(label(row)), *_cells(getattr(row, of))) for row in rows), note, FEW_REFUSALS)
        for of, caption in CAPTIONS.items()
    )
    return Section(key, title, says, tables)


def label(row: RefusalRow) -> str:
    """ "source: ham10000" or "all"."""
    return f"{LABELS[row.by]}: {row.name}" if row.by in LABELS else row.by


def of_them(found: Mapping[str, Any]) -> str:
    """ "3 of 10 (30.0 %)"; without the share where none is refused, and a dash where there are no photographs."""
    if not found["n"]:
        return share(None).text
    counted = f"{found['n_refused']} of {found['n']}"
    return f"{counted} ({share(found['share']['value']).text})" if found["n_refused"] else counted


def _cells(found: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (*count_cells(found, "n", "n_refused"), _share(found), *count_cells(found, "n_not_skin", "n_unfamiliar"))


def _share(found: Mapping[str, Any]) -> Cell:
    """Without the interval where none is refused: drawn again from such photographs, none ever is, which reads as
    certainty."""
    rate = found["share"]
    if rate and not found["n_refused"]:
        return Cell(share(rate["value"]).text, few=bool(rate.get("too_few")))
    return share(rate)
