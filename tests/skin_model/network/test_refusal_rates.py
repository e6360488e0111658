"""The rows of refusal rates: in the order of metrics.json, and none where it does not count them."""

import json

import pytest

from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from skin_model.network.refusal_rates import refusal_rows


def counted(n, refused):
    share = {"value": refused / n, "low": 0.0, "high": 1.0} if n else None
    return {"n": n, "n_refused": refused, "n_not_skin": refused, "n_unfamiliar": 0, "share": share}


def refusals():
    """3 of 10 photographs refused, and 1 of 4 cancers; no cancer is of skin type 5."""
    return {
        "refused": {
            "all": counted(10, 3),
            "by_source": {"clinic": counted(10, 3)},
            "by_modality": {"dermoscopic": counted(6, 2), "smartphone": counted(4, 1)},
            "by_skin_tone": {"5": counted(1, 0), "unknown": counted(9, 3)},
        },
        "refused_malignant": {
            "all": counted(4, 1),
            "by_source": {"clinic": counted(4, 1)},
            "by_modality": {"dermoscopic": counted(1, 0), "smartphone": counted(3, 1)},
            "by_skin_tone": {"5": counted(0, 0), "unknown": counted(4, 1)},
        },
    }


def test_a_row_holds_the_counts_of_all_photographs_beside_those_of_cancers():
    rows = refusal_rows(refusals())
    assert [(row.by, row.name, row.photographs["n_refused"], row.cancers["n_refused"]) for row in rows] == [
        ("all", "", 3, 1),
        ("source", "clinic", 3, 1),
        ("modality", "dermoscopic", 2, 0),
        ("modality", "smartphone", 1, 1),
        ("skin_tone", "5", 0, 0),
        ("skin_tone", "unknown", 3, 1),
    ]


@pytest.mark.parametrize("absent", ["refused", "refused_malignant"])
def test_metrics_without_these_counts_give_no_rows(absent):
    metrics = refusals()
    del metrics[absent]
    assert refusal_rows(metrics) == []


def loaded(folder, part):
    """What a copy of the embedded checkpoint has as its metrics, with ``part`` added to them."""
    for file in ("config.json", "model.safetensors", "gate.safetensors"):
        (folder / file).write_bytes((EMBEDDED / file).read_bytes())
    metrics = json.loads((EMBEDDED / "metrics.json").read_text(encoding="utf-8"))
    (folder / "metrics.json").write_text(json.dumps({**metrics, **part}))
    return Checkpoint.load(folder).metrics


def test_metrics_with_whole_refusal_rates_are_shown(tmp_path):
    assert loaded(tmp_path, refusals())["refused"]["all"]["n"] == 10


@pytest.mark.parametrize(
    "broken",
    [
        {"by_source": {"other": counted(4, 1)}},
        {"all": {**counted(4, 1), "n": "<b>4</b>"}},
        {"all": {**counted(4, 1), "share": {"value": "half", "low": 0, "high": 1}}},
        {"all": {**counted(4, 1), "share": {"value": 1.5, "low": 0, "high": 1}}},
        {"all": {**counted(4, 1), "share": None}},
        {"by_skin_tone": []},
    ],
)
def test_metrics_with_broken_refusal_rates_are_not_shown(tmp_path, broken):
    part = refusals()
    part["refused_malignant"] |= broken
    assert loaded(tmp_path, part) is None
