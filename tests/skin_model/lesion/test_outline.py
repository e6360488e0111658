"""Outlines on rendered lesions, whose shape is known, and what counts as no lesion."""

import hashlib
import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from examples.render import FACTS, FOLDER, SCENES, Scene, render
from skin_model.lesion import outline, outline_network, weights_file
from skin_model.photo import open_photo
from tests import rendering

SCENES_BY_NAME = {scene.name: scene for scene in SCENES}
EXAMPLES = {facts["file"].removesuffix(".jpg"): facts for facts in json.loads(FACTS.read_text())}


def dice(found, truth):
    return 2 * np.count_nonzero(found & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def rendered(scene):
    """(H, W, 3) uint8 and the true lesion, (H, W) bool."""
    rgb, facts = render(scene)
    return rgb, mask_of(facts, rgb)


def mask_of(facts, rgb):
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(facts["outline"])).astype(np.int32)], 1)
    return mask > 0


def example(name):
    """The same for a committed example."""
    rgb = open_photo(FOLDER / f"{name}.jpg").rgb
    return rgb, mask_of(EXAMPLES[name], rgb)


def disc(height=300, width=400, x=200, y=150, radius=60):
    across, down = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.hypot(across - x, down - y) <= radius


def saying(squares):
    """Says of every pixel darker than 100 that it lies in a lesion: a network whose answer is known."""
    return 1 / (1 + np.exp((squares.mean(axis=3) - 100) / 4))


def dark(*masks, shape=(300, 400)):
    rgb = np.full((*shape, 3), (225, 185, 160), np.uint8)
    for mask in masks:
        rgb[mask] = (60, 40, 30)
    return rgb


def test_every_rendered_example_is_outlined():
    for name in EXAMPLES:
        rgb, truth = example(name)
        found = outline.find(rgb)
        assert found is not None, name
        assert dice(found.mask, truth) > 0.85, name


def test_a_lesion_is_found_wherever_it_lies_and_whatever_the_photos_sides():
    for width, height, centre in ((640, 360, (0.3, 0.6)), (360, 640, (0.6, 0.3)), (500, 500, (0.7, 0.7))):
        scene = Scene("moved", "even", tone=3, seed=3, width=width, height=height, radius=0.15, centre=centre)
        rgb, truth = rendered(scene)
        found = outline.find(rgb)
        assert found is not None and found.mask.shape == (height, width)
        assert dice(found.mask, truth) > 0.85


@pytest.mark.parametrize("tone", rendering.SKIN_TONES)
def test_no_lesion_is_found_on_plain_skin(tone):
    rng = np.random.default_rng(5)
    picture = rendering.photograph(rendering.skin(300, 400, rng, tone), rng)
    assert outline.find(picture) is None


def test_what_fills_nearly_everything_has_no_outline():
    assert outline.find(dark(np.ones((300, 400), bool)), saying) is None
    ring = np.ones((300, 400), bool)
    ring[:, :15] = False
    assert outline.find(dark(ring), saying) is None


def test_no_dark_pixel_is_no_lesion():
    assert outline.find(dark(), saying) is None


def test_a_known_disc_is_outlined_to_a_pixel_or_two():
    truth = disc()
    found = outline.find(dark(truth), saying)
    assert found.centre == pytest.approx((200, 150), abs=1)
    assert found.area == pytest.approx(np.pi * 60**2, rel=0.05)
    assert dice(found.mask, truth) > 0.97


def test_a_small_lesion_is_looked_at_from_nearer():
    truth = disc(600, 800, x=420, y=260, radius=24)
    found = outline.find(dark(truth, shape=(600, 800)), saying)
    assert dice(found.mask, truth) > 0.95


def test_of_several_spots_only_the_one_that_matters_is_kept():
    large, small, corner = disc(radius=50), disc(x=330, y=90, radius=15), disc(x=40, y=260, radius=70)
    found = outline.find(dark(large, small), saying)
    assert dice(found.mask, large) > 0.95
    found = outline.find(dark(large, corner), saying)
    assert dice(found.mask, large) > 0.95


def test_holes_are_filled():
    truth = disc()
    ring = truth & ~disc(radius=20)
    found = outline.find(dark(ring), saying)
    assert dice(found.mask, truth) > 0.97


def test_the_mask_is_one_part_without_holes_and_the_polygon_runs_around_it():
    rgb, _ = example("tone-4-uneven")
    found = outline.find(rgb)
    count, _ = cv2.connectedComponents(found.mask.astype(np.uint8), connectivity=8)
    holes, _ = cv2.connectedComponents((~np.pad(found.mask, 1)).astype(np.uint8), connectivity=4)
    assert (count, holes) == (2, 2)  # background and one part, each
    drawn = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.round(found.polygon - 0.5).astype(np.int32)], 1)
    assert dice(drawn > 0, found.mask) > 0.98
    assert len(found.polygon) < 400


def test_nothing_outside_a_dermatoscopes_circle_is_lesion():
    scene = replace(SCENES_BY_NAME["tone-3-dermatoscope"], radius=0.3, centre=(0.62, 0.5))
    rgb, _ = rendered(scene)
    found = outline.find(rgb)
    across, down = np.meshgrid(np.arange(800) + 0.5, np.arange(600) + 0.5)
    outside = np.hypot(across - 0.51 * 800, down - 0.49 * 600) > 0.47 * 600
    assert found is not None and not (found.mask & outside).any()


def test_a_part_of_a_photo_may_be_given_as_a_view():
    rgb, truth = example("tone-1")
    found = outline.find(rgb[50:-50, 100:-100])
    assert dice(found.mask, truth[50:-50, 100:-100]) > 0.85


def test_an_outline_says_its_box_and_whether_a_side_cuts_it():
    whole = outline.Outline.of_mask(disc(x=200, y=150, radius=60))
    assert whole.box == (140, 90, 260, 210) and not whole.is_cut
    assert outline.Outline.of_mask(disc(x=30, y=150, radius=60)).is_cut


def test_of_an_empty_mask_there_is_no_outline():
    with pytest.raises(ValueError, match="empty"):
        outline.Outline.of_mask(np.zeros((10, 10), bool))


def test_the_network_is_small():
    assert sum(p.numel() for p in outline_network.create().parameters()) <= 150_000
    assert outline.WEIGHTS.stat().st_size < 700_000


def test_the_weights_say_what_they_were_trained_on_and_for_what_use():
    record = outline.record()
    assert record["photographs"]["train"] and "non-commercial" in record["licence_note"]
    assert 0.85 <= record["validation"]["dice"]["value"] <= 1


def test_saved_weights_give_the_same_answer_again(tmp_path):
    torch.manual_seed(0)
    network = outline_network.create().eval()
    file = tmp_path / "w.safetensors"
    outline_network.save(network, {"a": 1}, file)
    assert outline.record(file) == {"a": 1} and not list(tmp_path.glob("*.part"))
    square = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3)).astype(np.uint8)
    again = outline_network.probabilities(outline_network.load(file), square)
    assert again == pytest.approx(outline_network.probabilities(network, square), abs=5e-3)


def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(outline.WEIGHTS.read_bytes()[:5000])
    (tmp_path / "text.safetensors").write_text(json.dumps({}))
    for name in ("cut", "text", "missing"):
        with pytest.raises(ValueError, match=f"{name}.safetensors"):
            outline_network.load(tmp_path / f"{name}.safetensors")


def test_onnx_runtime_and_torch_outline_alike():
    rgb = open_photo(FOLDER / "tone-1.jpg").rgb
    square = outline.squeezed(rgb)[None]
    quick, plain = outline.embedded()(square), outline_network.answering(outline_network.load(outline.WEIGHTS))(square)
    assert np.ptp(plain) > 0.5
    assert np.abs(quick - plain).max() < 5e-4


def test_an_onnx_file_of_other_weights_is_not_run(tmp_path):
    other = tmp_path / "outline.safetensors"
    torch.manual_seed(0)
    outline_network.save(outline_network.create(), {}, other)
    shutil.copy(outline.WEIGHTS.with_name(outline.ONNX_FILE), tmp_path)
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()}
    (tmp_path / "outline.json").write_text(json.dumps({"files": files}))
    assert weights_file.session(tmp_path / outline.ONNX_FILE, outline.WEIGHTS) is not None
    assert weights_file.session(tmp_path / outline.ONNX_FILE, other) is None
