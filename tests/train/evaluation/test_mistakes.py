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
from skin_model.network import architecture as networks
from skin_model.network.architecture import Preprocessing
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.photo import open_photo
from tests.train.rendered_lesions import write_work
from train import UserError
from train.commands.command_line import main
from train.digests import file_sha256
from train.evaluation import evaluate, mistakes, neighbours

VALIDATION = 24


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """16 training and 24 validation lesions of two sources, with a catalogue."""
    work = write_work(tmp_path_factory.mktemp("rendered"), training=16, validation=VALIDATION)
    split = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    split["source"] = np.where(split.index % 4 < 2, "ham10000", "pad_ufes_20")
    split["image_id"] = [f"ISIC_{i:07}" if i % 4 < 2 else f"PAT_{i}" for i in split.index]
    split.to_csv(work / "split.csv", index=False)
    described = split.assign(
        modality=np.where(split.index % 4 < 2, "dermoscopic", "smartphone"),
        confirmed_by="histo",
        age=[str(i) if i % 3 else "" for i in split.index],
        sex="female",
        site="back",
        fitzpatrick="",
        licence=np.where(split.index % 4 < 2, "CC BY-NC 4.0", "CC BY 4.0"),
    )
    described.to_csv(work / "catalogue.csv", index=False)
    return work


@pytest.fixture(scope="module")
def checkpoint(work, tmp_path_factory) -> Path:
    """Random weights, with thresholds between the risks that it gives, so that it makes every kind of mistake."""

    def config(thresholds):
        return Config(
            diagnoses=DIAGNOSES,
            preprocessing=Preprocessing(input_size=64),
            calibration=Calibration(temperature=0.05),
            thresholds=thresholds,
            training={"split_sha256": file_sha256(work / "split.csv")},
            version="1.2.3",
        )

    torch.manual_seed(0)
    network = networks.create(7).eval().requires_grad_(False)
    folder = tmp_path_factory.mktemp("checkpoint")
    first = Checkpoint(config(Thresholds(0.2, 0.4, 0.3, 0.35)), network).save(folder)
    rows = evaluate.read_split(work, "validation")
    photos = [open_photo(Path(row.root) / row.file) for row in rows.itertuples()]
    risks = np.array([found.risk for found in Assessor(first).assess_many(photos)])
    low, high = np.quantile(risks, [0.3, 0.7])
    Checkpoint(config(Thresholds(low, high, (low + high) / 2, (low + high) / 2)), network).save(folder)
    return folder


@pytest.fixture(scope="module")
def gallery(work, checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("full") / "gallery"
    mistakes.make(checkpoint, work, out, split="validation", limit=3)
    return out


@pytest.fixture(scope="module")
def without(work, checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("without") / "gallery"
    mistakes.make(checkpoint, work, out, split="validation", photographs=False, limit=3)
    return out


def lines(gallery: Path) -> list[dict]:
    return [json.loads(line) for line in (gallery / "metadata.jsonl").read_text().splitlines()]


def cases(gallery: Path) -> pd.DataFrame:
    return pd.read_csv(gallery / "cases.csv", keep_default_na=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


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
        views = [assessor.view(open_photo(Path(row.root) / row.file)).batch for row in rows.itertuples()]
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


@pytest.fixture(scope="module")
def predictions(work, checkpoint, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    evaluate.score(Assessor.load(checkpoint), evaluate.read_split(work, "validation"), folder)
    return folder / "predictions.csv"


def test_predictions_at_hand_are_taken_in_place_of_scoring(
    work, checkpoint, gallery, predictions, tmp_path, monkeypatch
):
    monkeypatch.setattr(mistakes, "score", None)
    mistakes.make(checkpoint, work, tmp_path / "out", split="validation", limit=3, predictions=predictions)
    assert contents(tmp_path / "out") == contents(gallery)


def test_predictions_of_another_checkpoint_are_refused(work, checkpoint, predictions, tmp_path):
    table = pd.read_csv(predictions)
    table["risk"] = 1 - table["risk"] / 2
    table.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(UserError, match="of another checkpoint or another split"):
        mistakes.make(checkpoint, work, tmp_path / "out", split="validation", predictions=tmp_path / "other.csv")


def test_predictions_of_another_split_are_refused(work, checkpoint, predictions, tmp_path):
    with pytest.raises(UserError, match="of another checkpoint or another split"):
        mistakes.make(checkpoint, work, tmp_path / "out", split="train", predictions=predictions)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00\x01"])
def test_a_file_that_is_no_predictions_is_refused(work, checkpoint, tmp_path, content):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(UserError, match=r"is not a predictions\.csv"):
        mistakes.make(checkpoint, work, tmp_path / "out", split="validation", predictions=tmp_path / "p.csv")


def test_an_older_gallery_is_replaced_and_other_files_stay(work, checkpoint, gallery, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(gallery, out)
    (out / "images" / "old.jpg").write_bytes(b"old")
    (out / "README.md").write_text("A card.")
    mistakes.make(checkpoint, work, out, split="validation", photographs=False, limit=1)
    assert set(contents(out)) == {"gallery.json", "cases.csv", "metadata.jsonl", "README.md"}
    assert json.loads((out / "gallery.json").read_text())["kept_a_source"] == 1


def test_a_folder_of_photographs_is_never_written_over(work, checkpoint):
    before = contents(work.parent / "data")
    with pytest.raises(UserError, match="so it is no gallery; choose another folder"):
        mistakes.make(checkpoint, work, work.parent / "data", split="validation")
    assert contents(work.parent / "data") == before


def test_a_photograph_that_cannot_be_opened_is_listed_and_is_no_mistake(work, checkpoint, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(work.parent, folder)
    for name in ("split.csv", "catalogue.csv"):
        text = (folder / "work" / name).read_text()
        (folder / "work" / name).write_text(text.replace(str(work.parent), str(folder)))
    rows = evaluate.read_split(folder / "work", "validation")
    training = evaluate.read_split(folder / "work", "train")
    (folder / "data" / rows["file"][0]).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "data" / training["file"][0]).unlink()
    header = mistakes.make(checkpoint, folder / "work", tmp_path / "out", split="validation", limit=50)
    case = cases(tmp_path / "out").iloc[0]
    assert (case["risk"], case["refused"], case["p_mel"]) == ("", "damaged_file", "")
    assert header["counts"]["unreadable"] == 1
    assert rows["image_id"][0] not in [line["image_id"] for line in lines(tmp_path / "out")]
    near = {near["image_id"] for line in lines(tmp_path / "out") for near in line["nearest"]}
    assert training["image_id"][0] not in near


def test_ids_that_two_sets_share_are_told_apart_and_no_id_leaves_the_folder(work, checkpoint, tmp_path):
    split = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    split["image_id"] = "1"
    split.loc[split.index[-4:], "image_id"] = ["../../a", "ISIC_0000001", "", "ä b"]
    split.to_csv(tmp_path / "split.csv", index=False)
    mistakes.make(checkpoint, tmp_path, tmp_path / "out", split="validation", limit=50)
    found = cases(tmp_path / "out")["image_id"]
    assert found.is_unique
    assert found.tolist()[-4:-2] == ["../../a", "ISIC_0000001"]
    folders = {tmp_path / "out" / "images", tmp_path / "out" / ".neighbours"}
    assert {file.parent for file in tmp_path.rglob("*.jpg")} == folders
    assert all(re.fullmatch(r"images/[\w.-]+\.jpg", line["file_name"]) for line in lines(tmp_path / "out"))


def test_another_split_than_the_checkpoints_own_is_warned_of(work, checkpoint, tmp_path, capsys):
    shutil.copy(work / "catalogue.csv", tmp_path)
    split = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    split[split.index != 20].to_csv(tmp_path / "split.csv", index=False)
    header = mistakes.make(checkpoint, tmp_path, tmp_path / "out", split="validation", photographs=False, limit=1)
    assert header["warnings"] == [
        "The checkpoint was trained with another split; some of these cases may have trained it."
    ]
    assert header["warnings"][0] in capsys.readouterr().err


def test_the_command_counts_the_mistakes_and_names_the_next_step(work, checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--checkpoint", str(checkpoint), "--work", str(work), "--split", "validation", "--no-photographs"]
    with pytest.raises(SystemExit) as done:
        main(["mistakes", *options, "--out", str(out), "--limit", "2"])
    assert done.value.code == 0
    counts = json.loads((out / "gallery.json").read_text())["counts"]
    said = capsys.readouterr().out
    assert f"At the low threshold: {counts['low']['false_positives']} false positives" in said
    assert f"SKIN_MISTAKES={out}" in said


def test_what_a_user_can_mend_is_one_sentence_and_status_2(work, tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        main(["mistakes", "--work", str(work), "--split", "all", "--out", str(tmp_path / "out")])
    assert done.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("Error: There is no split named 'all'.")
    assert "\n" not in said
