"""The main journeys once more in Firefox: what is kept stays, comes back, is locked, thrown away and never sent."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile

import pytest
from pypdf import PdfReader

from skin_model.wording import Words
from tests.on_device.conftest import CAN_SCORE, KEPT_FOR_OFFLINE, READY, serve, start
from tests.on_device.diary.conftest import OTHER, PHOTO, prepare, spot_with
from tests.on_device.diary.test_journeys import checked, counted, go, screen

pytestmark = pytest.mark.browser

SAY = Words()
PLACE = {"side": "back", "x": 0.5, "y": 0.4}
A4 = {"width": "21in", "height": "29.7in", "margin": dict.fromkeys(("top", "right", "bottom", "left"), "1.5in")}
"""In centimetres: Playwright hands Firefox the number of inches, which WebDriver BiDi takes for centimetres."""
TWO = [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")]


@pytest.fixture(scope="module")
def browser(launch_firefox):
    """A Firefox in place of Chromium, for every fixture of these folders."""
    with launch_firefox() as firefox:
        yield firefox


def press(page, key, language="en"):
    page.get_by_role("button", name=Words(language)(key), exact=True).click()


def kept(page, taken):
    """Saves the photo that the screen asks about, with the day on which it was taken."""
    screen(page, "keep")
    page.locator("#taken").fill(taken)
    press(page, "diary.save")
    screen(page, "spot")


def downloaded(page, key):
    """Name and bytes of the file that a button gives. It is deleted, for Firefox would call the next one otherwise."""
    with page.expect_download() as saved:
        press(page, key)
    content = saved.value.path().read_bytes()
    saved.value.delete()
    return saved.value.suggested_filename, content


def copied(page):
    """The bytes of the ZIP that the diary's own screen saves."""
    go(page, "own")
    screen(page, "own")
    return downloaded(page, "diary.export.plain")[1]


# --- keeping ---------------------------------------------------------------------------------------------------------
def test_a_checked_photo_is_kept_in_a_new_spot_and_is_there_after_a_reload(empty_diary):
    page = empty_diary
    checked(page)
    risk = page.locator(".risk strong").inner_text()
    page.locator("#keep").click()
    screen(page, "keep")
    figure = page.locator(".figure").first
    box = figure.bounding_box()
    figure.click(position={"x": box["width"] * 0.19, "y": box["height"] * 0.48})
    assert page.locator(".chosen-place").inner_text() == "forearm, right (front)"
    page.locator("#spot-name").fill("near the wrist")
    page.locator("#taken").fill("2026-02-03T10:00")
    page.get_by_label(SAY("diary.sign.itches")).check()
    page.locator("#note").fill("since spring")
    press(page, "diary.save")
    screen(page, "spot")
    page.evaluate("location.hash = '#spots'")
    screen(page, "list")
    page.reload()
    page.locator(CAN_SCORE).wait_for()
    page.locator(".spots a", has_text="1: near the wrist").click()
    screen(page, "spot")
    page.locator(".photos img:not([hidden])").wait_for()
    text = page.locator("#diary").inner_text()
    for said in ("forearm, right (front)", risk, "Feb 3, 2026", SAY("diary.sign.itches"), "since spring"):
        assert said in text
    assert counted(page) == {"spots": 1, "photos": 1, "pictures": 1, "thumbnails": 1}


def test_a_second_photo_of_a_spot_is_scored_kept_and_compared_with_the_first(empty_diary, turned):
    page = empty_diary
    page.set_default_timeout(3 * READY)
    checked(page, OTHER)
    page.locator("#keep").click()
    kept(page, "2026-01-05T08:00")
    page.locator("#spot-file").set_input_files(turned)
    kept(page, "2026-02-05T08:00")
    page.locator(".photos > li").nth(1).wait_for()
    page.get_by_role("link", name=SAY("diary.change"), exact=True).click()
    change = page.locator("#change[data-verdict]")
    change.wait_for()
    assert change.get_attribute("data-alignment") == "features"
    assert change.get_attribute("data-verdict") == "none"
    assert SAY("compare.verdict.none") in change.inner_text()
    assert page.locator("#change .compare canvas").count() == 2
    assert page.locator("#change .beside img").count() == 2
    page.set_default_timeout(READY)


def test_a_heic_photo_is_refused_with_a_way_out(empty_diary, heic):
    page = empty_diary
    page.evaluate("location.hash = ''")
    page.locator("#file").set_input_files(heic)
    page.get_by_text(SAY("refused.heic_unreadable")).wait_for()
    assert set(counted(page).values()) == {0}


# --- owning ----------------------------------------------------------------------------------------------------------
def test_a_copy_comes_back_in_another_profile_byte_for_byte(empty_diary, open_without_network, address, tmp_path):
    page, file = empty_diary, tmp_path / "copy.zip"
    spot_with(page, TWO, "left arm", PLACE)
    file.write_bytes(copied(page))
    with zipfile.ZipFile(file) as archive:
        photos = json.loads(archive.read("diary.json"))["spots"][0]["photos"]
        assert [archive.read(photo["file"]) for photo in photos] == [PHOTO.read_bytes(), OTHER.read_bytes()]
    fresh = open_without_network(f"{address}#spots/own")
    screen(fresh, "own")
    assert set(counted(fresh).values()) == {0}
    fresh.locator("#import-file").set_input_files(file)
    fresh.get_by_text(SAY("diary.imported", count=2)).wait_for()
    assert copied(fresh) == file.read_bytes()


def test_a_lock_hides_everything_until_its_passphrase_is_typed(open_without_network):
    page = open_without_network()
    spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, "own")
    page.locator("#lock summary").click()
    page.locator("#lock-passphrase").fill("correct horse")
    page.locator("#lock-again").fill("correct horse")
    press(page, "diary.lock.set")
    page.get_by_text(SAY("diary.lock.done")).wait_for()
    page.reload()
    screen(page, "locked")
    assert "left arm" not in page.locator("#diary").inner_text()
    page.locator("#passphrase").fill("wrong words")
    press(page, "diary.unlock")
    page.get_by_text(SAY("diary.problem.passphrase")).wait_for()
    page.locator("#passphrase").fill("correct horse")
    press(page, "diary.unlock")
    screen(page, "own")
    go(page)
    page.get_by_text("1: left arm").wait_for()


def test_a_photo_a_spot_and_everything_are_thrown_away_after_one_question_each(empty_diary):
    page = empty_diary
    spot = spot_with(page, TWO)
    go(page, f"spot/{spot}")
    page.locator(".photos summary").first.click()
    press(page, "diary.forget.photo")
    press(page, "diary.no")
    assert counted(page)["photos"] == 2
    press(page, "diary.forget.photo")
    press(page, "diary.forget.yes")
    page.locator(".photos > li").nth(1).wait_for(state="detached")
    assert counted(page) == {"spots": 1, "photos": 1, "pictures": 1, "thumbnails": 1}
    press(page, "diary.forget.spot")
    press(page, "diary.forget.yes")
    page.get_by_text(SAY("diary.forgotten.spot")).wait_for()
    assert set(counted(page).values()) == {0}
    spot_with(page, TWO)
    go(page, "own")
    press(page, "diary.forget.everything")
    press(page, "diary.forget.yes")
    page.get_by_text(SAY("diary.forgotten.everything")).wait_for()
    assert set(counted(page).values()) == {0}


def letters(text):
    """Without the gaps and ligatures that setting the type makes."""
    return "".join(unicodedata.normalize("NFKC", text).split())


# --- taking along ----------------------------------------------------------------------------------------------------
def test_the_reminder_names_the_place_and_nothing_else(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-31T08:00")], "secret name", {"side": "front", "x": 0.5, "y": 0.4})
    go(page, f"spot/{spot}")
    name, content = downloaded(page, "diary.reminder")
    content = content.decode()
    assert name.endswith(".ics")
    assert content.startswith("BEGIN:VCALENDAR\r\n")
    assert "RRULE:FREQ=MONTHLY\r\n" in content
    assert "SUMMARY:Take a new photo: belly\\, middle (front)" in content.replace("\r\n ", "")
    assert "secret" not in content


def test_the_printed_page_for_the_doctor_shows_the_chosen_spots_and_nothing_else(empty_diary):
    page = empty_diary
    spot_with(page, TWO, "first one", PLACE)
    spot_with(page, [(OTHER, "2026-02-05T08:00")], "second one")
    go(page, "doctor")
    screen(page, "doctor")
    page.get_by_label("2: second one").uncheck()
    page.locator("#paper[data-spots='1']").wait_for()
    page.wait_for_function("Array.from(document.querySelectorAll('#paper img')).every((image) => image.complete)")
    printed = PdfReader(io.BytesIO(page.pdf(**A4)))
    assert len(printed.pages) == 1
    text = letters("".join(sheet.extract_text() for sheet in printed.pages))
    assert letters("first one") in text
    assert letters("Feb 5, 2026") in text
    assert letters("second one") not in text
    assert letters(SAY("diary.doctor.print")) not in text
    assert sum(len(sheet.images) for sheet in printed.pages) == 2


# --- speaking Arabic, and sending nothing ----------------------------------------------------------------------------
def test_every_screen_runs_from_right_to_left_in_arabic_and_fits_a_phone(empty_diary):
    page, words = empty_diary, Words("ar")
    spot = spot_with(page, TWO, "x", PLACE)
    page.locator("#language").select_option("ar")
    page.locator("html[lang=ar][dir=rtl]").wait_for()
    screens = {"": "title", f"spot/{spot}": "photo.add", "new": "spot.add", "own": "own", "doctor": "doctor"}
    for path, key in screens.items():
        go(page, path)
        screen(page, path.split("/")[0] or "list")
        heading = page.locator("#diary").get_by_text(words(f"diary.{key}"), exact=True).first
        heading.wait_for()
        assert heading.evaluate("node => getComputedStyle(node).direction") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_no_request_leaves_the_page_and_the_diary_opens_without_the_internet(browser, site):
    with serve(site) as (url, handler):
        page = start(browser, url, until=KEPT_FOR_OFFLINE)
        asked = []
        page.context.on("request", lambda request: asked.append(request.url))
        page.locator("#my-spots").click()
        screen(page, "list")
        page.locator("html[data-diary=offline]").wait_for()
        prepare(page)
        handler.asked.clear()
        checked(page)
        page.locator("#keep").click()
        screen(page, "keep")
        press(page, "diary.save")
        screen(page, "spot")
        for path in ("own", "doctor", ""):
            go(page, path)
            screen(page, path or "list")
        assert handler.asked == []
        assert any("/diary/" in address for address in asked)
        assert [address for address in asked if not address.startswith((url, f"blob:{url}"))] == []
    page.reload()  # the server is gone
    screen(page, "list")
    page.get_by_text(SAY("diary.photos.one")).wait_for()
    page.context.close()
