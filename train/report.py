"""metrics.json -> the tables that README shows, so that no figure is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from train import UserError

BEGIN, END = "<!-- figures: written by python -m train report -->", "<!-- end of figures -->"
COLUMNS = {
    "auc": "risk AUC",
    "auc_melanoma": "melanoma AUC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ece": "calibration error",
}


def read_metrics(file: Path) -> dict[str, Any]:
    """The content of a ``metrics.json``; raises UserError where it is none."""
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(metrics, dict) or "sets" not in metrics:
            raise ValueError("it has no sets")
    except (OSError, ValueError) as problem:
        raise UserError(f"{file} is no metrics.json ({problem}). Make one: python -m train evaluate") from None
    return metrics


def tables(metrics: dict[str, Any]) -> str:
    """Markdown: one row a source with 95 % intervals, the seven diagnoses of HAM10000, and the pooled warning."""
    head = ["photographs", "malignant", *COLUMNS.values()]
    lines = [f"| source | {' | '.join(head)} |", "|---|" + "---|" * len(head)]
    for name, found in metrics["sets"].items():
        star = " \\*" if found["too_few"] else ""
        figures = " | ".join(_with_interval(found[key]) for key in COLUMNS)
        lines.append(f"| {name}{star} | {found['n']} | {found['n_malignant']} | {figures} |")
    lines += [
        "",
        f"95 % intervals by bootstrap over groups (lesion, patient, near-duplicates). Sensitivity and specificity at "
        f"the checkpoint's threshold of {metrics['threshold']:.1%} risk, chosen on validation. \\* fewer than 30 "
        "malignant or 30 benign groups: too few to judge.",
    ]
    ham = metrics["sets"].get("ham10000:dermoscopic")
    if ham and ham["diagnoses"]:
        seven = ham["diagnoses"]
        lines += [
            "",
            f"Seven diagnoses on HAM10000: balanced accuracy {_with_interval(seven['balanced_accuracy'])}, accuracy "
            f"{_with_interval(seven['accuracy'])}, top-2 {_with_interval(seven['top_2'])}, "
            f"top-3 {_with_interval(seven['top_3'])}.",
        ]
    lines += [
        "",
        f"Pooled over all sources the risk AUC is {_with_interval(metrics['pooled']['auc'])}, which says little: "
        f"knowing only which source a photograph came from already gives {_with_interval(metrics['source_only_auc'])}.",
        "",
        f"Checkpoint `{metrics['checkpoint']['hash']}`, test split `{metrics['data']['split_sha256'][:12]}`, "
        f"{metrics['data']['n']} photographs.",
    ]
    return "\n".join(lines)


def report(metrics_file: Path, out: Path | None, readme: Path | None) -> str:
    """Write ``out/figures.md`` and put the tables between README's marks; returns the tables."""
    text = tables(read_metrics(metrics_file))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / "figures.md", text + "\n")
    if readme is not None:
        _write(readme, fill(readme.read_text(encoding="utf-8"), text, str(readme)))
    return text


def fill(page: str, text: str, name: str) -> str:
    """``page`` with ``text`` between the marks; raises UserError where the marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{name} lacks the marks {BEGIN} and {END}. Put them where the figures belong.")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _with_interval(figure: dict[str, float] | None) -> str:
    return "–" if figure is None else f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _write(file: Path, text: str) -> None:
    aside = file.with_name(file.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)
