"""Days stay the days of the visitor's own clock, wherever it is; reminders fall on days that every month has."""

from __future__ import annotations

import re

import pytest

from skin_model.wording import Words, languages
from tests.on_device.diary.conftest import OTHER, PHOTO, prepare, spot_with
from tests.on_device.diary.test_journeys import go, screen

pytestmark = pytest.mark.browser

SAY = Words()
DATES = """async ([folder, name, values]) => {
    const dates = await import(`${folder}diary/dates.js`);
    return dates[name](...values);
}"""
ENGLISH = {"language": "en"}
CALENDAR = """async ([folder, language, spot]) => {
    const [{ calendar }, { Words }] = await Promise.all(
        ["diary/files/calendar.js", "words.js"].map((name) => import(`${folder}${name}`)));
    const parts = await Promise.all(["words", "words/diary"].map(async (name) =>
        (await fetch(`${folder}${name}/${language}.json`)).json()));
    const words = new Words(language, Object.assign({}, ...parts));
    return calendar(words, { id: "5c1e9c2e-0000-4000-8000-000000000000", number: 7, name: "secret", ...spot });
}"""


def called(page, name, *values):
    return page.evaluate(DATES, [page.evaluate("folder"), name, values])


def reminder(page, language="en", **spot):
    text = page.evaluate(CALENDAR, [page.evaluate("folder"), language, spot])
    lines = text.replace("\r\n ", "").split("\r\n")
    return {line.split(":", 1)[0]: line.split(":", 1)[1] for line in lines if ":" in line}


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Honolulu", "Europe/Berlin", "Pacific/Kiritimati"])
def test_a_day_is_said_as_that_day_in_every_time_zone(open_without_network, zone):
    page = prepare(open_without_network(timezone_id=zone))
    for text in ("2026-12-14", "2026-12-14T00:00", "2026-12-14T23:59"):
        assert called(page, "dateOf", ENGLISH, text) == "Dec 14, 2026"


def test_a_month_after_the_last_day_is_the_last_day_of_a_shorter_month(open_without_network):
    page = prepare(open_without_network(timezone_id="Europe/Berlin"))
    for taken, months, due in (
        ("2026-01-31T10:00", 1, "2026-02-28"),
        ("2028-01-31T10:00", 1, "2028-02-29"),
        ("2026-08-31T10:00", 6, "2027-02-28"),
        ("2028-02-29T10:00", 12, "2029-02-28"),
        ("2026-02-28T02:30", 1, "2026-03-28"),
        ("2026-09-25T02:30", 1, "2026-10-25"),  # this half hour comes twice
    ):
        assert called(page, "monthsAfter", taken, months) == due


def test_photos_of_one_day_are_told_apart_by_their_time(storage):
    photos = [{"taken": text} for text in ("2026-01-05T08:00", "2026-01-05T17:30", "2026-02-05T08:00")]
    one, other, alone = called(storage, "datesOf", ENGLISH, photos)
    assert one != other
    assert alone == "Feb 5, 2026"


@pytest.mark.parametrize("language", languages())
def test_a_reminder_of_a_spot_without_a_place_is_a_sentence(storage, language):
    words, created = Words(language), "2026-01-01T00:00:00Z"
    said = reminder(storage, language, place=None, months=1, last=None, created=created)["SUMMARY"]
    assert said == words("diary.reminder.anywhere")
    assert words("diary.place.unknown") not in said


@pytest.mark.parametrize("day", ["29", "30", "31"])
def test_a_reminder_falls_on_a_day_that_every_month_has(storage, day):
    place = {"side": "back", "x": 0.3, "y": 0.4}
    found = reminder(storage, place=place, months=2, last={"taken": f"2035-01-{day}T08:00"}, created="")
    assert re.fullmatch(r"2035(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])", found["DTSTART;VALUE=DATE"])
    assert found["RRULE"] == "FREQ=MONTHLY;INTERVAL=2"


def test_a_spot_without_a_reminder_offers_none(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00")])
    prepare(page)
    page.evaluate("id => store.saveSpot({ id, months: 0 }).then(() => store.close())", spot)
    go(page, f"spot/{spot}")
    screen(page, "spot")
    page.get_by_text(SAY("diary.months.0")).wait_for()
    assert page.get_by_role("button", name=SAY("diary.reminder")).count() == 0


def test_a_photo_dated_later_than_a_clock_that_was_put_back_can_still_get_notes(empty_diary):
    page = empty_diary
    spot = spot_with(page, [(PHOTO, "2090-01-05T08:00"), (OTHER, "1900-01-01T00:00")])
    go(page, f"spot/{spot}")
    page.locator(".photos summary").first.click()
    page.locator("#note").fill("itched all day")
    page.get_by_role("button", name=SAY("diary.save"), exact=True).click()
    page.locator(".lines .note", has_text="itched all day").wait_for()
    assert "Jan 5, 2090" in page.locator(".photos > li").first.inner_text()
