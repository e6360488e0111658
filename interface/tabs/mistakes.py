"""The mistakes tab: every false positive and false negative of the untouched test split, to look through."""

from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from interface.components import result_card
from interface.components.photo_stage import data_uri
from interface.components.sliders import LEAST_PERCENT, MOST_PERCENT, bounded_slider, slider_threshold, slider_value
from interface.gallery.gallery import Case, Gallery, GalleryError
from interface.server.settings import Settings
from skin_model.assess import Assessor
from skin_model.diagnoses import MEDICAL_NAMES
from skin_model.photo import PhotoRefused, open_photo
from skin_model.wording import Words

DEFAULT = Path(__file__).parents[2] / "examples" / "mistakes"
FILTERS = ("diagnosis", "source", "site", "modality", "confirmed_by")
PAGE = 24
"""Cards that are shown at once, and added by each "show more"."""


_SHOW_CASE = """() => {
  const found = document.querySelector('#mistakes-case .case');
  if (!found) return;
  history.replaceState(null, '', '?tab=mistakes&case=' + encodeURIComponent(found.dataset.id));
  found.scrollIntoView({ block: 'start' });
  found.focus({ preventScroll: true });
}"""


@cache
def load(reference: str | None) -> Gallery | GalleryError:
    """The gallery, or why there is none; read once a server."""
    try:
        return Gallery.load(reference or DEFAULT)
    except GalleryError as problem:
        return problem


def diagnosis_name(words: Words, case_diagnosis: str, malignant: bool) -> str:
    """A true diagnosis in the visitor's words, or only whether it was malignant."""
    if case_diagnosis in MEDICAL_NAMES:
        return words(f"diagnosis.{case_diagnosis}.name")
    return case_diagnosis or words("mistakes.malignant" if malignant else "mistakes.benign")


def cards(words: Words, gallery: Gallery, cases: Sequence[Case]) -> list[dict[str, str]]:
    """What the grid shows of each case."""
    found = []
    for case in cases:
        risk = words.percent(case.risk or 0.0)
        name = diagnosis_name(words, case.diagnosis, case.malignant)
        found.append({
            "id": case.image_id,
            "src": _thumbnail(gallery, case),
            "title": name,
            "line": f"{risk} · {case.source}",
            "label": words("mistakes.open", name=name, risk=risk, id=case.image_id),
        })  # fmt: skip
    return found


def _thumbnail(gallery: Gallery, case: Case) -> str:
    """The picture where the gallery holds it, else the map of what raised the risk, which shows nothing of anybody."""
    details = case.details
    if details is not None and details.file_name is not None:
        picture = gallery.picture(case)
        if picture is not None:
            try:
                return data_uri(open_photo(picture).rgb, 220)
            except PhotoRefused:
                pass
    return "" if details is None or details.heat is None else _map(details.heat, 120)


def _map(heat: Any, side: int) -> str:
    """The coarse map by itself, as a square picture of ``side`` pixels. heat: (h, w) in 0…1."""
    grey = cv2.resize((np.asarray(heat) * 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_LINEAR)
    return data_uri(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1], side)


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
    more = f"<p class='small'>{escape(words('mistakes.shown', shown=shown, total=total))}</p>"
    return f'<div role="status"><p><strong>{escape(text)}</strong></p>{more}</div>'


def details(words: Words, gallery: Gallery, case: Case) -> str:
    """Everything about one case: photograph, overlay, all probabilities, neighbours, licence."""
    name = diagnosis_name(words, case.diagnosis, case.malignant)
    truth = words("mistakes.truth.malignant" if case.malignant else "mistakes.truth.benign", name=name)
    if not case.diagnosis:
        truth = name
    said = words("mistakes.said", risk=words.percent(case.risk or 0.0), band=words(f"band.{case.band}"))
    parts = [f"<h3>{escape(truth)}</h3><p>{escape(said)}</p>", _pictures(words, gallery, case)]
    if case.refused:
        parts.append(f"<p>{escape(words('mistakes.refused'))}</p>")
    facts = [
        ("mistakes.fact.source", case.source),
        ("mistakes.fact.modality", case.modality),
        ("mistakes.fact.site", case.site),
        ("mistakes.fact.age", "" if case.age is None else f"{case.age:.0f}"),
        ("mistakes.fact.sex", case.sex),
        ("mistakes.fact.fitzpatrick", case.fitzpatrick),
        ("mistakes.fact.confirmed_by", case.confirmed_by),
        ("mistakes.fact.licence", case.licence),
        ("mistakes.fact.id", case.image_id),
    ]
    if case.details is not None and case.details.border is not None:
        facts.insert(2, ("mistakes.fact.border", str(case.details.border.get("kind", ""))))
    rows = "".join(
        f"<tr><th scope='row'>{escape(words(key))}</th><td>{escape(value)}</td></tr>" for key, value in facts if value
    )
    parts.append(f"<table class='facts'>{rows}</table>")
    if case.diagnoses:
        parts.append(
            f"<h4>{escape(words('interface.diagnoses'))}</h4>{result_card.diagnosis_bars(words, case.diagnoses)}"
        )
    parts.append(_nearest(words, case))
    parts.append(f"<p class='small' lang='en' dir='ltr'>{escape(case.attribution)}</p>")
    link = f"?tab=mistakes&case={escape(case.image_id, quote=True)}"
    parts.append(f"<p><a href='{link}'>{escape(words('mistakes.link'))}</a></p>")
    return (
        f'<article class="case" tabindex="-1" data-id="{escape(case.image_id, quote=True)}">{"".join(parts)}</article>'
    )


def _pictures(words: Words, gallery: Gallery, case: Case) -> str:
    picture = gallery.picture(case)
    photo = None
    if picture is not None:
        try:
            photo = open_photo(picture).rgb
        except PhotoRefused:
            picture = None
    if picture is None or photo is None:
        if case.page:
            text = (
                f"<p>{escape(words('mistakes.elsewhere'))} <a href='{escape(case.page)}' rel='noopener noreferrer' "
                f"target='_blank'>{escape(words('mistakes.archive'))}</a></p>"
            )
        else:
            text = f"<p>{escape(words('mistakes.nowhere'))}</p>"
        if case.details is None or case.details.heat is None:
            return text
        return text + _figures([(_map(case.details.heat, 320), words("mistakes.map"))])
    figures = [(data_uri(photo, 640), words("mistakes.photo"))]
    overlay = gallery.overlay(case, picture)
    if overlay is not None:
        figures.append((data_uri(overlay, 640), words("mistakes.overlay")))
    return _figures(figures)


def _figures(figures: Sequence[tuple[str, str]]) -> str:
    inside = "".join(
        f"<figure><img src='{picture}' alt='{escape(caption, quote=True)}'>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for picture, caption in figures
    )
    return f'<div class="case-pictures">{inside}</div>'


def _nearest(words: Words, case: Case) -> str:
    if case.details is None or not case.details.nearest:
        return ""
    lines = "".join(
        f"<li>{escape(diagnosis_name(words, near.diagnosis, near.malignant))} "
        f"<span class='small'>{escape(near.image_id)} · {escape(near.source)} · "
        f"{escape(words('mistakes.distance', distance=words.number(near.distance, 2)))}</span></li>"
        for near in case.details.nearest
    )
    return f"<h4>{escape(words('mistakes.nearest'))}</h4><ol class='nearest'>{lines}</ol>"


def build(page: gr.Blocks, tabs: gr.Tabs, tab: gr.Tab, assessor: Assessor, words: Words, settings: Settings) -> None:
    """Lay the open ``tab`` out and connect it; its events are private. A link with ``?case=ID`` opens that case."""
    found = load(settings.mistakes)
    if isinstance(found, GalleryError):
        gr.HTML(f"<p class='warning' role='alert'>{escape(words('mistakes.none'))} {escape(str(found))}</p>")
        return
    gallery = found
    gr.HTML(f"<p>{escape(words('mistakes.line', n=len(gallery.cases)))}</p>", elem_classes="tab-intro")
    if (gallery.header.get("checkpoint") or {}).get("hash") not in (None, assessor.checkpoint.hash):
        gr.HTML(f"<p class='warning'>{escape(words('mistakes.other_network'))}</p>")
    if not gallery.has_pictures:
        gr.HTML(f"<p class='small'>{escape(words('mistakes.maps'))}</p>")
    with gr.Row():
        threshold = bounded_slider(
            LEAST_PERCENT,
            MOST_PERCENT,
            slider_value(gallery.thresholds.low),
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
    with gr.Accordion(words("mistakes.filter"), open=False, elem_id="mistakes-filters"):
        with gr.Row():
            facets = [
                gr.Dropdown(
                    [(value or words("mistakes.unknown"), value) for value in gallery.choices(name)],
                    multiselect=True,
                    label=words(f"mistakes.fact.{name}"),
                    elem_id=f"mistakes-{name}",
                )
                for name in FILTERS
            ]
        with gr.Row():
            ends = [
                bounded_slider(0, 100, value, step=step, label=words(f"mistakes.{name}"), elem_id=f"mistakes-{name}")
                for name, value, step in (
                    ("age_from", 0, 5),
                    ("age_to", 100, 5),
                    ("risk_from", 0, 1),
                    ("risk_to", 100, 1),
                )
            ]
    counted = gr.HTML(elem_id="mistakes-counts")
    grid = gr.HTML(
        value=[],
        html_template=(
            '<div class="cards">{{#each value}}<button type="button" data-id="{{id}}" aria-label="{{label}}">'
            '{{#if src}}<img src="{{src}}" alt="">{{/if}}<strong>{{title}}</strong><span>{{line}}</span></button>'
            "{{/each}}</div>"
        ),
        js_on_load=(
            "element.addEventListener('click', (event) => { const card = event.target.closest('[data-id]'); "
            "if (card) trigger('choose', { id: card.dataset.id }); });"
        ),
        apply_default_css=False,
        elem_id="mistakes-grid",
    )
    more = gr.Button(words("mistakes.more"), visible=False, elem_id="mistakes-more")
    many = gr.State(PAGE)
    opened = gr.HTML(elem_id="mistakes-case")
    private: dict[str, Any] = {"api_visibility": "private"}
    asked = [threshold, kind, *facets, *ends]

    def show(how_many: int, percent: float, wanted: str, *rest: Any) -> list[Any]:
        values, (age_from, age_to, risk_from, risk_to) = rest[: len(FILTERS)], rest[len(FILTERS) :]
        part = gallery.filtered(
            age=None if (age_from, age_to) == (0, 100) else (age_from, age_to),
            score=None if (risk_from, risk_to) == (0, 100) else (risk_from / 100, risk_to / 100),
            **{name: value or None for name, value in zip(FILTERS, values, strict=True)},
        )
        limit = slider_threshold(percent, gallery.thresholds.low)
        alarms, missed = part.mistakes(limit)
        cases = missed if wanted == "missed" else alarms
        shown = cases[:how_many]
        return [
            how_many,
            summary(words, part, limit, wanted, len(shown)),
            cards(words, gallery, shown),
            gr.update(visible=len(shown) < len(cases)),
        ]

    def case_or_warning(image_id: object) -> str:
        case = gallery.case(image_id) if isinstance(image_id, str) else None
        if case is None:
            return f"<p class='warning' role='alert'>{escape(words('mistakes.unknown_case'))}</p>"
        return details(words, gallery, case)

    def open_case(event: gr.EventData) -> str:
        return case_or_warning(event._data.get("id") if isinstance(event._data, dict) else None)

    def from_link(request: gr.Request, *wanted: Any) -> list[Any]:
        """The tab by its address, which may choose it before the page listens, and the case in it."""
        nothing = gr.skip()
        if request.query_params.get("tab") != "mistakes":
            return [nothing] * 6
        image_id = request.query_params.get("case")
        if image_id is None:
            return [nothing, nothing, *show(PAGE, *wanted)]
        return [gr.Tabs(selected="mistakes"), case_or_warning(image_id), *show(PAGE, *wanted)]

    drawn = [many, counted, grid, more]
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
    grid.choose(open_case, None, opened, show_progress_on=opened, **private).then(None, js=_SHOW_CASE, **private)
    page.load(from_link, asked, [tabs, opened, *drawn], show_progress="hidden", **private)
