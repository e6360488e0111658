"""The report page's pictures: SVG to stand inside HTML, its text text, its colours those of the page, light or dark."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SERIES = 8
"""How many colours the page has; further lines begin again with another dash."""
_INK = "#010203"
_COLOURS = {_INK: "currentColor", **{f"#a1000{i}": f"var(--series-{i})" for i in range(1, SERIES + 1)}}
"""Colours that nothing else has, so that each can be found in matplotlib's SVG and given to the style sheet."""
_DASHES = ("solid", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)))
_STYLE = {
    "font.size": 9,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "legend.frameon": False,
}

Points = tuple[Sequence[float | None], Sequence[float | None]]


def lines(
    name: str,
    series: Mapping[str, Points],
    xlabel: str,
    ylabel: str,
    *,
    diagonal: bool = False,
    steps: bool = False,
    markers: bool = False,
    flat: Sequence[str] = (),
    xlim: tuple[float, float] | None = (0, 1),
    ylim: tuple[float, float] | None = (0, 1.02),
) -> str:
    """An SVG of one line a series, with a legend below. None in a series leaves a gap.

    name: unique on the page (it begins every id). diagonal: a thin dotted line from (0, 0) to (1, 1). flat: series that
    are only for comparison, drawn thin in the colour of the text.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        if diagonal:
            axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        coloured = 0
        for label, (x, y) in series.items():
            if label in flat:
                style: dict[str, Any] = {"color": _INK, "linewidth": 0.9, "linestyle": _DASHES[1 + flat.index(label)]}
            else:
                style = {"color": _series(coloured), "linewidth": 1.6, "linestyle": _dash(coloured)}
                coloured += 1
            xs, ys = ([float("nan") if v is None else v for v in values] for values in (x, y))
            shape = "steps-post" if steps else "default"
            axes.plot(xs, ys, label=_shown(label), drawstyle=shape, marker="o" * markers, markersize=3, **style)
        axes.set(xlabel=xlabel, ylabel=ylabel, xlim=xlim, ylim=ylim)
        _legend(figure, axes)

    return _svg(name, paint, 4.0, 3.0 + 0.19 * len(series))


def forest(name: str, figures: Mapping[str, Mapping[str, Any]], xlabel: str) -> str:
    """An SVG of one row a figure: its value as a dot on its 95 % interval; hollow where there are too few."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for i, found in enumerate(figures.values()):
            axes.plot([found["low"], found["high"]], [i, i], color=_series(0), linewidth=1.8, alpha=0.75)
            face = "none" if found.get("too_few") else _series(0)
            axes.plot([found["value"]], [i], "o", markersize=5, color=_series(0), markerfacecolor=face)
        axes.set_yticks(range(len(figures)), [_shown(label) for label in figures])
        lowest = min(found["low"] for found in figures.values())
        axes.set(xlabel=xlabel, xlim=(min(0.5, lowest - 0.02), 1.01), ylim=(len(figures) - 0.4, -0.6))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)

    return _svg(name, paint, 4.6, 0.75 + 0.24 * len(figures))


def _svg(name: str, paint: Callable[[Figure], None], width: float, height: float) -> str:
    """What ``paint`` draws on a figure of that many inches; the same figures give the same text."""
    buffer = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # Inside HTML an SVG needs no namespaces; size and font are the page's affair; a style element would reach beyond
    # the picture; ids must be unique on the page.
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;]*; ", "", text)
    box = re.search(r'viewBox="[^"]*"', text)[0]
    text = re.sub(r"<svg\b[^>]*>", f'<svg {box} aria-hidden="true" focusable="false">', text, count=1)
    text = text.replace("xlink:href=", "href=")
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, css in _COLOURS.items():
        text = text.replace(colour, css)
    return text.strip()


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", fontsize=8.5, ncols=1, labelspacing=0.3)


def _series(i: int) -> str:
    return f"#a1000{i % SERIES + 1}"


def _dash(i: int) -> Any:
    return _DASHES[i % len(_DASHES)]


def _shown(label: str) -> str:
    """A leading underscore would hide a line from matplotlib's legend."""
    return f" {label}" if label.startswith("_") else label
