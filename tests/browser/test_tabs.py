"""Journeys through the tabs beside the check tab, in a real browser: every language, the keyboard, the address bar."""

from __future__ import annotations

import base64
import zipfile
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from interface.blocks import TABS
from interface.gallery.gallery import Gallery
from interface.tabs import mistakes
from interface.tabs.mistakes import DEFAULT, PAGE
from skin_model.wording import Words, languages, sentence
from tests.conftest import REPOSITORY
from tests.interface.gallery.test_isic_archive import THUMBNAIL, serving

EXAMPLES = REPOSITORY / "examples"
PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 360, "height": 740}


def open_tab(page, tab: str) -> None:
    page.get_by_role("tab", name=sentence(f"tab.{tab}"), exact=True).click()


def selected(page) -> str:
    return page.locator("[role=tab][aria-selected=true]").first.inner_text()


def choose(page, selector: str, *files: Path) -> None:
    page.locator(f"{selector} input[type=file]").set_input_files(list(files))


def choose_pair(page, place: int, file: Path) -> None:
    """Choose the photo before (0) or after (1) on the compare tab."""
    page.locator(".pair .sources input[type=file]").nth(place).set_input_files(file)


def scrolls_sideways(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


# --- the address bar --------------------------------------------------------------------------------------------------


def test_the_tab_stands_in_the_address_and_survives_a_reload(open_page):
    page = open_page()
    open_tab(page, "evidence")
    assert page.url.endswith("?tab=evidence")
    page.reload()
    page.get_by_role("tab", name=sentence("tab.evidence"), selected=True).wait_for()


def test_the_back_button_goes_back_to_the_tab_before(open_page):
    page = open_page()
    open_tab(page, "about")
    page.go_back()
    page.get_by_role("tab", name=sentence("tab.check"), selected=True).wait_for()


# --- languages --------------------------------------------------------------------------------------------------------


def test_the_switch_leads_to_the_language_and_is_remembered(open_page, served):
    page = open_page()
    page.locator(".language select").select_option("de")
    page.get_by_role("button", name=Words("de")("interface.upload")).wait_for()
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["de", "ltr"]
    page.goto(served)
    page.get_by_role("button", name=Words("de")("interface.upload")).wait_for()


def test_the_browsers_language_decides_at_first(served, browser):
    context = browser.new_context(locale="fr-CA")
    page = context.new_page()
    page.goto(served)
    page.get_by_role("button", name=Words("fr")("interface.upload")).wait_for()
    context.close()


@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_every_language_answers_in_its_own_words(open_page, language):
    words = Words(language)
    page = open_page(**PHONE, language=language)
    choose(page, "#sources", EXAMPLES / "tone-1.jpg")
    page.locator("#answer .risk strong").wait_for()
    assert words("interface.fold") in page.locator("#answer").inner_text()
    assert not scrolls_sideways(page)


def test_arabic_runs_from_right_to_left(open_page):
    page = open_page(language="ar")
    assert page.evaluate("getComputedStyle(document.querySelector('#page-head h1')).direction") == "rtl"


# --- check: more photos, the page for the doctor ----------------------------------------------------------------------


def test_one_click_saves_a_pdf_that_says_what_the_page_says(open_page):
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf (requirements-dev.txt)")
    page = open_page()
    choose(page, "#sources", EXAMPLES / "tone-1.jpg")
    page.locator("#answer .risk strong").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name=sentence("interface.pdf")).click()
    assert saved.value.suggested_filename == "self-skin-check.pdf"
    (sheet,) = pypdf.PdfReader(saved.value.path()).pages
    text = " ".join(sheet.extract_text().split())
    assert page.locator("#answer h2").inner_text() in text
    assert page.locator("#answer .risk strong").inner_text() in text
    assert sentence("notice.screening") in text


@pytest.mark.parametrize("place", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])  # 25 hours apart
def test_the_page_for_the_doctor_has_the_date_where_the_visitor_is(open_page, place):
    """ICTU/quality-time issue 1505: servers stand elsewhere."""
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf (requirements-dev.txt)")
    page = open_page(timezone_id=place)
    choose(page, "#sources", EXAMPLES / "tone-1.jpg")
    page.locator("#answer .risk strong").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name=sentence("interface.pdf")).click()
    (sheet,) = pypdf.PdfReader(saved.value.path()).pages
    assert datetime.now(ZoneInfo(place)).date().isoformat() in sheet.extract_text()


def test_further_photos_of_the_spot_give_the_middle_value_and_three_are_enough(open_page):
    page = open_page()
    choose(page, "#sources", EXAMPLES / "tone-1.jpg")
    page.locator("#answer .risk strong").wait_for()
    page.locator("#next-actions input[type=file]").set_input_files(EXAMPLES / "tone-2-hairs.jpg")
    page.get_by_text(sentence("interface.photos", count=2)).wait_for()
    page.locator("#next-actions input[type=file]").set_input_files(EXAMPLES / "tone-4-uneven.jpg")
    page.get_by_text(sentence("interface.photos", count=3)).wait_for()
    assert not page.get_by_role("button", name=sentence("interface.more")).is_visible()


# --- compare ----------------------------------------------------------------------------------------------------------


def test_the_same_photo_twice_has_not_changed(open_page):
    page = open_page()
    open_tab(page, "compare")
    choose_pair(page, 0, EXAMPLES / "tone-1.jpg")
    page.locator("#compare-before img").wait_for()
    choose_pair(page, 1, EXAMPLES / "tone-1.jpg")
    page.locator("#compare-answer h2").wait_for()
    text = page.locator("#compare-answer").inner_text()
    assert sentence("compare.aligned.features") in text
    assert sentence("compare.verdict.none") in text
    page.locator("#compare-slider img").first.wait_for()
    assert page.locator("#compare-table tbody tr").count() == 5


def test_a_broken_photo_leaves_the_other_one_in_place(open_page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((EXAMPLES / "tone-1.jpg").read_bytes()[:9000])
    page = open_page()
    open_tab(page, "compare")
    choose_pair(page, 0, EXAMPLES / "tone-1.jpg")
    page.locator("#compare-before img").wait_for()
    choose_pair(page, 1, broken)
    page.get_by_role("alert").filter(has_text=sentence("refused.damaged_file")).wait_for()
    assert page.locator("#compare-before img").is_visible()
    assert not page.locator("#compare-after img").is_visible()


# --- batch ------------------------------------------------------------------------------------------------------------


def test_a_zip_with_a_bad_file_gives_a_table_and_a_csv(open_page, tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as photos:
        photos.write(EXAMPLES / "tone-1.jpg", "one.jpg")
        photos.write(EXAMPLES / "tone-5-uneven.jpg", "two.jpg")
        photos.writestr("note.jpg", b"no photo")
    page = open_page()
    open_tab(page, "batch")
    choose(page, "#batch-files", archive)
    page.get_by_text(sentence("batch.done", count=3, refused=1)).wait_for()
    link = page.locator("#batch-csv a").get_attribute("href")
    lines = base64.b64decode(link.split("base64,")[1]).decode("utf-8-sig").splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("note.jpg,,")
    page.locator("#batch-table").get_by_text("two.jpg").first.wait_for()


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


@pytest.fixture
def archive(monkeypatch):
    """A stand-in for the ISIC Archive, asked by the served page."""
    with serving() as local:
        asked = mistakes.load(None).archive
        monkeypatch.setattr(asked, "address", local.address)
        monkeypatch.setattr(asked, "_silent_until", 0.0)
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


def test_a_card_without_a_photograph_says_why_and_a_line_that_the_archive_is_silent(open_page, gallery, archive):
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
    monkey.address, monkey._silent_until = archive.address, 0.0
    for case in missed[:PAGE]:
        archive.describe(case.isic_id or "", thumbnail_256=f"{archive.base}/thumbnail.jpg")
    archive.answers["/thumbnail.jpg"] = THUMBNAIL
    page.get_by_role("button", name=sentence("mistakes.retry")).click()
    card.locator("img.photo").wait_for()
    assert card.bounding_box()["height"] == height  # no card moves the others when its photograph comes or does not


def test_a_link_opens_its_case(open_page, gallery):
    case = gallery.cases[-1]
    page = open_page(tab="mistakes", query=f"&case={case.image_id}")
    wait_for_case(page, case)


def test_a_link_to_no_case_says_so(open_page):
    page = open_page(tab="mistakes", query="&case=ISIC_none")
    page.get_by_role("alert").filter(has_text=sentence("mistakes.unknown_case")).wait_for()


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_the_prevalence_slider_changes_the_people(open_page):
    page = open_page()
    open_tab(page, "evidence")
    page.locator("#people .thousand").wait_for()
    before = page.locator("#people").inner_text()
    page.locator("#prevalence input[type=number]").fill("20")
    page.locator("#prevalence input[type=number]").press("Tab")
    page.locator("#people").get_by_text("200 have a skin cancer").wait_for()
    assert page.locator("#people").inner_text() != before


def test_a_figure_is_drawn_and_its_numbers_can_be_saved(open_page):
    page = open_page()
    open_tab(page, "evidence")
    page.locator("#figure-plot .js-plotly-plot").wait_for()
    link = page.locator("#figure-csv a").get_attribute("href")
    assert base64.b64decode(link.split("base64,")[1]).decode().startswith("name,figure,value,low,high")


# --- everybody --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [pytest.param(PHONE, marks=pytest.mark.slow), SMALL_PHONE], ids=["390", "360"])
@pytest.mark.parametrize("tab", TABS)
def test_no_tab_scrolls_sideways_on_a_phone(open_page, tab, size):
    page = open_page(**size, tab=tab)
    assert not scrolls_sideways(page)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_serious(open_page, tab, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = open_page(tab=tab, color_scheme=scheme)
    if tab == "evidence":
        page.locator("#figure-plot .js-plotly-plot").wait_for()
    if tab == "mistakes":
        page.locator("#mistakes-grid button").first.wait_for()
    page.wait_for_timeout(500)
    found = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]}).response["violations"]
    serious = {
        problem["id"]: [node["target"] for node in problem["nodes"]][:3]
        for problem in found
        if problem["impact"] in ("serious", "critical")
    }
    assert not serious


def test_the_whole_way_to_an_answer_works_with_the_keyboard(open_page):
    page = open_page()
    page.locator("#examples button").first.focus()
    page.keyboard.press("Enter")
    page.locator("#answer .risk strong").wait_for()
