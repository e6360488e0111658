"""The ISIC archive's taxonomy: the class of all 418 values, and records of it with levels missing or unknown."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from train.data import labels
from train.data.labels import isic_taxonomy

FLAT = "Flat melanotic pigmentations - not melanocytic nevus"
VASCULAR = "Malignant soft tissue proliferations - Vascular"
UNSURE = "Indeterminate melanocytic proliferations"


def rows():
    with isic_taxonomy.VALUES.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def taken_for(*levels):
    return labels.taken_for([labels.Told("diagnosis", " > ".join(levels), labels.meaning_of_levels(levels))])


def test_every_value_has_upstreams_class_but_actinic_keratosis_which_needs_a_doctor():
    differing = [row["value"] for row in rows() if row["value"].split(":")[0].lower() != row["class"]]
    assert len(rows()) == len({row["value"] for row in rows()}) == 418
    assert [value.split(":")[2] for value in differing] == ["Solar or actinic keratosis"] * 6
    assert Counter(row["class"] for row in rows()) == {"benign": 233, "malignant": 171, "indeterminate": 14}


def test_every_value_is_read_as_its_row_says():
    for row in rows():
        known = labels.meaning_of_levels(row["value"].split(":"))
        said = "indeterminate" if known.indeterminate else ("benign", "malignant")[known.malignant]
        assert (known.diagnosis, said) == (row["diagnosis"], row["class"]), row["value"]


@pytest.mark.parametrize(
    "leaf", ["Atypical Spitz tumor", "Atypical proliferative nodules in congenital melanocytic nevus"]
)
def test_what_upstream_calls_indeterminate_is_no_nevus(leaf):
    assert taken_for("Indeterminate", UNSURE, leaf) == "no label: upstream calls it indeterminate"


@pytest.mark.parametrize("leaf", ["Ephelis", "Cafe au lait macule or patch", "Mucosal melanotic macule"])
def test_pigment_that_is_not_melanocytic_nevus_is_benign_without_a_diagnosis(leaf):
    assert taken_for("Benign", FLAT, leaf) == "benign, no diagnosis"


@pytest.mark.parametrize(
    "leaf", ["Kaposi sarcoma", "Angiosarcoma cutaneous", "Hemangioendothelioma", "Malignant glomus tumor"]
)
def test_malignant_vessels_are_malignant_without_a_diagnosis(leaf):
    assert taken_for("Malignant", VASCULAR, leaf) == "malignant, no diagnosis"


def test_levels_may_be_missing():
    assert taken_for("Malignant", "", "Melanoma in situ", "", "") == "mel, malignant"
    assert taken_for("Benign", "", "", "", "") == "benign, no diagnosis"


def test_a_value_that_the_taxonomy_lacks_means_what_the_level_above_it_means():
    above = ("Benign", "Benign melanocytic proliferations", "Nevus")
    assert taken_for(*above, "Nevus, of a kind found tomorrow") == "nv, benign"
    assert taken_for("Indeterminate", UNSURE, "Found tomorrow") == "no label: upstream calls it indeterminate"


def test_a_nevus_without_melanocytes_is_no_nv():
    assert taken_for("Benign", "Benign epidermal proliferations", "Epidermal nevus") == "benign, no diagnosis"
