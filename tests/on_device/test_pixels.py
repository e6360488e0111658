"""The page's pixels are OpenCV's."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from tests.on_device.conftest import encoded

pytestmark = pytest.mark.browser

CALL = """async (folder, [module, name, picture, rest]) => {
    const { [name]: work } = await import(folder + module);
    const bytes = Uint8Array.from(atob(picture.data), (c) => c.charCodeAt(0));
    const found = work({ ...picture, data: bytes }, ...rest);
    const data = found.data ?? found;
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    let text = "";
    for (let i = 0; i < raw.length; i += 8192) text += String.fromCharCode(...raw.subarray(i, i + 8192));
    return btoa(text);
}"""


@pytest.fixture(scope="module")
def photo():
    """Edges, soft slopes and full contrast, with odd sides."""
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (301, 403, 3), dtype=np.uint8), (0, 0), 1.2)
    return np.clip(noise.astype(int) * 3 - 256, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def grey(photo):
    return cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)


@pytest.fixture(scope="module")
def in_javascript(scripts):
    def call(module, name, array, *rest, kind=np.uint8):
        height, width, *channels = array.shape
        picture = {
            "width": width,
            "height": height,
            "channels": channels[0] if channels else 1,
            "data": encoded(np.ascontiguousarray(array).tobytes()),
        }
        return np.frombuffer(base64.b64decode(scripts(CALL, [module, name, picture, list(rest)])), kind)

    return call


@pytest.mark.parametrize("size", [(224, 224), (341, 256), (134, 100), (402, 300), (50, 43)])
def test_shrinking_averages_areas_as_opencv_does(in_javascript, photo, size):
    expected = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    assert np.array_equal(in_javascript("pixels/resize.js", "resizeArea", photo, *size), expected.ravel())


@pytest.mark.parametrize("size", [(201, 150), (224, 224), (500, 333), (806, 602)])
def test_bilinear_resizing_is_opencvs_fixed_point(in_javascript, photo, size):
    expected = cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(in_javascript("pixels/resize.js", "resizeLinear", photo, *size), expected.ravel())


def test_an_exact_halving_is_opencvs(in_javascript, photo):
    even = photo[:300, :402]
    expected = cv2.resize(even, (201, 150), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(in_javascript("pixels/resize.js", "resizeLinear", even, 201, 150), expected.ravel())


def test_halving_odd_sides_averages_what_there_is_at_the_edge(in_javascript, grey):
    expected = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    height, width = expected.shape
    found = in_javascript("pixels/resize.js", "resizeArea", grey, width, height, 2, 2)
    assert np.array_equal(found, expected.ravel())


def test_skipping_pixels_takes_opencvs(in_javascript, photo):
    expected = cv2.resize(photo, (134, 100), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(in_javascript("pixels/resize.js", "resizeNearest", photo, 134, 100), expected.ravel())


def test_grey_is_opencvs(in_javascript, photo, grey):
    assert np.array_equal(in_javascript("pixels/colour.js", "grey", photo), grey.ravel())


def test_lab_is_opencvs_within_one_level(in_javascript, photo):
    expected = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).ravel().astype(int)
    off = np.abs(in_javascript("pixels/colour.js", "lab", photo).astype(int) - expected)
    assert off.max() <= 1
    assert np.count_nonzero(off) < 1e-4 * off.size


def test_blurring_a_picture_is_opencvs_fixed_point(in_javascript, photo):
    expected = cv2.GaussianBlur(photo, (0, 0), 1.0)
    assert np.array_equal(in_javascript("pixels/blur.js", "blurPicture", photo, 1), expected.ravel())


def test_blurring_three_by_three_is_opencvs(in_javascript, grey):
    assert np.array_equal(in_javascript("pixels/blur.js", "blurThree", grey), cv2.GaussianBlur(grey, (3, 3), 0).ravel())


def test_gradients_are_those_of_opencvs_separable_filter(in_javascript, grey):
    at = np.arange(-4, 5, dtype=np.float32)
    bell = np.exp(-(at**2) / 2)
    bell /= bell.sum()
    slope = -at * bell
    across, down = cv2.sepFilter2D(grey, cv2.CV_32F, slope, bell), cv2.sepFilter2D(grey, cv2.CV_32F, bell, slope)
    taps = [bell.tolist(), slope.tolist()]
    found = in_javascript("pixels/blur.js", "gradientSizes", grey, *taps, kind=np.float32)
    assert np.abs(found - cv2.magnitude(across, down).ravel()).max() < 1e-3


SAMPLES = """async (folder, [name, picture, x, y]) => {
    const { [name]: at } = await import(folder + "pixels/sample.js");
    const data = Uint8Array.from(atob(picture.data), (c) => c.charCodeAt(0));
    return x.map((value, i) => at({ ...picture, data }, value, y[i]));
}"""


@pytest.mark.parametrize(("name", "kind"), [("nearestAt", cv2.INTER_NEAREST), ("linearAt", cv2.INTER_LINEAR)])
def test_single_places_are_read_as_opencv_remaps_them(scripts, grey, name, kind):
    rng = np.random.default_rng(2)
    x = rng.uniform(-5, grey.shape[1] + 5, 500).astype(np.float32)
    y = rng.uniform(-5, grey.shape[0] + 5, 500).astype(np.float32)
    expected = cv2.remap(grey, x[None], y[None], kind, borderMode=cv2.BORDER_REPLICATE).ravel()
    picture = {"width": grey.shape[1], "height": grey.shape[0], "data": encoded(grey.tobytes())}
    assert np.array_equal(scripts(SAMPLES, [name, picture, x.tolist(), y.tolist()]), expected)


SPOTS = """async (folder, [mask, width, height]) => {
    const { spots } = await import(folder + "pixels/spots.js");
    const { found } = spots(Uint8Array.from(mask), width, height);
    return found.slice(1).map((s) => [s.left, s.top, s.width, s.height, s.area]);
}"""


def test_connected_spots_are_opencvs(scripts):
    mask = (np.random.default_rng(3).random((40, 60)) > 0.7).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    found = scripts(SPOTS, [mask.ravel().tolist(), 60, 40])
    assert sorted(found) == sorted(stats.tolist())


REDUCED = """async (folder, [width, height]) => {
    const { pixelsOf, reduction } = await import(folder + "path/photo.js");
    const limits = (await (await fetch(folder + "config.json")).json()).photo;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const drawn = context.createImageData(width, height);
    for (let i = 0, level = 1; i < drawn.data.length; i++) {
        if (i % 4 < 3) level = (level * 75 + 74) % 65537;
        drawn.data[i] = i % 4 === 3 ? 255 : level >> 8;
    }
    context.putImageData(drawn, 0, 0);
    const { rgb } = pixelsOf(canvas, limits), factor = reduction(canvas, limits);
    let off = 0, sum = 0;
    for (let y = 0; y < rgb.height; y++) for (let x = 0; x < rgb.width; x++) {
        let block = 0, count = 0;
        const bottom = Math.min(height, (y + 1) * factor), right = Math.min(width, (x + 1) * factor);
        for (let v = y * factor; v < bottom; v++)
            for (let u = x * factor; u < right; u++, count++) block += drawn.data[4 * (v * width + u)];
        const difference = rgb.data[3 * (y * rgb.width + x)] - block / count;
        sum += difference;
        if (count === factor * factor) off = Math.max(off, Math.abs(difference));
    }
    return { factor, size: [rgb.width, rgb.height], off, bias: sum / (rgb.width * rgb.height) };
}"""


@pytest.mark.parametrize(
    ("size", "factor", "reduced"),
    [
        ((1021, 767), 1, (1021, 767)),
        ((2017, 1513), 2, (1009, 757)),
        ((4032, 3024), 4, (1008, 756)),
        ((4033, 3027), 4, (1009, 757)),
    ],
)
def test_a_large_photo_is_reduced_by_the_means_of_its_blocks(scripts, size, factor, reduced):
    found = scripts(REDUCED, list(size))
    assert found["factor"] == factor
    assert tuple(found["size"]) == reduced
    assert found["off"] <= 1
    # A halving whose fractions are cut off, as Chromium's, cannot be told apart from a darker photo at half size.
    assert abs(found["bias"]) < (0.4 if factor == 2 else 0.01)
