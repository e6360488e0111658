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
from interface.server.uploads import MAX_TOTAL_BYTES
from interface.tabs import about, assess_endpoint, check, compare, evidence, many_photos, mistakes, on_device
from skin_model.assess import Assessor
from skin_model.photo import MAX_BYTES
from skin_model.wording import ENGLISH, Words, languages

_SCRIPTS = ("page.js", "uploads.js", "photo_follows.js", "gradio_words.js")
_GRADIO_WORDS = (
    "drop_file",
    "or",
    "click_to_upload",
    "drop_or_upload",
    "file_upload",
    "add_files",
    "clear",
    "more_tabs",
    "number_input",
    "range_slider",
    "reset",
    "undo",
    "complete",
    "plot",
    "warning",
    "error",
    "processing",
    "uploading",
    "loading",
    "queue",
    "lost",
    "waiting",
    "keep_open",
    "failed",
    *(f"plot_{name}" for name in ("download", "zoom", "pan", "box", "lasso", "in", "out", "fit", "reset")),
)
"""What Gradio and plotly say, by the keys of our own words for it."""
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
        stands_in = escape(words("interface.stands_in", wanted=fallback_for))
        note = f"<p class='stands-in' role='status'>{stands_in}</p>"
    too_large = escape(words("batch.refused.too_large", megabytes=MAX_TOTAL_BYTES // 2**20))
    said = f'data-too-large="{too_large}" data-address="{escape(words("interface.stage.address"))}"'
    return f"<header {said}><div><h1>{title}</h1>{switch}</div><p>{line}</p>{note}</header>"


def head_script(settings: Settings) -> str:
    """The script of every page: its language and direction, the browser's language, the switch, tabs in the address."""
    facts = {
        "first": settings.language or ENGLISH,
        "follow": settings.language is None,
        "directions": {code: Words(code).direction for code in languages()},
        "tabs": TABS,
        "maxBytes": MAX_BYTES,
        "maxTotalBytes": MAX_TOTAL_BYTES,
        "gradioWords": {code: _gradio_words(Words(code)) for code in languages()},
    }
    scripts = "\n".join((STYLE_SHEET.parent / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    # Gradio keeps a style sheet's rules within the page's content; this one is for what lies around it.
    frame = "@media (max-width: 640px) { .gradio-container > .main.fillable { padding-inline: 1rem !important; } }"
    return f"<style>{frame}</style><script>window.selfSkinCheck = {json.dumps(facts)};\n{scripts}</script>"


def _gradio_words(words: Words) -> dict[str, str]:
    """With their placeholders, which the script fills."""
    held = {"name": "{name}", "position": "{position}", "size": "{size}"}
    said = {key: words(f"gradio.{key}", **held) for key in _GRADIO_WORDS}
    return {**said, "busy": words("interface.busy"), "decimal": words("format.decimal")}


def launch(page: gr.Blocks, settings: Settings | None = None, **options: Any) -> Any:
    """Serve the page with its looks and its privacy: no run history, no monitoring, no large photo, one middleware.

    options go on to ``gr.Blocks.launch`` and win over the ones here.
    """
    settings = Settings() if settings is None else settings
    root = os.environ.get("GRADIO_ROOT_PATH", "").strip("/")
    chosen: dict[str, Any] = {
        # Gradio takes a path only with a slash before it and none behind it; an address it takes as it is.
        "root_path": root if "://" in root or not root else f"/{root}",
        "theme": theme(),
        "css_paths": [STYLE_SHEET, *TAB_STYLES],
        "head": head_script(settings),
        # One for the whole app: of a ZIP. The middleware holds single photos to theirs.
        "max_file_size": MAX_TOTAL_BYTES,
        # Gradio would keep every visitor's runs, photos included, in the browser's storage.
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "ssr_mode": False,
        "mcp_server": settings.mcp,
        "server_port": settings.port,
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
