"""The list of many photos and its PDF: order, counts, and names that could be markup."""

import io
import re
from datetime import date

import pytest

from interface.components import batch_list, batch_report
from interface.components.batch_list import ListedPhoto
from skin_model.assess import Assessment
from skin_model.network.checkpoint import Checkpoint
from skin_model.wording import Words, languages

pypdf = pytest.importorskip("pypdf", reason="needs pypdf (requirements-dev.txt)")
CHECKPOINT = Checkpoint.load()
PHOTOS = [
    ListedPhoto("b.jpg", Assessment(risk=0.02, band="low")),
    ListedPhoto("cat.jpg", Assessment(risk=0.99, band="high", refused="not_skin")),
    ListedPhoto("a.jpg", Assessment(risk=0.7, band="high")),
    ListedPhoto("<img src=x>.jpg", Assessment(risk=0.03, band="low")),
]


def shown(words=None):
    return batch_list.batch_list(words or Words(), PHOTOS, CHECKPOINT.config)


def test_the_most_urgent_band_is_counted_first_and_photos_without_a_result_last():
    assert list(batch_list.counts(PHOTOS).items()) == [("high", 1), ("low", 2), ("refused", 1)]


def test_the_bands_are_counted_in_the_order_of_the_scale():
    bands = [
        ListedPhoto(f"{band}.jpg", Assessment(risk=0.5, band=band)) for band in ("low", "cannot_tell", "raised", "high")
    ]
    assert list(batch_list.counts(bands)) == ["high", "raised", "cannot_tell", "low"]


def test_why_there_is_no_result_stands_in_the_line_itself():
    line = shown().split('data-name="cat.jpg"')[1].split("</summary>")[0]
    assert Words()("refused.not_skin") in line


def test_the_highest_risk_comes_first_and_each_line_keeps_the_place_it_was_chosen_at():
    assert re.findall(r'data-name="([^"]+)" data-given="(\d)"', shown()) == [
        ("a.jpg", "2"),
        ("&lt;img src=x&gt;.jpg", "3"),
        ("b.jpg", "0"),
        ("cat.jpg", "1"),
    ]


def test_a_photo_without_a_result_shows_why_and_no_number():
    line = shown().split('data-name="cat.jpg"')[1]
    assert Words()("refused.not_skin") in line
    assert "99" not in line


def test_each_line_opens_the_answer_of_its_own_photo():
    line = shown().split('data-name="a.jpg"')[1].split("</details>")[0]
    assert 'class="answer" data-kind="high"' in line


def test_a_name_that_is_markup_is_shown_as_text():
    assert "<img src=x" not in shown()


@pytest.mark.parametrize("language", languages())
def test_the_pdf_of_many_photos_has_each_of_them_in_every_language(language):
    many = [ListedPhoto(f"photo-{n:03d}.jpg", Assessment(risk=0.5, band="cannot_tell")) for n in range(30)]
    pdf = pypdf.PdfReader(io.BytesIO(batch_report.batch_report(Words(language), many, CHECKPOINT, date(2026, 1, 2))))
    text = "".join(page.extract_text() for page in pdf.pages)
    assert len(pdf.pages) > 1
    assert all(photo.name in text for photo in many)
