"""Training the locator: what its scenes show, what it is asked for in them, and one tiny real run."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import onnxruntime
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from skin_model.lesion import locate, locator_network, weights_file
from skin_model.network.config import ARCHITECTURE
from tests import rendering
from tests.train.fitting.test_outline_training import write_outlined
from train import UserError
from train.digests import file_sha256
from train.export import locator as export
from train.fitting import dense_prediction
from train.fitting.locator import marks, photographs, scenes, training
from train.fitting.ood import debian_outliers

SIZE = 96


@pytest.fixture(scope="module")
def material():
    """Eight rendered lesions, two plain skins and two pictures without skin."""
    rng = np.random.default_rng(0)
    squares, masks = [], []
    for i in range(8):
        mask = rendering.lesion_mask(SIZE, SIZE, rng, x=48, y=48, radius=12 + 2 * i)
        picture = rendering.add_lesion(rendering.skin(SIZE, SIZE, rng), mask, rng, darkness=0.6)
        squares.append(np.clip(picture, 0, 255).astype(np.uint8))
        masks.append((mask > 0.5).astype(np.uint8))
    plain = np.stack([np.clip(rendering.skin(SIZE, SIZE, rng), 0, 255).astype(np.uint8) for _ in range(2)])
    other = [rng.integers(0, 256, (80, 120, 3), dtype=np.uint8), np.full((120, 80, 3), (20, 200, 30), np.uint8)]
    return scenes.Material(np.stack(squares), np.stack(masks), plain, other)


def composed(material, count, seed=0):
    rng = np.random.default_rng(seed)
    return [scenes.compose(material, i % len(material.squares), SIZE, rng) for i in range(count)]


def test_the_same_seed_composes_the_same_scene(material):
    one, other = composed(material, 3), composed(material, 3)
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(one, other, strict=True))


def test_every_box_lies_inside_its_scene(material):
    boxes = np.concatenate([scene.spots for scene in composed(material, 120)])
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_lesions_come_in_all_sizes(material):
    boxes = np.concatenate([scene.spots for scene in composed(material, 200)])
    widths = boxes[:, 2] - boxes[:, 0]
    assert (widths < 0.1).any()
    assert (widths > 0.6).any()


def test_some_scenes_show_no_skin_and_then_no_spot(material):
    without = [scene for scene in composed(material, 120) if scene.skin.max() == 0]
    assert 5 < len(without) < 40
    assert all(len(scene.spots) == 0 for scene in without)


def test_what_a_mark_covers_is_no_longer_skin():
    rng = np.random.default_rng(3)
    lesions = np.zeros((SIZE, SIZE), bool)
    for draw in (marks.ruler, marks.sticker):
        picture = np.full((SIZE, SIZE, 3), (200, 150, 120), np.uint8)
        skin = np.ones((SIZE, SIZE), np.uint8)
        for _ in range(10):
            draw(picture, lesions, skin, rng)
        changed = (np.abs(picture.astype(int) - (200, 150, 120)).max(axis=2) > 90) & (skin == 1)
        assert (skin == 0).any()
        assert changed.mean() < 0.03  # soft edges only


def test_marks_leave_most_of_the_lesion_in_sight():
    rng = np.random.default_rng(4)
    lesions = np.zeros((SIZE, SIZE), bool)
    cv2.circle(view := lesions.astype(np.uint8), (48, 48), 20, 1, -1)
    lesions = view > 0
    for _ in range(60):
        skin = np.ones((SIZE, SIZE), np.uint8)
        draw = (marks.ruler, marks.sticker, marks.finger)[rng.integers(3)]
        draw(np.full((SIZE, SIZE, 3), 180, np.uint8), lesions, skin, rng)
        assert (skin[lesions] == 0).mean() < 0.2


def test_the_target_says_where_the_middle_lies_and_how_large_the_spot_is():
    spots = np.array([[0.25, 0.5, 0.5, 0.75]], np.float32)
    scene = scenes.Scene(np.zeros((SIZE, SIZE, 3), np.uint8), spots, np.ones((SIZE, SIZE), np.float32))
    target, skin = scenes.targets(scene)
    row, column = np.unravel_index(target[0].argmax(), target[0].shape)
    cells = SIZE // locate.STRIDE
    assert target[0, row, column] == 1
    # The middle, 0.375 and 0.625, is the corner of four cells of 24: the cell after it counts.
    assert (row, column) == (15, 9)
    assert (column + 0.5) / cells + target[1, row, column] == pytest.approx(0.375)
    assert (row + 0.5) / cells + target[2, row, column] == pytest.approx(0.625)
    assert np.exp(target[3:5, row, column]) == pytest.approx([0.25, 0.25])
    assert target[5].sum() == pytest.approx(1)
    assert (skin == 1).all()


def test_an_answer_that_says_what_the_target_says_costs_less_than_any_other(material):
    target, skin = (
        torch.from_numpy(np.stack(part)) for part in zip(*map(scenes.targets, composed(material, 6)), strict=True)
    )
    right = torch.cat([torch.where(target[:, :1] == 1, 6.0, -6.0), target[:, 1:5], 12 * skin[:, None] - 6], dim=1)
    least = training.loss(right, target, skin)
    for channel in range(6):
        wrong = right.clone()
        wrong[:, channel] = -wrong[:, channel] + 0.3
        assert training.loss(wrong, target, skin) > least


def test_overlap_is_the_shared_area_by_that_of_both():
    # 1 × 1 shared of 4 + 4 - 1.
    assert locate.overlap((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert locate.overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Everything a run needs, tiny, and the run itself: two epochs of four steps."""
    folder = tmp_path_factory.mktemp("locator")
    work, _ = write_outlined(folder, training=24, validation=8, test=4)
    pictures = folder / "pictures" / "some"
    pictures.mkdir(parents=True)
    for name in ("0a", "1b", "5c", "9d"):
        cv2.imwrite(str(pictures / f"{name}.jpg"), np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8))
    (pictures / debian_outliers.COMPLETE).write_text("4")
    backbone = folder / "backbone.safetensors"
    save_file(timm.create_model(ARCHITECTURE, pretrained=False).state_dict(), backbone)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(debian_outliers, "PACKAGES", (debian_outliers.Package("some", "", ""),))
        patched.setattr(photographs, "RENDERED_PER_TONE", 1)
        patched.setattr(training, "VALIDATION_SCENES", 40)
        patched.setattr(dense_prediction, "BATCH", 8)
        torch.set_num_threads(1)
        arguments = (work, folder / "pictures", folder / "out", backbone)
        yield arguments, training.train(*arguments, epochs=2, length=32)


def test_the_figures_are_of_scenes_of_the_validation_split_by_width(run):
    (_, _, out, _), found = run
    part = found["validation"]
    assert part["n"] == 40
    assert sum(of["n"] for of in part["by_width"].values()) < 40
    assert 0 <= part["located"] <= 1
    assert json.loads((out / training.FIGURES_FILE).read_text()) == found
    assert "located" in training.table(found)


def test_the_weights_hold_the_backbones_trunk_as_it_came(run):
    (_, _, out, backbone), _ = run
    loaded, plain = locator_network.load(out / training.WEIGHTS_FILE), locator_network.create()
    locator_network.load_trunk(plain, load_file(backbone))
    for name, value in plain.trunk.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(loaded.trunk.state_dict()[name], value, rtol=1e-3, atol=1e-4), name


def test_a_finished_run_is_not_trained_again(run):
    arguments, found = run
    weights = (arguments[2] / training.WEIGHTS_FILE).read_bytes()
    assert training.train(*arguments, epochs=2, length=32)["validation"] == found["validation"]
    assert (arguments[2] / training.WEIGHTS_FILE).read_bytes() == weights


def test_a_file_that_is_no_backbone_is_told_in_one_sentence(run, tmp_path):
    (work, pictures, _, _), _ = run
    file = tmp_path / "no.safetensors"
    file.write_bytes(b"no")
    with pytest.raises(UserError, match="cannot be read"):
        training.train(work, pictures, tmp_path / "out", file)


def test_the_exported_file_answers_as_the_weights_do_and_names_them(run, tmp_path, monkeypatch):
    (_, _, out, _), found = run
    for name in (training.WEIGHTS_FILE, training.FIGURES_FILE):
        shutil.copy(out / name, tmp_path / name)
    file = tmp_path / training.WEIGHTS_FILE
    exported = export.write(file, tmp_path)
    about = onnxruntime.InferenceSession(exported).get_modelmeta().custom_metadata_map
    assert about == {"weights_sha256": file_sha256(file), "least_skin": json.dumps(found["least_skin"])}

    photo = np.clip(rendering.skin(300, 400, np.random.default_rng(0)), 0, 255).astype(np.uint8)
    answers, asked = [], []
    monkeypatch.setattr(locate, "WEIGHTS", file)
    session = weights_file.session
    monkeypatch.setattr(weights_file, "session", lambda *files: asked.append(session(*files)) or asked[-1])
    for _ in range(2):
        answers.append(locate.embedded.__wrapped__()(photo, (0, 0, 400, 300)))
        exported.unlink(missing_ok=True)  # then torch answers
    assert asked[0] is not None and asked[1:] == [None]
    assert np.abs(answers[0].skin - answers[1].skin).max() < 1e-3
    assert answers[0].least_skin == answers[1].least_skin == found["least_skin"]
