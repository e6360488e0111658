"""The compare tab: the same spot at two dates, laid over each other."""

import math
from html import escape
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from interface.components import result_card
from interface.components.photo_stage import stage, staged
from interface.components.scored_photo import QUEUE, URGENCY
from interface.components.sliders import before_after_slider
from interface.server.uploads import KEPT_SECONDS
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.comparison import Comparison, Shot, compare, log_odds, shoot
from skin_model.lesion import outline, registration
from skin_model.network.calibration import LOW
from skin_model.photo import MAX_BYTES, PhotoRefused, open_photo
from skin_model.wording import Words

_LINE = (255, 255, 255)
_LINE_RIM = (15, 118, 110)
_SHOW_ANSWER = """() => {
    const answer = document.querySelector("#compare-answer");
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (answer?.querySelector("h2") && answer.getBoundingClientRect().top > 0.8 * window.innerHeight)
        answer.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}"""


def with_outline(rgb: np.ndarray, found: outline.Outline | None) -> np.ndarray:
    """The photo, (H, W, 3) uint8, with the outline drawn in white on teal, so that it shows on every skin."""
    drawn = np.ascontiguousarray(rgb).copy()
    if found is not None:
        points = [np.round(found.polygon).astype(np.int32)]
        width = max(2, round(min(rgb.shape[:2]) / 250))
        cv2.polylines(drawn, points, True, _LINE_RIM, 3 * width, cv2.LINE_AA)
        cv2.polylines(drawn, points, True, _LINE, width, cv2.LINE_AA)
    return drawn


def pictures(both: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Before, and after laid over it (or beside, at its own place, where they cannot be aligned)."""
    before = with_outline(both.before.photo.rgb, both.before.outline)
    after = with_outline(both.after.photo.rgb, both.after.outline)
    if both.alignment.kind == registration.NONE:
        height, width = before.shape[:2]
        return before, cv2.resize(after, (width, height), interpolation=cv2.INTER_AREA)
    return before, registration.warped(after, both.alignment, before.shape)


def verdict(words: Words, both: Comparison) -> str:
    """The one line: what differs by more than two photos of an unchanged spot do, or that nothing does."""
    if both.changes:
        what = words("format.list").join(words(f"compare.what.{name}") for name in both.changes)
        return words("compare.verdict.changed", what=what)
    return words("compare.verdict.none" if both.is_measured else "compare.verdict.unknown")


def changes(words: Words, both: Comparison) -> str:
    """The verdict, what it rests on, and what to do."""
    alignment = both.alignment
    lines = []
    if not both.is_measured:
        reason = f"compare.reason.{alignment.reason}" if alignment.reason else "compare.uncertain"
        lines.append(words(reason))
    elif "size" not in both.differences:
        cut = any(shot.outline is not None and shot.outline.is_cut for shot in (both.before, both.after))
        lines.append(words("compare.size.cut" if cut else "compare.size.unknown"))
    if alignment.kind != registration.FEATURES:
        lines.append(words("compare.same_spot"))
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    text += f'<p class="small">{escape(words(f"compare.aligned.{alignment.kind}"))}</p>'
    shots = (both.before, both.after)
    # Whatever changed: the more urgent of the two answers stands, and a photo's faults make every measure doubtful.
    band = max((shot.assessment.band or LOW for shot in shots), key=URGENCY.index)
    if band != LOW:
        next_step = f"{words(f'band.{band}')}. {words(f'next_step.{band}')} {words('compare.next')}"
    else:
        next_step = words("compare.next")
    codes = dict.fromkeys(code for shot in shots for code in shot.assessment.problems)
    kind = "changed" if both.changes else "none" if both.is_measured else "unknown"
    no_all_clear = f"<p>{escape(words('compare.not_harmless'))}</p>" if kind == "none" else ""
    return (
        f'<section class="answer" data-kind="compare" data-verdict="{kind}"><h2>{escape(verdict(words, both))}</h2>'
        f'{text}<p class="next"><strong>{escape(words("interface.next_step"))}</strong> {escape(next_step)}</p>'
        f"{no_all_clear}{measures(words, both)}"
        f'<p class="notice">{escape(words("notice.screening"))}</p></section>'
        f"{result_card.problems(words, tuple(codes))}"
    )


def measures(words: Words, both: Comparison) -> str:
    """Each difference that could be taken, with how far two photos of an unchanged spot differ in it."""
    items = []
    for name in both.differences:
        mark = "changed" if name in both.changes else "chance"
        items.append(
            f'<li data-mark="{mark}"><strong>{escape(words(f"compare.what.{name}"))}</strong> '
            f"<em>{escape(words(f'compare.mark.{mark}'))}</em><span>{escape(_measure(words, both, name))}</span></li>"
        )
    return f'<ul class="measures">{"".join(items)}</ul>' if items else ""


def _measure(words: Words, both: Comparison, name: str) -> str:
    limit = both.limits.limits[name]
    values: dict[str, str] = {}
    if name == "size":
        values["percent"] = _signed(words, (both.size_ratio or 1.0) - 1)
        values |= {"low": _signed(words, math.exp(-limit) - 1), "high": _signed(words, math.exp(limit) - 1)}
    elif name == "shape":
        values |= {"before": _asymmetry(words, both.before), "after": _asymmetry(words, both.after)}
        values["limit"] = words.number(100 * limit)
    elif name == "colour":
        values |= {"difference": words.number(both.differences[name], 1), "limit": words.number(limit, 1)}
    else:
        risks = [shot.assessment.risk or 0.0 for shot in (both.before, both.after)]
        middle = log_odds(risks[0])
        values |= dict(zip(("before", "after"), map(words.percent, risks), strict=True))
        values |= {
            end: words.percent(1 / (1 + math.exp(-(middle + sign * limit)))) for end, sign in (("low", -1), ("high", 1))
        }
    return words(f"compare.measure.{name}", **values)


def _signed(words: Words, share: float) -> str:
    percent = round(100 * share)
    number = words.number(abs(percent))
    return words("format.percent", number=("−" if percent < 0 else "+" if percent else "") + number)


def _asymmetry(words: Words, shot: Shot) -> str:
    return "–" if shot.measures is None else words.number(100 * shot.measures.asymmetry)


def table(words: Words, both: Comparison) -> str:
    """Risk, result, and the ABC measures of both photos side by side; these only of outlines that hold."""
    shots = (both.before, both.after)
    rows = [
        ("interface.risk_label", *(_risk(words, shot) for shot in shots)),
        ("compare.result", *(_band(words, shot) for shot in shots)),
    ]
    for key, text in (
        ("compare.a", lambda m: words.number(100 * m.asymmetry)),
        ("compare.b", lambda m: words.number(m.border, 2)),
        (
            "compare.c",
            lambda m: words("format.list").join(words(f"compare.colour_name.{name}") for name in m.colours) or "–",
        ),
    ):
        rows.append((key, *(text(s.measures) if both.limits.holds(s) and s.measures else "–" for s in shots)))
    body = "".join(
        f"<tr><th scope='row'>{escape(words(key))}</th><td>{escape(a)}</td><td>{escape(b)}</td></tr>"
        for key, a, b in rows
    )
    head = "".join(f"<th scope='col'>{escape(words(key))}</th>" for key in ("compare.before", "compare.after"))
    tested = both.limits.record.get("test")
    counted = ""
    if tested:
        count = round(tested["pairs"] * tested["false_changes"]["value"])
        counted = f"<p class='small'>{escape(words('compare.tested', pairs=tested['pairs'], count=count))}</p>"
    return (
        f"<details class='measured'><summary>{escape(words('compare.measures_title'))}</summary>"
        f"<table class='facts'><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p class='small'>{escape(words('compare.measures'))}</p>{counted}</details>"
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
    private: dict[str, Any] = {"api_visibility": "private"}
    with gr.Row(elem_classes="pair"):
        places = []
        for name in ("before", "after"):
            with gr.Column(min_width=300):
                gr.HTML(f"<h3>{escape(words(f'compare.{name}'))}</h3>")
                opening = f"open-camera-{name}"
                shown = stage(words, MAX_BYTES, f"compare-{name}", f"compare-source-{name}", opening)
                why = gr.HTML(elem_id=f"compare-why-{name}")
                with gr.Row(elem_id=f"compare-source-{name}", elem_classes="sources"):
                    button = gr.UploadButton(
                        words(f"compare.choose.{name}"),
                        variant="primary",
                        elem_id=f"compare-choose-{name}",
                        min_width=140,
                    )
                    camera = gr.Button(words("interface.camera"), elem_id=f"compare-camera-{name}", min_width=140)
                camera.click(None, js=f"() => window.dispatchEvent(new Event('{opening}'))", **private)
                places.append((name, button, shown, why))
    said = gr.HTML(elem_id="compare-answer")
    slider = before_after_slider(label=words("compare.slider"), visible=False, elem_id="compare-slider")
    measured = gr.HTML(elem_id="compare-table")

    def on_photo(name: str, file: str | None, old: dict[str, Shot]) -> list[Any]:
        if not file:
            return [gr.skip()] * 6
        try:
            shot = shoot(assessor, open_photo(Path(file)))
        except PhotoRefused as problem:
            return refused(name, refused_assessment(problem), old)
        except FileNotFoundError:
            return refused(name, Assessment.refusal("expired"), old)
        if shot.assessment.refused is not None:
            return refused(name, shot.assessment, old)
        new = {**(old or {}), name: shot}
        if len(new) < 2:
            return [new, _shown(shot), "", "", gr.update(visible=False), ""]
        both = compare(new["before"], new["after"], assessor.checkpoint.hash)
        return [
            new,
            _shown(shot),
            "",
            changes(words, both),
            gr.update(value=pictures(both), visible=True),
            table(words, both),
        ]

    def refused(name: str, assessment: Assessment, old: dict[str, Shot]) -> list[Any]:
        kept = {other: shot for other, shot in (old or {}).items() if other != name}
        text = f"{words(f'compare.{name}')}: {words(f'refused.{assessment.refused}')}"
        # At its own place, where it stays until another photo is chosen there.
        return [kept, None, f'<p class="warning" role="alert">{escape(text)}</p>', "", gr.update(visible=False), ""]

    for name, button, shown, why in places:
        outputs = [shots, shown, why, said, slider, measured]
        button.upload(
            lambda file, old, name=name: on_photo(name, file, old),
            [button, shots],
            outputs,
            show_progress_on=said,
            concurrency_id=QUEUE,
            **private,
        ).then(None, js=_SHOW_ANSWER, **private)
        shown.too_large(
            lambda old, name=name: refused(name, Assessment.refusal("file_too_large"), old),
            shots,
            outputs,
            show_progress="hidden",
            **private,
        )


def _shown(shot: Shot) -> dict[str, Any]:
    return staged(with_outline(shot.photo.rgb, shot.outline), (shot.photo.width, shot.photo.height), None, None)
