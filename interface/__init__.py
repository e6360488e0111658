"""The Gradio interface; the only code that imports gradio."""

from __future__ import annotations

from typing import Any

import gradio as gr

from interface import check
from interface.theme import STYLE_SHEET, theme
from interface.uploads import KEPT_SECONDS, SWEEP_SECONDS
from skin_model.assess import Assessor
from skin_model.photo import MAX_BYTES
from skin_model.saliency import METHODS
from skin_model.wording import sentence


def build(assessor: Assessor) -> gr.Blocks:
    """The whole page. Scores one example first, so that the first visitor does not wait for the network to warm up."""
    check.before_and_after(assessor, check.look(assessor, check.EXAMPLES / "tone-1.jpg"), METHODS[0], 0.5)
    with gr.Blocks(
        title=sentence("interface.title"),
        analytics_enabled=False,
        # A file may wait one sweep longer than its age: together they stay within the ten minutes.
        delete_cache=(SWEEP_SECONDS, KEPT_SECONDS - SWEEP_SECONDS),
    ) as page:
        gr.HTML(
            f"<header><h1>{sentence('interface.title')}</h1><p>{sentence('interface.subtitle')}</p></header>",
            elem_id="page-head",
        )
        check.build(assessor)
        gr.HTML(
            f"<footer><p>{sentence('notice.privacy')}</p></footer>",
            elem_id="page-foot",
        )
    return page.queue(default_concurrency_limit=2, max_size=64)


def launch(page: gr.Blocks, **options: Any) -> Any:
    """Serve the page with its looks and its privacy: no run history, no monitoring, nothing over 20 MB.

    options go on to ``gr.Blocks.launch`` and win over the ones here.
    """
    settings: dict[str, Any] = {
        "theme": theme(),
        "css_paths": [STYLE_SHEET],
        "max_file_size": MAX_BYTES,
        # Gradio would keep every visitor's runs, photos included, in the browser's storage.
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "ssr_mode": False,
        "footer_links": ["api"],
        "quiet": True,
    }
    return page.launch(**settings | options)
