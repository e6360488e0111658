"""What holds on every tab and in every language: one frame, one photo that stays, our own words."""

from __future__ import annotations

import re
from pathlib import Path

import gradio

from skin_model.wording import Words, sentence
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
TABS = ("compare", "batch", "mistakes", "evidence", "on_device", "about", "check")
SCRIPTS = ("core", "index", "Blocks")
KEYS = ("connection_can_break", "long_requests_queue", "lost_connection", "waiting_for_inputs")
PHONE = {"width": 390, "height": 844}
STAYING = "#page-head h1, .language, #tabs [role=tablist] > [role=tab]"
PLACES = """(staying) => [...document.querySelectorAll(staying)].map((one) => {
    const { x, y } = one.getBoundingClientRect();
    return [x, y + scrollY];
})"""


def scored(page, file=EXAMPLES / "tone-4-uneven.jpg") -> str:
    page.locator("#sources input[type=file]").set_input_files(file)
    page.locator("#answer .risk strong").wait_for()
    return page.locator("#answer .answer").get_attribute("data-kind")


def test_header_and_tabs_stay_in_their_place_in_every_tab(open_page):
    page = open_page()
    places = {}
    for tab in TABS:
        page.locator(f"#tab-{tab}-button").click()
        page.locator(f"#tab-{tab}-button[aria-selected=true]").wait_for()
        page.wait_for_timeout(300)
        places[tab] = page.evaluate(PLACES, STAYING)
    assert len(places["check"]) == 2 + len(TABS)
    assert places == dict.fromkeys(TABS, places["check"])


def test_on_a_phone_the_tabs_are_one_row(open_page):
    page = open_page(**PHONE)
    tops = page.evaluate("[...document.querySelectorAll('#tabs [role=tablist] > [role=tab]')].map((e) => e.offsetTop)")
    assert len(tops) >= len(TABS) and len(set(tops)) == 1


def test_another_language_keeps_photo_and_answer_and_leaves_nothing_in_the_browser(open_page):
    page = open_page()
    band = scored(page)
    page.select_option(".language select", "de")
    page.wait_for_url("**/de")
    page.get_by_text(Words("de")(f"band.{band}"), exact=True).wait_for()
    assert page.locator(".stage-picture img").is_visible()
    page.wait_for_function("() => indexedDB.databases().then((there) => there.length === 0)")
    assert page.evaluate("Object.keys(sessionStorage).length") == 0


def test_a_wide_screen_keeps_the_photo_in_sight_beside_a_long_answer(open_page):
    page = open_page()
    scored(page)
    page.locator("#overlay img").nth(1).wait_for()
    page.mouse.move(900, 500)
    page.mouse.wheel(0, 500)
    page.wait_for_function("scrollY > 300")
    assert page.locator(".stage-picture img").evaluate("(image) => image.getBoundingClientRect().top") >= 0


def test_a_wrong_number_gives_way_to_the_one_that_counts(open_page):
    page = open_page()
    scored(page)
    page.get_by_role("button", name=sentence("interface.threshold")).click()
    field = page.locator("#threshold input[type=number]")
    for typed in ("400", ""):
        field.fill(typed)
        field.blur()
        page.wait_for_function("document.querySelector('#threshold input[type=number]').value === '99'")


def test_a_german_page_holds_none_of_gradios_english_words(open_page):
    page = open_page(language="de", locale="en-GB")
    for tab in TABS:
        page.locator(f"#tab-{tab}-button").click()
        page.locator(f"#tab-{tab}-button[aria-selected=true]").wait_for()
    page.locator("#tab-batch-button").click()
    page.locator("#batch-files input[type=file]").set_input_files(EXAMPLES / "tone-1.jpg")
    page.get_by_role("button", name=Words("de")("gradio.clear")).wait_for()
    text = page.locator("body").inner_text()
    assert not [words for words in ("Drop File", "Click to Upload", "- or -") if words in text]
    labels = page.locator("[aria-label]").evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    assert not [
        label
        for label in labels
        if label.startswith(("number input", "range slider", "Reset to default", "common.", "Clear"))
    ]


def gradios_sentences() -> list[str]:
    """What Gradio's installed page says where a connection fails or a queue is long, in Gradio's English."""
    assets = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
    script = "".join(path.read_text(encoding="utf-8") for name in SCRIPTS for path in assets.glob(f"{name}-*.js"))
    # The first of each key: Gradio bundles its English, the other languages are files of their own.
    named = [re.search(rf"\b{key}:`([^`]+)`", script)[1] for key in KEYS]
    constants = re.findall(
        r"`((?:Connection|This application|Could not (?:resolve|parse)|Error uploading|An unknown)[^`]+)`", script
    )
    return [text.replace("${e}", "e") for text in named + constants]


def test_a_german_page_says_in_german_why_gradio_cannot_answer(open_page):
    page, sentences = open_page(language="de"), gradios_sentences()
    assert len(sentences) >= len(KEYS) + 4
    left = page.evaluate(
        """async (sentences) => {
            const places = sentences.map((text) => document.body.appendChild(document.createElement("p")));
            places.forEach((place, i) => place.append(sentences[i]));
            await new Promise((done) => setTimeout(done, 200));
            const left = sentences.filter((text, i) => places[i].innerText.trim() === text.trim());
            places.forEach((place) => place.remove());
            return left;
        }""",
        sentences,
    )
    assert not left


def test_a_photo_that_cannot_be_sent_is_told_in_the_language_of_the_page(open_page):
    page = open_page(language="de")
    page.route("**/gradio_api/upload*", lambda route: route.abort())
    page.locator("#sources input[type=file]").set_input_files(EXAMPLES / "tone-1.jpg")
    page.get_by_text(Words("de")("gradio.lost"), exact=True).wait_for()
