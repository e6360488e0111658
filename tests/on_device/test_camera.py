"""While the visitor aims, the page says what to do; then the sharpest of a burst is scored."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from skin_model import quality
from skin_model.wording import Words
from tests.conftest import FAKE_CAMERA, REPOSITORY
from tests.on_device.conftest import READY, start

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 640, 480


def rendered(name, part=(0.0, 0.0, 1.0, 1.0)):
    """A rendered photo as the camera would show it, or a part of it: left, top, right, bottom in shares."""
    photo = Image.open(REPOSITORY / "examples" / name)
    box = [share * side for share, side in zip(part, photo.size * 2, strict=True)]
    return np.asarray(photo.resize((WIDTH, HEIGHT), box=box))


MOLE = rendered("tone-1.jpg")


def shining(picture):
    for spot in range(4):
        place = (round(WIDTH * (0.3 + 0.13 * spot)), round(HEIGHT * 0.25))
        picture = cv2.circle(picture.copy(), place, 26, (255, 255, 255), -1, cv2.LINE_AA)
    return picture


def shifted(picture, x, y):
    """The picture moved, with more of the same skin where it came from."""
    moved = np.float32([[1, 0, x], [0, 1, y]])
    return cv2.warpAffine(picture, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


def write_clip(file, frames):
    """The frames as the motion JPEG that Chromium takes for a camera's picture, shown over and over.

    Chromium reads the file whenever a page starts the camera, so that one browser can be shown one clip after another.
    """
    aside = file.with_suffix(".new")
    with aside.open("wb") as written:
        for frame in frames:
            one = io.BytesIO()
            Image.fromarray(frame).save(one, "JPEG", quality=95, subsampling=0)
            written.write(one.getvalue())
    aside.replace(file)


@pytest.fixture(scope="module")
def camera(launch, tmp_path_factory):
    """A Chromium and the clip that is its camera's picture."""
    file = tmp_path_factory.mktemp("camera") / "clip.mjpeg"
    write_clip(file, SCENES["ready"])
    with launch(*FAKE_CAMERA, f"--use-file-for-fake-video-capture={file}") as chromium:
        yield chromium, file


CLEAR = """() => {
    delete document.getElementById("aim").dataset.hint;
    for (const id of ["answer", "message"]) document.getElementById(id).replaceChildren();
}"""


@pytest.fixture
def camera_page(camera, keep, address):
    """A page that can score, with a camera, which no test leaves running: it would slow down all later ones."""
    browser, _ = camera
    page = keep("camera", lambda: start(browser, address))
    page.evaluate(CLEAR)
    yield page
    if page.locator("#camera").is_visible():
        page.locator("#close-camera").click()


@pytest.fixture
def aim(camera, camera_page):
    """Opens the camera on frames and returns the page."""
    _, file = camera

    def opened(frames):
        write_clip(file, frames)
        camera_page.locator("#use-camera").click()
        camera_page.locator("#aim[data-hint]").wait_for()
        return camera_page

    return opened


SCENES = {
    "ready": [MOLE] * 4,
    "closer": [rendered("far-away.jpg")] * 4,
    "centre": [shifted(MOLE, 110, 70)] * 4,
    "too_dark": [(MOLE * 0.15).astype(np.uint8)] * 4,
    "glare": [shining(rendered("tone-5-uneven.jpg"))] * 4,
    "no_mole": [rendered("far-away.jpg", (0.0, 0.5, 0.5, 1.0))] * 4,
    "no_skin": [np.full((HEIGHT, WIDTH, 3), (0, 136, 0), np.uint8)] * 4,
    "still": [MOLE] * 2 + [shifted(MOLE, 50, 20)] * 2 + [shifted(MOLE, -30, -40)] * 2,
}


WATCH = """([looks, milliseconds]) => new Promise((done, fail) => {
    const aim = document.getElementById("aim"), seen = [];
    const watcher = new MutationObserver(() => {
        seen.push([aim.dataset.hint, performance.now()]);
        if (seen.length === looks) { watcher.disconnect(); done(seen); }
    });
    watcher.observe(aim, { attributeFilter: ["data-looks"] });
    setTimeout(() => fail(new Error(`only ${seen.length} looks`)), milliseconds);
})"""


def looks(page, count=40):
    """So many hints in turn, and the milliseconds at which each came."""
    hints, times = zip(*page.evaluate(WATCH, [count, READY]), strict=True)
    return hints, np.array(times)


@pytest.mark.parametrize("hint", SCENES)
def test_the_hint_names_what_is_wrong_with_the_aim(aim, hint):
    page = aim(SCENES[hint])
    page.locator(f"#aim[data-hint={hint}]", has_text=Words()(f"device.aim.{hint}")).wait_for()


def test_looks_follow_each_other_within_a_tenth_of_a_second(aim):
    """On an idle machine; a busy one manages it now and then. How many come is measured where the machine is idle."""
    _, times = looks(aim(SCENES["ready"]))
    least = np.diff(times).min()
    print(f"from look to look: {least:.0f} ms at its fastest")
    assert least < 100


def test_a_green_test_picture_is_never_good_to_take(launch, address):
    """Chromium's own fake camera shows one, whose clock hand changes all the time."""
    with launch(*FAKE_CAMERA) as chromium:
        page = start(chromium, address)
        page.locator("#use-camera").click()
        hints, _ = looks(page)
    assert "ready" not in hints
    assert "no_skin" in hints


def test_before_the_locator_has_loaded_nothing_is_good_to_take(camera, address):
    browser, file = camera
    write_clip(file, SCENES["ready"])
    page = start(browser, "about:blank", until=None, service_workers="block")
    page.route("**/locator.onnx.gz", lambda route: None)
    page.goto(address)
    page.locator("#use-camera").click()
    hints, _ = looks(page)
    assert set(hints) == {"loading"}
    page.context.close()


@pytest.mark.slow
def test_hints_come_ten_times_a_second_or_more(aim):
    _, times = looks(aim(SCENES["ready"]), 60)
    rate = 1000 * (len(times) - 1) / (times[-1] - times[0])
    print(f"hints a second: {rate:.1f}")
    assert rate >= 10


def png(frame):
    content = io.BytesIO()
    Image.fromarray(frame).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def shown(page):
    address = page.locator("#photo").evaluate("canvas => canvas.toDataURL('image/png')")
    content = base64.b64decode(address.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


# The frames that a burst sees, one after another: which of a video's a loaded machine would take is left to chance.
FRAMES_IN_TURN = """async (files) => {
    const still = window.createImageBitmap.bind(window);
    const bytes = (file) => Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
    const frames = await Promise.all(files.map((file) => still(new Blob([bytes(file)], { type: "image/png" }))));
    window.createImageBitmap = (source, ...rest) => {
        if (!(source instanceof HTMLVideoElement)) return still(source, ...rest);
        if (frames.length === 1) window.createImageBitmap = still;
        return still(frames.shift());
    };
}"""


@pytest.mark.parametrize("place", [0, 3, 5])
def test_the_sharpest_frame_of_a_burst_is_scored(aim, place):
    sharp = cv2.resize(np.asarray(Image.open(REPOSITORY / "examples" / "tone-4-uneven.jpg")), (WIDTH, HEIGHT))
    soft = cv2.GaussianBlur(sharp, (0, 0), 6.0)
    page = aim([soft])
    page.evaluate(FRAMES_IN_TURN, [png(sharp if turn == place else soft) for turn in range(6)])
    page.locator("#shutter").click()
    page.locator("#answer .answer[data-kind]").wait_for()
    page.locator("#picture").wait_for()
    assert quality.measure(shown(page)).blur < quality.MOST_BLUR < quality.measure(soft).blur


def test_a_part_of_the_cameras_photo_can_be_chosen(aim):
    page = aim(SCENES["ready"])
    page.locator("#shutter").click()
    page.locator("#picture").wait_for()
    page.locator("#score-part").evaluate("button => button.click()")
    page.get_by_text(Words()("interface.part_only")).wait_for()


def test_after_a_countdown_the_photo_is_taken_without_a_press(aim):
    page = aim(SCENES["ready"])
    page.locator("#countdown").click()
    page.locator("#count").filter(has_text="3").wait_for()
    page.locator("#answer .answer[data-kind]").wait_for()
    assert page.locator("#camera").is_hidden()


SLOW_CAMERA = """() => {
    window.started = [];
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        await new Promise((done) => setTimeout(done, 800));
        const stream = await ask(wanted);
        window.started.push(...stream.getTracks());
        return stream;
    };
}"""
LIVE = "() => window.started.filter((track) => track.readyState === 'live').length"


@pytest.fixture
def slow_camera(camera_page):
    """The page with a camera that takes most of a second to start."""
    camera_page.evaluate(SLOW_CAMERA)
    yield camera_page
    camera_page.evaluate("() => { delete navigator.mediaDevices.getUserMedia; }")


def test_two_taps_start_one_camera_which_closing_stops(slow_camera):
    slow_camera.locator("#use-camera").dblclick()
    slow_camera.locator("#camera").wait_for()
    assert slow_camera.evaluate(LIVE) == 1
    slow_camera.locator("#close-camera").click()
    assert slow_camera.evaluate(LIVE) == 0


def test_a_photo_chosen_while_the_camera_starts_comes_first(slow_camera):
    chosen = REPOSITORY / "examples" / "tone-1.jpg"
    slow_camera.locator("#use-camera").click()
    slow_camera.locator("#file").set_input_files(chosen)
    slow_camera.wait_for_function("() => window.started.length === 1")
    slow_camera.locator("#answer .answer[data-kind]").wait_for()
    slow_camera.wait_for_function(f"() => ({LIVE})() === 0")
    assert slow_camera.locator("#camera").is_hidden()
    slow_camera.locator("#picture").wait_for()
    assert shown(slow_camera).shape == np.asarray(Image.open(chosen)).shape


def test_a_camera_that_goes_away_is_told_and_closed(slow_camera):
    slow_camera.locator("#use-camera").click()
    slow_camera.locator("#aim[data-hint]").wait_for()
    slow_camera.evaluate("window.started[0].dispatchEvent(new Event('ended'))")
    slow_camera.locator("#message", has_text=Words()("interface.stage.camera_missing")).wait_for()
    assert slow_camera.locator("#camera").is_hidden()


def test_a_camera_that_is_refused_is_explained(ready_page):
    page = ready_page
    page.locator("#use-camera").click()
    page.locator("#message:not(:empty)").wait_for()
    assert page.locator("#message").inner_text() == Words()("interface.stage.camera_denied")
    assert page.locator("#camera").is_hidden()


def test_of_two_lenses_the_other_one_can_be_chosen_and_is_opened_the_next_time(launch, address):
    """Phones often open the wide one, which is not sharp so near (mozmorris/react-webcam issue 365)."""
    with launch(FAKE_CAMERA[0], f"{FAKE_CAMERA[1]}=device-count=2") as chromium:
        page = start(chromium, address)
        lens = "document.getElementById('video').srcObject?.getVideoTracks()[0].getSettings().deviceId"
        page.locator("#use-camera").click()
        page.locator("#lens").wait_for()
        first = page.evaluate(lens)
        page.locator("#lens").click()
        page.wait_for_function(f"(first) => {lens} && {lens} !== first", arg=first)
        second = page.evaluate(lens)
        page.locator("#close-camera").click()
        page.locator("#use-camera").click()
        page.locator("#lens").wait_for()
        assert page.evaluate(lens) == second
        page.locator("#lens").click()
        page.wait_for_function(f"(first) => {lens} === first", arg=first)


def test_with_one_lens_no_other_is_offered(aim):
    page = aim(SCENES["ready"])
    assert page.locator("#shutter").is_visible() and not page.locator("#lens").is_visible()
