"""The gate's fit: thresholds by hand, equal weights for sources, and a fitted gate that tells skin from the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.torch_backend.architecture import logits_and_maps, normalise
from tests.skin_model.quality_rendering import photo
from train.fitting.ood import detector, outliers

SIZE = 64
PREPROCESSING = Preprocessing(input_size=SIZE)


def test_the_threshold_lets_every_source_lose_its_share_and_no_more():
    # Two sources of 149 scores, 1…149 and 201…349. Of each, one fewer than 2 % of 150 may lie above: 348 and 349.
    score = np.concatenate([np.arange(1.0, 150), np.arange(201.0, 350)])
    sources = np.repeat(["a", "b"], 149)

    assert detector.allowing(0.02, score, sources) == 347


def test_the_threshold_refuses_its_share_of_unseen_photographs_on_average():
    rng = np.random.default_rng(0)
    one_source = np.full(120, "a")

    refused = [
        (rng.normal(size=1000) > detector.allowing(0.03, rng.normal(size=120), one_source)).mean() for _ in range(400)
    ]

    # Of 120 scores two lie above, so that an unseen one does with a probability of 3 in 121.
    assert np.mean(refused) == pytest.approx(3 / 121, abs=0.003)


def test_a_source_too_small_for_its_share_loses_none():
    assert detector.allowing(0.015, np.arange(1.0, 61), np.full(60, "a")) == 60


def test_a_source_of_few_photographs_sets_no_threshold_of_its_own():
    score = np.concatenate([np.arange(1.0, 100), [1000.0, 2000.0]])
    sources = np.array(["a"] * 99 + ["few"] * 2)

    # Of all 101, two (one fewer than 3 % of 102) may lie above, and those are the two of "few"; "a" alone gives 97.
    assert detector.allowing(0.03, score, sources) == 99


def test_without_large_sources_the_threshold_comes_from_all_together():
    assert detector.allowing(0.4, np.array([4.0, 1, 2, 3]), np.array(["a", "b", "c", "d"])) == 3


def rendered_skin(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        photo(SIZE, SIZE, extent=rng.uniform(0.2, 0.8), tone=int(rng.integers(6)), seed=int(rng.integers(2**31)))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return networks.create(7).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def validation():
    return rendered_skin(120, 2), ["one", "two"] * 60


@pytest.fixture(scope="module")
def fitted(network, validation):
    return detector.fit(
        network, PREPROCESSING, rendered_skin(200, 1), ["one"] * 150 + ["two"] * 50, *validation, seed=5
    )


def scores(gate, network, pictures):
    with torch.inference_mode():
        batch = normalise(torch.from_numpy(np.stack(pictures)), PREPROCESSING)
        return gate.score(logits_and_maps(network, batch)[1])


def test_no_source_loses_more_than_its_share_of_validation_photographs(fitted, network, validation):
    refused = fitted.refuses(scores(fitted, network, validation[0]))

    for source in ("one", "two"):
        of_source = refused[np.array(validation[1]) == source]
        assert of_source.mean() <= detector.REFUSED_SHARE


def test_unseen_skin_is_kept_and_unseen_pictures_of_other_things_are_refused(fitted, network):
    skin = fitted.refuses(scores(fitted, network, rendered_skin(100, 3)))
    other = fitted.refuses(scores(fitted, network, list(outliers.rendered(100, SIZE, np.random.default_rng(99)))))

    print(f"\nrefused: {skin.sum()} of 100 rendered lesions, {other.sum()} of 100 other pictures")
    assert skin.sum() <= 6
    assert other.sum() >= 60  # others are refused by the locator already


def test_the_same_seed_fits_the_same_gate(fitted, network, validation):
    again = detector.fit(
        network, PREPROCESSING, rendered_skin(200, 1), ["one"] * 150 + ["two"] * 50, *validation, seed=5
    )

    assert all(
        torch.equal(a, b) for a, b in zip(fitted.to_tensors().values(), again.to_tensors().values(), strict=True)
    )


def test_the_gate_weighs_less_than_400_kilobytes(fitted):
    assert sum(tensor.numel() * tensor.element_size() for tensor in fitted.to_tensors().values()) < 400_000


def test_the_distance_leaves_out_the_first_and_the_last_map(fitted):
    # Means and spreads of maps of 16, 24, 40, 48, 96 and 576 channels.
    assert int(fitted.first) == 2 * 16
    assert fitted.basis.shape[0] == 2 * (24 + 40 + 48 + 96)


def test_every_source_has_the_same_weight_in_the_fit():
    weights = detector._equal_weights(np.array(["a", "a", "a", "b"]))

    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_a_large_source_is_thinned_and_a_small_one_is_kept_whole(monkeypatch):
    monkeypatch.setattr(detector, "PER_SOURCE", 3)
    names = np.array(["large"] * 10 + ["small"] * 2)

    chosen = detector._some_of_each(names, np.random.default_rng(0))

    assert (names[chosen] == "large").sum() == 3
    assert chosen[-2:].tolist() == [10, 11]


@pytest.mark.parametrize(("photographs", "sources"), [([], []), ([np.zeros((64, 64, 3), np.uint8)], ["a", "b"])])
def test_photographs_without_one_source_each_are_an_error(network, validation, photographs, sources):
    with pytest.raises(ValueError, match="one source each"):
        detector.fit(network, PREPROCESSING, photographs, sources, *validation)


def test_rendered_outliers_are_pictures_of_the_size_asked_for():
    pictures = list(outliers.rendered(20, 48, np.random.default_rng(1)))

    assert [(p.shape, p.dtype) for p in pictures] == [((48, 48, 3), np.uint8)] * 20


def test_no_two_rendered_outliers_are_alike():
    pictures = list(outliers.rendered(40, 48, np.random.default_rng(1)))

    assert len({p.tobytes() for p in pictures}) == 40


def test_every_packaged_picture_is_found():
    assert len(outliers.packaged()) == sum(map(len, outliers.PACKAGED.values()))


def test_pictures_that_the_gate_is_judged_on_are_not_among_those_it_learns_from():
    names = {name.rsplit(".", 1)[0] for names in outliers.PACKAGED.values() for name in names}

    assert "grace_hopper" not in names


def test_crops_take_every_picture_in_turn():
    dark, light = np.zeros((80, 100, 3), np.uint8), np.full((90, 70, 3), 255, np.uint8)

    found = list(outliers.crops([dark, light], 6, 32, np.random.default_rng(0)))

    assert [int(p.max() > 0) for p in found] == [0, 1, 0, 1, 0, 1]
    assert all(p.shape == (32, 32, 3) for p in found)
