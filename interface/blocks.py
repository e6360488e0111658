"""The whole page, once in every language, and how it is served."""

import json
import os
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from interface.components.theme import STYLE_SHEET, TAB_STYLES, theme
from interface.server import answer_pictures
from interface.server.errors import keep_values_out_of_the_log
from interface.server.middleware import AdmissionMiddleware
from interface.server.sessions import Sessions, held
from interface.server.settings import Settings
from interface.tabs import about, assess_endpoint, check, compare, evidence, many_photos, mistakes, on_device
from skin_model.assess import Assessor
from skin_model.photo import MAX_BYTES
from skin_model.wording import ENGLISH, Words, languages

TABS = ("check", "compare", "batch", "mistakes", "evidence", "on_device", "about")


def build(assessor: Assessor, settings: Settings | None = None) -> gr.Blocks:
    """The whole page, once in every language: the first at the root, each other one at its code (``/de``).

    Scores one example first, so that the first visitor does not wait for the network to warm up.
    """
    settings = Settings() if settings is None else settings
    # Gradio would sum up its last 10,000 events after each one, for a page that is switched off.
    os.environ |= {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9)}
    check.before_and_after(assessor, check.score_photo(assessor, check.EXAMPLES / "tone-1.jpg"), check.METHOD, 0.5)
    first = settings.language or ENGLISH
    with gr.Blocks(
        title=Words(first)("interface.title"),
        analytics_enabled=False,
        # A file may wait one sweep longer than its age: together they stay within the ten minutes.
        delete_cache=(settings.keep_seconds // 10, settings.keep_seconds * 9 // 10),
    ) as page:
        # Whoever calls a function waits in the queue like everybody; the middleware says when it is full. Set before
        # there is anything on the page, for Gradio describes all of the app anew each time.
        page.queue(default_concurrency_limit=settings.concurrency, max_size=None, api_open=False)
        _fill(page, assessor, settings, Words(first))
        assess_endpoint.endpoint(assessor)
        about.endpoint(assessor)
        for language in languages():
            if language != first:
                words = Words(language)
                # What Blocks.route does, which would describe the whole app anew after each language: seconds at start.
                page.pages.append((language, words.name, False))
                page.current_page = language
                _fill(page, assessor, settings, words)
    return page


def _fill(page: gr.Blocks, assessor: Assessor, settings: Settings, words: Words) -> None:
    """One page in one language."""
    gr.HTML(_head(words, assessor.checkpoint.fallback_for), elem_id="page-head")
    with gr.Tabs(elem_id="tabs") as tabs:
        with gr.Tab(words("tab.check"), id="check", elem_id="tab-check"):
            check.build(assessor, words)
        with gr.Tab(words("tab.compare"), id="compare", elem_id="tab-compare"):
            compare.build(assessor, words)
        with gr.Tab(words("tab.batch"), id="batch", elem_id="tab-batch"):
            many_photos.build(page, assessor, words, settings)
        with gr.Tab(words("tab.mistakes"), id="mistakes", elem_id="tab-mistakes") as mistakes_tab:
            mistakes.build(page, tabs, mistakes_tab, assessor, words, settings)
        with gr.Tab(words("tab.evidence"), id="evidence", elem_id="tab-evidence") as evidence_tab:
            evidence.build(page, evidence_tab, assessor, words)
        with gr.Tab(words("tab.on_device"), id="on_device", elem_id="tab-on_device"):
            on_device.build(words)
        with gr.Tab(words("tab.about"), id="about", elem_id="tab-about"):
            about.build(assessor, words)
    gr.HTML(
        f"<footer><p>{escape(words('notice.privacy'))}</p><p>{escape(about.one_line(assessor, words))}</p></footer>",
        elem_id="page-foot",
    )


def _head(words: Words, fallback_for: str | None = None) -> str:
    options = "".join(
        f'<option value="{code}" lang="{code}"{" selected" if code == words.language else ""}>'
        f"{escape(Words(code).name)}</option>"
        for code in languages()
    )
    switch = (
        f'<label class="language"><span>{escape(words("interface.language"))}</span>'
        f'<select aria-label="{escape(words("interface.language"))}" '
        f'data-leave="{escape(words("interface.language.leave"))}">{options}</select></label>'
    )
    title, line = escape(words("interface.title")), escape(words("interface.subtitle"))
    note = ""
    if fallback_for:
        said = escape(words("interface.stands_in", wanted=fallback_for))
        note = f"<p class='stands-in' role='status'>{said}</p>"
    return f"<header><div><h1>{title}</h1>{switch}</div><p>{line}</p>{note}</header>"


def head_script(settings: Settings) -> str:
    """The script of every page: its language and direction, the browser's language, the switch, tabs in the address."""
    facts = {
        "first": settings.language or ENGLISH,
        "follow": settings.language is None,
        "directions": {code: Words(code).direction for code in languages()},
        "tabs": TABS,
    }
    script = (STYLE_SHEET.parent / "page.js").read_text(encoding="utf-8")
    return f"<script>window.selfSkinCheck = {json.dumps(facts)};\n{script}</script>"


def launch(page: gr.Blocks, settings: Settings | None = None, **options: Any) -> Any:
    """Serve the page with its looks and its privacy: no run history, no monitoring, nothing over 20 MB, one middleware.

    options go on to ``gr.Blocks.launch`` and win over the ones here.
    """
    settings = Settings() if settings is None else settings
    chosen: dict[str, Any] = {
        "theme": theme(),
        "css_paths": [STYLE_SHEET, *TAB_STYLES],
        "head": head_script(settings),
        "max_file_size": MAX_BYTES,
        # Gradio would keep every visitor's runs, photos included, in the browser's storage.
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "ssr_mode": False,
        "mcp_server": settings.mcp,
        # The about tab leads to the description of the API, in the visitor's language.
        "footer_links": [],
        "quiet": True,
        "state_session_capacity": held(settings.queue),
    }
    keep_values_out_of_the_log()
    answer_pictures.write_whole()
    folder = Path(get_upload_folder())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sessions = Sessions(folder, settings.keep_seconds)
    chosen["app_kwargs"] = {"middleware": [Middleware(AdmissionMiddleware, sessions=sessions, settings=settings)]}
    served = page.launch(**chosen | options)
    sessions.take_over(served[0])
    on_device.mount(served[0])
    mistakes.mount(served[0], settings)
    return served
