"""Whether its orientation decides: the whole path's answers to a photograph turned and mirrored in all eight ways.

A lesion has no upright side, and a phone turns its photographs as it is held. Yet locator, resizing and network see
another picture each time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skin_model.photo import Photo
from train.bootstrap import RESAMPLES, Draws, mean
from train.data.per_photograph import draw, measure_each
from train.data.tables import photo_of
from train.digests import cache_key

if TYPE_CHECKING:
    from skin_model.assess import Assessor

PHOTOGRAPHS = 500
ORIENTATIONS = 8


def measure(
    assessor: Assessor,
    rows: pd.DataFrame,
    resamples: int = RESAMPLES,
    seed: int = 0,
    photographs: int | None = PHOTOGRAPHS,
    *,
    out: Path | None = None,
) -> dict[str, Any] | None:
    """Share of photographs whose band, or whether they are refused, is not the same in all eight orientations.

    rows: root, file, source, group, of which ``photographs`` are drawn. ``changed`` over all, ``by_source`` with n of
    each, and ``largest_difference``: the median of the difference between highest and lowest risk. None where nothing
    opens. out: a folder that the answers are kept in as they come, so that an interrupted call, repeated, goes on.
    """
    rows = draw(rows, photographs, seed)
    kept = None if out is None else out / f"orientation-{_key(assessor, rows)}.csv"
    found = measure_each(
        rows, lambda row: [answers(assessor, row)], "Turning photographs", kept, threads=os.cpu_count() or 1
    )
    if found.empty or found["risk_0"].isna().all():
        return None
    readable = found["risk_0"].notna().to_numpy()
    return summarise(found[readable], rows[readable], resamples, seed)


def answers(assessor: Assessor, row: Any) -> dict[str, Any]:
    """Band (or why refused) and risk of one photograph (root, file) in each way; NaN where it cannot be opened."""
    photo = photo_of(row)
    if photo is None:
        return {f"{name}_{way}": np.nan for way in range(ORIENTATIONS) for name in ("answer", "risk")}
    scored = assessor.assess_many([turned(photo, way) for way in range(ORIENTATIONS)])
    return {
        f"{name}_{way}": value
        for way, found in enumerate(scored)
        for name, value in (("answer", found.refused or found.band), ("risk", found.risk))
    }


def turned(photo: Photo, way: int) -> Photo:
    """The photo turned by ``way`` % 4 quarters, and mirrored before that from way 4 on."""
    rgb = photo.rgb[:, ::-1] if way >= ORIENTATIONS // 2 else photo.rgb
    sides = (photo.width, photo.height)[:: -1 if way % 2 else 1]
    return Photo(np.ascontiguousarray(np.rot90(rgb, way % 4)), *sides)


def summarise(found: pd.DataFrame, rows: pd.DataFrame, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """``measure``'s figures of answers that are known: columns ``answer_0`` … ``risk_7``, as long as rows."""
    given = found[[f"answer_{way}" for way in range(ORIENTATIONS)]]
    risks = found[[f"risk_{way}" for way in range(ORIENTATIONS)]].to_numpy(dtype=np.float64)
    changed = (given.nunique(axis=1) > 1).to_numpy(dtype=np.float64)
    draws = Draws(rows["group"].to_numpy(dtype=str), resamples, seed)
    sources = rows["source"].to_numpy(dtype=str)
    return {
        "n": len(rows),
        "orientations": ORIENTATIONS,
        "changed": mean(draws, changed),
        "largest_difference": float(np.median(risks.max(axis=1) - risks.min(axis=1))),
        "by_source": {
            str(source): {
                "n": int((sources == source).sum()),
                "changed": mean(draws, np.where(sources == source, changed, np.nan)),
            }
            for source in np.unique(sources)
        },
    }


def _key(assessor: Assessor, rows: pd.DataFrame) -> str:
    config = assessor.checkpoint.config
    described = f"{assessor.checkpoint.hash} {config.preprocessing} {config.calibration} {config.thresholds} "
    return cache_key(f"{described} {assessor.views} " + "\n".join(rows["file"]))
