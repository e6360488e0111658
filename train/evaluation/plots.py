"""The pictures of a ``metrics.json``, as PNG and SVG: ROC, precision-recall, thresholds, reliability, confusion."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skin_model.atomic_files import replacing
from train.bootstrap import text

RELIABILITY_CURVES = {
    "uncalibrated": ("network's own output", "tab:gray"),
    "calibrated": ("calibrated, reference prevalence", "tab:blue"),
    "at_own_prevalence": ("calibrated, this set's prevalence", "tab:green"),
}


def draw(metrics: dict[str, Any], out: Path) -> list[Path]:
    """Write every picture of ``metrics`` (as ``evaluate`` returns it) into ``out``; returns the files.

    Sets with one class only have no curve. Names of sets with fewer than 30 groups of a class carry "(few)".
    """
    sets = metrics["sets"]
    curved = {_label(name, found): found for name, found in sets.items() if found["curves"]}
    diagnosed = {name: found for name, found in sets.items() if found["diagnoses"]}
    files = []
    if curved:
        files += save(_roc(curved), out / "roc")
        files += save(_precision_recall(curved), out / "precision_recall")
        files += save(
            _panels(curved, lambda axes, found: _thresholds(axes, found, metrics["threshold"])), out / "thresholds"
        )
        files += save(_panels(curved, _reliability), out / "reliability")
    if sets:
        files += save(_panels(sets, _binary_confusion, size=2.6), out / "confusion_binary")
    if diagnosed:
        files += save(_panels(diagnosed, _diagnosis_confusion, size=4.2), out / "confusion_diagnoses")
    return files


def _curves(
    sets: dict[str, Any], kind: str, x: str, y: str, said: Callable[[dict[str, Any]], str], style: str = "default"
) -> Figure:
    """One curve a set from ``curves``, with what is said of the set in the legend below."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    for colour, (name, found) in zip(_colours(len(sets)), sets.items(), strict=True):
        curve = found["curves"][kind]
        axes.plot(curve[x], curve[y], color=colour, label=f"{name}: {said(found)}", drawstyle=style)
    figure.legend(loc="outside lower center", fontsize=7, ncols=2)
    return figure


def _roc(sets: dict[str, Any]) -> Figure:
    figure = _curves(sets, "roc", "false_positive_rate", "sensitivity", lambda found: text(found["auc"], "undefined"))
    axes = figure.axes[0]
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", title="ROC within each source, AUC (95 % interval)")
    return figure


def _precision_recall(sets: dict[str, Any]) -> Figure:
    def said(found: dict[str, Any]) -> str:
        share = found["n_malignant"] / found["n"]
        return f"{text(found['average_precision'], 'undefined')}, {share:.0%} malignant"

    figure = _curves(sets, "precision_recall", "recall", "precision", said, "steps-post")
    title = "Precision and recall, average precision (95 % interval)"
    figure.axes[0].set(xlabel="sensitivity (recall)", ylabel="precision", title=title)
    return figure


def _panels(sets: dict[str, Any], paint: Callable[[Axes, dict[str, Any]], None], size: float = 3.2) -> Figure:
    """One small panel a set, painted by ``paint``, with one legend for all."""
    columns = min(4, len(sets))
    rows = math.ceil(len(sets) / columns)
    figure = Figure(figsize=(size * columns + 0.4, size * rows + 0.6), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (name, found) in zip(grid, sets.items(), strict=False):
        paint(axes, found)
        axes.set_title(f"{name}\n{found['n']} photographs", fontsize=9)
    for axes in grid[len(sets) :]:
        axes.set_axis_off()
    handles, labels = next(iter(figure.axes)).get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", fontsize=8, ncols=3)
    return figure


def _thresholds(axes: Axes, found: dict[str, Any], threshold: float) -> None:
    curve = found["curves"]["operating_points"]
    axes.plot(curve["threshold"], curve["sensitivity"], color="tab:red", label="sensitivity")
    axes.plot(curve["threshold"], curve["specificity"], color="tab:blue", label="specificity")
    axes.axvline(threshold, color="black", linewidth=0.8, linestyle=":", label="the checkpoint's threshold")
    axes.set(xlabel="threshold of the risk", xlim=(0, 1), ylim=(0, 1.02))


def _reliability(axes: Axes, found: dict[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    for kind, curve in found["curves"]["reliability"].items():
        label, colour = RELIABILITY_CURVES[kind]
        axes.plot(curve["mean_risk"], curve["malignant_share"], marker="o", markersize=3, color=colour, label=label)
    axes.set(xlabel="mean risk in a tenth", ylabel="share malignant", xlim=(0, 1), ylim=(0, 1))


def _binary_confusion(axes: Axes, found: dict[str, Any]) -> None:
    cells = found["confusion"]
    matrix = np.array(
        [[cells["true_negative"], cells["false_positive"]], [cells["false_negative"], cells["true_positive"]]]
    )
    _matrix(axes, matrix, ["benign", "malignant"], ["below", "at or above"])
    axes.set(xlabel="risk against the threshold", ylabel="truth")


def _diagnosis_confusion(axes: Axes, found: dict[str, Any]) -> None:
    labels = found["diagnoses"]["labels"]
    _matrix(axes, np.array(found["diagnoses"]["confusion"]), labels, labels)
    axes.set(xlabel="most probable diagnosis", ylabel="true diagnosis")


def _matrix(axes: Axes, counts: np.ndarray, rows: list[str], columns: list[str]) -> None:
    """Counts as numbers, shaded by their share of the row."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    for (i, j), count in np.ndenumerate(counts):
        axes.text(
            j, i, str(count), ha="center", va="center", fontsize=8, color="white" if share[i, j] > 0.6 else "black"
        )


def _label(name: str, found: dict[str, Any]) -> str:
    return f"{name} (few)" if found["too_few"] else name


def _colours(count: int) -> list[Any]:
    return [colormaps["tab20" if count > 10 else "tab10"](i % 20) for i in range(count)]


def save(figure: Figure, stem: Path, kinds: Sequence[str] = ("png", "svg")) -> list[Path]:
    """One file of each kind, written aside and renamed; the same figures give the same bytes."""
    files = []
    for kind in kinds:
        metadata = {"Software": None} if kind == "png" else {"Date": None}
        file = stem.with_name(f"{stem.name}.{kind}")
        with rc_context({"svg.hashsalt": stem.name, "svg.fonttype": "none"}), replacing(file) as aside:
            figure.savefig(aside, format=kind, dpi=120, metadata=metadata)
        files.append(file)
    return files
