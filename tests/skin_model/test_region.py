"""Which part of a photo is judged: inside its border, round the spot, and never without a part of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skin_model import region
from skin_model.lesion.locate import Located, Spot
from skin_model.network.preprocessing import Preprocessing
from tests import rendering

ROUND_THE_SPOT = Preprocessing(square="spot", spot_share=0.6, least_certainty=0.4)
PHOTO = np.full((600, 800, 3), 180, np.uint8)


def finding(*spots, skin=1.0):
    """A locator that finds these (box, certainty), and the same share of skin everywhere."""
    found = tuple(Spot(box, certainty) for box, certainty in spots)
    return lambda rgb, bounds: Located(found, np.full((48, 48), skin, np.float32), bounds)


def test_the_network_sees_a_square_round_the_spot():
    found = region.find(PHOTO, ROUND_THE_SPOT, finding(((300, 200, 360, 230), 0.9)))
    assert found.square == (280, 165, 380, 265)
    assert found.crop == (0, 0, 800, 600)


def test_where_nothing_is_certain_it_sees_the_central_square():
    found = region.find(PHOTO, ROUND_THE_SPOT, finding(((300, 200, 360, 230), 0.39)))
    assert found.square == (100, 0, 700, 600)
    assert found.spots == ()


def test_a_checkpoint_that_wants_the_centre_asks_no_locator():
    def never(rgb, bounds):
        raise AssertionError

    assert region.find(PHOTO, Preprocessing(), never) == region.Region(None, (0, 0, 800, 600), (100, 0, 700, 600))


def test_a_spot_as_large_as_in_most_photographs_is_judged_in_the_central_square():
    # 0.3 of 600 pixels are 180; a third of such a spot, 60 pixels, may lie outside.
    def square(box):
        return region.find(PHOTO, ROUND_THE_SPOT, finding((box, 0.9))).square

    central = (100, 0, 700, 600)
    assert square((300, 200, 480, 250)) == central
    assert square((300, 200, 479, 250)) != central
    assert square((40, 200, 220, 250)) == central
    assert square((39, 200, 219, 250)) != central


def test_without_skin_or_a_spot_a_photo_shows_no_skin():
    def locator(*spots, skin):
        located = finding(*spots, skin=skin)
        return lambda rgb, bounds: replace(located(rgb, bounds), least_skin=0.5)

    spot = ((300, 200, 360, 230), 0.9)
    assert region.find(PHOTO, ROUND_THE_SPOT, locator(skin=0.5)).shows_skin
    assert not region.find(PHOTO, ROUND_THE_SPOT, locator(skin=0.49)).shows_skin
    assert region.find(PHOTO, ROUND_THE_SPOT, locator(spot, skin=0.1)).shows_skin
    assert region.find(PHOTO, ROUND_THE_SPOT, locator(spot, skin=0.1), chosen=True).shows_skin


def test_a_border_gives_way_to_a_spot_at_its_rim():
    rng = np.random.default_rng(0)
    circle = rendering.Circle(400, 300, 290)
    photo = np.clip(rendering.add_circle(rendering.skin(600, 800, rng), circle, rng), 0, 255).astype(np.uint8)
    plain = region.find(photo, ROUND_THE_SPOT, finding())
    assert plain.crop[1] > 60  # the rectangle inside a circle leaves out its top
    at_the_rim = region.find(photo, ROUND_THE_SPOT, finding(((350, 20, 450, 120), 0.9)))
    assert at_the_rim.crop[1] == 20
    assert at_the_rim.square[1] == 20
    assert at_the_rim.crop[2:] == plain.crop[2:]


def test_the_cut_picture_is_the_squares_part_of_the_photo():
    photo = np.arange(600 * 800 * 3, dtype=np.uint32).reshape(600, 800, 3).astype(np.uint8)
    found = region.find(photo, ROUND_THE_SPOT, finding(((300, 200, 360, 230), 0.9)))
    inside = region.cropped(photo, found, ROUND_THE_SPOT)
    assert np.array_equal(found.square_of(inside), photo[165:265, 280:380])


def test_what_a_person_chose_is_judged_as_it_is():
    found = region.find(PHOTO, ROUND_THE_SPOT, finding(((300, 200, 360, 230), 0.9), skin=0.5), chosen=True)
    assert (found.square, found.spots, found.skin) == ((100, 0, 700, 600), (), 0.5)


def test_a_spot_that_touches_a_side_of_the_photo_is_cut_off():
    at_the_side = region.find(PHOTO, ROUND_THE_SPOT, finding(((0, 200, 60, 230), 0.9)))
    beside_it = region.find(PHOTO, ROUND_THE_SPOT, finding(((10, 200, 70, 230), 0.9)))
    assert (at_the_side.cut_off, beside_it.cut_off) == (True, False)


def test_the_lesion_is_given_in_pixels_of_the_cropped_picture():
    rng = np.random.default_rng(0)
    circle = rendering.Circle(400, 300, 290)
    photo = np.clip(rendering.add_circle(rendering.skin(600, 800, rng), circle, rng), 0, 255).astype(np.uint8)
    found = region.find(photo, ROUND_THE_SPOT, finding(((350, 250, 450, 350), 0.9)))
    left, top = found.crop[:2]
    assert min(left, top) > 0
    assert found.lesion.box == (350 - left, 250 - top, 450 - left, 350 - top)
    assert found.lesion.square[2] - found.lesion.square[0] == 167  # 100 pixels are 60 % of it
