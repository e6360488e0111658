"""Sliders whose number may be typed: one beyond the ends counts as the end, in place of an error; and thresholds on
them."""

import math
from typing import Any

import gradio as gr


def bounded_slider(minimum: float, maximum: float, value: float, **options: Any) -> gr.Slider:
    """Gradio's slider, which would refuse a typed number that the page itself has already moved to the nearer end."""
    slider = gr.Slider(minimum, maximum, value, **options)
    # On the instance: Gradio writes a file beside the source of every class that is made from one of its components.
    setattr(slider, "preprocess", lambda typed: bounded(typed, minimum, maximum))  # noqa: B010
    return slider


def bounded(typed: object, minimum: float, maximum: float) -> float:
    """The number, at least ``minimum`` and at most ``maximum``; what is no number counts as ``minimum``."""
    try:
        number = float(typed)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    return minimum if math.isnan(number) else min(max(number, minimum), maximum)


LEAST_PERCENT, MOST_PERCENT = 0.1, 99
"""The ends of a slider for a threshold."""


def slider_value(threshold: float) -> float:
    """Where the slider stands for a threshold (0…1), in per cent."""
    return max(round(100 * threshold, 1), LEAST_PERCENT)


def slider_threshold(percent: float, low: float) -> float:
    """The threshold (0…1) of a slider at ``percent``: exactly ``low`` where it stands on it, so that the
    slider's rounding changes nobody's side."""
    return low if percent == slider_value(low) else percent / 100


def before_after_slider(**options: Any) -> gr.ImageSlider:
    """Two pictures of one size with a handle between them, to look at only; options go on to ``gr.ImageSlider``."""
    return gr.ImageSlider(format="jpeg", interactive=False, buttons=[], max_height=460, show_label=False, **options)
