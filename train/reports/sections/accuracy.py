"""How well malignant is told from benign and one diagnosis from another, and whether the risk means what it says."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from skin_model.diagnoses import DIAGNOSES
from train.bootstrap import FEWEST_GROUPS
from train.reports import inline_plots
from train.reports.sections.parts import (
    NONE,
    Cell,
    Picture,
    Section,
    Table,
    count_cells,
    decimal,
    forest,
    has,
    medical_name,
    percent,
    share,
)

FEW_DIAGNOSES = f"* fewer than {FEWEST_GROUPS} groups with, or {FEWEST_GROUPS} without, one of the diagnoses."


def sources(metrics: Mapping[str, Any]) -> Section:
    """One row a source and kind of photograph, with counts of what was missed."""
    key, title, sets = "sources", "Within each source", metrics["sets"]
    if not sets:
        return Section(key, title, missing=("figures per source",))
    flagged, ranked = [], []
    for name, found in sets.items():
        source = Cell(name, few=found["too_few"])
        at_threshold = (share(found.get(figure)) for figure in ("sensitivity", "specificity"))
        flagged.append(
            (source, *count_cells(found, "n", "n_malignant"), *_errors(found.get("confusion")), *at_threshold)
        )
        ranked.append(
            (
                source,
                *(decimal(found.get(figure)) for figure in ("auc", "auc_melanoma", "average_precision")),
                share(found.get("specificity_at_95_sensitivity")),
                decimal(found.get("ece")),
                *count_cells(found, "n_groups", "n_refused"),
            )
        )
    head = ("source", "photographs", "malignant", "cancers missed", "benign flagged", "sensitivity", "specificity")
    caption = f"What it flags in each source, at the screening threshold of {percent(metrics['threshold'])} risk"
    ranked_head = ("source", "risk AUC", "melanoma AUC", "average precision", "specificity at 95 % sensitivity")
    ranked_head += ("calibration error", "groups", "refused")
    note = "A group is a lesion, a patient or a cluster of near-duplicates. Refused photographs count in the figures."
    tables = (
        Table(caption, head, tuple(flagged)),
        Table("How it ranks and calibrates in each source", ranked_head, tuple(ranked), note),
    )
    drawn = {name: found["auc"] for name, found in sets.items() if found.get("auc")}
    picture = forest("auc-per-source", drawn, "risk AUC", "Risk AUC within each source, with its 95 % interval")
    says = (
        "Judge it within a source. Sources differ so much in how many photographs are malignant that guessing the "
        "source alone looks good: pooled over all of them the risk AUC is "
        f"{decimal(metrics['pooled'].get('auc')).text}, and knowing nothing but the source already gives "
        f"{decimal(metrics['source_only_auc']).text}.",
    )
    return Section(key, title, says, tables, picture)


def families(metrics: Mapping[str, Any]) -> Section:
    """ROC and precision-recall curves of each centre family, and what the source alone would give."""
    key, title = "families", "Ranking malignant above benign, per centre family"
    found = metrics.get("families") or {}
    curved = {name: family for name, family in found.items() if family.get("curves")}
    if not curved:
        return Section(key, title, missing=("ROC and precision-recall curves per centre family",))
    rows = tuple(
        (
            Cell(name, few=family["too_few"]),
            Cell(", ".join(family["sources"])),
            *count_cells(family, "n", "n_malignant"),
            decimal(family.get("auc")),
            decimal(family.get("source_only_auc")),
            decimal(family.get("average_precision")),
            share(family.get("specificity_at_95_sensitivity")),
        )
        for name, family in found.items()
    )
    head = ("family", "sources", "photographs", "malignant", "risk AUC", "AUC of the source alone")
    head += ("average precision", "specificity at 95 % sensitivity")
    table = Table("Families of centres that share patients and cameras", head, rows)
    roc, recall = (
        {
            f"{name}: {decimal(family[figure]).text}": tuple(family["curves"][kind][axis] for axis in axes)
            for name, family in curved.items()
        }
        for figure, kind, axes in (
            ("auc", "roc", ("false_positive_rate", "sensitivity")),
            ("average_precision", "precision_recall", ("recall", "precision")),
        )
    )
    pictures = (
        Picture(
            "ROC: how many cancers it flags for how many benign lesions flagged, at every threshold",
            f"ROC curves, with AUC and 95 % interval. {'; '.join(roc)}.",
            partial(inline_plots.lines, "roc", roc, "1 − specificity", "sensitivity", diagonal=True),
        ),
        Picture(
            "Precision and recall. Precision depends on how many photographs are malignant, so compare no two lines",
            f"Precision-recall curves, with average precision and 95 % interval. {'; '.join(recall)}.",
            partial(inline_plots.lines, "precision-recall", recall, "sensitivity (recall)", "precision", steps=True),
        ),
    )
    says = (
        "A family of several sources is an easier test than each source by itself where they differ in how many "
        "photographs are malignant; the AUC of the source alone shows by how much.",
    )
    return Section(key, title, says, (table,), pictures)


RELIABILITY = {
    "uncalibrated": "before: the network's own output",
    "calibrated": "after: at the reference prevalence",
    "at_own_prevalence": "after: at this family's prevalence",
}


def calibration(metrics: Mapping[str, Any]) -> Section:
    """Whether a risk of 20 % means 20 of 100, before and after calibrating."""
    key, title = "calibration", "Whether the risk means what it says"
    found = metrics.get("families") or {}
    binned = {name: family for name, family in found.items() if (family.get("curves") or {}).get("reliability")}
    if not binned:
        return Section(key, title, missing=("reliability before and after calibrating",))
    rows, pictures = [], []
    for name, family in binned.items():
        curves = family["curves"]["reliability"]
        before = _binned_error(curves["uncalibrated"]) if "uncalibrated" in curves else None
        rows.append(
            (
                Cell(name, few=family["too_few"]),
                Cell(NONE if before is None else f"{before:.3f}"),
                *(decimal(family.get(figure)) for figure in ("ece_raw", "ece", "brier", "brier_shifted")),
            )
        )
        series = {RELIABILITY[kind]: (curve["mean_risk"], curve["malignant_share"]) for kind, curve in curves.items()}
        shown = {RELIABILITY[kind]: _binned_error(curve) for kind, curve in curves.items()}
        pictures.append(
            Picture(
                f"{name}: on the dotted line a risk of 20 % means 20 malignant of 100",
                f"Reliability of the risk on {name}. Mean gap between risk and malignant share: "
                + "; ".join(f"{label} {gap:.3f}" for label, gap in shown.items()),
                partial(
                    inline_plots.lines,
                    f"reliability-{len(pictures)}",
                    series,
                    "mean risk in a tenth of the photographs",
                    "share malignant",
                    diagonal=True,
                    markers=True,
                ),
            )
        )
    head = ("family", "error before (no interval)", "error after", "error after, at the family's own prevalence")
    head += ("Brier score", "Brier score at own prevalence")
    reference = percent(metrics["reference_prevalence"])
    caption = "Calibration error: the mean gap between risk and malignant share over ten bins of equal size"
    says = (
        f"The risk is calibrated as if {reference} of the lesions were malignant. Where another share is, a well "
        "calibrated risk is off until it is shifted to that share, so both are shown.",
    )
    return Section(key, title, says, (Table(caption, head, tuple(rows)),), tuple(pictures))


def diagnoses(metrics: Mapping[str, Any]) -> Section:
    """Seven diagnoses, for each family that has any."""
    key, title = "diagnoses", "Telling seven diagnoses apart"
    found = {name: of["diagnoses"] for name, of in (metrics.get("families") or metrics["sets"]).items() if has(of, key)}
    if not found:
        return Section(key, title, missing=("the seven diagnoses",))
    rows = tuple(
        (
            Cell(name),
            *count_cells(seven, "n", "n_groups"),
            *(share(seven.get(figure)) for figure in ("accuracy", "balanced_accuracy")),
            share(seven["macro"]["f1"]),
            *(share(seven.get(figure)) for figure in ("top_2", "top_3")),
        )
        for name, seven in found.items()
    )
    head = ("family", "photographs", "groups", "accuracy", "balanced accuracy", "macro F1", "among the first two")
    head += ("among the first three",)
    tables = [Table("The most probable diagnosis against the true one", head, rows, few_means=FEW_DIAGNOSES)]
    for name, seven in found.items():
        tables += [_per_class(name, seven), _confusion(name, seven)]
    codes = "; ".join(f"{code}: {medical_name(code)}" for code in DIAGNOSES)
    says = (f"Diagnoses of which a family has no photograph have no row. {codes}.",)
    return Section(key, title, says, tuple(tables))


def _errors(confusion: Mapping[str, int] | None) -> tuple[Cell, Cell]:
    if confusion is None:
        return Cell(NONE), Cell(NONE)
    missed, caught = confusion["false_negative"], confusion["true_positive"]
    flagged, cleared = confusion["false_positive"], confusion["true_negative"]
    return Cell(f"{missed} of {missed + caught}"), Cell(f"{flagged} of {flagged + cleared}")


def _binned_error(curve: Mapping[str, Any]) -> float:
    """Expected calibration error from the bins of a reliability curve."""
    gaps = zip(curve["n"], curve["mean_risk"], curve["malignant_share"], strict=True)
    return sum(n * abs(risk - malignant) for n, risk, malignant in gaps) / sum(curve["n"])


def _per_class(name: str, seven: Mapping[str, Any]) -> Table:
    rows = [
        (Cell(code), Cell(str(of["support"])), *(share(of[figure]) for figure in ("recall", "precision", "f1")))
        for code, of in seven["per_class"].items()
        if of["support"]
    ]
    for average in ("macro", "weighted"):
        of = seven[average]
        rows.append(
            (Cell(f"{average} average"), Cell(str(seven["n"])), *(share(of[f]) for f in ("recall", "precision", "f1")))
        )
    head = ("diagnosis", "photographs", "sensitivity", "precision", "F1")
    return Table(f"{name}, one diagnosis against the rest", head, tuple(rows), few_means=FEW_DIAGNOSES)


def _confusion(name: str, seven: Mapping[str, Any]) -> Table:
    rows = []
    for code, counts in zip(seven["labels"], seven["confusion"], strict=True):
        total = sum(counts)
        if total:
            rows.append((Cell(code), *(Cell(str(count), shade=count / total) for count in counts)))
    head = ("true ↓ called →", *seven["labels"])
    return Table(f"{name}: which is taken for which, in photographs", head, tuple(rows))
