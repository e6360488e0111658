"""Of a photo's file the picture is kept and nothing else: in the diary, in its copy, also of what was kept earlier."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps

from tests.on_device.conftest import encoded
from tests.on_device.diary.conftest import OTHER, prepare

pytestmark = pytest.mark.browser

SECRET = b"48.8584 N, 2.2945 E"
ADD = """async ([file, type, region]) => {
    const { id } = await store.saveSpot({});
    const given = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)).buffer;
    const kept = await store.addPhoto(photo(id, "2026-01-05T08:00", { type, region }), given, bytes(40));
    const found = new Uint8Array(await (await store.picture(kept)).arrayBuffer());
    return [btoa(Array.from(found, (byte) => String.fromCharCode(byte)).join("")), kept];
}"""
EXPORT = """async () => {
    const { blob, left } = await archive.exported(store, say);
    const found = new Uint8Array(await blob.arrayBuffer());
    return [btoa(Array.from(found, (byte) => String.fromCharCode(byte)).join("")), left];
}"""
IMPORT = """async (file) => archive.imported(store,
    new Blob([Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0))]))"""


@pytest.fixture(scope="module")
def picture():
    """Smooth, so that JPEG adds little, and without symmetry, so that every turn shows."""
    across, down = np.meshgrid(np.linspace(0, 1, 240), np.linspace(0, 1, 160))
    levels = np.stack([60 + 180 * across, 200 - 120 * down, 40 + 160 * across * down], axis=-1)
    return Image.fromarray(levels.astype(np.uint8))


def exif(orientation=1):
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010F] = SECRET.decode()
    found.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0), 29: SECRET.decode()})
    return found.tobytes()


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def segment(kind, content):
    return struct.pack(">BBH", 0xFF, kind, len(content) + 2) + content


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg_of_a_phone(picture):
    """With Exif, XMP, IPTC, a comment, a maker's own segment, a preview in JFIF's header, and a film behind the end."""
    plain = saved(picture, "JPEG", quality=92, exif=exif(), comment=SECRET)
    more = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRET + b"</x>") + segment(0xED, SECRET)
    preview = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\2" + (SECRET * 2)[:12])
    return plain[:2] + preview + segment(0xE4, SECRET) + more + plain[2:] + b"ftypmp42" + SECRET


def png_of_a_phone(picture):
    plain = saved(picture, "PNG")
    after_header = 8 + 12 + 13
    more = chunk(b"eXIf", exif()[6:]) + chunk(b"tEXt", b"Location\0" + SECRET) + chunk(b"prVt", SECRET)
    return plain[:after_header] + more + plain[after_header:] + SECRET


def webp_of_a_phone(picture):
    return saved(picture, "WEBP", quality=90, exif=exif(), xmp=b"<x>" + SECRET + b"</x>") + SECRET


PHONES = {"image/jpeg": jpeg_of_a_phone, "image/png": png_of_a_phone, "image/webp": webp_of_a_phone}


def kept(page, content, kind="image/jpeg", region=None):
    """The file that the diary keeps of one, and the photo's record."""
    found, record = page.evaluate(ADD, [encoded(content), kind, region])
    return base64.b64decode(found), record


def names_nothing(content):
    found = Image.open(io.BytesIO(content))
    of_the_picture = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "background", "loop", "duration"}
    said = found.info.keys() - of_the_picture - {"progressive", "progression", "adobe", "adobe_transform", "timestamp"}
    return SECRET not in content and b"Exif" not in content and not found.getexif() and not said


def off(one, other):
    return np.abs(np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)).mean()


@pytest.mark.parametrize("kind", PHONES)
def test_what_a_camera_wrote_is_gone_and_the_picture_is_the_same(storage, picture, kind):
    content = PHONES[kind](picture)
    assert SECRET in content
    found, record = kept(storage, content, kind, [10, 10, 90, 90])
    assert names_nothing(found)
    assert off(Image.open(io.BytesIO(found)), Image.open(io.BytesIO(content))) == 0
    assert (record["type"], record["bytes"], record["region"]) == (kind, len(found), [10, 10, 90, 90])


@pytest.mark.parametrize("kind", PHONES)
def test_the_copy_holds_nothing_that_a_camera_wrote(storage, picture, kind):
    kept(storage, PHONES[kind](picture), kind)
    content, left = storage.evaluate(EXPORT)
    assert left == 0
    assert SECRET not in base64.b64decode(content)


def test_a_file_with_nothing_but_its_picture_is_kept_byte_for_byte(storage):
    content = OTHER.read_bytes()
    assert kept(storage, content)[0] == content


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"keep_rgb": True}])
def test_every_way_to_code_a_jpeg_stays_readable(storage, picture, options):
    content = saved(picture, "JPEG", exif=exif(), **options)
    found, _ = kept(storage, content)
    assert names_nothing(found)
    assert off(Image.open(io.BytesIO(found)), Image.open(io.BytesIO(content))) == 0


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_photo_is_kept_upright(storage, picture, orientation):
    content = saved(picture, "JPEG", quality=95, exif=exif(orientation))
    found, record = kept(storage, content)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert names_nothing(found)
    assert (record["width"], record["height"]) == upright.size == Image.open(io.BytesIO(found)).size
    assert off(Image.open(io.BytesIO(found)), upright) < 1.5


def test_colours_of_a_profile_are_kept_without_the_profile(storage, picture):

    red_and_blue_swapped = Image.merge("RGB", picture.split()[::-1])
    content = saved(red_and_blue_swapped, "JPEG", quality=95, icc_profile=swapped_profile())
    found, _ = kept(storage, content)
    assert b"ICC_PROFILE" not in found
    assert off(Image.open(io.BytesIO(found)), picture) < 3


def swapped_profile():
    """sRGB's own profile with the colorants of red and blue in each other's place."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for number in range(struct.unpack_from(">I", content, 128)[0]):
        at = 132 + 12 * number
        tags[bytes(content[at : at + 4])] = at
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    content[red : red + 4], content[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(content)


OPEN_HEIC = """(png) => {
    // As Safari does; what it sees is given, for no browser of these tests can open the file.
    const original = createImageBitmap, seen = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    self.createImageBitmap = (source, options) =>
        original(source.type === "image/heif" ? new Blob([seen], { type: "image/png" }) : source, options);
}"""


def heic_of_a_phone(picture):
    out = io.BytesIO()
    heic = pillow_heif.from_pillow(picture)
    heic.save(out, quality=95, exif=exif(), xmp=b"<x>" + SECRET + b"</x>")
    return out.getvalue()


def test_a_heic_photo_is_coded_anew_as_jpeg_without_what_a_camera_wrote(storage, picture):
    content = heic_of_a_phone(picture)
    assert SECRET in content
    seen = pillow_heif.read_heif(content).to_pillow()
    storage.evaluate(OPEN_HEIC, encoded(saved(seen, "PNG")))
    found, record = kept(storage, content, "image/heif", [10, 10, 90, 90])
    assert names_nothing(found)
    assert off(Image.open(io.BytesIO(found)), seen) < 1.5
    assert (record["type"], record["bytes"]) == ("image/jpeg", len(found))
    assert (record["width"], record["height"], record["region"]) == (*seen.size, [10, 10, 90, 90])


def test_a_heic_photo_that_the_browser_cannot_open_is_not_kept(storage, picture):
    code = storage.evaluate(
        """async (file) => { const { id } = await store.saveSpot({});
        const given = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)).buffer;
        return problem(() => store.addPhoto(photo(id, "2026-01-05T08:00", { type: "image/heif" }), given,
            bytes(50))); }""",
        encoded(heic_of_a_phone(picture)),
    )
    assert code == "unreadable"
    assert storage.evaluate("counts()")["photos"] == 0


def test_a_copy_of_an_earlier_version_is_stripped_when_it_is_brought_back(storage, picture):
    kept(storage, OTHER.read_bytes())
    content, out, camera = base64.b64decode(storage.evaluate(EXPORT)[0]), io.BytesIO(), jpeg_of_a_phone(picture)
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        found = json.loads(old.read("diary.json"))
        photo = found["spots"][0]["photos"][0]
        photo["sha256"] = hashlib.sha256(camera).hexdigest()
        for name in old.namelist():
            changed = {photo["file"]: camera, "diary.json": json.dumps(found).encode()}
            new.writestr(name, changed.get(name, old.read(name)))
    storage.evaluate("store.forgetEverything()")
    assert storage.evaluate(IMPORT, encoded(out.getvalue())) == {"added": 1, "left": 0}
    assert SECRET not in base64.b64decode(storage.evaluate(EXPORT)[0])


# --- what version 1 of the diary kept --------------------------------------------------------------------------------
EARLIER = """async ([file, type]) => {
    store.close();
    await new Promise((done) => { indexedDB.deleteDatabase("self-skin-check diary").onsuccess = done; });
    const given = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)).buffer;
    const asked = indexedDB.open("self-skin-check diary", 1);
    asked.onupgradeneeded = () => {
        asked.result.createObjectStore("photos", { keyPath: "id" }).createIndex("spot", "spot");
        for (const name of ["spots", "pictures", "thumbnails"]) asked.result.createObjectStore(name, { keyPath: "id" });
        asked.result.createObjectStore("settings", { keyPath: "name" });
    };
    await new Promise((done) => { asked.onsuccess = done; });
    const ids = [crypto.randomUUID(), crypto.randomUUID()], now = "2026-01-05T08:00:00.000Z";
    const one = { id: ids[1], added: now, bytes: given.byteLength, ...photo(ids[0], "2026-01-05T08:00", { type }) };
    const summary = { id: one.id, taken: one.taken, score: one.scores[0] };
    const spot = { id: ids[0], number: 1, name: "arm", place: null, months: 1, created: now, photos: 1,
        first: summary, last: summary };
    const names = ["spots", "photos", "pictures", "thumbnails"];
    const writing = asked.result.transaction(names, "readwrite");
    writing.objectStore("spots").put({ id: ids[0], value: spot });
    writing.objectStore("photos").put({ id: ids[1], spot: ids[0], value: one });
    writing.objectStore("pictures").put({ id: ids[1], bytes: given });
    writing.objectStore("thumbnails").put({ id: ids[1], bytes: bytes(40) });
    await new Promise((done) => { writing.oncomplete = done; });
    asked.result.close();
    self.store = await Store.open();
}"""
LIES = """async () => {
    const [{ bytes }] = await store.database.getAll("pictures"), found = new Uint8Array(bytes);
    return btoa(Array.from(found, (byte) => String.fromCharCode(byte)).join(""));
}"""


def test_what_an_earlier_version_kept_is_stripped_when_the_diary_is_opened(storage, picture):
    storage.evaluate(EARLIER, [encoded(jpeg_of_a_phone(picture)), "image/jpeg"])
    assert SECRET in base64.b64decode(storage.evaluate(LIES))
    storage.evaluate("store.close()")
    storage.evaluate("location.hash = '#spots'")
    storage.get_by_text("1: arm").wait_for()
    prepare(storage)
    storage.wait_for_function("store.setting('unstripped').then((found) => found === null)")
    assert names_nothing(base64.b64decode(storage.evaluate(LIES)))
    assert storage.evaluate("counts()") == {"spots": 1, "photos": 1, "pictures": 1, "thumbnails": 1}


def test_a_copy_of_what_an_earlier_version_kept_is_stripped_first(storage, picture):
    storage.evaluate(EARLIER, [encoded(jpeg_of_a_phone(picture)), "image/jpeg"])
    content, left = storage.evaluate(EXPORT)
    assert left == 0
    assert SECRET not in base64.b64decode(content)


def test_what_cannot_be_opened_to_strip_it_stays_and_is_left_out_of_the_copy(storage):
    storage.evaluate(EARLIER, [encoded(b"\0\0\0\x18ftypheic" + SECRET), "image/heif"])
    content, left = storage.evaluate(EXPORT)
    assert left == 1
    assert SECRET not in base64.b64decode(content)
    assert storage.evaluate("store.database.count('pictures')") == 1


def test_a_photo_that_cannot_be_opened_is_not_kept(storage):
    code = storage.evaluate(
        """async () => { const { id } = await store.saveSpot({});
        return problem(() => store.addPhoto(photo(id, "2026-01-05T08:00", { type: "image/heif" }), bytes(50),
            bytes(50))); }"""
    )
    assert code == "unreadable"
    assert storage.evaluate("counts()")["photos"] == 0
