"""No lesion, patient or near-duplicate crosses a split, and every source and diagnosis has its share of each part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train import UserError
from train.data import catalogue, splits
from train.evaluation.shortcuts import audit

NO_PAIRS = pd.DataFrame({"i": [], "j": []}, dtype=int)


def table(*rows, **same):
    """Rows with all columns that splitting reads; each row is a dict of what matters in it."""
    blank = {"root": "/d", "source": "s", "lesion_id": "", "patient_id": "", "diagnosis": "nv", "malignant": 0}
    full = [blank | {"image_id": f"i{k}", "file": f"{k}.jpg"} | same | row for k, row in enumerate(rows)]
    return pd.DataFrame(full)


def pairs(*found):
    return pd.DataFrame(found, columns=["i", "j"], dtype=int)


def test_lesion_patient_and_near_duplicates_join_through_one_another():
    rows = table({"lesion_id": "1"}, {"lesion_id": "1", "patient_id": "P"}, {"patient_id": "P"}, {}, {}, {})
    assert splits.group(rows, pairs((2, 4))).tolist() == ["g00000"] * 3 + ["g00001", "g00000", "g00002"]


def test_an_empty_id_joins_nothing():
    assert len(set(splits.group(table({}, {}, {}), NO_PAIRS))) == 3


def test_a_plain_id_means_nothing_outside_its_centre_family():
    rows = table({"source": "a", "lesion_id": "12"}, {"source": "b", "lesion_id": "12"})
    assert splits.group(rows, NO_PAIRS).tolist() == ["g00000", "g00001"]


def test_a_plain_patient_id_joins_sources_of_one_family():
    rows = table({"source": "isic_acral_ids", "patient_id": "7"}, {"source": "siim_isic_2020", "patient_id": "7"})
    assert splits.group(rows, NO_PAIRS).tolist() == ["g00000", "g00000"]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("lesion_id", "IL_0280787"),
        ("lesion_id", "HAM_0000550"),
        ("lesion_id", "MSK4_0011169"),
        ("patient_id", "IP_3075186"),
        ("image_id", "ISIC_0024306"),
    ],
)
def test_an_archive_wide_id_joins_any_sources(column, name):
    rows = table({"source": "a", column: name}, {"source": "b", column: name})
    assert splits.group(rows, NO_PAIRS).tolist() == ["g00000", "g00000"]


def test_near_duplicates_that_disagree_are_conflicting_and_so_is_their_whole_cluster():
    rows = table(
        {"diagnosis": "mel", "malignant": 1},
        {"diagnosis": "nv", "malignant": 0},
        {"diagnosis": "", "malignant": 0},
        {"diagnosis": "bcc", "malignant": 1},
        {"diagnosis": "akiec", "malignant": 1},
        {"diagnosis": "nv", "malignant": 0},
        {"diagnosis": "", "malignant": 0},
    )
    reasons = splits.conflicting(rows, pairs((0, 1), (1, 2), (3, 4), (5, 6)))
    assert sorted(reasons.index) == [0, 1, 2, 3, 4]
    assert "mel and nv" in reasons[0] and "akiec and bcc" in reasons[3] and "i3, i4" in reasons[3]


def test_an_unknown_diagnosis_conflicts_with_none_of_the_same_malignancy():
    rows = table({"diagnosis": "mel", "malignant": 1}, {"diagnosis": "", "malignant": 1})
    assert splits.conflicting(rows, pairs((0, 1))).empty


def many(seed, count=2000):
    """Photographs of two sources and four labels, in groups of one to six."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, count)
    group = np.repeat([f"g{k}" for k in range(count)], sizes)[:count]
    label = rng.choice(["mel", "nv", "bkl", ""], count, p=[0.1, 0.6, 0.05, 0.25])
    source = np.where(rng.random(count) < 0.8, "big", "small")
    return pd.DataFrame(
        {"group": group, "source": source, "diagnosis": label, "malignant": (label == "mel").astype(int)}
    )


@pytest.mark.parametrize("seed", range(5))
def test_every_source_and_diagnosis_is_split_70_15_15(seed):
    rows = many(seed)
    rows["split"] = splits.assign(rows, seed=seed)
    for (source, label), part in rows.groupby(["source", "diagnosis"]):
        for split, share in zip(splits.SPLITS, splits.SHARES, strict=True):
            count = (part["split"] == split).sum()
            # Within two photographs, or 3 % of a large stratum: groups hold several labels.
            assert abs(count - share * len(part)) <= max(2.5, 0.03 * len(part)), (source, label, split, count)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("ab"), st.integers(0, 1)), min_size=1, max_size=40))
def test_a_group_never_crosses_whatever_it_holds(drawn):
    rows = pd.DataFrame(drawn, columns=["group", "source", "malignant"]).assign(diagnosis="")
    rows["group"] = "g" + rows["group"].astype(str)
    rows["split"] = splits.assign(rows)
    assert splits.crossing(rows, rows["group"]) == []


def test_the_seed_decides_the_split():
    rows = many(0)
    assert (splits.assign(rows, seed=1) == splits.assign(rows, seed=1)).all()
    assert (splits.assign(rows, seed=1) != splits.assign(rows, seed=2)).any()


def test_a_group_that_is_decided_stays_and_the_rest_makes_up_for_it():
    rows = many(0)
    fixed = dict.fromkeys(rows["group"].unique()[:60], "test")
    split = splits.assign(rows, fixed)
    assert set(split[rows["group"].isin(list(fixed))]) == {"test"}
    assert abs((split == "test").mean() - 0.15) < 0.01 and abs((split == "train").mean() - 0.70) < 0.01


def test_a_group_that_reaches_a_test_only_source_is_wholly_test():
    rows = table({"source": "kaggle_melanoma_120"}, {}, {}).assign(group=["g0", "g0", "g1"])
    assert splits.decided(rows) == {"g0": "test"}
    assert splits.assign(rows, splits.decided(rows))[:2].tolist() == ["test", "test"]


def old(**parts):
    rows = pd.DataFrame([{"source": "s", "image_id": name, "split": split} for name, split in parts.items()])
    return splits.placed(rows)


def test_an_old_split_is_kept_and_decides_for_new_photographs_of_its_groups():
    rows = table({}, {}, {}, {}).assign(group=["g0", "g1", "g1", "g2"])
    assert splits.decided(rows, old(i0="train", i1="test")) == {"g0": "train", "g1": "test"}


@pytest.mark.parametrize("other", ["train", "validation"])
def test_a_group_that_joins_old_test_and_another_old_part_is_refused(other):
    rows = table({}, {}, {}).assign(group="g0")
    with pytest.raises(UserError, match=rf"(?s)old split keeps apart: .*{other} \(s i2\).*--keep-split"):
        splits.decided(rows, old(i1="test", i2=other))


def test_a_test_only_photograph_that_joins_an_old_training_group_is_refused():
    rows = table({"source": "kaggle_melanoma_120"}, {}).assign(group="g0")
    with pytest.raises(UserError, match="only ever a test"):
        splits.decided(rows, old(i1="train"))


def test_crossing_names_exactly_the_keys_in_several_splits():
    rows = pd.DataFrame({"split": ["train", "test", "train", "train", "test", "validation"]})
    assert splits.crossing(rows, ["a", "a", "b", "b", "", ""]) == ["a"]


def test_the_audit_names_what_crosses():
    rows = table({"lesion_id": "L"}, {"lesion_id": "L"}, {"patient_id": "P"}, {"patient_id": "P"}, {}, {})
    rows = rows.assign(split=["train", "test"] * 3, group=["a", "b", "c", "d", "e", "e"])
    assert audit.audit(rows, pairs((4, 5)))["crossing"] == {
        "groups": ["e"],
        "lesions": ["s/L"],
        "patients": ["s/P"],
        "near_duplicates": ["s i4 = s i5"],
    }


def test_the_auc_from_source_alone_is_that_of_the_training_share():
    # Training: a 2 of 3 malignant, b 0 of 1. Test: malignant a, b and benign b: pairs a>b wins, b=b ties: 1.5 of 2.
    rows = table(
        *[{"source": "a", "malignant": m} for m in (1, 1, 0)],
        {"source": "b"},
        {"source": "a", "malignant": 1},
        {"source": "b", "malignant": 1},
        {"source": "b"},
    ).assign(split=["train"] * 4 + ["test"] * 3)
    assert audit.source_auc(rows) == {"train": 0.75, "validation": None, "test": 0.75}


def test_a_file_that_is_no_split_is_named(tmp_path):
    with pytest.raises(UserError, match="Make it first: python -m train prepare"):
        splits.read_split(tmp_path / "split.csv")
    header = ",".join(splits.SPLIT_COLUMNS)
    for line, complaint in (("/d,a.jpg,s,a,g0,holdout,nv,0", "holdout"), ("/d,a.jpg,s,a,g0,test,nv,2", "malignant")):
        (tmp_path / "split.csv").write_text(f"{header}\n{line}\n")
        with pytest.raises(UserError, match=complaint):
            splits.read_split(tmp_path / "split.csv")


@pytest.mark.real_data
def test_every_source_and_diagnosis_of_the_shared_photographs_is_split_70_15_15(shared_data):
    rows = catalogue.read(shared_data)
    rows["group"] = splits.group(rows, NO_PAIRS)
    rows["split"] = splits.assign(rows, splits.decided(rows))
    for column in ("lesion_id", "patient_id", "group"):
        assert splits.crossing(rows, splits.identities(rows, column)) == []
    assert set(rows["split"][rows["source"].isin(catalogue.TEST_ONLY)]) == {"test"}
    trained = rows[~rows["source"].isin(catalogue.TEST_ONLY)]
    for (source, label), part in trained.groupby(["source", "diagnosis"]):
        for split, share in zip(splits.SPLITS, splits.SHARES, strict=True):
            count = (part["split"] == split).sum()
            # Within 8 %, or three photographs: a patient of siim_isic_2020 comes whole, with up to 80 photographs.
            assert abs(count - share * len(part)) <= max(3, 0.08 * len(part)), (source, label, split, count)
