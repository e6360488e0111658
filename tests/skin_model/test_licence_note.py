"""Every note that training writes is told apart, so that it can be read in every language."""

import pytest

from skin_model.licence_note import told_apart
from skin_model.wording import Words, languages
from train.data.licences import of_weights


@pytest.mark.parametrize(
    ("stated", "key", "named"),
    [
        ({"ham10000": {"CC BY-NC 4.0": 9}}, "licence.non_commercial", "CC-BY-NC-4.0 (HAM10000)"),
        ({"mine": {"who knows": 9}}, "licence.unclear", "mine"),
        ({}, "licence.unclear", "–"),
        ({"pad_ufes_20": {"CC BY 4.0": 9}}, "licence.named", "CC-BY-4.0 (PAD-UFES-20)"),
    ],
)
def test_a_note_of_training_is_told_apart(stated, key, named):
    assert told_apart(of_weights(stated)[1]) == (key, {"named": f"\u2066{named}\u2069"})


def test_a_note_in_words_of_its_own_is_left_as_it_is():
    assert told_apart("Ask us.") is None


def test_sources_are_called_by_their_names():
    note = "Trained on photographs under CC-BY-4.0 (isic_archive, siim_isic_2020, clinic): name these sources."
    assert told_apart(note) == (
        "licence.named",
        {"named": "\u2066CC-BY-4.0 (ISIC Archive, SIIM-ISIC 2020, clinic)\u2069"},
    )


@pytest.mark.parametrize("language", languages())
def test_the_sentence_names_the_sources_in_every_language(language):
    for key in ("licence.non_commercial", "licence.unclear", "licence.named"):
        assert "HAM" in Words(language)(key, named="HAM")
