"""The answer in words and shapes: pure functions from an assessment to HTML, with every sentence from the wording."""

from collections.abc import Mapping, Sequence
from html import escape

from skin_model.assess import Assessment
from skin_model.diagnoses import MALIGNANT, MEDICAL_NAMES
from skin_model.network.calibration import CANNOT_TELL, Calibration, Thresholds
from skin_model.wording import Words

# A shape for every band, so that none is told apart by colour alone.
_SHAPES = {
    "low": '<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>',
    "raised": '<path d="M12 3 22 20H2z"/><path d="M12 10v4M12 17v.5"/>',
    "high": '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M12 7v6M12 16v.5"/>',
    "cannot_tell": '<circle cx="12" cy="12" r="9"/><path d="M9 9.5a3 3 0 1 1 4 2.7c-.7.3-1 .8-1 1.6M12 16.5v.5"/>',
    "refused": '<rect x="3" y="3" width="18" height="18" rx="3"/><path d="M8 8l8 8M16 8l-8 8"/>',
}


def answer(
    words: Words,
    assessment: Assessment,
    thresholds: Thresholds,
    calibration: Calibration,
    *,
    interval: tuple[float, float] | None = None,
    photos: int = 1,
    urgent: str | None = None,
    part_only: bool = False,
) -> str:
    """The card that comes first: band, risk and what to do next, or why there is no result.

    A refused photo's number is not in it. interval: lowest and highest risk (0…1) over the photos, or over one photo's
    turned views. photos: how many were taken together. urgent: the band of a photo that by itself is more urgent than
    all together. part_only: whether the visitor chose a part of the photo.
    """
    if assessment.refused is not None or assessment.risk is None or assessment.band is None:
        return _card(
            "refused", words("interface.no_result"), f"<p>{escape(words(f'refused.{assessment.refused}'))}</p>"
        )
    risk = words.percent(assessment.risk)
    extreme = "under" if assessment.risk < 0.01 else "over" if assessment.risk > 0.99 else "about"
    meaning = words(
        "interface.risk_meaning",
        count=words(f"interface.count.{extreme}", count=f"{100 * assessment.risk:.0f}"),
        prevalence=f"{100 * calibration.reference_prevalence:.0f}",
    )
    number = f'<p class="risk"><strong>{escape(risk)}</strong> <span>{escape(words("interface.risk_label"))}</span>'
    if interval is not None and words.percent(interval[0]) != words.percent(interval[1]):
        number += f' <span class="interval">{escape(between(words, interval))}</span>'
    number += "</p>"
    body = number + _meter(words, assessment.risk, thresholds)
    if photos > 1:
        body += f'<p class="small">{escape(words("interface.photos", count=photos))}</p>'
    if urgent is not None and interval is not None:
        body += f"<p>{escape(disagreement(words, interval))}</p>"
    elif assessment.band == CANNOT_TELL:
        body += f"<p>{escape(words('interface.between'))}</p>"
    body += f'<p class="next"><strong>{escape(words("interface.next_step"))}</strong> '
    body += f"{escape(words(f'next_step.{urgent or assessment.band}'))}</p>"
    body += f'<p class="small">{escape(meaning)}</p>'
    if part_only:
        body += f'<p class="small">{escape(words("interface.part_only"))}</p>'
    body += notice(words)
    return _card(assessment.band, words(f"band.{assessment.band}"), body)


def between(words: Words, interval: tuple[float, float]) -> str:
    """A range of risks (0…1), such as "22% to 35%"."""
    return words("interface.interval", low=words.percent(interval[0]), high=words.percent(interval[1]))


def disagreement(words: Words, interval: tuple[float, float]) -> str:
    """That one photo alone is more urgent than all together. interval: of the photos' risks (0…1)."""
    return words("interface.photos.disagree", high=words.percent(interval[1]))


def how_sure(words: Words, assessment: Assessment, interval: tuple[float, float], photos: int) -> str:
    """How steady the number is, and what steadiness does not say."""
    low, high = (words.percent(end) for end in interval)
    kind = "photos" if photos > 1 else "turned"
    lines = [words(f"interface.sure.{kind}", count=photos, low=low, high=high), words("interface.sure.limits")]
    if assessment.band == CANNOT_TELL and photos == 1:
        lines.insert(1, words("interface.sure.cannot_tell"))
    return '<div class="point">' + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</div>"


def notice(words: Words) -> str:
    """What the whole tool is not, where the answer is read."""
    return f'<p class="notice">{escape(words("notice.screening"))}</p>'


def shape(kind: str, side: int) -> str:
    """The sign of a band, or of "refused", as an SVG of ``side`` pixels."""
    return (
        f'<svg viewBox="0 0 24 24" width="{side}" height="{side}" aria-hidden="true" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{_SHAPES[kind]}</svg>'
    )


def _card(kind: str, title: str, body: str) -> str:
    heading = f"<h2>{shape(kind, 28)}<span>{escape(title)}</span></h2>"
    return f'<section class="answer" data-kind="{kind}">{heading}{body}</section>'


def _meter(words: Words, risk: float, thresholds: Thresholds) -> str:
    """The risk on a scale of 0 to 100 %, with the bands' borders marked and named."""
    low, high, here = (f"{100 * value:.1f}%" for value in (thresholds.low, thresholds.high, risk))
    unsure = (thresholds.malignant_from, thresholds.benign_to)
    zones = {"low": {"start": thresholds.low}, "raised": {"start": thresholds.low}}
    if unsure[0] < unsure[1]:
        zones["cannot_tell"] = {"start": unsure[0], "end": unsure[1]}
    zones["high"] = {"start": thresholds.high}
    labels = "".join(
        f"<span>{escape(words(f'interface.meter.{name}', **{k: words.percent(v) for k, v in ends.items()}))}</span>"
        for name, ends in zones.items()
    )
    text = words(
        "interface.meter.label",
        risk=words.percent(risk),
        low=words.percent(thresholds.low),
        high=words.percent(thresholds.high),
    )
    return (
        f'<div class="meter" role="img" aria-label="{escape(text)}">'
        f'<div class="meter-track"><i style="inset-inline-start:{low}"></i><i style="inset-inline-start:{high}"></i>'
        f'<b style="inset-inline-start:{here}"></b></div>'
        f'<div class="meter-names" aria-hidden="true">{labels}</div></div>'
    )


def problems(words: Words, codes: Sequence[str]) -> str:
    """What is wrong with the picture and how to take a better one; empty without problems."""
    if not codes:
        return ""
    items = "".join(f"<li>{escape(words(f'problem.{code}'))}</li>" for code in codes)
    return f'<section class="problems"><h3>{escape(words("interface.problems"))}</h3><ul>{items}</ul></section>'


def diagnosis_bars(words: Words, diagnoses: Mapping[str, float] | None) -> str:
    """The diagnoses as bars, likeliest first, each with its plain and its medical name."""
    if not diagnoses:
        return ""
    rows = []
    for code, share in sorted(diagnoses.items(), key=lambda entry: -entry[1]):
        need = f"<em>{escape(words('interface.needs_doctor'))}</em>" if code in MALIGNANT else ""
        rows.append(
            '<li><div class="bar-head">'
            f"<span><strong>{escape(words(f'diagnosis.{code}.name'))}</strong> {need}</span>"
            f"<span>{escape(words.percent(share))}</span></div>"
            f'<div class="bar" aria-hidden="true"><i style="width:{100 * share:.1f}%"></i></div>'
            f'<p class="small">{escape(words(f"diagnosis.{code}.line"))} '
            f'<span class="medical">{escape(MEDICAL_NAMES[code])}</span></p></li>'
        )
    return f'<ol class="bars">{"".join(rows)}</ol>'


def seen(words: Words, picture_uri: str, *, border: bool, spot: bool, part_only: bool) -> str:
    """The picture that was scored, with a line that says how it was cut. picture_uri: a data URI."""
    how = "part" if part_only else "border" if border else "spot" if spot else "whole"
    return (
        f'<figure class="seen"><img src="{escape(picture_uri)}" alt="{escape(words("interface.seen.alt"))}">'
        f"<figcaption>{escape(words(f'interface.seen.{how}'))}</figcaption></figure>"
    )


def nearest_point(threshold: float, operating_points: Sequence[Mapping[str, float]]) -> Mapping[str, float] | None:
    """The measured operating point whose threshold (0…1) is nearest; None where none was measured."""
    return min(operating_points, key=lambda point: abs(point["threshold"] - threshold), default=None)


def operating_point(
    words: Words, threshold: float, operating_points: Sequence[Mapping[str, float]], risk: float | None
) -> str:
    """What warning from ``threshold`` (0…1) upwards would mean: sensitivity, specificity, and this photo's side."""
    point = nearest_point(threshold, operating_points)
    if point is None:
        return f"<p>{escape(words('interface.threshold.unknown'))}</p>"
    text = [
        f"<p>{escape(words(f'interface.threshold.{name}', count=f'{100 * point[name]:.0f}'))}</p>"
        for name in ("sensitivity", "specificity")
    ]
    if risk is not None:
        side = "above" if risk >= threshold else "below"
        text.append(f"<p><strong>{escape(words(f'interface.threshold.{side}', risk=words.percent(risk)))}</strong></p>")
    return f'<div class="point" role="status">{"".join(text)}</div>'
