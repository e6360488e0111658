"""Whose photographs they are, and where they can be seen."""

from __future__ import annotations

import pytest

from train import attribution


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
    assert attribution.isic_id(image_id) == expected


def test_an_unknown_source_is_named_as_it_calls_itself():
    assert attribution.attribution("my_clinic", "") == "my_clinic. Licence: not stated by the source."
