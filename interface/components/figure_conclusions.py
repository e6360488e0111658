"""What each of the evidence tab's figures shows, in a sentence worked out from its rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from interface.components import data_words
from interface.components.figures import FLIPS_LIMIT, Rows
from skin_model.wording import Words

LIMITED = ("dark_circle", "ruler", "ink")
"""Alterations that FLIPS_LIMIT holds for."""
_LOOKS_AT_LESION = "only_lesion"
_KEPT = 0.8
"""Share of photos kept at which setting the least sure ones aside is put in words."""


def conclusion(name: str, rows: Rows, words: Words) -> tuple[str, bool | None]:
    """What the figure shows, and whether a limit of our own is met: None where the figure has none.

    rows: of ``figures.draw``. The sentence is "" where the rows do not hold what it needs.
    """
    return _CONCLUSIONS[name](rows, words)


def _share(words: Words, value: float) -> str:
    """To a tenth of a per cent, so that 3.4 % does not read as the limit of 3 %."""
    return words("format.percent", number=words.number(100 * value, 1))


def _extremes(figure: str, rows: Rows, words: Words) -> tuple[str, None]:
    enough = [row for row in rows if not row.get("too_few")]
    if not enough:
        return "", None
    best, worst = max(enough, key=_value), min(enough, key=_value)
    ends = {"best": data_words.row(words, figure, best["name"]), "best_auc": words.number(best["value"], 2)}
    ends |= {"worst": data_words.row(words, figure, worst["name"]), "worst_auc": words.number(worst["value"], 2)}
    return words("evidence.shows.extremes", **ends), None


def _decision(rows: Rows, words: Words) -> tuple[str, None]:
    """From and to which threshold acting on the network is worth more than sending everybody or nobody."""
    better = [row["threshold"] for row in rows if row["net_benefit"] > max(row["refer_all"], 0)]
    if not better:
        return words("evidence.shows.decision.never"), None
    better_than_both = words(
        "evidence.shows.decision",
        low=_share(words, min(better)),
        high=_share(words, max(better)),
        count=len(better),
        all=len(rows),
    )
    return better_than_both, None


def _coverage(rows: Rows, words: Words) -> tuple[str, None]:
    if not rows:
        return "", None
    everything = max(rows, key=lambda row: row["coverage"])
    kept = min(rows, key=lambda row: abs(row["coverage"] - _KEPT))
    pairs = {
        f"{name}_{end}": _share(words, row[name])
        for name in ("sensitivity", "specificity")
        for end, row in (("all", everything), ("kept", kept))
        if row.get(name) is not None
    }
    if len(pairs) < 4:
        return "", None
    return words("evidence.shows.coverage", kept=_share(words, kept["coverage"]), **pairs), None


def _altered(rows: Rows, words: Words) -> tuple[str, bool | None]:
    bound = [row for row in rows if row["name"] in LIMITED]
    if not bound:
        return "", None
    over = [row for row in bound if row["value"] > FLIPS_LIMIT]
    worst = max(bound, key=_value)
    text = words(
        f"evidence.shows.altered.{'missed' if over else 'met'}",
        limit=_share(words, FLIPS_LIMIT),
        over=len(over),
        bound=len(bound),
        worst=_share(words, worst["value"]),
    )
    return text, not over


def _shortcuts(rows: Rows, words: Words) -> tuple[str, None]:
    """The strongest guess of those that never look at the lesion."""
    rows = [row for row in rows if row["name"] != _LOOKS_AT_LESION]
    if not rows:
        return "", None
    furthest = max(rows, key=lambda row: abs(row["value"] - 0.5))
    return words(
        "evidence.shows.shortcuts",
        name=data_words.row(words, "shortcuts", furthest["name"]),
        auc=words.number(furthest["value"], 2),
    ), None


def _pointing(rows: Rows, words: Words) -> tuple[str, None]:
    """The best method's pointing game beside that of noise."""
    hits = {row["name"].split(":")[0]: row["value"] for row in rows if row["figure"] == "pointing_game"}
    noise = hits.pop("random", None)
    if noise is None or not hits:
        return "", None
    best = _share(words, max(hits.values()))
    return words("evidence.shows.pointing", best=best, noise=_share(words, noise)), None


def _value(row: dict[str, float]) -> float:
    return row["value"]


_CONCLUSIONS: dict[str, Callable[[Rows, Words], tuple[str, bool | None]]] = {
    "sources": partial(_extremes, "sources"),
    "subgroups": partial(_extremes, "subgroups"),
    "decision": _decision,
    "coverage": _coverage,
    "altered": _altered,
    "shortcuts": _shortcuts,
    "pointing": _pointing,
}
