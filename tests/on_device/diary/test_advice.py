"""A diary says what to do about an answer that warns or cannot tell, and not only its number."""

from __future__ import annotations

import json

import pytest

from skin_model.wording import Words
from tests.on_device.conftest import start
from tests.on_device.diary.conftest import OTHER, PHOTO, prepare, spot_with

pytestmark = pytest.mark.browser

SAY = Words()


def answer(page, band, risk=0.5, refused=None):
    """A kept photo's answer by the network in use, for ``spot_with``."""
    network = prepare(page).evaluate("() => { store.close(); return network; }")
    score = {"release": "1.0", "network": network, "at": "2026-03-01T09:31:00.000Z", "risk": risk, "band": band}
    return {"scores": [score | {"refused": refused}]}


@pytest.mark.parametrize(
    ("band", "thresholds"),
    [
        ("raised", {"low": 0, "high": 2, "malignant_from": 1, "benign_to": 0}),
        ("cannot_tell", {"low": 0, "high": 2, "malignant_from": 0, "benign_to": 1}),
        ("high", {"low": 0, "high": 0, "malignant_from": 1, "benign_to": 0}),
    ],
)
def test_before_a_photo_is_kept_the_advice_of_its_answer_stands_there(browser, site, address, band, thresholds):
    config = json.loads(next(site.rglob("config.json")).read_text())
    config["thresholds"] |= thresholds
    page = start(browser, "about:blank", until=None, service_workers="block")
    page.route("**/config.json*", lambda route: route.fulfill(json=config))
    page.goto(address)
    page.locator("html[data-ready]").wait_for()
    page.locator("#file").set_input_files(PHOTO)
    page.locator("#keep").click()
    page.locator("#diary[data-screen=keep]").wait_for()
    assert SAY(f"band.{band}") in page.locator(".kept").inner_text()
    assert SAY(f"advice.{band}") in page.locator(".kept").inner_text()
    page.context.close()


@pytest.mark.parametrize("band", ["raised", "cannot_tell", "high"])
def test_the_advice_of_the_latest_answer_stands_beside_it_and_before_the_reminder(empty_diary, band):
    page = empty_diary
    spot = spot_with(
        page, [(PHOTO, "2026-01-05T08:00", answer(page, "low")), (OTHER, "2026-02-05T08:00", answer(page, band))]
    )
    page.evaluate("path => { location.hash = path; }", f"#spots/spot/{spot}")
    newest = page.locator(".photos > li").first
    newest.wait_for()
    assert SAY(f"advice.{band}") in newest.inner_text()
    text = page.locator("#diary").inner_text()
    assert text.index(SAY(f"advice.{band}")) < text.index(SAY("diary.due.mark")) < text.index(SAY("diary.reminder"))


def test_a_later_photo_without_an_answer_takes_no_advice_back(empty_diary):
    page = empty_diary
    refused = answer(page, None, risk=None, refused="too_dark")
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00", answer(page, "high")), (OTHER, "2026-02-05T08:00", refused)])
    page.evaluate("path => { location.hash = path; }", f"#spots/spot/{spot}")
    page.locator("#diary > .advice", has_text=SAY("advice.high")).wait_for()
    assert SAY("advice.high") in page.locator(".photos > li").nth(1).inner_text()
