"""Many scored photos as one list: how many of each band, a line a photo, and behind each line its full answer."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from interface.components import result_card
from skin_model.assess import Assessment
from skin_model.network.calibration import CANNOT_TELL
from skin_model.network.config import Config
from skin_model.wording import Words

REFUSED = "refused"
KINDS = ("high", "raised", CANNOT_TELL, "low", REFUSED)
"""The bands as the scale has them, highest risk first, then the photos without a result."""
SORTING = """
element.addEventListener('change', (event) => {
  if (!event.target.matches('[data-sort]')) return;
  const by = event.target.value, list = element.querySelector('.batch-rows');
  const order = {
    risk: (a, b) => b.dataset.risk - a.dataset.risk,
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, { numeric: true }),
    given: (a, b) => a.dataset.given - b.dataset.given,
  }[by];
  list.append(...[...list.children].sort(order));
});
"""
"""For ``js_on_load`` of the HTML that holds the list: the lines change places, nothing is asked of the server."""


@dataclass(frozen=True)
class ListedPhoto:
    """name: of the file. thumbnail: a small JPEG, None where the photo cannot be read or is one of too many."""

    name: str
    assessment: Assessment
    thumbnail: bytes | None = None

    @property
    def kind(self) -> str:
        """One of KINDS."""
        found = self.assessment
        return REFUSED if found.refused is not None or found.risk is None or found.band is None else found.band


def most_urgent_first(photos: Sequence[ListedPhoto]) -> list[ListedPhoto]:
    """Highest risk first, those without a result last."""
    return sorted(photos, key=lambda photo: (photo.kind == REFUSED, -(photo.assessment.risk or 0.0)))


def title(words: Words, kind: str) -> str:
    """One of KINDS in words, for one photo and for many."""
    return words("mistakes.no_number" if kind == REFUSED else f"band.{kind}")


def counts(photos: Sequence[ListedPhoto]) -> dict[str, int]:
    """How many there are of each of KINDS that occurs, in that order."""
    found = Counter(photo.kind for photo in photos)
    return {kind: found[kind] for kind in KINDS if found[kind]}


def batch_list(words: Words, photos: Sequence[ListedPhoto], config: Config) -> str:
    """The list, highest risk first; ``photos`` are in the order in which they were chosen."""
    chips = "".join(
        f'<li data-kind="{kind}">{result_card.shape(kind, 20)}'
        f"<strong>{count}</strong> {escape(title(words, kind))}</li>"
        for kind, count in counts(photos).items()
    )
    options = "".join(
        f'<option value="{by}">{escape(words(f"batch.sort.{by}"))}</option>' for by in ("risk", "name", "given")
    )
    given = {id(photo): place for place, photo in enumerate(photos)}
    rows = "".join(_row(words, photo, given[id(photo)], config) for photo in most_urgent_first(photos))
    return (
        f'<ul class="batch-counts" aria-label="{escape(words("batch.summary"), quote=True)}">{chips}</ul>'
        f'<label class="batch-sort">{escape(words("batch.sort"))} <select data-sort>{options}</select></label>'
        f'<ol class="batch-rows" aria-label="{escape(words("batch.table"), quote=True)}">{rows}</ol>'
    )


def _row(words: Words, photo: ListedPhoto, given: int, config: Config) -> str:
    found, kind = photo.assessment, photo.kind
    name = escape(photo.name, quote=True)
    risk = "–" if kind == REFUSED else words.percent(found.risk or 0.0)
    picture = f'<span class="batch-none">{result_card.shape(kind, 28)}</span>'
    if photo.thumbnail is not None:
        data = base64.b64encode(photo.thumbnail).decode("ascii")
        picture = f'<img src="data:image/jpeg;base64,{data}" alt="">'
    line = (
        f'{picture}<bdi class="batch-name" title="{name}">{name}</bdi>'
        f'<strong class="batch-risk">{escape(risk)}</strong>'
        f'<span class="batch-band" data-kind="{kind}">{result_card.shape(kind, 20)}{escape(title(words, kind))}</span>'
    )
    if kind == REFUSED:
        line += f'<span class="batch-note">{escape(words(f"refused.{found.refused}"))}</span>'
    full = result_card.answer(words, found, config.thresholds, config.calibration)
    if kind != REFUSED:
        full += result_card.problems(words, found.problems) + result_card.diagnosis_bars(words, found.diagnoses)
    order = -1.0 if kind == REFUSED else found.risk
    return (
        f'<li data-risk="{order}" data-name="{name}" data-given="{given}">'
        f"<details><summary>{line}</summary>{full}</details></li>"
    )
