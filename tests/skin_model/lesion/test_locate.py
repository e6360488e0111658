"""What the locator's answer means: which spots it names, where they lie in the photo, and which square is judged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from skin_model.lesion import locate, locator_network
from skin_model.lesion.locate import Located, Locator, spots, square_around

CELLS = 48


def answer(*peaks):
    """An answer without spots, and then with each (column, row, logit, width, height); widths as shares."""
    found = np.zeros((6, CELLS, CELLS), np.float32)
    found[0] = -9
    for column, row, logit, width, height in peaks:
        found[0, row, column] = logit
        found[3, row, column], found[4, row, column] = np.log(width), np.log(height)
    return found


def test_a_spots_middle_is_its_cells_and_the_offset_beside_it():
    given = answer((12, 24, 2.0, 0.2, 0.1))
    given[1:3, 24, 12] = 0.01, -0.02
    (spot,) = spots(given)
    x, y = 12.5 / CELLS + 0.01, 24.5 / CELLS - 0.02
    assert spot.box == pytest.approx((x - 0.1, y - 0.05, x + 0.1, y + 0.05), abs=1e-6)
    assert spot.certainty == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)


def test_what_is_hardly_likely_is_no_spot():
    assert spots(answer((10, 10, -2.0, 0.2, 0.2))) == []


def test_neighbouring_cells_of_one_spot_name_it_once():
    given = answer((20, 20, 2.0, 0.2, 0.2), (21, 20, 1.5, 0.2, 0.2), (23, 20, 1.0, 0.2, 0.2))
    assert len(spots(given)) == 1


def test_of_two_equally_certain_spots_the_one_nearer_the_middle_counts_first():
    given = answer((4, 4, 2.0, 0.1, 0.1), (26, 22, 2.0, 0.1, 0.1))
    first, second = spots(given)
    assert first.box[0] > 0.4
    assert second.box[0] < 0.1


def test_a_certain_spot_counts_before_a_doubtful_one_a_little_nearer_the_middle():
    given = answer((24, 24, -0.7, 0.1, 0.1), (30, 24, 4.0, 0.1, 0.1))
    assert spots(given)[0].certainty > 0.9


def test_no_box_leaves_the_picture():
    (spot,) = spots(answer((0, 47, 3.0, 0.6, 0.6)))
    assert min(spot.box) >= 0
    assert max(spot.box) <= 1


def test_spots_are_given_in_pixels_of_the_whole_photo_when_only_a_part_was_looked_at():
    locator = Locator(lambda squares: answer((23, 23, 3.0, 0.5, 0.25))[None])
    found = locator(np.zeros((300, 500, 3), np.uint8), (100, 50, 500, 250))
    middle = 23.5 / CELLS
    x, y = 100 + middle * 400, 50 + middle * 200
    assert found.spots[0].box == pytest.approx((x - 100, y - 25, x + 100, y + 25), abs=1e-3)


def test_a_quarter_of_the_picture_decides_how_much_skin_is_seen():
    skin = np.zeros((4, 4), np.float32)
    assert Located((), skin, (0, 0, 400, 400)).skin_seen == 0
    skin[:, 3] = 0.8
    skin[0, 0] = 0.8
    assert Located((), skin, (0, 0, 400, 400)).skin_seen == pytest.approx(0.8)


def test_the_square_lies_round_the_spot_with_the_stated_share():
    assert square_around((300, 200, 360, 230), (0, 0, 800, 600), 0.6) == (280, 165, 380, 265)


def test_a_spot_near_a_side_is_judged_in_a_square_that_stays_inside():
    assert square_around((0, 0, 60, 60), (0, 0, 800, 600), 0.6) == (0, 0, 100, 100)


def test_a_spot_that_fills_the_frame_is_judged_in_the_largest_square():
    assert square_around((100, 50, 700, 550), (0, 0, 800, 600), 0.6) == (100, 0, 700, 600)


def test_the_trunk_stays_as_it_came_while_the_decoder_learns():
    network = locator_network.create().train()
    before = [value.clone() for value in network.trunk.state_dict().values()]
    network(torch.zeros(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is None for parameter in network.trunk.parameters())
    assert all(torch.equal(one, other) for one, other in zip(before, network.trunk.state_dict().values(), strict=True))
    assert any(parameter.grad is not None for parameter in network.spot.parameters())


def test_weights_of_another_network_are_told_in_one_sentence(tmp_path):
    file = tmp_path / "locator.safetensors"
    locator_network.save(torch.nn.Linear(2, 2), {}, file)
    with pytest.raises(ValueError, match="does not hold the weights of this locator network"):
        locator_network.load(file)


def test_a_large_photo_is_squeezed_as_a_small_one_of_the_same_scene():
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8), (3200, 2400), interpolation=cv2.INTER_CUBIC)
    large, small = locate.squeezed(scene), locate.squeezed(scene[::5, ::5])
    assert np.abs(large.astype(int) - small).mean() < 4  # of 255


def test_an_answer_without_peaks_names_no_spot():
    assert spots(answer()) == []
