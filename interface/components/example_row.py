"""The rendered examples as a row of pictures, for whoever has no photo at hand."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from interface.components.photo_stage import data_uri
from skin_model.photo import open_photo
from skin_model.wording import Words

EXAMPLES = Path(__file__).parents[2] / "examples"


def example_facts() -> list[dict[str, Any]]:
    """What is known of each rendered example, from ``examples/examples.json``."""
    return json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))


@cache
def _example_picture(name: str) -> str:
    """The same in every language."""
    return data_uri(open_photo(EXAMPLES / name).rgb, 220)


def example_row(words: Words) -> gr.HTML:
    """The examples as a row of picture buttons; its event ``choose`` carries ``{"index": n}``."""
    pictures = [
        {
            "src": _example_picture(facts["file"]),
            "label": words(f"interface.example.{facts['caption']}", tone=facts["tone"]),
        }
        for facts in example_facts()
    ]
    return gr.HTML(
        value=pictures,
        html_template=(
            '<details class="examples" open><summary>{{title}}</summary><p>{{line}}</p><div>{{#each value}}'
            '<button type="button"><img src="{{src}}" alt=""><span>{{label}}</span></button>{{/each}}</div></details>'
        ),
        js_on_load=(
            "element.querySelectorAll('button').forEach((button, index) => "
            "button.addEventListener('click', () => trigger('choose', { index })));"
        ),
        apply_default_css=False,
        title=words("interface.examples"),
        line=words("interface.examples.line"),
        elem_id="examples",
    )
