"""What an answer promises its reader on every screen: short, in place, in their language and of what they gave."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from interface.components import about_spot, scored_photo
from skin_model.assess import Assessor
from skin_model.network.calibration import Thresholds
from skin_model.network.context import ContextModel
from skin_model.wording import Words, languages, sentence
from tests.conftest import REPOSITORY
from tests.interface.served import random_assessor, serve

EXAMPLES = REPOSITORY / "examples"
PHOTO = EXAMPLES / "tone-4-uneven.jpg"
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
AGES = ContextModel((40.0, 60.0), (-2.0, 2.0), {"female": 0.5, "male": -0.5}, {})


def doubtful() -> Assessor:
    """Says of PHOTO that its risk is lower, but not when it is turned: the answer with the most lines."""
    plain = random_assessor().checkpoint
    found = scored_photo.score_photo(Assessor(plain), PHOTO)
    risk, most = found.assessment.risk, found.spread[1]
    low = Thresholds(low=(risk + most) / 2, high=0.99, malignant_from=1.0, benign_to=0.0)
    return Assessor(replace(plain, config=replace(plain.config, context=AGES, thresholds=low)))


@pytest.fixture(scope="module")
def assessor() -> Assessor:
    return doubtful()


@pytest.fixture(scope="module")
def address(assessor):
    with serve(assessor) as served:
        yield served


def answered(page, file=PHOTO) -> None:
    page.locator("#sources input[type=file]").set_input_files(file)
    page.locator("#answer .risk strong").wait_for()
    page.locator("#diagnoses").wait_for()


def shown_of(count: int, language: str) -> re.Pattern[str]:
    """The sentence that says which of the photos is shown, whichever that is."""
    return re.compile(re.escape(Words(language)("interface.photos.shown", number=0, count=count)).replace("0", r"\d"))


def lefts(page, selector: str) -> list[float]:
    return page.locator(selector).evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().left)")


@pytest.mark.parametrize("language", languages())
def test_on_a_phone_the_folds_begin_within_1800_pixels_under_the_longest_answer(open_page, address, language):
    page = open_page(**PHONE, address=address, language=language)
    answered(page)
    assert page.locator("#answer .doubt").is_visible()
    page.wait_for_function("[...document.querySelectorAll('#overlay img')].every((image) => image.naturalHeight)")
    assert page.locator("#diagnoses").evaluate("(fold) => fold.getBoundingClientRect().top + scrollY") <= 1800


def test_buttons_beside_each_other_are_of_one_height(open_page, address):
    page = open_page(**PHONE, address=address, language="de")
    answered(page)
    for row in ("#sources", "#next-actions"):
        heights = page.locator(f"{row} button").evaluate_all("(all) => all.map((one) => one.offsetHeight)")
        assert len(heights) == 2 and len(set(heights)) == 1


def test_the_heading_that_the_reader_is_moved_to_has_no_ring_of_a_control(open_page, address):
    page = open_page(address=address)
    answered(page)
    page.wait_for_function("document.activeElement.matches('#answer h2')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"


def test_an_age_that_nobody_typed_counts_for_nothing(open_page, address, assessor):
    page = open_page(address=address)
    answered(page)
    page.get_by_role("button", name=sentence("context.title")).click()
    assert page.get_by_label(sentence("context.age")).input_value() == ""
    page.get_by_role("combobox", name=sentence("context.sex"), exact=True).click()
    page.get_by_role("option", name=sentence("context.sex.female"), exact=True).click()
    photo = scored_photo.score_photo(assessor, PHOTO)
    risk = about_spot.risk_with(assessor, photo.assessment, None, "female", "")
    page.get_by_text(sentence("context.risk", risk=Words().percent(risk)), exact=True).wait_for()


def test_every_photo_of_a_spot_follows_into_another_language(open_page, address):
    page = open_page(address=address)
    answered(page)
    for count, file in ((2, "tone-1.jpg"), (3, "tone-6.jpg")):
        page.locator("#next-actions input[type=file]").set_input_files(EXAMPLES / file)
        page.get_by_text(shown_of(count, "en")).wait_for()
    page.select_option(".language select", "de")
    page.wait_for_url("**/de")
    page.get_by_text(shown_of(3, "de")).wait_for()


def test_the_chosen_part_of_a_photo_follows_into_another_language(open_page, address):
    page = open_page(address=address)
    answered(page)
    page.get_by_role("button", name=sentence("interface.part")).click()
    page.locator("#score-part").click()
    page.get_by_text(sentence("interface.part_only")).wait_for()
    page.select_option(".language select", "de")
    page.get_by_text(Words("de")("interface.part_only")).wait_for()


def test_in_arabic_a_slider_has_its_smaller_end_where_it_begins_to_fill(open_page, address):
    page = open_page(address=address, language="ar")
    answered(page)
    page.get_by_role("button", name=Words("ar")("interface.threshold")).click()
    page.locator("#threshold .min_value").wait_for()
    assert page.locator("#threshold input[type=range]").evaluate("(e) => getComputedStyle(e).direction") == "ltr"
    assert lefts(page, "#threshold .min_value") < lefts(page, "#threshold .max_value")


def test_the_ends_of_a_slider_are_written_as_the_language_writes_numbers(open_page, address):
    page = open_page(address=address, language="de")
    answered(page)
    page.get_by_role("button", name=Words("de")("interface.threshold")).click()
    page.locator("#threshold .min_value").get_by_text("0,1", exact=True).wait_for()


def test_in_arabic_the_arrow_of_a_list_lies_at_its_left_and_not_over_its_words(open_page, address):
    page = open_page(address=address, language="ar")
    assert page.locator(".language select").evaluate("(e) => getComputedStyle(e).backgroundPositionX") == "8px"
    answered(page)
    page.get_by_role("button", name=Words("ar")("context.title")).click()
    page.locator("#about-spot .icon-wrap").first.wait_for()
    for field, arrow in zip(lefts(page, "#about-spot .wrap-inner"), lefts(page, "#about-spot .icon-wrap"), strict=True):
        assert 0 < arrow - field < 20


def test_in_arabic_a_label_ends_with_its_unit(open_page, address):
    page = open_page(address=address, language="ar")
    answered(page)
    page.get_by_role("button", name=Words("ar")("interface.threshold")).click()
    label = page.locator("#threshold label [data-testid=block-info]")
    assert label.evaluate("(e) => getComputedStyle(e).direction") == "rtl"


@pytest.mark.parametrize("tab", ["check", "compare", "batch"])
def test_a_screen_for_fingers_speaks_of_no_dropping(open_page, address, tab):
    page = open_page(**PHONE, address=address, tab=tab)
    page.locator(f"#tab-{tab}").get_by_role("button").first.wait_for()
    page.wait_for_timeout(300)
    assert "drop" not in page.locator(f"#tab-{tab}").inner_text().lower()
