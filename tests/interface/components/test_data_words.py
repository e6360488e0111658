"""What data sets call things, in words of every language, and rows of figures too."""

import json

import pytest

from interface.components import data_words, figures
from skin_model.network.checkpoint import EMBEDDED
from skin_model.wording import Words, languages

METRICS = json.loads((EMBEDDED / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("figure", "name", "text"),
    [
        ("sources", "ham10000:dermoscopic", "HAM10000: Dermatoscope"),
        ("sources", "clinic:smartphone", "clinic: Phone"),
        ("subgroups", "sex: male", "Sex: Male"),
        ("subgroups", "age_band: 30-44", "Age: 30 to 44"),
        ("subgroups", "age_band: 75 and over", "Age: 75 and over"),
        ("subgroups", "diagnosis: nv", "Diagnosis: Mole"),
        ("subgroups", "site: unknown", "Place on the body: not known"),
        ("subgroups", "skin_tone: 5", "Skin tone: 5"),
        ("subgroups", "camera: old", "camera: old"),
        ("pointing", "grad_cam: pointing_game", "Grad-CAM: Strongest point in the spot"),
        ("altered", "jpeg_30", "Strongly compressed (JPEG 30)"),
        ("altered", "something_new", "something_new"),
    ],
)
def test_a_row_is_named_in_words(figure, name, text):
    assert data_words.row(Words(), figure, name) == text


@pytest.mark.parametrize("language", languages())
def test_rows_of_one_figure_keep_names_of_their_own(language):
    for figure in ("sources", "altered", "shortcuts", "pointing", "subgroups"):
        names = {row["name"] for row in figures.draw(figure, METRICS, Words(language)).rows}
        assert len({data_words.row(Words(language), figure, name) for name in names}) == len(names)


@pytest.mark.parametrize("figure", ["altered", "shortcuts", "pointing"])
def test_every_row_that_was_measured_has_words(figure):
    for row in figures.draw(figure, METRICS, Words()).rows:
        name = row["name"].partition(": ")[2] or row["name"]
        assert Words()(f"value.{figure}.{name}")


@pytest.mark.parametrize("figure", ["sources", "subgroups", "altered", "shortcuts", "pointing"])
def test_no_row_of_what_was_measured_is_named_by_a_code(figure):
    names = [data_words.row(Words("de"), figure, row["name"]) for row in figures.draw(figure, METRICS, Words()).rows]
    assert not [name for name in names if "_" in name or name.islower()]


def test_a_value_that_nobody_named_stays_and_none_is_unknown():
    assert data_words.named(Words(), "site", "elsewhere") == "elsewhere"
    assert data_words.named(Words("de"), "site", "head_neck") == Words("de")("context.site.head_neck")
    assert data_words.named(Words(), "modality", "") == Words()("mistakes.unknown")
    assert data_words.diagnosis(Words(), "", True) == Words()("mistakes.malignant")
