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


def build(words: Words, folder: Path = BUILT) -> None:
    """Lay the tab out inside the open Blocks."""
    gr.HTML(content(words, folder))


def content(words: Words, folder: Path = BUILT) -> str:
    """What the page is good for, and a link to it; without a build how to make one."""
    line = f"<p>{escape(words('device.tab.line'))}</p>"
    if (folder / "index.html").is_file():
        address = f".{_PLACE}/?lang={words.language}"
        link = f'<a class="download primary" href="{address}" target="_blank">{escape(words("device.tab.open"))}</a>'
        return f'<div class="prose tab-intro">{line}<p>{link}</p></div>'
    missing = f"<p>{escape(words('device.tab.missing'))}</p><pre dir='ltr'><code>{escape(COMMAND)}</code></pre>"
    return f'<div class="prose tab-intro">{line}{missing}</div>'
