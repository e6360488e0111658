"""The report page in a real browser: on a phone, in the dark, on paper, and without a network."""

import pytest

from tests.train.full_metrics import full_metrics
from train.reports.page import page


@pytest.fixture(scope="module")
def report_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page(full_metrics()), encoding="utf-8")
    return file


@pytest.fixture
def show(browser, report_file):
    """Opens the page at a width; gives it and every address that it asked for."""
    contexts = []

    def open_at(width, **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        tab, asked = context.new_page(), []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(report_file.as_uri())
        return tab, asked

    yield open_at
    for context in contexts:
        context.close()


def test_a_phone_scrolls_tables_sideways_and_never_the_page(show):
    tab, _ = show(390)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    wide = tab.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).length"
    )
    assert wide > 0


def test_the_page_asks_for_nothing_but_itself(show, report_file):
    _, asked = show(1280)
    assert asked == [report_file.as_uri()]


def test_the_dark_is_dark_and_pictures_are_light_on_it(show):
    tab, _ = show(390, color_scheme="dark")
    background, ink = tab.evaluate(
        """() => [getComputedStyle(document.body).backgroundColor,
                  getComputedStyle(document.querySelector('svg text')).fill]"""
    )
    brightness = [sum(int(part) for part in colour[4:-1].split(",")) / 3 for colour in (background, ink)]
    assert brightness[0] < 60
    assert brightness[1] > 180


def test_paper_is_white_and_cuts_no_table_off(show):
    tab, _ = show(688, color_scheme="dark")  # A4 less its margins
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("document.documentElement.scrollWidth") == 688
