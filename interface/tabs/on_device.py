"""The tab that leads to the page which keeps the photo, and the page itself, served by the same process."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from skin_model.wording import Words

BUILT = Path(__file__).parents[2] / "on_device" / "site"
"""Where the tab looks for the page that ``python -m on_device.build`` wrote."""
COMMAND = "python -m on_device.build --out on_device/site"
_PLACE = "/on-device"
_HEADERS = {
    # Isolated from other origins, the browser lets the network use several threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Files(StaticFiles):
    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers.update(_HEADERS)
        # A release's own folder never changes; what names the release must be asked for anew.
        kept = "/v-" in str(arguments[0])
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


def mount(app: FastAPI, folder: Path = BUILT) -> None:
    """Serve the built page under ``/on-device/``; without a build there is nothing to serve."""
    if (folder / "index.html").is_file():
        app.router.routes.insert(0, Mount(_PLACE, _Files(directory=folder, html=True)))


_PICTURE = """<svg viewBox="0 0 220 150" width="220" height="150" aria-hidden="true" fill="none" stroke="currentColor"
 stroke-width="3" stroke-linecap="round" stroke-linejoin="round">
<rect x="14" y="6" width="78" height="138" rx="12"/><path d="M44 14h18"/>
<rect x="24" y="26" width="58" height="58" rx="4"/><circle class="spot" cx="53" cy="55" r="13"/>
<path d="M28 98h50M28 108h50M28 118h30"/><path d="M104 76h28" stroke-dasharray="2 9"/>
<path d="M150 104h40a18 18 0 0 0 3-36 26 26 0 0 0-50-4 20 20 0 0 0 7 40z"/><path class="no" d="M146 44l52 74"/></svg>"""
"""A phone with a photo of a spot, and a crossed-out cloud."""


def build(words: Words, folder: Path = BUILT) -> None:
    """Lay the tab out inside the open Blocks."""
    gr.HTML(content(words, folder))


def content(words: Words, folder: Path = BUILT) -> str:
    """What the page is good for, and a link to it; without a build how to make one."""
    good_for = ("stays", "offline", "spots", "home")
    points = "".join(f"<li>{escape(words(f'device.tab.{name}'))}</li>" for name in good_for)
    told = f"<div><p>{escape(words('device.tab.line'))}</p><ul>{points}</ul></div>"
    line = f'<div class="on-device">{_PICTURE}{told}</div>'
    if (folder / "index.html").is_file():
        address = _address(words)
        link = f'<a class="download primary" href="{address}">{escape(words("device.tab.open"))}</a>'
        spots = f'<a class="download" href="{address}#spots">{escape(words("device.tab.spots.open"))}</a>'
        return f'<div class="prose tab-intro">{line}<p>{link}</p><p>{spots}</p></div>'
    missing = f"<p>{escape(words('device.tab.missing'))}</p><pre dir='ltr'><code>{escape(COMMAND)}</code></pre>"
    return f'<div class="prose tab-intro">{line}{missing}</div>'


def to_the_diary(words: Words, folder: Path = BUILT) -> str:
    """The way from a result to where a visitor can keep photos of the spot; empty without a build."""
    if not (folder / "index.html").is_file():
        return ""
    # In a new window, for the answer is gone once its page is left.
    link = f'<a class="download" target="_blank" rel="noopener" href="{_address(words)}#spots">'
    return f'<div class="keep-eye">{link}{escape(words("interface.keep_eye"))}</a></div>'


def _address(words: Words) -> str:
    """The page in the visitor's language. Only one opened from the app knows that there is one to go back to."""
    return f".{_PLACE}/?from=app&amp;lang={words.language}"
