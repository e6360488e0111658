"""The tables of benchmarks/ say what was found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import hashes, slow_tests, table, training, visitor
from train.fitting.recipes import find

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.attack.test_load" name="test_a" time="1.5"><system-out>---- Captured Out ----
40 visitors
12 ms</system-out></testcase>
<testcase classname="tests.train.test_release" name="test_b[x]" time="0.25"><failure message="no"/></testcase>
<testcase classname="tests.train.test_release" name="test_c" time="0"><skipped message="no browser"/></testcase>
</testsuite></testsuites>"""


def test_the_table_of_slow_tests_names_every_test_its_outcome_and_what_it_printed(tmp_path):
    (tmp_path / "slow.xml").write_text(REPORT)
    first, second, third = slow_tests.rows(tmp_path / "slow.xml")
    assert first == {
        "file": "tests/attack/test_load.py",
        "test": "test_a",
        "outcome": "passed",
        "seconds": 1.5,
        "printed": "40 visitors / 12 ms",
    }
    assert (second["outcome"], third["outcome"]) == ("failure", "skipped")


@pytest.mark.parametrize(("content", "says"), [("<testsuites><test", "no whole JUnit file"), ("<x/>", "holds no test")])
def test_a_report_without_tests_leaves_the_slow_tests_table_as_it_was(tmp_path, monkeypatch, content, says):
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results")
    (tmp_path / "slow.xml").write_text(content)
    with pytest.raises(SystemExit, match=says):
        slow_tests.slow_tests(tmp_path / "slow.xml")
    assert not (tmp_path / "results").exists()


def test_the_hashes_that_are_searched_hold_near_copies_and_strangers():
    made = hashes.hashes(1000)
    apart = np.bitwise_count(made[:, None] ^ made[None])[np.triu_indices(1000, 1)]
    assert 20 <= (apart <= hashes.RADIUS).sum() <= 200
    assert np.median(apart) == 32


@pytest.mark.parametrize("update", [lambda images: images, lambda images: {"visible": True, "value": images}])
def test_a_visitor_finds_the_overlay_in_an_answer_however_the_page_is_told_of_it(update):
    images = [{"path": "/tmp/plain.jpeg"}, {"path": "/tmp/overlay.jpeg"}]
    told = [None, {"src": "data:"}, "<section>", {"visible": True, "__type__": "update"}, update(images)]
    assert visitor.shown_images(told) == ["/tmp/plain.jpeg", "/tmp/overlay.jpeg"]


def test_the_images_whose_drawing_is_timed_are_those_of_training():
    rows = pd.DataFrame({"malignant": np.arange(80) % 2})
    squares = np.zeros((80, 32, 32, 3), np.uint8)
    recipe = find("single-run").change(input_size=16)
    assert training.our_images(rows, squares, recipe, batches=1)["images/s"] > 0
