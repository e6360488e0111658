"""How often photographs are refused, and how often those of a cancer are: a cancer that is refused is not found.

Rows are as ``train.evaluation.metrics`` describes them, with ``fitzpatrick`` as text where known. Any code in
``refused`` is a refusal; one that is not in REASONS says why a file could not be opened.
"""

from typing import Any

import numpy as np
import pandas as pd

from skin_model.network.refusal_rates import REASONS
from train.bootstrap import RESAMPLES, Draws, mean
from train.evaluation.subgroups import UNKNOWN, attribute_values

ATTRIBUTES = {"by_source": "source", "by_modality": "modality", "by_skin_tone": "fitzpatrick"}
"""Key of metrics.json -> the attribute of ``train.evaluation.subgroups`` whose values it counts by.

The skin tone is the Fitzpatrick type that the source recorded, 1 to 6; none is estimated from a photograph.
"""


def refusal_rates(rows: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, dict[str, Any]]:
    """``refused`` (all rows) and ``refused_malignant`` (cancers only), each with ``all`` and the keys of ATTRIBUTES.

    Under a key of ATTRIBUTES stands value -> counts as ``measure_refusals`` returns them, ``unknown`` last. Both parts
    name the same values, also those of which there is no cancer.
    """
    cancers = rows[rows["malignant"] == 1]
    found: dict[str, dict[str, Any]] = {
        name: {"all": measure_refusals(part, resamples=resamples, seed=seed)}
        for name, part in (("refused", rows), ("refused_malignant", cancers))
    }
    for key, attribute in ATTRIBUTES.items():
        values = attribute_values(rows, attribute)
        names = sorted(values.unique(), key=lambda value: (value == UNKNOWN, value))
        for name, part in (("refused", rows), ("refused_malignant", cancers)):
            found[name][key] = {
                value: measure_refusals(part[values[part.index] == value], resamples=resamples, seed=seed)
                for value in names
            }
    return found


def measure_refusals(rows: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Photographs, how many are refused, for which of REASONS, and ``share`` (0…1), n_refused of n.

    share: with its 95 % interval by bootstrap over groups, marked ``too_few`` below 30 groups; null where n is 0. The
    interval is 0 to 0 where none is refused. n_refused is larger than the reasons' sum by the files that could not be
    opened.
    """
    codes = rows["refused"].to_numpy(dtype=str)
    refused = codes != ""
    draws = Draws(rows["group"].to_numpy(dtype=str), resamples, seed)
    return {
        "n": len(rows),
        "n_refused": int(refused.sum()),
        **{f"n_{code}": int((codes == code).sum()) for code in REASONS},
        "share": mean(draws, refused.astype(np.float64)),
    }
