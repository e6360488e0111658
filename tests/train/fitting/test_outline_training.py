"""Training the outline network: one tiny real run on rendered lesions, and what its figures mean."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skin_model.lesion import outline, outline_network
from tests import rendering
from tests.train.rendered_folders import write_text
from train import UserError
from train.commands.command_line import main
from train.fitting import dense_prediction
from train.fitting.outline import photographs, training

SIZE = 96


def write_outlined(folder, *, training=32, validation=8, test=8, seed=0):
    """Rendered lesions with their outlines and a split; returns (work folder, data folder)."""
    rng = np.random.default_rng(seed)
    data, work = folder / "data", folder / "work"
    (data / "images").mkdir(parents=True)
    work.mkdir()
    parts = ["train"] * training + ["validation"] * validation + ["test"] * test
    rows, lines = ["root,file,source,image_id,group,split,diagnosis,malignant"], []
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for i, part in enumerate(parts):
        x, y = rng.uniform(0.35, 0.65, 2)
        radius = rng.uniform(0.15, 0.3)
        mask = rendering.lesion_mask(SIZE, SIZE, np.random.default_rng(i), x=x * SIZE, y=y * SIZE, radius=radius * SIZE)
        picture = rendering.add_lesion(rendering.skin(SIZE, SIZE, rng), mask, rng, darkness=0.6)
        file = f"images/{i}.png"
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(data / file)
        points = np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])
        lines.append(json.dumps({"file": file, "outline": points.round(4).ravel().tolist()}))
        rows.append(f"{data},{file},rendered,{i},g{i},{part},{'mel' if i % 2 else 'nv'},{i % 2}")
    write_text(work / "split.csv", *rows)
    write_text(data / "outlines.jsonl", *lines)
    return work, data


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_outlined(tmp_path_factory.mktemp("outlined"))


@pytest.fixture(scope="module")
def finished(folders, tmp_path_factory):
    """A run of eight epochs of four steps each, measured on validation and test."""
    out = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dense_prediction, "BATCH", 8)
        return training.train(*folders, out, epochs=8, test=True, resamples=50), out


def test_a_few_steps_on_rendered_lesions_teach_where_they_are(finished):
    # Calling every pixel lesion, or none, would reach 0.25 at most.
    state = torch.load(finished[1] / training.STATE_FILE, weights_only=True)
    reached = [epoch["validation"] for epoch in state["history"]]
    assert len(reached) == 8
    assert max(reached) > 0.5


def test_the_figures_are_of_every_photograph_of_their_split_with_an_interval(finished):
    found, out = finished
    for split in ("validation", "test"):
        part = found[split]
        assert (part["n"], part["n_groups"]) == (8, 8)
        assert part["dice"]["low"] <= part["dice"]["value"] <= part["dice"]["high"]
        assert {name: of["n"] for name, of in part["diagnoses"].items()} == {"mel": 4, "nv": 4}
    assert json.loads((out / "outline.json").read_text()) == found


def test_the_weights_tell_their_training_photographs_and_their_dice(finished):
    found, out = finished
    record = outline.record(out / "outline.safetensors")
    assert record["photographs"] == {"train": {"rendered": 32}, "validation": {"rendered": 8}}
    assert record["validation"] == found["validation"]
    assert record["held_out"] == [str(i) for i in range(32, 40)]
    assert "test" not in record  # the test split is measured, never a property of what was chosen
    assert "non-commercial" in record["licence_note"]
    outline_network.load(out / "outline.safetensors")


def test_a_finished_run_is_not_trained_again(folders, finished):
    found, out = finished
    weights = (out / "outline.safetensors").read_bytes()
    again = training.train(*folders, out, epochs=8, resamples=50)
    assert again["validation"] == found["validation"]
    assert (out / "outline.safetensors").read_bytes() == weights
    assert not list(out.glob("*.part"))


def test_an_interrupted_run_ends_at_the_same_weights(folders, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    whole = training.train(*folders, tmp_path / "whole", epochs=2, resamples=2)
    saving = training._Run._save

    def save_and_stop(run):
        saving(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(training._Run, "_save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(*folders, tmp_path / "cut", epochs=2, resamples=2)
    monkeypatch.undo()
    resumed = training.train(*folders, tmp_path / "cut", epochs=2, resamples=2)
    assert resumed["validation"] == whole["validation"]
    first, second = (
        outline_network.load(tmp_path / name / "outline.safetensors").state_dict() for name in ("whole", "cut")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_folder_holds_one_run_only(folders, finished):
    with pytest.raises(UserError, match="other length"):
        training.train(*folders, finished[1], epochs=3)


def test_only_the_training_split_is_learned_from(folders):
    rows = training.outlined(*folders)
    assert rows["split"].value_counts().to_dict() == {"train": 32, "validation": 8, "test": 8}
    run_rows = rows[rows["split"] == "train"]
    assert set(run_rows["file"]) == {f"images/{i}.png" for i in range(32)}


def test_a_folder_without_outlines_is_named(folders, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["outline", "--work", str(folders[0]), "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert f"Error: {tmp_path} has no outlines.jsonl" in capsys.readouterr().err


def test_outlines_of_another_folder_than_the_splits_are_refused(folders, tmp_path):
    _, other = write_outlined(tmp_path, training=2, validation=1, test=0)
    with pytest.raises(UserError, match="Run prepare with this folder first"):
        training.outlined(folders[0], other)


def test_dice_by_hand():
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    first[:2], second[1:3] = True, True  # eight pixels each, four shared
    assert training.dice(first, second) == 0.5
    assert training.dice(first, first) == 1
    assert training.dice(first, ~first) == 0


def test_an_outline_covers_the_pixels_whose_middle_lies_inside():
    square = np.array([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)])
    expected = np.zeros((8, 16), bool)
    expected[2:6, 4:12] = True
    assert np.array_equal(photographs.drawn_mask(square, 16, 8), expected)


def test_a_picture_and_its_lesion_move_alike(monkeypatch):
    monkeypatch.setattr(photographs, "CHANGES", photographs.NO_AUGMENTATION)
    monkeypatch.setattr(photographs, "CORNERS", 0.0)
    mask = np.zeros((192, 192), np.uint8)
    mask[60:130, 50:150] = 1
    square = np.where(mask[..., None], (90, 60, 40), (220, 180, 160)).astype(np.uint8)
    seen = set()
    for seed in range(60):
        picture, lesion = photographs.changed(square, mask, 128, np.random.default_rng(seed))
        assert training.dice(picture[..., 0] < 155, lesion) > 0.95 or lesion.sum() < 100
        seen.add(bool(lesion.any()))
    assert seen == {True, False}  # some pictures are of plain skin


def test_what_dark_corners_cover_is_no_lesion(monkeypatch):
    monkeypatch.setattr(photographs, "CHANGES", photographs.NO_AUGMENTATION)
    monkeypatch.setattr(photographs, "CORNERS", 1.0)
    everything = np.ones((192, 192), np.uint8)
    shares = []
    for seed in range(10):
        picture, lesion = photographs.changed(
            np.full((192, 192, 3), 200, np.uint8), everything, 128, np.random.default_rng(seed)
        )
        assert not lesion[picture.max(axis=2) < 90].any() and lesion[picture.min(axis=2) > 110].all()
        shares.append(lesion.mean())
    assert min(shares) < 0.95


def test_the_loss_is_least_where_the_lesion_is_told():
    lesion = torch.zeros((1, 16, 16), dtype=torch.bool)
    lesion[:, 4:12, 4:12] = True
    right = 20 * (lesion[:, None].float() * 2 - 1)
    assert float(training.loss(right, lesion)) < 0.01
    assert float(training.loss(-right, lesion)) > 10


@pytest.mark.real_data
def test_held_out_lesions_are_outlined_as_people_outline_them(shared_data):
    """Mean Dice on 60 validation photographs, from which the embedded weights did not learn."""
    rows = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["image_id"].isin(outline.record()["held_out"])]
    rows = rows.assign(root=str(shared_data), group=rows["lesion_id"]).sample(60, random_state=0)
    found = training.measure(rows, None, resamples=2)
    assert found["dice"]["value"] >= 0.85
    assert found["missed"] <= 2
