"""Every code has its sentence, and the sentences promise nothing."""

from __future__ import annotations

import pytest

from skin_model import wording
from skin_model.calibration import BANDS
from skin_model.diagnoses import DIAGNOSES
from skin_model.photo import PhotoRefused
from skin_model.wording import languages, sentence

PROBLEMS = ("too_blurred", "too_dark", "too_bright", "glare", "too_small", "lesion_too_small")
KEYS = (
    [f"refused.{kind.code}" for kind in PhotoRefused.__subclasses__()]
    + ["refused.no_such_file", "refused.not_skin", "notice.screening", "notice.privacy"]
    + [f"problem.{code}" for code in PROBLEMS]
    + [f"{room}.{band}" for room in ("band", "next_step") for band in BANDS]
    + [f"diagnosis.{code}.{part}" for code in DIAGNOSES for part in ("name", "line")]
)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("key", KEYS)
def test_every_code_has_a_sentence_in_every_language(key, language):
    assert sentence(key, language).strip()


def test_english_is_there():
    assert "en" in languages()


def test_a_placeholder_takes_its_value(monkeypatch):
    monkeypatch.setattr(wording, "_sentences", lambda language: {"count": "{n} photos"})
    assert sentence("count", n=3) == "3 photos"


def test_a_placeholder_without_a_value_is_named(monkeypatch):
    monkeypatch.setattr(wording, "_sentences", lambda language: {"count": "{n} photos"})
    with pytest.raises(KeyError, match=r"'count' \(en\) needs a value for the placeholder 'n'"):
        sentence("count")


def test_an_unknown_key_names_the_file_to_mend():
    with pytest.raises(KeyError, match=r"no sentence 'refused.nonsense' in skin_model/wording/en.json"):
        sentence("refused.nonsense")


@pytest.mark.parametrize("language", ["xx", "../wording/en", ""])
def test_an_unknown_language_names_those_there_are(language):
    with pytest.raises(KeyError, match=r"there are: .*en"):
        sentence("band.low", language)


def test_no_band_says_that_a_spot_is_healthy():
    for band in BANDS:
        text = f"{sentence(f'band.{band}')} {sentence(f'next_step.{band}')}".lower()
        assert not [
            word for word in ("healthy", "harmless", "safe", "benign", "no cancer", "all clear") if word in text
        ]


@pytest.mark.parametrize("band", BANDS)
def test_every_next_step_names_the_doctor(band):
    assert "doctor" in sentence(f"next_step.{band}")


def test_a_low_risk_still_asks_to_watch_for_changes():
    text = sentence("next_step.low")
    assert "Watch" in text
    assert "changes" in text


def test_the_notice_says_that_this_is_no_diagnosis():
    assert "not a diagnosis" in sentence("notice.screening")
