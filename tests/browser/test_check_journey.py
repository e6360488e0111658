"""A visitor's journeys through the check tab, in a real browser."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from PIL import Image

from interface.tabs import on_device
from skin_model.wording import sentence
from tests.conftest import FAKE_CAMERA, REPOSITORY
from tests.rendering import two_moles

EXAMPLES = REPOSITORY / "examples"
PHOTO = EXAMPLES / "tone-2-hairs.jpg"
RISK = re.compile(r"^(under |over )?\d{1,2}%$")
PHONE = {"width": 390, "height": 844}


def choose(page, file: Path) -> None:
    page.locator("#sources input[type=file]").set_input_files(file)


def wait_for_risk(page) -> str:
    """The risk on the answer card, once it is there."""
    number = page.locator("#answer .risk strong")
    number.wait_for()
    assert RISK.match(number.inner_text())
    return number.inner_text()


def wait_for_refusal(page) -> str:
    card = page.locator("#answer section[data-kind=refused]")
    card.wait_for()
    return card.inner_text()


def open_section(page, name: str) -> None:
    """Open a folded section by the key of its title."""
    page.get_by_role("button", name=sentence(name)).click()


def is_drawn(page, selector: str) -> bool:
    """Waits until every picture under ``selector`` has loaded and is on the page: Gradio draws one after another."""
    page.wait_for_function(
        "(selector) => { const images = [...document.querySelectorAll(selector)];"
        " return images.length > 0 && images.every((i) => i.naturalWidth > 0 && i.getClientRects().length > 0) }",
        arg=selector,
    )
    return True


def scrolls_sideways(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def scored(page) -> list[float]:
    """Left, top, width and height of the scored frame in per cent of the photo."""
    style = page.locator(".stage-scored").evaluate("(e) => [e.style.left, e.style.top, e.style.width, e.style.height]")
    return [float(value.removesuffix("%")) for value in style]


STANDS_STILL = """selector => new Promise(done => {
    let last = "", frames = 0;
    const look = () => {
        const { x, y, width } = document.querySelector(selector).getBoundingClientRect();
        frames = last === `${x} ${y} ${width}` ? frames + 1 : 0;
        last = `${x} ${y} ${width}`;
        frames < 30 ? requestAnimationFrame(look) : done();
    };
    look();
})"""
"""An answer scrolls the page, and its pictures move what is around them, for a moment after the risk can be read."""


def drag_over_photo(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse between two points in shares of the photo, once it stands still."""
    page.locator("#overlay img").nth(1).wait_for()
    page.locator(".stage-picture img").scroll_into_view_if_needed()
    page.evaluate(STANDS_STILL, ".stage-picture img")
    frame = page.locator(".stage-picture img").bounding_box()
    points = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def test_an_upload_gets_a_risk_what_to_do_and_an_overlay(open_page):
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    band = page.locator("#answer .answer").get_attribute("data-kind")
    assert sentence(f"advice.{band}") in page.locator("#answer").inner_text()
    assert is_drawn(page, ".stage-picture img")
    assert is_drawn(page, "#overlay img")
    page.locator("#overlay img").nth(1).wait_for()
    before, after = page.locator("#overlay img").evaluate_all("(images) => images.slice(0, 2).map((i) => i.src)")
    assert before != after
    for name in ("interface.diagnoses", "interface.curious"):
        open_section(page, name)
    page.locator("#diagnoses .bars li").first.wait_for()
    assert page.locator("#diagnoses .bars li").count() == 7
    assert is_drawn(page, ".seen img")


def test_a_broken_file_gets_the_sentence_and_no_number(open_page, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(PHOTO.read_bytes()[:20_000])
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    choose(page, cut)
    assert sentence("refused.damaged_file") in wait_for_refusal(page)
    assert page.locator("#answer .risk").count() == 0
    assert not page.locator("#reasons").is_visible()


def test_a_file_that_is_no_picture_gets_the_sentence(open_page):
    page = open_page()
    choose(page, EXAMPLES / "examples.json")
    assert sentence("refused.unsupported_format") in wait_for_refusal(page)


def test_a_photo_that_is_not_skin_shows_no_number(open_page, served_refusing):
    page = open_page(address=served_refusing)
    choose(page, PHOTO)
    assert sentence("refused.not_skin") in wait_for_refusal(page)
    assert page.locator("#answer .risk").count() == 0
    assert "%" not in page.locator("#results").inner_text()
    assert page.locator(".stage-picture").is_visible()
    assert not page.locator(".stage-scored").is_visible()


def test_a_result_points_to_the_diary_on_the_visitors_device_and_a_refusal_does_not(open_page, monkeypatch, tmp_path):
    (tmp_path / "index.html").write_text("<p>the page</p>")
    monkeypatch.setattr(on_device.to_the_diary, "__defaults__", (tmp_path,))
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    link = page.locator("#answer").get_by_role("link", name=sentence("interface.keep_eye"))
    assert link.get_attribute("href") == "./on-device/?from=app&lang=en#spots"
    (tmp_path / "broken.jpg").write_bytes(PHOTO.read_bytes()[:5000])
    choose(page, tmp_path / "broken.jpg")
    wait_for_refusal(page)
    assert link.count() == 0


def test_a_file_over_20_megabytes_is_told_before_it_is_sent(open_page, tmp_path):
    big = tmp_path / "big.jpg"
    big.write_bytes(b"\xff\xd8" + bytes(20 * 1024 * 1024))
    page = open_page()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/upload" in request.url else None)
    choose(page, big)
    assert sentence("refused.file_too_large") in wait_for_refusal(page)
    assert page.locator(".stage-message").inner_text() == ""
    assert not sent


def test_the_camera_takes_a_photo_that_is_scored(open_page):
    page = open_page(permissions=["camera"])
    page.evaluate(
        """() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = (wish) => { window.wish = wish; return ask(wish); };
        }"""
    )
    page.get_by_role("button", name=sentence("interface.camera"), exact=True).click()
    page.wait_for_function("document.querySelector('video').videoWidth > 0")
    assert page.evaluate("window.wish.video.facingMode.ideal") == "environment"
    assert page.evaluate("getComputedStyle(document.querySelector('video')).transform") == "none"
    page.get_by_role("button", name=sentence("interface.stage.shutter")).click()
    wait_for_risk(page)
    assert is_drawn(page, "#overlay img")
    assert page.evaluate("document.querySelector('video').srcObject") is None


def test_of_two_lenses_the_other_one_can_be_chosen(launch, served):
    """Phones often open the wide one, which is not sharp so near (mozmorris/react-webcam issue 365)."""
    with launch(FAKE_CAMERA[0], f"{FAKE_CAMERA[1]}=device-count=2") as chromium:
        page = chromium.new_page()
        page.goto(served)
        lens = "document.querySelector('video').srcObject?.getVideoTracks()[0].getSettings().deviceId"
        page.get_by_role("button", name=sentence("interface.camera"), exact=True).click()
        page.locator(".stage-lens").wait_for()
        first = page.evaluate(lens)
        page.locator(".stage-lens").click()
        page.wait_for_function(f"(first) => {lens} && {lens} !== first", arg=first)
        page.wait_for_function("document.querySelector('video').videoWidth > 0")
        page.get_by_role("button", name=sentence("interface.stage.shutter")).click()
        wait_for_risk(page)


def test_a_camera_that_is_denied_is_told_in_a_sentence(open_page):
    page = open_page()
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
    )
    page.get_by_role("button", name=sentence("interface.camera"), exact=True).click()
    page.locator(".stage-message:not(:empty)").wait_for()
    assert page.locator(".stage-message").inner_text() == sentence("interface.stage.camera_denied")


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_photo_can_be_pasted_and_dropped(open_page, way):
    page = open_page()
    page.evaluate(
        """([way, encoded]) => {
            const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
            if (way === "paste")
                document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
            else document.querySelector(".stage-empty")
                .dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [way, base64.b64encode(PHOTO.read_bytes()).decode()],
    )
    wait_for_risk(page)


def test_an_example_is_scored_with_the_keyboard_alone(open_page):
    page = open_page()
    example = page.locator("#examples button").nth(4)
    example.focus()
    page.keyboard.press("Enter")
    wait_for_risk(page)
    assert is_drawn(page, ".stage-picture img")


def test_a_dragged_box_is_scored_alone_and_the_whole_photo_again(open_page):
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    drag_over_photo(page, (0.3, 0.25), (0.6, 0.65))
    page.get_by_text(sentence("interface.part_only")).wait_for()
    left, top, width, height = scored(page)
    # The photo is 4:3 and the box a square: 30 % of the width are 40 % of the height.
    assert [left, top, width, height] == pytest.approx([30, 25, 30, 40], abs=1.5)
    page.get_by_role("button", name=sentence("interface.stage.whole")).click()
    page.get_by_text(sentence("interface.part_only")).wait_for(state="detached")
    assert scored(page) == pytest.approx([12.5, 0, 75, 100], abs=0.5)


def test_a_finger_draws_a_box_only_after_asking_for_it(open_page):
    page = open_page(**PHONE, has_touch=True, is_mobile=True)
    choose(page, PHOTO)
    wait_for_risk(page)
    touch = page.context.new_cdp_session(page)

    def swipe() -> None:
        page.locator(".stage-picture img").scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        frame = page.locator(".stage-picture img").bounding_box()
        for kind, share in (("touchStart", 0.3), ("touchMove", 0.45), ("touchMove", 0.6), ("touchEnd", None)):
            points = []
            if share is not None:
                points = [{"x": frame["x"] + share * frame["width"], "y": frame["y"] + share * frame["height"]}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    swipe()
    assert not page.locator(".stage-box").is_visible()
    page.get_by_role("button", name=sentence("interface.stage.choose_part"), exact=True).click()
    swipe()
    page.get_by_text(sentence("interface.part_only")).wait_for()
    assert scored(page)[:2] == pytest.approx([30, 30], abs=3)


def test_a_part_can_be_chosen_with_sliders_from_the_keyboard(open_page):
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    assert is_drawn(page, "#overlay img")
    page.get_by_role("button", name=sentence("interface.part")).press("Enter")
    size = page.get_by_role("slider", name=sentence("interface.part.size"))
    for _ in range(10):
        size.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.stage-box').style.width === '30%'")
    page.get_by_role("button", name=sentence("interface.part.score")).press("Enter")
    page.get_by_text(sentence("interface.part_only")).wait_for()
    # 40 % of the shorter side (600 of 800 × 600) in the middle: 240 px.
    assert scored(page) == pytest.approx([35, 30, 30, 40], abs=1)


def test_a_mole_far_away_is_found_and_scored_close_up(open_page, served_locating):
    page = open_page(address=served_locating)
    choose(page, EXAMPLES / "far-away.jpg")
    wait_for_risk(page)
    assert sentence("problem.lesion_too_small") in page.locator("#answer").inner_text()
    left, top, width, height = scored(page)
    assert width < 25 and height < 35
    # The mole's middle, where examples.render draws it.
    assert left < 58 < left + width and top < 44 < top + height


def test_a_tap_on_another_spot_scores_that_one(open_page, served_locating, tmp_path):
    page = open_page(address=served_locating)
    picture = tmp_path / "two-moles.png"
    Image.fromarray(two_moles()).save(picture)
    choose(page, picture)
    wait_for_risk(page)
    first = scored(page)
    other = page.get_by_role("button", name=sentence("interface.stage.other_spot"))
    other.first.click()
    page.get_by_text(sentence("interface.part_only")).wait_for()
    assert scored(page)[0] != pytest.approx(first[0], abs=10)
    # The spot that was scored before can be chosen in its turn, and the keyboard has not lost its place.
    assert other.count() == 1
    page.wait_for_function("document.activeElement.classList.contains('stage-whole')")


def test_the_threshold_slider_tells_sensitivity_and_specificity(open_page):
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    open_section(page, "interface.threshold")
    told = page.locator("#threshold .point")
    told.wait_for()
    assert "95" in told.inner_text() and "52" in told.inner_text()
    slider = page.get_by_role("slider", name=sentence("interface.threshold.slider"))
    slider.focus()
    page.keyboard.press("End")
    told.filter(has_text=sentence("interface.threshold.sensitivity", count=44)).wait_for()
    told.filter(has_text=sentence("interface.threshold.specificity", count=93)).wait_for()
    assert "no warning" in told.inner_text()


def test_strength_and_method_redraw_the_overlay(open_page):
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    assert is_drawn(page, "#overlay img")

    def sources() -> list[str]:
        return page.locator("#overlay img").evaluate_all("(images) => images.map((i) => i.src)")

    seen = sources()
    open_section(page, "interface.curious")
    slider = page.get_by_role("slider", name=sentence("interface.strength"))
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_function(
        "(old) => [...document.querySelectorAll('#overlay img')].some((i) => !old.includes(i.src))", arg=seen
    )
    seen += sources()
    page.get_by_text(sentence("interface.method.occlusion")).click()
    page.wait_for_function(
        "(old) => [...document.querySelectorAll('#overlay img')].some((i) => !old.includes(i.src))", arg=seen
    )


def test_a_phone_never_scrolls_sideways_and_brings_the_answer_into_view(open_page):
    page = open_page(**PHONE, has_touch=True, is_mobile=True)
    assert not scrolls_sideways(page)
    choose(page, PHOTO)
    wait_for_risk(page)
    page.wait_for_function(
        "() => { const r = document.querySelector('#answer .risk').getBoundingClientRect();"
        " return r.top >= 0 && r.bottom <= window.innerHeight }"
    )
    assert is_drawn(page, "#overlay img")
    for name in ("interface.part", "interface.threshold"):
        open_section(page, name)
    page.wait_for_timeout(300)
    assert not scrolls_sideways(page)
    widest = page.evaluate(
        # Not the row of tabs, which scrolls in itself, nor its unseen copy.
        "() => Math.max(...[...document.querySelectorAll("
        "'body *:not(.visually-hidden, .visually-hidden *, [role=tablist], [role=tablist] *)')]"
        ".filter((e) => e.getClientRects().length).map((e) => e.getBoundingClientRect().right))"
    )
    assert widest <= PHONE["width"]


def test_every_control_has_a_name(open_page):
    page = open_page()
    choose(page, PHOTO)
    wait_for_risk(page)
    assert is_drawn(page, "#overlay img")
    for name in ("interface.part", "interface.threshold"):
        open_section(page, name)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, textarea, select, [role=slider]")]
            .filter((e) => e.checkVisibility({ visibilityProperty: true }))
            .filter((e) => !(e.innerText || e.getAttribute("aria-label") || e.title || e.labels?.[0]?.innerText
                || document.getElementById(e.getAttribute("aria-labelledby"))))
            .map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    assert page.locator("img:not([alt])").count() == 0


def test_dark_mode_follows_the_system(open_page):
    light, dark = (
        open_page(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    )
    brightness = [sum(int(n) for n in re.findall(r"\d+", colour)[:3]) for colour in (light, dark)]
    assert brightness[0] > 600 and brightness[1] < 150
