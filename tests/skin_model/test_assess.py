"""The whole path on one object: numbers that fit together, and one photo scores like many."""

from dataclasses import replace

import numpy as np
import pytest

from skin_model.assess import Assessor
from skin_model.network.calibration import DiagnosisCalibration
from skin_model.photo import Photo, open_photo
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def assessor():
    return Assessor.load()


def photo(seed=0, width=320, height=240, scale=1):
    """Skin with a brown disc in the middle."""
    rng = np.random.default_rng(seed)
    rgb = np.clip(rng.normal((215, 170, 145), 5, (height, width, 3)), 0, 255).astype(np.uint8)
    y, x = np.ogrid[:height, :width]
    rgb[np.hypot(x - width / 2, y - height / 2) < height / 4] = (120, 75, 55)
    return Photo(rgb, width * scale, height * scale)


def with_diagnosis_calibration(assessor, calibration):
    checkpoint = assessor.checkpoint
    return Assessor(replace(checkpoint, config=replace(checkpoint.config, diagnosis_calibration=calibration)))


def test_the_diagnoses_sum_to_one_and_the_malignant_ones_to_the_risk(assessor):
    found = with_diagnosis_calibration(assessor, None).assess(photo())
    assert sum(found.diagnoses.values()) == pytest.approx(1)
    assert found.diagnoses["mel"] + found.diagnoses["bcc"] + found.diagnoses["akiec"] == pytest.approx(found.risk)


def test_a_calibration_of_the_diagnoses_leaves_the_risk_alone(assessor):
    plain = with_diagnosis_calibration(assessor, None).assess(photo())
    own = DiagnosisCalibration(1.0, (5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    found = with_diagnosis_calibration(assessor, own).assess(photo())
    assert found.risk == plain.risk
    assert sum(found.diagnoses.values()) == pytest.approx(1)
    assert found.diagnoses["mel"] > plain.diagnoses["mel"]


def test_a_photo_without_a_border_is_not_cropped(assessor):
    found = assessor.assess(photo())
    assert found.border is None
    assert found.crop == (0, 0, 320, 240)


def test_the_crop_is_in_pixels_of_the_full_size_photo(assessor):
    assert assessor.assess(photo(scale=4)).crop == (0, 0, 1280, 960)


def test_many_photos_score_like_one_by_one(assessor):
    photos = [photo(seed) for seed in range(3)]
    together = [a.risk for a in assessor.assess_many(photos)]
    assert together == pytest.approx([assessor.assess(p).risk for p in photos], abs=1e-4)


def test_no_photos_give_no_assessments(assessor):
    assert assessor.assess_many([]) == []


def test_the_network_sees_the_central_square_of_the_crop(assessor):
    assert assessor.view(photo()).square == (40, 0, 280, 240)


def test_the_overlay_has_the_size_of_the_photo_and_leaves_what_the_network_does_not_see(assessor):
    picture = open_photo(REPOSITORY / "examples" / "tone-4-uneven.jpg")  # 800 × 600
    drawn = assessor.explain(picture)
    assert drawn.shape == picture.rgb.shape
    assert np.array_equal(drawn[:, :100], picture.rgb[:, :100])
    assert not np.array_equal(drawn, picture.rgb)


def test_explaining_does_not_change_the_score(assessor):
    before = assessor.assess(photo()).risk
    assessor.explain(photo())
    assert assessor.assess(photo()).risk == before


def test_several_views_average_the_log_odds_of_the_turned_photos(assessor):
    square = photo(width=240)
    turned = [Photo(np.ascontiguousarray(rgb), 240, 240) for rgb in (square.rgb, square.rgb[:, ::-1])]
    one = Assessor(assessor.checkpoint, views=1)
    logits = np.stack([np.log(list(one.assess(view).diagnoses.values())) for view in turned]).mean(axis=0)
    expected = np.exp(logits) / np.exp(logits).sum()
    found = Assessor(assessor.checkpoint, views=2).assess(square)
    assert list(found.diagnoses.values()) == pytest.approx(expected, abs=1e-5)


def test_with_eight_views_a_turned_photo_scores_as_before(assessor):
    square = photo(width=240)
    square.rgb[40:60, 100:180] = (60, 40, 30)  # so that the photo has no symmetry of its own
    eight = Assessor(assessor.checkpoint, views=8)
    for turn in (np.rot90(square.rgb), square.rgb.transpose(1, 0, 2), square.rgb[::-1]):
        turned = Photo(np.ascontiguousarray(turn), 240, 240)
        assert eight.assess(turned).risk == pytest.approx(eight.assess(square).risk, abs=1e-4)


def test_as_many_views_are_averaged_as_the_checkpoint_was_calibrated_with(assessor):
    checkpoint = replace(assessor.checkpoint, config=replace(assessor.checkpoint.config, views=4))
    assert Assessor(checkpoint).assess(photo()).risk == Assessor(assessor.checkpoint, views=4).assess(photo()).risk


def test_with_eight_views_the_spread_comes_with_the_answer(assessor):
    eight = Assessor(assessor.checkpoint, views=8)
    assert eight.assess(photo()).spread == pytest.approx(eight.spread(eight.view(photo())))
    assert Assessor(assessor.checkpoint, views=4).assess(photo()).spread is None


def test_the_number_of_views_is_one_of_four(assessor):
    with pytest.raises(ValueError, match="1, 2, 4, 8 views, not 3"):
        Assessor(assessor.checkpoint, views=3)
