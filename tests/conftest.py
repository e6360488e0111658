"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before torch is imported: threads that wait by spinning take the cores from the other tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

REPOSITORY = Path(__file__).resolve().parent.parent
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FIREFOX_ANSWERS = REPOSITORY / "tests" / "firefox_answers.cjs"
FAKE_CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Tests that run in the background of a shell, as under nohup, do not hear of Ctrl-C, nor would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FILES = (
    "on_device/test_page.py",
    "browser/test_tabs.py",
    "docs/test_retraining_page.py",
    "train/commands/test_release_steps.py",
    "train/fitting/test_fit.py",
    "train/hub/test_model_repository.py",
    "on_device/test_camera.py",
    "browser/test_check_journey.py",
)
"""Begun first, so that at the end no worker waits minutes for the other's last file."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser test that fails is run once more, and the summary lists it as RERUN: on a starved machine a browser
    may take longer than any wait. A test that fails twice fails."""
    first = {str(REPOSITORY / "tests" / name): place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: first.get(str(item.path), len(first)))
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = report.failed or (call.when != "setup" and item.stash[FAILED])
    return report


@pytest.fixture
def failed(request: pytest.FixtureRequest) -> Callable[[], bool]:
    """Whether this test has failed, for fixtures that then give up what they keep from one test to the next."""
    return lambda: request.node.stash[FAILED]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photographs beside the repository; the test is skipped where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not (folder / "lesions.csv").is_file():
        pytest.skip(f"needs the real photographs in {folder}")
    return folder


@pytest.fixture(scope="session")
def backbone_file() -> Path:
    """The ImageNet backbone beside the repository; the test is skipped where it is missing."""
    file = REPOSITORY.parent / "shared" / "weights" / "tf_mobilenetv3_small_100.safetensors"
    if not file.is_file():
        pytest.skip(f"needs the ImageNet backbone {file}")
    return file


@pytest.fixture(scope="session")
def playwright() -> Iterator:
    """One Playwright for every test, for a process can run no second one beside it."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (requirements-dev.txt)")
    with pytest.MonkeyPatch.context() as patch:
        asked = f'{os.environ.get("NODE_OPTIONS", "")} --require "{FIREFOX_ANSWERS.as_posix()}"'
        patch.setenv("NODE_OPTIONS", asked.strip())
        started = playwright_api.sync_playwright().start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def launch(playwright) -> Callable:
    """A Chromium with further arguments, for a ``with``: Debian's where there is one, else Playwright's own."""
    installed = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if installed is None and not Path(playwright.chromium.executable_path).is_file():
        pytest.skip("needs Chromium: python -m playwright install --with-deps chromium")
    return lambda *arguments: playwright.chromium.launch(executable_path=installed, args=[*QUIET, *arguments])


@pytest.fixture(scope="session")
def launch_firefox(playwright) -> Callable:
    """Debian's Firefox as it is, for a ``with``; Playwright speaks WebDriver BiDi to it."""
    installed = shutil.which("firefox-esr")
    if installed is None:
        pytest.skip("needs Firefox: apt-get install firefox-esr")
    return lambda: playwright.firefox.launch(channel="moz-firefox", executable_path=installed)
