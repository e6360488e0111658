"""The stage: the part of the page that shows the photo, takes one, and lets a box be drawn on it."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from skin_model.wording import Words

Box = tuple[int, int, int, int]

_HERE = Path(__file__).parent
_TEXTS = (
    "empty",
    "address",
    "first_only",
    "touch",
    "photo_alt",
    "scored",
    "camera",
    "camera_hint",
    "camera_denied",
    "camera_missing",
    "shutter",
    "close",
    "other_camera",
    "choose_part",
    "other_spot",
    "whole",
    "drag",
)


def stage(
    words: Words,
    max_bytes: int,
    elem_id: str = "photo-stage",
    sources: str = "sources",
    camera: str = "open-camera",
    more: str = "",
) -> gr.HTML:
    """The component, empty. Its value is None or what ``staged`` gives.

    sources: id of what holds the upload button's file input. camera: name of the window's event that opens the camera.
    more: label of the button that adds a further photo, "" without one.
    Its events: ``too_large``, ``whole``, and ``box`` with ``{"box": [left, top, right, bottom]}`` in shares (0…1).
    """
    texts = {name: words(f"interface.stage.{name}") for name in _TEXTS}
    texts["first_only_more"] = words("interface.stage.first_only.more", button=more) if more else ""
    return gr.HTML(
        value=None,
        html_template=(_HERE / "photo_stage.html").read_text(encoding="utf-8"),
        js_on_load=(_HERE / "photo_stage.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        texts=texts,
        max_bytes=max_bytes,
        sources=sources,
        camera=camera,
    )


def staged(
    rgb: np.ndarray,
    size: tuple[int, int],
    scored: Sequence[float] | None,
    region: Box | None,
    others: Sequence[Box] = (),
) -> dict[str, Any]:
    """The stage's value for a photo.

    rgb: (H, W, 3) uint8 to show. size: full (width, height) in pixels. scored: the square that was scored, and region:
    the part that the visitor chose, both (left, top, right, bottom) in full-size pixels, or None. others: squares round
    further spots, each of which a tap chooses.
    """
    width, height = size

    def shares(box: Sequence[float] | None) -> list[float] | None:
        return None if box is None else [box[0] / width, box[1] / height, box[2] / width, box[3] / height]

    return {
        "src": data_uri(rgb, 1000),
        "scored": shares(scored),
        "region": shares(region),
        "others": [shares(box) for box in others],
    }


def full_size_box(shares: object, width: int, height: int) -> Box:
    """A box in shares (0…1) to one in whole pixels inside a ``width`` × ``height`` photo.

    ``shares`` comes from the browser: raises ValueError unless it is four ordered finite numbers with room between.
    """
    if not isinstance(shares, Sequence) or isinstance(shares, str) or len(shares) != 4:
        raise ValueError("A box is four numbers: left, top, right, bottom.")
    left, top, right, bottom = (float(np.clip(float(share), 0, 1)) for share in shares)
    box = round(left * width), round(top * height), round(right * width), round(bottom * height)
    if not (np.isfinite([left, top, right, bottom]).all() and box[0] < box[2] and box[1] < box[3]):
        raise ValueError("A box needs its left edge left of its right one, and its top above its bottom.")
    return box


def data_uri(rgb: np.ndarray, longest_side: int) -> str:
    """A JPEG of (H, W, 3) uint8 as a data URI, shrunk to ``longest_side`` pixels: no file of it ever exists."""
    factor = longest_side / max(rgb.shape[:2])
    if factor < 1:
        rgb = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
