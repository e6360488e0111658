"""The page for the doctor: one page, in every language, with what a doctor needs and nothing of a refused photo."""

import base64
import io
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from interface.components import about_spot, pdf_report, scored_photo
from skin_model.assess import Assessment
from skin_model.wording import Words, languages
from tests.interface.served import random_assessor

pypdf = pytest.importorskip("pypdf", reason="needs pypdf (requirements-dev.txt)")
DAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def seen(examples):
    assessor = random_assessor()
    found = scored_photo.score_photo(assessor, examples / "tone-1.jpg")
    return assessor, found, scored_photo.before_and_after(assessor, found, "grad_cam", 0.5)


def page(seen, language="en", assessment=None, risks=(0.2,), disagree=False, part_only=False):
    assessor, found, (before, after) = seen
    shown = found.assessment if assessment is None else assessment
    together = scored_photo.CombinedAssessment(
        shown, (min(risks), max(risks)) if len(risks) > 1 else found.spread, risks, disagree
    )
    return pdf_report.page_for_the_doctor(
        Words(language), before, after, together, assessor.checkpoint, DAY, part_only=part_only
    )


def text_of(document):
    reader = pypdf.PdfReader(io.BytesIO(document))
    assert len(reader.pages) == 1
    return re.sub(r"\s+", " ", reader.pages[0].extract_text())


def test_the_page_holds_answer_date_network_and_what_it_is_not(seen):
    _, found, _ = seen
    words, text = Words(), text_of(page(seen))
    for expected in (
        "Date: 2026-11-21",
        words(f"band.{found.assessment.band}"),
        words.percent(found.assessment.risk),
        words("notice.screening"),
        "Melanocytic naevus",
    ):
        assert expected in text


def test_photo_and_overlay_are_both_on_the_page(seen):
    assert len(pypdf.PdfReader(io.BytesIO(page(seen))).pages[0].images) == 2


@pytest.mark.parametrize("language", languages())
def test_the_longest_page_stays_one_page_with_its_last_line(seen, language):
    _, found, _ = seen
    problems = ("too_blurred", "too_dark", "glare", "too_small", "lesion_too_small")
    worst = replace(found.assessment, band="cannot_tell", problems=problems)
    longest = page(seen, language, worst, risks=(0.31, 0.42, 0.53), disagree=True, part_only=True)
    document = pypdf.PdfReader(io.BytesIO(longest))
    assert len(document.pages) == 1
    heights = []
    document.pages[0].extract_text(visitor_text=lambda text, _, tm, *rest: heights.append(tm[5]) if text.strip() else 0)
    assert min(heights) > 20  # points above the lower edge


def test_the_risk_of_every_photo_is_on_the_page_and_which_one_it_shows(seen):
    assert "photo 1 of 3, the most serious one. One by one they gave: 48%, 1.0%, 5.0%." in text_of(
        page(seen, risks=(0.48, 0.01, 0.05))
    )


def test_photos_that_disagree_say_so_beside_the_band_of_the_most_urgent_one(seen):
    urgent = replace(seen[1].assessment, risk=0.48, band="high")
    text = text_of(page(seen, assessment=urgent, risks=(0.48, 0.01, 0.01), disagree=True))
    assert "The photos do not agree: one of them alone looks more serious (48%)" in text
    assert "High risk" in text and "Make an appointment with a doctor now" in text


@pytest.mark.parametrize("language", languages())
def test_there_is_room_to_write_what_a_photo_does_not_show(seen, language):
    words, text = Words(language), text_of(page(seen, language))
    if words.direction == "ltr":  # letters of Arabic come out of a PDF in the order they are drawn in
        for name in ("site", "since", "taken", "changes"):
            assert words(f"pdf.fill.{name}") in text


@pytest.mark.parametrize("language", languages())
def test_a_page_holds_no_english_name_of_a_diagnosis_beside_another_languages(seen, language):
    text = text_of(page(seen, language))
    for code in ("bcc", "nv", "akiec"):
        english = Words()(f"diagnosis.{code}.medical").split(",")[0]
        assert (english in text) == (language == "en")


def test_a_page_on_a_part_of_the_photo_says_so(seen):
    assert Words()("interface.part_only") in text_of(page(seen, part_only=True))
    assert Words()("interface.part_only") not in text_of(page(seen))


def test_a_refused_photo_has_no_page(seen):
    with pytest.raises(ValueError, match="refused"):
        page(seen, assessment=Assessment(risk=0.5, band="cannot_tell", refused="not_skin"))


def test_the_page_is_handed_over_inside_the_link(seen):
    document = page(seen)
    link = pdf_report.download(Words(), document)
    assert base64.b64decode(re.search(r"base64,([^\"]+)", link)[1]) == document
    assert 'download="self-skin-check.pdf"' in link


@pytest.mark.parametrize(
    "told", [None, "", "yesterday", 3, "0001-01-01", "9999-12-31", (date.today() - timedelta(2)).isoformat()]
)
def test_a_date_that_is_nowhere_today_gives_way_to_the_servers(told):
    assert pdf_report.date_on_paper(told) == date.today()


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_the_visitors_date_counts(days):
    day = date.today() + timedelta(days)
    assert pdf_report.date_on_paper(day.isoformat()) == day


@pytest.mark.parametrize("language", ["en", "de", "pl"])
def test_the_page_says_of_what_the_second_risk_is(seen, language):
    assessor, found, (before, after) = seen
    combined, words = scored_photo.combine(found, assessor.checkpoint.config.thresholds), Words(language)
    said = about_spot.in_words(words, 70, "female", "posterior_torso")
    made = pdf_report.page_for_the_doctor(
        words, before, after, combined, assessor.checkpoint, DAY, with_context=(0.34, said)
    )
    told = f"{words('context.risk', risk=words.percent(0.34))} ({said})"
    assert re.sub(r"\s+", " ", told) in text_of(made)
