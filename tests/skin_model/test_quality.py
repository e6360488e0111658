"""Each problem is named when it is there, and not when it is not; on skin of every tone and photos of every size."""

from __future__ import annotations

import io
import itertools
import time

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_model import quality
from skin_model.photo import open_photo
from tests.skin_model.quality_rendering import TONES, out_of_focus, photo

SIZES = ((1000, 750), (341, 256))
EVERY_TONE = range(len(TONES))


def within(picture: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("tone", "size"), list(itertools.product(EVERY_TONE, SIZES)))
def test_a_good_photo_has_no_problem(tone, size):
    assert quality.check(photo(*size, tone=tone, seed=tone)) == []


@pytest.mark.parametrize(("tone", "size"), list(itertools.product(EVERY_TONE, SIZES)))
def test_a_photo_out_of_focus_by_2_percent_of_its_side_is_too_blurred(tone, size):
    assert "too_blurred" in quality.check(out_of_focus(photo(*size, tone=tone, seed=tone), 2))


@pytest.mark.parametrize("percent", [1, 1.5, 3, 5])
def test_the_more_it_is_blurred_the_more_surely_it_is_too_blurred(percent):
    assert "too_blurred" in quality.check(out_of_focus(photo(), percent))


def test_the_measured_blur_is_the_blur_of_an_edge():
    # A straight edge between plain areas, 3 pixels soft.
    edge = np.zeros((256, 256), np.float32)
    edge[:, 128:] = 200
    edge = np.rint(cv2.GaussianBlur(edge, (0, 0), 3.0)).astype(np.uint8)

    assert quality.blur(edge) == pytest.approx(3.0, rel=0.1)


def test_the_measured_blur_does_not_depend_on_contrast():
    strong, weak = (out_of_focus(photo(contrast=c), 1.0) for c in (0.7, 0.35))

    assert quality.measure(strong).blur == pytest.approx(quality.measure(weak).blur, rel=0.15)


def test_a_soft_lesion_on_sharp_skin_is_not_too_blurred():
    sharp, soft = photo(extent=0), out_of_focus(photo(), 2)
    picture = sharp.copy()
    picture[225:525, 300:700] = soft[225:525, 300:700]

    assert "too_blurred" not in quality.check(picture)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tone", EVERY_TONE)
def test_a_photo_at_a_tenth_of_the_light_is_too_dark(tone, size):
    assert "too_dark" in quality.check(within(photo(*size, tone=tone, seed=tone), 0.1))


def test_the_darkest_skin_in_good_light_is_not_too_dark():
    assert "too_dark" not in quality.check(photo(tone=5, seed=5))


def test_a_large_dark_lesion_is_not_too_dark():
    assert "too_dark" not in quality.check(photo(extent=0.7, contrast=0.9))


@pytest.mark.parametrize("tone", [0, 1, 2, 3])
def test_a_photo_at_three_times_the_light_is_too_bright(tone):
    assert "too_bright" in quality.check(within(photo(tone=tone, seed=tone), 3.0))


def test_the_lightest_skin_in_good_light_is_not_too_bright():
    assert "too_bright" not in quality.check(photo(tone=0, seed=1))


def spotted(radius: int, *, size: tuple[int, int] = (1000, 750)) -> np.ndarray:
    picture = photo(*size, tone=2)
    for x in range(200, 900, 150):
        for y in range(150, 650, 120):
            cv2.circle(picture, (x, y), radius, (255, 255, 255), -1)
    return picture


def test_reflections_over_the_skin_are_glare():
    assert "glare" in quality.check(spotted(24))


def test_a_few_tiny_highlights_are_not_glare():
    assert "glare" not in quality.check(spotted(4))


def test_the_measured_glare_is_the_share_of_the_picture_under_the_spots():
    # 5 × 5 spots of radius 24 on 1000 × 750 pixels; the mixed pixels of their edges are not white on the small copy.
    assert quality.measure(spotted(24)).glare == pytest.approx(25 * np.pi * 24**2 / 750_000, rel=0.15)


def test_white_paper_beside_the_skin_is_not_glare():
    picture = photo(tone=2)
    picture[:, 700:] = 255

    assert "glare" not in quality.check(picture)


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "L"), ("JPEG", "RGB"), ("PNG", "LA"), ("PNG", "I;16"), ("WEBP", "RGB")]
)
@pytest.mark.parametrize("tone", [0, 3, 5])
def test_a_grey_photo_has_no_colour_however_it_was_saved(tone, kind, mode):
    grey = cv2.cvtColor(photo(tone=tone, seed=tone), cv2.COLOR_RGB2GRAY)
    picture = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind)
    assert quality.check(open_photo(file.getvalue()).rgb) == ["no_colour"]


def test_a_grey_photo_with_the_day_in_orange_in_its_corner_has_no_colour():
    picture = cv2.cvtColor(cv2.cvtColor(photo(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    cv2.putText(picture, "29 11 2026", (780, 720), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 120, 0), 2)
    assert "no_colour" in quality.check(picture)


def test_skin_with_a_fifth_of_its_colours_left_has_a_colour():
    picture = photo(tone=0)
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert "no_colour" not in quality.check(cv2.addWeighted(picture, 0.2, grey, 0.8, 0))


def test_a_grey_spot_on_skin_in_colour_is_not_a_photo_without_colour():
    def without_colour(square):
        return cv2.cvtColor(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

    assert "no_colour" not in quality.check(*beside_the_spot(without_colour))


def test_no_published_photograph_in_colour_is_called_one_without(shared_data):
    table = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    drawn = table.groupby(["source", "fitzpatrick"]).sample(15, random_state=0, replace=True).drop_duplicates()
    called = [file for file in drawn["file"] if "no_colour" in quality.check(open_photo(shared_data / file).rgb)]
    assert called == [] and len(drawn) > 200 and set("123456") <= set(drawn["fitzpatrick"])


def test_a_photo_of_few_pixels_is_too_small():
    assert "too_small" in quality.check(photo(180, 140))


def test_a_photo_of_the_networks_size_is_not_too_small():
    assert "too_small" not in quality.check(photo(224, 224))


def cases() -> list[tuple[int, tuple[int, int], int]]:
    """Every tone, in landscape and square."""
    return [
        (tone, size, 10 * tone + i)
        for tone in EVERY_TONE
        for i, size in enumerate(((500, 375), (375, 375), (341, 256)))
    ]


@pytest.mark.parametrize("extent", [0.05, 0.08, 0.12, 0.15])
def test_a_lesion_of_at_most_15_percent_of_the_width_is_too_small_in_the_frame(extent):
    flagged = ["lesion_too_small" in quality.check(photo(*s, extent=extent, tone=t, seed=n)) for t, s, n in cases()]

    print(f"\nlesion on {extent:.0%} of the width: {sum(flagged)} of {len(flagged)} flagged")
    assert sum(flagged) >= 0.9 * len(flagged)


@pytest.mark.parametrize("extent", [0.3, 0.36, 0.5, 0.75, 1.0])
def test_a_lesion_of_30_percent_of_the_width_or_more_is_never_too_small(extent):
    flagged = [
        n for t, s, n in cases() if "lesion_too_small" in quality.check(photo(*s, extent=extent, tone=t, seed=n))
    ]

    assert flagged == []


def test_skin_without_a_lesion_has_none_that_is_too_small():
    assert all("lesion_too_small" not in quality.check(photo(extent=0, tone=t, seed=t)) for t in EVERY_TONE)


def test_a_close_up_that_the_lesion_fills_is_not_too_small_in_the_frame():
    picture = photo(1000, 1000, extent=1.0, contrast=0.6)[200:800, 200:800]

    assert "lesion_too_small" not in quality.check(picture)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_colour_is_judged_without_an_error(value):
    picture = np.full((300, 400, 3), value, np.uint8)

    assert "too_blurred" in quality.check(picture)


@pytest.mark.parametrize("size", [(96, 96), (97, 380), (380, 97)])
def test_the_smallest_and_longest_photos_are_judged_without_an_error(size):
    assert "too_small" in quality.check(photo(*size))


def test_problems_come_in_their_fixed_order():
    found = quality.check(within(out_of_focus(photo(180, 140), 4), 0.1))

    assert found == [code for code in quality.PROBLEMS if code in found] and len(found) >= 2


def test_the_photo_is_left_as_it_is():
    picture = photo()
    before = picture.copy()

    quality.check(picture)

    np.testing.assert_array_equal(picture, before)


@pytest.mark.slow
def test_a_photo_is_judged_in_milliseconds():
    # Against resampling the same photo once, so that a slow or busy machine does not fail the test.
    picture = photo()

    def quickest(run):
        times = []
        for _ in range(15):
            begin = time.process_time()
            run()
            times.append(time.process_time() - begin)
        return min(times)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        checking = quickest(lambda: quality.check(picture))
        blurring = quickest(lambda: cv2.GaussianBlur(picture, (0, 0), 2.0))
    finally:
        cv2.setNumThreads(threads)
    print(f"\nchecked in {1000 * checking:.1f} ms; one Gaussian blur takes {1000 * blurring:.1f} ms")
    assert checking < 3 * blurring


def beside_the_spot(change):
    """A photo of 1000 × 750 with its lesion's square changed, and what says where that is."""
    picture = photo(1000, 750)
    lesion = quality.Lesion(box=(400, 275, 600, 475), square=(333, 208, 666, 541), cut_off=False)
    left, top, right, bottom = lesion.square
    picture[top:bottom, left:right] = change(picture[top:bottom, left:right])
    return picture, lesion


def test_a_sharp_ruler_does_not_hide_a_blurred_spot():
    picture, lesion = beside_the_spot(lambda square: cv2.GaussianBlur(square, (0, 0), 8))
    picture[700:730, ::20] = 0
    assert "too_blurred" in quality.check(picture, lesion)
    assert "too_blurred" not in quality.check(picture)


def test_glare_beside_the_spot_is_no_problem():
    picture = photo(1000, 750)
    lesion = quality.Lesion(box=(400, 275, 600, 475), square=(333, 208, 666, 541), cut_off=False)
    cv2.circle(picture, (150, 150), 70, (255, 255, 255), -1)
    assert "glare" in quality.check(picture)
    assert "glare" not in quality.check(picture, lesion)


@pytest.mark.parametrize(("side", "is_too_small"), [(164, True), (166, False)])
def test_a_located_spot_is_too_small_below_22_percent_of_the_short_side(side, is_too_small):
    # 22 % of 750 are 165.
    lesion = quality.Lesion((450, 300, 450 + side, 380), (400, 250, 700, 550), cut_off=False)
    assert ("lesion_too_small" in quality.check(photo(1000, 750), lesion)) == is_too_small


def test_a_spot_that_reaches_the_side_is_cut_off():
    lesion = quality.Lesion((0, 275, 250, 475), (0, 208, 416, 624), cut_off=True)
    assert "lesion_cut_off" in quality.check(photo(1000, 750), lesion)
