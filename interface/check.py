"""The check tab: a photo in, a risk and its reason out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from interface import result
from interface.stage import Box, data_uri, full_size_box, stage, staged
from interface.uploads import KEPT_SECONDS
from skin_model import quality, saliency
from skin_model.assess import Assessment, Assessor, View, refused_assessment
from skin_model.photo import MAX_BYTES, Photo, PhotoRefused, open_photo
from skin_model.wording import sentence

EXAMPLES = Path(__file__).parent.parent / "examples"
_HIDE_OLD_ANSWER = "() => { document.body.classList.add('looking'); }"
_SCROLL_TO_ANSWER = """() => {
    document.body.classList.remove("looking");
    const answer = document.querySelector("#answer");
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (answer && answer.getBoundingClientRect().bottom > window.innerHeight)
        answer.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}"""


@dataclass
class Visit:
    """One visitor's photo and what was found, in memory only.

    file: the upload, from which a chosen part is decoded in full. whole, scored: the photo, and the part that was
    scored. region: that part in full-size pixels of the whole, None where all of it was scored.
    """

    file: Path
    whole: Photo
    scored: Photo
    region: Box | None
    assessment: Assessment
    view: View
    suggested: Box | None
    heatmaps: dict[str, np.ndarray] = field(default_factory=dict)


def look(assessor: Assessor, file: Path, whole: Photo | None = None, region: Box | None = None) -> Visit:
    """Open and score a photo, or a ``region`` of it (full-size pixels). Raises PhotoRefused or FileNotFoundError."""
    whole = open_photo(file) if whole is None else whole
    scored = whole if region is None else open_photo(file, region=region)
    assessment = assessor.assess(scored)
    suggested = None
    if region is None and "lesion_too_small" in assessment.problems:
        suggested = _suggestion(whole)
    return Visit(file, whole, scored, region, assessment, assessor.view(scored), suggested)


def _suggestion(photo: Photo) -> Box | None:
    """A square around the lesion with room at its sides, in full-size pixels; None where no lesion stands out."""
    found = quality.lesion_box(photo.rgb)
    if found is None:
        return None
    left, top, right, bottom = (edge * photo.scale for edge in found)
    side = min(max(2.2 * max(right - left, bottom - top), 96), photo.width, photo.height)
    x = min(max((left + right - side) / 2, 0), photo.width - side)
    y = min(max((top + bottom - side) / 2, 0), photo.height - side)
    return round(x), round(y), round(x + side), round(y + side)


def before_and_after(assessor: Assessor, visit: Visit, method: str, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The scored picture plain and with the heat drawn over it, both (H, W, 3) uint8. strength: 0…1."""
    if method not in visit.heatmaps:
        visit.heatmaps[method] = assessor.heatmap(visit.scored, method)
    rgb = visit.scored.rgb
    return rgb, saliency.overlay(rgb, visit.heatmaps[method], visit.view.square, strength)


def square_in_whole(visit: Visit) -> Box:
    """The square that the network saw, in full-size pixels of the whole photo."""
    scale = visit.scored.scale
    across, down = (0, 0) if visit.region is None else visit.region[:2]
    left, top, right, bottom = visit.view.square
    return (
        round(left * scale) + across,
        round(top * scale) + down,
        round(right * scale) + across,
        round(bottom * scale) + down,
    )


def square_around(x: float, y: float, size: float, width: int, height: int) -> list[float]:
    """The sliders' square as shares of the photo: centre ``x``, ``y`` and side ``size``, all in per cent.

    The side counts in the photo's shorter side; the square is moved inside the photo where it would stick out.
    """
    side = min(width, height) * size / 100
    left = min(max(width * x / 100 - side / 2, 0), width - side)
    top = min(max(height * y / 100 - side / 2, 0), height - side)
    return [left / width, top / height, (left + side) / width, (top + side) / height]


def build(assessor: Assessor) -> None:
    """Lay the tab out inside the open Blocks and connect it; every event but ``/assess`` is private."""
    config = assessor.checkpoint.config
    visit = gr.State(None, time_to_live=KEPT_SECONDS)

    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=320):
            shown = stage(MAX_BYTES)
            with gr.Row(elem_id="sources"):
                upload = gr.UploadButton(
                    sentence("interface.upload"), variant="primary", elem_id="choose-photo", min_width=140
                )
                camera = gr.Button(sentence("interface.camera"), elem_id="use-camera", min_width=140)
            with gr.Accordion(sentence("interface.part"), open=False, visible=False, elem_id="part") as part:
                across = gr.Slider(0, 100, 50, step=1, label=sentence("interface.part.across"))
                down = gr.Slider(0, 100, 50, step=1, label=sentence("interface.part.down"))
                size = gr.Slider(5, 100, 50, step=1, label=sentence("interface.part.size"))
                score_part = gr.Button(sentence("interface.part.score"), elem_id="score-part")
            examples = _example_row()

        with gr.Column(scale=6, min_width=320, elem_id="results"):
            answer = gr.HTML(_welcome(), elem_id="answer")
            suggestion = gr.Button(sentence("interface.use_suggestion"), visible=False, elem_id="use-suggestion")
            with gr.Column(visible=False, elem_id="reasons") as reasons:
                gr.HTML(f"<h3>{sentence('interface.why')}</h3><p>{sentence('interface.why.line')}</p>")
                slider = gr.ImageSlider(
                    label=sentence("interface.slider"),
                    format="jpeg",
                    interactive=False,
                    buttons=[],
                    max_height=460,
                    # Most of the overlay is in sight from the start.
                    slider_position=20,
                    elem_id="overlay",
                )
                strength = gr.Slider(0, 100, 50, step=5, label=sentence("interface.strength"), elem_id="strength")
                method = gr.Radio(
                    [(sentence(f"interface.method.{name}"), name) for name in saliency.METHODS],
                    value=saliency.METHODS[0],
                    label=sentence("interface.method"),
                    elem_id="method",
                )
                seen = gr.HTML()
                with gr.Accordion(sentence("interface.diagnoses"), open=True, elem_id="diagnoses"):
                    bars = gr.HTML()
                with gr.Accordion(sentence("interface.threshold"), open=False, elem_id="threshold"):
                    threshold = gr.Slider(
                        0.1,
                        99,
                        _slider_value(config.thresholds.low),
                        step=0.1,
                        label=sentence("interface.threshold.slider"),
                    )
                    point = gr.HTML()

    private: dict[str, Any] = {"api_visibility": "private"}
    expired = Assessment(refused="expired", message=sentence("interface.expired"))
    everything = [visit, shown, answer, part, suggestion, reasons, slider, seen, bars, point]

    def asked(slider_percent: float) -> float:
        """The slider's threshold (0…1): exactly the band's where the slider stands on it, so that both agree."""
        low = config.thresholds.low
        return low if slider_percent == _slider_value(low) else slider_percent / 100

    def show(new: Visit, method_name: str, strength_percent: float, threshold_percent: float) -> list[Any]:
        done = new.assessment.refused is None
        words = result.answer(new.assessment, config.thresholds, config.calibration, part_only=new.region is not None)
        return [
            new,
            staged(new.whole.rgb, (new.whole.width, new.whole.height), square_in_whole(new), new.region),
            words + (result.problems(new.assessment.problems) if done else ""),
            gr.update(visible=True),
            gr.update(visible=new.suggested is not None),
            gr.update(visible=done),
            before_and_after(assessor, new, method_name, strength_percent / 100) if done else None,
            _seen(new) if done else "",
            result.diagnosis_bars(new.assessment.diagnoses) if done else "",
            result.operating_point(asked(threshold_percent), config.operating_points, new.assessment.risk)
            if done
            else "",
        ]

    def refuse(assessment: Assessment) -> list[Any]:
        """Say why there is no result; the photo before, if any, leaves the page, so that no old answer stands by."""
        words = result.answer(assessment, config.thresholds, config.calibration, part_only=False)
        hidden = gr.update(visible=False)
        return [None, None, words, hidden, hidden, hidden, None, "", "", ""]

    def attempt(file: Path, old: Visit | None, region: Box | None, *settings: Any) -> list[Any]:
        try:
            whole = old.whole if old is not None and old.file == file else None
            return show(look(assessor, file, whole, region), *settings)
        except PhotoRefused as problem:
            if region is None or old is None:
                return refuse(refused_assessment(problem))
            # The photo is fine, the part is not: keep the photo on the page and say so.
            gr.Warning(refused_assessment(problem).message or "", duration=8)
            return show(old, *settings)
        except FileNotFoundError:
            return refuse(expired)

    def on_upload(file: str | None, *settings: Any) -> list[Any]:
        return attempt(Path(file), None, None, *settings) if file else [gr.skip()] * len(everything)

    def on_example(
        method_name: str, strength_percent: float, threshold_percent: float, event: gr.EventData
    ) -> list[Any]:
        index = event._data.get("index") if isinstance(event._data, dict) else None
        names = [facts["file"] for facts in example_facts()]
        if not isinstance(index, int) or not 0 <= index < len(names):
            return [gr.skip()] * len(everything)
        return attempt(EXAMPLES / names[index], None, None, method_name, strength_percent, threshold_percent)

    def on_region(choose: Callable[..., Box | None]) -> Callable[..., list[Any]]:
        def handler(old: Visit | None, *rest: Any) -> list[Any]:
            *extra, method_name, strength_percent, threshold_percent = rest
            settings = (method_name, strength_percent, threshold_percent)
            if old is None:
                return refuse(expired)
            try:
                region = choose(old, *extra)
            except (ValueError, TypeError):
                return [gr.skip()] * len(everything)
            return attempt(old.file, old, region, *settings)

        return handler

    def on_box(
        old: Visit | None, method_name: str, strength_percent: float, threshold_percent: float, event: gr.EventData
    ) -> list[Any]:
        shares = event._data.get("box") if isinstance(event._data, dict) else None
        box = on_region(lambda visit: full_size_box(shares, visit.whole.width, visit.whole.height))
        return box(old, method_name, strength_percent, threshold_percent)

    def from_sliders(old: Visit, x: float, y: float, s: float) -> Box:
        width, height = old.whole.width, old.whole.height
        return full_size_box(square_around(x, y, s, width, height), width, height)

    def draw_square(old: Visit | None, x: float, y: float, s: float) -> Any:
        if old is None:
            return gr.skip()
        return gr.HTML(square=square_around(x, y, s, old.whole.width, old.whole.height))

    too_large = Assessment.refusal("file_too_large")
    settings = [method, strength, threshold]
    sliders = [across, down, size]
    # Before the answers: the page does one after the other.
    for start in (upload.upload, examples.choose, shown.box, shown.whole, suggestion.click, score_part.click):
        start(None, js=_HIDE_OLD_ANSWER, **private)
    answers = [
        upload.upload(on_upload, [upload, *settings], everything, show_progress_on=answer, **private),
        examples.choose(on_example, settings, everything, show_progress_on=answer, **private),
        shown.box(on_box, [visit, *settings], everything, show_progress_on=answer, **private),
        shown.whole(on_region(lambda _: None), [visit, *settings], everything, show_progress_on=answer, **private),
        suggestion.click(
            on_region(lambda old: old.suggested), [visit, *settings], everything, show_progress_on=answer, **private
        ),
        score_part.click(
            on_region(from_sliders), [visit, *sliders, *settings], everything, show_progress_on=answer, **private
        ),
    ]
    answers.append(shown.too_large(lambda: refuse(too_large), None, everything, show_progress="hidden", **private))
    for event in answers:
        event.then(None, js=_SCROLL_TO_ANSWER, **private)
    camera.click(None, js="() => window.dispatchEvent(new Event('open-camera'))", **private)
    for control in sliders:
        control.input(
            draw_square, [visit, *sliders], shown, show_progress="hidden", trigger_mode="always_last", **private
        )

    def redraw(old: Visit | None, method_name: str, strength_percent: float) -> Any:
        if old is None:
            return gr.skip()
        return before_and_after(assessor, old, method_name, strength_percent / 100)

    gr.on(
        [method.input, strength.input],
        redraw,
        [visit, method, strength],
        slider,
        show_progress="minimal",
        trigger_mode="always_last",
        **private,
    )

    def explain_point(old: Visit | None, percent_: float) -> str:
        risk = None if old is None or old.assessment.refused else old.assessment.risk
        return result.operating_point(asked(percent_), config.operating_points, risk)

    threshold.input(
        explain_point, [visit, threshold], point, show_progress="hidden", trigger_mode="always_last", **private
    )
    _endpoint(assessor)


def _endpoint(assessor: Assessor) -> None:
    """The public ``/assess``, on components of its own that no visitor sees."""
    photo = gr.File(visible=False, label="photo")
    method = gr.Radio(list(saliency.METHODS), value=saliency.METHODS[0], visible=False, label="method")
    strength = gr.Slider(0, 1, 0.5, visible=False, label="strength")
    answer = gr.JSON(visible=False, label="assessment")
    overlay = gr.Image(visible=False, format="jpeg", label="overlay")
    crop = gr.Image(visible=False, format="jpeg", label="crop")

    def assess(photo: str, method: str = saliency.METHODS[0], strength: float = 0.5) -> tuple[Any, Any, Any]:
        """Score a photo of a skin lesion. A screening aid, not a diagnosis.

        Returns the object that the command line prints with --json, the photo with the heat drawn over it, and the
        square that was scored; no pictures for a refused photo.
        """
        file = Path(photo)
        try:
            visit = look(assessor, file)
        except PhotoRefused as problem:
            return refused_assessment(problem).to_json(file.name), None, None
        report = visit.assessment.to_json(file.name)
        if visit.assessment.refused:
            return report, None, None
        return report, before_and_after(assessor, visit, method, strength)[1], _square_picture(visit)

    gr.Button(visible=False).click(
        assess, [photo, method, strength], [answer, overlay, crop], api_name="assess", api_visibility="public"
    )


def _square_picture(visit: Visit) -> np.ndarray:
    left, top, right, bottom = visit.view.square
    return visit.scored.rgb[top:bottom, left:right]


def _seen(visit: Visit) -> str:
    picture = data_uri(_square_picture(visit), 240)
    return result.seen(picture, border=visit.assessment.border is not None, part_only=visit.region is not None)


def example_facts() -> list[dict[str, Any]]:
    """What is known of each rendered example, from ``examples/examples.json``."""
    return json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))


def _example_row() -> gr.HTML:
    """The examples as a row of picture buttons; its event ``choose`` carries ``{"index": n}``."""
    pictures = [
        {
            "src": data_uri(open_photo(EXAMPLES / facts["file"]).rgb, 220),
            "label": sentence(f"interface.example.{facts['caption']}", tone=facts["tone"]),
        }
        for facts in example_facts()
    ]
    return gr.HTML(
        value=pictures,
        html_template=(
            '<section class="examples"><h3>{{title}}</h3><p>{{line}}</p><div>{{#each value}}'
            '<button type="button"><img src="{{src}}" alt=""><span>{{label}}</span></button>{{/each}}</div></section>'
        ),
        js_on_load=(
            "element.querySelectorAll('button').forEach((button, index) => "
            "button.addEventListener('click', () => trigger('choose', { index })));"
        ),
        apply_default_css=False,
        title=sentence("interface.examples"),
        line=sentence("interface.examples.line"),
        elem_id="examples",
    )


def _slider_value(threshold: float) -> float:
    """A threshold (0…1) where the slider can stand, in per cent."""
    return max(round(100 * threshold, 1), 0.1)


def _welcome() -> str:
    tips = "".join(f"<li>{sentence(f'interface.tip.{n}')}</li>" for n in (1, 2, 3))
    head = f"<h2>{sentence('interface.tips')}</h2><ol>{tips}</ol>"
    return f'<section class="answer" data-kind="empty">{head}{result.notice()}</section>'
