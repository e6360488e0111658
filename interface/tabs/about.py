"""The about tab: which network answers, how it was loaded, what it was trained on, and the licences."""

from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from skin_model import __version__
from skin_model.assess import Assessor
from skin_model.licence_note import SOURCES, told_apart
from skin_model.network.checkpoint import Checkpoint
from skin_model.wording import Words


def facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """What ``/about`` returns, JSON-ready: app version, and the checkpoint's name, revision, hash and training.

    fallback_for: the checkpoint that was asked for, where another answers in its place. Why stays with the server:
    that sentence may name its folders.
    """
    source = checkpoint.source
    loaded = "embedded" if source == "embedded" else "folder" if Path(source).is_dir() else "hub"
    name, at, revision = source.partition("@") if loaded == "hub" else (source, "", "")
    training = checkpoint.config.training
    return {
        "app_version": __version__,
        "checkpoint": name,
        "revision": revision if at else None,
        "hash": checkpoint.hash,
        "loaded_from": loaded,
        "fallback_for": checkpoint.fallback_for,
        "architecture": checkpoint.config.architecture,
        "input_size": checkpoint.config.preprocessing.input_size,
        "reference_prevalence": checkpoint.config.calibration.reference_prevalence,
        "recipe": training.get("recipe"),
        "photographs": training.get("photographs", {}),
        "licence_note": checkpoint.config.licence_note,
    }


def learned_from(training: Mapping[str, Any]) -> Counter[str]:
    """Source -> photographs that the weights learnt from: a network calibrated out of fold learnt from validation too.

    training: the checkpoint's training record.
    """
    parts = ("train", "validation") if training.get("folds") else ("train",)
    photographs = training.get("photographs", {})
    return sum((Counter(photographs.get(part, {})) for part in parts), Counter())


def one_line(assessor: Assessor, words: Words) -> str:
    """The footer's line."""
    checkpoint = assessor.checkpoint
    return words("about.line", version=__version__, hash=checkpoint.hash or "–", source=_source(checkpoint, words))


def _source(checkpoint: Checkpoint, words: Words) -> str:
    return words("about.embedded") if checkpoint.source == "embedded" else checkpoint.source


def build(assessor: Assessor, words: Words) -> None:
    """Lay the tab out inside the open Blocks."""
    checkpoint = assessor.checkpoint
    known = facts(checkpoint)
    learned = learned_from(checkpoint.config.training)
    rows = [
        ("about.app_version", known["app_version"]),
        ("about.checkpoint", _source(checkpoint, words)),
        ("about.revision", known["revision"]),
        ("about.hash", known["hash"]),
        ("about.architecture", f"{known['architecture']}, {known['input_size']} px"),
        ("about.recipe", known["recipe"]),
        ("about.trained_on", sum(learned.values())),
        ("about.sources", ", ".join(SOURCES.get(source, source) for source in sorted(learned))),
    ]
    table = "".join(
        f"<tr><th scope='row'>{escape(words(key))}</th><td>{escape(str(value))}</td></tr>"
        for key, value in rows
        if value
    )
    sections = "".join(
        f"<h3>{escape(words(f'about.{name}'))}</h3><p>{escape(words(f'about.{name}.text'))}</p>"
        for name in ("what", "limits", "privacy", "licences")
    )
    note = licence(words, known["licence_note"])
    programs = (
        f"<h3>{escape(words('about.programs'))}</h3><p>{escape(words('about.programs.text'))} "
        f"<a href='./?view=api'>{escape(words('about.programs.link'))}</a></p>"
    )
    gr.HTML(
        f"<article class='reading'>{sections}{note}{programs}<h3>{escape(words('about.network'))}</h3>"
        f"<table class='facts'>{table}</table></article>"
    )


def licence(words: Words, note: str) -> str:
    """The checkpoint's licence note in the page's language; one in words of its own as it is, in English."""
    if told := told_apart(note):
        return f"<p class='small'>{escape(words(told[0], **told[1]))}</p>"
    return f"<p class='small' lang='en' dir='ltr'>{escape(note)}</p>"


def endpoint(assessor: Assessor) -> None:
    """The public ``/about``."""

    def about() -> dict[str, Any]:
        """Which network answers: name, revision, hash, how it was loaded, what it was trained on, app version."""
        return facts(assessor.checkpoint)

    gr.Button(visible=False).click(
        about, None, gr.JSON(visible=False, label="about"), api_name="about", api_visibility="public"
    )
