"""Where the figures of a metrics.json come from: checkpoint, photographs, seed."""

from collections.abc import Mapping
from typing import Any

from train.reports.sections.parts import percent


def origin(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Everything needed to get the same figures again, as name and value."""
    checkpoint, data = metrics["checkpoint"], metrics["data"]
    found = {
        "checkpoint": " ".join(str(checkpoint[of]) for of in ("architecture", "version", "hash") if of in checkpoint),
        "split": data.get("split"),
        "SHA-256 of the split file": data.get("split_sha256"),
        "SHA-256 of the photographs' names and labels": data.get("rows_sha256"),
        "photographs": data.get("n"),
        "photographs that could not be opened": len(data["unreadable"]) if "unreadable" in data else None,
        "screening threshold": percent(metrics["threshold"]),
        "reference prevalence": percent(metrics["reference_prevalence"]) if "reference_prevalence" in metrics else None,
        "seed of the bootstrap": metrics.get("seed"),
        "bootstrap resamples": metrics.get("resamples"),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def short_origin(metrics: Mapping[str, Any]) -> str:
    """Checkpoint, split and seed in one line, for the foot of every section."""
    split = metrics["data"].get("split_sha256")
    parts = [f"checkpoint {metrics['checkpoint']['hash']}"]
    parts += [f"split {split[:12]}"] if split else []
    parts += [f"photographs {metrics['data']['rows_sha256'][:12]}"] if "rows_sha256" in metrics["data"] else []
    return " · ".join(parts)
