"""Browsers that compute wrongly, or that turn no photo unless they are asked to."""

from __future__ import annotations

import pytest

from skin_model.wording import Words
from tests.on_device.test_page import choose, expected, state

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
