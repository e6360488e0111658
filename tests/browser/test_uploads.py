"""Files that are large, many, or dropped beside the place for them, in a real browser."""

from __future__ import annotations

import os
import zipfile

import pytest

from skin_model.photo import MAX_BYTES
from skin_model.wording import Words, sentence
from tests.browser.test_tabs import EXAMPLES, choose, choose_pair, open_tab

GERMAN = Words("de")
LONG = 60_000
"""Milliseconds: tens of megabytes on a busy machine."""
DROP = """([place, encoded, opening, texts, own]) => {
    const target = document.querySelector(place);
    const tabs = [...document.querySelectorAll('[role="tab"]')];
    if (opening) tabs.find((tab) => tab.textContent.trim() === opening).click();
    const transfer = new DataTransfer();
    if (encoded) {
        const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
    }
    for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
    if (own) target.dispatchEvent(new DragEvent("dragstart", { bubbles: true, dataTransfer: transfer }));
    const { left, top } = target.getBoundingClientRect();
    const where = { clientX: left + 5, clientY: top + 5, bubbles: true, cancelable: true, dataTransfer: transfer };
    return ["dragover", "drop"].map((kind) => !target.dispatchEvent(new DragEvent(kind, where)));
}"""


@pytest.fixture(scope="module")
def too_large(tmp_path_factory):
    """A photo of 25 MB that would open."""
    photo = (EXAMPLES / "tone-1.jpg").read_bytes()
    file = tmp_path_factory.mktemp("large") / "large.jpg"
    file.write_bytes(photo[:2] + b"\xff\xfe\xff\xff".ljust(65_537, b"x") * 400 + photo[2:])
    assert file.stat().st_size > MAX_BYTES
    return file


ADDRESS = "https://example.org/mole.jpg"


def drop(
    page,
    place: str,
    *,
    photo: bool = True,
    opening: str | None = None,
    texts: dict[str, str] | None = None,
    own: bool = False,
) -> list[bool]:
    """Drops a photo, or its address, on a place; whether the page kept the browser from leaving for it.

    opening: the name of a tab that is clicked at the same moment. texts: what comes with it, by type, where it is not
    the address. own: dragged from that place of the page itself.
    """
    if texts is None:
        texts = {} if photo else {"text/uri-list": ADDRESS}
    import base64

    encoded = base64.b64encode((EXAMPLES / "tone-1.jpg").read_bytes()).decode() if photo else None
    return page.evaluate(DROP, [place, encoded, opening, texts, own])


# --- large ------------------------------------------------------------------------------------------------------------


def test_a_zip_of_more_than_20_megabytes_is_read(open_page, tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as photos:
        photos.write(EXAMPLES / "tone-1.jpg", "one.jpg")
        photos.writestr("film.mov", os.urandom(27_000_000))
        photos.write(EXAMPLES / "tone-5-uneven.jpg", "two.jpg")
    page = open_page(tab="batch")
    page.set_default_timeout(LONG)
    choose(page, "#batch-files", archive)
    page.get_by_text(sentence("batch.done", count=2, refused=0)).wait_for()
    page.get_by_text(sentence("batch.others", count=1)).wait_for()
    assert page.locator("#batch-xlsx a").get_attribute("download").endswith(".xlsx")


def test_a_photo_of_more_than_20_megabytes_is_one_line_of_many(open_page, too_large):
    page = open_page(tab="batch", language="de")
    page.set_default_timeout(LONG)
    choose(page, "#batch-files", too_large, EXAMPLES / "tone-1.jpg")
    page.get_by_text(GERMAN("batch.done", count=2, refused=1)).wait_for()
    page.locator("#batch-table summary").filter(has_text=too_large.name).click()
    page.locator("#batch-table").get_by_text(GERMAN("refused.file_too_large")).first.wait_for()


def test_a_photo_of_more_than_20_megabytes_is_told_in_the_pages_language_wherever_it_is_chosen(open_page, too_large):
    said = GERMAN("refused.file_too_large")
    page = open_page(tab="compare", language="de")
    page.set_default_timeout(LONG)
    choose_pair(page, 0, too_large)
    page.locator("#compare-why-before").get_by_text(said).wait_for()
    page.get_by_role("tab", name=GERMAN("tab.batch"), exact=True).click()
    choose(page, "#batch-files", too_large)
    page.locator("#batch-table summary").filter(has_text=too_large.name).click()
    page.locator("#batch-table").get_by_text(said).first.wait_for()
    page.get_by_role("tab", name=GERMAN("tab.check"), exact=True).click()
    choose(page, "#sources", EXAMPLES / "tone-1.jpg")
    page.locator("#answer .risk strong").wait_for()
    choose(page, "#next-actions", too_large)
    page.get_by_text(said).locator("visible=true").first.wait_for()
    assert page.locator("#answer .risk strong").is_visible()


# --- drop -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["#page-head", "#answer", "body"])
def test_a_photo_dropped_beside_the_stage_is_taken(open_page, place):
    page = open_page()
    assert drop(page, place) == [True, True]
    page.locator("#answer .risk strong").wait_for()


def test_a_photo_dropped_on_a_tab_of_many_or_two_photos_is_taken_there(open_page):
    page = open_page(tab="batch")
    assert drop(page, "#page-head") == [True, True]
    page.get_by_text(sentence("batch.done", count=1, refused=0)).wait_for()
    open_tab(page, "compare")
    page.locator("#compare-after .stage").wait_for()
    assert drop(page, "#compare-after") == [True, True]
    page.locator("#compare-after img").wait_for()


@pytest.mark.parametrize("photo", [True, False], ids=["photo", "address"])
def test_what_is_dropped_before_gradio_has_built_the_tab_is_taken_once_it_is_there(open_page, photo):
    page = open_page(tab="about")
    drop(page, "#page-head", photo=photo, opening=sentence("tab.batch"))
    said = sentence("batch.done", count=1, refused=0) if photo else sentence("interface.stage.address")
    page.get_by_text(said).locator("visible=true").wait_for()


def test_a_photo_dropped_on_a_tab_that_takes_none_does_not_end_the_visit(open_page):
    page = open_page(tab="about")
    assert drop(page, "#page-head") == [True, True]


@pytest.mark.parametrize(("tab", "message"), [("check", ".stage-message"), ("batch", "#batch-message")])
def test_a_dropped_address_gets_a_sentence(open_page, tab, message):
    page = open_page(tab=tab)
    assert drop(page, "#page-head", photo=False) == [True, True]
    page.locator(message).get_by_text(sentence("interface.stage.address")).wait_for()


@pytest.mark.parametrize(
    "texts", [{"text/plain": ADDRESS}, {"text/html": f"<img src={ADDRESS}>"}], ids=["text", "html"]
)
def test_an_address_that_comes_as_text_or_as_a_picture_of_another_page_is_one_too(open_page, texts):
    page = open_page()
    assert drop(page, "#answer", photo=False, texts=texts) == [True, True]
    page.locator(".stage-message").get_by_text(sentence("interface.stage.address")).wait_for()


def test_dropped_text_that_is_no_address_is_ignored_and_goes_into_fields(open_page):
    page = open_page()
    assert drop(page, "#answer", photo=False, texts={"text/plain": "hello"}) == [True, True]
    assert page.locator(".stage-message").first.inner_text() == ""
    page.evaluate("document.querySelector('#page-head').append(document.createElement('textarea'))")
    assert drop(page, "#page-head textarea", photo=False, texts={"text/plain": "hello"}) == [False, False]


def test_a_picture_of_the_page_itself_that_is_dragged_by_a_slip_of_the_hand_is_no_new_photo(open_page):
    page = open_page()
    choose(page, "#sources", EXAMPLES / "tone-5-uneven.jpg")
    page.locator("#answer .risk strong").wait_for()
    before = page.locator("#answer").inner_text()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert drop(page, "#photo-stage .stage-picture img", own=True) == [True, True]
    page.wait_for_timeout(500)
    assert not [url for url in asked if "/upload" in url]
    assert page.locator("#answer").inner_text() == before
