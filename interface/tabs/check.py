"""The check tab: a photo in, a risk and its reason out."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from interface.components import about_spot, pdf_report, result_card
from interface.components.example_row import EXAMPLES, example_facts, example_row
from interface.components.photo_stage import Box, data_uri, full_size_box, stage, staged
from interface.components.scored_photo import (
    QUEUE,
    ScoredPhoto,
    before_and_after,
    combine,
    heatmap,
    most_serious_first,
    not_located,
    other_spots,
    score_photo,
    scored_square,
    square_around,
    square_in_whole,
    with_frame,
)
from interface.components.sliders import (
    LEAST_PERCENT,
    MOST_PERCENT,
    before_after_slider,
    bounded_slider,
    slider_threshold,
    slider_value,
)
from interface.server.uploads import KEPT_SECONDS
from interface.tabs import on_device
from skin_model.assess import Assessment, Assessor, refused_assessment
from skin_model.network import saliency
from skin_model.network.context import UnknownContext
from skin_model.photo import MAX_BYTES, PhotoRefused
from skin_model.wording import Words

METHOD = saliency.METHODS[0]
PHOTOS_OF_ONE_SPOT = 3
"""How many photos of one spot are taken together at most."""
_HIDE_OLD_ANSWER = "() => { document.body.classList.add('looking'); }"
_DRAW_SQUARE = "(...box) => { window.dispatchEvent(new CustomEvent('draw-square', { detail: box.slice(0, 3) })); }"
_SCROLL_TO_ANSWER = """() => {
    document.body.classList.remove("looking");
    window.dispatchEvent(new Event("photo-answered"));
    const answer = document.querySelector("#answer");
    document.querySelector("#examples details")?.removeAttribute("open");
    // What was pressed may be gone, and with it the keyboard's place on the page.
    if (document.activeElement === document.body) answer?.querySelector("h2")?.focus({ preventScroll: true });
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (answer && answer.getBoundingClientRect().bottom > window.innerHeight)
        answer.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}"""


def build(assessor: Assessor, words: Words) -> None:
    """Lay the tab out inside the open Blocks and connect it; every event is private."""
    config = assessor.checkpoint.config
    current = gr.State(None, time_to_live=KEPT_SECONDS)

    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=320):
            shown = stage(words, MAX_BYTES, more=words("interface.more"))
            with gr.Row(elem_id="sources"):
                camera = gr.Button(words("interface.camera"), variant="primary", elem_id="use-camera", min_width=140)
                upload = gr.UploadButton(words("interface.upload"), elem_id="choose-photo", min_width=140)
            with gr.Accordion(words("interface.part"), open=False, visible=False, elem_id="part") as part:
                across = bounded_slider(0, 100, 50, step=1, label=words("interface.part.across"))
                down = bounded_slider(0, 100, 50, step=1, label=words("interface.part.down"))
                size = bounded_slider(5, 100, 50, step=1, label=words("interface.part.size"))
                score_part = gr.Button(words("interface.part.score"), elem_id="score-part")
            examples = example_row(words)

        with gr.Column(scale=6, min_width=320, elem_id="results"):
            answer = gr.HTML(_welcome(words), elem_id="answer")
            with gr.Row(visible=False, elem_id="next-actions") as actions:
                more = gr.UploadButton(words("interface.more"), elem_id="more-photos", min_width=140)
                make_page = gr.Button(words("interface.pdf"), elem_id="make-pdf", min_width=140)
            pdf = gr.HTML(elem_id="pdf")
            with gr.Column(visible=False, elem_id="reasons") as reasons:
                gr.HTML(f"<h3>{escape(words('interface.why'))}</h3>")
                why = gr.HTML(elem_id="why")
                slider = before_after_slider(
                    label=words("interface.slider"),
                    slider_position=20,  # most of the overlay is in sight from the start
                    elem_id="overlay",
                )
                with gr.Accordion(words("interface.diagnoses"), open=False, elem_id="diagnoses"):
                    bars = gr.HTML()
                about = about_spot.build(words) if config.context is not None else None
                with gr.Accordion(words("interface.sure"), open=False, elem_id="sure"):
                    sure = gr.HTML()
                with gr.Accordion(words("interface.threshold"), open=False, elem_id="threshold"):
                    threshold = bounded_slider(
                        LEAST_PERCENT,
                        MOST_PERCENT,
                        slider_value(config.thresholds.see_doctor_from),
                        step=0.1,
                        label=words("interface.threshold.slider"),
                    )
                    point = gr.HTML()
                with gr.Accordion(words("interface.curious"), open=False, elem_id="curious"):
                    seen = gr.HTML()
                    strength = bounded_slider(0, 100, 50, step=5, label=words("interface.strength"), elem_id="strength")
                    method = gr.Radio(
                        [(words(f"interface.method.{name}"), name) for name in saliency.METHODS],
                        value=METHOD,
                        label=words("interface.method"),
                        elem_id="method",
                    )

    private: dict[str, Any] = {"api_visibility": "private", "concurrency_id": QUEUE}
    expired = Assessment.refusal("expired")
    everything = [
        current,
        shown,
        answer,
        part,
        actions,
        more,
        reasons,
        why,
        slider,
        seen,
        bars,
        sure,
        point,
        pdf,
    ]

    def show(new: ScoredPhoto, method_name: str, strength_percent: float, threshold_percent: float) -> list[Any]:
        done = new.assessment.refused is None
        scored = square_in_whole(new) if done else None
        all_photos = combine(new, config.thresholds)
        found, interval, photos = all_photos.assessment, all_photos.interval, 1 + len(new.further)
        card = result_card.answer(
            words,
            found,
            config.thresholds,
            config.calibration,
            interval=interval,
            photos=photos,
            number=all_photos.number,
            disagree=all_photos.disagree,
            part_only=new.region is not None,
            not_located=not_located(assessor, new),
        )
        return [
            new,
            staged(new.whole.rgb, (new.whole.width, new.whole.height), scored, new.region, other_spots(new)),
            card + (result_card.problems(words, found.problems) + on_device.to_the_diary(words) if done else ""),
            gr.update(visible=True),
            gr.update(visible=done),
            gr.update(visible=photos < PHOTOS_OF_ONE_SPOT),
            gr.update(visible=done),
            *(explained(new, method_name, strength_percent) if done else ("", None)),
            _seen(words, new) if done else "",
            result_card.diagnosis_bars(words, found.diagnoses, weighted=config.diagnosis_calibration is not None)
            if done
            else "",
            result_card.how_sure(words, found, interval, photos, more=photos < PHOTOS_OF_ONE_SPOT) if done else "",
            explain_point(new, threshold_percent) if done else "",
            "",
        ]

    def explained(photo: ScoredPhoto, method_name: str, strength_percent: float) -> tuple[str, Any]:
        """What the colours say, and the photo beside its coloured copy; hidden where there is nothing to colour."""
        found = heatmap(assessor, photo, method_name)
        told = result_card.reasons(words, photo.assessment, found)
        if not result_card.is_drawn(found):
            return told, gr.update(value=None, visible=False)
        pictures = before_and_after(assessor, photo, method_name, strength_percent / 100)
        return told, gr.update(value=pictures, visible=True)

    def refuse(assessment: Assessment) -> list[Any]:
        """Say why there is no result; the photo before, if any, leaves the page, so that no old answer stands by."""
        card = result_card.answer(words, assessment, config.thresholds, config.calibration)
        hidden = gr.update(visible=False)
        return [None, None, card, hidden, hidden, hidden, hidden, "", None, "", "", "", "", ""]

    def add(file: str | None, old: ScoredPhoto | None, *settings: Any) -> list[Any]:
        """A further photo of the same spot; one that cannot be scored changes nothing, and says why."""
        if not file or (old is not None and 1 + len(old.further) >= PHOTOS_OF_ONE_SPOT):
            return [gr.skip()] * len(everything)
        if old is None:
            return refuse(expired)
        try:
            added = score_photo(assessor, Path(file))
            refused = added.assessment.refused
        except PhotoRefused as problem:
            refused = problem.code
        if refused is not None:
            gr.Warning(words(f"refused.{refused}"), duration=8)
            return [gr.skip()] * len(everything)
        return show(most_serious_first(old, added), *settings)

    def as_pdf(old: ScoredPhoto | None, method_name: str, strength_percent: float, *rest: Any) -> str:
        *fields, day = rest
        if old is None or old.assessment.refused is not None:
            gr.Warning(words("refused.expired"), duration=8)
            return ""
        after = None
        if result_card.is_drawn(heatmap(assessor, old, method_name)):
            _, after = before_and_after(assessor, old, method_name, max(strength_percent, 30) / 100)
        found = combine(old, config.thresholds)
        told = None
        with suppress(UnknownContext):  # what is wrong stands beside the field
            risk = about_spot.risk_with(assessor, found.assessment, *fields)
            told = None if risk is None else (risk, about_spot.in_words(words, *fields))
        document = pdf_report.page_for_the_doctor(
            words,
            with_frame(old),
            after,
            found,
            assessor.checkpoint,
            pdf_report.date_on_paper(day),
            part_only=old.region is not None,
            not_located=not_located(assessor, old),
            with_context=told,
        )
        return pdf_report.download(words, document)

    def attempt(file: Path, old: ScoredPhoto | None, region: Box | None, *settings: Any) -> list[Any]:
        try:
            whole = old.whole if old is not None and old.file == file else None
            new = score_photo(assessor, file, whole, region)
            if whole is not None and region is not None and old is not None:
                new.spots = old.spots
            return show(new, *settings)
        except PhotoRefused as problem:
            if region is None or old is None:
                return refuse(refused_assessment(problem))
            # The photo is fine, the part is not: keep the photo on the page and say so.
            gr.Warning(words(f"refused.{problem.code}"), duration=8)
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
        def handler(old: ScoredPhoto | None, *rest: Any) -> list[Any]:
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
        old: ScoredPhoto | None,
        method_name: str,
        strength_percent: float,
        threshold_percent: float,
        event: gr.EventData,
    ) -> list[Any]:
        shares = event._data.get("box") if isinstance(event._data, dict) else None
        box = on_region(lambda current: full_size_box(shares, current.whole.width, current.whole.height))
        return box(old, method_name, strength_percent, threshold_percent)

    def from_sliders(old: ScoredPhoto, x: float, y: float, s: float) -> Box:
        width, height = old.whole.width, old.whole.height
        return full_size_box(square_around(x, y, s, width, height), width, height)

    too_large = Assessment.refusal("file_too_large")
    settings = [method, strength, threshold]
    sliders = [across, down, size]
    # Before the answers: the page does one after the other.
    for start in (upload.upload, examples.choose, shown.box, shown.whole, score_part.click):
        start(None, js=_HIDE_OLD_ANSWER, **private)
    answers = [
        upload.upload(on_upload, [upload, *settings], everything, show_progress_on=answer, **private),
        examples.choose(on_example, settings, everything, show_progress_on=answer, **private),
        shown.box(on_box, [current, *settings], everything, show_progress_on=answer, **private),
        shown.whole(on_region(lambda _: None), [current, *settings], everything, show_progress_on=answer, **private),
        score_part.click(
            on_region(from_sliders), [current, *sliders, *settings], everything, show_progress_on=answer, **private
        ),
    ]
    answers.append(shown.too_large(lambda: refuse(too_large), None, everything, show_progress="hidden", **private))
    answers.append(more.upload(add, [more, current, *settings], everything, show_progress_on=answer, **private))
    telling = about.fields if about is not None else []
    day = gr.Textbox(visible=False)
    make_page.click(
        as_pdf,
        [current, method, strength, *telling, day],
        pdf,
        js=pdf_report.VISITORS_DATE,
        show_progress_on=make_page,
        **private,
    ).then(None, js="() => document.querySelector('#pdf a')?.click()", **private)
    for event in answers:
        event.then(None, js=_SCROLL_TO_ANSWER, **private)
    camera.click(None, js="() => window.dispatchEvent(new Event('open-camera'))", **private)
    for control in sliders:
        control.input(None, sliders, js=_DRAW_SQUARE, trigger_mode="always_last", **private)

    if about is not None:
        tell = partial(about_spot.told, assessor, words)
        for event in answers:
            event.then(tell, [current, *telling], about.answer, show_progress="hidden", **private)
        gr.on(
            [field.input for field in about.fields],
            tell,
            [current, *telling],
            about.answer,
            show_progress="hidden",
            trigger_mode="always_last",
            **private,
        )

    def redraw(old: ScoredPhoto | None, method_name: str, strength_percent: float) -> list[Any]:
        return [gr.skip()] * 2 if old is None else list(explained(old, method_name, strength_percent))

    gr.on(
        [method.input, strength.input],
        redraw,
        [current, method, strength],
        [why, slider],
        show_progress="minimal",
        trigger_mode="always_last",
        **private,
    )

    def explain_point(old: ScoredPhoto | None, percent_: float) -> str:
        risk = None if old is None or old.assessment.refused else combine(old, config.thresholds).assessment.risk
        least = slider_threshold(percent_, config.thresholds.see_doctor_from)
        return result_card.operating_point(words, least, config.operating_points, risk)

    threshold.input(
        explain_point,
        [current, threshold],
        point,
        show_progress="hidden",
        trigger_mode="always_last",
        api_visibility="private",
    )


def _seen(words: Words, current: ScoredPhoto) -> str:
    picture = data_uri(scored_square(current), 240)
    found = current.assessment
    return result_card.seen(
        words,
        picture,
        border=found.border is not None,
        spot=found.located is not None,
        part_only=current.region is not None,
    )


def _welcome(words: Words) -> str:
    tips = "".join(f"<li>{words(f'interface.tip.{n}')}</li>" for n in (1, 2, 3))
    head = f"<h2>{words('interface.tips')}</h2><ol>{tips}</ol>"
    return f'<section class="answer" data-kind="empty">{head}{result_card.notice(words)}</section>'
