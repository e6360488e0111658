"""Copies of a photograph are found however they were changed; different plain moles are not."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.train.rendered_folders import skin, write
from train.data import near_duplicates


def found(tmp_path, *pictures):
    files = [write(tmp_path / f"{number}.jpg", picture) for number, picture in enumerate(pictures)]
    return near_duplicates.pairs(near_duplicates.fingerprints(files))


@pytest.mark.parametrize(
    ("change", "orientation"),
    [
        pytest.param(lambda p: p, 0, id="the same"),
        pytest.param(lambda p: cv2.resize(p, (400, 300)), 0, id="stretched"),
        pytest.param(lambda p: cv2.resize(p, (100, 100), interpolation=cv2.INTER_AREA), 0, id="reduced"),
        pytest.param(lambda p: np.clip(p * 0.8 + 10, 0, 255).astype(np.uint8), 0, id="darker"),
        pytest.param(lambda p: p[:, :, ::-1], 0, id="other colours"),
        pytest.param(lambda p: np.roll(p, (4, -5), axis=(0, 1)), 0, id="shifted"),
        pytest.param(lambda p: np.rot90(p), 3, id="turned"),
        pytest.param(lambda p: p[:, ::-1], 4, id="mirrored"),
        pytest.param(lambda p: p[::-1], 6, id="upside down mirrored"),
    ],
)
def test_a_changed_copy_is_a_near_duplicate(tmp_path, change, orientation):
    original = skin(1)
    table = found(tmp_path, original, np.ascontiguousarray(change(original)))
    assert table[["i", "j", "orientation"]].to_numpy().tolist() == [[0, 1, orientation]]


def test_plain_moles_with_equal_hashes_but_other_skin_are_no_duplicates(tmp_path):
    files = [write(tmp_path / f"{seed}.png", seed) for seed in range(30)]
    prints = near_duplicates.fingerprints(files)
    candidates, _, _ = near_duplicates.near(prints.hashes[:, 0], prints.hashes[:, 0], near_duplicates.UPRIGHT_RADIUS)
    assert len(candidates) > 0, "the rendered moles should collide in their hashes"
    assert near_duplicates.pairs(prints).empty


def test_hashes_of_all_orientations_are_those_of_the_turned_thumbnail(tmp_path):
    hashes, thumbnail, refused = near_duplicates.fingerprint(write(tmp_path / "a.png", 3))
    small = cv2.resize(thumbnail, (32, 32), interpolation=cv2.INTER_AREA)
    picture = Image.fromarray(small)
    turned = [picture.rotate(90 * k) for k in range(4)]
    turned += [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(90 * k) for k in range(4)]
    assert [int(value) for value in hashes] == [int(str(imagehash.phash(one)), 16) for one in turned]
    assert refused == ""


def test_the_hash_search_finds_exactly_the_pairs_within_the_radius():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 700, dtype=np.uint64)
    for k in range(1, 700, 7):
        hashes[k] = hashes[k - 1] ^ np.uint64((1 << int(rng.integers(0, 14))) - 1)
    expected = {
        (i, j, bits)
        for i in range(700)
        for j in range(i + 1, 700)
        if (bits := bin(int(hashes[i]) ^ int(hashes[j])).count("1")) <= 8
    }
    i, j, bits = near_duplicates.near(hashes, hashes, 8)
    assert set(zip(i.tolist(), j.tolist(), bits.tolist(), strict=True)) == expected
    assert len(i) == len(expected) > 20


@pytest.mark.parametrize("radius", [0, 1, 6, 7, 8, 12, 13, 20])
@pytest.mark.parametrize("count", [3, 300, 3_000])
def test_no_radius_and_no_number_of_hashes_changes_what_is_found(count, radius):
    rng = np.random.default_rng(count)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    others = rng.permutation(hashes)  # turned photographs have other hashes
    others ^= np.uint64(1) << rng.integers(0, 64, (9, count), dtype=np.uint64)[0]
    for k in range(1, count, 3):
        for bit in rng.choice(64, rng.integers(0, 22), replace=False):
            others[k] = (others[k] if bit % 5 else hashes[k - 1]) ^ (np.uint64(1) << np.uint64(bit))
    bits = np.bitwise_count(hashes[:, None] ^ others[None, :])
    expected = np.argwhere(np.triu(bits <= radius, k=1))
    i, j, found = near_duplicates.near(hashes, others, radius)
    assert np.array_equal(np.stack([i, j], axis=1), expected)
    assert np.array_equal(found, bits[i, j])


def test_a_file_that_does_not_open_is_reported_and_has_no_pairs(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    files = [write(tmp_path / "a.jpg", 1), broken, broken, write(tmp_path / "b.jpg", 1), tmp_path / "none.jpg"]
    prints = near_duplicates.fingerprints(files)
    assert prints.refused == ["", "empty_file", "empty_file", "", "no_such_file"]
    assert near_duplicates.pairs(prints)[["i", "j"]].to_numpy().tolist() == [[0, 3]]


def test_flat_pictures_are_no_duplicates_of_one_another(tmp_path):
    flat = np.full((120, 120, 3), 128, np.uint8)
    assert found(tmp_path, flat, flat).empty


def test_a_rerun_reads_the_cache_and_opens_no_photograph(tmp_path, monkeypatch):
    files = [write(tmp_path / f"{seed}.jpg", seed) for seed in range(3)]
    first = near_duplicates.fingerprints(files, tmp_path / "cache")
    monkeypatch.setattr(near_duplicates, "fingerprint", None)
    again = near_duplicates.fingerprints(files, tmp_path / "cache")
    assert np.array_equal(first.hashes, again.hashes) and np.array_equal(first.thumbnails, again.thumbnails)
    assert again.refused == ["", "", ""]


def test_a_changed_file_is_not_taken_from_the_cache(tmp_path):
    file = write(tmp_path / "a.png", 1)
    first = near_duplicates.fingerprints([file], tmp_path / "cache")
    write(file, 2)
    assert not np.array_equal(first.thumbnails, near_duplicates.fingerprints([file], tmp_path / "cache").thumbnails)


def test_links_join_through_others_and_groups_are_numbered_by_first_appearance():
    links = [(np.array([4]), np.array([2])), (np.array([2, 5]), np.array([1, 3]))]
    assert near_duplicates.join(6, links).tolist() == [0, 1, 1, 2, 1, 2]
    assert near_duplicates.join(3, []).tolist() == [0, 1, 2]


@pytest.mark.real_data
def test_known_copies_among_real_photographs_are_found_and_alike_moles_are_not(shared_data):
    # Looked at by eye: three pairs of one lesion, one of them across sources and test-only, and three that only hash
    # alike (at most 8 bits).
    copies = [
        ("isic_acral_barcelona/ISIC_0072109", "kaggle_melanoma_120/malignant_melanoma_10385"),
        ("pad_ufes_20/PAT_380_1540_959", "pad_ufes_20/PAT_380_773_362"),
        ("isic_2017/ISIC_0014795", "isic_archive/ISIC_0000164"),
    ]
    alike = [
        ("ham10000/ISIC_0025959", "ham10000/ISIC_0031719"),
        ("ham10000/ISIC_0033133", "ham10000/ISIC_0034205"),
        ("ham10000/ISIC_0027757", "ham10000/ISIC_0032082"),
    ]
    rows = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    place = dict(zip(rows["source"] + "/" + rows["image_id"], rows["file"], strict=True))
    names = [name for pair in copies + alike for name in pair]
    prints = near_duplicates.fingerprints([shared_data / place[name] for name in names])
    table = near_duplicates.pairs(prints)
    assert table[["i", "j"]].to_numpy().tolist() == [[0, 1], [2, 3], [4, 5]]


def test_many_processes_give_the_same_fingerprints_in_the_same_order_as_one(tmp_path, monkeypatch):
    files = [write(tmp_path / f"{seed}.png", seed) for seed in range(5)]
    alone = near_duplicates.fingerprints(files)
    monkeypatch.setattr(near_duplicates, "_FEW", 0)
    together = near_duplicates.fingerprints(files)
    assert np.array_equal(alone.hashes, together.hashes) and np.array_equal(alone.thumbnails, together.thumbnails)
