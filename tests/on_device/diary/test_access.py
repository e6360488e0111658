"""Every screen by keyboard, by thumb, by screen reader, and in another language without losing what was typed."""

from __future__ import annotations

import pytest

from skin_model.wording import Words
from tests.conftest import FAKE_CAMERA
from tests.on_device.conftest import READY
from tests.on_device.diary.conftest import OTHER, PHOTO, prepare, spot_with
from tests.on_device.diary.test_journeys import checked, counted, go, screen

pytestmark = pytest.mark.browser

SAY = Words()
PLACE = {"side": "back", "x": 0.3, "y": 0.4}


@pytest.fixture(scope="module")
def browser(launch):
    """A Chromium with a camera that every page may use."""
    with launch(*FAKE_CAMERA) as chromium:
        yield chromium


def speak(page, language):
    page.locator("#language").select_option(language)
    page.locator(f"html[lang={language}]").wait_for()
    page.locator("#diary").get_by_text(Words(language)("diary.title"), exact=True).first.wait_for()


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("en", "dark"), ("ar", "light")])
def test_axe_finds_nothing_serious_on_any_screen(empty_diary, language, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe (requirements-dev.txt)")
    page, serious = empty_diary, {}
    page.set_default_timeout(3 * READY)
    page.emulate_media(color_scheme=scheme)
    speak(page, language)

    def look(name):
        page.wait_for_timeout(300)
        for rule in axe.Axe().run(page).response["violations"]:
            if rule["impact"] in ("serious", "critical"):
                serious[f"{name} {rule['id']}"] = [node["html"][:160] for node in rule["nodes"]]

    look("empty")
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")], "x", PLACE)
    for path in ("own", "", f"spot/{spot}", "new", "doctor", f"change/{spot}", f"camera/{spot}"):
        go(page, path)
        name = path.split("/")[0] or "list"
        screen(page, name)
        if name == "change":
            page.locator("#change[data-verdict], #change .warning").first.wait_for()
        if name == "camera":
            page.locator(".ghost").wait_for()
        if name == "spot":
            page.locator(".photos summary").first.click()
            page.locator(".whole-photo").wait_for()
        look(name)
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    look("keep")
    go(page, f"spot/{spot}")
    screen(page, "spot")
    page.get_by_role("button", name=Words(language)("diary.forget.spot")).click()
    look("question")
    page.keyboard.press("Escape")
    prepare(page)
    page.evaluate("store.seal('correct horse').then(() => store.close())")
    page.reload()
    screen(page, "locked")
    look("locked")
    page.locator("html[data-ready]").wait_for()
    page.emulate_media(color_scheme="light")
    page.set_default_timeout(READY)
    assert not serious


def test_buttons_links_and_fields_are_large_enough_for_a_thumb(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    for path in ("", f"spot/{spot}", "new", "own", "doctor", f"change/{spot}", f"camera/{spot}"):
        go(page, path)
        screen(page, path.split("/")[0] or "list")
        for control in page.locator(
            "#diary :is(button, a, select, summary, .sign, .tones label, input[type=text], input[type=range]):visible"
        ).all():
            assert control.bounding_box()["height"] >= 44


def test_a_photo_is_kept_found_and_thrown_away_by_keyboard_alone(empty_diary):
    page = empty_diary
    checked(page)

    def to(locator):
        """Tab from here to a control; every one before it takes the focus too."""
        for _ in range(80):
            page.keyboard.press("Tab")
            if locator.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"Tab never comes to {locator}")

    page.locator("#answer h2").focus()
    to(page.locator("#keep"))
    page.keyboard.press("Enter")
    screen(page, "keep")
    assert page.evaluate("document.activeElement.localName") == "h2"
    to(page.locator("#place-list"))
    page.keyboard.type("forearm, left (front)")
    to(page.locator("#spot-name"))
    page.keyboard.type("near the wrist")
    to(page.get_by_label(SAY("diary.sign.itches")))
    page.keyboard.press("Space")
    to(page.get_by_role("button", name=SAY("diary.save"), exact=True))
    page.keyboard.press("Enter")
    screen(page, "spot")
    page.get_by_text("forearm, left (front)").wait_for()
    to(page.locator(".photos summary"))
    page.keyboard.press("Enter")
    forget = page.get_by_role("button", name=SAY("diary.forget.photo"))
    to(forget)
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    assert forget.evaluate("node => node === document.activeElement")
    page.keyboard.press("Enter")
    to(page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True))
    page.keyboard.press("Enter")
    page.get_by_text(SAY("diary.spot.empty")).wait_for()
    assert counted(page)["photos"] == 0


# --- the way back ----------------------------------------------------------------------------------------------------
def test_the_way_back_from_a_spots_screens_leads_to_the_spot_and_on_to_the_list(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    for path in ("change", "place", "camera", "keep"):
        go(page, f"{path}/{spot}")
        screen(page, path)
        page.get_by_role("link", name=SAY("diary.back.spot")).click()
        screen(page, "spot")
    page.locator("#diary nav").get_by_role("link", name=SAY("diary.title")).click()
    screen(page, "list")


def test_the_phones_way_back_passes_over_forms_that_were_saved(empty_diary):
    page = empty_diary
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    screen(page, "spot")
    page.go_back()
    page.locator("#answer h2").wait_for()
    assert page.locator("#diary").is_hidden()


def test_a_photo_that_was_taken_for_a_spot_and_not_kept_leads_back_to_the_spot(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, f"spot/{spot}")
    screen(page, "spot")
    page.locator("#spot-file").set_input_files(OTHER)
    screen(page, "keep")
    page.get_by_role("button", name=SAY("diary.keep.not")).click()
    screen(page, "spot")
    assert page.url.endswith(f"#spots/spot/{spot}")
    assert counted(page)["photos"] == 1


def test_a_locked_diary_leads_back_to_the_check(empty_diary):
    page = empty_diary
    prepare(page)
    page.evaluate("store.seal('correct horse').then(() => store.close())")
    go(page, "own")
    screen(page, "locked")
    page.get_by_role("link", name=SAY("diary.back")).click()
    page.locator("#photo-stage").wait_for()
    page.evaluate("location.hash = '#spots'")
    screen(page, "locked")


def test_the_keyboards_place_is_kept_when_a_photos_notes_are_saved_or_the_photo_is_thrown_away(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    go(page, f"spot/{spot}")
    photo = page.locator(".photos > li").first
    photo.locator("summary").click()
    photo.locator("#note").fill("itched")
    photo.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    photo.locator(".note", has_text="itched").wait_for()
    photo.locator("summary:focus").wait_for()
    assert photo.locator("details[open]").count() == 0
    photo.locator("summary").click()
    photo.get_by_role("button", name=SAY("diary.forget.photo")).click()
    page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True).click()
    page.locator(".photos > li").nth(1).wait_for(state="detached")
    page.locator("#diary h2:focus").wait_for()


def test_a_name_of_sixty_letters_without_a_space_stays_on_the_screen(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")], "W" * 60, PLACE)
    for path in ("", f"spot/{spot}", f"change/{spot}", f"place/{spot}", "doctor"):
        go(page, path)
        screen(page, path.split("/")[0] or "list")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_buttons_below_each_other_are_of_one_height(empty_diary):
    page = empty_diary
    spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, "own")
    screen(page, "own")
    for fold in page.locator("#diary summary").all():
        fold.click()
    heights = [button.bounding_box()["height"] for button in page.locator("#diary button.lg:visible").all()]
    assert max(heights) < 70


# --- another language ------------------------------------------------------------------------------------------------
def test_another_language_keeps_what_was_typed_of_a_new_photo(empty_diary):
    page = empty_diary
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    figure = page.locator(".figure").first
    box = figure.bounding_box()
    figure.click(position={"x": box["width"] * 0.19, "y": box["height"] * 0.48})
    page.locator("#spot-name").fill("near the wrist")
    page.locator("#spot-months").select_option("3")
    page.locator("#taken").fill("2026-02-03T10:00")
    page.get_by_label(SAY("diary.sign.bled")).check()
    page.locator("#note").fill("since spring")
    speak(page, "ar")
    page.get_by_label(Words("ar")("diary.sign.bled")).wait_for()
    page.get_by_role("button", name=Words("ar")("diary.save"), exact=True).click()
    screen(page, "spot")
    speak(page, "en")
    page.get_by_text("forearm, right (front)").wait_for()
    text = page.locator("#diary").inner_text()
    for said in ("1: near the wrist", "Feb 3, 2026", SAY("diary.sign.bled"), "since spring"):
        assert said in text
    prepare(page)
    assert page.evaluate("store.spots().then(([spot]) => { store.close(); return spot.months; })") == 3


def test_another_language_keeps_what_was_typed_of_a_photo_that_is_there(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    go(page, f"spot/{spot}")
    page.locator(".photos summary").nth(1).click()
    page.locator(".photos > li").nth(1).locator("#note").fill("half a word")
    speak(page, "de")
    older = page.locator(".photos > li").nth(1)
    assert older.locator("#note").input_value() == "half a word"
    assert page.locator(".photos > li").first.locator("#note").count() == 0
    older.get_by_role("button", name=Words("de")("diary.save"), exact=True).click()
    page.locator(".lines .note", has_text="half a word").wait_for()


def test_another_language_keeps_a_passphrase_that_is_being_typed_and_the_focus(empty_diary):
    page = empty_diary
    spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, "own")
    page.locator("#lock summary").click()
    page.locator("#lock-passphrase").fill("correct horse")
    page.locator("#language").focus()
    speak(page, "fr")
    assert page.locator("#lock-passphrase").input_value() == "correct horse"
    assert page.locator("#lock-passphrase").is_visible()
    assert page.evaluate("document.activeElement.id") == "language"
