"""What counts as a change: more than two photos of an unchanged spot differ by, and only what could be measured."""

import math
from dataclasses import replace

import numpy as np
import pytest

from skin_model import comparison
from skin_model.assess import Assessment
from skin_model.comparison import Limits, Shot, compare, edge_share, log_odds
from skin_model.lesion import abcd
from skin_model.lesion.outline import Outline
from skin_model.photo import Photo

LIMITS = Limits({"size": 0.2, "shape": 0.1, "colour": 8.0, "risk": 1.0}, 0.9, 0.8, "network")


def picture(radius: float = 40, skin=(220, 180, 160), mole=(120, 80, 60)) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices((200, 200))
    mask = np.hypot(rows - 100, columns - 100) <= radius
    return np.where(mask[..., None], mole, skin).astype(np.uint8), mask


def shot(risk: float = 0.2, **options) -> Shot:
    rgb, mask = picture(**options)
    found = Outline.of_mask(mask)
    photo = Photo(rgb, 200, 200)
    return Shot(photo, Assessment(risk=risk, band="low"), found, abcd.measure(rgb, found), edge_share(rgb, found))


def test_an_outline_round_a_mole_follows_an_edge_on_all_sides():
    rgb, mask = picture()
    assert edge_share(rgb, Outline.of_mask(mask)) == 1


def test_an_outline_on_plain_skin_follows_none():
    rgb, mask = picture(mole=(220, 180, 160))
    assert edge_share(rgb, Outline.of_mask(mask)) == 0


def test_an_outline_that_leaves_the_mole_on_one_half_follows_an_edge_on_the_other():
    rgb, mask = picture()
    rgb[:, :100] = (220, 180, 160)
    assert edge_share(rgb, Outline.of_mask(mask)) == pytest.approx(0.5, abs=2 / comparison.SECTORS)


def test_the_same_photo_twice_is_no_change():
    found = compare(shot(), shot(), "network", LIMITS)
    assert found.is_measured
    assert found.changes == ()
    assert found.differences["risk"] == 0


def test_a_difference_counts_only_beyond_its_limit():
    # From 20 % to 40 %: ln(0.4/0.6) - ln(0.2/0.8) = 0.981, to 42 %: 1.064.
    assert compare(shot(0.2), shot(0.4), "network", LIMITS).changes == ()
    assert compare(shot(0.2), shot(0.42), "network", LIMITS).changes == ("risk",)


def test_another_networks_risks_are_not_judged():
    assert "risk" not in compare(shot(0.01), shot(0.99), "another", LIMITS).differences


def test_a_darker_spot_is_a_change_of_colour():
    found = compare(shot(), shot(mole=(60, 40, 30)), "network", LIMITS)
    assert found.changes == ("colour",)


@pytest.mark.parametrize("doubt", ["certainty", "edge", "none"])
def test_a_doubtful_outline_is_not_measured(doubt):
    after = shot()
    if doubt == "edge":
        after = replace(after, edge=0.79)
    else:
        after = replace(after, outline=replace(after.outline, certainty=0.89) if doubt == "certainty" else None)
    found = compare(shot(), after, "network", LIMITS)
    assert not found.is_measured
    assert set(found.differences) == {"risk"}


def test_log_odds_of_certain_risks_stay_finite():
    assert log_odds(0.5) == 0
    assert log_odds(0.8) == pytest.approx(math.log(4))
    assert math.isfinite(log_odds(0)) and math.isfinite(log_odds(1))


def test_the_limits_that_come_along_name_their_source_and_what_made_them():
    limits = Limits.read()
    assert set(limits.limits) == set(comparison.MEASURES)
    assert "HAM10000" in limits.record["source"]
    assert limits.record["command"].startswith("python -m train repeatability")
