"""The gallery of mistakes: every case is in it, the right ones with details, and no picture where none may be."""

from __future__ import annotations

import json
import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics.pairwise import cosine_distances

from skin_model.assess import Assessor
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Thresholds
from skin_model.network.checkpoint import Checkpoint
from skin_model.photo import open_photo
from tests.train.evaluation.mistakes.reading import cases, contents, lines
from train import UserError
from train.digests import file_sha256
from train.evaluation import evaluate, mistakes, neighbours

VALIDATION = 24


def test_every_case_of_the_split_is_listed_with_what_the_checkpoint_says_of_it(gallery, work, checkpoint):
    rows, found = evaluate.read_split(work, "validation"), cases(gallery)
    assert found["image_id"].tolist() == rows["image_id"].tolist()
    assert found["malignant"].tolist() == rows["malignant"].tolist()
    assert found["age"].tolist() == rows["age"].tolist()
    assessor = Assessor.load(checkpoint)
    for row, case in zip(rows.iloc[:3].itertuples(), found.iloc[:3].itertuples(), strict=True):
        alone = assessor.assess(open_photo(Path(row.root) / row.file))
        assert case.risk == pytest.approx(alone.risk, abs=1e-5)
        assert [getattr(case, f"p_{code}") for code in DIAGNOSES] == pytest.approx(
            list(alone.diagnoses.values()), abs=1e-4
        )


def test_kept_are_the_worst_mistakes_of_each_source_at_the_checkpoints_thresholds(gallery, checkpoint):
    thresholds = Checkpoint.load(checkpoint).config.thresholds
    expected = set()
    for _, of in cases(gallery).groupby("source"):
        benign, malignant = of[of["malignant"] == 0], of[of["malignant"] == 1]
        expected |= set(benign[benign["risk"] >= thresholds.low].nlargest(3, "risk")["image_id"])
        expected |= set(malignant[malignant["risk"] < thresholds.high].nsmallest(3, "risk")["image_id"])
    kept = [line["image_id"] for line in lines(gallery)]
    assert len(kept) == len(expected) >= 6
    assert set(kept) == expected


def test_the_worst_ones_by_hand():
    table = pd.DataFrame(
        {
            "source": ["a", "a", "a", "a", "a", "b", "b", "a"],
            "malignant": [0, 0, 0, 1, 1, 0, 1, 0],
            "risk": [0.5, 0.9, 0.5, 0.1, 0.29, 0.2, 0.3, np.nan],
        }
    )
    thresholds = Thresholds(0.2, 0.3, 0.2, 0.3)
    assert mistakes.worst(table, thresholds, 1) == [1, 3, 5]
    assert mistakes.worst(table, thresholds, 2) == [0, 1, 3, 4, 5]


def test_without_a_limit_every_mistake_is_kept_with_its_map(work, checkpoint, tmp_path):
    mistakes.make(checkpoint, work, tmp_path / "out", split="validation", photographs=False)
    thresholds, found = Checkpoint.load(checkpoint).config.thresholds, cases(tmp_path / "out")
    alarms = found[(found["malignant"] == 0) & (found["risk"] >= thresholds.low)]
    missed = found[(found["malignant"] == 1) & (found["risk"] < thresholds.high)]
    kept = lines(tmp_path / "out")
    assert {line["image_id"] for line in kept} == {*alarms["image_id"], *missed["image_id"]}
    assert all(np.shape(line["heat"]) == (2, 2) for line in kept)


def test_the_neighbours_photographs_lie_beside_the_gallery(gallery, work):
    training = evaluate.read_split(work, "train").set_index("image_id")
    for near in lines(gallery)[0]["nearest"]:
        copy = Image.open(gallery / near["picture"])
        assert near["picture"] == f".neighbours/{near['image_id']}.jpg"
        assert (
            copy.size == Image.open(Path(training["root"][near["image_id"]]) / training["file"][near["image_id"]]).size
        )


def test_a_folder_of_ones_own_needs_no_work_folder_and_has_no_neighbours(work, checkpoint, tmp_path):
    rows = evaluate.read_split(work, "validation")
    data = tmp_path / "own"
    (data / "images").mkdir(parents=True)
    for row in rows.itertuples():
        shutil.copy(Path(row.root) / row.file, data / "images" / Path(row.file).name)
    rows.assign(file="images/" + rows["file"].map(lambda name: Path(name).name)).to_csv(
        data / "lesions.csv", index=False
    )
    header = mistakes.make(checkpoint, None, tmp_path / "out", data=data)
    assert header["split"] is None
    assert header["counts"]["cases"] == VALIDATION
    assert header["command"] == "python -m train mistakes --checkpoint CHECKPOINT --data FOLDER --out GALLERY"
    assert all(
        line["nearest"] == [] and (tmp_path / "out" / line["file_name"]).is_file() for line in lines(tmp_path / "out")
    )


def test_without_photographs_named_one_sentence_says_what_to_name(checkpoint, tmp_path):
    with pytest.raises(UserError, match="--work WORK, made by prepare, or --data FOLDER"):
        mistakes.make(checkpoint, None, tmp_path / "out")


def test_the_header_counts_the_mistakes_and_names_what_made_them(gallery, work, checkpoint):
    header, found = json.loads((gallery / "gallery.json").read_text()), cases(gallery)
    config = Checkpoint.load(checkpoint).config
    high = config.thresholds.high
    assert header["counts"]["high"] == {
        "false_positives": int(((found["risk"] >= high) & (found["malignant"] == 0)).sum()),
        "false_negatives": int(((found["risk"] < high) & (found["malignant"] == 1)).sum()),
    }
    assert header["counts"]["high"]["false_negatives"] > 0
    assert header["counts"]["cases"] == VALIDATION
    assert header["counts"]["kept"] == len(lines(gallery))
    assert header["checkpoint"] == {
        "architecture": config.architecture,
        "version": "1.2.3",
        "hash": Checkpoint.load(checkpoint).hash,
    }
    assert header["split"] == "validation"
    assert header["split_sha256"] == file_sha256(work / "split.csv")
    assert "flatter" in header["warnings"][0]
    assert set(header["attributions"]) == {"ham10000", "pad_ufes_20"}


def test_a_kept_case_says_what_the_assessor_says(gallery, work, checkpoint):
    rows = evaluate.read_split(work, "validation").set_index("image_id")
    assessor = Assessor.load(checkpoint)
    for line in lines(gallery)[:3]:
        row = rows.loc[line["image_id"]]
        found = assessor.assess(open_photo(Path(row["root"]) / row["file"]))
        assert (line["band"], line["problems"], line["crop"]) == (found.band, list(found.problems), list(found.crop))
        assert line["border"] == (None if found.border is None else found.border.to_json())
        assert (line["width"], line["height"], line["diagnosis"] or "") == (96, 96, row["diagnosis"])
        assert line["diagnoses"]["mel"] == pytest.approx(found.diagnoses["mel"], abs=1e-4)


def test_a_kept_case_says_whose_photograph_it_is_and_where_it_can_be_seen(gallery):
    for line in lines(gallery):
        ours = line["source"] == "ham10000"
        assert line["isic_id"] == (line["image_id"] if ours else None)
        assert line["licence"] in line["attribution"]
        assert ("Tschandl" if ours else "Pacheco") in line["attribution"]


def test_the_map_is_the_grad_cam_that_the_interface_draws_before_it_is_enlarged(gallery, work, checkpoint):
    rows = evaluate.read_split(work, "validation").set_index("image_id")
    assessor, line = Assessor.load(checkpoint), lines(gallery)[0]
    row = rows.loc[line["image_id"]]
    drawn = assessor.heatmap(assessor.view(open_photo(Path(row["root"]) / row["file"])), method="grad_cam")
    coarse = torch.tensor(line["heat"])[None, None]
    assert coarse.shape[2:] == (2, 2)
    enlarged = torch.nn.functional.interpolate(coarse, drawn.shape, mode="bilinear")[0, 0].numpy()
    assert enlarged / enlarged.max() == pytest.approx(drawn, abs=0.02)


def test_the_neighbours_are_the_training_cases_of_the_nearest_features(gallery, work, checkpoint):
    assessor, line = Assessor.load(checkpoint), lines(gallery)[0]
    network = assessor.checkpoint.network

    def features(rows):
        views = [assessor.view(open_photo(Path(row.root) / row.file)).tensor for row in rows.itertuples()]
        return network.forward_head(network.forward_features(torch.cat(views)), pre_logits=True).numpy()

    training, asked = evaluate.read_split(work, "train"), evaluate.read_split(work, "validation")
    distances = cosine_distances(features(asked[asked["image_id"] == line["image_id"]]), features(training))[0]
    order = np.argsort(distances)[:5]
    assert [near["distance"] for near in line["nearest"]] == pytest.approx(distances[order], abs=1e-3)
    for near in line["nearest"]:
        row = training[training["image_id"] == near["image_id"]].iloc[0]
        assert (near["source"], near["malignant"]) == (row["source"], row["malignant"])
        assert near["distance"] == pytest.approx(distances[row.name], abs=1e-3)


def test_imagefolder_reads_the_gallery(gallery, tmp_path):
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(gallery), split="train", cache_dir=str(tmp_path))
    expected = {line["image_id"]: line for line in lines(gallery)}
    assert sorted(loaded["image_id"]) == sorted(expected)
    first = loaded[0]
    assert first["image"].size == (96, 96)
    assert first["risk"] == expected[first["image_id"]]["risk"]
    assert first["nearest"][0]["image_id"] == expected[first["image_id"]]["nearest"][0]["image_id"]


def test_each_kept_case_names_its_picture_first(gallery):
    for line in lines(gallery):
        assert next(iter(line)) == "file_name"
        assert (gallery / line["file_name"]).is_file()
    assert len(list((gallery / "images").iterdir())) == len(lines(gallery))


def test_pictures_are_reduced_and_carry_nothing_but_the_picture(work, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(mistakes, "LONGEST_SIDE", 48)
    mistakes.make(checkpoint, work, tmp_path / "out", split="validation", limit=1)
    pictures = [Image.open(file) for file in (tmp_path / "out" / "images").iterdir()]
    assert pictures
    assert {picture.size for picture in pictures} == {(48, 48)}
    assert all(picture.format == "JPEG" and not picture.getexif() for picture in pictures)


def test_without_photographs_nothing_of_one_is_left(without):
    assert set(contents(without)) == {"gallery.json", "cases.csv", "metadata.jsonl"}
    for content in contents(without).values():
        assert not re.search(rb"\xff\xd8\xff|\x89PNG|base64|data:image", content)
        with pytest.raises(OSError, match="cannot identify"):
            Image.open(BytesIO(content))
    for line in lines(without):
        assert "file_name" not in line
        heat = np.array(line.pop("heat"))
        assert max(heat.shape) <= 14
        assert (np.round(heat, 2) == heat).all()
        numbers = [part for part in json.dumps(line).replace("[", ",").split(",") if re.fullmatch(r"[\s\d.]+\]*", part)]
        assert len(numbers) <= 8  # the crop's four and a few at the end of a list, no room for pixels
        assert max(len(text) for text in re.findall(r'"([^"]*)"', json.dumps(line))) < 200


def test_both_forms_tell_the_same(gallery, without):
    assert (gallery / "cases.csv").read_bytes() == (without / "cases.csv").read_bytes()
    for full, bare in zip(lines(gallery), lines(without), strict=True):
        del full["file_name"]
        for near in full["nearest"]:
            del near["picture"]
        assert full == bare


def test_an_interrupted_run_goes_on_where_it_stopped(work, checkpoint, gallery, tmp_path, monkeypatch):
    from train.data import per_photograph

    monkeypatch.setattr(per_photograph, "SAVED_EVERY", 1)
    out, seen, real = tmp_path / "out", [], mistakes._detail

    def stopping(assessor, row, folder):
        seen.append(row.image_id)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(assessor, row, folder)

    monkeypatch.setattr(mistakes, "_detail", stopping)
    with pytest.raises(KeyboardInterrupt):
        mistakes.make(checkpoint, work, out, split="validation", limit=3)
    assert not out.exists()

    def never(*_):
        raise AssertionError("The split is scored a second time.")

    monkeypatch.setattr(mistakes, "score", never)
    mistakes.make(checkpoint, work, out, split="validation", limit=3)
    assert seen.count(seen[0]) == seen.count(seen[1]) == 1
    assert contents(out) == contents(gallery)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_features_are_taken_from_where_they_were_kept(work, checkpoint, tmp_path, monkeypatch):
    rows, assessor = evaluate.read_split(work, "train"), Assessor.load(checkpoint)
    first = neighbours.features(assessor, rows, tmp_path, "Features")
    monkeypatch.setattr(assessor, "view", None)
    assert (neighbours.features(assessor, rows, tmp_path, "Features") == first).all()
    with pytest.raises(TypeError):
        neighbours.features(assessor, rows.iloc[:5], tmp_path, "Features")
