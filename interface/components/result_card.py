"""The answer in words and shapes: pure functions from an assessment to HTML, with every sentence from the wording."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from skin_model.assess import Assessment
from skin_model.diagnoses import MALIGNANT
from skin_model.network.calibration import CANNOT_TELL, LOW, Calibration, Thresholds, band
from skin_model.network.risk_scale import place, segment_of, segments
from skin_model.overlay import NOTICEABLE
from skin_model.wording import LEAST_SHOWN, Words

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
    number: int = 1,
    disagree: bool = False,
    part_only: bool = False,
    not_located: bool = False,
) -> str:
    """The card that comes first: band, what to do, risk and doubts, the rest folded; or why there is no result.

    A refused photo's number is not in it. interval: lowest and highest risk (0…1) over the photos, or over one photo's
    turned views. photos: how many were taken together. number: which of them is shown. disagree: whether the assessment
    is that of one photo which is more urgent than all together. part_only: whether the visitor chose a part of the
    photo. not_located: whether a spot was looked for and none stood out.
    """
    if assessment.refused is not None or assessment.risk is None or assessment.band is None:
        why = f"<p>{escape(words(f'refused.{assessment.refused}'))}</p>"
        return _card("refused", words("interface.no_result"), why + notice(words))
    risk = words.percent(assessment.risk)
    extreme = "under" if assessment.risk < 0.01 else "over" if assessment.risk > 0.99 else "about"
    meaning = words(
        "interface.risk_meaning",
        count=words(f"interface.count.{extreme}", count=f"{100 * assessment.risk:.0f}"),
        prevalence=f"{100 * calibration.reference_prevalence:.0f}",
    )
    body = f'<p class="next">{escape(words(f"advice.{assessment.band}"))}</p>'
    body += f'<p class="risk"><strong>{escape(risk)}</strong> <span>{escape(words("interface.risk_label"))}</span></p>'
    if interval is not None and words.percent(interval[0]) != words.percent(interval[1]):
        body += f'<p class="small">{escape(_range(words, "range", interval, photos))}</p>'
    body += _scale(words, assessment.risk, assessment.band, thresholds)
    if photos > 1 and not disagree:
        body += f'<p class="small">{escape(words("interface.photos", count=photos))}</p>'
    if photos > 1:
        body += f'<p class="small">{escape(words("interface.photos.shown", number=number, count=photos))}</p>'
    if part_only:
        body += f'<p class="small">{escape(words("interface.part_only"))}</p>'
    for doubt in doubts(words, assessment, thresholds, interval, photos, disagree, not_located):
        body += f'<p class="doubt">{escape(doubt)}</p>'
    rest = [words(f"next_step.{assessment.band}"), meaning]
    if assessment.band == CANNOT_TELL:
        rest.append(words("interface.between"))
    folded = "".join(f"<p>{escape(line)}</p>" for line in rest)
    body += f"<details><summary>{escape(words('interface.fold'))}</summary>{folded}</details>"
    body += notice(words)
    return _card(assessment.band, words(f"band.{assessment.band}"), body)


def doubts(
    words: Words,
    assessment: Assessment,
    thresholds: Thresholds,
    interval: tuple[float, float] | None,
    photos: int,
    disagree: bool,
    not_located: bool,
) -> list[str]:
    """What speaks against the band, in sentences; arguments as ``answer``'s."""
    found = []
    if disagree:
        found.append(words("interface.photos.disagree", high=words.percent(assessment.risk or 0.0)))
    elif interval is not None and photos == 1 and assessment.band == LOW:
        reached = band(interval[1], thresholds)
        if reached != LOW:
            name = words(f"band.{reached}")
            found.append(words("interface.reaches", high=words.percent(interval[1]), band=name))
    if not_located and assessment.band == LOW:
        found.append(words("interface.not_located"))
    return found


def how_sure(words: Words, assessment: Assessment, interval: tuple[float, float], photos: int, *, more: bool) -> str:
    """How steady the number is, and what steadiness does not say. more: whether further photos can be added."""
    lines = [_range(words, "sure", interval, photos)]
    if assessment.band == CANNOT_TELL and photos == 1:
        lines.append(words("interface.sure.cannot_tell"))
    lines.append(words("interface.sure.limits"))
    if more:
        lines.append(words("interface.sure.more"))
    return '<div class="point">' + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</div>"


def _range(words: Words, place: str, interval: tuple[float, float], photos: int) -> str:
    """Between which risks (0…1) the number lies when the photo is turned, or over all photos of the spot.

    place: "range", in brief beside the number, or "sure", as a sentence.
    """
    low, high = (words.percent(end) for end in interval)
    kind = "photos" if photos > 1 else "turned"
    if place == "range" and kind == "turned" and interval[0] < LEAST_SHOWN:
        kind = "turned_to"
    return words(f"interface.{place}.{kind}", count=photos, low=low, high=high)


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
    heading = f'<h2 tabindex="-1">{shape(kind, 28)}<span>{escape(title)}</span></h2>'
    return f'<section class="answer" data-kind="{kind}">{heading}{body}</section>'


def scale_in_words(words: Words, thresholds: Thresholds) -> str:
    """Every segment of the scale with its borders, such as "Lower: below 5.9%, Raised: from 5.9%"."""
    told = []
    for segment in segments(thresholds):
        kind = "between" if segment.start > 0 and segment.end < 1 else "from" if segment.start > 0 else "below"
        name, start, end = words(f"interface.meter.{segment.band}"), segment.start, segment.end
        borders = {"below": {"end": end}, "between": {"start": start, "end": end}, "from": {"start": start}}[kind]
        shown = {which: words.percent(border) for which, border in borders.items()}
        told.append(words(f"interface.meter.{kind}", band=name, **shown))
    return words("format.list").join(told)


def _scale(words: Words, risk: float, band_: str, thresholds: Thresholds) -> str:
    """The risk among the bands, each in a segment of one width, with every border labelled where it is."""
    scale = segments(thresholds)
    here = segment_of(risk, band_, scale)
    names, track, borders = "", "", ""
    for number, segment in enumerate(scale):
        chosen = ' class="here"' if number == here else ""
        names += f"<span{chosen}>{escape(words(f'interface.meter.{segment.band}'))}</span>"
        track += f'<i data-band="{segment.band}"{chosen}></i>'
        if number:
            left = f"{100 * number / len(scale):.1f}%"
            border = escape(words.percent(segment.start))
            borders += f'<span style="inset-inline-start:{left}">{border}</span>'
    text = f"{words('interface.meter.label', risk=words.percent(risk))} {scale_in_words(words, thresholds)}"
    return (
        f'<div class="meter" role="img" aria-label="{escape(text)}">'
        f'<div class="meter-names" aria-hidden="true">{names}</div>'
        f'<div class="meter-track">{track}'
        f'<b style="inset-inline-start:{100 * place(risk, band_, scale):.1f}%"></b></div>'
        f'<div class="meter-borders" aria-hidden="true">{borders}</div></div>'
    )


def problems(words: Words, codes: Sequence[str]) -> str:
    """What is wrong with the picture and how to take a better one; empty without problems."""
    if not codes:
        return ""
    items = "".join(f"<li>{escape(words(f'problem.{code}'))}</li>" for code in codes)
    return f'<section class="problems"><h3>{escape(words("interface.problems"))}</h3><ul>{items}</ul></section>'


def diagnosis_bars(words: Words, diagnoses: Mapping[str, float] | None, *, weighted: bool = False) -> str:
    """The diagnoses as bars, likeliest first, each with its plain and its medical name.

    weighted: whether they have a calibration of their own, so that those of the cancers do not add up to the risk.
    """
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
            f'<span class="medical">{escape(words(f"diagnosis.{code}.medical"))}</span></p></li>'
        )
    note = f'<p class="small">{escape(words("interface.diagnoses.weighted"))}</p>' if weighted else ""
    return f'<ol class="bars">{"".join(rows)}</ol>{note}'


def reasons(words: Words, found: Assessment, heatmap: np.ndarray) -> str:
    """What the colours mean, or that there is nothing to colour. heatmap: (S, S) in -1…1."""
    raised, lowered = heatmap.max() >= NOTICEABLE, heatmap.min() <= -NOTICEABLE
    lines = [] if raised else [words("interface.why.none" if found.band == LOW else "interface.why.whole")]
    if raised or lowered:
        lines.append(words("interface.why.line"))
    signs = [name for name, there in (("raised", raised), ("lowered", lowered)) if there]
    key = "".join(f'<li class="{name}">{escape(words(f"interface.legend.{name}"))}</li>' for name in signs)
    return "".join(f"<p>{escape(line)}</p>" for line in lines) + (f'<ul class="legend">{key}</ul>' if key else "")


def is_drawn(heatmap: np.ndarray) -> bool:
    """Whether a map (-1…1) holds enough to be drawn at all."""
    return bool(np.abs(heatmap).max() >= NOTICEABLE)


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
    text.append(f'<p class="small">{escape(words("interface.threshold.photographs"))}</p>')
    return f'<div class="point" role="status">{"".join(text)}</div>'
