"""A tab that dies in the middle of a save leaves all of it or nothing; hundreds of spots stay quick."""

from __future__ import annotations

import contextlib
import random

import pytest

from skin_model.wording import Words
from tests.on_device.conftest import READY
from tests.on_device.diary.conftest import PHOTO, prepare, spot_with
from tests.on_device.diary.test_journeys import checked, go, screen

pytestmark = pytest.mark.browser

KILLS = 20
SPOTS, PHOTOS = 500, 5000
SECONDS, MEGABYTES = 0.5, 300

SAVE_ON = """(spot) => {
    self.saved = 0;
    const on = async () => {
        for (let at = 0; ; at++) {
            await store.addPhoto(photo(spot, `2026-01-${String(at % 28 + 1).padStart(2, "0")}T08:00`),
                bytes(60_000, at % 9), bytes(4000));
            self.saved++;
        }
    };
    on();
}"""
WHOLE = """async (spot) => {
    const found = await counts(), photos = await store.photosOf(spot), { photos: told } = await store.spot(spot);
    const whole = [];
    for (const one of photos) whole.push((await store.picture(one)).size === one.bytes &&
        (await store.thumbnail(one.id)).size === 4000);
    return { ...found, listed: photos.length, told, whole: whole.every(Boolean) };
}"""


def test_a_page_killed_at_twenty_random_moments_of_a_save_loses_nothing_that_was_saved(storage):
    context, url, moments = storage.context, storage.url, random.Random(21)
    spot = storage.evaluate("store.saveSpot({ name: 'arm' }).then(({ id }) => id)")
    storage.close()
    least = 0
    for _ in range(KILLS):
        page = context.new_page()
        page.route("**/*.gz", lambda route: route.abort())
        page.goto(url)
        prepare(page)
        page.evaluate(SAVE_ON, spot)
        page.wait_for_timeout(moments.uniform(20, 500))
        saved = page.evaluate("saved")
        page.wait_for_timeout(moments.uniform(0, 60))
        if moments.random() < 0.5:
            with contextlib.suppress(Exception):
                page.goto("chrome://crash")  # the whole process of the tab dies
        page.close()
        check = context.new_page()
        check.route("**/*.gz", lambda route: route.abort())
        check.goto(url)
        prepare(check)
        found = check.evaluate(WHOLE, spot)
        check.close()
        assert found["whole"]
        assert found["spots"] == 1
        assert found["photos"] == found["pictures"] == found["thumbnails"] == found["listed"] == found["told"]
        assert found["photos"] >= least + saved
        least = found["photos"]
    assert least > KILLS


@pytest.mark.parametrize("answer", ["correct horse", None])
def test_what_was_typed_is_saved_after_another_tab_locked_the_diary_and_stays_where_it_is_not_opened(
    empty_diary, answer
):
    page, say = empty_diary, Words()
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    page.locator("#note").fill("typed before")
    other = page.context.new_page()
    other.route("**/*.gz", lambda route: route.abort())
    other.goto(page.url.split("#")[0])
    prepare(other)
    other.evaluate("store.seal('correct horse')")
    other.close()
    page.get_by_role("button", name=say("diary.save"), exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(say("diary.problem.locked")).wait_for()
    if answer is None:
        dialog.get_by_role("button", name=say("diary.cancel")).click()
        page.locator("[data-problem=locked]").wait_for()
        assert page.locator("#note").input_value() == "typed before"
        return
    page.locator("#asked-passphrase").fill("wrong words")
    dialog.get_by_role("button", name=say("diary.unlock")).click()
    dialog.get_by_text(say("diary.problem.passphrase")).wait_for()
    page.locator("#asked-passphrase").fill(answer)
    page.keyboard.press("Enter")
    screen(page, "spot")
    assert page.locator(".lines .note").inner_text() == "typed before"


def test_a_question_stays_when_another_tab_writes_meanwhile_and_its_answer_holds(empty_diary):
    page, say = empty_diary, Words()
    first, other = (spot_with(page, [(PHOTO, "2026-01-05T08:00")], name) for name in ("first", "other"))
    go(page, f"spot/{first}")
    screen(page, "spot")
    page.get_by_role("button", name=say("diary.forget.spot")).click()
    prepare(page)
    page.evaluate("id => store.saveSpot({ id, name: 'written meanwhile' })", first)
    page.get_by_role("heading", name="1: written meanwhile", include_hidden=True).wait_for(state="attached")
    page.get_by_role("dialog").get_by_role("button", name=say("diary.forget.yes"), exact=True).click()
    page.get_by_text(say("diary.forgotten.spot")).wait_for()
    assert page.evaluate("store.spots().then((spots) => { store.close(); return spots.map(({ id }) => id); })") == [
        other
    ]


def test_what_was_typed_stays_when_the_disk_is_full_and_is_saved_once_there_is_room(open_page):
    page, say = open_page(), Words()  # Chromium asks for the room of a storage that it wrote to only every 30 seconds
    checked(page)
    page.locator("#keep").click()
    screen(page, "keep")
    page.locator("#note").fill("typed before")
    session, origin = page.context.new_cdp_session(page), page.evaluate("location.origin")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 1000})
    save = page.get_by_role("button", name=say("diary.save"), exact=True)
    save.click()
    page.get_by_text(say("diary.problem.full")).wait_for()
    assert page.locator("#note").input_value() == "typed before"
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
    save.click()
    screen(page, "spot")
    assert page.locator(".lines .note").inner_text() == "typed before"


FILL = """async ([spots, photos]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 192, height: 192 }),
        context = canvas.getContext("2d");
    for (let at = 0; at < 900; at++) { context.fillStyle = `hsl(${at * 7} 40% ${30 + at % 40}%)`;
        context.fillRect((at * 53) % 192, (at * 31) % 192, 30, 30); }
    const small = await (await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.8))).arrayBuffer(),
        each = photos / spots;
    for (let from = 0; from < spots; from += 50) {
        const writing = store.database.transaction(["spots", "photos", "pictures", "thumbnails"], "readwrite"),
            asked = [];
        for (let number = from + 1; number <= from + 50; number++) {
            const id = crypto.randomUUID(), mine = [];
            for (let at = 0; at < each; at++) {
                const one = { id: crypto.randomUUID(), added: "2026-01-01T00:00:00Z", bytes: 40_000, ...photo(id,
                    `2025-${String(at + 1).padStart(2, "0")}-03T08:00`) };
                mine.push(one);
                asked.push(writing.objectStore("photos").put({ id: one.id, spot: id, value: one }));
                asked.push(writing.objectStore("pictures").put({ id: one.id, bytes: bytes(40_000, at) }));
                asked.push(writing.objectStore("thumbnails").put({ id: one.id, bytes: small }));
            }
            const place = { side: number % 2 ? "front" : "back", x: 0.3 + (number % 40) / 100,
                y: 0.25 + (number % 60) / 120 };
            const spot = await store.summed({ id, number, name: `mole ${number}`, place, months: 1,
                created: "2025-01-01T00:00:00Z" }, mine);
            asked.push(writing.objectStore("spots").put({ id, value: spot }));
        }
        await Promise.all([...asked, writing.done]);
    }
    return counts();
}"""
OPEN = """async () => {
    location.hash = "#spots/own";
    await new Promise((done) => setTimeout(done, 500));
    const began = performance.now();
    location.hash = "#spots";
    await new Promise((done) => {
        const look = () =>
            (document.querySelectorAll("#diary .spots li").length >= 500 ? done() : requestAnimationFrame(look));
        look();
    });
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return (performance.now() - began) / 1000;
}"""


@pytest.mark.slow
def test_five_hundred_spots_with_five_thousand_photos_open_at_once_and_take_little_memory(open_without_network):
    page = open_without_network()
    prepare(page)
    page.set_default_timeout(5 * READY)
    assert page.evaluate(FILL, [SPOTS, PHOTOS])["photos"] == PHOTOS
    page.evaluate("store.close()")
    page.reload()
    page.locator("#state[data-kind=failed]").wait_for()
    page.evaluate("location.hash = '#spots'")
    page.locator("#diary .spots li").first.wait_for()
    seconds = min(page.evaluate(OPEN) for _ in range(3))
    page.locator(".spots img:not([hidden])").first.wait_for()
    for _ in range(20):
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(50)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    private = page.evaluate("performance.memory?.totalJSHeapSize ?? 0") / 1e6
    print(f"list of {SPOTS} spots: {seconds:.2f} s, {used:.0f} MB used, heap {private:.0f} MB")
    assert seconds < SECONDS
    assert max(used, private) < MEGABYTES
