"""The app below a path of somebody's site, behind a proxy that takes the path off and one that passes it on."""

from __future__ import annotations

from functools import partial

import pytest

from interface.tabs import on_device as on_device_tab
from skin_model.wording import Words, sentence
from tests.browser.reverse_proxy import offered_below
from tests.browser.test_tabs import EXAMPLES, choose
from tests.interface.served import random_assessor, serve
from tests.on_device.conftest import built

GERMAN = Words("de")
WAIT = 60_000
"""Milliseconds: a page that starts anew, on a busy machine."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built(tmp_path_factory.mktemp("on_device") / "site")


@pytest.fixture(scope="module", params=["/skin", "/clinic/skin/"], ids=["one part", "two parts and a slash"])
def below(request, site):
    """A path, and the address of an app that was told of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ROOT_PATH", request.param)
        patch.setattr(on_device_tab, "mount", partial(on_device_tab.mount, folder=site))
        with serve(random_assessor()) as address:
            yield request.param.rstrip("/"), address.removesuffix(request.param.rstrip("/"))


@pytest.mark.parametrize("strips", [True, False], ids=["stripped", "kept"])
def test_a_visit_below_a_proxys_path_never_leaves_it(open_page, below, strips):
    prefix, address = below
    failed = []
    with offered_below(prefix, address, strips=strips) as (offered, refused):
        page = open_page(address=offered)
        page.set_default_timeout(WAIT)
        assert page.url == f"{offered}/"
        page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
        choose(page, "#sources", EXAMPLES / "tone-1.jpg")
        page.locator("#answer .risk strong").wait_for()
        page.wait_for_function("document.querySelector('.stage-picture img').naturalWidth > 0")
        page.get_by_label(sentence("interface.language")).select_option("de")
        page.wait_for_url(f"{offered}/de")
        page.get_by_role("button", name=GERMAN("interface.upload"), exact=True).wait_for()
        page.locator("#answer .risk strong").wait_for()  # the photo follows into the other language
        page.goto(f"{offered}/de/?tab=mistakes")
        page.wait_for_function("[...document.images].some((image) => image.naturalWidth)")
        page.goto(f"{offered}/de?tab=batch")
        choose(page, "#batch-files", EXAMPLES / "tone-1.jpg")
        page.get_by_text(GERMAN("batch.done", count=1, refused=0)).wait_for()
        page.goto(f"{offered}/on-device/?from=app")
        page.locator("html[data-ready]").wait_for()
        assert page.locator("#back").evaluate("link => link.href") == f"{offered}/?tab=on_device"
    assert (failed, refused) == ([], [])
