"""Where doubts are due: subgroups, shortcuts, altered photographs, and where the overlay points."""

from collections.abc import Mapping
from typing import Any

from skin_model.diagnoses import DIAGNOSES
from train.reports.sections.parts import (
    Cell,
    Section,
    Table,
    count_cells,
    decimal,
    forest,
    has,
    measured_by,
    medical_name,
    percent,
    share,
)

SUBGROUPS = {
    "source": "source",
    "modality": "kind of photograph",
    "diagnosis": "diagnosis",
    "confirmed_by": "how the diagnosis was confirmed",
    "age_band": "age",
    "sex": "sex",
    "site": "body site",
    "fitzpatrick": "Fitzpatrick skin type",
}
MOST_ROWS_IN_A_PICTURE = 24
SALIENCY = {
    "pointing_game": "hottest point in the lesion ↑",
    "energy_inside": "heat inside the lesion ↑",
    "deletion": "deletion ↓",
    "insertion": "insertion ↑",
    "randomisation": "change with random weights ↑",
    "infidelity": "infidelity ↓",
}
METHODS = {
    "turned_grad_cam": "Grad-CAM of eight views",
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated Gradients",
    "occlusion": "Occlusion",
    "gradient_shap": "GradientSHAP",
    "kernel_shap": "KernelSHAP",
    "lime": "LIME",
}
ATTACKS = {"fgsm": "FGSM, one step", "pgd": "PGD, ten steps"}


def subgroups(metrics: Mapping[str, Any]) -> Section:
    """One table an attribute; what is unknown has its own row."""
    key, title = "subgroups", "For whom and on what it works less well"
    found = metrics.get(key) or {}
    present = {name: found[name] for name in [*SUBGROUPS, *(set(found) - set(SUBGROUPS))] if has(found, name)}
    if not present:
        return Section(key, title, missing=("subgroups",))
    tables, pictures = [], []
    for name, values in present.items():
        label = SUBGROUPS.get(name, name)
        rows = tuple(
            (
                Cell(_subgroup(name, value), few=group["too_few"]),
                *count_cells(group, "n", "n_malignant", "n_groups"),
                decimal(group["auc"]),
                share(group["sensitivity"]),
                share(group["specificity"]),
            )
            for value, group in values.items()
        )
        head = (label, "photographs", "malignant", "groups", "risk AUC", "sensitivity", "specificity")
        tables.append(Table(f"By {label}", head, rows))
        drawn = {value: group["auc"] for value, group in values.items() if group["auc"] and not group["too_few"]}
        drawn = dict(list(drawn.items())[:MOST_ROWS_IN_A_PICTURE])
        if len(drawn) > 1:
            pictures += forest(f"subgroup-{name.replace('_', '-')}", drawn, "risk AUC", f"Risk AUC by {label}")
    missing = tuple(f"subgroups by {label}" for name, label in SUBGROUPS.items() if name not in present)
    says = (
        "The AUC of a subgroup is the mean of its AUCs within each source. Its sensitivity and specificity mix "
        "sources, so a difference between two subgroups can be one between two sources.",
    )
    return Section(key, title, says, tuple(tables), tuple(pictures), missing, measured_by(found))


def shortcuts(metrics: Mapping[str, Any]) -> Section:
    """What could be predicted without looking at the lesion."""
    key, title = "shortcuts", "What could be guessed without looking at the lesion"
    found = {name: row for name, row in (metrics.get(key) or {}).items() if isinstance(row, Mapping) and "auc" in row}
    if not found:
        return Section(key, title, missing=("the shortcut audit",))
    several = {"pooled": "over all sources", "within": "within a source"}
    parts = {name: label for name, label in several.items() if any(name in row for row in found.values())}
    rows = tuple(
        (
            Cell(name.replace("_", " ")),
            *(decimal(row.get(of)) for of in ("auc", *parts)),
            *count_cells(row, "n", "n_malignant"),
            Cell(row["verdict"]),
            Cell(row["says"]),
        )
        for name, row in found.items()
    )
    leaks = [name.replace("_", " ") for name, row in found.items() if row["verdict"] == "leak"]
    says = (
        "An AUC well above 0.5 from something that is not the lesion means that these photographs give their answer "
        f"away. {len(leaks)} of {len(found)} rows leak{': ' + ', '.join(leaks) if leaks else ''}.",
        *_crossing(metrics[key].get("crossing")),
    )
    missing = tuple(f"the shortcut {name.replace('_', ' ')}" for name in metrics[key].get("not_measured", ()))
    head = ("predicted from", "AUC", *parts.values(), "photographs", "malignant", "verdict", "what that means")
    table = Table("Shortcut audit", head, rows, metrics[key].get("protocol", ""))
    return Section(key, title, says, (table,), missing=missing, measured_by=measured_by(metrics[key]))


def _crossing(found: Mapping[str, int | None] | None) -> tuple[str, ...]:
    """What lies in several parts of the split, in one sentence; nothing where there is no split."""
    if not found:
        return ()
    counts = [f"{name.replace('_', '-')} {'not checked' if count is None else count}" for name, count in found.items()]
    return (f"In more than one of train, validation and test: {', '.join(counts)}.",)


def robustness(metrics: Mapping[str, Any]) -> Section:
    """The same photographs, altered as clinics and phones alter them."""
    key, title = "robustness", "What hairs, ink, blur and bad light change"
    found = metrics.get(key) or {}
    if not found.get("alterations"):
        return Section(key, title, missing=("robustness against altered photographs",))
    altered = found["alterations"]
    rows = tuple(
        (
            Cell(name.replace("_", " ")),
            decimal(row["mean_abs_change"]),
            share(row["flips"]),
            decimal(row["auc"]),
            decimal(row["auc_change"], signed=True),
        )
        for name, row in altered.items()
    )
    says = [
        f"The same {found['n']} photographs ({found['n_malignant']} malignant), scored as they are and altered. "
        f"Unaltered, the risk AUC is {decimal(found['auc']).text}."
    ]
    flips = {name: row["flips"] for name, row in altered.items() if row["flips"]}
    if flips:
        worst = max(flips, key=lambda name: flips[name]["value"])
        says.append(
            f"Most answers are flipped by {worst.replace('_', ' ')}: {share(flips[worst]).text} cross the threshold of "
            f"{percent(found['threshold'])} risk."
        )
    says += _orientation(metrics.get("orientation"))
    head = ("alteration", "mean change of the risk", "answers flipped", "risk AUC", "change of the AUC")
    table = Table("Alterations, each applied to the same photographs", head, rows)
    return Section(key, title, tuple(says), (table,), measured_by=measured_by(found))


def _orientation(found: Mapping[str, Any] | None) -> tuple[str, ...]:
    """How often it decides how a photograph lies, overall and where it is worst; nothing where it was not measured."""
    if not found:
        return ()
    known = {name: of["changed"] for name, of in found["by_source"].items() if of["changed"]}
    judged = {name: changed for name, changed in known.items() if not changed.get("too_few")}
    worst = max(judged, key=lambda name: judged[name]["value"], default=None)
    most = "" if worst is None else f", most often in {worst}: {share(judged[worst]).text}"
    changed = f"{share(found['changed']).text} of {found['n']} photographs"
    return (
        f"Turned and mirrored in all {found['orientations']} ways, {changed} do not keep their band{most}. "
        f"Half of the risks differ by less than {found['largest_difference']:.3f}.",
    )


def adversarial(metrics: Mapping[str, Any]) -> Section:
    """The same photographs, changed by a few steps of brightness so that the network errs."""
    key, title = "adversarial", "What invisible changes made on purpose can do"
    found = metrics.get(key) or {}
    if not found.get("attacks"):
        return Section(key, title, missing=("robustness against changes made on purpose",))
    rows = tuple(
        (
            Cell(f"{ATTACKS.get(name, name)}, {strength}/255"),
            decimal(row["auc"]),
            decimal(row["auc_change"], signed=True),
            share(row["talked_down"]),
            share(row["talked_up"]),
        )
        for name, by_strength in found["attacks"].items()
        for strength, row in by_strength.items()
    )
    says = (
        f"The same {found['n']} photographs ({found['n_malignant']} malignant), each pixel changed by at most the "
        f"stated amount, in the direction that misleads this very network. Unaltered, the risk AUC is "
        f"{decimal(found['auc']).text}; the threshold is a risk of {percent(found['threshold'])}.",
        "No camera does this, and whoever takes a photograph of their own skin has no reason to. It means that an "
        "answer is not safe against somebody who wants a wrong one, for instance to deceive an insurer: never rely on "
        "the number of a photograph whose origin is not known. It also shows that the answer stands on fine texture "
        "that a person does not see.",
    )
    head = ("attack", "risk AUC", "change of the AUC", "cancers talked down", "benign talked up")
    return Section(
        key, title, says, (Table("Attacks on what the network sees", head, rows),), measured_by=measured_by(found)
    )


def saliency(metrics: Mapping[str, Any]) -> Section:
    """Whether the overlay points at the lesion and at what moved the risk."""
    key, title = "saliency", "Whether the overlay points at the lesion"
    found = metrics.get(key) or {}
    if not found.get("methods"):
        return Section(key, title, missing=("how well the overlay points at the lesion",))
    maps = dict(found["methods"]) | ({"random": found["random"]} if found.get("random") else {})
    shares = ("pointing_game", "energy_inside")
    rows = tuple(
        (
            Cell("a random map" if name == "random" else METHODS.get(name, name)),
            *((share if of in shares else decimal)(row.get(of)) for of in SALIENCY),
        )
        for name, row in maps.items()
    )
    says = [f"Measured on {found['n']} photographs whose lesion is outlined."]
    if found.get("area"):
        says.append(
            f"The lesion covers {share(found['area']).text} of what the network sees; a map that knows nothing would "
            "put as much of its heat there."
        )
    if found.get("best"):
        says.append(f"By these figures the best method is {METHODS.get(found['best'], found['best'])}.")
    table = Table("Methods, ↑ more is better, ↓ less is better", ("method", *SALIENCY.values()), rows)
    return Section(key, title, tuple(says), (table,), measured_by=measured_by(found))


def _subgroup(attribute: str, value: str) -> str:
    return f"{value} ({medical_name(value)})" if attribute == "diagnosis" and value in DIAGNOSES else value
