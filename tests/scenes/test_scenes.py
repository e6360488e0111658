"""The spot is found in clinical scenes, whatever lies beside it, and the answer stays what it is without them.

Lesions are those of photographs that the embedded weights were neither trained nor chosen on.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skin_model.assess import Assessor
from skin_model.lesion import locate
from skin_model.network.checkpoint import EMBEDDED
from skin_model.photo import Photo, open_photo
from tests.scenes import composing
from tests.scenes.composing import Scene
from train.data import splits
from train.data.provenance import TRAINED_ON_FILE
from train.digests import sha256
from train.fitting.locator.training import LEAST_OVERLAP

COUNT = 300


@pytest.fixture(scope="module")
def unseen(shared_data: Path) -> pd.DataFrame:
    """HAM10000's photographs whose ids are in neither part that the embedded checkpoint saw."""
    rows = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["source"] == "ham10000"].assign(root=str(shared_data))
    content = json.loads((EMBEDDED / TRAINED_ON_FILE).read_text())
    seen = pd.Series(False, index=rows.index)
    for name in ("image_id", "lesion_id"):
        known = {key for part in ("train", "validation") for key in content[part][name].split()}
        seen |= splits.identities(rows, name).map(lambda key, of=name: sha256(f"{of} {key}")[:12]).isin(known)
    return rows[~seen]


@pytest.fixture(scope="module")
def scenes(unseen: pd.DataFrame) -> list[Scene]:
    return list(composing.of_photographs(unseen, COUNT))


def located(scene: Scene) -> bool:
    found = locate.embedded()(scene.rgb, (0, 0, composing.WIDTH, composing.HEIGHT))
    return bool(found.spots) and locate.overlap(found.spots[0].box, scene.box) >= LEAST_OVERLAP


def share(of: list[bool]) -> float:
    assert len(of) >= 10
    print(f"\nlocated: {sum(of)} of {len(of)}, {np.mean(of):.1%}")
    return float(np.mean(of))


def test_drawn_spots_are_located_without_any_photograph():
    scenes = list(composing.drawn())
    assert len(scenes) == composing.DRAWN
    assert share([located(scene) for scene in scenes]) >= 0.8


def test_lesions_of_a_tenth_of_the_width_and_more_are_located(scenes):
    assert share([located(scene) for scene in scenes if scene.width >= 0.1]) >= 0.92


def test_smaller_lesions_are_located_mostly(scenes):
    assert share([located(scene) for scene in scenes if scene.width < 0.1]) >= 0.72


@pytest.fixture(scope="module")
def answers(scenes) -> pd.DataFrame:
    """Of every scene: tone, refusal, risk and band, and the same of the lesion's own photograph."""
    assessor = Assessor.load()
    found = []
    for scene in scenes:
        here, alone = assessor.assess(as_photo(scene.rgb)), assessor.assess(open_photo(scene.file))
        found.append((scene.tone, here.refused, here.risk, alone.risk, here.band, alone.band, alone.refused))
    columns = ["tone", "refused", "risk", "risk_alone", "band", "band_alone", "refused_alone"]
    return pd.DataFrame(found, columns=columns)


def as_photo(rgb: np.ndarray) -> Photo:
    return Photo(rgb=rgb, width=rgb.shape[1], height=rgb.shape[0])


def test_at_most_5_percent_of_the_scenes_are_refused(answers):
    print(f"\nrefused: {answers['refused'].value_counts().to_dict()} of {len(answers)}")
    assert answers["refused"].notna().mean() <= 0.05


def test_no_tone_is_refused_much_more_often_than_another(answers):
    # 50 scenes a tone: 5 more than expected are chance once in about 50.
    refused = answers.groupby("tone")["refused"].agg(lambda of: of.notna().sum())
    print(f"\nrefused by tone, of 50 each: {refused.to_dict()}")
    assert refused.max() - refused.min() <= 5


def test_the_answer_hardly_depends_on_what_is_around_the_lesion(answers):
    both = answers[answers["refused"].isna() & answers["refused_alone"].isna()]
    change = (both["risk"] - both["risk_alone"]).abs()
    flips = (both["band"] != both["band_alone"]).mean()
    print(f"\nmedian change of the risk: {change.median():.3f}; bands that change: {flips:.1%} of {len(both)}")
    assert change.median() <= 0.05


def test_the_scenes_hold_every_width_tone_and_mark(scenes):
    assert len(scenes) == COUNT
    assert {scene.tone for scene in scenes} == set(range(1, composing.TONES + 1))
    assert {name for scene in scenes for name in scene.marks} == set(composing.MARKS)
    assert min(scene.width for scene in scenes) < 0.05
    assert max(scene.width for scene in scenes) > 0.6
