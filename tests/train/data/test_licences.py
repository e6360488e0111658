"""Licences as they are written upstream, compared whole."""

from __future__ import annotations

import pytest

from skin_model.licence_note import SOURCES
from train import UserError
from train.data import licences


@pytest.mark.parametrize(
    ("written", "source", "identifier"),
    [
        ("CC0", "mine", "CC0-1.0"),
        ("CC-0", "isic_archive", "CC0-1.0"),
        ("CC0 1.0", "mine", "CC0-1.0"),
        ("cc0-1.0", "mine", "CC0-1.0"),
        ("CC0 (ISIC 2017)", "isic_2017", "CC0-1.0"),
        ("CC BY 4.0", "pad_ufes_20", "CC-BY-4.0"),
        ("CC-BY-4.0", "mine", "CC-BY-4.0"),
        ("CC BY-NC 4.0", "ham10000", "CC-BY-NC-4.0"),
        ("CC BY-NC-ND 4.0", "mine", "CC-BY-NC-ND-4.0"),
        ("CC-BY", "isic_acral_imperial", "CC-BY-4.0"),
        ("CC-BY-NC", "isic_acral_ids", "CC-BY-NC-4.0"),
        ("CC-BY", "mine", "unknown"),
        ("", "mine", "unknown"),
        ("all rights reserved", "mine", "unknown"),
        ("CC0 (ISIC 2016/17 images); none stated in repo", "isic_archive", "unknown"),
        ("CC0 (some images; the challenge states CC BY-NC 4.0)", "isic_archive", "unknown"),
        ("repo README says CC0; upstream ISIC", "kaggle_melanoma_120", "unknown"),
        ("CC BY 4.0 or CC BY-NC 4.0", "mine", "unknown"),
        ("not CC0", "mine", "unknown"),
    ],
)
def test_a_licence_is_recognised_only_as_a_whole(written, source, identifier):
    assert licences.normalise(written, source) == identifier


def test_by_default_neither_non_commercial_nor_no_derivatives_nor_unknown_ones_are_free():
    free = licences.chosen(None)
    assert {"CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "MIT"} <= free
    assert free.isdisjoint({"CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "unknown", ""})


def test_a_list_of_licences_is_read_whatever_its_case_and_spaces():
    assert licences.chosen(" cc0-1.0, CC-BY-NC-4.0") == {"CC0-1.0", "CC-BY-NC-4.0"}


@pytest.mark.parametrize("wanted", ["CC-BY", "CC BY 4.0,CC0-1.0", "unknown", "", " , "])
def test_a_list_with_anything_but_whole_identifiers_is_refused(wanted):
    with pytest.raises(UserError):
        licences.chosen(wanted)


@pytest.mark.parametrize(
    ("stated", "identifier", "says"),
    [
        ({"clinic": {"CC0": 5}}, "cc0-1.0", "under CC0-1.0 (clinic): name these sources"),
        ({"a": {"CC0": 5}, "b": {"CC-BY-4.0": 1}}, "cc-by-4.0", "under CC-BY-4.0 (b); CC0-1.0 (a): name"),
        ({"a": {"CC-BY-SA-4.0": 5}, "b": {"CC-BY-4.0": 1}}, "cc-by-sa-4.0", "name these sources"),
        ({"a": {"CC-BY-4.0": 900}, "b": {"CC BY-NC 4.0": 1}}, "cc-by-nc-4.0", "under CC-BY-NC-4.0 (b): for non-comm"),
        ({"a": {"CC-BY-NC-SA-4.0": 1}, "b": {"": 3}}, "cc-by-nc-sa-4.0", "for non-commercial use only"),
        ({"a": {"CC-BY-4.0": 9, "": 1}}, "other", "licence (a) is not stated"),
        ({"a": {"CC-BY-ND-4.0": 1}}, "other", "licence (a) is not stated or allows no changes"),
        ({}, "other", "licence is not stated"),
    ],
)
def test_weights_are_bound_as_their_most_binding_photograph_is(stated, identifier, says):
    found, sentence = licences.of_weights(stated)
    assert found == identifier
    assert says in sentence and sentence.endswith("A screening aid, not a diagnosis.")


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        ("ISIC_0024306", "ISIC_0024306"),
        ("ISIC_0024306_downsampled", "ISIC_0024306"),
        ("ham10000.ISIC_0024306", "ISIC_0024306"),
        ("PAT_8_15_820", None),
        ("melanoma_1", None),
        ("ISIC_24306", None),
    ],
)
def test_the_isic_archive_has_what_is_called_as_it_calls_things(image_id, expected):
    assert licences.isic_id(image_id) == expected


def test_an_unknown_source_is_named_as_it_calls_itself():
    assert licences.attribution("my_clinic", "") == "my_clinic. Licence: not stated by the source."


def test_every_set_with_a_name_of_its_own_is_cited_and_not_named_by_its_code():
    for source in SOURCES:
        assert source not in licences.attribution(source, "CC-BY-4.0")
