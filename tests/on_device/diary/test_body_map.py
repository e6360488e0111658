"""The drawn body on a phone: what a tap opens, what zooming shows, how numbers and sides are written."""

from __future__ import annotations

import pytest

from skin_model.wording import Words, languages
from tests.on_device.diary.conftest import PHOTO, spot_with
from tests.on_device.diary.test_journeys import go, screen

pytestmark = pytest.mark.browser

SAY = Words()
MIDDLES = """() => [...document.querySelectorAll(".figure-window")].map((node) =>
    [(node.scrollLeft + node.clientWidth / 2) / node.scrollWidth,
     (node.scrollTop + node.clientHeight / 2) / node.scrollHeight])"""

LINES_OF_EACH_WORD = """node => [...node.children].flatMap(({ firstChild: text }) =>
    [...text.data.matchAll(/\\S+/g)].map(({ 0: word, index }) => {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        return range.getClientRects().length;
    }))"""


def tap(page, x, y):
    figure = page.locator(".figure").first
    box = figure.bounding_box()
    figure.click(position={"x": box["width"] * x, "y": box["height"] * y})


def test_a_tap_on_the_map_opens_the_spot_that_lies_there_and_none_elsewhere(empty_diary):
    page = empty_diary
    spot_with(page, [], "arm", {"side": "front", "x": 0.19, "y": 0.48})
    spot_with(page, [], "head", {"side": "front", "x": 0.5, "y": 0.1})
    go(page, "own")
    go(page)
    screen(page, "list")
    tap(page, 0.5, 0.6)
    assert page.locator("#diary").get_attribute("data-screen") == "list"
    tap(page, 0.2, 0.47)
    screen(page, "spot")
    assert page.locator("#diary h2").inner_text() == "1: arm"


def test_numbers_of_spots_at_one_place_stand_beside_each_other(empty_diary):
    page = empty_diary
    for x in (0.5, 0.5, 0.505):
        spot_with(page, [], "mole", {"side": "front", "x": x, "y": 0.4})
    spot_with(page, [], "far away", {"side": "front", "x": 0.5, "y": 0.9})
    go(page, "own")
    go(page)
    screen(page, "list")
    assert page.locator(".dot-number").all_text_contents() == ["1, 2, 3", "4"]
    assert page.locator(".dot").count() == 4


def test_zooming_keeps_what_lies_in_the_middle_on_both_sides(empty_diary):
    page = empty_diary
    go(page, "new")
    screen(page, "new")
    for _ in range(2):
        page.get_by_role("button", name=SAY("diary.map.nearer")).click()
        for x, y in page.evaluate(MIDDLES):
            assert x == pytest.approx(0.5, abs=0.02)
            assert y == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("language", languages())
def test_left_and_right_are_named_on_the_map_and_on_the_doctors_page_and_no_word_is_cut(empty_diary, language):
    page, words = empty_diary, Words(language)
    spot_with(page, [(PHOTO, "2026-01-05T08:00")], "x", {"side": "back", "x": 0.3, "y": 0.4})
    page.locator("#language").select_option(language)
    page.locator(f"html[lang={language}]").wait_for()
    for path, where in (("new", ".figures"), ("doctor", ".paper-maps")):
        go(page, path)
        screen(page, path)
        caption = page.locator(f"{where} figcaption").last
        parts = [words("diary.half.left"), words("diary.side.back"), words("diary.half.right")]
        assert caption.locator("> *").all_inner_texts() == parts
        assert caption.evaluate("node => [...node.children].every((part) => part.scrollWidth <= part.clientWidth + 1)")
        assert set(caption.evaluate(LINES_OF_EACH_WORD)) == {1}
