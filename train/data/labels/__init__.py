"""What a label means: the one place that reads upstream's words for a diagnosis.

``meaning`` reads a single text, ``meaning_of_levels`` the levels of an ISIC archive record, ``LabelColumns`` the label
columns of a table, each judged as a whole, and ``settle`` makes one label of what a row is told in several places.
A text that is not understood in full means nothing; it is never guessed.
"""

from train.data.labels.meaning import CatalogueError, Meaning, NoLabel, Told, settle, taken_for
from train.data.labels.plain_text import plain
from train.data.labels.table_columns import ANSWERS, CLASSES, LabelColumns, answer
from train.data.labels.wording import diagnosis, meaning, meaning_of_levels

__all__ = [
    "ANSWERS",
    "CLASSES",
    "CatalogueError",
    "LabelColumns",
    "Meaning",
    "NoLabel",
    "Told",
    "answer",
    "diagnosis",
    "meaning",
    "meaning_of_levels",
    "plain",
    "settle",
    "taken_for",
]
