"""Two dates of a spot beside each other, laid over each other and measured; what is measured makes the curve."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from skin_model.wording import Words
from tests.on_device.conftest import READY
from tests.on_device.diary.conftest import OTHER, PHOTO, spot_with

pytestmark = pytest.mark.browser

SAY = Words()


def test_the_same_spot_seen_anew_is_no_change_and_its_size_makes_a_curve(empty_diary, turned):
    page = empty_diary
    page.set_default_timeout(3 * READY)
    spot = spot_with(page, [(OTHER, "2026-01-05T08:00"), (turned, "2026-02-05T08:00")])
    page.evaluate("path => { location.hash = path; }", f"#spots/change/{spot}")
    change = page.locator("#change[data-verdict]")
    change.wait_for()
    assert change.get_attribute("data-alignment") == "features"
    assert change.get_attribute("data-verdict") == "none"
    text = change.inner_text()
    assert SAY("compare.verdict.none") in text
    assert SAY("compare.not_harmless") in text
    assert page.locator("#change .compare canvas").count() == 2
    assert page.locator("#change .beside img").count() == 2
    assert np.isclose(
        float(page.locator("[data-measure=size] span").inner_text().split("%")[0].replace("−", "-")), 0, atol=4
    )
    page.get_by_role("button", name=SAY("diary.change.all"), exact=True).click()
    page.locator(f"figure:has-text('{SAY('diary.curve.size')}') svg.curve").wait_for()
    page.set_default_timeout(READY)


def test_measuring_all_photos_says_so_where_no_size_could_be_compared(empty_diary):
    page = empty_diary
    page.set_default_timeout(3 * READY)
    spot = spot_with(page, [(PHOTO, "2026-01-05T08:00"), (OTHER, "2026-02-05T08:00")])
    page.evaluate("path => { location.hash = path; }", f"#spots/change/{spot}")
    page.locator("#change[data-verdict]").wait_for()
    page.get_by_role("button", name=SAY("diary.change.all"), exact=True).click()
    page.get_by_text(SAY("diary.change.all.none")).wait_for()
    page.set_default_timeout(READY)


def test_photos_that_cannot_be_compared_are_not_told_what_no_change_means(empty_diary, tmp_path):
    page = empty_diary
    page.set_default_timeout(3 * READY)
    bare = tmp_path / "bare.jpg"
    cv2.imwrite(str(bare), np.full((480, 640, 3), (150, 180, 215), np.uint8))
    spot = spot_with(page, [(OTHER, "2026-01-05T08:00"), (bare, "2026-02-05T08:00")])
    page.evaluate("path => { location.hash = path; }", f"#spots/change/{spot}")
    change = page.locator("#change[data-verdict]")
    change.wait_for()
    assert SAY("compare.verdict.unknown") in change.inner_text()
    assert SAY("compare.not_harmless") not in change.inner_text()
    page.set_default_timeout(READY)


def test_who_leaves_while_all_photos_are_measured_is_not_called_back(empty_diary):
    page = empty_diary
    page.set_default_timeout(3 * READY)
    spot = spot_with(page, [(OTHER, f"2026-0{month}-05T08:00") for month in (1, 2, 3)])
    page.evaluate("path => { location.hash = path; }", f"#spots/change/{spot}")
    page.locator("#change[data-verdict]").wait_for()
    page.get_by_role("button", name=SAY("diary.change.all"), exact=True).click()
    page.evaluate("location.hash = '#spots/own'")
    page.locator("#diary[data-screen=own]").wait_for()
    page.wait_for_timeout(8000)
    assert page.locator("#diary").get_attribute("data-screen") == "own"
    page.set_default_timeout(READY)


def test_one_photo_cannot_be_compared(empty_diary):
    spot = spot_with(empty_diary, [(OTHER, "2026-01-05T08:00")])
    empty_diary.evaluate("path => { location.hash = path; }", f"#spots/change/{spot}")
    empty_diary.get_by_text(SAY("diary.change.two")).wait_for()
