"""Journeys through the gallery of mistakes in a real browser: photographs, maps, filters, cases and the way back."""

from __future__ import annotations

from collections import OrderedDict

import pytest

from interface.gallery import isic_archive
from interface.gallery.gallery import Gallery
from interface.tabs import mistakes
from interface.tabs.mistakes import DEFAULT, PAGE
from skin_model.wording import sentence
from tests.browser.test_tabs import PHONE, open_tab
from tests.interface.gallery.test_isic_archive import THUMBNAIL, drip, serving


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return Gallery.load(DEFAULT)


def counts(page, text: str) -> None:
    page.locator("#mistakes-counts").get_by_text(text).wait_for()


def told(gallery: Gallery, threshold: float) -> str:
    found = gallery.counts(threshold)
    return sentence(
        "mistakes.counts",
        missed=found.false_negatives,
        malignant=found.true_positives + found.false_negatives,
        alarms=found.false_positives,
        benign=found.true_negatives + found.false_positives,
    )


def test_moving_the_threshold_changes_the_counts(open_page, gallery):
    page = open_page()
    open_tab(page, "mistakes")
    counts(page, told(gallery, gallery.thresholds.see_doctor_from))
    page.locator("#mistakes-threshold input[type=number]").fill("50")
    page.locator("#mistakes-threshold input[type=number]").press("Tab")
    counts(page, told(gallery, 0.5))


def test_a_filter_leaves_only_the_cases_that_fit(open_page, gallery):
    page = open_page()
    open_tab(page, "mistakes")
    counts(page, told(gallery, gallery.thresholds.see_doctor_from))
    page.get_by_role("button", name=sentence("mistakes.filter")).click()
    page.locator("#mistakes-diagnosis input").click()
    # Counted beside it: the missed ones.
    missed = len(gallery.filtered(diagnosis=["mel"]).mistakes(gallery.thresholds.see_doctor_from)[1])
    page.get_by_role("option", name=f"{sentence('diagnosis.mel.name')} ({missed})", exact=True).click()
    counts(page, told(gallery.filtered(diagnosis=["mel"]), gallery.thresholds.see_doctor_from))


def test_the_title_of_the_filters_counts_them_and_one_press_clears_them(open_page, gallery):
    page = open_page(tab="mistakes")
    everything = told(gallery, gallery.thresholds.see_doctor_from)
    counts(page, everything)
    fold = page.locator("#mistakes-filters button").first
    fold.click()
    page.locator("#mistakes-age_to input[type=number]").fill("40")
    page.locator("#mistakes-age_to input[type=number]").press("Tab")
    counts(page, told(gallery.filtered(age=(0, 40)), gallery.thresholds.see_doctor_from))
    page.get_by_role("button", name=f"{sentence('mistakes.filter')} (1)").wait_for()
    page.get_by_role("button", name=sentence("mistakes.clear")).click()
    counts(page, everything)
    fold.filter(has_not_text="(1)").wait_for()
    assert page.locator("#mistakes-age_to input[type=number]").input_value() == "100"


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE], ids=["desktop", "phone"])
def test_the_first_photographs_are_in_sight_at_once(open_page, archive, size):
    page = open_page(**size, tab="mistakes")
    page.locator("#mistakes-grid .card").first.wait_for()
    assert page.locator("#mistakes-grid .card").first.bounding_box()["y"] < size["height"]


@pytest.mark.parametrize("maps", [False, True], ids=["without photographs", "over photographs"])
def test_no_outline_of_a_map_is_cut_off_or_covered(open_page, gallery, archive, maps):
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    if maps:
        for case in missed[:PAGE]:
            archive.describe(case.isic_id or "", thumbnail_256=f"{archive.base}/thumbnail.jpg")
    page = open_page(tab="mistakes")
    state = "photo" if maps else "none"
    if maps:
        page.locator(".show-maps input").check()
    page.locator(f"#mistakes-grid .picture[data-state={state}]").nth(4).wait_for()
    outside = page.evaluate(
        """(state) => [...document.querySelectorAll(`#mistakes-grid .card[data-map=some]:has([data-state=${state}])`)]
        .filter((card) => {
            const line = card.querySelector(".map path:not(.rim)").getBoundingClientRect();
            const room = card.querySelector(".picture").getBoundingClientRect();
            const note = card.querySelector(".why");
            const text = note && document.createRange();
            text?.selectNodeContents(note);
            const foot = text ? text.getBoundingClientRect().top : room.bottom;
            return line.top < room.top - 1 || line.left < room.left - 1
                || line.right > room.right + 1 || line.bottom > foot + 1;
        }).map((card) => card.querySelector("button").dataset.id)""",
        state,
    )
    assert outside == []


def test_a_card_whose_photograph_is_nowhere_leads_to_how_it_can_be_had(open_page):
    page = open_page(tab="mistakes")
    page.get_by_role("link", name=sentence("mistakes.how_link")).first.click()
    how = page.locator("#mistakes-how details[open]")
    how.wait_for()
    assert "SKIN_MISTAKES=gallery" in how.inner_text()
    assert page.evaluate("document.activeElement.closest('#mistakes-how') !== null")


def test_show_more_adds_cards(open_page, gallery):
    page = open_page()
    open_tab(page, "mistakes")
    page.get_by_role("radio", name=sentence("mistakes.alarms")).click()
    alarms, _ = gallery.mistakes(gallery.thresholds.see_doctor_from)
    counts(page, sentence("mistakes.shown", shown=PAGE, total=len(alarms)))
    page.get_by_role("button", name=sentence("mistakes.more")).click()
    counts(page, sentence("mistakes.shown", shown=2 * PAGE, total=len(alarms)))
    assert page.locator("#mistakes-grid .card").count() == 2 * PAGE


def wait_for_case(page, case) -> None:
    page.locator(f"#mistakes-case .case[data-id='{case.image_id}']").wait_for()


def test_a_card_opens_its_case_with_all_seven_probabilities(open_page, gallery):
    page = open_page()
    open_tab(page, "mistakes")
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    page.locator("#mistakes-grid button").first.click()
    wait_for_case(page, missed[0])
    assert page.locator("#mistakes-case .glance > li").count() == 7
    assert not page.locator("#mistakes-grid").is_visible()


def test_back_leads_to_the_gallery_as_it_was(open_page, gallery):
    page = open_page()
    open_tab(page, "mistakes")
    page.get_by_role("radio", name=sentence("mistakes.alarms")).click()
    alarms, _ = gallery.mistakes(gallery.thresholds.see_doctor_from)
    shown = sentence("mistakes.shown", shown=PAGE, total=len(alarms))
    counts(page, shown)
    card = page.locator("#mistakes-grid .card > button").nth(PAGE - 1)
    card.scroll_into_view_if_needed()
    page.get_by_text(sentence("mistakes.archive_silent")).wait_for()  # the only line that moves what stands below it
    before = card.bounding_box()["y"]
    card.click()
    page.get_by_role("button", name=sentence("mistakes.back")).click()
    counts(page, shown)
    assert card.bounding_box()["y"] == pytest.approx(before, abs=2)
    assert "case=" not in page.url
    page.go_back()
    wait_for_case(page, alarms[PAGE - 1])


def test_one_case_leads_to_the_next(open_page, gallery):
    page = open_page()
    open_tab(page, "mistakes")
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    page.locator("#mistakes-grid .card > button").first.click()
    page.get_by_role("button", name=sentence("mistakes.next"), exact=True).click()
    wait_for_case(page, missed[1])
    assert page.url.endswith(f"case={missed[1].image_id}")


@pytest.mark.parametrize(("language", "key"), [("en", "ArrowRight"), ("ar", "ArrowLeft")])
def test_arrow_keys_turn_the_pages_in_the_direction_in_which_one_reads(open_page, gallery, language, key):
    page = open_page(tab="mistakes", language=language)
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    page.locator("#mistakes-grid .card > button").first.click()
    wait_for_case(page, missed[0])
    page.keyboard.press(key)
    wait_for_case(page, missed[1])


@pytest.fixture
def archive(monkeypatch):
    """A stand-in for the ISIC Archive, asked by the served page."""
    with serving() as local:
        asked = mistakes.load(None).archive
        monkeypatch.setattr(asked, "address", local.address)
        monkeypatch.setattr(asked, "_silent_until", 0.0)
        monkeypatch.setattr(asked, "_failures", 0)
        monkeypatch.setattr(asked, "_kept", OrderedDict())  # else it would show what another test was sent
        yield local


def test_photographs_come_for_the_cards_in_sight_and_only_for_those(open_page, gallery, archive):
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    there = [case for case in missed[:PAGE] if case.isic_id]
    for case in there:
        archive.describe(case.isic_id, thumbnail_256=f"{archive.base}/thumbnail.jpg")
    page = open_page(**PHONE, tab="mistakes")
    page.locator(f"#mistakes-grid .card:has([data-id='{there[0].image_id}']) img.photo").wait_for()
    page.wait_for_timeout(1000)
    asked = {path.split("/")[-2] for path in archive.asked if "/images/" in path}
    assert there[0].isic_id in asked
    assert len(asked) < len(there)


def test_a_card_without_a_photograph_says_why_and_a_line_that_the_archive_is_silent(
    open_page, gallery, archive, monkeypatch
):
    archive.answers.clear()
    monkey = mistakes.load(None).archive
    monkey.address = "http://127.0.0.1:1/api/v2"
    page = open_page(tab="mistakes")
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    first = next(case for case in missed if case.isic_id)
    card = page.locator(f"#mistakes-grid .card:has([data-id='{first.image_id}'])")
    card.get_by_text(sentence("mistakes.unreachable")).wait_for()
    card.get_by_role("link", name=sentence("mistakes.archive")).wait_for()
    page.get_by_text(sentence("mistakes.archive_silent")).wait_for()
    height = card.bounding_box()["height"]
    monkey.address = archive.address
    monkeypatch.setattr(isic_archive, "LEAST_SILENT_SECONDS", 0.0)  # whoever presses at once is asked to wait a little
    for case in missed[:PAGE]:
        archive.describe(case.isic_id or "", thumbnail_256=f"{archive.base}/thumbnail.jpg")
    archive.answers["/thumbnail.jpg"] = THUMBNAIL
    page.get_by_role("button", name=sentence("mistakes.retry")).click()
    card.locator("img.photo").wait_for()
    assert card.bounding_box()["height"] == height  # no card moves the others when its photograph comes or does not


def test_as_long_as_one_photograph_did_not_come_it_can_be_tried_again(open_page, gallery, archive, monkeypatch):
    monkeypatch.setattr(isic_archive, "TIMEOUT_SECONDS", 1.0)
    _, missed = gallery.mistakes(gallery.thresholds.see_doctor_from)
    there = [case for case in missed[:PAGE] if case.isic_id]
    for number, case in enumerate(there):
        archive.describe(case.isic_id, thumbnail_256=f"{archive.base}/{'slow' if number == 0 else 'thumbnail'}.jpg")
    archive.answers["/slow.jpg"] = drip
    page = open_page(tab="mistakes")
    card = page.locator(f"#mistakes-grid .card:has([data-id='{there[0].image_id}'])")
    card.get_by_text(sentence("mistakes.unreachable")).wait_for()
    page.mouse.wheel(0, 600)
    page.locator(f"#mistakes-grid .card:has([data-id='{there[-4].image_id}']) img.photo").wait_for()
    archive.answers["/slow.jpg"] = THUMBNAIL
    page.get_by_role("button", name=sentence("mistakes.retry")).click()
    card.locator("img.photo").wait_for()
    assert not page.get_by_text(sentence("mistakes.archive_silent")).is_visible()


def test_a_link_opens_its_case(open_page, gallery):
    case = gallery.cases[-1]
    page = open_page(tab="mistakes", query=f"&case={case.image_id}")
    wait_for_case(page, case)


def test_a_link_to_no_case_says_so(open_page):
    page = open_page(tab="mistakes", query="&case=ISIC_none")
    page.get_by_role("alert").filter(has_text=sentence("mistakes.unknown_case")).wait_for()
