"""Journeys through the tabs beside the check tab, in a real browser: every language, the keyboard, the address bar."""

from __future__ import annotations

import base64
import csv
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from interface.blocks import TABS
from skin_model.wording import Words, languages, sentence
from tests.conftest import REPOSITORY

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


def test_why_a_photo_was_refused_stays_at_its_place_until_another_is_chosen_there(open_page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((EXAMPLES / "tone-1.jpg").read_bytes()[:9000])
    page = open_page(**PHONE, tab="compare")
    choose_pair(page, 0, broken)
    why = page.locator("#compare-why-before").get_by_role("alert")
    why.wait_for()
    choose_pair(page, 1, EXAMPLES / "tone-1.jpg")
    page.locator("#compare-after img").wait_for()
    assert why.is_visible()
    choose_pair(page, 0, EXAMPLES / "tone-1.jpg")
    page.locator("#compare-answer h2").wait_for()
    assert not why.is_visible()


def test_on_a_phone_the_verdict_comes_into_sight(open_page):
    page = open_page(**PHONE, tab="compare", reduced_motion="reduce")
    for place in (0, 1):
        choose_pair(page, place, EXAMPLES / "tone-1.jpg")
        page.locator(f"#compare-{('before', 'after')[place]} img").wait_for()
    page.locator("#compare-answer h2").wait_for()
    page.wait_for_function("document.querySelector('#compare-answer h2').getBoundingClientRect().bottom < innerHeight")


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
    rows = list(csv.reader(base64.b64decode(link.split("base64,")[1]).decode("utf-8-sig").splitlines()))
    assert len(rows) == 4
    assert rows[-1][:2] == ["note.jpg", ""]
    page.locator("#batch-table").get_by_text("two.jpg").first.wait_for()
    below = page.locator("#batch-table").bounding_box()["y"]
    for kind in ("xlsx", "csv", "pdf"):  # within reach, however long the list
        assert page.locator(f"#batch-{kind} a").bounding_box()["y"] < below


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


_FAINTEST = """() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255);
    const light = (colour) => channels(colour)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0.05);
    const ground = light(getComputedStyle(document.querySelector("#figure-plot")).backgroundColor);
    const texts = [...document.querySelectorAll("#figure-plot .main-svg text")].filter((text) => text.textContent);
    const shares = texts.map((text) => light(getComputedStyle(text).fill) / ground);
    return Math.min(...shares.map((share) => Math.max(share, 1 / share)));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_stands_in_a_figure_can_be_read_on_either_theme(open_page, scheme):
    page = open_page(color_scheme=scheme, tab="evidence")
    page.locator("#figure-plot .ytick text").first.wait_for()
    assert page.evaluate(_FAINTEST) >= 4.5


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
