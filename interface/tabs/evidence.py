"""The evidence tab: how good the network in use is, for people and in figures."""

import base64
import csv
import io
from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from interface.components import data_words, figures
from interface.components.figure_conclusions import conclusion
from interface.components.sliders import bounded_slider
from skin_model.assess import Assessor
from skin_model.wording import Words

_PEOPLE, _MORE_PEOPLE = 1_000, 10_000
_RARE = 0.01
"""Prevalence below which 1,000 people hold too few cancers to tell a good warning from a bad one."""
_GROUPS = {
    "source": "mistakes.fact.source",
    "modality": "mistakes.fact.modality",
    "skin_tone": "mistakes.fact.fitzpatrick",
}
"""What photographs are counted by -> the sentence that names it."""


def natural_frequencies(sensitivity: float, specificity: float, prevalence: float) -> dict[str, int]:
    """What a warning means among 1,000 people, or 10,000 where fewer than 1 in 100 has a cancer, in whole people.

    All three in 0…1. with_cancer = found + missed; people = with_cancer + false_alarms + left_alone.
    """
    people = _MORE_PEOPLE if prevalence < _RARE else _PEOPLE
    with_cancer = round(people * prevalence)
    found = round(with_cancer * sensitivity)
    false_alarms = round((people - with_cancer) * (1 - specificity))
    return {
        "people": people,
        "with_cancer": with_cancer,
        "found": found,
        "missed": with_cancer - found,
        "false_alarms": false_alarms,
        "left_alone": people - with_cancer - false_alarms,
        "warned": found + false_alarms,
    }


def people(words: Words, point: Mapping[str, Any], prevalence: float) -> str:
    """The frequencies in sentences, with a row of bars that says the same to the eye."""
    counts = natural_frequencies(point["sensitivity"]["value"], point["specificity"]["value"], prevalence)
    lines = "".join(
        f"<p>{escape(words(f'evidence.people.{name}', **counts))}</p>" for name in ("cancers", "alarms", "warned")
    )
    bars = "".join(
        f'<i class="{name.replace("_", "-")}" style="flex-grow:{counts[name]}"></i>'
        for name in ("found", "missed", "false_alarms", "left_alone")
        if counts[name]
    )
    keys = "".join(
        f'<li class="{name.replace("_", "-")}">{escape(words(f"evidence.key.{name}", count=counts[name]))}</li>'
        for name in ("found", "missed", "false_alarms", "left_alone")
    )
    bar = f'<div class="thousand" aria-hidden="true">{bars}</div>'
    weighting = f"<p class='small'>{escape(words('evidence.weighting'))}</p>"
    return f'<div class="people" role="status">{lines}{bar}<ul>{keys}</ul>{weighting}</div>'


def refusals(words: Words, rows: figures.Rows) -> str:
    """A table of ``figures.refusals``: of all photographs and of those of a cancer, how many get no result.

    The interval is left out where none was refused, since drawing again from such photographs gives 0 to 0.
    """
    groups: dict[str, list[str]] = {}
    for row in rows:
        name = data_words.named(words, row["by"], row["name"]) if row["name"] else words("evidence.refused.all")
        cells = "".join(f"<td>{_refused(words, row, of)}</td>" for of in ("photographs", "cancers"))
        groups.setdefault(row["by"], []).append(f"<tr><th scope='row'>{escape(name)}</th>{cells}</tr>")
    heads = "".join(
        f"<th scope='col'>{escape(words(f'evidence.refused.{of}'))}</th>" for of in ("photographs", "cancers")
    )
    bodies = "".join(f"<tbody>{_group(words, by)}{''.join(lines)}</tbody>" for by, lines in groups.items())
    return (
        f"<h3>{escape(words('evidence.refused'))}</h3><p>{escape(words('evidence.refused.line'))}</p>"
        f"<table class='facts'><thead><tr><td></td>{heads}</tr></thead>{bodies}</table>"
        f"{csv_link(words, rows, 'refused')}"
    )


def _group(words: Words, by: str) -> str:
    """The line above the sources, the modalities and the skin tones."""
    if by not in _GROUPS:
        return ""
    return f"<tr><th scope='rowgroup' colspan='3'>{escape(words(_GROUPS[by]))}</th></tr>"


def _refused(words: Words, row: Mapping[str, Any], of: str) -> str:
    """ "3 of 10" with the share and its interval below; a dash where there are no such photographs."""
    n, refused = row[f"{of}_n"], row[f"{of}_n_refused"]
    if not n:
        return "–"
    count = escape(words("evidence.refused.count", refused=refused, n=n))
    if not refused:
        return count
    value, low, high = (
        words("format.percent", number=words.number(100 * row[f"{of}_{end}"], 1)) for end in ("share", "low", "high")
    )
    return f"{count}<br>{escape(value)} {escape(words('interface.interval', low=low, high=high))}"


def figure_line(words: Words, name: str, rows: figures.Rows) -> str:
    """What the figure is, what it shows, and whether a limit of our own is met. rows: of ``figures.draw``."""
    shows, met = conclusion(name, rows, words)
    if met is None:
        said = f"<p>{escape(shows)}</p>"
    else:
        limit = words(f"evidence.limit.{'met' if met else 'missed'}")
        said = f'<p class="limit" data-met="{str(met).lower()}"><strong>{escape(limit)}.</strong> {escape(shows)}</p>'
    line = words(f"evidence.figure.{name}.line")
    if any(row.get("too_few") for row in rows):
        line += " " + words("evidence.few")
    return f'<div role="status"><p>{escape(line)}</p>{said}</div>'


def csv_link(words: Words, rows: figures.Rows, name: str) -> str:
    """A link that saves the figure's numbers straight from the page."""
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    data = base64.b64encode(text.getvalue().encode()).decode("ascii")
    return (
        f'<a class="download" download="{name}.csv" href="data:text/csv;base64,{data}">'
        f"{escape(words('evidence.csv'))}</a>"
    )


def build(page: gr.Blocks, tab: gr.Tab, assessor: Assessor, words: Words) -> None:
    """Lay the open ``tab`` out and connect it; its events are private."""
    metrics = assessor.checkpoint.metrics
    if metrics is None:
        gr.HTML(f"<p class='notice'>{escape(words('evidence.none'))}</p>")
        return
    origin = words(
        "evidence.origin",
        n=metrics["data"]["n"],
        split=(metrics["data"]["split_sha256"] or "")[:12],
        hash=metrics["checkpoint"]["hash"],
    )
    gr.HTML(f"<p>{escape(words('evidence.line'))}</p><p class='small'>{escape(origin)}</p>", elem_classes="tab-intro")
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    points = metrics.get("operating", {}).get("all")
    if points:
        gr.HTML(f"<h3>{escape(words('evidence.people'))}</h3>")

        def percent(point: Mapping[str, Any]) -> str:
            return words.percent(point["threshold"])

        with gr.Row():
            prevalence = bounded_slider(
                0.1, 50, 2, step=0.1, label=words("evidence.prevalence"), min_width=300, elem_id="prevalence"
            )
            which = gr.Radio(
                [(words(f"evidence.warn.{name}", risk=percent(points[name])), name) for name in ("low", "high")],
                value="low",
                label=words("evidence.warn"),
                min_width=300,
                elem_id="warn-from",
            )
        said = gr.HTML(people(words, points["low"], 0.02), elem_id="people")
        from_here = words.percent(assessor.checkpoint.config.thresholds.see_doctor_from)
        gr.HTML(f"<p class='small'>{escape(words('evidence.see_doctor', risk=from_here))}</p>")

        def say(percent: float, name: str) -> str:
            return people(words, points[name], min(max(float(percent), 0.1), 50) / 100)

        gr.on([prevalence.input, which.input], say, [prevalence, which], said, trigger_mode="always_last", **private)
    names = figures.available(metrics)
    if names:
        _choose_figure(page, tab, metrics, names, words, private)
    rows = figures.refusals(metrics)
    if rows:
        gr.HTML(refusals(words, rows), elem_id="refusals")


def _choose_figure(
    page: gr.Blocks, tab: gr.Tab, metrics: figures.Metrics, names: list[str], words: Words, private: dict[str, Any]
) -> None:
    """The figures ``names``, one at a time, each with a link to its numbers. private: options of every event."""
    gr.HTML(f"<h3>{escape(words('evidence.figures'))}</h3>")
    chosen = gr.Dropdown(
        [(words(f"evidence.figure.{name}"), name) for name in names],
        value=names[0],
        label=words("evidence.figure"),
        elem_id="figure",
    )
    explained = gr.HTML(elem_id="figure-line")
    plot = gr.Plot(show_label=False, visible=False, elem_id="figure-plot")
    link = gr.HTML(elem_id="figure-csv")

    def show(name: str) -> list[Any]:
        drawn = figures.draw(name, metrics, words)
        return [
            figure_line(words, name, drawn.rows),
            gr.update(value=drawn.picture, visible=True),
            csv_link(words, drawn.rows, name),
        ]

    def from_link(request: gr.Request) -> list[Any]:
        return show(names[0]) if request.query_params.get("tab") == "evidence" else [gr.skip()] * 3

    drawn = [explained, plot, link]
    chosen.input(show, chosen, drawn, trigger_mode="always_last", **private)
    # Drawn when the tab is seen: plotly is slow to import, and most visitors never look here. A link to the tab may
    # choose it before the page listens.
    tab.select(show, chosen, drawn, **private)
    page.load(from_link, None, drawn, **private)
