"""The exported ZIP: whole, always the same, brought back byte for byte, and refused where it is not whole."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest

from tests.on_device.conftest import encoded
from tests.on_device.diary.conftest import prepare

pytestmark = pytest.mark.browser

FILL = """const [one, two] = [await store.saveSpot({ name: "arm <b>", place: { side: "front", x: 0.3, y: 0.4 } }),
    await store.saveSpot({ months: 3 })];
    for (const [at, day] of ["2026-01-05", "2026-02-05"].entries()) await store.addPhoto(photo(one.id,
        `${day}T08:00`), bytes(4000 + at), bytes(200, at));
    const png = await new Promise((done) => document.createElement("canvas").toBlob(done));
    await store.addPhoto(photo(two.id, "2026-03-05T08:00", { type: "image/png" }), await png.arrayBuffer(),
        bytes(33));"""
EXPORT = """const { blob } = await archive.exported(store, say, argument ?? null);
    const bytesOf = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (const byte of bytesOf) text += String.fromCharCode(byte);
    return btoa(text);"""
IMPORT = """const file = new Blob([Uint8Array.from(atob(argument[0]), (letter) => letter.charCodeAt(0))]);
    let added = null;
    const code = await problem(async () => { ({ added } = await archive.imported(store, file, argument[1])); });
    return [code, added];"""


def run(page, body, argument=None):
    return page.evaluate(f"async (argument) => {{ {body} }}", argument)


def exported(page, passphrase=None):
    return base64.b64decode(run(page, EXPORT, passphrase))


def imported(page, content, passphrase=None):
    """The problem's code, and how many photos were new."""
    return run(page, IMPORT, [encoded(content), passphrase])


@pytest.fixture
def full(storage):
    run(storage, FILL)
    return storage


def emptied(page):
    run(page, "await store.forgetEverything();")
    return page


def changed(content, name, change):
    """The archive with one file's content changed, and its checksums right again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, change(old.read(entry)) if entry == name else old.read(entry))
    return out.getvalue()


def with_json(content, change):
    def rewritten(text):
        found = json.loads(text)
        change(found)
        return json.dumps(found).encode()

    return changed(content, "diary.json", rewritten)


def test_any_program_that_opens_zip_files_finds_the_photos_a_page_and_the_schema(full):
    with zipfile.ZipFile(io.BytesIO(exported(full))) as archive:
        assert archive.testzip() is None
        found = json.loads(archive.read("diary.json"))
        names = set(archive.namelist())
        page = archive.read("index.html").decode()
    assert (found["format"], found["schema"]) == ("self-skin-check-diary", 1)
    photos = [photo for spot in found["spots"] for photo in spot["photos"]]
    assert names == {"diary.json", "index.html"} | {photo[key] for photo in photos for key in ("file", "thumbnail")}
    assert all(photo["file"] in page for photo in photos)
    assert "arm <b>" not in page


def test_what_was_exported_comes_back_and_gives_the_same_bytes_again(full):
    first = exported(full)
    assert imported(emptied(full), first) == [None, 3]
    assert exported(full) == first


def test_an_archive_that_another_program_packed_anew_comes_back_too(full):
    first, out = exported(full), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(first)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
    assert imported(emptied(full), out.getvalue()) == [None, 3]
    assert exported(full) == first


def test_what_is_there_already_stays_as_it_is(full):
    first = exported(full)
    run(full, "const [spot] = await store.spots(); await store.saveSpot({ id: spot.id, name: 'mine now' });")
    assert imported(full, first) == [None, 0]
    assert run(full, "return (await store.spots()).map(({ name }) => name);") == ["mine now", ""]


def test_another_spot_with_the_same_number_gets_a_new_one(full):
    first = exported(full)
    run(emptied(full), "await store.saveSpot({ name: 'other' });")
    assert imported(full, first) == [None, 3]
    assert run(full, "return (await store.spots()).map(({ number }) => number);") == [1, 2, 3]


def test_with_a_passphrase_nothing_of_it_can_be_read(full):
    plain, sealed = exported(full), exported(full, "correct horse")
    with zipfile.ZipFile(io.BytesIO(sealed)) as archive:
        assert set(archive.namelist()) == {"encryption.json", "diary.zip.sealed", "README.txt"}
        how = json.loads(archive.read("encryption.json"))
    assert how["rounds"] >= 600_000
    assert b"a note" in plain
    assert b"a note" not in sealed
    assert imported(emptied(full), sealed, "correct house") == ["passphrase", None]
    assert imported(full, sealed, "correct horse") == [None, 3]
    assert exported(full) == plain


def damaged(content):
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


def set_first(**values):
    return lambda found: found["spots"][0].update(values)


def set_photo(**values):
    return lambda found: found["spots"][0]["photos"][0].update(values)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda content: b"", "not_zip"),
        (lambda content: b"\xff\xd8\xff a photo", "not_zip"),
        (lambda content: content[:-400], "damaged_zip"),
        (damaged, "damaged_zip"),
        (lambda content: changed(content, "diary.json", lambda _: b"{"), "damaged_zip"),
        (lambda content: changed(content, "diary.json", lambda _: b"[]"), "foreign_zip"),
        (lambda content: with_json(content, lambda found: found.update(format="another")), "foreign_zip"),
        (lambda content: with_json(content, lambda found: found.update(schema=2)), "newer_zip"),
        (lambda content: with_json(content, lambda found: found.update(schema="1")), "damaged_zip"),
        (lambda content: with_json(content, set_first(id="../../x")), "damaged_zip"),
        (lambda content: with_json(content, set_first(months=5)), "damaged_zip"),
        (lambda content: with_json(content, set_first(place={"side": "front", "x": 7, "y": 0})), "damaged_zip"),
        (lambda content: with_json(content, set_first(more="than is described")), "damaged_zip"),
        (lambda content: with_json(content, set_photo(type="text/html")), "damaged_zip"),
        (lambda content: with_json(content, set_photo(taken="yesterday")), "damaged_zip"),
        (lambda content: with_json(content, set_photo(file="photos/none.jpg")), "damaged_zip"),
        (lambda content: with_json(content, set_photo(sha256="0" * 64)), "damaged_zip"),
    ],
)
def test_what_is_no_whole_archive_is_refused_and_nothing_is_changed(full, spoil, code):
    content = exported(full)
    assert imported(full, spoil(content)) == [code, None]
    assert exported(full) == content


def test_a_foreign_zip_is_refused(full):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("holiday.txt", "sun")
    assert imported(full, out.getvalue()) == ["foreign_zip", None]


def test_a_spoiled_sealed_archive_is_refused(full):
    sealed = exported(full, "correct horse")
    spoiled = changed(sealed, "diary.zip.sealed", lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    assert imported(emptied(full), spoiled, "correct horse") == ["damaged", None]


def test_a_sealed_archive_with_few_rounds_is_refused(full):
    sealed = exported(full, "correct horse")
    weak = changed(sealed, "encryption.json", lambda text: text.replace(b"600000", b"1000"))
    assert imported(emptied(full), weak, "correct horse") == ["damaged", None]


def test_an_archive_goes_into_a_locked_diary_sealed(full):
    first = exported(full)
    run(emptied(full), "await store.seal('another one');")
    assert imported(full, first) == [None, 3]
    assert run(full, "return (await store.database.getAll('pictures')).every(({ box }) => box);")
    assert exported(full) == first


def test_an_import_that_a_closed_tab_cut_short_is_finished_by_the_next(full):
    first = exported(full)
    emptied(full)
    cut = """const add = store.addPhoto.bind(store);
        let left = 1;
        store.addPhoto = (...of) => (left-- > 0 ? add(...of) : Promise.reject(new Error("closed")));"""
    run(full, cut)
    assert imported(full, first)[0] == "Error: closed"
    prepare(full)
    assert imported(full, first) == [None, 2]
    assert exported(full) == first


def test_a_photo_that_this_browser_cannot_open_is_not_brought_back_and_counted(full):
    foreign = with_json(exported(full), set_photo(type="image/heif"))
    emptied(full)
    file = encoded(foreign)
    found = run(
        full,
        """const file = new Blob([Uint8Array.from(atob(argument), (letter) => letter.charCodeAt(0))]);
        return archive.imported(store, file);""",
        file,
    )
    assert found == {"added": 2, "left": 1}
