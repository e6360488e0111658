"""The compare tab: the same spot at two dates, laid over each other."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from interface.components import result_card
from interface.components.photo_stage import data_uri
from interface.components.scored_photo import QUEUE, URGENCY
from interface.components.sliders import before_after_slider
from interface.server.uploads import KEPT_SECONDS
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.lesion import abcd, outline, registration
from skin_model.network.calibration import LOW
from skin_model.photo import Photo, PhotoRefused, open_photo
from skin_model.wording import Words

_LINE = (255, 255, 255)
_LINE_RIM = (15, 118, 110)
JUST_VISIBLE = 5.0
"""Colour difference (CIEDE2000) under which two photos of one spot differ by light and camera alone, as a rule."""
SIZE_NOISE = 0.15
"""Share by which the area may differ without the spot having changed: outlines are not more exact than that."""


@dataclass(frozen=True)
class Shot:
    """One of the two photos: its outline and measures, None where no lesion stands out."""

    photo: Photo
    assessment: Assessment
    outline: outline.Outline | None
    measures: abcd.Abcd | None


@dataclass(frozen=True)
class Pair:
    """Both photos with what was found, before and after."""

    before: Shot
    after: Shot
    alignment: registration.Alignment
    change: registration.Change | None


def shoot(assessor: Assessor, file: Path) -> Shot:
    """Open, score and outline a photo. Raises PhotoRefused or FileNotFoundError."""
    photo = open_photo(file)
    found = outline.find(photo.rgb)
    return Shot(photo, assessor.assess(photo), found, None if found is None else abcd.measure(photo.rgb, found))


def pair(before: Shot, after: Shot) -> Pair:
    """Lay the two over each other and measure what changed; no change where they cannot be aligned."""
    alignment = registration.align(before.photo.rgb, after.photo.rgb, before.outline, after.outline)
    change = None
    if alignment.kind != registration.NONE:
        change = registration.change(before.photo.rgb, after.photo.rgb, (before.outline, after.outline), alignment)
    return Pair(before, after, alignment, change)


def with_outline(rgb: np.ndarray, found: outline.Outline | None) -> np.ndarray:
    """The photo, (H, W, 3) uint8, with the outline drawn in white on teal, so that it shows on every skin."""
    drawn = np.ascontiguousarray(rgb).copy()
    if found is not None:
        points = [np.round(found.polygon).astype(np.int32)]
        width = max(2, round(min(rgb.shape[:2]) / 250))
        cv2.polylines(drawn, points, True, _LINE_RIM, 3 * width, cv2.LINE_AA)
        cv2.polylines(drawn, points, True, _LINE, width, cv2.LINE_AA)
    return drawn


def pictures(both: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Before, and after laid over it (or beside, at its own place, where they cannot be aligned)."""
    before = with_outline(both.before.photo.rgb, both.before.outline)
    after = with_outline(both.after.photo.rgb, both.after.outline)
    if both.alignment.kind == registration.NONE:
        height, width = before.shape[:2]
        return before, cv2.resize(after, (width, height), interpolation=cv2.INTER_AREA)
    return before, registration.warped(after, both.alignment, before.shape)


def changes(words: Words, both: Pair) -> str:
    """What changed, in sentences and plain numbers, and how far the photos could be laid over each other."""
    alignment, change = both.alignment, both.change
    lines = [words(f"compare.aligned.{alignment.kind}")]
    if alignment.kind != registration.FEATURES:
        lines.append(words("compare.same_spot"))
    if alignment.reason is not None:
        lines.append(words(f"compare.reason.{alignment.reason}"))
    if change is not None:
        lines.append(_size(words, both))
        if change.colour_difference is not None:
            visible = "seen" if change.colour_difference >= JUST_VISIBLE else "alike"
            lines.append(words(f"compare.colour.{visible}", difference=words.number(change.colour_difference, 1)))
        if change.asymmetry_difference is not None:
            lines.append(
                words("compare.asymmetry", before=_measure(words, both.before), after=_measure(words, both.after))
            )
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    shots = (both.before, both.after)
    # Whatever changed: the more urgent of the two answers stands, and a photo's faults make every measure doubtful.
    band = max((shot.assessment.band or LOW for shot in shots), key=URGENCY.index)
    if band != LOW:
        next_step = f"{words(f'band.{band}')}. {words(f'next_step.{band}')} {words('compare.next')}"
    else:
        next_step = words("compare.next")
    codes = dict.fromkeys(code for shot in shots for code in shot.assessment.problems)
    return (
        f'<section class="answer" data-kind="compare"><h2>{escape(words("compare.changes"))}</h2>{text}'
        f'<p class="next"><strong>{escape(words("interface.next_step"))}</strong> {escape(next_step)}</p>'
        f'<p class="notice">{escape(words("notice.screening"))}</p></section>'
        f"{result_card.problems(words, tuple(codes))}"
    )


def _measure(words: Words, shot: Shot) -> str:
    return "–" if shot.measures is None else words.number(100 * shot.measures.asymmetry)


def _size(words: Words, both: Pair) -> str:
    ratio = None if both.change is None else both.change.size_ratio
    if ratio is None:
        cut = any(shot.outline is not None and shot.outline.is_cut for shot in (both.before, both.after))
        return words("compare.size.cut" if cut else "compare.size.unknown")
    percent = words.number(100 * abs(ratio - 1))
    if abs(ratio - 1) < SIZE_NOISE:
        return words("compare.size.alike")
    return words("compare.size.larger" if ratio > 1 else "compare.size.smaller", percent=percent)


def table(words: Words, both: Pair) -> str:
    """Risk and the ABCD measures of both photos, side by side."""
    rows = [
        ("interface.risk_label", *(_risk(words, shot) for shot in (both.before, both.after))),
        ("compare.result", *(_band(words, shot) for shot in (both.before, both.after))),
    ]
    for key, text in (
        ("compare.a", lambda m: words.number(100 * m.asymmetry)),
        ("compare.b", lambda m: words.number(m.border, 2)),
        (
            "compare.c",
            lambda m: words("format.list").join(words(f"compare.colour_name.{name}") for name in m.colours) or "–",
        ),
        ("compare.d", lambda m: words.percent(min(m.diameter, 1.0))),
    ):
        rows.append((key, *("–" if s.measures is None else text(s.measures) for s in (both.before, both.after))))
    body = "".join(
        f"<tr><th scope='row'>{escape(words(key))}</th><td>{escape(a)}</td><td>{escape(b)}</td></tr>"
        for key, a, b in rows
    )
    head = "".join(f"<th scope='col'>{escape(words(key))}</th>" for key in ("compare.before", "compare.after"))
    return (
        f"<table class='facts'><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p class='small'>{escape(words('compare.measures'))}</p>"
    )


def _risk(words: Words, shot: Shot) -> str:
    refused = shot.assessment.refused is not None or shot.assessment.risk is None
    return "–" if refused else words.percent(shot.assessment.risk)


def _band(words: Words, shot: Shot) -> str:
    if shot.assessment.refused is not None:
        return words("interface.no_result")
    return words(f"band.{shot.assessment.band}")


def build(assessor: Assessor, words: Words) -> None:
    """Lay the tab out inside the open Blocks and connect it; its events are private."""
    shots = gr.State({}, time_to_live=KEPT_SECONDS)
    gr.HTML(f"<p>{escape(words('compare.line'))}</p>", elem_classes="tab-intro")
    with gr.Row(elem_classes="pair"):
        places = []
        for name in ("before", "after"):
            with gr.Column(min_width=150):
                shown = gr.HTML(_empty(words, name), elem_id=f"compare-{name}")
                button = gr.UploadButton(
                    words(f"compare.choose.{name}"), variant="primary", elem_id=f"compare-choose-{name}"
                )
                places.append((name, button, shown))
    said = gr.HTML(elem_id="compare-answer")
    slider = before_after_slider(label=words("compare.slider"), visible=False, elem_id="compare-slider")
    measured = gr.HTML(elem_id="compare-table")

    def on_photo(name: str, file: str | None, old: dict[str, Shot]) -> list[Any]:
        if not file:
            return [gr.skip()] * 5
        try:
            shot = shoot(assessor, Path(file))
        except PhotoRefused as problem:
            return _refused(name, refused_assessment(problem), old)
        except FileNotFoundError:
            return _refused(name, Assessment.refusal("expired"), old)
        if shot.assessment.refused is not None:
            return _refused(name, shot.assessment, old)
        new = {**(old or {}), name: shot}
        if len(new) < 2:
            return [new, _shown(words, name, shot), "", gr.update(visible=False), ""]
        both = pair(new["before"], new["after"])
        return [
            new,
            _shown(words, name, shot),
            changes(words, both),
            gr.update(value=pictures(both), visible=True),
            table(words, both),
        ]

    def _refused(name: str, assessment: Assessment, old: dict[str, Shot]) -> list[Any]:
        kept = {other: shot for other, shot in (old or {}).items() if other != name}
        text = f'<p class="warning" role="alert">{escape(words(f"refused.{assessment.refused}"))}</p>'
        return [kept, _empty(words, name) + text, "", gr.update(visible=False), ""]

    for name, button, shown in places:
        button.upload(
            lambda file, old, name=name: on_photo(name, file, old),
            [button, shots],
            [shots, shown, said, slider, measured],
            show_progress_on=said,
            api_visibility="private",
            concurrency_id=QUEUE,
        )


def _empty(words: Words, name: str) -> str:
    return f'<div class="place"><span>{escape(words(f"compare.{name}"))}</span></div>'


def _shown(words: Words, name: str, shot: Shot) -> str:
    picture = data_uri(with_outline(shot.photo.rgb, shot.outline), 480)
    text = words(f"compare.{name}")
    if shot.outline is None:
        text += " · " + words("compare.no_outline")
    return (
        f'<figure class="place"><img src="{picture}" alt="{escape(text, quote=True)}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )
