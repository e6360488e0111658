"""A visitor chooses what is scored: a photo that is dropped, a box, another spot, or sliders; a refused photo stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from skin_model.wording import Words
from tests.conftest import REPOSITORY
from tests.on_device.conftest import start
from tests.on_device.test_page import choose
from tests.rendering import two_moles

pytestmark = pytest.mark.browser

PHOTO = REPOSITORY / "examples" / "tone-1.jpg"
"""800 by 600 pixels, its mole near the middle."""
WORDS = Words()


@pytest.fixture
def page(ready_page):
    """A page with the answer for the photo on it."""
    choose(ready_page, PHOTO)
    wait_for_answer(ready_page)
    return ready_page


def wait_for_answer(page, *, part_only=False):
    """Until the answer is complete, of the whole photo or of a part."""
    page.locator("#sure").wait_for()
    page.get_by_text(WORDS("interface.part_only")).wait_for(state="attached" if part_only else "detached")


def framed(page):
    """Left, top, width and height of the scored frame in per cent of the photo."""
    style = page.locator("#scored").evaluate("({ style: s }) => [s.left, s.top, s.width, s.height]")
    return [float(value.removesuffix("%")) for value in style]


def photo_frame(page):
    page.locator("#photo").scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # an answer scrolls the page for a moment
    return page.locator("#photo").bounding_box()


def drag(page, start, end):
    """Drag the mouse between two points in shares of the photo."""
    frame = photo_frame(page)
    points = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def swipe(page, touch):
    frame = photo_frame(page)
    for kind, share in (("touchStart", 0.3), ("touchMove", 0.45), ("touchMove", 0.6), ("touchEnd", None)):
        points = []
        if share is not None:
            points = [{"x": frame["x"] + share * frame["width"], "y": frame["y"] + share * frame["height"]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def chessboard(tmp_path):
    """A picture that is no skin."""
    y, x = np.mgrid[:600, :800]
    file = tmp_path / "board.png"
    Image.fromarray(((x // 40 + y // 40) % 2 * 255).astype(np.uint8)).save(file)
    return file


def test_a_refused_photo_stays_with_the_button_to_choose_a_part(ready_page, chessboard):
    assert choose(ready_page, chessboard) == "refused"
    assert ready_page.locator("#photo").is_visible()
    assert ready_page.get_by_role("button", name=WORDS("interface.stage.choose_part")).is_visible()


def test_a_refused_photo_shows_neither_a_number_nor_a_scored_part(ready_page, page, chessboard):
    assert choose(page, chessboard) == "refused"
    assert page.locator("#scored").is_hidden()
    assert "%" not in page.locator("#results").inner_text()


def test_a_file_that_is_no_picture_takes_the_photo_before_along(page, tmp_path):
    file = tmp_path / "letter.jpg"
    file.write_bytes(b"This is not a picture at all.")
    assert choose(page, file) == "refused"
    assert page.locator("#picture").is_hidden()
    assert page.locator("#choose-part").is_hidden()


def test_a_dragged_box_is_scored_alone(page):
    drag(page, (0.3, 0.25), (0.675, 0.75))
    wait_for_answer(page, part_only=True)
    page.locator("#curious summary").click()
    assert page.get_by_text(WORDS("interface.seen.part")).is_visible()
    # The photo is 4:3 and the box a square: 37.5 % of the width are 50 % of the height.
    assert framed(page) == pytest.approx([30, 25, 37.5, 50], abs=1)


def test_the_whole_photo_is_scored_again_when_asked_for(page):
    before = framed(page)
    drag(page, (0.3, 0.25), (0.675, 0.75))
    wait_for_answer(page, part_only=True)
    page.get_by_role("button", name=WORDS("interface.stage.whole")).click()
    wait_for_answer(page)
    assert framed(page) == before
    assert page.locator("#whole").is_hidden()


def test_a_slip_of_the_hand_chooses_nothing(page):
    drag(page, (0.3, 0.25), (0.31, 0.26))
    assert page.locator("#box").is_hidden()
    assert page.locator("#whole").is_hidden()


def test_a_part_that_is_too_small_is_told_and_leaves_the_answer(page):
    before = page.locator("#answer").inner_text()
    drag(page, (0.3, 0.25), (0.33, 0.29))
    page.locator("#message", has_text=WORDS("refused.too_small_photo")).wait_for()
    assert page.locator("#answer").inner_text() == before


def test_a_finger_draws_a_box_only_after_asking_for_it(open_page):
    page = open_page(has_touch=True, is_mobile=True)
    choose(page, PHOTO)
    wait_for_answer(page)
    touch = page.context.new_cdp_session(page)
    swipe(page, touch)
    assert page.locator("#whole").is_hidden()
    page.get_by_role("button", name=WORDS("interface.stage.choose_part")).tap()
    assert page.locator("#message").inner_text() == WORDS("interface.stage.drag")
    swipe(page, touch)
    wait_for_answer(page, part_only=True)
    assert framed(page)[:2] == pytest.approx([30, 30], abs=3)


def test_choosing_ends_with_escape(page):
    button = page.locator("#choose-part")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    button.press("Escape")
    assert button.get_attribute("aria-pressed") == "false"
    assert page.locator("#message").inner_text() == ""


def test_a_part_can_be_chosen_with_the_keyboard_alone(page):
    page.locator("#part summary").press("Enter")
    page.get_by_label(WORDS("interface.part.size")).press("End")
    assert page.locator("#box").is_visible()
    page.get_by_role("button", name=WORDS("interface.part.score")).press("Enter")
    wait_for_answer(page, part_only=True)
    # All of the shorter side, in the middle.
    assert framed(page) == pytest.approx([12.5, 0, 75, 100], abs=0.1)
    page.locator("#part summary").press("Enter")


def test_another_spot_is_scored_when_tapped(ready_page, tmp_path):
    file = tmp_path / "two.png"
    Image.fromarray(two_moles()).save(file)
    choose(ready_page, file)
    wait_for_answer(ready_page)
    spot = ready_page.get_by_role("button", name=WORDS("interface.stage.other_spot"))
    offered = spot.evaluate("({ style: s }) => [s.left, s.top, s.width, s.height]")
    spot.click()
    wait_for_answer(ready_page, part_only=True)
    assert framed(ready_page) == pytest.approx([float(side.removesuffix("%")) for side in offered], abs=0.01)
    assert spot.evaluate("({ style: s }) => [s.left, s.top, s.width, s.height]") != offered  # the first one, now


HOW_CUT = {"tone-1.jpg": "spot", "tone-3-dermatoscope.jpg": "border"}


@pytest.mark.parametrize("name", HOW_CUT)
def test_the_answer_says_how_the_photo_was_cut(ready_page, name):
    choose(ready_page, REPOSITORY / "examples" / name)
    wait_for_answer(ready_page)
    ready_page.locator("#curious summary").click()
    assert ready_page.get_by_text(WORDS(f"interface.seen.{HOW_CUT[name]}")).is_visible()


def test_a_message_is_told_in_the_language_chosen_after_it(browser, address):
    page = start(browser, address)
    choose(page, PHOTO)
    page.locator("#choose-part").click()
    page.locator("#language").select_option("de")
    page.locator("#message", has_text=Words("de")("interface.stage.drag")).wait_for()
    page.context.close()


def test_the_range_over_turned_copies_stands_in_the_answer(ready_page):
    choose(ready_page, REPOSITORY / "examples" / "tone-1.jpg")
    wait_for_answer(ready_page)
    low_and_high = WORDS("interface.range.turned", low="|", high="|").split("|")
    answer = ready_page.locator("#answer .small", has_text=low_and_high[-1].strip())
    answer.wait_for()
    assert answer.inner_text().startswith(low_and_high[0])


def test_a_dropped_folder_is_refused_in_words(ready_page):
    ready_page.evaluate("""async () => {
        const file = new File(["x"], "folder");
        file.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotFoundError"));
        const drop = new Event("drop", { bubbles: true, cancelable: true });
        document.dispatchEvent(Object.assign(drop, { dataTransfer: { files: [file] } }));
    }""")
    ready_page.get_by_text(WORDS("refused.unreadable_file")).wait_for()


DROP = """([text, own]) => {
    const transfer = new DataTransfer(), place = document.getElementById("answer");
    if (own) transfer.items.add(new File(["x"], "image.png", { type: "image/png" }));
    else transfer.setData("text/plain", text);
    const event = (kind) => new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
    if (own) place.dispatchEvent(event("dragstart"));
    return !place.dispatchEvent(event("drop"));
}"""


def test_an_address_that_is_dropped_as_text_gets_a_sentence_and_other_text_none(open_without_network):
    page = open_without_network()
    assert page.evaluate(DROP, ["hello", False])
    assert page.locator("#message").inner_text() == ""
    assert page.evaluate(DROP, ["https://example.org/mole.jpg", False])
    page.get_by_text(WORDS("interface.stage.address")).wait_for()


def test_a_picture_of_the_page_itself_that_is_dragged_by_a_slip_of_the_hand_is_no_new_photo(ready_page):
    before = ready_page.locator("#answer").inner_text()
    assert ready_page.evaluate(DROP, ["", True])
    ready_page.wait_for_timeout(300)
    assert ready_page.locator("#answer").inner_text() == before
