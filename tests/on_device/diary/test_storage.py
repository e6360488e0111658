"""What is kept comes back byte for byte; what goes wrong says so and loses nothing."""

from __future__ import annotations

import pytest

from tests.on_device.diary.conftest import prepare

pytestmark = pytest.mark.browser

ONE = """const spot = await store.saveSpot({ name: "arm" });
    const kept = await store.addPhoto(photo(spot.id), bytes(5000), bytes(300, 2));"""
NOTHING = {"spots": 0, "photos": 0, "pictures": 0, "thumbnails": 0}
ALL_OF_ONE = {"spots": 1, "photos": 1, "pictures": 1, "thumbnails": 1}


def run(page, body, argument=None):
    return page.evaluate(f"async (argument) => {{ {body} }}", argument)


def test_a_photo_and_its_thumbnail_come_back_byte_for_byte(storage):
    assert run(
        storage,
        ONE
        + """const [one, other] = [await store.picture(kept), await store.thumbnail(kept.id)];
        return [hex(await one.arrayBuffer()) === hex(bytes(5000)),
            hex(await other.arrayBuffer()) === hex(bytes(300, 2)), one.type];""",
    ) == [True, True, "image/jpeg"]


def test_a_spot_knows_its_first_and_last_photo_by_the_day_they_were_taken(storage):
    found = run(
        storage,
        """const { id } = await store.saveSpot({ name: "" });
        for (const day of ["2026-03-02", "2026-01-02", "2026-02-02"]) await store.addPhoto(photo(id,
            `${day}T08:00`), bytes(10), bytes(10));
        const spot = await store.spot(id);
        return [spot.photos, spot.first.taken, spot.last.taken, spot.number];""",
    )
    assert found == [3, "2026-01-02T08:00", "2026-03-02T08:00", 1]


def test_another_date_of_a_photo_moves_it_in_its_spot(storage):
    found = run(
        storage,
        """const { id } = await store.saveSpot({});
        const one = await store.addPhoto(photo(id, "2026-01-01T08:00"), bytes(10), bytes(10));
        await store.addPhoto(photo(id, "2026-02-01T08:00"), bytes(10), bytes(10));
        await store.changePhoto(one.id, { taken: "2026-05-01T08:00", note: "later" });
        return [(await store.spot(id)).last.id === one.id, (await store.photo(one.id)).note];""",
    )
    assert found == [True, "later"]


@pytest.mark.parametrize(
    ("forget", "left"),
    [
        ("store.forgetPhoto(kept.id)", NOTHING | {"spots": 1}),
        ("store.forgetSpot(spot.id)", NOTHING),
        ("store.forgetEverything()", NOTHING),
    ],
)
def test_what_is_thrown_away_is_gone_with_all_that_belongs_to_it(storage, forget, left):
    assert run(storage, f"{ONE} await {forget}; return counts();") == left


def test_a_spot_whose_photo_was_thrown_away_tells_of_none(storage):
    assert run(
        storage,
        f"{ONE} await store.forgetPhoto(kept.id); const now = await store.spot(spot.id);return [now.photos, now.last];",
    ) == [0, None]


def test_a_photo_for_a_spot_that_is_gone_is_not_kept(storage):
    add = "await problem(() => store.addPhoto(photo(spot.id), bytes(9), bytes(9)))"
    code = f"{ONE} await store.forgetSpot(spot.id); return [{add}, await counts()];"
    assert run(storage, code) == ["gone", NOTHING]


def test_a_full_disk_is_said_and_leaves_everything_as_it_was(open_without_network):
    page = open_without_network()
    quota = page.context.new_cdp_session(page)
    quota.send("Storage.overrideQuotaForOrigin", {"origin": page.evaluate("location.origin"), "quotaSize": 500_000})
    prepare(page)
    run(page, f"{ONE} self.spotId = spot.id;")
    save = "return [await problem(() => store.addPhoto(photo(spotId), bytes(3_000_000), bytes(9))), await counts()];"
    assert run(page, save) == ["full", ALL_OF_ONE]
    assert run(page, "return (await store.spot(spotId)).photos;") == 1


def test_two_tabs_that_save_at_once_lose_nothing(storage, address):
    spot = run(storage, "return (await store.saveSpot({})).id;")
    other = storage.context.new_page()
    other.goto(storage.url)
    prepare(other)
    save = """self.saving = Promise.all(Array.from({ length: 12 }, (_, at) =>
        store.addPhoto(photo(argument, `2026-01-${String(at + 1).padStart(2, "0")}T08:00`), bytes(2000),
            bytes(50))));"""
    run(storage, f"{save} return null;", spot)
    run(other, f"{save} await saving;", spot)
    run(storage, "await saving;")
    assert run(other, "return (await store.spot(argument)).photos;", spot) == 24
    assert run(storage, "return counts();") == {"spots": 1, "photos": 24, "pictures": 24, "thumbnails": 24}


def test_a_tab_hears_what_another_one_writes(storage):
    other = storage.context.new_page()
    other.goto(storage.url)
    prepare(other)
    run(storage, "self.heard = new Promise((done) => store.onChange(done));")
    spot = run(other, "return (await store.saveSpot({})).id;")
    assert run(storage, "return heard;") == {"spot": spot}


def test_a_diary_of_a_newer_page_is_left_alone(storage):
    found = run(
        storage,
        """store.close();
        await new Promise((done, fail) => {
            const asked = indexedDB.open("self-skin-check diary", 7);
            asked.onsuccess = () => { asked.result.close(); done(); };
            asked.onerror = fail;
        });
        return problem(() => Store.open());""",
    )
    assert found == "newer"


def test_a_newer_page_in_another_tab_closes_this_ones_database_and_is_told_of(storage):
    found = run(
        storage,
        """const told = new Promise((done) => store.onChange(done));
        const asked = indexedDB.open("self-skin-check diary", 7);
        await new Promise((done) => { asked.onsuccess = () => { asked.result.close(); done(); }; });
        return told;""",
    )
    assert found == {"closed": True}


def test_without_a_database_the_browser_is_said_to_keep_nothing(storage):
    refused = """IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError"); };
        return problem(() => Store.open());"""
    assert run(storage, refused) == "unavailable"


# --- the lock --------------------------------------------------------------------------------------------------------
PLAIN = """const plain = [];
for (const name of ["spots", "photos", "pictures",
    "thumbnails"]) for (const record of await store.database.getAll(name)) plain.push(Boolean(record.box));
return plain;"""


def test_a_passphrase_seals_everything_that_was_there_and_what_comes_later(storage):
    found = run(
        storage,
        f"{ONE} await store.seal('correct horse'); await store.addPhoto(photo(spot.id), bytes(9), bytes(9)); {PLAIN}",
    )
    assert len(found) == 7
    assert all(found)


def test_what_is_sealed_names_nothing_but_which_photo_belongs_to_which_spot(storage):
    text = run(
        storage,
        ONE
        + """await store.seal("correct horse");
        const keys = new Set(), letters = [];
        for (const name of ["spots", "photos", "pictures",
            "thumbnails"]) for (const record of await store.database.getAll(name)) {
            Object.keys(record).forEach((key) => keys.add(key));
            letters.push(new TextDecoder("latin1").decode(record.box.sealed));
        }
        return [[...keys].sort(), letters.join("").includes("a note"), letters.join("").includes("arm")];""",
    )
    assert text == [["box", "id", "spot"], False, False]


def test_only_the_right_passphrase_opens_it_again(storage):
    found = run(
        storage,
        ONE
        + """await store.seal("correct horse");
        const again = await Store.open();
        const locked = again.isLocked, wrong = await problem(() => again.unlock("correct house")),
            unread = await problem(() => again.spot(spot.id));
        await again.unlock("correct horse");
        return [locked, wrong, unread, (await again.spot(spot.id)).name,
            hex(await (await again.picture(kept)).arrayBuffer()) === hex(bytes(5000))];""",
    )
    assert found == [True, "passphrase", "locked", "arm", True]


def test_a_lock_that_was_interrupted_is_finished_when_it_is_opened(storage):
    found = run(
        storage,
        ONE
        + """let calls = 0;
        await problem(() => store.seal("correct horse", () => { if (++calls === 2) throw new Error("closed"); }));
        const again = await Store.open();
        const state = again.lock.state;
        await again.unlock("correct horse");
        const sealed = (await again.database.getAll("pictures")).every((record) => record.box);
        return [state, again.lock.state, sealed, (await again.spot(spot.id)).name];""",
    )
    assert found == ["sealing", "sealed", True, "arm"]


def test_a_record_in_anothers_place_is_not_taken_for_it(storage):
    found = run(
        storage,
        ONE
        + """await store.seal("correct horse");
        const other = await store.addPhoto(photo(spot.id), bytes(100, 9), bytes(10));
        const record = await store.database.get("pictures", other.id);
        await store.database.put("pictures", { ...record, id: kept.id });
        return problem(() => store.picture(kept));""",
    )
    assert found == "damaged"


def test_taking_the_passphrase_away_gives_everything_back_in_plain(storage):
    found = run(
        storage, f"{ONE} await store.seal('correct horse'); await store.unseal(); self.lock = store.lock; {PLAIN}"
    )
    assert found == [False, False, False, False]
    assert run(storage, "return [lock, (await Store.open()).isLocked];") == [None, False]


def test_a_locked_diary_takes_nothing_in_a_tab_that_does_not_know_the_passphrase(storage):
    other = storage.context.new_page()
    other.goto(storage.url)
    prepare(other)
    spot = run(storage, f"{ONE} await store.seal('correct horse'); return spot.id;")
    assert run(other, "return problem(() => store.addPhoto(photo(argument), bytes(9), bytes(9)));", spot) == "locked"


def test_a_forgotten_passphrase_still_lets_everything_be_thrown_away(storage):
    found = run(
        storage,
        f"{ONE} await store.seal('correct horse'); const again = await Store.open(); await again.forgetEverything();"
        "return [await counts(), again.isLocked];",
    )
    assert found == [NOTHING, False]
