"""The mistakes tab: what it says of a gallery, its filters and its cases, and of photographs that are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from html import escape

import pytest

from interface.gallery.gallery import Gallery
from interface.tabs import mistake_case, mistakes
from skin_model.wording import Words, languages
from tests.interface.gallery.test_gallery import CASES, DETAIL, HEADER

WORDS = Words()


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    (tmp_path / "gallery.json").write_text(json.dumps(HEADER))
    (tmp_path / "cases.csv").write_text(CASES)
    (tmp_path / "metadata.jsonl").write_text(json.dumps(DETAIL | {"file_name": None}) + "\n")
    return Gallery.load(tmp_path)


def page(gallery: Gallery, image_id: str, **changes: object) -> str:
    case = replace(gallery.case(image_id), **changes)
    return mistake_case.page(WORDS, gallery, case, gallery.cases)


def test_the_title_of_the_filters_counts_those_that_leave_something_out():
    nothing = [[] for _ in mistakes.FILTERS]
    assert mistakes.fold_label(WORDS, [*nothing, 0, 100, 0, 100]) == WORDS("mistakes.filter")
    assert mistakes.fold_label(WORDS, [["mel"], *nothing[1:], 0, 60, 5, 100]) == f"{WORDS('mistakes.filter')} (3)"


def test_a_refused_case_says_whose_probabilities_are_shown_since_no_visitor_sees_them(gallery):
    shown, refused = page(gallery, "ISIC_0000001"), page(gallery, "ISIC_0000001", refused="unfamiliar")
    assert WORDS("interface.diagnoses") in shown
    assert WORDS("mistakes.alone") not in shown
    assert WORDS("mistakes.alone") in refused
    assert WORDS("interface.diagnoses") not in refused


def test_a_case_says_at_once_who_it_was(gallery):
    told = f"{WORDS('mistakes.fact.age')} 45 · Male · Back · Dermatoscope"
    assert told in page(gallery, "ISIC_0000001")


def test_a_case_without_training_cases_says_so(gallery):
    none = replace(gallery.case("ISIC_0000001").details, nearest=())
    assert WORDS("mistakes.nearest_none") in page(gallery, "ISIC_0000001", details=none)


def test_a_training_case_of_the_archive_is_a_link_to_it(gallery):
    text = page(gallery, "ISIC_0000001")
    assert "https://api.isic-archive.com/images/ISIC_0000009/" in text
    assert "images/PAT_9" not in text


@pytest.mark.parametrize("language", languages())
def test_where_photographs_are_missing_their_owners_and_the_commands_are_named(gallery, language):
    words = Words(language)
    attributions = {"PAD": "PAD-UFES-20 (Pacheco et al. 2020, doi 10.1016/j.dib.2020.106221). Licence: CC BY 4.0."}
    cases = tuple(replace(case, attribution=attributions["PAD"]) for case in gallery.cases)
    text = mistakes.how_to_see(words, replace(gallery, cases=cases))
    assert escape(words("mistakes.how")) in text
    assert 'href="https://doi.org/10.1016/j.dib.2020.106221"' in text
    assert "python -m train mistakes --data FOLDER --out gallery" in text
    assert "SKIN_MISTAKES=gallery" in text


def test_a_gallery_with_photographs_says_nothing_of_missing_ones(gallery):
    assert mistakes.how_to_see(WORDS, replace(gallery, header={**gallery.header, "photographs": True})) == ""
