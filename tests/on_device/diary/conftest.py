"""A page on which the diary can be opened, and its storage called by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pillow_heif
import pytest
from PIL import Image

from skin_model.wording import Words
from tests.conftest import REPOSITORY
from tests.on_device.conftest import READY, encoded, start

PHOTO = REPOSITORY / "examples" / "tone-3-dermatoscope.jpg"
OTHER = REPOSITORY / "examples" / "tone-4-uneven.jpg"

BEGIN = """async (folder) => {
    const [{ Store }, archive, { DiaryProblem }] = await Promise.all(
        ["storage/store.js", "files/archive.js", "storage/problem.js"].map((name) => import(`${folder}diary/${name}`)));
    self.config ??= await (await fetch(`${folder}config.json`)).json();
    const network = config.checkpoint_sha256.slice(0, 12), open = () => Store.open(config.photo);
    const store = await open();
    const bytes = (length, seed = 1) => {
        // A JPEG as far as its segments go: begin, one scan, end.
        const made = Uint8Array.from({ length }, (_, at) => (at * 37 + seed * 101 + (at >> 8)) % 255);
        made.set([0xff, 0xd8, 0xff, 0xda, 0, 2]);
        made.set([0xff, 0xd9], length - 2);
        return made.buffer;
    };
    const photo = (spot, taken = "2026-03-01T09:30", more = {}) => ({
        spot, taken, type: "image/jpeg", width: 640, height: 480, region: null, signs: ["itches"], note: "a note",
            size: null,
        scores: [{ release: "1.0", network, at: "2026-03-01T09:31:00.000Z", risk: 0.2, band: "low",
            refused: null }], ...more,
    });
    const counts = async () => Object.fromEntries(await Promise.all(
        ["spots", "photos", "pictures", "thumbnails"].map(async (name) => [name, await store.database.count(name)])));
    const problem = async (work) => { try { await work(); return null; } catch (found) {
        return found.code ?? String(found); } };
    const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const say = { language: "en", direction: "ltr", say: (key) => key, percent: String };
    Object.assign(self, { Store: { open }, network, archive, DiaryProblem, store, bytes, photo, counts, problem, hex,
        say, folder });
}"""


def folder_of(page) -> str:
    return page.evaluate("new URL('.', document.querySelector('script[src]').src).href")


def prepare(page):
    """Lets a page's ``evaluate`` call ``store``, ``photo``, ``bytes``, ``counts``, ``problem`` and ``archive``."""
    page.evaluate(BEGIN, folder_of(page))
    return page


@pytest.fixture(scope="session")
def heic(tmp_path_factory) -> Path:
    """The photo as an iPhone would keep it."""
    file = tmp_path_factory.mktemp("heic") / "photo.heic"
    pillow_heif.from_pillow(Image.open(PHOTO)).save(file)
    return file


@pytest.fixture(scope="session")
def turned(tmp_path_factory):
    """The same skin, turned a little and from a little nearer."""
    photo = cv2.imread(str(OTHER))
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 6, 1.04)
    file = tmp_path_factory.mktemp("photos") / "turned.jpg"
    cv2.imwrite(str(file), cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101))
    return file


@pytest.fixture
def storage(open_without_network) -> Callable:
    """A page with the diary's storage, new and empty."""
    return prepare(open_without_network())


@pytest.fixture(scope="module")
def scoring_page(browser, address) -> Iterator:
    """A page that can score, for journeys through the diary, which each begin with nothing kept."""
    page = start(browser, address)
    yield page
    page.context.close()


@pytest.fixture
def empty_diary(scoring_page):
    """The same page in English, with an empty diary open."""
    page = scoring_page
    prepare(page)
    page.evaluate("store.forgetEverything().then(() => store.close())")
    page.evaluate("location.hash = ''")
    page.locator("#language").select_option("en")
    page.evaluate("location.hash = '#spots'")
    page.locator("#diary[data-screen=list]").wait_for()
    page.get_by_text(Words()("diary.intro")).wait_for(timeout=READY)
    return page


def spot_with(page, photos, name="left arm", place=None) -> str:
    """Keeps a spot with photos, [(file, taken), …], as an earlier visit would have, and returns its id."""
    given = [[encoded(file.read_bytes()), taken, more] for file, taken, *more in photos]
    prepare(page)
    return page.evaluate(
        """async ([photos, name, place]) => {
            const spot = await store.saveSpot({ name, place });
            for (const [file, taken, [more]] of photos) {
                const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
                const bitmap = await createImageBitmap(new Blob([bytes])), canvas = document.createElement("canvas");
                Object.assign(canvas, { width: 96, height: 96 }).getContext("2d").drawImage(bitmap, 0, 0, 96, 96);
                const small = await new Promise((done) => canvas.toBlob(done, "image/jpeg"));
                const own = photo(spot.id, taken, { width: bitmap.width, height: bitmap.height, signs: [],
                    note: "", ...more });
                await store.addPhoto(own, bytes.buffer, await small.arrayBuffer());
            }
            store.close();
            return spot.id;
        }""",
        [given, name, place],
    )
