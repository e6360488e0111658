"""The page keeps the photo, works without a network, and says what is wrong when something is."""

from __future__ import annotations

import shutil
from functools import cache

import pytest

from on_device.build import MODEL, build
from skin_model.assess import Assessor
from skin_model.photo import open_photo
from skin_model.wording import Words, languages
from tests.conftest import REPOSITORY
from tests.on_device.conftest import KEPT_FOR_OFFLINE, READY, serve, start

pytestmark = pytest.mark.browser

PHOTO = REPOSITORY / "examples" / "tone-3-dermatoscope.jpg"
LARGEST_FIRST_SESSION = 8_000_000
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


@cache
def expected():
    """What Python says of the photo."""
    return Assessor.load().assess(open_photo(PHOTO))


def choose(page, file=PHOTO):
    page.locator("#answer").evaluate("answer => answer.replaceChildren()")  # an earlier test's
    page.locator("#file").set_input_files(file)
    page.locator("#answer .answer[data-kind]").wait_for()
    return page.locator("#answer .answer").get_attribute("data-kind")


def state(page):
    page.locator("#state[data-kind=failed]").wait_for()
    return page.locator("#state-text").inner_text()


@pytest.fixture
def scored_page(keep, browser, address):
    """A page with the answer for the photo on it, in English and the light, for tests that choose no other."""

    def opened():
        page = start(browser, address)
        choose(page)
        page.locator("#sure").wait_for()
        return page

    page = keep("scored", opened)
    page.emulate_media(color_scheme="light")
    page.locator("#language").select_option("en")
    page.locator("html[lang=en]").wait_for()
    return page


@pytest.fixture(scope="module")
def first_session(browser, site):
    """A page kept for offline use, alone with its server: the page, what it asked for, and how many bytes it got."""
    with serve(site) as (url, handler):
        page = start(browser, url, until=KEPT_FOR_OFFLINE)
        asked, sent = list(handler.asked), handler.sent
    yield page, asked, sent
    page.context.close()


def test_a_chosen_photo_gets_its_band_risk_and_next_step_first(scored_page):
    page = scored_page
    found, card = expected(), page.locator("#answer .answer")
    assert card.get_attribute("data-kind") == found.band
    assert Words()(f"band.{found.band}") in card.inner_text()
    assert float(page.locator(".risk strong").inner_text().removesuffix("%")) == pytest.approx(100 * found.risk, abs=1)
    assert Words()(f"advice.{found.band}") in card.inner_text()
    assert page.locator(".compare canvas").count() == 2
    assert page.locator(".bars li").count() == 7


def test_a_refused_photo_shows_no_number(ready_page, tmp_path):
    file = tmp_path / "letter.jpg"
    file.write_bytes(b"This is not a picture at all.")
    assert choose(ready_page, file) == "refused"
    text = ready_page.locator("#results").inner_text()
    assert Words()("refused.unsupported_format") in text
    assert "%" not in text


def test_nothing_is_asked_for_after_loading_nor_while_scoring(open_page):
    page = open_page(until=KEPT_FOR_OFFLINE)
    asked = []
    page.context.on("request", lambda request: asked.append(request.url))
    choose(page)
    page.locator("#sure").wait_for()
    page.locator("#curious summary").click()
    page.locator("#strength").fill("80")
    assert asked == []


REACH_OUT = """async (url) => {
    const tries = {
        fetch: () => fetch(url, { method: "POST", body: "photo" }),
        picture: () => new Promise((done, fail) => {
            const image = Object.assign(new Image(), { onload: done, onerror: fail });
            image.src = url + "picture.png";
        }),
        socket: () => new Promise((done, fail) => {
            const socket = new WebSocket(url.replace("http", "ws"));
            socket.onopen = done;
            socket.onerror = fail;
        }),
        script: () => import(url + "script.js"),
        beacon: async () => { if (!navigator.sendBeacon(url, "photo")) throw new Error("refused"); },
    };
    const reached = [];
    for (const [name, attempt] of Object.entries(tries)) await attempt().then(() => reached.push(name), () => {});
    return reached;
}"""


def test_the_pages_policy_lets_nothing_reach_another_server(ready_page, tmp_path):
    with serve(tmp_path, {"Access-Control-Allow-Origin": "*"}) as (elsewhere, handler):
        ready_page.evaluate(REACH_OUT, elsewhere)
        ready_page.wait_for_timeout(500)
        assert handler.asked == []


def test_the_policy_allows_neither_inline_scripts_nor_inline_styles(ready_page):
    policy = ready_page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';")
    assert "connect-src 'self';" in policy
    assert "'unsafe-inline'" not in policy
    assert "'unsafe-eval'" not in policy.replace("'wasm-unsafe-eval'", "")


def test_the_page_works_without_the_internet_after_the_first_session(first_session):
    page, _, _ = first_session
    risk = choose(page), page.locator(".risk strong").inner_text()
    page.context.set_offline(True)
    page.reload()
    page.locator("html[data-ready]").wait_for()
    assert (choose(page), page.locator(".risk strong").inner_text()) == risk
    page.locator("#language").select_option("pl")
    page.get_by_text(Words("pl")(f"band.{expected().band}"), exact=True).wait_for()


def another_release(folder):
    """The same network with one more note in its metadata, so that its checksum and the release's name differ."""
    key, value = b"note", b"another release"
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
    model = folder / "another.onnx"
    model.write_bytes(MODEL.read_bytes() + b"\x72" + bytes([len(entry)]) + entry)
    return model


def test_a_newer_release_replaces_the_whole_of_the_older_one_when_the_visitor_agrees(open_page, site, tmp_path):
    served = tmp_path / "site"
    shutil.copytree(site, served)
    with serve(served) as (url, handler):
        page = open_page(url, until=KEPT_FOR_OFFLINE)
        old = page.locator("script").get_attribute("src").split("/")[0]
        new = f"v-{build(served, another_release(tmp_path))['version']}"
        assert new != old
        handler.asked.clear()
        page.reload()
        page.get_by_text(Words()("device.renewed")).wait_for()
        assert page.locator("script").get_attribute("src").startswith(old)
        assert choose(page) == expected().band
        assert not [path for path in handler.asked if old in path]
        page.get_by_role("button", name=Words()("device.renewed.use")).click()
        page.locator(f"script[src^='{new}']").wait_for(state="attached")
        page.locator("html[data-ready]").wait_for()
        assert choose(page) == expected().band
        names = page.evaluate("caches.keys()")
        assert [name.split()[-1] for name in names] == [new.removeprefix("v-")]


def assert_scores_with_threads(page, wanted):
    assert page.evaluate("crossOriginIsolated") is wanted
    assert (int(page.locator("html").get_attribute("data-threads")) > 1) is wanted
    assert choose(page) == expected().band


def test_it_scores_with_threads_where_the_page_is_isolated(open_page, site):
    with serve(site, ISOLATED) as (url, _):
        assert_scores_with_threads(open_page(url), True)


def test_it_scores_without_threads_elsewhere(ready_page):
    assert_scores_with_threads(ready_page, False)


def corrupted(times):
    """Answers the first requests for the network with the right number of wrong bytes."""
    seen = []

    def handle(route):
        seen.append(route.request.url)
        if len(seen) > times:
            return route.continue_()
        return route.fulfill(status=200, body=bytes(1000))

    return handle, seen


def test_a_corrupted_download_is_fetched_once_more(browser, address):
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    handle, seen = corrupted(1)
    page.route("**/model.onnx.gz", handle)
    page.goto(address)
    page.locator("html[data-ready]").wait_for(timeout=READY)
    assert len(seen) == 2
    assert choose(page) == expected().band
    context.close()


def test_a_download_that_stays_corrupted_is_explained(browser, address):
    context = browser.new_context(service_workers="block", locale="en-GB")
    page = context.new_page()
    handle, seen = corrupted(9)
    page.route("**/model.onnx.gz", handle)
    page.goto(address)
    assert state(page) == Words()("device.failed.download")
    assert len(seen) == 2
    page.get_by_role("button", name=Words()("device.again")).wait_for()
    context.close()


@pytest.mark.parametrize("file", ["config.json", "words/en.json"])
def test_a_page_that_cannot_start_says_so_and_offers_another_try(browser, address, file):
    context = browser.new_context(service_workers="block", locale="en-GB")
    page = context.new_page()
    page.route(f"**/{file}", lambda route: route.fulfill(status=404, body="gone"))
    page.goto(address)
    again = page.get_by_role("button", name="Load the page again")
    again.wait_for()
    page.get_by_text("could not be loaded").wait_for()
    page.unroute(f"**/{file}")
    again.click()
    page.locator("html[data-ready]").wait_for(timeout=READY)
    context.close()


def test_without_its_scripts_the_page_says_what_it_needs(browser, address):
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.route("**/app.js", lambda route: route.abort())
    page.goto(address)
    page.get_by_text("could not be loaded").wait_for(timeout=READY)
    context.close()


@pytest.mark.parametrize("network", ["model", "locator"])
def test_without_its_networks_the_page_takes_no_photo(browser, address, network):
    context = browser.new_context(service_workers="block", locale="en-GB")
    page = context.new_page()
    page.route(f"**/{network}.onnx.gz", lambda route: route.fulfill(status=500, body="broken"))
    page.goto(address)
    state(page)
    assert page.locator("#choose").is_disabled()
    assert page.locator("#use-camera").is_disabled()
    context.close()


def test_the_language_chosen_last_wins_and_outlives_a_links(open_without_network, address):
    page = open_without_network(f"{address}?lang=en")
    page.route("**/words/fr.json", lambda route: (page.wait_for_timeout(500), route.continue_()))
    page.locator("#language").select_option("fr")
    page.locator("#language").select_option("it")
    page.locator("html[lang=it]").wait_for()
    page.wait_for_timeout(700)
    assert page.locator("html").get_attribute("lang") == "it"
    page.reload()
    page.locator("html[lang=it]").wait_for()


def test_another_tab_follows_when_one_has_taken_the_newer_release(open_page, site, tmp_path):
    served = tmp_path / "site"
    shutil.copytree(site, served)
    with serve(served) as (url, _):
        first = open_page(url, until=KEPT_FOR_OFFLINE)
        second = first.context.new_page()
        second.goto(url)
        second.locator("html[data-ready]").wait_for()
        new = f"v-{build(served, another_release(tmp_path))['version']}"
        first.reload()
        for page in (first, second):
            page.get_by_text(Words()("device.renewed")).wait_for()
        for page in (first, second):
            page.get_by_role("button", name=Words()("device.renewed.use")).click()
            page.locator(f"script[src^='{new}']").wait_for(state="attached")


def test_without_https_the_page_promises_no_use_without_the_internet(open_page, ready_page):
    ready_page.locator("#offline-promise").wait_for()
    page = open_page(before="Object.defineProperty(window, 'isSecureContext', { value: false })")
    assert page.locator("#offline-promise").is_hidden()


MISSING = {
    "webassembly": "delete window.WebAssembly",
    "memory": "WebAssembly.instantiate = () => Promise.reject(new RangeError('Out of memory'))",
    "canvas": """const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...box) {
            const found = read.apply(this, box);
            for (let i = 0; i < found.data.length; i += 97) found.data[i] ^= 8;
            return found;
        };""",
}


@pytest.mark.parametrize("what", MISSING)
def test_what_the_browser_lacks_is_said_in_words(open_page, what):
    page = open_page(until=None, before=MISSING[what])
    assert state(page) == Words()(f"device.failed.{what}")


def test_the_first_session_stays_within_eight_megabytes(first_session):
    _, _, sent = first_session
    print(f"first session: {sent / 1e6:.2f} MB, nothing compressed by the server")
    assert sent <= LARGEST_FIRST_SESSION


def test_the_large_files_cross_the_wire_once(first_session):
    _, asked, _ = first_session
    large = [path for path in asked if path.endswith((".onnx.gz", ".wasm.gz"))]
    assert len(large) == len(set(large)) == 3


@pytest.mark.parametrize("language", languages())
def test_every_language_is_spoken_in_its_direction(open_without_network, scored_page, language):
    page = open_without_network(locale=language)
    words = Words(language)
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("html").get_attribute("dir") == words.direction
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page = scored_page
    page.locator("#language").select_option(language)
    page.locator(f"html[lang={language}][dir={words.direction}]").wait_for()
    page.get_by_text(words(f"band.{expected().band}"), exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(scored_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe (requirements-dev.txt)")
    scored_page.emulate_media(color_scheme=scheme)
    scored_page.locator("html.dark" if scheme == "dark" else "html:not(.dark)").wait_for()
    found = axe.Axe().run(scored_page).response["violations"]
    serious = {
        rule["id"]: [node["html"][:120] for node in rule["nodes"]]
        for rule in found
        if rule["impact"] in ("serious", "critical")
    }
    assert not serious


def test_the_page_is_dark_from_the_start_where_the_system_is(open_without_network):
    open_without_network(color_scheme="dark").locator("html.dark").wait_for()


def test_buttons_and_sliders_are_large_enough_for_a_thumb(scored_page):
    page = scored_page
    for control in page.locator("button:visible, select:visible, input[type=range]:visible, summary:visible").all():
        assert control.bounding_box()["height"] >= 44


def test_the_keyboard_alone_reaches_everything(scored_page):
    page = scored_page
    page.locator("#curious").evaluate("fold => { fold.open = true; }")
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"language", "choose-part", "choose", "use-camera", "compare-place", "strength", "SUMMARY"} <= set(reached)
    page.locator("#compare-place").focus()
    page.keyboard.press("End")
    assert page.locator(".compare").evaluate("node => node.style.getPropertyValue('--place')") == "100%"


def test_it_can_be_installed(ready_page, site):
    page = ready_page
    manifest = page.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then((answer) => answer.json())")
    assert manifest["display"] == "standalone"
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    assert any(icon.get("purpose") == "maskable" for icon in manifest["icons"])
    assert all((site / icon["src"]).is_file() for icon in manifest["icons"])
