"""README's tables: written between two marks, from metrics.json alone."""

import json

import pytest

from train import UserError
from train.report import BEGIN, END, fill, read_metrics, report, tables


def figure(value):
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def example_metrics():
    keys = ("auc", "auc_melanoma", "sensitivity", "specificity", "ece")
    found = {
        "n": 40,
        "n_malignant": 12,
        "too_few": True,
        "diagnoses": None,
        **{key: figure(0.5 + i / 10) for i, key in enumerate(keys)},
    }
    return {
        "sets": {"clinic:smartphone": {**found, "auc_melanoma": None}},
        "pooled": found,
        "source_only_auc": figure(0.77),
        "threshold": 0.061,
        "checkpoint": {"hash": "abcdef123456"},
        "data": {"n": 40, "split_sha256": "0123456789abcdef"},
    }


def test_a_row_shows_the_value_its_interval_and_that_there_are_too_few():
    row = next(line for line in tables(example_metrics()).splitlines() if line.startswith("| clinic"))
    assert row.startswith("| clinic:smartphone \\* | 40 | 12 | 0.500 (0.490–0.510) | – |")


def test_the_source_alone_stands_beside_the_pooled_figure():
    text = tables(example_metrics())
    assert "pooled" in text.lower()
    assert "0.770 (0.760–0.780)" in text


def test_only_what_stands_between_the_marks_changes():
    assert fill(f"before {BEGIN} old {END} after", "new", "page") == f"before {BEGIN}\nnew\n{END} after"


def test_a_page_without_marks_is_refused():
    with pytest.raises(UserError, match="lacks the marks"):
        fill("no marks", "new", "page")


def test_a_file_that_is_no_metrics_json_is_refused(tmp_path):
    (tmp_path / "metrics.json").write_text("[]")
    with pytest.raises(UserError, match=r"is no metrics\.json"):
        read_metrics(tmp_path / "metrics.json")


def test_the_tables_are_written_to_the_folder_and_the_page(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(example_metrics()))
    page = tmp_path / "README.md"
    page.write_text(f"{BEGIN}\n{END}")
    text = report(tmp_path / "metrics.json", tmp_path / "out", page)
    assert (tmp_path / "out" / "figures.md").read_text() == text + "\n"
    assert text in page.read_text()
