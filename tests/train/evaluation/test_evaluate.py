"""Evaluation: the visitor's numbers, interrupted and resumed, and what the report says of itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from skin_model.assess import Assessor
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import Checkpoint, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.weights import Weights
from skin_model.photo import open_photo
from tests.train.rendered_lesions import write_work
from train import UserError
from train.commands.command_line import main
from train.digests import file_sha256
from train.evaluation import evaluate, plots

COLUMNS = "file,risk,refused,malignant,diagnosis,p_mel,p_bcc,p_akiec,p_nv,p_bkl,p_df,p_vasc"


def make_checkpoint(outputs: int = 7, seed: int = 0, **training) -> Checkpoint:
    """A network of random weights; ``training`` is the record in its config."""
    torch.manual_seed(seed)
    config = Config(
        diagnoses=DIAGNOSES if outputs == 7 else (),
        preprocessing=Preprocessing(input_size=64),
        calibration=Calibration(temperature=1.3, malignant_offset=-0.4),
        thresholds=Thresholds(0.2, 0.4, 0.3, 0.35),
        training=training,
        model_sha256=str(seed) * 64,
    )
    return Checkpoint(config, Weights(networks.create(outputs).eval().requires_grad_(False)))


class CountingAssessor:
    """A real assessor that counts the photos it is given, and stops when it was given more than ``most``."""

    def __init__(self, checkpoint: Checkpoint, most: float = np.inf) -> None:
        self.checkpoint, self.most, self.seen = checkpoint, most, 0
        self._assessor = Assessor(checkpoint)

    def assess_many(self, photos):
        if self.seen + len(photos) > self.most:
            raise KeyboardInterrupt
        self.seen += len(photos)
        return self._assessor.assess_many(photos)


def interrupt(work, out, checkpoint) -> pd.DataFrame:
    """A run of 8-photo batches that stops after 16; returns the rows."""
    rows = evaluate.read_split(work, "validation")
    with pytest.raises(KeyboardInterrupt):
        evaluate.score(CountingAssessor(checkpoint, most=16), rows, out)
    return rows


@pytest.fixture
def without_pictures(monkeypatch):
    """Drawing takes most of a small evaluation's time; the tests that look at pictures do without this."""
    monkeypatch.setattr(plots, "draw", lambda metrics, out: [])


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return write_work(tmp_path_factory.mktemp("rendered"), training=40, validation=24)


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    make_checkpoint().save(folder)
    return folder


@pytest.fixture(scope="module")
def finished(work, checkpoint_folder, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("report")
    return out, evaluate.evaluate(checkpoint_folder, out, work=work, split="validation", resamples=10)


def test_a_prediction_is_what_a_visitor_gets(finished, work, checkpoint_folder):
    table = evaluate.read_predictions(finished[0] / "predictions.csv")
    assessor = Assessor.load(checkpoint_folder)
    for row in table.iloc[:4].itertuples():
        alone = assessor.assess(open_photo(work.parent / "data" / row.file))
        assert row.risk == pytest.approx(alone.risk, abs=1e-6)
        assert [getattr(row, f"p_{code}") for code in DIAGNOSES] == pytest.approx(
            list(alone.diagnoses.values()), abs=1e-6
        )


def test_the_refusals_of_the_sources_add_up_to_those_of_the_sets(finished):
    metrics = json.loads((finished[0] / "metrics.json").read_text())
    for part, in_a_set in (("refused", "n_refused"), ("refused_malignant", "n_refused_malignant")):
        expected = sum(found[in_a_set] for found in metrics["sets"].values())
        assert sum(found["n_refused"] for found in metrics[part]["by_source"].values()) == expected
        assert metrics[part]["all"]["n_refused"] == expected


def test_predictions_have_the_promised_columns_and_the_order_of_the_split(finished, work):
    lines = (finished[0] / "predictions.csv").read_text().splitlines()
    rows = pd.read_csv(work / "split.csv", keep_default_na=False)
    rows = rows[rows["split"] == "validation"]
    assert lines[0] == COLUMNS
    table = evaluate.read_predictions(finished[0] / "predictions.csv")
    for column in ("file", "malignant", "diagnosis"):
        assert table[column].tolist() == rows[column].tolist()


def test_the_report_is_written_whole_and_nothing_half_written_stays(finished):
    out, metrics = finished
    assert json.loads((out / "metrics.json").read_text()) == metrics
    names = {file.name for file in out.iterdir()}
    pictures = ("roc", "precision_recall", "thresholds", "reliability", "confusion_binary", "confusion_diagnoses")
    assert names == {"metrics.json", "predictions.csv"} | {f"{p}.{kind}" for p in pictures for kind in ("png", "svg")}


def test_the_figures_are_of_the_predictions_at_the_screening_threshold(finished):
    out, metrics = finished
    table = evaluate.read_predictions(out / "predictions.csv")
    found = metrics["sets"]["rendered:unknown"]
    caught = (table["risk"] >= 0.2) & (table["malignant"] == 1)
    assert metrics["threshold"] == 0.2
    assert found["confusion"]["true_positive"] == caught.sum()
    assert found["sensitivity"]["value"] == pytest.approx(caught.sum() / 12)
    assert (found["n"], found["n_malignant"], found["n_groups"]) == (24, 12, 24)


def test_the_report_names_checkpoint_split_and_seed(finished, checkpoint_folder):
    metrics = finished[1]
    assert metrics["checkpoint"]["hash"] == Checkpoint.load(checkpoint_folder).hash
    assert len(metrics["data"]["split_sha256"]) == 64
    assert (metrics["seed"], metrics["resamples"], metrics["reference_prevalence"]) == (0, 10, 0.15)


def test_an_interrupted_run_goes_on_where_it_stopped(work, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "BATCH_SIZE", 8)
    checkpoint = make_checkpoint()
    for name in "ab":
        (tmp_path / name).mkdir()
    rows = interrupt(work, tmp_path / "a", checkpoint)
    second = CountingAssessor(checkpoint)
    evaluate.score(second, rows, tmp_path / "a")
    assert second.seen == 8
    evaluate.score(CountingAssessor(checkpoint), rows, tmp_path / "b")
    resumed, whole = ((tmp_path / name / "predictions.csv").read_bytes() for name in "ab")
    assert resumed == whole


def test_a_line_that_was_cut_off_is_scored_again(work, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "BATCH_SIZE", 8)
    checkpoint = make_checkpoint()
    rows = interrupt(work, tmp_path, checkpoint)
    part = tmp_path / "predictions.part.csv"
    part.write_bytes(part.read_bytes()[:-10])
    again = CountingAssessor(checkpoint)
    table = evaluate.score(again, rows, tmp_path)
    assert again.seen == 9
    assert table["file"].tolist() == rows["file"].tolist()
    assert table["risk"].notna().all()


def test_another_checkpoint_does_not_go_on_with_the_part_of_the_first(work, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "BATCH_SIZE", 8)
    rows = interrupt(work, tmp_path, make_checkpoint(seed=0))
    other = CountingAssessor(make_checkpoint(seed=1))
    evaluate.score(other, rows, tmp_path)
    assert other.seen == 24


@pytest.mark.usefixtures("without_pictures")
def test_a_file_that_cannot_be_opened_has_no_risk_and_is_listed(work, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(work.parent, folder)
    rows = evaluate.read_split(work, "validation").assign(root=str(folder / "data"))
    (folder / "data" / rows["file"][0]).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "data" / rows["file"][1]).unlink()
    metrics = evaluate.report(Assessor(make_checkpoint()), rows, tmp_path / "out", resamples=5)
    expected = [
        {"file": rows["file"][0], "refused": "damaged_file"},
        {"file": rows["file"][1], "refused": "no_such_file"},
    ]
    assert metrics["data"]["unreadable"] == expected
    table = evaluate.read_predictions(tmp_path / "out" / "predictions.csv")
    assert table["risk"].isna().tolist() == [True, True] + [False] * 22
    assert table["refused"].tolist() == ["damaged_file", "no_such_file"] + [""] * 22
    assert f"Not scored: {rows['file'][0]} (damaged_file)." in capsys.readouterr().err


def test_a_binary_checkpoint_is_evaluated_without_diagnoses(work, tmp_path):
    rows = evaluate.read_split(work, "validation")
    metrics = evaluate.report(Assessor(make_checkpoint(outputs=1)), rows, tmp_path, resamples=5)
    found = metrics["sets"]["rendered:unknown"]
    assert found["diagnoses"] is None
    assert found["auc"] is not None
    assert evaluate.read_predictions(tmp_path / "predictions.csv")["p_mel"].isna().all()
    assert not (tmp_path / "confusion_diagnoses.png").exists()


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize(
    ("split", "same", "words"),
    [
        ("train", True, "trained on the train split"),
        ("validation", True, "chosen on the validation split"),
        ("validation", False, "trained with another split"),
    ],
)
def test_figures_that_flatter_are_warned_of(work, tmp_path, capsys, split, same, words):
    digest = file_sha256(work / "split.csv") if same else "0" * 64
    rows = evaluate.read_split(work, split).iloc[:8]
    assessor = Assessor(make_checkpoint(split_sha256=digest))
    metrics = evaluate.report(assessor, rows, tmp_path, work=work, split=split, resamples=2)
    assert len(metrics["warnings"]) == 1
    assert words in metrics["warnings"][0]
    assert f"Warning: {metrics['warnings'][0]}" in capsys.readouterr().err


@pytest.mark.usefixtures("without_pictures")
def test_the_test_split_of_the_checkpoints_own_split_is_not_warned_of(work, tmp_path):
    assessor = Assessor(make_checkpoint(split_sha256=file_sha256(work / "split.csv")))
    rows = evaluate.read_split(work, "validation").iloc[:8]
    assert evaluate.report(assessor, rows, tmp_path, work=work, split="test", resamples=2)["warnings"] == []


def test_the_modality_comes_from_the_catalogue(work, tmp_path):
    shutil.copy(work / "split.csv", tmp_path)
    rows = pd.read_csv(work / "split.csv", keep_default_na=False)
    modality = np.where(rows.index % 3 == 0, "smartphone", "dermoscopic")
    rows[["root", "file"]].assign(modality=modality).sample(frac=1, random_state=0).to_csv(
        tmp_path / "catalogue.csv", index=False
    )
    found = evaluate.read_split(tmp_path, "validation")
    assert found["modality"].tolist() == modality[rows["split"] == "validation"].tolist()


def test_what_is_known_of_a_photograph_comes_from_the_catalogue(work, tmp_path):
    shutil.copy(work / "split.csv", tmp_path)
    rows = pd.read_csv(work / "split.csv", keep_default_na=False)
    known = rows[["root", "file"]].assign(
        modality="dermoscopic",
        confirmed_by="histo",
        age=[str(i) for i in rows.index],
        sex=np.where(rows.index % 2, "male", ""),
        site="back",
        fitzpatrick="II",
    )
    known[known.index != 41].iloc[::-1].to_csv(tmp_path / "catalogue.csv", index=False)
    found = evaluate.read_split(tmp_path, "validation")[list(evaluate.KNOWN_OF_A_PHOTOGRAPH)]
    assert found.iloc[0].tolist() == ["dermoscopic", "histo", "40", "", "back", "II"]
    assert found.iloc[1].tolist() == [""] * 6
    assert found.iloc[3].tolist() == ["dermoscopic", "histo", "43", "male", "back", "II"]


def test_without_a_catalogue_nothing_is_known_of_a_photograph(work):
    found = evaluate.read_split(work, "validation")[list(evaluate.KNOWN_OF_A_PHOTOGRAPH)]
    assert (found == "").all(axis=None)


@pytest.mark.usefixtures("without_pictures")
def test_the_report_has_the_subgroups_that_the_rows_tell_of(work, tmp_path):
    rows = evaluate.read_split(work, "validation").iloc[:8]
    rows = rows.assign(sex=["male"] * 3 + ["female"] * 5, age="50")
    metrics = evaluate.report(Assessor(make_checkpoint()), rows, tmp_path, resamples=2)
    found = metrics["subgroups"]
    assert {value: (of["n"], of["n_malignant"]) for value, of in found["sex"].items()} == {
        "female": (5, 3),
        "male": (3, 1),
    }
    assert list(found["age_band"]) == ["45-59"]
    assert list(found["site"]) == ["unknown"]


def test_operating_points_subgroups_and_abstention_tell_of_the_same_photographs_as_the_sets(finished):
    metrics = finished[1]
    of_set = metrics["sets"]["rendered:unknown"]
    at_low = metrics["operating"]["rendered"]["low"]
    of_source = metrics["subgroups"]["source"]["rendered"]
    everybody = metrics["abstention"]["risk_coverage"]["rendered"][0]
    assert at_low["threshold"] == metrics["threshold"]
    for name in ("sensitivity", "specificity"):
        assert of_set[name] == at_low[name] == of_source[name]
        assert everybody[name] == of_set[name]["value"]
    assert of_source["auc"] == of_set["auc"]
    assert everybody["coverage"] == 1
    assert metrics["decision_curves"]["all"]["prevalence"] == metrics["reference_prevalence"]
    held = metrics["abstention"]["conformal"]["rendered"]
    assert (held["malignant"]["n"], held["benign"]["n"]) == (12, 12)


def test_files_of_several_folders_are_named_by_their_whole_path(work, tmp_path):
    shutil.copytree(work.parent / "data", tmp_path / "other")
    rows = evaluate.read_split(work, "validation").iloc[:4].copy()
    rows.loc[1, "root"] = str(tmp_path / "other")
    (tmp_path / "out").mkdir()
    table = evaluate.score(Assessor(make_checkpoint()), rows, tmp_path / "out")
    assert table["file"].tolist() == [f"{row.root}/{row.file}" for row in rows.itertuples()]


@pytest.mark.usefixtures("without_pictures")
def test_a_source_that_trained_the_checkpoint_is_named(work, tmp_path):
    assessor = Assessor(make_checkpoint(photographs={"train": {"rendered": 40, "elsewhere": 3}}))
    rows = evaluate.read_split(work, "validation").iloc[:2]
    warnings = evaluate.report(assessor, rows, tmp_path, resamples=2)["warnings"]
    assert len(warnings) == 2
    assert "trained on photographs of rendered;" in warnings[0]


def test_an_unknown_split_is_refused_with_the_choices(work):
    with pytest.raises(UserError, match="train, validation, test"):
        evaluate.read_split(work, "holdout")


def test_an_empty_split_is_refused(work):
    with pytest.raises(UserError, match="no photographs in the test split"):
        evaluate.read_split(work, "test")


@pytest.mark.usefixtures("without_pictures")
def test_the_command_writes_the_report_and_prints_a_line_a_set(work, checkpoint_folder, tmp_path, capsys):
    arguments = ["evaluate", "--checkpoint", str(checkpoint_folder), "--work", str(work), "--split", "validation"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "report"), "--resamples", "5"])
    assert ended.value.code in (0, None)
    printed = capsys.readouterr().out
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    line = next(line for line in printed.splitlines() if line.startswith("rendered:unknown *"))
    assert f"{metrics['sets']['rendered:unknown']['auc']['value']:.3f}" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--checkpoint", "nowhere/at/all"], "There is no folder nowhere/at/all"),
        (["--data", "here", "--checkpoint", "CHECKPOINT"], "either --data FOLDER or --work WORK"),
        (["--split", "holdout", "--checkpoint", "CHECKPOINT"], "no split named 'holdout'"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence_and_exit_status_2(
    work, checkpoint_folder, tmp_path, capsys, arguments, words
):
    arguments = [str(checkpoint_folder) if a == "CHECKPOINT" else a for a in arguments]
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--work", str(work), "--out", str(tmp_path), *arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert words in error
    assert "Traceback" not in error


def test_the_pictures_show_the_figures_and_are_the_same_every_time(finished, tmp_path):
    out, metrics = finished
    auc = metrics["sets"]["rendered:unknown"]["auc"]
    plots.draw(metrics, tmp_path)
    assert f"rendered:unknown (few): {auc['value']:.3f} ({auc['low']:.3f}–{auc['high']:.3f})" in (
        out / "roc.svg"
    ).read_text(encoding="utf-8")
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (out / file.name).read_bytes()


def test_a_set_of_one_class_has_a_confusion_matrix_and_no_curve(work, tmp_path):
    rows = evaluate.read_split(work, "validation")
    metrics = evaluate.report(
        Assessor(make_checkpoint()), rows[rows["malignant"] == 0].reset_index(), tmp_path, resamples=2
    )
    assert metrics["sets"]["rendered:unknown"]["auc"] is None
    assert (tmp_path / "confusion_binary.png").is_file()
    assert not (tmp_path / "roc.png").exists()


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.real_data
def test_real_photographs_are_all_scored_and_filed_under_their_source(shared_data, tmp_path):
    listed = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    listed = listed[listed["source"].isin(["ham10000", "pad_ufes_20"])].sample(24, random_state=0)
    for file in listed["file"]:
        (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shared_data / file, tmp_path / "data" / file)
    listed.to_csv(tmp_path / "data" / "lesions.csv", index=False)
    rows = evaluate.read_folder(tmp_path / "data")
    metrics = evaluate.report(Assessor(make_checkpoint()), rows, tmp_path / "out", resamples=5)
    assert metrics["data"]["n"] == 24
    assert metrics["data"]["unreadable"] == []
    assert set(metrics["sets"]) == {"ham10000:dermoscopic", "pad_ufes_20:smartphone"}
