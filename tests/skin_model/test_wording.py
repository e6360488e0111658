"""Every code has its sentence, and the sentences promise nothing."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from string import Formatter

import pytest

from on_device import sentences as of_the_page
from skin_model import quality, wording
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import BANDS
from skin_model.photo import PhotoRefused
from skin_model.wording import Words, languages, sentence

REPOSITORY = Path(wording.__file__).parents[2]
OTHERS = [language for language in languages() if language != "en"]
KEYS = (
    [f"refused.{kind.code}" for kind in PhotoRefused.__subclasses__()]
    + ["refused.no_such_file", "refused.not_skin", "notice.screening", "notice.privacy"]
    + [f"problem.{code}" for code in quality.PROBLEMS]
    + [f"{part}.{band}" for part in ("band", "next_step") for band in BANDS]
    + [f"diagnosis.{code}.{part}" for code in DIAGNOSES for part in ("name", "medical", "line")]
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


# --- every language says the same -----------------------------------------------------------------------------------


def sentences(language):
    return json.loads((Path(wording.__file__).parent / f"{language}.json").read_text(encoding="utf-8"))


def placeholders(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def used_in_code():
    """Patterns of every text in the code that could name a sentence, with anything where a value is filled in."""
    patterns = set()
    for pattern in ("app.py", "skin_model/**/*.py", "interface/**/*.py"):
        for file in REPOSITORY.glob(pattern):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    patterns.add(re.escape(node.value))
                elif isinstance(node, ast.JoinedStr):
                    parts = [re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in node.values]
                    patterns.add("".join(parts))
                elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
                    patterns.add(re.escape(str(node.left.value)) + r"\w+")
    of_pages = of_the_page.patterns() | of_the_page.patterns(diary=True)
    return {pattern for pattern in patterns | of_pages if r"\." in pattern}


def test_eight_languages_are_there():
    assert languages() == ("ar", "de", "en", "es", "fr", "it", "pl", "pt")


@pytest.mark.parametrize("language", OTHERS)
def test_no_language_misses_a_sentence_or_has_one_too_many(language):
    assert set(sentences(language)) == set(sentences("en"))


@pytest.mark.parametrize("language", OTHERS)
def test_the_placeholders_are_those_of_the_english_sentence(language):
    english = sentences("en")
    differing = {
        key: text for key, text in sentences(language).items() if placeholders(text) != placeholders(english[key])
    }
    assert not differing


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_longer_than_a_name_stands_in_english(language):
    english = sentences("en")
    left = [key for key, text in sentences(language).items() if text == english[key] and len(text.split()) > 3]
    assert not left


def test_no_sentence_is_left_that_nothing_says():
    patterns = [re.compile(pattern) for pattern in used_in_code()]
    unused = [key for key in sentences("en") if not any(pattern.fullmatch(key) for pattern in patterns)]
    assert not unused


def test_arabic_is_written_from_right_to_left():
    assert {language for language in languages() if Words(language).direction == "rtl"} == {"ar"}


def test_numbers_have_the_languages_decimal_sign():
    assert Words("de").number(4.53, 1) == "4,5"
    assert Words("en").number(4.53, 1) == "4.5"


@pytest.mark.parametrize("language", languages())
def test_no_language_claims_certainty_in_per_cent(language):
    words = Words(language)
    assert words.percent(0.0) == words("format.percent.under")
    assert words.percent(1.0) == words("format.percent.over")
    assert "31" in words.percent(0.314)


# --- values of data ---------------------------------------------------------------------------------------------------


def test_a_value_of_data_is_said_in_words_however_it_is_written():
    for written in ("jpeg_30", "JPEG 30"):
        assert Words("fr").value("altered", written) == "Très compressée (JPEG 30)"


def test_a_value_of_somebody_elses_data_stays_as_it_was_written():
    assert Words("de").value("altered", "left knee") == "left knee"
