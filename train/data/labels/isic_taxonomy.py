"""The ISIC archive's taxonomy of diagnoses: five levels from benign, malignant or indeterminate down to a subtype.

``isic_taxonomy.csv`` holds all 418 values (ImageMarkup/isic-metadata 4.12, ``diagnosis_hierarchical.py``, Apache-2.0)
with the class and the diagnosis that each gets here. Upstream's class is kept, but for actinic keratosis, which needs a
doctor. A nevus that is not of melanocytes (epidermal, sebaceous, lipomatous, of comedones, anaemic) is no ``nv``.
"""

import csv
from functools import cache
from pathlib import Path

from train.data.labels.meaning import BENIGN, INDETERMINATE, MALIGN, Meaning, of_diagnosis
from train.data.labels.plain_text import plain

VALUES = Path(__file__).with_name("isic_taxonomy.csv")
_CLASSES = {"benign": BENIGN, "malignant": MALIGN, "indeterminate": INDETERMINATE}


@cache
def values() -> dict[tuple[str, ...], Meaning]:
    """Every value of the taxonomy, its levels in plain words -> its meaning."""
    with VALUES.open(encoding="utf-8", newline="") as stream:
        return {
            tuple(plain(level) for level in row["value"].split(":")): (
                of_diagnosis(row["diagnosis"]) if row["diagnosis"] else _CLASSES[row["class"]]
            )
            for row in csv.DictReader(stream)
        }


@cache
def names() -> dict[str, Meaning]:
    """The lowest level of every value in plain words -> its meaning; no name comes twice in the taxonomy."""
    return {path[-1]: meaning for path, meaning in values().items()}
