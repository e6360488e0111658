"""The evidence tab's figures: a checkpoint's ``metrics.json`` in, plotly pictures and their numbers as rows out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interface.components import data_words
from skin_model.network.refusal_rates import COUNTS, refusal_rows
from skin_model.wording import Words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Metrics = Mapping[str, Any]
Rows = list[dict[str, Any]]
_ACCENT, _SECOND, _QUIET = "#0f766e", "#b45309", "#64748b"
_HEIGHT = 420
FLIPS_LIMIT = 0.03
"""Largest share of answers that may change when a dark circle, a ruler or ink is drawn on: our own limit."""


@dataclass(frozen=True)
class Drawn:
    """A picture, and the numbers in it, one dict a row."""

    picture: Figure
    rows: Rows


def available(metrics: Metrics) -> list[str]:
    """The names of the figures that these metrics hold, in the order in which they are read best."""
    held = {key for key, part in metrics.items() if part and isinstance(part, Mapping)}
    return [name for name, (needed, _) in _FIGURES.items() if needed in held]


def draw(name: str, metrics: Metrics, words: Words) -> Drawn:
    """One figure by its name; raises KeyError for one that ``available`` does not name."""
    return _FIGURES[name][1](metrics, words)


def rows_of(figures: Mapping[str, Any], keys: Iterable[str] = ("auc",)) -> Rows:
    """Value, low and high of figures by name, for those that are defined."""
    return [
        {"name": name, "figure": key, **{end: found[key][end] for end in ("value", "low", "high")}}
        for name, found in figures.items()
        for key in keys
        if found.get(key)
    ]


def refusals(metrics: Metrics) -> Rows:
    """How often photographs are refused, one dict a row of ``refusal_rows``.

    ``photographs_`` and ``cancers_`` stand before each of COUNTS, and before ``share``, ``low`` and ``high`` (0…1, the
    last two a 95 % interval, all three None where there are no such photographs).
    """
    return [
        {"by": row.by, "name": row.name, **_counted("photographs", row.photographs), **_counted("cancers", row.cancers)}
        for row in refusal_rows(metrics)
    ]


def _counted(of: str, found: Mapping[str, Any]) -> dict[str, Any]:
    rate = found["share"] or dict.fromkeys(("value", "low", "high"))
    counts = {f"{of}_{key}": found[key] for key in COUNTS}
    return counts | {f"{of}_share": rate["value"], f"{of}_low": rate["low"], f"{of}_high": rate["high"]}


def _axis(words: Words, name: str) -> dict[str, Any]:
    # A grey that is quiet on a light and on a dark page.
    title = {"text": words(f"evidence.axis.{name}") if name else ""}
    return {"title": title, "automargin": True, "zeroline": False, "gridcolor": "rgba(100, 116, 139, 0.25)"}


def _layout(words: Words, x: str, y: str, **more: Any) -> dict[str, Any]:
    return {
        "height": _HEIGHT,
        # Room above for the toolbar, which would lie over the picture.
        "margin": {"l": 10, "r": 10, "t": 44, "b": 10},
        "xaxis": _axis(words, x),
        "yaxis": _axis(words, y),
        # On paper without a colour plotly would lay the toolbar on a dark grey.
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": _QUIET, "activecolor": _ACCENT},
        "separators": words("format.decimal") + " ",
        "legend": {"orientation": "h", "y": -0.25},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": _QUIET},
        **more,
    }


def _forest(rows: Rows, words: Words, axis: str, line: float | None = None, *, figure: str) -> Drawn:
    """Points with their intervals, a name a line. figure: as ``data_words.row`` knows it."""
    from plotly.graph_objects import Figure, Scatter

    # On two lines, so that a phone's narrow picture keeps room for the points.
    names = [data_words.row(words, figure, row["name"]).replace(": ", ":<br>", 1) for row in rows]
    labels = [name + (f" (n={row['n']})" if "n" in row else "") for name, row in zip(names, rows, strict=True)]
    symbols = ["circle-open" if row.get("too_few") else "circle" for row in rows]
    picture = Figure(
        Scatter(
            x=[row["value"] for row in rows],
            y=labels,
            mode="markers",
            marker={"color": _ACCENT, "size": 9, "symbol": symbols},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row["high"] - row["value"] for row in rows],
                "arrayminus": [row["value"] - row["low"] for row in rows],
                "color": _ACCENT,
            },
        ),
        layout=_layout(words, axis, "", height=max(240, 70 + 36 * len(rows))),
    )
    picture.update_yaxes(autorange="reversed", tickfont={"size": 11})
    picture.update_xaxes(nticks=5, tickangle=0, tickfont={"size": 11})
    if line is not None:
        picture.add_vline(line, line_dash="dot", line_color=_QUIET)
    return Drawn(picture, rows)


def _with_counts(rows: Rows, figures: Mapping[str, Any]) -> Rows:
    counts = ("n", "n_malignant", "too_few")
    return [{**row, **{name: figures[row["name"]][name] for name in counts}} for row in rows]


def _sources(metrics: Metrics, words: Words) -> Drawn:
    return _forest(_with_counts(rows_of(metrics["sets"]), metrics["sets"]), words, "auc", 0.5, figure="sources")


def _subgroups(metrics: Metrics, words: Words) -> Drawn:
    rows: Rows = []
    for attribute, values in metrics["subgroups"].items():
        enough = {value: found for value, found in values.items() if found.get("auc") and not found["too_few"]}
        for row in _with_counts(rows_of(enough), enough):
            rows.append({**row, "attribute": attribute, "name": f"{attribute}: {row['name']}"})
    return _forest(rows, words, "auc", 0.5, figure="subgroups")


def _lines(series: Mapping[str, tuple[list[float], list[float]]], words: Words, x: str, y: str, **axes: Any) -> Figure:
    from plotly.graph_objects import Figure, Scatter

    colours = (_ACCENT, _SECOND, _QUIET, "#7c3aed", "#be123c", "#0369a1", "#4d7c0f")
    return Figure(
        [
            Scatter(
                x=across,
                y=up,
                mode="lines+markers",
                name=name,
                line={"color": colours[i % len(colours)]},
                marker={"size": 5},
            )
            for i, (name, (across, up)) in enumerate(series.items())
        ],
        layout=_layout(words, x, y, **axes),
    )


def _decision(metrics: Metrics, words: Words) -> Drawn:
    points = metrics["decision_curves"]["all"]["points"]
    across = [point["threshold"] for point in points]
    series = {
        words("evidence.line.network"): (across, [point["net_benefit"] for point in points]),
        words("evidence.line.everybody"): (across, [point["refer_all"] for point in points]),
        words("evidence.line.nobody"): (across, [0.0] * len(points)),
    }
    picture = _lines(series, words, "threshold", "net_benefit")
    picture.update_yaxes(range=[-0.05, max(point["net_benefit"] for point in points) * 1.15])
    return Drawn(picture, [dict(point) for point in points])


def _coverage(metrics: Metrics, words: Words) -> Drawn:
    found = metrics["abstention"]["risk_coverage"]["all"]
    across = [point["coverage"] for point in found]
    series = {
        words(f"evidence.line.{name}"): (across, [point[name] for point in found])
        for name in ("sensitivity", "specificity", "auc")
    }
    return Drawn(_lines(series, words, "coverage", "share"), [dict(point) for point in found])


def _altered(metrics: Metrics, words: Words) -> Drawn:
    found = metrics["robustness"]["alterations"]
    turned = {"turned": {"flips": (metrics.get("orientation") or {}).get("changed")}}
    rows = sorted(rows_of({**found, **turned}, ("flips",)), key=lambda row: -row["value"])
    return _forest(rows, words, "flips", FLIPS_LIMIT, figure="altered")


def _shortcuts(metrics: Metrics, words: Words) -> Drawn:
    found = {name: row for name, row in metrics["shortcuts"].items() if isinstance(row, Mapping) and row.get("auc")}
    return _forest(rows_of(found), words, "auc", 0.5, figure="shortcuts")


def _pointing(metrics: Metrics, words: Words) -> Drawn:
    methods = {**metrics["saliency"]["methods"], "random": metrics["saliency"]["random"]}
    rows = rows_of(methods, ("pointing_game", "energy_inside"))
    named = [{**row, "name": f"{row['name']}: {row['figure']}"} for row in rows]
    return _forest(named, words, "share", figure="pointing")


_FIGURES: dict[str, tuple[str, Callable[[Metrics, Words], Drawn]]] = {
    "sources": ("sets", _sources),
    "subgroups": ("subgroups", _subgroups),
    "decision": ("decision_curves", _decision),
    "coverage": ("abstention", _coverage),
    "altered": ("robustness", _altered),
    "shortcuts": ("shortcuts", _shortcuts),
    "pointing": ("saliency", _pointing),
}
