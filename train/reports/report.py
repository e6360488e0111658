"""metrics.json -> the tables of README, of docs/figures.md and of the model card, and the report page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_model.atomic_files import write_text
from skin_model.network.refusal_rates import refusal_rows
from train import UserError
from train.bootstrap import FEWEST_GROUPS
from train.bootstrap import text as interval
from train.reports import markdown
from train.reports.markdown import escaped, write_between
from train.reports.sections.parts import percent, share
from train.reports.sections.refusals import label, of_them, refused
from train.reports.summary import summary, weak_spots

if TYPE_CHECKING:
    from train.reports.sections.parts import Table

BEGIN = "<!-- figures: written by python -m train report -->"
BEGIN_ALL = "<!-- all figures: written by python -m train report -->"
END = "<!-- end of figures -->"
"""The marks of a page: the summary table goes between BEGIN and END, all tables between BEGIN_ALL and END."""
CARD_SECTIONS = ("sources", "diagnoses", "operating", "subgroups", "refused", "shortcuts", "robustness", "calibration")
"""The sections of the page that a model card holds too."""
NEEDED = ("sets", "pooled", "source_only_auc", "threshold", "checkpoint", "data")
"""What every metrics.json has; all else is optional."""
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
        lacks = [key for key in NEEDED if not isinstance(metrics, dict) or key not in metrics]
        if lacks:
            raise ValueError(f"it has no {lacks[0]}")
    except FileNotFoundError:
        raise UserError(f"There is no {file}. Make one: python -m train evaluate") from None
    except (OSError, ValueError) as problem:
        raise UserError(f"{file} is no metrics.json ({problem}). Make one: python -m train evaluate") from None
    return metrics


def summary_table(metrics: dict[str, Any]) -> str:
    """Markdown for README: one row per source and modality, what its columns mean, and what the table cannot say.

    The share of malignant photographs that were refused is shown where metrics.json counts them, and so is a second
    table of how many are refused by kind of photograph and by skin tone.
    """
    sets = metrics["sets"]
    counted = any("n_refused_malignant" in found for found in sets.values())
    head = ["photographs", "malignant", "AUC", "sensitivity", "specificity", "refused"]
    head += ["malignant refused"] * counted
    rows = []
    for name, found in sets.items():
        cells = [escaped(", ".join(name.split(":"))) + " \\*" * bool(found["too_few"])]
        cells += [str(found["n"]), str(found["n_malignant"]), interval(found["auc"])]
        cells += [_rounded(found[key]) for key in ("sensitivity", "specificity")]
        cells.append(_part(found["n_refused"], found["n"]))
        if counted:
            cells.append(_part(found.get("n_refused_malignant"), found["n_malignant"]))
        rows.append(cells)
    few = (
        f" \\* Fewer than {FEWEST_GROUPS} malignant or {FEWEST_GROUPS} benign groups (of a lesion, a patient or "
        "near-duplicates): too few to judge."
    )
    refusals = _refusals(metrics)
    lines = [
        markdown.table(["source", *head], rows, "---|" + "---:|" * len(head)),
        "",
        "AUC of the risk within the source, with its 95 % bootstrap interval; sensitivity and specificity at the "
        f"threshold of {percent(metrics['threshold'])} risk, which was chosen on held-out photographs, not on these. "
        "Refused photographs that have a risk count in all three."
        f"{few * any(found['too_few'] for found in sets.values())}",
        "",
        *([refusals, ""] if refusals else []),
        "**Photographs from centres and cameras that are not in the data are judged worse than these figures say.** "
        f"{_origin(metrics)}",
    ]
    return "\n".join(lines)


def tables(metrics: dict[str, Any]) -> str:
    """Markdown for docs/figures.md: one row per source with 95 % intervals, the seven diagnoses of HAM10000, the weak
    spots, and how many photographs are refused.
    """
    rows = [
        [name + " \\*" * found["too_few"], found["n"], found["n_malignant"], *(interval(found[key]) for key in COLUMNS)]
        for name, found in metrics["sets"].items()
    ]
    lines = [
        markdown.table(["source", "photographs", "malignant", *COLUMNS.values()], rows),
        "",
        f"95 % intervals by bootstrap over groups (lesion, patient, near-duplicates). Sensitivity and specificity at "
        f"the checkpoint's threshold of {metrics['threshold']:.1%} risk, chosen on held-out photographs, not on these. "
        "\\* fewer than 30 malignant or 30 benign groups: too few to judge.",
    ]
    ham = metrics["sets"].get("ham10000:dermoscopic")
    if ham and ham["diagnoses"]:
        seven = ham["diagnoses"]
        lines += [
            "",
            f"Seven diagnoses on HAM10000: balanced accuracy {interval(seven['balanced_accuracy'])}, accuracy "
            f"{interval(seven['accuracy'])}, top-2 {interval(seven['top_2'])}, "
            f"top-3 {interval(seven['top_3'])}.",
        ]
    for weak in weak_spots(metrics):
        lines += ["", weak]
    for counted in refused(metrics).tables:
        lines += ["", *_markdown(counted)[:-1]]
    lines += [
        "",
        f"Pooled over all sources the risk AUC is {interval(metrics['pooled']['auc'])}, which says little: "
        f"knowing only which source a photograph came from already gives {interval(metrics['source_only_auc'])}.",
        "",
        _origin(metrics),
    ]
    return "\n".join(lines)


def report(metrics_file: Path, out: Path | None, readme: Path | None) -> str:
    """Write ``figures.md``, ``model_card_figures.md`` and ``report.html`` into ``out``, and put the tables that the
    page ``readme`` has marks for between those marks; returns all tables.
    """
    metrics = read_metrics(metrics_file)
    written: dict[str, str] = {}
    try:
        text, short = tables(metrics), summary_table(metrics)
        if out is not None:
            from train.reports.page import page  # draws, so it takes a while to load

            written = {
                "figures.md": text + "\n",
                "model_card_figures.md": model_card(metrics),
                "report.html": page(metrics),
            }
    except (KeyError, TypeError, AttributeError, IndexError) as problem:
        raise UserError(
            f"{metrics_file} is not whole ({type(problem).__name__}: {problem}). "
            "Make it again: python -m train evaluate"
        ) from None
    if out is not None:
        for name, content in written.items():
            write_text(out / name, content)
    if readme is not None:
        write_between(readme, {BEGIN: short, BEGIN_ALL: text}, END)
    return text


def model_card(metrics: dict[str, Any]) -> str:
    """Markdown for a model card: the summary and the tables of CARD_SECTIONS, what was not measured, and the origin."""
    from train.reports.sections import not_measured, sections
    from train.reports.sections.origin import origin

    every = {section.key: section for section in sections(metrics)}
    chosen = [every[key] for key in CARD_SECTIONS]
    lines = ["## How good it is", ""]
    for warning in metrics.get("warnings") or []:
        lines += [f"**Warning:** {escaped(warning)}", ""]
    lines += [*(f"- {escaped(sentence)}" for sentence in (*summary(metrics), *weak_spots(metrics))), ""]
    for section in chosen:
        if section.tables:
            lines += [f"### {section.title}", "", *(line for table in section.tables for line in _markdown(table))]
    missing = not_measured(chosen)
    lines += [f"Not measured in this run: {', '.join(missing)}.", ""] if missing else []
    lines += ["### How to get the same figures", ""]
    lines += [f"- {name}: `{value}`" for name, value in origin(metrics).items()]
    lines += [f"- command: `{metrics.get('command', 'unknown')}`", ""]
    return "\n".join(lines)


def _markdown(table: Table) -> list[str]:
    """A table with its caption above and its note below."""
    rows = [[escaped(cell.text + " *" * cell.few) for cell in row] for row in table.rows]
    lines = markdown.table([escaped(name) for name in table.head], rows).splitlines()
    note = [escaped(table.footnote), ""] if table.footnote else []
    return [f"**{escaped(table.caption)}**", "", *lines, "", *note]


def _refusals(metrics: dict[str, Any]) -> str:
    """Markdown of how many photographs are refused, a column each kind of photograph and skin tone, which keeps README
    short; "" where metrics.json does not count them. The sources are in the summary's own table.
    """
    rows = [row for row in refusal_rows(metrics) if row.by != "source"]
    if not rows:
        return ""
    head = ["refused", *(escaped(label(row)) for row in rows)]
    lines = [["photographs", *(of_them(row.photographs) for row in rows)]]
    lines.append(["of a cancer", *(of_them(row.cancers) for row in rows)])
    return markdown.table(head, lines, "---|" + "---:|" * len(rows))


def _rounded(figure: dict[str, float] | None) -> str:
    """The value alone, "94.7 %"."""
    return share(None if figure is None else figure["value"]).text


def _part(n: int | None, of: int) -> str:
    """ "5 (0.4 %)" of 5 and 1351."""
    if n is None:
        return "–"
    return f"{n} ({share(n / of).text})" if n else "0"


def _origin(metrics: dict[str, Any]) -> str:
    """Which checkpoint was scored, and on which photographs."""
    data = metrics["data"]
    where = (
        f"{data.get('split', 'test')} split `{data['split_sha256'][:12]}`"
        if data.get("split_sha256")
        else "a data folder"
    )
    return f"Checkpoint `{metrics['checkpoint']['hash']}`, {where}, {data['n']} photographs."
