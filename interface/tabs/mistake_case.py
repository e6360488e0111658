"""One case of the gallery as a page: photograph and map, what is true, what was said, and what is most alike."""

from collections.abc import Sequence
from html import escape

from interface.components import data_words
from interface.gallery import maps, photographs
from interface.gallery.facets import value_of
from interface.gallery.gallery import Case, Gallery, Neighbour
from skin_model.diagnoses import MALIGNANT
from skin_model.wording import Words


def risk(words: Words, case: Case) -> str:
    """The risk as a visitor would have been told it: none for a refused photo."""
    if case.refused or case.risk is None:
        return words("mistakes.no_number")
    return words.percent(case.risk)


def unknown(words: Words) -> str:
    """In place of a case that is not in the gallery."""
    return (
        f'<article class="case" tabindex="-1" data-id=""><nav>{_back(words)}</nav>'
        f"<p class='warning' role='alert'>{escape(words('mistakes.unknown_case'))}</p></article>"
    )


def page(words: Words, gallery: Gallery, case: Case, among: Sequence[Case]) -> str:
    """Everything about one case. among: the cases in the gallery's present order, for the one before and after."""
    name = data_words.diagnosis(words, case.diagnosis, case.malignant)
    truth = words("mistakes.truth.malignant" if case.malignant else "mistakes.truth.benign", name=name)
    image_id = escape(case.image_id, quote=True)
    right = [
        f"<h3>{escape(truth if case.diagnosis else name)}</h3><p class='small'>{escape(_who(words, case))}</p>"
        f"<p class='said'>{escape(_said(words, case))}</p>",
        _glance(words, case),
        _nearest(words, gallery, case),
        _facts(words, case),
    ]
    return (
        f'<article class="case" tabindex="-1" data-id="{image_id}" aria-label="{escape(name)}">'
        f'{_steps(words, case, among)}<div class="case-columns"><div class="case-seen">{_picture(words, gallery, case)}'
        f"</div><div>{''.join(right)}</div></div></article>"
    )


def _who(words: Words, case: Case) -> str:
    """Age, sex, place and how the photograph was taken, as far as they are known."""
    known = ["" if case.age is None else f"{words('mistakes.fact.age')} {case.age:.0f}"]
    known += [
        data_words.named(words, name, value_of(case, name)) if getattr(case, name) else ""
        for name in ("sex", "site", "modality")
    ]
    return " · ".join(filter(None, known))


def _said(words: Words, case: Case) -> str:
    if case.refused:
        return words("mistakes.refused")
    return words("mistakes.said", risk=words.percent(case.risk or 0.0), band=words(f"band.{case.band}"))


def _back(words: Words) -> str:
    return f'<button type="button" class="back">{escape(words("mistakes.back"))}</button>'


def _steps(words: Words, case: Case, among: Sequence[Case]) -> str:
    """Back to the gallery, and to the cases before and after; a case that the filters leave out has none."""
    here = next((i for i, other in enumerate(among) if other.image_id == case.image_id), None)
    inside = _back(words)
    if here is not None:
        inside += f'<span class="small">{escape(words("mistakes.position", number=here + 1, total=len(among)))}</span>'
        for step, key in ((-1, "previous"), (1, "next")):
            there = here + step
            to = f'data-id="{escape(among[there].image_id, quote=True)}"' if 0 <= there < len(among) else "disabled"
            inside += f'<button type="button" {to}>{escape(words(f"mistakes.{key}"))}</button>'
    return f"<nav>{inside}</nav>"


def _picture(words: Words, gallery: Gallery, case: Case) -> str:
    """The photograph with the map over it and a slider; its outline on plain ground until, and unless, one comes."""
    drawn, heat = maps.lines(case), maps.colours(case)
    width, height = (drawn.width, drawn.height) if drawn else (4, 3)
    photo = photographs.address(case.image_id, 1000) if gallery.has_picture(case) else ""
    over = lines = ""
    if drawn:
        left, top, across, down = drawn.square
        place = (
            f"left:{100 * left / width:.2f}%;top:{100 * top / height:.2f}%;"
            f"width:{100 * across / width:.2f}%;height:{100 * down / height:.2f}%"
        )
        over = f'<img class="heat" src="{heat}" alt="" style="{place}">' if heat else ""
        lines = (
            f'<svg class="map" viewBox="0 0 {width} {height}" aria-hidden="true"><rect x="{left}" y="{top}" '
            f'width="{across}" height="{down}"/><path class="rim" d="{drawn.path}"/><path d="{drawn.path}"/></svg>'
        )
    text = escape(words("mistakes.photo"), quote=True)
    figure = (
        f'<div class="picture large" data-photo="{escape(photo, quote=True)}" data-page="{escape(case.page or "")}" '
        f'data-alt="{text}" style="aspect-ratio:{width}/{height}">{lines}{over}</div>'
    )
    if heat:
        label = escape(words("interface.strength"))
        note = (
            f'<label class="strength"><span>{label}</span><input type="range" min="0" max="100" value="50" step="5">'
            f'</label><p class="small with-photo">{escape(words("mistakes.heat"))}</p>'
            f'<p class="small without-photo">{escape(words("mistakes.map_legend"))}</p>'
        )
    else:
        note = f'<p class="small">{escape(words("mistakes.map_none" if drawn is None else "mistakes.map_empty"))}</p>'
    if case.page:
        note += f"<p>{_link(case.page, words('mistakes.archive'))}</p>"
    return figure + note


def _link(address: str, text: str) -> str:
    return f"<a href='{escape(address)}' rel='noopener noreferrer' target='_blank'>{escape(text)}</a>"


def _glance(words: Words, case: Case) -> str:
    """The seven probabilities on one line each, likeliest first; for a refused photo it is said whose they are."""
    if not case.diagnoses:
        return ""
    title = words("mistakes.alone" if case.refused else "interface.diagnoses")
    rows = "".join(
        f"<li{' class=urgent' if code in MALIGNANT else ''}><span>{escape(words(f'diagnosis.{code}.name'))}</span>"
        f'<i aria-hidden="true"><b style="width:{100 * share:.1f}%"></b></i><span>{escape(words.percent(share))}</span>'
        "</li>"
        for code, share in sorted(case.diagnoses.items(), key=lambda entry: -entry[1])
    )
    return f"<h4>{escape(title)}</h4><ol class='glance'>{rows}</ol>"


def _nearest(words: Words, gallery: Gallery, case: Case) -> str:
    """The most similar training cases as pictures with what they were."""
    if case.details is None:
        return ""
    if not case.details.nearest:
        return f"<p class='small'>{escape(words('mistakes.nearest_none'))}</p>"
    cards = "".join(_near(words, gallery, near) for near in case.details.nearest)
    return f"<h4>{escape(words('mistakes.nearest'))}</h4><ul class='nearest'>{cards}</ul>"


def _near(words: Words, gallery: Gallery, near: Neighbour) -> str:
    name = data_words.diagnosis(words, near.diagnosis, near.malignant)
    distance = words("mistakes.distance", distance=words.number(near.distance, 2))
    photo = photographs.address(near.image_id) if gallery.has_picture(near) else ""
    number = _link(near.page, near.image_id) if near.page else escape(near.image_id)
    return (
        f'<li><div class="picture" data-photo="{escape(photo, quote=True)}" data-alt=""></div>'
        f"<strong>{escape(name)}</strong><span class='small'>{number}<br>"
        f"{escape(data_words.named(words, 'source', near.source))}, {escape(distance)}</span></li>"
    )


def _facts(words: Words, case: Case) -> str:
    attributes = ("source", "modality", "site", "sex", "fitzpatrick", "confirmed_by")
    facts = {name: getattr(case, name) and data_words.named(words, name, value_of(case, name)) for name in attributes}
    facts["age"] = "" if case.age is None else f"{case.age:.0f}"
    if case.details is not None and case.details.border is not None:
        facts["border"] = data_words.named(words, "border", str(case.details.border.get("kind", "")))
    facts |= {"licence": case.licence, "id": case.image_id}
    rows = "".join(
        f"<tr><th scope='row'>{escape(words(f'mistakes.fact.{name}'))}</th><td>{escape(value)}</td></tr>"
        for name, value in facts.items()
        if value
    )
    # The licence has its own row, in words.
    citation = case.attribution.rpartition(". Licence:")[0] or case.attribution
    return (
        f"<details><summary>{escape(words('mistakes.facts'))}</summary><table class='facts'>{rows}</table>"
        f"<p class='small' lang='en' dir='ltr'>{escape(citation)}</p>"
        f"<p><a href='?tab=mistakes&case={escape(case.image_id, quote=True)}'>{escape(words('mistakes.link'))}</a></p>"
        "</details>"
    )
