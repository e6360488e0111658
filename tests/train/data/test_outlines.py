"""outlines.jsonl, line by line."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.rendered_folders import write_text
from train import UserError
from train.data.outlines import outlines

GOOD = '{"file": "b.jpg", "outline": [0, 0.5, 1, 0, 1, 1]}'


def test_an_outline_is_points_by_file(tmp_path):
    write_text(tmp_path / "outlines.jsonl", GOOD)
    found = outlines(tmp_path)
    assert set(found) == {"b.jpg"} and np.array_equal(found["b.jpg"], [(0, 0.5), (1, 0), (1, 1)])


def test_a_folder_without_outlines_has_none(tmp_path):
    assert outlines(tmp_path) == {}


@pytest.mark.parametrize("line", ["no json", '{"file": "a.jpg"}', '{"file": "a.jpg", "outline": [0, 0, 1, 1]}'])
def test_a_broken_outline_is_named_by_its_line(tmp_path, line):
    write_text(tmp_path / "outlines.jsonl", GOOD, line)
    with pytest.raises(UserError, match=r"Line 2 of .*outlines\.jsonl"):
        outlines(tmp_path)
