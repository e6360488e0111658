"""What a section of a report is made of, and how a figure reads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from skin_model.wording import sentence
from train.bootstrap import FEWEST_GROUPS
from train.reports import inline_plots

FEW = f"* fewer than {FEWEST_GROUPS} malignant or {FEWEST_GROUPS} benign groups: too few to judge."
NONE = "–"
ALL = "all"
EVERY_FAMILY = "all, equally weighted"


@dataclass(frozen=True)
class Cell:
    """One cell of a table. few: the figure stands on too few groups. shade: 0…1, how dark the cell is, or None."""

    text: str
    few: bool = False
    shade: float | None = None


@dataclass(frozen=True)
class Table:
    """caption: what the table shows. The first cell of a row is its heading. few_means: what the mark of few says."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    few_means: str = FEW

    @property
    def worded(self) -> tuple[bool, ...]:
        """One flag a column: whether it holds words, not numbers."""
        return tuple(any(cell.text[:1].isalpha() for cell in column) for column in zip(*self.rows, strict=True))

    @property
    def footnote(self) -> str:
        """What stands below the table: the note, and what the mark means where a cell has it."""
        marked = any(cell.few for row in self.rows for cell in row)
        return " ".join(part for part in (self.note, self.few_means if marked else "") if part)


@dataclass(frozen=True)
class Picture:
    """draw: gives the SVG, trusted markup from ``inline_plots``. alt: what it shows, in words and figures."""

    caption: str
    alt: str
    draw: Callable[[], str]


@dataclass(frozen=True)
class Section:
    """key: where in metrics.json it comes from, and its anchor. says: plain sentences. missing: what was not measured.

    measured_by: ``seed`` and ``command`` where they are this section's own.
    """

    key: str
    title: str
    says: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    missing: tuple[str, ...] = ()
    measured_by: Mapping[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.tables or self.pictures)


def decimal(figure: Mapping[str, Any] | float | None, digits: int = 3, *, signed: bool = False) -> Cell:
    """ "0.899 (0.870–0.925)"; a bare number has no interval."""
    return _cell(
        figure,
        lambda value: f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−"),
        between=" to " if signed else "–",
    )


def share(figure: Mapping[str, Any] | float | None) -> Cell:
    """ "95.4 % (91.8–98.5)", with as many digits as keep a rare thing from reading as 0 or 100 %."""
    if figure is None:
        return Cell(NONE)
    values = [figure[bound] for bound in ("value", "low", "high")] if isinstance(figure, Mapping) else [figure]
    fewest = 2 if 0 < values[0] < 0.01 else 1
    digits = next((d for d in range(fewest, 4) if all(v in (0, 1) or 0 < round(v, d + 2) < 1 for v in values)), 3)
    cell = _cell(figure, lambda value: f"{100 * value:.{digits}f}")
    number, space, interval = cell.text.partition(" ")
    return Cell(f"{number} %{space}{interval}", cell.few)


def _cell(figure: Mapping[str, Any] | float | None, text: Callable[[float], str], between: str = "–") -> Cell:
    if figure is None:
        return Cell(NONE)
    if not isinstance(figure, Mapping):
        return Cell(text(figure))
    shown = f"{text(figure['value'])} ({text(figure['low'])}{between}{text(figure['high'])})"
    return Cell(shown, few=bool(figure.get("too_few")))


def percent(value: float) -> str:
    """ "5.59 %" of 0.0559."""
    return f"{100 * value:.3g} %"


def count_cells(found: Mapping[str, Any], *keys: str) -> list[Cell]:
    """The whole numbers under ``keys``."""
    return [Cell(str(found.get(key, NONE))) for key in keys]


def value_of(figure: Mapping[str, Any] | float | None) -> float | None:
    """The value of a figure with an interval, of a bare number, or of nothing."""
    return figure["value"] if isinstance(figure, Mapping) else figure


def has(found: Mapping[str, Any], key: str) -> bool:
    """Whether ``key`` is there and holds something."""
    return isinstance(found, Mapping) and bool(found.get(key))


def all_first(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries that hold something, the one of all families first."""
    yield from sorted(((name, of) for name, of in found.items() if of), key=lambda item: item[0] != ALL)


def family_name(name: str) -> str:
    """A family as a reader knows it."""
    return EVERY_FAMILY if name == ALL else name


def forest(name: str, figures: Mapping[str, Any], xlabel: str, caption: str) -> tuple[Picture, ...]:
    """One picture of values on their intervals, or none where there are no figures."""
    if not figures:
        return ()
    hollow = ". Hollow: too few to judge." if any(figure.get("too_few") for figure in figures.values()) else ""
    said = "; ".join(f"{label} {decimal(figure).text}" for label, figure in figures.items())
    return (Picture(f"{caption}{hollow}", f"{caption}: {said}.", partial(inline_plots.forest, name, figures, xlabel)),)


def measured_by(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The seed and the command that belong to this part of metrics.json alone, where it names any."""
    own = {name: found[name] for name in ("seed", "command") if isinstance(found.get(name), str | int)}
    return own or None


def medical_name(code: str) -> str:
    """A diagnosis as doctors write it, without what else it holds, such as "Vascular lesion"."""
    return sentence(f"diagnosis.{code}.medical").split(" (")[0]
