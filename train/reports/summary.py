"""What a ``metrics.json`` shows in sentences: five in plain English for somebody who reads no further, and the weak
spots, with figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from train.bootstrap import FEWEST_GROUPS, text
from train.fitting.calibration import MALIGNANT_ERROR
from train.reports.sections.parts import ALL, value_of

WORRIED = 0.02
"""The prevalence that the summary speaks of: 2 of 100 lesions, as among people who come because a spot worries them."""
DARK_SKIN = ("5", "6")
"""Fitzpatrick types as ``subgroups`` names them."""


def summary(metrics: Mapping[str, Any]) -> list[str]:
    """What it was tested on, what it flags, where it misses most, what a flag is worth, and where it was not tested."""
    return [_tested(metrics), _flagged(metrics), _by_source(metrics), _worth(metrics), _untested(metrics)]


def weak_spots(metrics: Mapping[str, Any]) -> list[str]:
    """One sentence for each weakness that was measured: melanoma as first diagnosis, what the skin around a lesion
    gives away, other leaks that the shortcut audit found, and the source in which "cannot tell" fails the malignant
    most."""
    found = []
    ham = (metrics["sets"].get("ham10000:dermoscopic") or {}).get("diagnoses") or {}
    melanoma = (ham.get("per_class") or {}).get("mel")
    if melanoma:
        found.append(
            f"Of the {melanoma['support']} melanomas of HAM10000 the share whose first diagnosis is melanoma is "
            f"{text(melanoma['recall'])}: the risk, not the first diagnosis, is what to act on."
        )
    blanked = (metrics.get("shortcuts") or {}).get("lesion_blanked")
    if blanked and blanked.get("auc"):
        found.append(
            f"With the lesion painted over, HAM10000 still gives an AUC of {text(blanked['auc'])}: what "
            "surrounds a lesion says much about it, and the network may have learnt that."
        )
    for name, audited in (metrics.get("shortcuts") or {}).items():
        if name != "lesion_blanked" and isinstance(audited, Mapping) and audited.get("verdict") == "leak":
            found.append(audited["says"])
    conformal = (metrics.get("abstention") or {}).get("conformal") or {}
    covered = {name: (of.get("malignant") or {}).get("coverage") for name, of in conformal.items()}
    judged = {name: coverage for name, coverage in covered.items() if coverage and not coverage.get("too_few")}
    if judged:
        worst = min(judged, key=lambda name: judged[name]["value"])
        found.append(
            'The band "cannot tell" is set on held-out photographs so that for '
            f"{100 * (1 - MALIGNANT_ERROR):.0f} % of the malignant ones of every family of centres the "
            f"answer malignant stays open; in {worst} the share is {text(judged[worst])}, "
            "the lowest of all sources with enough photographs."
        )
    return found


def _tested(metrics: Mapping[str, Any]) -> str:
    sets, split = metrics["sets"].values(), metrics["data"].get("split")
    malignant = sum(found["n_malignant"] for found in sets)
    where = f"of the {split} split" if split else "of a data folder"
    return (
        f"It was scored on {metrics['data']['n']} photographs {where}, {malignant} of them of a cancer, from "
        f"{_many(len({name.partition(':')[0] for name in metrics['sets']}), 'source')}."
    )


def _flagged(metrics: Mapping[str, Any]) -> str:
    """At the screening threshold, each centre family counting the same."""
    point = _screening(metrics)
    if point:
        caught, cleared, interval = point["sensitivity"], point["specificity"], True
        few = ", which is too few to judge in at least one" if caught.get("too_few") else ""
        who = f"counting every family of centres the same{few}"
    else:
        both = [f for f in (metrics.get("families") or {}).values() if f.get("sensitivity") and f.get("specificity")]
        if not both:
            return "How many of 100 cancers it flags was not measured over all families of centres in this run."
        caught, cleared = (sum(f[of]["value"] for f in both) / len(both) for of in ("sensitivity", "specificity"))
        who = f"as the mean of {_many(len(both), 'family of centres', 'families of centres')}"
        interval = False
    of_cancers = _interval(caught) if interval else ""
    return (
        f"Of 100 cancers it flags about {_of_100(value_of(caught))}{of_cancers} and misses about "
        f"{_of_100(1 - value_of(caught))}; of 100 benign lesions it flags about {_of_100(1 - value_of(cleared))} "
        f"for nothing, {who}."
    )


def _by_source(metrics: Mapping[str, Any]) -> str:
    judged = {
        name: found["sensitivity"]
        for name, found in metrics["sets"].items()
        if not found["too_few"] and found.get("sensitivity")
    }
    if not judged:
        return (
            f"No source has {FEWEST_GROUPS} malignant and {FEWEST_GROUPS} benign lesions or patients, so none can be "
            "judged by itself."
        )
    ordered = sorted(judged, key=lambda name: judged[name]["value"])
    worst, best = ordered[0], ordered[-1]
    said = (
        f"Of 100 cancers it misses about {_of_100(1 - judged[worst]['value'])}{_interval(judged[worst], missed=True)} "
        f"on {_source(worst)}, "
    )
    if len(ordered) == 1:
        return f"{said}the only source with enough to judge."
    return (
        f"{said}the worst of {len(ordered)} sources with enough to judge, and about "
        f"{_of_100(1 - judged[best]['value'])} on {_source(best)}, the best."
    )


def _worth(metrics: Mapping[str, Any]) -> str:
    point = _screening(metrics)
    worth = [at for at in point["prevalences"] if at["prevalence"] == WORRIED] if point else []
    if not worth or not worth[0].get("flagged_per_cancer"):
        return "How many people it flags for each cancer found was not measured in this run."
    flagged = worth[0]["flagged_per_cancer"]
    return (
        f"Where {100 * WORRIED:.0f} of 100 lesions are cancers, about {flagged['value']:.0f} people "
        f"({flagged['low']:.0f} to {flagged['high']:.0f}) are sent to a doctor for each cancer found."
    )


def _untested(metrics: Mapping[str, Any]) -> str:
    few = [name.partition(":")[0] for name, found in metrics["sets"].items() if found["too_few"]]
    holes = []
    if few:
        holes.append(f"{len(few)} of {_many(len(metrics['sets']), 'source')} ({_listed(few)})")
    bare = [name.partition(":")[0] for name in metrics["sets"] if not name.endswith(":dermoscopic")]
    if len(bare) < 2:
        holes.append(f"photographs taken without a dermatoscope ({f'{bare[0]} alone has any' if bare else 'none'})")
    types = (metrics.get("subgroups") or {}).get("fitzpatrick")
    dark = [types[name] for name in DARK_SKIN if name in types] if types else []
    if not types:
        holes.append("dark skin (not looked at in this run)")
    elif not dark or any(found["too_few"] for found in dark):
        n, ill = (sum(found[of] for found in dark) for of in ("n", "n_malignant"))
        holes.append(f"dark skin (Fitzpatrick types 5 and 6: {_many(n, 'photograph')}, {ill} of a cancer)")
    holes.append("any clinic or camera other than these")
    return f"It was tested too little, or not at all, on: {'; '.join(holes)}."


def _screening(metrics: Mapping[str, Any]) -> Mapping[str, Any] | None:
    point = ((metrics.get("operating") or {}).get(ALL) or {}).get("low")
    return point if point and point.get("sensitivity") and point.get("specificity") else None


def _of_100(share: float) -> str:
    """How many of 100, never none and never all unless it is so."""
    whole = round(100 * share)
    if whole == 0 and share > 0:
        return "1 or fewer"
    if whole == 100 and share < 1:
        return "99 or more"
    return str(whole)


def _interval(figure: Mapping[str, Any], *, missed: bool = False) -> str:
    low, high = figure["low"], figure["high"]
    if missed:
        low, high = 1 - high, 1 - low
    return f" ({round(100 * low)} to {round(100 * high)})"


def _source(name: str) -> str:
    source, _, modality = name.partition(":")
    return f"{source} ({modality})" if modality else source


def _many(n: int, one: str, several: str = "") -> str:
    return f"{n} {one if n == 1 else several or one + 's'}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
