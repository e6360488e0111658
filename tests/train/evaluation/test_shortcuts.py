"""The shortcut audit finds what was planted, and only that, on rendered photographs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.train.rendered_folders import write_text
from tests.train.rendered_shortcuts import (
    OUTLINE,
    SIDE,
    bright_corner,
    dark_circle,
    listed,
    photograph,
    rendered,
    shaded,
)
from train.data import splits
from train.evaluation.shortcuts import audit, classifiers, features

RESAMPLES = 100
RED = (180, 40, 40)
WITHOUT_OUTLINES = [name for name in classifiers.ROWS if name not in classifiers.LESION_ROWS]


def verdicts(rows):
    found = classifiers.measure(rows, resamples=RESAMPLES)
    return {name: row["verdict"] for name, row in found["rows"].items()}


def test_photographs_without_a_shortcut_are_fine_in_every_row(tmp_path):
    assert verdicts(rendered(tmp_path)) == dict.fromkeys(WITHOUT_OUTLINES, "fine")


def test_a_dark_circle_in_one_class_only_is_a_leak_of_the_border(tmp_path):
    found = classifiers.measure(rendered(tmp_path, dark_circle), resamples=RESAMPLES)["rows"]["border"]
    assert found["verdict"] == "leak" and found["auc"]["value"] > 0.9
    assert (found["n"], found["n_malignant"]) == (120, 60)
    assert found["says"].startswith("The border alone") and f"AUC {found['auc']['value']:.2f}" in found["says"]


def test_a_dark_circle_in_both_classes_is_fine(tmp_path):
    assert verdicts(rendered(tmp_path, dark_circle, other=dark_circle))["border"] == "fine"


def test_a_finer_jpeg_for_one_class_is_a_leak_of_the_file_size_and_of_nothing_coarse(tmp_path):
    found = verdicts(rendered(tmp_path, quality=(80, 93)))
    assert found["file_size"] == "leak"
    assert {found[name] for name in ("source", "border", "resolution", "thumbnail", "nearest_neighbour")} == {"fine"}


def test_a_blur_in_one_class_is_a_leak_of_the_sharpness(tmp_path):
    found = verdicts(rendered(tmp_path, lambda picture: cv2.GaussianBlur(picture, (0, 0), 1.2)))
    assert found["sharpness"] == "leak" and found["resolution"] == "fine"


def test_a_larger_picture_in_one_class_is_a_leak_of_the_resolution(tmp_path):
    found = verdicts(rendered(tmp_path, lambda picture: cv2.resize(picture, (SIDE + 8, SIDE + 8))))
    assert found["resolution"] == "leak" and found["thumbnail"] == "fine"


def test_a_brighter_corner_in_one_class_is_a_leak_of_the_thumbnail(tmp_path):
    found = verdicts(rendered(tmp_path, bright_corner))
    assert found["thumbnail"] == "leak" and found["border"] == "fine"


def test_a_shading_in_one_class_is_a_leak_of_the_nearest_hash(tmp_path):
    found = verdicts(rendered(tmp_path, shaded, other=lambda picture: shaded(picture.swapaxes(0, 1)).swapaxes(0, 1)))
    assert found["nearest_neighbour"] == "leak"


def outlined(rows, outline=OUTLINE):
    lines = [json.dumps({"file": file, "outline": outline.ravel().tolist()}) for file in rows["file"]]
    write_text(Path(rows["root"].iloc[0]) / "outlines.jsonl", *lines)
    return rows


def red_lesion(picture):
    picture = picture.copy()
    cv2.fillPoly(picture, [np.round(OUTLINE * SIDE).astype(np.int32)], RED)
    return picture


def test_with_the_lesion_painted_over_nothing_is_left_of_it(tmp_path):
    rows = outlined(rendered(tmp_path, red_lesion, twins=True))
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]
    # Twins differ in nothing but the lesion, so each pair ties.
    assert found["lesion_blanked"]["auc"]["value"] == 0.5 and found["lesion_blanked"]["verdict"] == "fine"
    assert found["only_lesion"]["auc"]["value"] > 0.95 and found["only_lesion"]["verdict"] == "fine"


def test_a_mark_beside_the_lesion_leaks_from_the_surroundings_and_has_the_lesion_watched(tmp_path):
    rows = outlined(rendered(tmp_path, bright_corner, twins=True))
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]
    assert found["lesion_blanked"]["verdict"] == "leak"
    assert found["only_lesion"]["verdict"] == "watch"
    assert "hardly more than its surroundings" in found["only_lesion"]["says"]


def test_without_outlines_the_lesion_rows_are_not_measured_and_say_why(tmp_path):
    found = classifiers.measure(rendered(tmp_path), resamples=RESAMPLES)
    assert set(found["not_measured"]) == {"lesion_blanked", "only_lesion"}
    assert "outlines.jsonl" in found["not_measured"]["only_lesion"]


def test_a_painted_over_lesion_leaves_neither_shape_size_nor_colour():
    small = 0.5 + 0.5 * (OUTLINE - OUTLINE.mean(axis=0))
    (x, y), _ = cv2.minEnclosingCircle(OUTLINE)
    (i, j), _ = cv2.minEnclosingCircle(small)
    small = small + np.array([x - i, y - j], np.float32)
    first = features.blank_lesion(photograph(1), OUTLINE)
    second = features.blank_lesion(photograph(1, RED, small), small)
    assert np.array_equal(first, second)


def test_a_lesion_too_large_for_the_disc_is_not_painted_over():
    assert features.blank_lesion(photograph(1), np.float32([(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)])) is None


def test_only_the_lesion_means_grey_everywhere_else():
    picture = np.full((SIDE, SIDE, 3), 200, np.uint8)
    found = features.only_lesion(picture, np.float32([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]))
    side = features.SQUARE
    assert (found[: side // 4 - 1] == 128).all() and (found[:, : side // 4 - 1] == 128).all()
    assert (found[side // 4 + 1 : 3 * side // 4 - 1, side // 4 + 1 : 3 * side // 4 - 1] == 200).all()
    assert set(np.unique(found)) == {128, 200}


def test_border_numbers_are_kind_radius_and_covered_share():
    # A circle of 0.49 sides in a square: it leaves 1 - pi * 0.49^2 = 0.246 of the picture dark.
    circle, frame, radius, covered = features.border_numbers(dark_circle(photograph(3)))
    assert (circle, frame) == (1, 0)
    assert abs(radius - 0.49) < 0.01 and abs(covered - 0.246) < 0.02
    assert not features.border_numbers(photograph(3)).any()


def test_what_was_read_is_kept_until_a_file_changes(tmp_path, monkeypatch):
    rows = rendered(tmp_path / "data").head(3)
    first = features.read(rows, tmp_path / "kept")
    opened = []
    real = features.open_photo
    monkeypatch.setattr(features, "open_photo", lambda file: opened.append(file) or real(file))
    again = features.read(rows, tmp_path / "kept")
    assert opened == [] and all(np.array_equal(first[name], again[name]) for name in first)
    Image.fromarray(photograph(99)).save(tmp_path / "data/1.jpg", quality=50)
    changed = features.read(rows, tmp_path / "kept")
    assert len(opened) == 3 and changed["nearest"][1] != first["nearest"][1]
    assert list((tmp_path / "kept").glob("*.part")) == []


def numbers(monkeypatch, border):
    """Lets the row border see one given number a photograph, and no row but the source see anything else."""

    def read(rows, cache=None):
        n = len(rows)
        return {
            "opened": np.ones(n, bool),
            "cut_out": np.zeros(n, bool),
            "border_numbers": np.asarray(border(rows), np.float32)[:, None],
        }

    monkeypatch.setattr(features, "read", read)
    monkeypatch.setattr(classifiers, "ROWS", {name: classifiers.ROWS[name] for name in ("source", "border")})


def test_what_only_tells_sources_apart_is_charged_to_the_source_row(monkeypatch):
    numbers(monkeypatch, lambda rows: rows["source"] == "ill")
    rows = listed(("ill", 80, 20), ("well", 20, 80))
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]
    # Ill and well hold 80 and 20 of the malignant, 20 and 80 of the benign: 0.8 * 0.8 + (0.8 * 0.2 + 0.2 * 0.8) / 2.
    assert abs(found["border"]["pooled"]["value"] - 0.8) < 1e-6
    assert found["border"]["within"]["value"] == 0.5 and found["border"]["verdict"] == "fine"
    assert abs(found["source"]["auc"]["value"] - 0.8) < 1e-6 and found["source"]["within"] is None


@pytest.mark.parametrize(
    ("malignant", "auc", "expected", "said"),
    [
        # Two sources of 100 that hold m and 100 - m malignant: (m/100)² + m/100 · (1 - m/100) = m/100.
        (55, 0.55, "fine", "tells little or nothing"),
        (75, 0.75, "watch", "a figure pooled over sources flatters a network"),
        (90, 0.90, "leak", "judge within a source only"),
    ],
)
def test_a_source_that_tells_is_a_warning_of_pooled_figures(monkeypatch, malignant, auc, expected, said):
    numbers(monkeypatch, lambda rows: np.zeros(len(rows)))
    rows = listed(("ill", malignant, 100 - malignant), ("well", 100 - malignant, malignant))
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]["source"]
    assert abs(found["auc"]["value"] - auc) < 1e-6
    assert found["verdict"] == expected and said in found["says"] and f"AUC {auc:.2f}" in found["says"]


def test_a_leak_in_one_of_many_sources_is_at_least_watched_and_named(monkeypatch):
    numbers(monkeypatch, lambda rows: (rows["source"] == "marked") * rows["malignant"])
    rows = listed(("marked", 40, 40), *[(f"clean{k}", 40, 40) for k in range(5)])
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]["border"]
    # One source at 1 and five at 0.5 make 0.583 on average, which alone would be fine.
    assert abs(found["within"]["value"] - 3.5 / 6) < 1e-5
    assert found["verdict"] == "watch" and "most in marked, 1.00" in found["says"]
    assert found["sources"]["clean0"]["value"] == 0.5


def test_a_source_that_leans_is_named_though_the_mean_is_fine(monkeypatch):
    numbers(monkeypatch, lambda rows: (rows["source"] == "leaning") * (rows.index % 10 < 3) * rows["malignant"])
    rows = listed(("leaning", 100, 100), *[(f"clean{k}", 40, 40) for k in range(3)])
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]["border"]
    # Three in ten of the malignant are marked: 0.3 + 0.7 / 2 = 0.65, or a little less over several folds.
    assert found["verdict"] == "fine" and "; most in leaning, 0.6" in found["says"]


def test_a_source_with_too_few_groups_of_a_class_does_not_count_within(monkeypatch):
    numbers(monkeypatch, lambda rows: (rows["source"] == "tiny") * rows["malignant"])
    found = classifiers.measure(listed(("tiny", 9, 60), ("large", 60, 60)), resamples=RESAMPLES)["rows"]["border"]
    assert set(found["sources"]) == {"large"}


def test_a_source_is_cross_validated_in_train_and_validation_together(monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    rows = listed(("a", 60, 60), ("b", 60, 60))
    rows["split"] = ["validation" if k % 8 == 0 else "train" for k in range(240)]
    found = classifiers.measure(rows, resamples=RESAMPLES)["rows"]["border"]
    # Eight malignant and seven benign photographs of each source in validation would be too few.
    assert found["sources"]["a"]["value"] == found["within"]["value"] == 1 and found["n"] == 240


def test_a_report_scores_the_part_that_it_is_about(monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    rows = listed(("a", 60, 60)).assign(split=["train", "validation", "test", "test"] * 30)
    scored = {part: classifiers.measure(rows, scored=part, resamples=5) for part in (None, "validation", "test")}
    assert [found["rows"]["border"]["n"] for found in scored.values()] == [30, 30, 60]
    assert scored["test"]["protocol"].startswith("Fitted on train, scored on test;")


def test_a_split_without_validation_is_scored_on_test(monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    rows = listed(("a", 60, 60)).assign(split=["train", "test"] * 60)
    found = classifiers.measure(rows, resamples=5)
    assert found["rows"]["border"]["n"] == 60 and "scored on test" in found["protocol"]


def test_no_group_lies_on_both_sides_of_a_fold():
    truth, groups = np.tile([0, 0, 1], 60), np.repeat([f"g{k}" for k in range(60)], 3)
    plan, _ = classifiers.protocol(truth, groups, None)
    assert len(plan) == 5 and sorted(np.concatenate([score for _, score in plan])) == list(range(180))
    assert all(not set(groups[fit]) & set(groups[score]) for fit, score in plan)


def test_a_split_is_fitted_on_train_and_scored_on_validation():
    split = np.array(["train"] * 4 + ["validation"] * 3)
    plan, said = classifiers.protocol(np.array([0, 1, 0, 1, 0, 1, 1]), np.arange(7).astype(str), split)
    assert [(fit.tolist(), score.tolist()) for fit, score in plan] == [([0, 1, 2, 3], [4, 5, 6])]
    assert "Fitted on train, scored on validation" in said


def test_numbered_folds_are_used_as_they_are():
    split = np.array(["fold 0", "fold 1", "fold 0", "fold 1"])
    plan, _ = classifiers.protocol(np.array([0, 1, 1, 0]), np.arange(4).astype(str), split)
    assert [(fit.tolist(), score.tolist()) for fit, score in plan] == [([1, 3], [0, 2]), ([0, 2], [1, 3])]


def test_test_photographs_are_not_even_opened(tmp_path):
    rows = rendered(tmp_path)
    rows["split"] = np.repeat(["train", "validation", "test"], 40)
    for file in rows["file"][80:]:
        (tmp_path / file).unlink()
    found = classifiers.measure(rows, resamples=RESAMPLES)
    assert found["n_unopened"] == 0 and {row["n"] for row in found["rows"].values()} == {40}


@pytest.mark.parametrize(
    ("value", "low", "expected"),
    [
        (0.59, 0.58, "fine"),
        (0.60, 0.49, "fine"),
        (0.60, 0.51, "watch"),
        (0.75, 0.59, "watch"),
        (0.70, 0.60, "leak"),
    ],
)
def test_a_verdict_asks_for_the_value_and_for_an_interval_clear_of_the_step_below(value, low, expected):
    assert classifiers.verdict({"value": value, "low": low, "high": 1.0}, classifiers.BLIND) == expected


def test_the_nearest_hash_decides_and_ties_share():
    known = np.array([0b0000, 0b0011, 0b1100], np.uint64)
    asked = np.array([0b0001, 0b0000, 0b1111], np.uint64)
    # 1 bit from the first two (0 and 1); 0 bits from the first; 2 bits from the last two (1 and 1).
    assert classifiers._nearest(known, np.array([0, 1, 1]), asked).tolist() == [0.5, 0.0, 1.0]


def prepared(work, *, patients=True):
    """A work folder of six photographs in three parts, the first two of one patient, in train and in validation."""
    table = listed(("s", 3, 3)).assign(diagnosis="", image_id=[f"i{k}" for k in range(6)])
    table["split"] = ["train", "validation", "test", "test", "test", "train"]
    work.mkdir()
    table[list(splits.SPLIT_COLUMNS)].to_csv(work / "split.csv", index=False)
    if patients:
        table.assign(lesion_id="", patient_id=["P", "P", *"QRST"]).to_csv(work / "catalogue.csv", index=False)
        # 0 and 5 are both in train, 3 and 5 cross, and left.jpg was left out by prepare.
        pairs = [("s0.jpg", "s5.jpg"), ("s3.jpg", "s5.jpg"), ("s1.jpg", "left.jpg")]
        near = pd.DataFrame({"root_a": "/d", "file_a": [a for a, _ in pairs]})
        near.assign(root_b="/d", file_b=[b for _, b in pairs]).to_csv(work / "duplicates.csv", index=False)
    return work


def test_a_report_counts_what_crosses_the_split_it_is_about(tmp_path, monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    work = prepared(tmp_path / "work")
    found = audit.for_report(pd.DataFrame(), work, "test", tmp_path, command="c", resamples=5, seed=3)
    assert found["crossing"] == {"groups": 0, "lesions": None, "patients": 1, "near_duplicates": 1}
    assert (found["command"], found["seed"]) == ("c", 3)
    assert (found["border"]["n"], found["border"]["n_malignant"]) == (3, 1)
    assert found["protocol"].startswith("Fitted on train, scored on test;")


def test_a_report_says_what_the_work_folder_does_not_know(tmp_path, monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    work = prepared(tmp_path / "work", patients=False)
    found = audit.for_report(pd.DataFrame(), work, "test", tmp_path, command="c", resamples=5)
    assert found["crossing"] == {"groups": 0, "lesions": None, "patients": None, "near_duplicates": None}


def test_a_report_of_a_folder_is_cross_validated_and_has_no_split_to_cross(tmp_path, monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    found = audit.for_report(listed(("s", 30, 30)), None, "test", tmp_path, command="c", resamples=5)
    assert found["crossing"] is None and found["border"]["n"] == 60
    assert found["protocol"].startswith("Cross-validated in five folds")


def test_a_report_on_one_class_alone_has_no_shortcuts(tmp_path, monkeypatch):
    numbers(monkeypatch, lambda rows: rows["malignant"])
    assert audit.for_report(listed(("s", 0, 30)), None, "test", tmp_path, command="c", resamples=5) is None


@pytest.mark.real_data
def test_one_acral_centres_file_sizes_leak_and_its_dark_circles_are_not_fine(shared_data):
    """Documented of that source: dark circles in 58 % of the malignant and 8 % of the benign photographs."""
    rows = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["source"] == "isic_acral_imperial"]
    rows = pd.concat([part.head(146) for _, part in rows.groupby("malignant")]).reset_index(drop=True)
    group = (
        rows["patient_id"].where(rows["patient_id"] != "", rows["lesion_id"]).where(lambda ids: ids != "", rows["file"])
    )
    rows = rows.assign(root=str(shared_data), group=group, malignant=rows["malignant"].astype(int))
    found = verdicts(rows)
    assert found["border"] in ("watch", "leak") and found["file_size"] == "leak"


@pytest.mark.parametrize("count", [12, 28, 60])
def test_a_total_leak_is_seen_in_a_few_photographs_too(count):
    malignant = np.arange(count) % 2
    given_away = malignant[:, None] * 450.0 + 150
    scores = classifiers._trees(given_away, malignant, np.array([[150.0], [600.0]]))
    assert scores[1] > scores[0] + 0.1


def test_a_column_without_a_single_patient_was_not_checked():
    rows = pd.DataFrame({"source": "a", "patient_id": "", "lesion_id": ["L", "M"], "split": ["train", "test"]})
    found = audit.crossing(rows)
    assert found["patients"] is None
    assert found["lesions"] == []
