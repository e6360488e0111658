"""Comparing recipes: the same photographs for all, honest about how each began, and nothing done twice."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.conftest import REPOSITORY
from tests.train.rendered_lesions import write_work
from train import UserError
from train.commands.command_line import main
from train.data import catalogue
from train.evaluation import evaluate
from train.fitting import fit as fitting
from train.fitting import recipes, validation
from train.fitting.networks import backbones
from train.fitting.networks.architectures import load_checkpoint
from train.studies import compare

NAMES = ("seven-class-cnn", "hand-features", "tiny-binary")
TINY_BINARY = recipes.RECIPES["self-check-original"].change(
    name="tiny-binary", architecture="mobilenetv2_100", input_size=64, batch_size=8
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Three recipes compared after one epoch, with one external folder; timm cannot fetch anything."""
    folder = tmp_path_factory.mktemp("compare")
    work = write_work(folder)
    external = folder / "elsewhere"
    rows = pd.read_csv(work / "split.csv", keep_default_na=False)
    shutil.copytree(folder / "data", external)
    rows.iloc[:12].assign(source="pad_ufes_20", modality="smartphone", lesion_id=rows["group"])[
        ["file", "source", "image_id", "lesion_id", "diagnosis", "malignant", "modality"]
    ].to_csv(external / "lesions.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "tiny-binary", TINY_BINARY)
        patch.setattr(backbones.timm, "create_model", without_weights)
        content = run(work, folder / "out", external)
    return work, folder / "out", external, content


create = backbones.timm.create_model


def without_weights(name, pretrained=False, **settings):
    if pretrained:
        raise ConnectionError
    return create(name, **settings)


def run(work, out, *external, names=NAMES, epochs=1):
    return compare.compare(work, names, out, split="validation", data=external, epochs=epochs, resamples=50)


def row(content, recipe, photographs="validation split"):
    return next(r for r in content["rows"] if (r["recipe"], r["photographs"]) == (recipe, photographs))


def test_every_recipe_is_scored_on_the_split_and_on_every_external_folder(done):
    *_, content = done
    assert [(r["recipe"], r["photographs"], r["n"]) for r in content["rows"]] == [
        (name, place, n) for name in NAMES for place, n in (("validation split", 16), ("elsewhere", 12))
    ]


def test_all_recipes_score_the_same_photographs(done):
    _, out, *_ = done
    files = [tuple(pd.read_csv(out / name / "scored-validation-split" / "predictions.csv")["file"]) for name in NAMES]
    assert len(set(files)) == 1


def test_the_figures_are_those_of_the_predictions(done):
    _, out, _, content = done
    found = row(content, "seven-class-cnn")
    table = pd.read_csv(out / "seven-class-cnn" / "scored-validation-split" / "predictions.csv", keep_default_na=False)
    threshold = load_checkpoint(out / "seven-class-cnn" / "checkpoint").config.thresholds.low
    ill = table["malignant"] == 1
    assert found["sensitivity"]["value"] == pytest.approx((table["risk"][ill] >= threshold).mean(), abs=1e-6)
    assert found["specificity"]["value"] == pytest.approx((table["risk"][~ill] < threshold).mean(), abs=1e-6)
    assert found["auc_within_source"]["value"] == pytest.approx(roc_auc_score(ill, table["risk"]), abs=1e-6)
    known = table[table["diagnosis"] != ""]
    columns = [name for name in table if name.startswith("p_")]
    ranked = known[columns].astype(float).to_numpy().argsort(axis=1)[:, ::-1]
    right = ranked == np.array([columns.index(f"p_{code}") for code in known["diagnosis"]])[:, None]
    assert found["accuracy_diagnoses"]["value"] == pytest.approx(right[:, 0].mean(), abs=1e-6)
    assert found["top_2"]["value"] == pytest.approx(right[:, :2].any(axis=1).mean(), abs=1e-6)
    assert found["top_3"]["value"] == pytest.approx(right[:, :3].any(axis=1).mean(), abs=1e-6)


def test_a_recipe_with_one_output_has_no_figures_of_diagnoses(done):
    *_, content = done
    found = row(content, "tiny-binary")
    assert found["accuracy_diagnoses"] is found["top_2"] is None
    assert 0 <= found["accuracy_risk"]["value"] <= 1


def test_the_table_says_how_a_recipe_began(done):
    *_, content = done
    assert {r["recipe"]: r["started_from"] for r in content["rows"]} == dict.fromkeys(NAMES, "from scratch")
    assert compare.table(content).count("| from scratch |") == 6


def test_parameters_are_counted(done):
    *_, content = done
    # Convolutions 3·9·32+32, 32·9·64+64, 64·9·128+128; layers 2048·128+128 and 128·7+7.
    assert row(content, "seven-class-cnn")["parameters"] == 896 + 18_496 + 73_856 + 262_272 + 903
    assert row(content, "seven-class-cnn")["milliseconds"] > 0


def test_table_csv_and_json_hold_the_same(done):
    _, out, _, content = done
    assert json.loads((out / "compare.json").read_text()) == content
    assert (out / "compare.md").read_text() == compare.table(content) + "\n"
    flat = pd.read_csv(out / "compare.csv")
    for line, expected in zip(flat.to_dict("records"), content["rows"], strict=True):
        assert line["recipe"] == expected["recipe"]
        assert line["auc_within_source"] == expected["auc_within_source"]["value"]
        assert line["auc_within_source_low"] == expected["auc_within_source"]["low"]


def test_photographs_of_a_source_that_was_trained_on_are_named(done):
    *_, external, content = done
    assert not any("trained on" in note for note in content["notes"])
    rows = evaluate.read_folder(external)
    places = [compare.Photographs("test split", rows), compare.Photographs("elsewhere", rows)]
    assert any("trained on pad_ufes_20" in note for note in compare._notes(places, {"pad_ufes_20"}))


def test_repeating_the_call_trains_and_scores_nothing_again(done, monkeypatch, tmp_path):
    work, out, external, content = done
    out = shutil.copytree(out, tmp_path / "out")
    monkeypatch.setitem(recipes.RECIPES, "tiny-binary", TINY_BINARY)

    def refuse(*_, **__):
        raise AssertionError("done twice")

    monkeypatch.setattr(fitting, "fit", refuse)
    monkeypatch.setattr(evaluate, "score", refuse)
    again = run(work, out, external)
    for old, new in zip(content["rows"], again["rows"], strict=True):
        assert {**old, "milliseconds": 0} == {**new, "milliseconds": 0}


def test_a_run_of_other_settings_is_not_taken_for_this_one(done):
    work, out, *_ = done
    with pytest.raises(UserError, match="holds another run"):
        run(work, out, names=("seven-class-cnn",), epochs=2)


def test_an_unknown_recipe_is_refused_before_anything_is_trained(done, tmp_path, capsys):
    work, *_ = done
    with pytest.raises(SystemExit) as stopped:
        main(["compare", "--work", str(work), "--recipes", "seven-class-cnn", "unheard-of", "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("Error: There is no recipe 'unheard-of'.")
    assert list(tmp_path.iterdir()) == []


def test_two_external_folders_of_one_name_are_refused(done, tmp_path):
    work, _, external, _ = done
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="same name"):
        run(work, tmp_path / "out", external, tmp_path / "elsewhere", names=NAMES[:2])


def test_the_command_prints_the_table(done, capsys, tmp_path):
    work, out, *_ = done
    out = shutil.copytree(out, tmp_path / "out")
    arguments = ["--work", str(work), "--out", str(out), "--split", "validation", "--epochs", "1", "--resamples", "50"]
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *arguments, "--recipes", "seven-class-cnn", "hand-features"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("| recipe | photographs | AUC within source |")
    assert [line.split(" | ")[0] for line in printed[2:4]] == ["| seven-class-cnn", "| hand-features"]


def test_a_compared_checkpoint_is_evaluated_like_any_other(done, tmp_path):
    work, out, *_ = done
    metrics = evaluate.evaluate(
        out / "hand-features" / "checkpoint", tmp_path, work=work, split="validation", resamples=5
    )
    assert metrics["checkpoint"]["architecture"] == "hand_features_net"
    assert metrics["pooled"]["n"] == 16


def test_the_auc_within_source_is_that_of_training():
    rng = np.random.default_rng(0)
    n = 300
    source = rng.choice(["isic_2017", "isic_archive", "ham10000", "pad_ufes_20"], n)
    malignant = rng.integers(0, 2, n)
    malignant[source == "pad_ufes_20"] = 1  # one class: it cannot count
    rows = pd.DataFrame({"risk": rng.random(n) + 0.3 * malignant, "malignant": malignant, "source": source})
    rows["family"] = rows["source"].map(catalogue.family)
    rows["group"] = np.arange(n).astype(str)
    expected = validation.within_source_auc(rows["risk"].to_numpy(), malignant, source)
    found = compare.within_source_auc(rows, resamples=200)
    assert found["value"] == pytest.approx(expected, abs=1e-6)
    assert found["low"] < expected < found["high"]


def test_a_finished_run_is_judged_as_it_is(done, tmp_path):
    work, out, *_, content = done
    again = compare.compare(work, (), tmp_path, split="validation", finished=[out / "seven-class-cnn"], resamples=50)
    assert [r["recipe"] for r in again["rows"]] == ["seven-class-cnn"]
    assert again["rows"][0]["auc_within_source"] == row(content, "seven-class-cnn")["auc_within_source"]


def test_two_finished_runs_of_one_recipe_are_told_apart(done, tmp_path):
    work, out, *_ = done
    shutil.copytree(out / "hand-features" / "checkpoint", tmp_path / "second" / "checkpoint")
    runs = [out / "hand-features", tmp_path / "second"]
    content = compare.compare(work, (), tmp_path / "out", split="validation", finished=runs, resamples=50)
    assert [r["recipe"] for r in content["rows"]] == ["hand-features", "hand-features (second)"]


def test_a_finished_run_on_another_split_is_refused(done, tmp_path):
    work, out, *_ = done
    moved = tmp_path / "work"
    moved.mkdir()
    rows = pd.read_csv(work / "split.csv", keep_default_na=False)
    rows.iloc[::-1].to_csv(moved / "split.csv", index=False)
    with pytest.raises(UserError, match="was trained on another split"):
        compare.compare(moved, (), tmp_path / "out", split="validation", finished=[out / "hand-features"], resamples=50)


def test_the_command_renews_the_page_and_its_rows(done, tmp_path):
    work, out, *_, content = done
    out = shutil.copytree(out, tmp_path / "out")
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{compare.START}\nold\n{compare.END}\nAfter.\n")
    arguments = ["--work", str(work), "--out", str(out), "--split", "validation", "--epochs", "1", "--resamples", "50"]
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *arguments, "--recipes", "hand-features", "--page", str(page)])
    assert stopped.value.code == 0
    assert "\nold\n" not in page.read_text()
    found = pd.read_csv(tmp_path / "page.csv").iloc[0]
    assert found["recipe"] == "hand-features"
    assert found["auc_within_source"] == pytest.approx(row(content, "hand-features")["auc_within_source"]["value"])


def test_the_page_in_docs_shows_the_rows_beside_it():
    page = REPOSITORY / "docs" / "compare.md"
    text = page.read_text(encoding="utf-8").partition(compare.START)[2].partition(compare.END)[0]
    rows = pd.read_csv(page.with_name("compare.csv"))
    assert {"released", "self-check-original", "two-stage-mobilenetv2", "seven-class-cnn"} <= set(rows["recipe"])
    for found in rows.itertuples():
        figures = (
            f"{found.auc_within_source:.3f} ({found.auc_within_source_low:.3f}–{found.auc_within_source_high:.3f})"
        )
        assert f"| {found.recipe} | {found.photographs} | {figures} |" in text
