"""The public ``/assess``: what programs call."""

from pathlib import Path
from typing import Any

import gradio as gr

from interface.components.scored_photo import QUEUE, before_and_after, score_photo, scored_square
from interface.components.sliders import bounded_slider
from skin_model.assess import Assessor, refused_assessment
from skin_model.network import saliency
from skin_model.network.context import Context, UnknownContext
from skin_model.photo import PhotoRefused


def endpoint(assessor: Assessor) -> None:
    """The public ``/assess``, on components of its own that no visitor sees."""
    photo = gr.File(visible=False, label="photo")
    method = gr.Radio(list(saliency.METHODS), value=saliency.METHODS[0], visible=False, label="method")
    age = gr.Number(None, visible=False, label="age")
    sex, site = (gr.Textbox("", visible=False, label=name) for name in ("sex", "site"))
    strength = bounded_slider(0, 1, 0.5, visible=False, label="strength")
    answer = gr.JSON(visible=False, label="assessment")
    overlay = gr.Image(visible=False, format="jpeg", label="overlay")
    crop = gr.Image(visible=False, format="jpeg", label="crop")

    def assess(
        photo: str,
        method: str = saliency.METHODS[0],
        strength: float = 0.5,
        age: float | None = None,
        sex: str = "",
        site: str = "",
    ) -> tuple[Any, Any, Any]:
        """Score a photo of a skin lesion. A screening aid, not a diagnosis.

        age (years), sex (female or male) and site (such as back or palm) may be told; nothing of them is kept.
        Returns the object that the command line prints with --json, the photo with the heat drawn over it, and the
        square that was scored; no pictures for a refused photo.
        """
        if not isinstance(photo, str):
            raise gr.Error("Send a photo: gradio_client.handle_file('mole.jpg').", print_exception=False)
        try:
            context = Context.told("" if age is None else age, sex or "", site or "")
        except UnknownContext as problem:
            raise gr.Error(str(problem), print_exception=False) from None
        file = Path(photo)
        try:
            current = score_photo(assessor, file)
        except PhotoRefused as problem:
            return refused_assessment(problem).to_json(file.name), None, None
        report = assessor.with_context(current.assessment, context).to_json(file.name)
        if current.assessment.refused:
            return report, None, None
        return report, before_and_after(assessor, current, method, strength)[1], scored_square(current)

    gr.Button(visible=False).click(
        assess,
        [photo, method, strength, age, sex, site],
        [answer, overlay, crop],
        api_name="assess",
        api_visibility="public",
        concurrency_id=QUEUE,
    )
