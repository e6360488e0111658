"""The last photo lies over the live picture, which says how to move; once both agree a photo is taken."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from skin_model.wording import Words
from tests.conftest import FAKE_CAMERA, REPOSITORY
from tests.on_device.conftest import encoded, start
from tests.on_device.diary.conftest import folder_of, spot_with
from tests.on_device.test_camera import write_clip

pytestmark = pytest.mark.browser

SAY = Words()
FILE = REPOSITORY / "examples" / "tone-4-uneven.jpg"
WIDTH, HEIGHT = 640, 480
PHOTO = np.asarray(Image.open(FILE).resize((WIDTH, HEIGHT)))

AGREEMENT = """async ([folder, files]) => {
    const { agreement, essence } = await import(`${folder}diary/agreement.js`);
    const squares = [];
    for (const file of files) {
        const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(file), (c) => c.charCodeAt(0))]));
        const canvas = new OffscreenCanvas(192, 192), context = canvas.getContext("2d"), side = bitmap.height;
        context.drawImage(bitmap, (bitmap.width - side) / 2, 0, side, side, 0, 0, 192, 192);
        const data = context.getImageData(0, 0, 192, 192).data.filter((_, at) => at % 4 < 3);
        squares.push(essence({ width: 192, height: 192, channels: 3, data }));
    }
    const began = performance.now();
    return { ...agreement(...squares), milliseconds: performance.now() - began };
}"""


def moved(turn=0.0, scale=1.0, shift=(0, 0), light=1.0):
    """The photo as the camera shows it from elsewhere; turn: degrees clockwise as seen."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), -turn, scale)
    matrix[:, 2] += shift
    seen = cv2.warpAffine(PHOTO, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101)
    return np.clip(seen * light, 0, 255).astype(np.uint8)


def jpeg(rgb):
    return encoded(cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (moved(), "agrees"),
        (moved(light=0.7), "agrees"),
        (moved(turn=4, scale=1.03), "agrees"),
        (moved(scale=1.35), "further"),
        (moved(scale=0.74), "closer"),
        (moved(turn=30), "turn_right"),
        (moved(turn=-30), "turn_left"),
        (moved(shift=(60, 0)), "shift"),
        (np.full_like(PHOTO, 150), "lost"),
    ],
)
def test_how_the_live_picture_lies_to_the_last_photo_is_seen(storage, seen, code):
    found = storage.evaluate(AGREEMENT, [folder_of(storage), [jpeg(seen), jpeg(PHOTO)]])
    assert found["code"] == code, found


@pytest.fixture(scope="module")
def camera(launch, tmp_path_factory):
    file = tmp_path_factory.mktemp("camera") / "clip.mjpeg"
    write_clip(file, [moved()] * 4)
    with launch(*FAKE_CAMERA, f"--use-file-for-fake-video-capture={file}") as chromium:
        yield chromium, file


def test_the_ghost_says_how_to_move_and_takes_the_photo_once_both_agree(camera, address):
    browser, file = camera
    page = start(browser, address)
    spot = spot_with(page, [(FILE, "2026-01-05T08:00")])
    write_clip(file, [moved(scale=1.35)] * 4)
    page.evaluate("path => { location.hash = path; }", f"#spots/camera/{spot}")
    page.locator(".ghost").wait_for()
    page.locator("#diary .aim", has_text=SAY("diary.ghost.further")).wait_for()
    page.get_by_role("link", name=SAY("interface.stage.close")).click()
    page.locator("#diary[data-screen=spot]").wait_for()
    assert page.evaluate("document.querySelector('video#video').srcObject") is None
    write_clip(file, [moved()] * 4)
    page.evaluate("path => { location.hash = path; }", f"#spots/camera/{spot}")
    page.locator("#diary[data-screen=keep]").wait_for()
    assert page.locator("#which-spot").input_value() == spot
    page.context.close()
