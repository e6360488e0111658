"""The mistakes tab: every false positive and false negative of the untouched test split, to look through."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from interface.components import data_words
from interface.components.sliders import LEAST_PERCENT, MOST_PERCENT, bounded_slider, slider_threshold, slider_value
from interface.gallery import maps, photographs
from interface.gallery.facets import value_of
from interface.gallery.gallery import Case, Gallery, GalleryError
from interface.server.settings import Settings
from interface.tabs import mistake_case
from skin_model.assess import Assessor
from skin_model.diagnoses import DIAGNOSES
from skin_model.wording import Words

DEFAULT = Path(__file__).parents[2] / "examples" / "mistakes"
FILTERS = ("diagnosis", "source", "site", "modality", "confirmed_by")
_ENDS, _WHOLE = ("age_from", "age_to", "risk_from", "risk_to"), (0, 100, 0, 100)
"""Ends of the two ranges, and where they leave nothing out."""
PAGE = 24
"""Cards that are shown at once, and added by each "show more"."""
_HERE = Path(__file__).parent
_TEXTS = ("unreachable", "missing", "nowhere", "archive", "how_link", "map_empty", "map_none")
_DOI = re.compile(r"doi (10\.\d{4,}/[^\s,)]+)")


@cache
def load(reference: str | None) -> Gallery | GalleryError:
    """The gallery, or why there is none; read once a server."""
    try:
        return Gallery.load(reference or DEFAULT)
    except GalleryError as problem:
        return problem


def mount(app: FastAPI, settings: Settings) -> None:
    """Serve the photographs of the gallery, where there is one."""
    found = load(settings.mistakes)
    if isinstance(found, Gallery):
        photographs.mount(app, found)


def cards(words: Words, gallery: Gallery, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What the grid shows of each case; ``photo`` is "" where there is no place to take one from."""
    found = []
    for case in cases:
        risk = mistake_case.risk(words, case)
        name = data_words.diagnosis(words, case.diagnosis, case.malignant)
        drawn = maps.lines(case)
        found.append({
            "id": case.image_id,
            "photo": photographs.address(case.image_id) if gallery.has_picture(case) else "",
            "page": case.page or "",
            "size": f"0 0 {drawn.width} {drawn.height}" if drawn else "0 0 4 3",
            "square": dict(zip("xywh", drawn.square if drawn else (0, 0, 0, 0), strict=True)),
            "path": drawn.path if drawn else "",
            "map": "none" if drawn is None else "empty" if not drawn.path else "some",
            "title": name,
            "risk": risk,
            "line": data_words.named(words, "source", case.source),
            "label": words("mistakes.open", name=name, risk=risk, id=case.image_id),
        })  # fmt: skip
    return found


def summary(words: Words, gallery: Gallery, threshold: float, kind: str, shown: int) -> str:
    """How many are right and wrong at a threshold, and how many of them are on the page."""
    counts = gallery.counts(threshold)
    numbers = {
        "missed": counts.false_negatives,
        "malignant": counts.true_positives + counts.false_negatives,
        "alarms": counts.false_positives,
        "benign": counts.true_negatives + counts.false_positives,
    }
    text = words("mistakes.counts", **numbers)
    total = numbers["missed"] if kind == "missed" else numbers["alarms"]
    more = words("mistakes.shown", shown=shown, total=total) if total else words("mistakes.nothing")
    return f'<div role="status"><p><strong>{escape(text)}</strong></p><p class="small">{escape(more)}</p></div>'


def choices(words: Words, facet: str, cases: Sequence[Case], chosen: Sequence[str]) -> list[tuple[str, str]]:
    """Values of one facet with how many of the cases have them, the most frequent first, unknown last; what is chosen
    stays even with none."""
    counts = Counter(value_of(case, facet) for case in cases)
    values = sorted({*counts, *chosen}, key=lambda value: (value == "", -counts[value], value))
    return [(f"{data_words.named(words, facet, value)} ({counts[value]})", value) for value in values]


def fold_label(words: Words, rest: Sequence[Any]) -> str:
    """The title of the filters, with how many leave something out. rest: their values, then the ends of the ranges."""
    values, ends = rest[: len(FILTERS)], rest[len(FILTERS) :]
    ranges = [(ends[i], ends[i + 1]) != _WHOLE[i : i + 2] for i in (0, 2)]
    active = sum(map(bool, values)) + sum(ranges)
    return words("mistakes.filter") + (f" ({active})" if active else "")


def build(page: gr.Blocks, tabs: gr.Tabs, tab: gr.Tab, assessor: Assessor, words: Words, settings: Settings) -> None:
    """Lay the open ``tab`` out and connect it; its events are private. A link with ``?case=ID`` opens that case."""
    found = load(settings.mistakes)
    if isinstance(found, GalleryError):
        gr.HTML(f"<p class='warning' role='alert'>{escape(words('mistakes.none'))} {escape(str(found))}</p>")
        return
    gallery = found
    low = gallery.thresholds.see_doctor_from
    with gr.Column(elem_id="mistakes-browse"):
        line = words("mistakes.line" if gallery.is_untouched else "mistakes.line.own", n=len(gallery.cases))
        gr.HTML(f"<p>{escape(line)}</p>", elem_classes="tab-intro")
        if (gallery.header.get("checkpoint") or {}).get("hash") not in (None, assessor.checkpoint.hash):
            gr.HTML(f"<p class='warning'>{escape(words('mistakes.other_network'))}</p>")
        with gr.Row():
            threshold = bounded_slider(
                LEAST_PERCENT,
                MOST_PERCENT,
                slider_value(low),
                step=0.1,
                label=words("interface.threshold.slider"),
                min_width=300,
                elem_id="mistakes-threshold",
            )
            kind = gr.Radio(
                [(words("mistakes.missed"), "missed"), (words("mistakes.alarms"), "alarms")],
                value="missed",
                label=words("mistakes.kind"),
                min_width=300,
                elem_id="mistakes-kind",
            )
        with gr.Accordion(words("mistakes.filter"), open=False, elem_id="mistakes-filters") as fold:
            with gr.Row():
                facets = [
                    gr.Dropdown(
                        choices(words, name, gallery.mistakes(low)[1], gallery.choices(name)),
                        multiselect=True,
                        value=[],
                        label=words(f"mistakes.fact.{name}"),
                        elem_id=f"mistakes-{name}",
                    )
                    for name in FILTERS
                ]
            with gr.Row():
                ends = [
                    bounded_slider(
                        0,
                        100,
                        value,
                        step=step,
                        label=words(f"mistakes.{name}"),
                        min_width=230,
                        elem_id=f"mistakes-{name}",
                    )
                    for name, value, step in zip(_ENDS, _WHOLE, (5, 5, 1, 1), strict=True)
                ]
            clear = gr.Button(words("mistakes.clear"), size="sm", elem_id="mistakes-clear")
        with gr.Row(elem_classes="mistakes-line"):
            counted = gr.HTML(elem_id="mistakes-counts")
            gr.HTML(_tools(words), elem_id="mistakes-tools")
        gr.HTML(_legend(words), elem_id="mistakes-legend")
        grid = gr.HTML(
            value=[],
            html_template=(_HERE / "mistakes.html").read_text(encoding="utf-8"),
            js_on_load=(_HERE / "mistakes.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id="mistakes-grid",
        )
        more = gr.Button(words("mistakes.more"), visible=False, elem_id="mistakes-more")
        gr.HTML(how_to_see(words, gallery), elem_id="mistakes-how")
    many = gr.State(PAGE)
    opened = gr.HTML(elem_id="mistakes-case", apply_default_css=False)
    private: dict[str, Any] = {"api_visibility": "private"}
    asked = [threshold, kind, *facets, *ends]

    def chosen(percent: float, wanted: str, *rest: Any) -> tuple[Gallery, list[Case], list[list[Case]]]:
        """What the filters leave; its mistakes of the wanted kind; and those of each filter if it were not set."""
        values, (age_from, age_to, risk_from, risk_to) = rest[: len(FILTERS)], rest[len(FILTERS) :]
        ranges = {
            "age": None if (age_from, age_to) == (0, 100) else (age_from, age_to),
            "score": None if (risk_from, risk_to) == (0, 100) else (risk_from / 100, risk_to / 100),
        }
        within = gallery.filtered(**ranges)
        limit, side = slider_threshold(percent, low), int(wanted == "missed")
        facets_set = {name: value for name, value in zip(FILTERS, values, strict=True) if value}

        def without(left_out: str) -> Gallery:
            return within.filtered(**{name: value for name, value in facets_set.items() if name != left_out})

        part = without("")
        return part, part.mistakes(limit)[side], [without(name).mistakes(limit)[side] for name in FILTERS]

    def show(how_many: int, percent: float, wanted: str, *rest: Any) -> list[Any]:
        part, cases, others = chosen(percent, wanted, *rest)
        shown = cases[:how_many]
        return [
            how_many,
            summary(words, part, slider_threshold(percent, low), wanted, len(shown)),
            cards(words, gallery, shown),
            gr.update(visible=len(shown) < len(cases)),
            gr.update(label=fold_label(words, rest)),
            *(
                gr.update(choices=choices(words, name, of, value or []))
                for name, of, value in zip(FILTERS, others, rest[: len(FILTERS)], strict=True)
            ),
        ]

    def case_or_warning(image_id: object, *wanted: Any) -> str:
        case = gallery.case(image_id) if isinstance(image_id, str) else None
        if case is None:
            return mistake_case.unknown(words)
        return mistake_case.page(words, gallery, case, chosen(*wanted)[1])

    def open_case(event: gr.EventData, *wanted: Any) -> str:
        return case_or_warning(event._data.get("id") if isinstance(event._data, dict) else None, *wanted)

    def from_link(request: gr.Request, *wanted: Any) -> list[Any]:
        """The tab by its address, which may choose it before the page listens, and the case in it."""
        nothing = gr.skip()
        if request.query_params.get("tab") != "mistakes":
            return [nothing] * (2 + len(drawn))
        image_id = request.query_params.get("case")
        if image_id is None:
            return [nothing, nothing, *show(PAGE, *wanted)]
        return [gr.Tabs(selected="mistakes"), case_or_warning(image_id, *wanted), *show(PAGE, *wanted)]

    drawn = [many, counted, grid, more, fold, *facets]
    gr.on(
        [tab.select, *(control.input for control in asked)],
        lambda *wanted: show(PAGE, *wanted),
        asked,
        drawn,
        show_progress="hidden",
        trigger_mode="always_last",
        **private,
    )
    more.click(
        lambda how_many, *wanted: show(how_many + PAGE, *wanted),
        [many, *asked],
        drawn,
        show_progress_on=grid,
        **private,
    )
    clear.click(
        lambda: [[] for _ in FILTERS] + list(_WHOLE), None, [*facets, *ends], show_progress="hidden", **private
    ).then(lambda *wanted: show(PAGE, *wanted), asked, drawn, show_progress="hidden", **private)
    shown_case = {"js": "() => window.dispatchEvent(new Event('mistakes-case'))", **private}
    grid.choose(open_case, asked, opened, show_progress_on=opened, **private).then(None, **shown_case)
    page.load(from_link, asked, [tabs, opened, *drawn], show_progress="hidden", **private).then(None, **shown_case)


def _tools(words: Words) -> str:
    """Maps over the photographs on demand, and the script's texts: what Gradio hands to a script itself is missing
    where the tab is drawn and filled at once.
    """
    texts = json.dumps({name: words(f"mistakes.{name}") for name in _TEXTS})
    return (
        f'<div data-texts="{escape(texts, quote=True)}"></div>'
        f'<label class="show-maps"><input type="checkbox"> <span>{escape(words("mistakes.show_maps"))}</span></label>'
    )


def _legend(words: Words) -> str:
    """What the lines mean, and what is said while the archive does not answer."""
    return (
        f'<p class="small">{escape(words("mistakes.map_legend"))}</p>'
        f'<p class="warning archive-silent" role="status" hidden>{escape(words("mistakes.archive_silent"))} '
        f'<button type="button">{escape(words("mistakes.retry"))}</button></p>'
    )


def how_to_see(words: Words, gallery: Gallery) -> str:
    """Where the photographs that are missing can be had, and how to make a gallery that has them; "" where each is at
    hand.
    """
    lacking = {case.source: case.attribution for case in gallery.cases if not gallery.has_picture(case)}
    if gallery.header.get("photographs") or not lacking:
        return ""
    owners = "".join(
        f"<li>{_DOI.sub(_doi_link, escape(citation.rpartition('. Licence:')[0] or citation))}</li>"
        for citation in lacking.values()
    )
    names = ", ".join(DIAGNOSES)
    commands = "python -m train mistakes --data FOLDER --out gallery\nSKIN_MISTAKES=gallery python app.py"
    return (
        f"<details><summary>{escape(words('mistakes.how'))}</summary>"
        f"<p>{escape(words('mistakes.how.archive'))}</p><p>{escape(words('mistakes.how.owners'))}</p>"
        f"<ul lang='en' dir='ltr'>{owners}</ul><p>{escape(words('mistakes.how.folder', names=names))}</p>"
        f'<pre dir="ltr" tabindex="0">{escape(commands)}</pre></details>'
    )


def _doi_link(found: re.Match[str]) -> str:
    return f'<a href="https://doi.org/{found[1]}" target="_blank" rel="noopener noreferrer">doi {found[1]}</a>'
