"""The limits beyond which a difference is a change, worked out on pairs whose numbers are known."""

import json

import numpy as np
import pandas as pd
import pytest

from train import UserError
from train.evaluation import repeatability


def pairs(n: int, factor: float = 1.0, **columns) -> pd.DataFrame:
    """n pairs whose measures run evenly from factor / n to factor."""
    steps = factor * np.arange(1, n + 1) / n
    table = {"lesion_id": [f"l{i}" for i in range(n)], "certainty": 1.0, "edge": 1.0}
    return pd.DataFrame(table | dict.fromkeys(("size", "shape", "colour", "risk"), steps) | columns)


def test_the_limit_is_the_smallest_that_four_in_a_hundred_validation_pairs_exceed():
    # 100 pairs: of the 101 ranks the 97th, ceil(0.96 * 101), so 0.97 is the limit and 3 pairs lie beyond it.
    found = repeatability.rule({"train": pairs(100), "validation": pairs(100), "test": pairs(50)}, resamples=10)
    assert {name: entry["limit"] for name, entry in found["limits"].items()} == dict.fromkeys(
        ("size", "shape", "colour", "risk"), pytest.approx(0.97, abs=1e-3)
    )
    assert found["validation"]["false_changes"]["value"] == pytest.approx(0.03)


def test_limits_keep_the_proportions_that_the_training_pairs_have():
    training = pairs(100).assign(size=pairs(100)["size"] * 3)
    found = repeatability.rule({"train": training, "validation": pairs(100), "test": pairs(50)}, resamples=10)["limits"]
    assert found["size"]["limit"] == pytest.approx(3 * found["shape"]["limit"], rel=1e-3)


def test_test_pairs_are_counted_with_the_rule_fixed():
    far = pairs(50)
    far.loc[:4, "colour"] = 100.0
    found = repeatability.rule({"train": pairs(100), "validation": pairs(100), "test": far}, resamples=10)["test"]
    # Five by colour, and of the others the one whose steps reach 0.98 and 1.
    assert found["false_changes_of"] == {"size": 2, "shape": 2, "colour": 7, "risk": 2}
    assert (found["pairs"], found["false_changes"]["value"]) == (50, pytest.approx(7 / 50))


def test_pairs_with_a_doubtful_outline_are_judged_by_their_risk_alone():
    doubtful = pairs(100)
    doubtful["certainty"] = np.linspace(0, 1, 100)
    found = repeatability.rule({"train": doubtful, "validation": doubtful, "test": doubtful}, resamples=10)
    # Every fifth training outline falls short of the least certainty.
    assert found["least"]["certainty"] == pytest.approx(0.2, abs=0.01)
    assert found["test"]["measured"] == {"size": 80, "shape": 80, "colour": 80, "risk": 100}


def test_too_few_pairs_are_refused():
    with pytest.raises(UserError, match="too few validation pairs"):
        repeatability.rule({"train": pairs(20), "validation": pairs(20), "test": pairs(20)}, resamples=10)


def test_lesions_with_several_photographs_are_found_in_their_part(tmp_path):
    rows = pd.DataFrame(
        {
            "root": "r",
            "file": [f"{i}.jpg" for i in range(6)],
            "source": ["ham10000"] * 5 + ["other"],
            "image_id": list("abcdef"),
            "group": list("112234"),
            "split": ["train", "train", "test", "test", "test", "test"],
            "diagnosis": "nv",
            "malignant": 0,
        }
    )
    rows.to_csv(tmp_path / "split.csv", index=False)
    rows.assign(lesion_id=["A", "A", "B", "B", "C", "B"], licence="CC BY-NC 4.0").to_csv(
        tmp_path / "catalogue.csv", index=False
    )
    found = repeatability.photographed_twice(tmp_path, "ham10000")
    assert found[["lesion_id", "split"]].to_numpy().tolist() == [["B", "test"], ["A", "train"]]
    assert json.loads(found["files"][0]) == [["r", "2.jpg"], ["r", "3.jpg"]]
