"""The fit of age, sex and site: known effects are found, and what tells sources or classes apart is not learned."""

import numpy as np
import pandas as pd
import pytest

from skin_model.network.context import Context
from train.fitting import context


def photographs(count=6000, seed=0, source="ham10000", **columns):
    """Photographs of one source whose cancers are twice as likely (in odds) in men, whatever the picture says."""
    rng = np.random.default_rng(seed)
    male = rng.random(count) < 0.5
    picture = rng.normal(-1.5, 1, count)
    log_odds = picture + np.where(male, np.log(2) / 2, -np.log(2) / 2)
    malignant = rng.random(count) < 1 / (1 + np.exp(-log_odds))
    rows = pd.DataFrame({"source": source, "malignant": malignant.astype(int), "age": "", "site": ""})
    rows["sex"] = np.where(male, "male", "female")
    return rows.assign(**columns), 1 / (1 + np.exp(-picture))


def test_a_known_effect_is_found_nearly_whole():
    rows, risks = photographs()
    found = context.fit(rows, risks, 0.15)
    apart = found.sex_effects["male"] - found.sex_effects["female"]
    assert 0.45 < apart < 0.75  # ln 2 = 0.69, less what the penalty takes


def test_nothing_is_added_on_average():
    rows, risks = photographs()
    found = context.fit(rows, risks, 0.15)
    weights = context.weigh(rows["malignant"].to_numpy(), rows["source"].to_numpy(), 0.15)
    added = [found.added(Context(sex=sex)) for sex in rows["sex"]]
    assert weights @ added == pytest.approx(0, abs=2e-3)


def test_what_is_never_known_adds_nothing():
    rows, risks = photographs()
    found = context.fit(rows, risks, 0.15)
    assert set(found.age_effects) == set(found.site_effects.values()) == {0.0}


def test_a_source_in_which_being_known_tells_the_class_is_not_learned_from():
    rows, risks = photographs()
    rows.loc[rows["malignant"] == 0, "sex"] = ""
    found = context.fit(rows, risks, 0.15)
    assert set(found.sex_effects.values()) == {0.0}


def test_a_site_that_only_tells_the_source_is_not_learned():
    few, their_risks = photographs(3000, 1, "pad_ufes_20", site="face", sex="")
    many, risks = photographs(3000, 2, "ham10000", site="back", sex="")
    few.loc[few.index[::2], "malignant"] = 1  # a source with far more cancers
    found = context.fit(pd.concat([few, many]), np.concatenate([their_risks, risks]), 0.15)
    assert abs(found.site_effects["head_neck"] - found.site_effects["posterior_torso"]) < 0.02


def test_the_gain_is_measured_with_effects_of_other_folds():
    rows, risks = photographs()
    found = context.fit(rows, risks, 0.15, np.arange(len(rows)) % 5)
    assert found.gain["ham10000"]["photographs"] == 6000
    assert 0.005 < found.gain["ham10000"]["auc_with_context"] - found.gain["ham10000"]["auc"] < 0.05


def test_a_context_that_does_not_help_is_left_out():
    rows, risks = photographs(2000)
    rows["sex"] = ""  # nothing is known
    assert context.fit_where_it_helps(rows, risks, 0.15, np.arange(2000) % 5) is None


def test_a_context_that_helps_is_kept():
    rows, risks = photographs()
    assert context.fit_where_it_helps(rows, risks, 0.15, np.arange(len(rows)) % 5) is not None
