"""What the thresholds mean for people: operating points, net benefit, and "cannot tell"."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from train.reports import inline_plots
from train.reports.sections.parts import (
    ALL,
    EVERY_FAMILY,
    Cell,
    Picture,
    Section,
    Table,
    all_first,
    count_cells,
    decimal,
    family_name,
    has,
    measured_by,
    percent,
    share,
    value_of,
)

THRESHOLDS = {"low": "screening threshold", "high": "high-risk threshold"}
BAND_NAMES = {"low": "low", "raised": "raised", "high": "high", "cannot_tell": "cannot tell"}


def operating(metrics: Mapping[str, Any]) -> Section:
    """Sensitivity and specificity at both thresholds, and what they are worth at four prevalences."""
    key, title = "operating", "What a flag is worth where cancer is rare or common"
    found = metrics.get(key) or {}
    points = [(name, which, point) for name, both in all_first(found) for which, point in _thresholds(both)]
    if not points:
        return Section(key, title, missing=("operating points at prevalences",))
    tables = [_at_thresholds(points)]
    for which in dict.fromkeys(which for _, which, _ in points):
        tables += _worth([(name, point) for name, of, point in points if of == which], THRESHOLDS[which])
    thousand = _of_a_thousand(found)
    says = (
        "The rarer cancer is among those who use it, the fewer of the flagged have it. The prevalences are stated, not "
        "measured: 0.1 % stands for screening everybody, 2 % for people whom a spot worries, 10 and 20 % for a "
        "specialist's clinic.",
    )
    return Section(key, title, says, (*thousand, *tables), measured_by=measured_by(found))


def decision_curves(metrics: Mapping[str, Any]) -> Section:
    """Net benefit against referring everybody and referring nobody (Vickers 2006)."""
    key, title = "decision_curves", "Whether using it beats referring everybody or nobody"
    found = {name: curve for name, curve in (metrics.get(key) or {}).items() if has(curve, "points")}
    if not found:
        return Section(key, title, missing=("decision curves",))
    everybody, nobody, it = "refer everybody", "refer nobody", "refer by its risk"
    pictures = []
    for name, curve in all_first(found):
        at = [point["threshold"] for point in curve["points"]]
        using = [value_of(point["net_benefit"]) for point in curve["points"]]
        referring = [value_of(point["refer_all"]) for point in curve["points"]]
        series = {it: (at, using), everybody: (at, referring), nobody: (at, [0.0] * len(at))}
        top = max([value for value in using + referring if value is not None], default=0.1)
        better = _share_better(using, referring)
        where = "nowhere defined" if better is None else f"the highest of the three at {better:.0%} of the thresholds"
        pictures.append(
            Picture(
                f"{family_name(name)}, at a prevalence of {percent(curve['prevalence'])}",
                f"Decision curve of {family_name(name)}. The net benefit of referring by the risk is {where}.",
                partial(
                    inline_plots.lines,
                    f"decision-{len(pictures)}",
                    series,
                    "risk from which one would refer",
                    "net benefit",
                    flat=(everybody, nobody),
                    xlim=(min(at), max(at)),
                    ylim=(-0.25 * top - 0.005, 1.1 * top + 0.005),
                ),
            )
        )
    says = (
        "Net benefit counts the cancers found, less the needless referrals, weighed by how many of those one would "
        "accept for one cancer. It helps where its line is the highest of the three.",
    )
    return Section(key, title, says, pictures=tuple(pictures), measured_by=measured_by(metrics[key]))


def abstention(metrics: Mapping[str, Any]) -> Section:
    """What people are told, who ends in "cannot tell", and what leaving the unsure out would gain."""
    key, title = "abstention", "When it says that it cannot tell"
    found, tables, pictures, missing = metrics.get(key) or {}, [], [], []
    told = {name: of for name, of in metrics["sets"].items() if has(of, "bands")}
    if told:
        tables.append(_bands(told))
    else:
        missing.append("what people are told per source")
    coverage = {name: points for name, points in (found.get("risk_coverage") or {}).items() if points}
    if coverage:
        for measure in ("sensitivity", "specificity", "auc"):
            series = {
                family_name(name): (
                    [point["coverage"] for point in points],
                    [value_of(point[measure]) for point in points],
                )
                for name, points in all_first(coverage)
                if any(value_of(point[measure]) is not None for point in points)
            }
            label = measure.replace("auc", "risk AUC")
            if series:
                ends = "; ".join(f"{name} from {_ends(y)}" for name, (_, y) in series.items())
                pictures.append(
                    Picture(
                        f"{label[0].upper()}{label[1:]} as the photographs it is least sure of are left out",
                        f"{label} against the share of photographs answered, from all of them to the surest. {ends}.",
                        partial(inline_plots.lines, f"coverage-{measure}", series, "share answered", label, ylim=None),
                    )
                )
    else:
        missing.append("risk-coverage curves")
    if found.get("conformal"):
        tables.append(_conformal(found["conformal"]))
    else:
        missing.append("conformal coverage")
    says = (
        'It says "cannot tell" where it can rule out neither malignant nor benign, and where it refuses a photograph.',
    )
    return Section(key, title, says, tuple(tables), tuple(pictures), tuple(missing), measured_by(found))


def _thresholds(both: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(both, Mapping):
        return []
    return [(which, both[which]) for which in THRESHOLDS if has(both, which)]


def _at_thresholds(points: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Table:
    """A row a family; the thresholds are the same for all of them."""
    rows: dict[str, list[Cell]] = {}
    head = {which: percent(point["threshold"]) for _, which, point in points}
    for name, _, point in points:
        rows.setdefault(name, []).extend((share(point["sensitivity"]), share(point["specificity"])))
    measures = ("sensitivity", "specificity")
    named = [f"{of} at the {THRESHOLDS[which]} ({risk} risk)" for which, risk in head.items() for of in measures]
    cells = tuple((Cell(family_name(name)), *figures) for name, figures in rows.items())
    return Table("What it flags at each threshold", ("family", *named), cells)


def _worth(points: Sequence[tuple[str, Mapping[str, Any]]], threshold: str) -> list[Table]:
    """One table a measure: a row a family, a column a prevalence."""
    at = [worth["prevalence"] for worth in points[0][1]["prevalences"]]
    shown = {
        "flagged_per_cancer": ("People flagged for each cancer found", _people),
        "ppv": ("Malignant among the flagged (positive predictive value)", share),
        "npv": ("Benign among the not flagged (negative predictive value)", share),
    }
    return [
        Table(
            f"{title}, at the {threshold}",
            ("prevalence", *(percent(prevalence) for prevalence in at)),
            tuple(
                (Cell(family_name(name)), *(cell(worth[measure]) for worth in point["prevalences"]))
                for name, point in points
            ),
        )
        for measure, (title, cell) in shown.items()
    ]


def _people(figure: Mapping[str, Any] | None) -> Cell:
    """People for each cancer: tenths only where they are few."""
    return decimal(figure, 0 if (value_of(figure) or 0) >= 100 else 1)


def _of_a_thousand(found: Mapping[str, Any]) -> tuple[Table, ...]:
    """The screening threshold's sensitivity and specificity as people: 1000 lesions at each prevalence."""
    point = (found.get(ALL) or {}).get("low")
    sensitivity, specificity = (value_of(point[of]) for of in ("sensitivity", "specificity")) if point else (None, None)
    if sensitivity is None or specificity is None:
        return ()
    rows = []
    for worth in point["prevalences"]:
        ill = 1000 * worth["prevalence"]
        well = 1000 - ill
        counts = (ill * sensitivity, ill * (1 - sensitivity), well * (1 - specificity), well * specificity)
        rows.append(
            (Cell(percent(worth["prevalence"])), *(Cell(f"{count:.{1 if count < 9.95 else 0}f}") for count in counts))
        )
    head = ("prevalence", "cancers flagged", "cancers missed", "benign flagged", "benign cleared")
    return (Table(f"Of 1000 lesions, at the screening threshold (families: {EVERY_FAMILY})", head, tuple(rows)),)


def _share_better(using: Sequence[float | None], everybody: Sequence[float | None]) -> float | None:
    both = [(a, b) for a, b in zip(using, everybody, strict=True) if a is not None and b is not None]
    return sum(a > max(b, 0) for a, b in both) / len(both) if both else None


def _bands(told: Mapping[str, Any]) -> Table:
    rows = []
    for name, found in told.items():
        for truth in ("malignant", "benign"):
            counts = [found["bands"][band][truth] for band in BAND_NAMES]
            total = sum(counts)
            shown = [Cell(f"{count} ({100 * count / total:.0f} %)" if total else "0") for count in counts]
            rows.append((Cell(name, few=found["too_few"]), Cell(truth), *shown))
    head = ("source", "truth", *BAND_NAMES.values())
    return Table("What it would answer, by what the lesion is", head, tuple(rows))


def _conformal(found: Mapping[str, Any]) -> Table:
    rows = tuple(
        (Cell(name), Cell(truth), *count_cells(of, "n"), share(of["coverage"]), share(of["cannot_tell"]))
        for name, both in found.items()
        for truth, of in both.items()
        if of
    )
    head = ("source", "truth", "photographs", "coverage: the true answer is not ruled out", "cannot tell")
    return Table("Conformal coverage per source, by what the lesion is", head, rows)


def _ends(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{known[0]:.3f} to {known[-1]:.3f}"
