"""The answer in words and shapes: pure functions from an assessment to HTML, with every sentence from the wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from skin_model.assess import Assessment
from skin_model.calibration import CANNOT_TELL, Calibration, Thresholds
from skin_model.diagnoses import MALIGNANT, MEDICAL_NAMES
from skin_model.wording import sentence

# A shape for every band, so that none is told apart by colour alone.
_SHAPES = {
    "low": '<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>',
    "raised": '<path d="M12 3 22 20H2z"/><path d="M12 10v4M12 17v.5"/>',
    "high": '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M12 7v6M12 16v.5"/>',
    "cannot_tell": '<circle cx="12" cy="12" r="9"/><path d="M9 9.5a3 3 0 1 1 4 2.7c-.7.3-1 .8-1 1.6M12 16.5v.5"/>',
    "refused": '<rect x="3" y="3" width="18" height="18" rx="3"/><path d="M8 8l8 8M16 8l-8 8"/>',
}


def percent(share: float) -> str:
    """A share (0…1) in per cent, under 10 with one decimal, where the bands begin.

    Never "0%" or "100%", which would claim a certainty that nobody has.
    """
    if share < 0.01:
        return sentence("interface.percent.under")
    if share > 0.99:
        return sentence("interface.percent.over")
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def answer(assessment: Assessment, thresholds: Thresholds, calibration: Calibration, *, part_only: bool) -> str:
    """The card that comes first: band, risk and what to do next, or why there is no result.

    A refused photo's number is not in it. part_only: whether the visitor chose a part of the photo.
    """
    if assessment.refused is not None or assessment.risk is None or assessment.band is None:
        return _card("refused", sentence("interface.no_result"), f"<p>{escape(assessment.message or '')}</p>")
    risk = percent(assessment.risk)
    extreme = "under" if assessment.risk < 0.01 else "over" if assessment.risk > 0.99 else "about"
    meaning = sentence(
        "interface.risk_meaning",
        count=sentence(f"interface.count.{extreme}", count=f"{100 * assessment.risk:.0f}"),
        prevalence=f"{100 * calibration.reference_prevalence:.0f}",
    )
    number = (
        f'<p class="risk"><strong>{escape(risk)}</strong> <span>{escape(sentence("interface.risk_label"))}</span></p>'
    )
    body = number + _meter(assessment.risk, thresholds)
    if assessment.band == CANNOT_TELL:
        body += f"<p>{escape(sentence('interface.between'))}</p>"
    body += f'<p class="next"><strong>{escape(sentence("interface.next_step"))}</strong> '
    body += f"{escape(sentence(f'next_step.{assessment.band}'))}</p>"
    body += f'<p class="small">{escape(meaning)}</p>'
    if part_only:
        body += f'<p class="small">{escape(sentence("interface.part_only"))}</p>'
    body += notice()
    return _card(assessment.band, sentence(f"band.{assessment.band}"), body)


def notice() -> str:
    """What the whole tool is not, where the answer is read."""
    return f'<p class="notice">{escape(sentence("notice.screening"))}</p>'


def _card(kind: str, title: str, body: str) -> str:
    shape = (
        '<svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{_SHAPES[kind]}</svg>'
    )
    return f'<section class="answer" data-kind="{kind}"><h2>{shape}<span>{escape(title)}</span></h2>{body}</section>'


def _meter(risk: float, thresholds: Thresholds) -> str:
    """The risk on a scale of 0 to 100 %, with the bands' borders marked and named."""
    low, high, here = (f"{100 * value:.1f}%" for value in (thresholds.low, thresholds.high, risk))
    unsure = (thresholds.malignant_from, thresholds.benign_to)
    zones = {"low": {"start": thresholds.low}, "raised": {"start": thresholds.low}}
    if unsure[0] < unsure[1]:
        zones["cannot_tell"] = {"start": unsure[0], "end": unsure[1]}
    zones["high"] = {"start": thresholds.high}
    labels = "".join(
        f"<span>{escape(sentence(f'interface.meter.{name}', **{k: percent(v) for k, v in ends.items()}))}</span>"
        for name, ends in zones.items()
    )
    text = sentence(
        "interface.meter.label", risk=percent(risk), low=percent(thresholds.low), high=percent(thresholds.high)
    )
    return (
        f'<div class="meter" role="img" aria-label="{escape(text)}">'
        f'<div class="meter-track"><i style="left:{low}"></i><i style="left:{high}"></i>'
        f'<b style="left:{here}"></b></div>'
        f'<div class="meter-names" aria-hidden="true">{labels}</div></div>'
    )


def problems(codes: Sequence[str]) -> str:
    """What is wrong with the picture and how to take a better one; empty without problems."""
    if not codes:
        return ""
    items = "".join(f"<li>{escape(sentence(f'problem.{code}'))}</li>" for code in codes)
    return f'<section class="problems"><h3>{escape(sentence("interface.problems"))}</h3><ul>{items}</ul></section>'


def diagnosis_bars(diagnoses: Mapping[str, float] | None) -> str:
    """The diagnoses as bars, likeliest first, each with its plain and its medical name."""
    if not diagnoses:
        return ""
    rows = []
    for code, share in sorted(diagnoses.items(), key=lambda entry: -entry[1]):
        need = f"<em>{escape(sentence('interface.needs_doctor'))}</em>" if code in MALIGNANT else ""
        rows.append(
            '<li><div class="bar-head">'
            f"<span><strong>{escape(sentence(f'diagnosis.{code}.name'))}</strong> {need}</span>"
            f"<span>{escape(percent(share))}</span></div>"
            f'<div class="bar" aria-hidden="true"><i style="width:{100 * share:.1f}%"></i></div>'
            f'<p class="small">{escape(sentence(f"diagnosis.{code}.line"))} '
            f'<span class="medical">{escape(MEDICAL_NAMES[code])}</span></p></li>'
        )
    return f'<ol class="bars">{"".join(rows)}</ol>'


def seen(picture_uri: str, *, border: bool, part_only: bool) -> str:
    """The picture that was scored, with a line that says how it was cut. picture_uri: a data URI."""
    how = "part" if part_only else "border" if border else "whole"
    return (
        f'<figure class="seen"><img src="{escape(picture_uri)}" alt="{escape(sentence("interface.seen.alt"))}">'
        f"<figcaption>{escape(sentence(f'interface.seen.{how}'))}</figcaption></figure>"
    )


def nearest_point(threshold: float, operating_points: Sequence[Mapping[str, float]]) -> Mapping[str, float] | None:
    """The measured operating point whose threshold (0…1) is nearest; None where none was measured."""
    return min(operating_points, key=lambda point: abs(point["threshold"] - threshold), default=None)


def operating_point(threshold: float, operating_points: Sequence[Mapping[str, float]], risk: float | None) -> str:
    """What warning from ``threshold`` (0…1) upwards would mean: sensitivity, specificity, and this photo's side."""
    point = nearest_point(threshold, operating_points)
    if point is None:
        return f"<p>{escape(sentence('interface.threshold.unknown'))}</p>"
    text = [
        f"<p>{escape(sentence(f'interface.threshold.{name}', count=f'{100 * point[name]:.0f}'))}</p>"
        for name in ("sensitivity", "specificity")
    ]
    if risk is not None:
        side = "above" if risk >= threshold else "below"
        text.append(f"<p><strong>{escape(sentence(f'interface.threshold.{side}', risk=percent(risk)))}</strong></p>")
    return f'<div class="point" role="status">{"".join(text)}</div>'
