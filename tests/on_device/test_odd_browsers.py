"""Browsers that compute wrongly, that turn no photo unless they are asked to, or that add noise to what is read."""

from __future__ import annotations

import base64

import pytest

from skin_model.photo import open_photo
from skin_model.wording import Words
from tests.on_device.test_page import choose, expected, state
from tests.skin_model.pictures import encode, rendered

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("network", ["logits", "answer"])
def test_a_browser_that_computes_wrongly_takes_no_photo(browser, address, network):
    def otherwise(route):
        config = route.fetch().json()
        config["known"][network][0] += 1
        route.fulfill(json=config)

    context = browser.new_context(service_workers="block", locale="en-GB")
    page = context.new_page()
    page.route("**/config.json", otherwise)
    page.goto(address)
    assert state(page) == Words()("device.failed.webassembly")
    assert page.locator("#choose").is_disabled()
    context.close()


def test_a_browser_that_must_be_asked_for_the_orientation_is_asked(open_page, tmp_path):
    page = open_page(
        before="""
        const original = createImageBitmap;
        self.asked = [];
        self.createImageBitmap = (source, options) => {
            if (source instanceof Blob) self.asked.push(options?.imageOrientation);
            if (options && self.old) throw new TypeError("no such value");
            return original(source);
        };
    """
    )
    assert choose(page) == expected().band
    assert set(page.evaluate("asked")) == {"from-image"}
    page.evaluate("self.old = true")
    assert choose(page) == expected().band
    assert page.evaluate("asked.at(-1)") is None


NOISE = """const read = CanvasRenderingContext2D.prototype.getImageData;
    CanvasRenderingContext2D.prototype.getImageData = function (...box) {
        const found = read.apply(this, box);
        for (let i = 0; i < found.data.length; i++) {
            if (i % 4 < 3) found.data[i] += ((i * 2654435761) >>> 16) % (2 * LEVELS + 1) - LEVELS;
        }
        return found;
    };"""
NO_FRAMES = "delete window.VideoFrame;"
PIXELS = """async (file) => {
    const { openPhoto } = await import(new URL("path/photo.js", document.querySelector("script").src));
    const limits = (await (await fetch(new URL("config.json", document.querySelector("script").src))).json()).photo;
    const { rgb } = await openPhoto(new File([Uint8Array.from(atob(file), (c) => c.charCodeAt(0))], "photo"), limits);
    return Array.from(rgb.data);
}"""


def noise(levels):
    """A browser that adds so many levels to what a page reads of a canvas."""
    return NOISE.replace("LEVELS", str(levels))


def test_noise_against_tracking_is_read_past(open_page):
    page = open_page(before=noise(3))
    photo = encode(rendered(1_700, 1_520), "PNG")
    seen = page.evaluate(PIXELS, base64.b64encode(photo).decode())
    assert seen == open_photo(photo).rgb.ravel().tolist()
    assert not page.get_by_text(Words()("device.noisy")).count()


def test_a_level_of_noise_that_cannot_be_read_past_is_said_and_scored(open_page):
    page = open_page(before=noise(1) + NO_FRAMES)
    page.get_by_text(Words()("device.noisy")).wait_for()
    assert page.locator("#state[data-kind=failed]").count() == 0


def test_more_noise_that_cannot_be_read_past_is_refused_in_words(open_page):
    page = open_page(until=None, before=noise(3) + NO_FRAMES)
    page.get_by_text(Words()("device.failed.canvas")).wait_for()
