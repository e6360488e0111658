"""What a visitor may tell of a spot beside its photo, age, sex and place, and the second risk that this gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from interface.components.scored_photo import URGENCY, ScoredPhoto, combine
from skin_model.assess import Assessment, Assessor
from skin_model.network import calibration
from skin_model.network.context import SEXES, SITES, Context, UnknownContext
from skin_model.wording import Words

ASKED_SITES = tuple(site for site in SITES if site != "torso")
"""A person knows on which side of the body the spot is."""
_UNTOLD = ""


@dataclass(frozen=True)
class AboutSpot:
    """The three fields and where their answer stands."""

    age: gr.Number
    sex: gr.Dropdown
    site: gr.Dropdown
    answer: gr.HTML

    @property
    def fields(self) -> list[Any]:
        """In the order of ``told``'s arguments."""
        return [self.age, self.sex, self.site]


def build(words: Words) -> AboutSpot:
    """Lay the fields out, folded, inside the open Blocks."""

    def listed(kind: str, codes: Sequence[str], width: int) -> gr.Dropdown:
        choices = [(words("context.untold"), _UNTOLD), *((words(f"context.{kind}.{code}"), code) for code in codes)]
        label = words(f"context.{kind}")
        return gr.Dropdown(choices, value=_UNTOLD, label=label, min_width=width, filterable=False)

    with gr.Accordion(words("context.title"), open=False, elem_id="about-spot"):
        gr.HTML(f'<p class="small">{escape(words("context.line"))}</p>')
        with gr.Row():
            age = _empty_number(label=words("context.age"), precision=0, min_width=110)
            sex, site = listed("sex", SEXES, 130), listed("site", ASKED_SITES, 180)
        answer = gr.HTML(elem_id="told")
    return AboutSpot(age, sex, site, answer)


def _empty_number(**options: Any) -> gr.Number:
    """A number field that is empty until something is typed: one without a value would show and send 0."""
    field = gr.Number(None, **options)
    field.value = ""  # type: ignore[assignment]
    typed = field.preprocess
    # On the instance, as in ``sliders``.
    setattr(field, "preprocess", lambda text: None if text == "" else typed(text))  # noqa: B010
    return field


def risk_with(
    assessor: Assessor, found: Assessment, age: float | None = None, sex: str = "", site: str = ""
) -> float | None:
    """The risk with what the fields hold, None where they are empty; raises UnknownContext for an age that is none."""
    context = Context.told("" if age is None else age, sex or "", site or "")
    return assessor.with_context(found, context).risk_with_context


def in_words(words: Words, age: float | None = None, sex: str = "", site: str = "") -> str:
    """What the fields hold, with their labels, on one line; empty where they are."""
    said = {
        "age": "" if age is None else f"{age:.0f}",
        **{kind: words(f"context.{kind}.{code}") if code else "" for kind, code in (("sex", sex), ("site", site))},
    }
    return " · ".join(f"{words(f'context.{kind}')}: {text}" for kind, text in said.items() if text)


def told(assessor: Assessor, words: Words, photo: ScoredPhoto | None, age: float | None, sex: str, site: str) -> str:
    """The second risk in words, as HTML; empty where there is no photo or nothing was told."""
    thresholds = assessor.checkpoint.config.thresholds
    if photo is None or photo.assessment.refused is not None:
        return ""
    found = combine(photo, thresholds).assessment
    try:
        risk = risk_with(assessor, found, age, sex, site)
    except UnknownContext:
        return f'<p role="alert">{escape(words("context.age.wrong"))}</p>'
    if risk is None:
        return ""
    band = calibration.band(risk, thresholds)
    lines = [f"<strong>{escape(words('context.risk', risk=words.percent(risk)))}</strong>"]
    if found.band is not None and URGENCY.index(band) > URGENCY.index(found.band):
        lines.append(escape(words("context.urgent", band=words(f"band.{band}"))))
    lines.append(escape(words("context.risk.line")))
    return '<div class="point">' + "".join(f"<p>{line}</p>" for line in lines) + "</div>"
