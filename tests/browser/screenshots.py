"""Pictures of every state of the interface, to be looked at: desktop and phone, light and dark.

python -m tests.browser.screenshots [--out DIR] [--url ADDRESS] [--readme docs/interface.png]

Without --url the interface is served here with the embedded checkpoint. Only rendered examples are shown.
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

REPOSITORY = Path(__file__).resolve().parent.parent.parent
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
    import interface
    from skin_model.assess import Assessor

    page = interface.build(Assessor.load())
    _, address, _ = interface.launch(page, prevent_thread_lock=True, quiet=True)
    yield address
    page.close()


def visit(browser: Browser, url: str, size: str, scheme: str) -> Page:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1)
    page.goto(url)
    page.get_by_role("button", name="Choose a photo").wait_for()
    return page


def choose(page: Page, file: Path) -> None:
    page.locator("#sources input[type=file]").set_input_files(file)
    page.locator("#answer .answer:not([data-kind=empty])").wait_for()
    page.wait_for_timeout(1500)


def shoot(browser: Browser, url: str, size: str, scheme: str, out: Path) -> None:
    def save(page: Page, state: str, full_page: bool = False) -> None:
        page.screenshot(path=out / f"{state}-{size}-{scheme}.png", full_page=full_page)

    page = visit(browser, url, size, scheme)
    page.wait_for_timeout(500)
    save(page, "1-landing", full_page=True)
    choose(page, EXAMPLES / "tone-2-hairs.jpg")
    save(page, "2-result")
    save(page, "3-result-whole", full_page=True)
    choose(page, EXAMPLES / "far-away.jpg")
    page.get_by_role("button", name="Choose a part", exact=True).click()
    save(page, "4-choose", full_page=True)
    choose(page, EXAMPLES / "tone-3-dermatoscope.jpg")
    save(page, "5-dermatoscope", full_page=True)
    choose(page, EXAMPLES / "examples.json")
    save(page, "6-refused")
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take photo").wait_for()
    page.wait_for_timeout(800)
    save(page, "7-camera")
    page.close()


def shoot_for_readme(browser: Browser, url: str, file: Path) -> None:
    """One desktop picture with a result, small enough for the README."""
    page = visit(browser, url, "desktop", "light")
    choose(page, EXAMPLES / "tone-3-dermatoscope.jpg")
    file.parent.mkdir(parents=True, exist_ok=True)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize((960, 675), Image.Resampling.LANCZOS)
    # 256 colours, as a README's picture has to stay under 300 kB.
    shot.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("/tmp/shots"))
    parser.add_argument("--url")
    parser.add_argument("--readme", type=Path, help="write only this one picture")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with served(given.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        if given.readme:
            shoot_for_readme(browser, url, given.readme)
        else:
            for size in SIZES:
                for scheme in ("light", "dark"):
                    shoot(browser, url, size, scheme, given.out)
        browser.close()


if __name__ == "__main__":
    main()
