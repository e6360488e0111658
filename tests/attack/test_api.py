"""The app's API as an attacker calls it: what is readable, what is fetched, what breaks."""

from __future__ import annotations

import http.server
import io
import json
import threading
import zipfile
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from benchmarks.visitor import API, Visitor
from interface.tabs.check import METHOD
from tests.attack.asking import ask, endpoint, file_data, function_of, join, upload
from tests.conftest import REPOSITORY
from tests.own_loop import own_loop

SECRET = "written by a test, and nobody's business"


@pytest.fixture
def foreign(app, tmp_path) -> list[str]:
    """Files that this server can read and nobody may have through it."""
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    beside = app.temp / "beside.jpg"
    beside.write_bytes((REPOSITORY / "examples" / "tone-1.jpg").read_bytes())
    link = next(app.temp.glob("self-skin-check-*")) / "link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    places = [
        "/etc/passwd",
        "/proc/self/environ",
        "../../../../../../etc/passwd",
        f"{link.parent}/../../../../../../../etc/passwd",
        str(REPOSITORY / "app.py"),
        str(REPOSITORY / "skin_model" / "weights" / "config.json"),
        "app.py",
        str(beside),
        str(secret),
        str(link),
        f"file://{secret}",
        f"{secret}\x00.jpg",
        "",
    ]
    yield places
    link.unlink()
    beside.unlink()


def shows_a_secret(text: str) -> bool:
    return any(secret in text for secret in (SECRET, "root:x:", "PATH=", "OMP_WAIT_POLICY", "self-skin-check-model"))


# --- what can be read -------------------------------------------------------------------------------------------------


def test_no_path_stands_for_an_upload(app, config, tab, foreign, photo):
    def questions(place: object) -> list[tuple[int, list]]:
        return [
            (tab.function, [file_data(place), *tab.settings]),
            (endpoint(config, "assess"), [file_data(place), METHOD, 0.5]),
            (function_of(config, "batch-files", "change"), [[file_data(place)], ""]),
        ]

    # The questions are put as they should be: with an upload each is answered.
    own = upload(app.address, photo).json()[0]
    assert all(ask(app.address, *question)["success"] for question in questions(own))
    for place in foreign:
        for function, data in [*questions(place), (endpoint(config, "assess"), [place, METHOD, 0.5])]:
            found = ask(app.address, function, data)
            assert not found["success"], (place, found)
            assert not shows_a_secret(json.dumps(found))


def test_no_file_but_an_upload_is_served(app, foreign):
    for place in [*foreign, str(REPOSITORY), str(app.temp), str(next(app.temp.glob("self-skin-check-*")))]:
        for way in (place, quote(place, safe=""), quote(quote(place, safe=""), safe=""), "/" + place):
            for door in ("file=", "file/", "file=./", "stream/", "proxy="):
                url = f"{app.address}{API}/{door}{way.replace(chr(0), '%00')}"
                found = httpx.get(url, follow_redirects=True, timeout=60)
                assert found.status_code >= 400, url
                assert not shows_a_secret(found.text)


def test_static_places_do_not_lead_out_of_their_folders(app):
    for door in ("static", "assets", "svelte", "on-device", "gradio_api/file=", "static/.."):
        for way in ("../" * 12 + "etc/passwd", "%2e%2e/" * 12 + "etc/passwd", "..%2f" * 12 + "etc/passwd"):
            request = httpx.Request("GET", f"{app.address}/")
            request.url = httpx.URL(
                scheme="http", host="127.0.0.1", port=request.url.port, raw_path=f"/{door}/{way}".encode()
            )
            with httpx.Client(timeout=60) as client:
                found = client.send(request)
            assert found.status_code >= 400
            assert "root:x:" not in found.text


def test_what_an_upload_is_called_does_not_say_where_it_lies(app, photo):
    for name in (
        "../../../../tmp/evil.jpg",
        "/etc/cron.d/evil",
        "..",
        "a/../../b.jpg",
        "\\..\\evil.jpg",
        "x" * 5000,
        "\x00",
    ):
        found = upload(app.address, photo, name)
        if found.status_code == 200:
            place = Path(found.json()[0])
            assert next(app.temp.glob("self-skin-check-*")) in place.parents
            assert place.resolve() == place


def test_another_visitors_photo_is_known_to_nobody_else(app, tab, photo):
    async def two() -> None:
        async with httpx.AsyncClient(base_url=app.address, timeout=120) as client, Visitor(client, tab) as first:
            await first.check(photo, "only-mine.jpg")
            folder = next(app.temp.glob("self-skin-check-*"))
            assert list(folder.rglob("only-mine.jpg"))
            for address in (
                "/gradio_api/deep_link",
                f"/gradio_api/deep_link?session_hash={first.session}",
                f"/?deep_link={first.session}",
                "/gradio_api/run-history/records",
                "/gradio_api/run-history/buckets",
                "/runs",
                "/gradio_api/runs",
                "/monitoring",
                "/monitoring/summary",
                "/gradio_api/queue/status",
                f"/gradio_api/file={folder}",
                f"/gradio_api/file={folder}/",
                "/config",
                "/gradio_api/info",
            ):
                assert "only-mine" not in (await client.get(address)).text

    own_loop(two())


def test_what_the_page_does_not_need_is_not_there(app):
    for method, address in (
        ("GET", "/gradio_api/deep_link?session_hash=abc"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/proxy=https://example.hf.space/"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/run/assess"),
        ("POST", "/gradio_api/api/assess"),
        ("POST", "/gradio_api/stream/abc"),
        ("POST", "/gradio_api/run-history/connect"),
        ("POST", "/login"),
        ("GET", "/gradio_api/token"),
        ("PUT", "/gradio_api/upload"),
        ("DELETE", "/"),
    ):
        assert httpx.request(method, app.address + address, timeout=60).status_code == 404, address


# --- what is fetched --------------------------------------------------------------------------------------------------


@pytest.fixture
def decoy():
    """A web server on this machine that notes who asks it."""
    asked = []

    class Notes(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"inside")

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_nothing_is_fetched_for_anybody(app, config, tab, photo, decoy):
    address, asked = decoy
    place = upload(app.address, photo).json()[0]
    port = address.rpartition(":")[2]
    for url in (
        f"{address}/a.jpg",
        f"http://localhost:{port}/b.jpg",
        f"http://0x7f000001:{port}/c",
        f"HTTP://127.1:{port}/d",
    ):
        for data in (file_data(url), file_data(url, url=url), file_data(" " + url), url):
            for function in (tab.function, endpoint(config, "assess")):
                found = ask(app.address, function, [data, *tab.settings])
                assert found is not None and "inside" not in json.dumps(found)
        ask(app.address, tab.function, [file_data(place, url=url), *tab.settings])
        call = httpx.post(f"{app.address}{API}/call/assess", json={"data": [file_data(url)]}, timeout=60)
        assert call.status_code == 400
        for door in ("file=", "proxy=", "file/"):
            assert httpx.get(f"{app.address}{API}/{door}{url}", timeout=60).status_code >= 400
    assert asked == []


def test_who_sends_an_address_is_told_to_send_the_photo(app, config):
    for url in (
        "https://example.org/mole.jpg",
        "ftp://example.org/mole.jpg",
        "file:///etc/passwd",
        "data:image/jpeg;base64,AA",
    ):
        refused = join(app.address, endpoint(config, "assess"), [file_data(url), METHOD, 0.5])
        assert refused.status_code == 400
        assert "Send the photo itself" in refused.json()["detail"]


# --- what breaks ------------------------------------------------------------------------------------------------------

NASTY = (
    None,
    True,
    -1,
    1e308,
    10**30,
    "",
    "__proto__",
    "constructor",
    "__class__",
    "{{7*7}}",
    "${7*7}",
    "<script>window.hacked=1</script>",
    "\ud800",
    "x" * 100_000,
    [],
    [[[[[[[[]]]]]]]],
    {},
    {"__proto__": {"polluted": True}, "constructor": {"prototype": {"polluted": True}}},
    {"path": None, "meta": {"_type": "gradio.FileData"}},
    {"path": ["/etc/passwd"], "meta": {"_type": "gradio.FileData"}},
    {"__type__": "update", "value": "/etc/passwd"},
)


def test_wrong_types_break_nothing_and_say_nothing_of_the_server(app, config, tab, photo):
    functions = {each["id"]: len(each["inputs"]) for each in config["dependencies"] if each["backend_fn"]}
    # The first half are the page's in the first language; the others are the same again.
    functions = dict(list(functions.items())[:40])
    with httpx.Client(timeout=120) as client:
        for number, inputs in functions.items():
            for offset in range(0, len(NASTY), 7):
                data = [NASTY[(offset + place) % len(NASTY)] for place in range(inputs)]
                joined = join(app.address, number, data, client=client, event_data=NASTY[offset])
                assert joined.status_code in (200, 400, 422, 500, 503), joined.text
                for word in ("site-packages", "Traceback", str(REPOSITORY)):
                    assert word not in joined.text
        for body in (
            b"",
            b"[]",
            b"null",
            b"\xff",
            b"{" * 100_000,
            b"[" * 100_000,
            b'{"data": 1}',
            b'{"fn_index": "x"}',
            b'{"fn_index": -5, "data": [], "session_hash": "a"}',
        ):
            answer = client.post(
                f"{app.address}{API}/queue/join", content=body, headers={"Content-Type": "application/json"}
            )
            assert 400 <= answer.status_code < 600
            assert "Traceback" not in answer.text and "site-packages" not in answer.text

    async def afterwards() -> str:
        async with httpx.AsyncClient(base_url=app.address, timeout=180) as client, Visitor(client, tab) as visitor:
            return (await visitor.check(photo)).html

    assert 'class="answer"' in own_loop(afterwards())


def test_markup_in_a_files_name_comes_back_as_text_only(app, config, photo):
    name = "<img src=x onerror=alert(1)>.jpg"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, photo)
    place = upload(app.address, packed.getvalue(), "moles.zip").json()[0]
    found = ask(app.address, function_of(config, "batch-files", "change"), [[file_data(place)], ""])
    said = json.dumps(found["output"]["data"])
    assert "&lt;img src=x onerror=alert(1)&gt;" in said
    assert "<img src=x" not in said


# --- what browsers are told -------------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(app, photo):
    place = upload(app.address, photo).json()[0]
    for address in (
        "/",
        "/de",
        "/config",
        "/theme.css",
        f"{API}/file={place}",
        f"{API}/info",
        "/nothing",
        f"{API}/file=/etc/passwd",
    ):
        headers = httpx.get(app.address + address, timeout=60).headers
        assert headers["x-content-type-options"] == "nosniff", address
        assert headers["referrer-policy"] == "same-origin"
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["object-src"] == policy["frame-src"] == "'none'"
        assert set(policy["frame-ancestors"].split()) == {"'self'", "https://huggingface.co", "https://*.hf.space"}
        assert "x-frame-options" not in headers


def test_no_cache_keeps_a_photo(app, photo):
    place = upload(app.address, photo).json()[0]
    assert httpx.get(f"{app.address}{API}/file={place}", timeout=60).headers["cache-control"] == "no-store"


def test_another_sites_page_may_not_read_answers(app):
    answer = httpx.get(f"{app.address}/config", headers={"Origin": "https://evil.example"}, timeout=60)
    assert answer.headers.get("access-control-allow-origin") not in ("*", "https://evil.example")
