"""Pictures of every tab of the interface, to be looked at: desktop and phone, light and dark, in several languages.

python -m tests.browser.screenshots [--out DIR] [--url ADDRESS] [--languages en ar] [--readme docs/interface.png]

Without --url the interface is served here with the embedded checkpoint. Only rendered examples are shown, and of the
mistakes the ids and maps that come along.
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from skin_model.wording import ENGLISH, Words
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]
ARGUMENTS += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@contextmanager
def served(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    from interface import blocks
    from skin_model.assess import Assessor

    page = blocks.build(Assessor.load())
    _, address, _ = blocks.launch(page, prevent_thread_lock=True, quiet=True)
    yield address
    page.close()


def start(browser: Browser, url: str, words: Words, size: str, scheme: str, tab: str | None = None) -> Page:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1)
    path = "/" if words.language == ENGLISH else f"/{words.language}"
    page.goto(url.rstrip("/") + path + (f"?tab={tab}" if tab else ""))
    page.get_by_role("tab", name=words(f"tab.{tab or 'check'}"), exact=True, selected=True).wait_for()
    return page


def choose(page: Page, file: Path) -> None:
    page.locator("#sources input[type=file]").set_input_files(file)
    page.locator("#answer .answer:not([data-kind=empty])").wait_for()
    page.wait_for_timeout(1500)


def shoot(browser: Browser, url: str, words: Words, size: str, scheme: str, out: Path) -> None:
    def save(page: Page, state: str, full_page: bool = True) -> None:
        page.wait_for_timeout(700)
        page.screenshot(path=out / f"{state}-{words.language}-{size}-{scheme}.png", full_page=full_page)

    page = start(browser, url, words, size, scheme)
    save(page, "check-1-landing")
    choose(page, EXAMPLES / "tone-2-hairs.jpg")
    save(page, "check-2-result", full_page=False)
    save(page, "check-3-result-whole")
    page.locator("#next-actions input[type=file]").set_input_files(EXAMPLES / "tone-1.jpg")
    page.get_by_text(words("interface.photos", count=2)).wait_for()
    save(page, "check-4-two-photos", full_page=False)
    choose(page, EXAMPLES / "far-away.jpg")
    page.get_by_role("button", name=words("interface.stage.choose_part"), exact=True).click()
    save(page, "check-5-choose")
    choose(page, EXAMPLES / "tone-3-dermatoscope.jpg")
    save(page, "check-6-dermatoscope", full_page=False)
    choose(page, EXAMPLES / "examples.json")
    save(page, "check-7-refused", full_page=False)
    page.get_by_role("button", name=words("interface.camera")).click()
    page.get_by_role("button", name=words("interface.stage.shutter")).wait_for()
    save(page, "check-8-camera", full_page=False)
    page.close()

    page = start(browser, url, words, size, scheme, "compare")
    save(page, "compare-1-landing")
    for place, file in enumerate(("tone-1.jpg", "tone-4-uneven.jpg")):
        page.locator(".pair .sources input[type=file]").nth(place).set_input_files(EXAMPLES / file)
        page.locator(f"#compare-{('before', 'after')[place]} img").wait_for()
    page.locator("#compare-answer h2").wait_for()
    save(page, "compare-2-result")
    page.close()

    page = start(browser, url, words, size, scheme, "batch")
    save(page, "batch-1-landing")
    page.locator("#batch-files input[type=file]").set_input_files([
        EXAMPLES / "tone-1.jpg", EXAMPLES / "tone-4-uneven.jpg", EXAMPLES / "blurred.jpg", EXAMPLES / "examples.json"
    ])  # fmt: skip
    page.locator("#batch-csv a").wait_for()
    save(page, "batch-2-table")
    page.close()

    page = start(browser, url, words, size, scheme, "mistakes")
    page.locator("#mistakes-grid button").first.wait_for()
    save(page, "mistakes-1-gallery")
    page.locator("#mistakes-grid .card > button").first.click()
    page.locator("#mistakes-case .case").wait_for()
    save(page, "mistakes-2-case")
    page.close()

    page = start(browser, url, words, size, scheme, "evidence")
    page.locator("#figure-plot .js-plotly-plot").wait_for()
    save(page, "evidence")
    page.close()

    page = start(browser, url, words, size, scheme, "about")
    save(page, "about")
    page.close()


def shoot_for_readme(browser: Browser, url: str, file: Path) -> None:
    """One desktop picture with a result, small enough for the README."""
    page = start(browser, url, Words(), "desktop", "light")
    choose(page, EXAMPLES / "tone-3-dermatoscope.jpg")
    file.parent.mkdir(parents=True, exist_ok=True)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize((960, 675), Image.Resampling.LANCZOS)
    # 256 colours, as a README's picture has to stay under 300 kB.
    shot.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("/tmp/shots"))
    parser.add_argument("--url")
    parser.add_argument("--languages", nargs="+", default=[ENGLISH, "ar"])
    parser.add_argument("--readme", type=Path, help="write only this one picture")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with served(given.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        if given.readme:
            shoot_for_readme(browser, url, given.readme)
        else:
            for language in given.languages:
                for size in SIZES:
                    for scheme in ("light", "dark"):
                        shoot(browser, url, Words(language), size, scheme, given.out)
        browser.close()


if __name__ == "__main__":
    main()
