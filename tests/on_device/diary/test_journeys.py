"""What a visitor does with the diary: keep a photo, find it again, throw it away; nothing is sent or kept unasked."""

from __future__ import annotations

import json
import zipfile

import pytest

from skin_model.wording import Words, languages
from tests.on_device.conftest import KEPT_FOR_OFFLINE, serve, start
from tests.on_device.diary.conftest import OTHER, PHOTO, prepare, spot_with

pytestmark = pytest.mark.browser

SAY = Words()


def screen(page, name):
    page.locator(f"#diary[data-screen={name}]").wait_for()


def go(page, path=""):
    page.evaluate("path => { location.hash = path ? `#spots/${path}` : '#spots'; }", path)


def checked(page, file=PHOTO):
    page.evaluate("location.hash = ''")
    page.locator("#answer").evaluate("answer => answer.replaceChildren()")  # an earlier test's
    page.locator("#file").set_input_files(file)
    page.locator("#keep").wait_for()


def counted(page):
    prepare(page)
    return page.evaluate("counts().then((found) => { store.close(); return found; })")


def test_a_check_keeps_nothing(empty_diary):
    checked(empty_diary)
    assert set(counted(empty_diary).values()) == {0}


def test_a_photo_is_kept_in_a_new_spot_with_what_was_said_of_it(empty_diary):
    page = empty_diary
    checked(page)
    risk = page.locator(".risk strong").inner_text()
    page.locator("#keep").click()
    screen(page, "keep")
    page.locator("#place-list").select_option(label="forearm, left (front)")
    page.locator("#spot-name").fill("near the wrist")
    page.get_by_label(SAY("diary.sign.itches")).check()
    page.locator("#note").fill("since spring")
    page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    screen(page, "spot")
    text = page.locator("#diary").inner_text()
    for said in ("1: near the wrist", "forearm, left (front)", risk, SAY("diary.sign.itches"), "since spring"):
        assert said in text
    assert counted(page) == {"spots": 1, "photos": 1, "pictures": 1, "thumbnails": 1}


def test_that_the_browser_may_clear_it_is_said_before_the_first_save_and_a_copy_offered_after(empty_diary):
    page = empty_diary
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    assert SAY("diary.cleared") in page.locator("#before-first").inner_text()
    assert SAY("diary.persist") in page.locator("#before-first").inner_text()
    page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    page.locator(".told").get_by_role("button", name=SAY("diary.export")).click()
    screen(page, "own")
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    assert page.locator("#before-first").count() == 0


def test_no_save_waits_until_the_browser_has_said_whether_it_may_clear_it(empty_diary):
    page = empty_diary
    page.evaluate("() => { navigator.storage.persist = () => new Promise(() => {}); }")
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    screen(page, "spot")
    page.evaluate("() => { delete navigator.storage.persist; }")
    assert counted(page)["photos"] == 1


def test_an_iphone_that_did_not_open_the_page_from_its_home_screen_is_told_to_before_the_first_save(
    open_without_network,
):
    tells = "Object.defineProperty(navigator, 'standalone', {{ get: () => {} }})"
    for at_home, said in (("false", 1), ("true", 0)):
        page = open_without_network(before=tells.format(at_home))
        for path in ("", "new", "own"):
            go(page, path)
            screen(page, path or "list")
            assert page.get_by_text(SAY("diary.home_screen")).count() == said


def test_a_photo_that_is_not_kept_leaves_nothing(empty_diary):
    page = empty_diary
    checked(page)
    page.locator("#keep").click()
    page.get_by_role("button", name=SAY("diary.keep.not")).click()
    page.locator("#answer").wait_for()
    assert set(counted(page).values()) == {0}


def test_a_tap_on_the_body_names_the_place_from_the_persons_own_side(empty_diary):
    page = empty_diary
    go(page, "new")
    screen(page, "new")
    figure = page.locator(".figure").first
    box = figure.bounding_box()
    # At the reader's left of a figure seen from the front is its right arm.
    figure.click(position={"x": box["width"] * 0.19, "y": box["height"] * 0.48})
    assert page.locator(".chosen-place").inner_text() == "forearm, right (front)"
    figure.click(position={"x": box["width"] * 0.03, "y": box["height"] * 0.03})
    assert page.locator(".chosen-place").inner_text() == "forearm, right (front)"


def test_nearer_the_same_tap_hits_the_same_place(empty_diary):
    page = empty_diary
    go(page, "new")
    screen(page, "new")
    page.get_by_role("button", name=SAY("diary.map.nearer")).click()
    figure = page.locator(".figure").first
    figure.evaluate("node => { node.parentElement.scrollTop = 0; node.parentElement.scrollLeft = 60; }")
    box = figure.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.1)
    assert page.locator(".chosen-place").inner_text() == "head, middle (front)"


def test_every_place_of_the_list_names_itself(empty_diary):
    found = empty_diary.evaluate(
        """async (folder) => {
            const { placesOf, partAt } = await import(`${folder}diary/body.js`);
            return ["front", "back"].flatMap((side) => placesOf(side).map((place) =>
                Object.values(partAt(place)).join()));
        }""",
        empty_diary.evaluate("new URL('.', document.querySelector('script[src]').src).href"),
    )
    front, back = found[: len(found) // 2], found[len(found) // 2 :]
    assert len(set(front)) == len(front) > 20
    assert len(set(back)) == len(back) > 20


def test_a_photo_a_spot_and_everything_are_thrown_away_after_one_question_each(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    go(page, f"spot/{spot}")
    page.locator(".photos summary").first.click()
    page.get_by_role("button", name=SAY("diary.forget.photo")).click()
    page.get_by_role("button", name=SAY("diary.no")).click()
    assert counted(page)["photos"] == 2
    page.get_by_role("button", name=SAY("diary.forget.photo")).click()
    page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True).click()
    page.locator(".photos > li").nth(1).wait_for(state="detached")
    assert counted(page) == {"spots": 1, "photos": 1, "pictures": 1, "thumbnails": 1}
    page.get_by_role("button", name=SAY("diary.forget.spot")).click()
    page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True).click()
    page.get_by_text(SAY("diary.forgotten.spot")).wait_for()
    assert set(counted(page).values()) == {0}
    spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, "own")
    page.get_by_role("button", name=SAY("diary.forget.everything")).click()
    page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True).click()
    page.get_by_text(SAY("diary.forgotten.everything")).wait_for()
    assert set(counted(page).values()) == {0}


def test_notes_and_date_of_a_photo_can_be_changed(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, f"spot/{spot}")
    page.locator(".photos summary").first.click()
    page.locator("#note").fill("bled a little")
    page.locator("#taken").fill("2026-02-07T10:00")
    page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    page.locator(".lines .note", has_text="bled a little").wait_for()
    assert "Feb 7, 2026" in page.locator(".photos").inner_text()


def test_a_copy_is_saved_and_brought_back_by_the_screens(empty_diary, tmp_path):
    page = empty_diary
    spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    go(page, "own")
    with page.expect_download() as saved:
        page.get_by_role("button", name=SAY("diary.export.plain")).click()
    saved.value.save_as(tmp_path / "copy.zip")
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        first, second = json.loads(archive.read("diary.json"))["spots"][0]["photos"]
        assert archive.read(first["file"]) == PHOTO.read_bytes()
        assert archive.read(second["file"]) == OTHER.read_bytes()
    page.get_by_role("button", name=SAY("diary.forget.everything")).click()
    page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True).click()
    page.get_by_text(SAY("diary.forgotten.everything")).wait_for()
    go(page, "own")
    page.locator("#import-file").set_input_files(tmp_path / "copy.zip")
    page.get_by_text(SAY("diary.imported", count=2)).wait_for()
    assert page.locator(".spots li").count() == 1
    go(page, "own")
    page.locator("#import-file").set_input_files(PHOTO)
    page.get_by_text(SAY("diary.problem.not_zip")).wait_for()


def test_a_locked_diary_asks_for_its_passphrase_in_words(empty_diary):
    page = empty_diary
    spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    go(page, "own")
    page.locator("#lock summary").click()
    page.locator("#lock-passphrase").fill("correct horse")
    page.locator("#lock-again").fill("correct house")
    page.get_by_role("button", name=SAY("diary.lock.set")).click()
    page.get_by_text(SAY("diary.problem.differ")).wait_for()
    page.locator("#lock-again").fill("correct horse")
    page.get_by_role("button", name=SAY("diary.lock.set")).click()
    page.get_by_text(SAY("diary.lock.done")).wait_for()
    page.get_by_role("button", name=SAY("diary.lock.now")).click()
    screen(page, "locked")
    assert "left arm" not in page.locator("#diary").inner_text()
    page.locator("#passphrase").fill("wrong words")
    page.get_by_role("button", name=SAY("diary.unlock")).click()
    page.get_by_text(SAY("diary.problem.passphrase")).wait_for()
    page.locator("#passphrase").fill("correct horse")
    page.get_by_role("button", name=SAY("diary.unlock")).click()
    screen(page, "own")
    go(page)
    page.get_by_text("1: left arm").wait_for()


def test_a_due_photo_is_marked_in_the_list_and_at_the_pages_own_button(empty_diary):
    page = empty_diary
    spot_with(page, [(PHOTO, "2025-01-05T08:00")])
    go(page, "own")
    go(page)
    page.locator(".spots .due-mark").wait_for()
    page.evaluate("location.hash = ''")
    page.locator("#due", has_text=SAY("diary.badge")).wait_for()


def test_the_reminder_names_the_place_and_nothing_else(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-31T08:00")], "secret name", {"side": "front", "x": 0.5, "y": 0.4})
    go(page, f"spot/{spot}")
    with page.expect_download() as saved:
        page.get_by_role("button", name=SAY("diary.reminder")).click()
    text = saved.value.path().read_text(encoding="utf-8").replace("\r\n ", "")
    assert "RRULE:FREQ=MONTHLY\r\n" in saved.value.path().read_bytes().decode()
    assert "SUMMARY:Take a new photo: belly\\, middle (front)" in text
    assert "secret" not in text
    assert all(len(line.encode()) <= 75 for line in saved.value.path().read_bytes().decode().split("\r\n"))


def test_photos_of_an_older_release_are_scored_again_and_both_answers_stay(empty_diary):
    page = empty_diary
    old = {
        "release": "0.0.9",
        "network": "older",
        "at": "2026-01-05T08:01:00Z",
        "risk": 0.2,
        "band": "low",
        "refused": None,
    }
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00", {"scores": [old]})])
    go(page, f"spot/{spot}")
    page.locator(".score.older").wait_for()
    assert page.evaluate("network") in page.locator(".score").first.inner_text()
    assert "tool version 0.0.9, older" in page.locator(".score.older").inner_text()


def test_a_photo_is_thrown_away_at_once_while_others_are_scored_again(empty_diary):
    page = empty_diary
    old = {"release": "0.0.9", "network": "older", "at": "2026-01-05T08:01:00Z", "risk": 0.2, "band": "low"}
    photos = [(PHOTO, f"2026-0{month}-05T08:00", {"scores": [old | {"refused": None}]}) for month in range(1, 7)]
    spot = spot_with(page, photos)
    go(page, f"spot/{spot}")
    page.locator("[data-scoring]").wait_for()
    page.locator(".photos summary").last.click()
    page.locator(".photos > li").last.get_by_role("button", name=SAY("diary.forget.photo")).click()
    page.get_by_role("button", name=SAY("diary.forget.yes"), exact=True).click()
    page.locator(".photos > li").nth(5).wait_for(state="detached")
    page.locator(".score.older").nth(4).wait_for()
    assert counted(page)["photos"] == 5


def test_the_doctors_page_holds_the_chosen_spots_only_and_prints_without_the_rest(empty_diary):
    page = empty_diary
    spot_with(
        page,
        [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")],
        "first one",
        {"side": "back", "x": 0.5, "y": 0.4},
    )
    spot_with(page, [(OTHER, "2026-02-05T08:00")], "second one")
    go(page, "doctor")
    screen(page, "doctor")
    page.get_by_label("2: second one").uncheck()
    page.locator("#paper[data-spots='1']").wait_for()
    assert page.locator(".paper-photos img").count() == 2
    page.emulate_media(media="print")
    shown = page.locator("body").inner_text()
    page.emulate_media(media="screen")
    assert "first one" in shown
    assert "second one" not in shown
    assert SAY("diary.doctor.print") not in shown


def test_the_diary_asks_the_network_for_nothing_after_it_was_opened(browser, site):
    with serve(site) as (url, handler):
        page = start(browser, url, until=KEPT_FOR_OFFLINE)
        assert not [path for path in handler.asked if "/diary/" in path or "/idb/" in path or "outline" in path]
        page.locator("#my-spots").click()
        screen(page, "list")
        page.locator("html[data-diary=offline]").wait_for()
        page.wait_for_timeout(500)
        prepare(page)
        asked = []
        page.context.on("request", lambda request: asked.append(request.url))
        handler.asked.clear()
        checked(page)
        page.locator("#keep").click()
        screen(page, "keep")
        page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
        screen(page, "spot")
        spot_with(page, [(OTHER, "2026-02-05T08:00")])
        for path in ("own", "doctor", ""):
            go(page, path)
            screen(page, path or "list")
        # Chromium asks for the page's icon anew at every address; the service worker answers.
        assert [address for address in asked if not address.startswith("blob:") and "/icons/" not in address] == []
        assert [path for path in handler.asked if "/icons/" not in path] == []
        page.context.close()


def test_the_diary_opens_without_the_internet_once_it_was_opened(browser, site):
    with serve(site) as (url, _):
        page = start(browser, url, until=KEPT_FOR_OFFLINE)
        page.locator("#my-spots").click()
        page.locator("html[data-diary=offline]").wait_for()
        page.context.set_offline(True)
        page.reload()
        screen(page, "list")
        page.locator("#language").select_option("pl")
        page.get_by_text(Words("pl")("diary.intro")).wait_for()
        page.context.close()


def test_a_diary_that_does_not_load_is_explained(open_without_network):
    page = open_without_network()
    page.route("**/diary/diary.js", lambda route: route.abort())
    page.locator("#my-spots").click()
    page.get_by_text(SAY("diary.failed")).wait_for()


@pytest.mark.parametrize("language", languages())
def test_every_screen_speaks_every_language_and_fits_a_phone(empty_diary, language):
    page, words = empty_diary, Words(language)
    spot = spot_with(
        page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")], "x", {"side": "back", "x": 0.3, "y": 0.4}
    )
    page.locator("#language").select_option(language)
    page.locator(f"html[lang={language}][dir={words.direction}]").wait_for()
    for path, key in (
        ("", "title"),
        (f"spot/{spot}", "photo.add"),
        ("new", "spot.add"),
        ("own", "own"),
        ("doctor", "doctor"),
    ):
        go(page, path)
        screen(page, path.split("/")[0] or "list")
        page.locator("#diary").get_by_text(words(f"diary.{key}"), exact=True).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
