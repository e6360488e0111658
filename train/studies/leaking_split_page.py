"""The leaking split's figures, from its scores: a table with intervals, the page that shows it, and two pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from train.bootstrap import Draws
from train.evaluation.metrics import decisions, ranking
from train.evaluation.plots import save
from train.reports.markdown import table as markdown_table
from train.studies.leaking_split import HALVES, INPUT_SIZE
from train.studies.train_and_score import within_sources

MARKS = ("<!-- figures: written by python -m train leaking-split -->", "<!-- end of figures -->")
RESAMPLES = 1000
ARMS = ("usual", "grouped")
POOLED, WITHIN = "all sources pooled", "within one source"
SAYS = {
    "source_name": "The name of the source alone, no pixel seen",
    "benign": "Answering “benign” every time",
    "usual": "The usual split",
    "grouped": "Groups closed",
    "gap": "Usual minus closed",
    "usual_within": "The usual split",
    "grouped_within": "Groups closed",
    "gap_within": "Usual minus closed",
    "related_usual": "With a relative in training: the usual split",
    "related_grouped": "The same photographs: groups closed",
    "related_gap": "Usual minus closed",
    "alone_usual": "Without a relative: the usual split",
    "alone_grouped": "The same photographs: groups closed",
    "alone_gap": "Usual minus closed",
}
"""The rows of the table, in its order."""
LADDER = ("source_name", "usual", "usual_within", "grouped_within")
GAPS = {"gap_within": "all", "related_gap": "with a relative\nin training", "alone_gap": "without one"}
MEASURES = ("auc", "accuracy")


def figures(scores: pd.DataFrame, facts: dict[str, Any]) -> pd.DataFrame:
    """One row for each of SAYS: what it is, how it is judged, AUC and accuracy, each with its 95 % interval.

    scores, facts: as ``study`` returns them; the facts are columns of every row. Every figure is worked out for each
    seed and half, that is for one network's answers, and averaged; intervals by bootstrap over groups, the same draws
    for both arms. Accuracy: malignant means a probability of a half or more, as such projects count.
    """
    draws = Draws(scores["group"].to_numpy(dtype=str), RESAMPLES, seed=0)
    weights = draws.weights
    ill, sources = scores["malignant"].to_numpy(dtype=np.float64), scores["source"].to_numpy(dtype=str)
    share = scores["share"].to_numpy(dtype=np.float64)
    arms = {arm: scores[arm].to_numpy(dtype=np.float64) for arm in ARMS}
    arms |= {"source_name": share - 0.5, "benign": np.full(len(scores), -1.0)}
    tests = [np.asarray(of) for of in scores.groupby(["seed", "half"]).indices.values()]

    def judged(arm: str, within: bool, chosen: np.ndarray) -> dict[str, np.ndarray]:
        values = arms[arm]
        measured = {
            "auc": lambda of: ranking(values[of], ill[of], weights[:, of])["auc"],
            "accuracy": lambda of: decisions(values[of] >= 0, ill[of], weights[:, of])["accuracy"],
        }
        found = {}
        for name, measure in measured.items():
            means = []
            for of in (test[chosen[test]] for test in tests):
                inside = lambda mask, of=of, measure=measure: measure(of[mask])  # noqa: E731
                means.append(within_sources(inside, ill[of], sources[of]) if within else measure(of))
            found[name] = np.mean(means, axis=0)
        return found

    everyone, related = np.full(len(scores), True), scores["relatives"].to_numpy() > 0
    rows = []

    def add(row: str, drawn: dict[str, np.ndarray], within: bool, chosen: np.ndarray) -> None:
        seen = scores[chosen].drop_duplicates("file")
        found = {"row": row, "judged": WITHIN if within else POOLED, "photographs": len(seen)}
        found["malignant"] = int(seen["malignant"].sum())
        for name, values in drawn.items():
            low, high = np.nanquantile(values[1:], (0.025, 0.975))
            found |= {name: values[0], f"{name}_low": low, f"{name}_high": high}
        rows.append({**found, **facts})

    for arm in ("source_name", "benign"):
        add(arm, judged(arm, False, everyone), False, everyone)
    for prefix, suffix, within, chosen in (
        ("", "", False, everyone),
        ("", "_within", True, everyone),
        ("related_", "", True, related),
        ("alone_", "", True, ~related),
    ):
        drawn = {arm: judged(arm, within, chosen) for arm in ARMS}
        for arm in ARMS:
            add(f"{prefix}{arm}{suffix}", drawn[arm], within, chosen)
        gap = {name: drawn["usual"][name] - drawn["grouped"][name] for name in MEASURES}
        add(f"{prefix}gap{suffix}", gap, within, chosen)
    found = pd.DataFrame(rows).set_index("row").round(6)  # as the CSV keeps it, so that both show the same
    return found.reindex([row for row in SAYS if row in found.index])


def markdown(found: pd.DataFrame) -> str:
    """What stands between the page's marks: how it was done, and the table."""
    facts, related = found.iloc[0], found.loc["related_usual"]
    networks = len(HALVES) * int(facts["seeds"])
    lines = [
        f"Recipe `{facts['recipe']}`, {networks} networks, each trained on {facts['training']:,} photographs in "
        f"{facts['epochs']} passes at {INPUT_SIZE} pixels. "
        f"Exact copies removed: {facts['copies']} of {facts['pool'] + facts['copies']:,} photographs. "
        f"{related['photographs']:,.0f} of the {found.loc['usual', 'photographs']:,.0f} test photographs have a "
        "relative in the training set of the usual split.",
        "",
    ]
    rows = []
    for row, values in found.iterrows():
        counts = ["–" if np.isnan(values[name]) else f"{values[name]:,.0f}" for name in ("photographs", "malignant")]
        shown = [_shown(values, name, "gap" in str(row)) for name in MEASURES]
        rows.append([SAYS[str(row)], values["judged"], *counts, *shown])
    head = ("what", "judged", "photographs", "malignant", "AUC", "accuracy")
    return "\n".join([*lines, markdown_table(head, rows)])


def _shown(values: pd.Series, name: str, signed: bool) -> str:
    value, low, high = (values[key] for key in (name, f"{name}_low", f"{name}_high"))
    if np.isnan(value):
        return "–"
    sign = "+" if signed else ""
    interval = "" if np.isnan(low) or low == high else f" ({low:{sign}.3f} to {high:{sign}.3f})"
    return f"{value:{sign}.3f}{interval}"


def draw(found: pd.DataFrame, folder: Path) -> list[Path]:
    """The ladder, and the differences with and without a relative, as SVG files in ``folder``; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    ladder = {
        row: f"{SAYS[row].partition(' (')[0]},\n{found.loc[row, 'judged']}" for row in LADDER if row in found.index
    }
    chosen = (("ladder", ladder, "AUC and accuracy"), ("relatives", GAPS, "usual split minus groups closed"))
    files = []
    for stem, labels, axis in chosen:
        figure = Figure(figsize=(8, 1.2 + 0.55 * len(labels)), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for shift, measure, colour, mark in ((-0.12, "auc", "tab:blue", "o"), (0.12, "accuracy", "tab:orange", "s")):
            values = found.loc[list(labels)]
            at = np.arange(len(labels)) + shift
            axes.hlines(at, values[f"{measure}_low"], values[f"{measure}_high"], color=colour)
            axes.plot(values[measure], at, mark, color=colour, label={"auc": "AUC"}.get(measure, measure))
        if stem == "relatives":
            axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(labels)), list(labels.values()))
        axes.set(xlabel=f"{axis} (95 % interval)", ylim=(len(labels) - 0.5, -0.5))
        axes.grid(axis="x", alpha=0.3)
        figure.legend(loc="outside upper right", ncols=2)
        files += save(figure, folder / stem, ("svg",))
    return files
