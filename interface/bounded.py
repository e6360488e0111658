"""A slider whose number may be typed: one beyond its ends counts as the end, in place of an error."""

from __future__ import annotations

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
