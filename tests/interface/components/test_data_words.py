"""What data sets call things, in words of every language, and rows of figures too."""

import json

import pytest

from interface.components import data_words, figures
from skin_model.network.checkpoint import EMBEDDED
from skin_model.wording import Words, languages

METRICS = json.loads((EMBEDDED / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ham10000:dermoscopic", "HAM10000: Dermatoscope"),
        ("clinic:smartphone", "clinic: Phone"),
        ("sex: male", "Sex: Male"),
        ("age_band: 30-44", "Age: 30-44"),
        ("age_band: 75 and over", "Age: 75 and over"),
        ("diagnosis: nv", "Diagnosis: Mole"),
        ("site: unknown", "Place on the body: not known"),
        ("grad_cam: pointing_game", "Grad-CAM: warmest point inside"),
        ("jpeg_30", "Strong compression (JPEG 30)"),
        ("something_new", "something_new"),
    ],
)
def test_a_row_is_named_in_words(name, text):
    assert data_words.row(Words(), name) == text


@pytest.mark.parametrize("language", languages())
def test_rows_of_one_figure_keep_names_of_their_own(language):
    for figure in ("sources", "altered", "shortcuts", "pointing", "subgroups"):
        names = [row["name"] for row in figures.draw(figure, METRICS, Words(language)).rows]
        assert len({data_words.row(Words(language), name) for name in names}) == len(set(names))


def test_a_value_that_nobody_named_stays_and_none_is_unknown():
    assert data_words.named(Words(), "site", "elsewhere") == "elsewhere"
    assert data_words.named(Words("de"), "site", "head_neck") == Words("de")("context.site.head_neck")
    assert data_words.named(Words(), "modality", "") == Words()("mistakes.unknown")
    assert data_words.diagnosis(Words(), "", True) == Words()("mistakes.malignant")
