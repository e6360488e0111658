"""Two photos of one lesion: rendered, so that shift, rotation, scale and growth are known."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from examples.render import Scene, render
from skin_model.lesion import colour, registration
from skin_model.lesion.outline import Outline

HEIGHT, WIDTH = 480, 640
SCENE = Scene("before", "even", tone=3, seed=7, width=WIDTH, height=HEIGHT, radius=0.16, pigment=1.4)


@lru_cache(maxsize=8)
def rendered(scene):
    """(H, W, 3) uint8 and the true outline's mask."""
    rgb, facts = render(scene)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(facts["outline"])).astype(np.int32)], 1)
    return rgb, mask


def similarity(angle, scale, shift):
    """(2, 3): turned by degrees about the picture's middle, scaled, then shifted by pixels."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, scale)
    matrix[:, 2] += shift
    return matrix


def moved(scene, matrix, *, light=1.0, seed=0):
    """The scene as a later photo shows it: moved, lit otherwise, with the camera's noise; and its true outline."""
    rgb, mask = rendered(scene)
    later = cv2.warpAffine(rgb, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101).astype(np.float64) * light
    later += np.random.default_rng(seed).normal(0, 2, later.shape)
    lesion = cv2.warpAffine(mask * 255, matrix, (WIDTH, HEIGHT)) > 127
    return np.clip(later, 0, 255).astype(np.uint8), Outline.of_mask(lesion)


def before():
    rgb, mask = rendered(SCENE)
    return rgb, Outline.of_mask(mask > 0)


def farthest(alignment, matrix):
    """Largest error in pixels of the photo before, over the corners and the middle of what it shows."""
    points = np.array([(0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT), (WIDTH / 2, HEIGHT / 2)], np.float64)
    after = points @ matrix[:, :2].T + matrix[:, 2]
    back = after @ alignment.matrix[:, :2].T + alignment.matrix[:, 2]
    return np.linalg.norm(back - points, axis=1).max()


MOVES = {
    "nothing": similarity(0, 1, (0, 0)),
    "shift": similarity(0, 1, (31, -18)),
    "rotation": similarity(25, 1, (0, 0)),
    "scale": similarity(0, 0.8, (0, 0)),
    "all": similarity(-15, 1.2, (12, 20)),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_known_move_is_recovered_to_two_pixels_in_the_corners(name):
    first, outline = before()
    second, outline_after = moved(SCENE, MOVES[name], light=0.9)
    found = registration.align(first, second, outline, outline_after)
    assert found.kind == "features"
    assert farthest(found, MOVES[name]) < 2
    assert found.inliers >= registration.FEWEST and found.residual < registration.REACH


@pytest.mark.parametrize(("growth", "name"), [(1.0, "all"), (1.25, "shift"), (1.25, "all"), (0.8, "rotation")])
def test_growth_is_measured_whatever_the_distance_of_the_camera(growth, name):
    first, outline = before()
    later = replace(SCENE, radius=SCENE.radius * growth)
    second, outline_after = moved(later, MOVES[name])
    found = registration.align(first, second, outline, outline_after)
    assert found.kind == "features"
    size = registration.change(first, second, (outline, outline_after), found).size_ratio
    assert size == pytest.approx(growth**2, rel=0.04)


def test_laid_over_the_photo_before_the_photo_after_shows_the_same_pixels():
    first, outline = before()
    second, outline_after = moved(SCENE, MOVES["all"])
    found = registration.align(first, second, outline, outline_after)
    laid = registration.warped(second, found, first.shape)
    assert laid.shape == first.shape
    middle = np.s_[120:360, 160:480]
    assert np.abs(laid[middle].astype(int) - first[middle]).mean() < 6
    assert np.abs(second[middle].astype(int) - first[middle]).mean() > 9


def test_photos_of_other_pixel_sizes_are_aligned_too():
    first, outline = before()
    second, outline_after = moved(SCENE, MOVES["shift"])
    large = cv2.resize(second, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    lesion = cv2.resize(outline_after.mask.astype(np.uint8), (2 * WIDTH, 2 * HEIGHT)) > 0
    found = registration.align(first, large, outline, Outline.of_mask(lesion))
    assert found.kind == "features"
    assert found.scale == pytest.approx(0.5, rel=0.01)
    ratio = registration.change(first, large, (outline, Outline.of_mask(lesion)), found).size_ratio
    assert ratio == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("circle", [None, (0.5, 0.5, 0.48)])
@pytest.mark.parametrize("seed", [101, 102, 103])
def test_photos_of_other_skin_are_never_said_to_be_aligned_by_features(seed, circle):
    one, other = (replace(SCENE, seed=s, circle=circle) for s in (7, seed))
    (first, mask), (second, mask_after) = rendered(one), rendered(other)
    outlines = Outline.of_mask(mask > 0), Outline.of_mask(mask_after > 0)
    found = registration.align(first, second, *outlines)
    assert found.kind == "centred"
    assert registration.change(first, second, outlines, found).size_ratio is None


def test_without_features_the_lesions_lie_centre_on_centre_and_keep_their_size():
    def plain(radius, x, y):
        rgb = np.full((HEIGHT, WIDTH, 3), (226, 186, 163), np.uint8)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(mask, (x, y), radius, 1, -1)
        rgb[mask > 0] = (120, 80, 60)
        return rgb, Outline.of_mask(mask > 0)

    (first, outline), (second, outline_after) = plain(60, 300, 240), plain(90, 350, 200)
    found = registration.align(first, second, outline, outline_after)
    assert found.kind == "centred" and found.inliers == 0 and found.residual is None and found.scale is None
    assert found.matrix == pytest.approx(np.array([[1, 0, -50], [0, 1, 40]]), abs=1e-6)
    # What grew still looks larger.
    laid = registration.warped(second, found, first.shape)
    assert np.count_nonzero(laid[..., 0] == 120) == pytest.approx(np.pi * 90**2, rel=0.02)
    assert registration.change(first, second, (outline, outline_after), found).size_ratio is None


def test_without_a_lesion_in_one_of_them_there_is_no_alignment():
    rgb, outline = before()
    for pair in ((None, outline), (outline, None), (None, None)):
        found = registration.align(rgb, rgb, *pair)
        assert (found.kind, found.reason, found.matrix) == ("none", "no_lesion", None)
        change = registration.change(rgb, rgb, pair, found)
        assert change == registration.Change(None, None, None)
    with pytest.raises(ValueError, match="not aligned"):
        registration.warped(rgb, found, rgb.shape)


def test_a_close_up_and_a_photo_from_afar_are_not_compared():
    near, far = (replace(SCENE, seed=s, radius=r) for s, r in ((1, 0.35), (2, 0.06)))
    (first, mask), (second, mask_after) = rendered(near), rendered(far)
    found = registration.align(first, second, Outline.of_mask(mask > 0), Outline.of_mask(mask_after > 0))
    assert (found.kind, found.reason) == ("none", "different_scale")


def test_a_lesion_that_is_cut_has_no_size_ratio():
    first, outline = before()
    second, outline_after = moved(SCENE, similarity(0, 1, (-270, 0)))
    assert outline_after.is_cut
    alignment = registration.Alignment("features", np.array([[1.0, 0, 270], [0, 1, 0]]), 30, 0.5)
    assert registration.change(first, second, (outline, outline_after), alignment).size_ratio is None


def test_another_light_is_not_another_colour():
    first, outline = before()
    warm = np.array([1.0, 0.86, 0.72])
    second, outline_after = moved(SCENE, MOVES["nothing"], light=warm)
    found = registration.align(first, second, outline, outline_after)
    evened = registration.change(first, second, (outline, outline_after), found).colour_difference
    means = [colour.lab(rgb[outline.mask].mean(axis=0)) for rgb in (first, second)]
    assert colour.ciede2000(*means) > 5
    assert evened < 1.5


def test_a_darker_lesion_on_the_same_skin_is_another_colour():
    first, outline = before()
    second, outline_after = moved(replace(SCENE, pigment=2.2), MOVES["nothing"])
    found = registration.align(first, second, outline, outline_after)
    evened = registration.change(first, second, (outline, outline_after), found).colour_difference
    skins = [rgb[:60].reshape(-1, 3).mean(axis=0) for rgb in (first, second)]
    assert skins[0] == pytest.approx(skins[1], abs=3)
    means = [colour.lab(rgb[outline.mask].mean(axis=0)) for rgb in (first, second)]
    assert evened == pytest.approx(colour.ciede2000(*means), rel=0.15)
    assert evened > 5


def test_the_asymmetry_difference_is_after_minus_before():
    first, outline = before()
    half = outline.mask & (np.arange(WIDTH) < outline.centre[0])
    found = registration.Alignment("features", np.eye(2, 3), 30, 0.5)
    there = registration.change(first, first, (outline, Outline.of_mask(half)), found).asymmetry_difference
    back = registration.change(first, first, (Outline.of_mask(half), outline), found).asymmetry_difference
    assert there > 0.03 and back == pytest.approx(-there)


def test_the_same_photos_always_get_the_same_answer():
    first, outline = before()
    second, outline_after = moved(SCENE, MOVES["all"])
    found = [registration.align(first, second, outline, outline_after) for _ in range(2)]
    assert np.array_equal(found[0].matrix, found[1].matrix) and found[0].inliers == found[1].inliers
