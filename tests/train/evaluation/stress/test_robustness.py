"""Robustness: every drawing stays within its bounds, and the figures are what a hand works out."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_model.network.calibration import Thresholds
from skin_model.photo import Photo, open_photo
from tests.rendering import skin
from train.data import per_photograph
from train.evaluation.stress import robustness
from train.evaluation.stress.robustness import ALTERATIONS, alter

HEIGHT, WIDTH, SIDE = 120, 160, 120
QUARTER = Thresholds(low=0.25, high=0.5, malignant_from=0.3, benign_to=0.3)
FILES = [f"images/{n}.jpg" for n in range(12)]


@pytest.fixture(scope="module")
def photo() -> Photo:
    picture = skin(HEIGHT, WIDTH, np.random.default_rng(1))
    return Photo(np.clip(picture, 0, 255).astype(np.uint8), WIDTH, HEIGHT)


def changed(photo: Photo, altered: Photo) -> np.ndarray:
    """(H, W) bool: which pixels differ."""
    return (photo.rgb != altered.rgb).any(axis=2)


def from_centre() -> np.ndarray:
    """(H, W) distance of every pixel from the picture's middle, in shares of its shorter side."""
    down, across = np.ogrid[0.5 : HEIGHT + 0.5, 0.5 : WIDTH + 0.5]
    return np.hypot(down - HEIGHT / 2, across - WIDTH / 2) / SIDE


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_alteration_depends_on_the_files_name_alone_and_leaves_the_original_as_it_was(photo, name):
    before = photo.rgb.copy()
    once, again = alter(photo, name, "a.jpg"), alter(photo, name, "a.jpg")
    assert np.array_equal(once.rgb, again.rgb)
    assert np.array_equal(photo.rgb, before)
    assert once.rgb.dtype == np.uint8
    assert once.rgb.flags["C_CONTIGUOUS"]
    assert once.rgb.shape != before.shape or changed(photo, once).any()


@pytest.mark.parametrize("name", ["dark_circle", "hairs", "ruler", "ink", "bubbles"])
def test_two_files_get_two_drawings(photo, name):
    assert not np.array_equal(alter(photo, name, "a.jpg").rgb, alter(photo, name, "b.jpg").rgb)


@pytest.mark.parametrize("file", FILES)
def test_a_dark_circle_blackens_the_corners_and_leaves_the_middle(photo, file):
    altered = alter(photo, "dark_circle", file)
    assert not changed(photo, altered)[from_centre() < 0.45].any()
    assert altered.rgb[from_centre() > 0.62].max() <= 22


@pytest.mark.parametrize("file", FILES)
def test_hairs_are_thin_and_darker_than_light_skin(photo, file):
    altered = alter(photo, "hairs", file)
    assert 0.01 < changed(photo, altered).mean() < 0.25
    assert (altered.rgb <= photo.rgb).all()


@pytest.mark.parametrize("file", FILES)
def test_a_ruler_lies_along_one_longer_side_inside_the_square_that_the_network_sees(photo, file):
    rows = np.flatnonzero(changed(photo, alter(photo, "ruler", file))[:, (WIDTH - SIDE) // 2 : (WIDTH + SIDE) // 2])
    rows = rows // SIDE
    assert len(rows)
    assert rows.max() < 0.14 * SIDE or rows.min() >= HEIGHT - 0.14 * SIDE


def test_a_ruler_comes_etched_or_on_paper(photo):
    covered = [changed(photo, alter(photo, "ruler", file)).mean() for file in FILES]
    assert min(covered) < 0.06
    assert max(covered) > 0.12


@pytest.mark.parametrize("file", FILES)
def test_ink_is_blue_and_stays_off_the_middle(photo, file):
    altered = alter(photo, "ink", file)
    touched = changed(photo, altered)
    assert 0.002 < touched.mean() < 0.12
    assert not touched[from_centre() < 0.3].any()
    red, _, blue = (photo.rgb[touched].astype(int) - altered.rgb[touched]).mean(axis=0)
    assert red > 2 * blue > 0


@pytest.mark.parametrize("file", FILES)
def test_bubbles_are_small_with_a_dark_rim_and_glare(photo, file):
    altered = alter(photo, "bubbles", file)
    difference = altered.rgb.astype(int) - photo.rgb
    assert 0.002 < changed(photo, altered).mean() < 0.25
    assert difference.min() < -30
    assert difference.max() > 10


def test_brightness_goes_up_and_down_by_a_quarter_and_stops_at_white():
    grey = Photo(np.full((8, 8, 3), (100, 60, 220), np.uint8), 8, 8)
    assert alter(grey, "brighter", "a").rgb[0, 0].tolist() == [125, 75, 255]
    assert alter(grey, "darker", "a").rgb[0, 0].tolist() == [75, 45, 165]


def test_a_colour_cast_is_warm_or_cold():
    grey = Photo(np.full((8, 8, 3), 100, np.uint8), 8, 8)
    seen = {tuple(alter(grey, "colour_cast", file).rgb[0, 0].tolist()) for file in FILES}
    assert seen == {(112, 100, 82), (86, 100, 112)}


def test_a_quarter_turn_turns_the_full_size_too():
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turned = alter(Photo(rgb, 6, 4), "rotated_90", "a")
    assert (turned.width, turned.height, turned.rgb.shape) == (4, 6, (3, 2, 3))
    assert turned.rgb[0, 0].tolist() == rgb[0, 2].tolist()


@pytest.mark.parametrize("name", ["blur", "jpeg_30"])
def test_blur_and_compression_take_detail_and_leave_the_mean(name):
    noise = np.random.default_rng(0).integers(100, 156, (64, 64, 1)).repeat(3, axis=2).astype(np.uint8)
    altered = alter(Photo(noise, 64, 64), name, "a").rgb.astype(float)
    assert altered.std() < 0.9 * noise.std()
    assert altered.mean() == pytest.approx(noise.mean(), abs=1)


def test_the_drawings_share_no_code_with_training_or_the_rendered_examples():
    tree = ast.parse(Path(robustness.__file__).read_text(encoding="utf-8"))
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {f"{n.module}.{a.name}" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    names |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert "train.data.per_photograph" in names
    assert not names & {
        "train.data.images",
        "train.data.augmentation",
        "train.fitting.fit",
        "examples",
        "examples.render",
    }


# What the figures say


def table(**columns: list) -> pd.DataFrame:
    return pd.DataFrame(columns)


FOUR = table(source=["a"] * 4, group=["1", "2", "3", "4"], malignant=[0, 1, 0, 1])


def test_changes_flips_and_auc_by_hand():
    risks = table(unaltered=[0.1, 0.2, 0.6, 0.9], blur=[0.3, 0.2, 0.4, 0.9])
    found = robustness.summarise(risks, FOUR, QUARTER, resamples=20)
    assert (found["n"], found["n_malignant"], found["threshold"]) == (4, 2, 0.25)
    assert found["auc"]["value"] == 0.75  # of 2 x 2 pairs only 0.2 against 0.6 is the wrong way round
    blur = found["alterations"]["blur"]
    assert blur["mean_abs_change"]["value"] == 0.1  # 0.2, 0, 0.2, 0
    assert blur["flips"]["value"] == 0.25  # only the first crosses 0.25
    assert blur["auc"]["value"] == 0.5
    assert blur["auc_change"]["value"] == -0.25
    assert blur["auc_change"]["too_few"]


def test_the_auc_change_is_paired_so_equal_risks_leave_no_interval():
    risks = table(unaltered=[0.1, 0.2, 0.6, 0.9], ink=[0.1, 0.2, 0.6, 0.9])
    change = robustness.summarise(risks, FOUR, QUARTER, resamples=50)["alterations"]["ink"]["auc_change"]
    assert (change["value"], change["low"], change["high"]) == (0, 0, 0)


def test_photographs_of_one_group_are_drawn_together():
    risks = table(unaltered=[0.1] * 4, ink=[0.9, 0.9, 0.1, 0.1])
    rows = FOUR.assign(group=["1", "1", "2", "2"])
    flips = robustness.summarise(risks, rows, QUARTER, resamples=200)["alterations"]["ink"]["flips"]
    assert (flips["value"], flips["low"], flips["high"]) == (0.5, 0, 1)


def test_the_auc_is_the_one_that_training_chooses_epochs_by():
    from train.fitting.validation import within_source_auc

    rng = np.random.default_rng(3)
    sources = rng.choice(
        ["ham10000", "isic_2017", "isic_archive", "pad_ufes_20", "tiny"], 400, p=[0.4, 0.2, 0.2, 0.19, 0.01]
    )
    truth = rng.integers(0, 2, 400).astype(float)
    risks = rng.random(400) + 0.3 * truth
    found = robustness.within_source_auc(risks, truth, sources, np.ones((1, 400)))
    assert found == pytest.approx([within_source_auc(risks, truth, sources)])


def test_telling_sources_apart_earns_nothing():
    sources = np.repeat(["ham10000", "pad_ufes_20"], 40)
    truth = np.concatenate([np.arange(40) < 5, np.arange(40) >= 5]).astype(float)
    reads_the_source = np.repeat([0.1, 0.9], 40)
    assert robustness.within_source_auc(reads_the_source, truth, sources, np.ones((1, 80))) == [0.5]


# The whole measurement, with models whose answers are known


class Stub:
    """Scores a photo with a function of its pixels; stops when it was given more than ``most`` photos."""

    def __init__(self, risk, most: float = np.inf) -> None:
        self.risk, self.most, self.seen = risk, most, 0
        self.checkpoint = SimpleNamespace(hash="0", config=SimpleNamespace(preprocessing="p", calibration="c"))

    def assess_many(self, photos):
        self.seen += len(photos)
        if self.seen > self.most:
            raise KeyboardInterrupt
        return [SimpleNamespace(risk=float(self.risk(photo.rgb))) for photo in photos]


def reads_a_corner(rgb: np.ndarray) -> float:
    return 1 - rgb[0, 0].max() / 255


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> pd.DataFrame:
    """Six plain photographs of light skin, all of one source."""
    folder = tmp_path_factory.mktemp("plain")
    files = [f"{n}.png" for n in range(6)]
    for n, file in enumerate(files):
        Image.fromarray(np.full((96, 96, 3), 230 + n, np.uint8)).save(folder / file)
    return table(root=[str(folder)] * 6, file=files, source=["a"] * 6, group=files, malignant=[0, 1] * 3)


def test_a_model_that_reads_a_corner_flips_under_the_dark_circle_only(rows):
    found = robustness.measure(Stub(reads_a_corner), rows, QUARTER, resamples=20)
    assert set(found["alterations"]) == set(ALTERATIONS)
    assert found["alterations"]["dark_circle"]["flips"]["value"] == 1
    assert found["alterations"]["dark_circle"]["mean_abs_change"]["value"] > 0.7
    for name in ("ink", "rotated_90", "blur", "jpeg_30", "brighter"):
        assert found["alterations"][name]["flips"]["value"] == 0


def test_a_model_that_reads_nothing_stays(rows):
    found = robustness.measure(Stub(lambda rgb: 0.4), rows, QUARTER, resamples=20)
    for figures in found["alterations"].values():
        assert figures["mean_abs_change"]["value"] == figures["flips"]["value"] == figures["auc_change"]["value"] == 0


def test_files_that_cannot_be_opened_are_left_out(rows, tmp_path):
    more = pd.concat([rows, rows.iloc[:1].assign(file="missing.png")])
    assert robustness.measure(Stub(reads_a_corner), more, QUARTER, resamples=5)["n"] == 6
    assert robustness.measure(Stub(reads_a_corner), more.iloc[6:], QUARTER, resamples=5) is None


def test_fewer_photographs_are_drawn_with_the_seed(rows):
    once, again, other = (per_photograph.draw(rows, 3, seed)["file"].tolist() for seed in (0, 0, 1))
    assert len(once) == 3
    assert once == again != other
    assert robustness.measure(Stub(reads_a_corner), rows, QUARTER, resamples=5, photographs=3)["n"] == 3


def test_an_interrupted_measurement_goes_on_and_ends_the_same(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(per_photograph, "SAVED_EVERY", 2)
    monkeypatch.setattr(robustness.os, "cpu_count", lambda: 1)  # with more at once, how many are kept is chance
    views = len(ALTERATIONS) + 1
    with pytest.raises(KeyboardInterrupt):
        robustness.measure(Stub(reads_a_corner, most=5 * views), rows, QUARTER, resamples=20, out=tmp_path)
    rest = Stub(reads_a_corner)
    resumed = robustness.measure(rest, rows, QUARTER, resamples=20, out=tmp_path)
    assert rest.seen == 2 * views  # four of six were kept
    assert resumed == robustness.measure(Stub(reads_a_corner), rows, QUARTER, resamples=20)


def test_another_checkpoint_does_not_go_on_from_what_the_first_one_left(rows, tmp_path):
    robustness.measure(Stub(reads_a_corner), rows, QUARTER, resamples=5, out=tmp_path)
    other = Stub(lambda rgb: 0.4)
    other.checkpoint.hash = "1"
    assert (
        robustness.measure(other, rows, QUARTER, resamples=5, out=tmp_path)["alterations"]["ink"]["flips"]["value"] == 0
    )
    assert other.seen == 6 * (len(ALTERATIONS) + 1)


@pytest.mark.real_data
def test_every_alteration_of_a_real_photograph_is_again_a_photo(shared_data):
    photo = open_photo(shared_data / "images" / "ham10000" / "ISIC_0024306.jpg")
    for name in ALTERATIONS:
        altered = alter(photo, name, "images/ham10000/ISIC_0024306.jpg")
        assert sorted(altered.rgb.shape) == sorted(photo.rgb.shape)
        assert altered.scale == photo.scale
