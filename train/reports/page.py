"""metrics.json -> report.html: one page for somebody who wants to know whether to trust the checkpoint."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from train.reports.sections import not_measured, sections
from train.reports.sections.origin import origin, short_origin
from train.reports.summary import summary, weak_spots

TEMPLATE = "report.html.jinja"


def page(metrics: Mapping[str, Any]) -> str:
    """The whole page as HTML that needs no other file and no network; the same metrics give the same text.

    metrics: the content of a ``metrics.json``. Whatever text it holds is escaped; sections it lacks are named.
    """
    every = sections(metrics)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template(TEMPLATE).render(
        summary=[*summary(metrics), *weak_spots(metrics)],
        warnings=metrics.get("warnings") or [],
        missing=not_measured(every),
        sections=[section for section in every if not section.empty],
        origin=origin(metrics),
        short=short_origin(metrics),
        command=metrics.get("command", ""),
        seed=metrics.get("seed", "unknown"),
        checkpoint=metrics["checkpoint"]["hash"],
    )


def breakable(text: str) -> Markup:
    """The text, escaped, with places for a line break after ``_`` and ``:``, as names of sources need on a phone."""
    return Markup(re.sub(r"(?<=[_:])(?=\w)", "<wbr>", str(escape(text))))
