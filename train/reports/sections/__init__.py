"""What a report says, section by section, as tables and pictures: ``metrics.json`` in, neither HTML nor Markdown yet.

Nothing is computed here that does not follow from the figures of ``metrics.json`` by plain arithmetic, and what they do
not hold is named in ``Section.missing``.
"""

from collections.abc import Mapping
from typing import Any

from train.reports.sections import accuracy, doubts, refusals, use
from train.reports.sections.parts import Section


def sections(metrics: Mapping[str, Any]) -> list[Section]:
    """Every section in the order of the page; those that were not measured are ``empty`` and say so in ``missing``."""
    return [
        accuracy.sources(metrics),
        accuracy.families(metrics),
        accuracy.calibration(metrics),
        use.operating(metrics),
        use.decision_curves(metrics),
        accuracy.diagnoses(metrics),
        doubts.subgroups(metrics),
        refusals.refused(metrics),
        use.abstention(metrics),
        doubts.shortcuts(metrics),
        doubts.robustness(metrics),
        doubts.adversarial(metrics),
        doubts.saliency(metrics),
    ]


def not_measured(every: list[Section]) -> list[str]:
    """What this run did not measure, as names."""
    return [name for section in every for name in section.missing]
