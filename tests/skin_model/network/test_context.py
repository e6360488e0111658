"""Age, sex and site: what people type is understood or refused in a sentence, and effects add up as by hand."""

import math
from dataclasses import asdict, replace

import pytest

from skin_model.assess import Assessment, Assessor
from skin_model.context_table import ContextTable
from skin_model.network.checkpoint import Checkpoint
from skin_model.network.context import Context, ContextModel, UnknownContext, age_of, sex_of, site_of

MODEL = ContextModel(
    ages=(20.0, 40.0, 60.0),
    age_effects=(-1.0, 0.0, 0.5),
    sex_effects={"female": -0.1, "male": 0.1},
    site_effects={"head_neck": 0.3},
)


@pytest.mark.parametrize(
    ("said", "site"),
    [
        ("back", "posterior_torso"),
        ("Posterior Torso", "posterior_torso"),
        ("head/neck", "head_neck"),
        ("NOSE", "head_neck"),
        ("lower extremity", "lower_extremity"),
        ("acral palms or soles", "palms_soles"),
        ("thighs", "lower_extremity"),
        ("trunk", "torso"),
        ("", None),
        ("unknown", None),
    ],
)
def test_a_site_is_understood_as_data_sets_and_people_write_it(said, site):
    assert site_of(said) == site


@pytest.mark.parametrize(("said", "sex"), [("Female", "female"), ("m", "male"), ("", None), ("unknown", None)])
def test_a_sex_is_understood_in_its_usual_spellings(said, sex):
    assert sex_of(said) == sex


@pytest.mark.parametrize(
    ("of", "said"), [(site_of, "moon"), (sex_of, "yes"), (age_of, "old"), (age_of, -1), (age_of, 121)]
)
def test_what_is_no_age_sex_or_site_is_refused_with_the_word_that_was_said(of, said):
    with pytest.raises(UnknownContext, match=str(said)):
        of(said)


@pytest.mark.parametrize(("age", "added"), [(10, -1.0), (20, -1.0), (30, -0.5), (50, 0.25), (60, 0.5), (95, 0.5)])
def test_the_effect_of_age_is_linear_between_the_knots_and_constant_beyond(age, added):
    assert MODEL.added(Context(age=age)) == pytest.approx(added)


def test_effects_add_up_on_the_log_odds():
    # ln(0.2 / 0.8) + 0.5 + 0.1 + 0.3 = -0.486294
    risk = MODEL.risk(0.2, Context(60, "male", "head_neck"))
    assert risk == pytest.approx(1 / (1 + math.exp(0.486294)), abs=1e-6)


def test_what_is_not_told_adds_nothing():
    assert MODEL.risk(0.2, Context()) == pytest.approx(0.2)
    assert MODEL.risk(0.2, Context(site="torso")) == pytest.approx(0.2)


def test_a_model_comes_back_from_its_json():
    assert ContextModel.from_json(asdict(MODEL)) == MODEL


@pytest.mark.parametrize(
    "change",
    [{"ages": (20.0, 20.0, 60.0)}, {"ages": (20.0,)}, {"sex_effects": {"x": 1.0}}, {"age_effects": (0, 0, math.nan)}],
)
def test_effects_that_cannot_be_are_refused(change):
    with pytest.raises(ValueError, match="context"):
        replace(MODEL, **change)


@pytest.fixture(scope="module")
def assessor():
    embedded = Checkpoint.load()
    return Assessor(replace(embedded, config=replace(embedded.config, context=MODEL)))


def test_the_pictures_answer_stays_beside_the_one_with_context(assessor):
    told = assessor.with_context(Assessment(risk=0.2), Context(age=60.0))
    assert (told.risk, told.risk_with_context) == (0.2, pytest.approx(MODEL.risk(0.2, Context(age=60.0))))


def test_without_context_there_is_no_second_risk(assessor):
    assert assessor.with_context(Assessment(risk=0.2, risk_with_context=0.3), Context()).risk_with_context is None
    assert assessor.with_context(Assessment(), Context(age=60.0)).risk_with_context is None


def table(folder, text):
    file = folder / "told.csv"
    file.write_text(text)
    return ContextTable(file)


def test_a_table_tells_of_photos_by_path_or_by_a_name_that_is_there_once(tmp_path):
    told = table(tmp_path, "file,age,site\na/1.jpg,54,back\nb/1.jpg,20,\nb/2.jpg,,face\n")
    assert told.of(tmp_path / "b" / "1.jpg") == Context(age=20.0)
    assert told.of(tmp_path / "elsewhere" / "2.jpg") == Context(site="head_neck")
    assert told.of(tmp_path / "elsewhere" / "1.jpg") is None


@pytest.mark.parametrize("written", ["b\\Ru\u0308cken.jpg", "b/R\u00fccken.JPG", " r\u00dcCKEN.jpg"])
def test_slashes_case_and_unicode_forms_of_a_tables_names_do_not_matter(tmp_path, written):
    told = table(tmp_path, f"file,age\n{written},54\n")
    assert told.of(tmp_path / "b" / "R\u00fccken.jpg") == Context(age=54.0)


def test_a_row_whose_own_photo_is_there_tells_of_no_other_of_that_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").touch()
    told = table(tmp_path, "file,age\na/1.jpg,54\n")
    assert told.of(tmp_path / "a" / "1.jpg") == Context(age=54.0)
    assert told.of(tmp_path / "b" / "1.jpg") is None


def test_a_wrong_cell_is_named_with_its_line(tmp_path):
    with pytest.raises(UnknownContext, match=r"line 3: .*moon"):
        table(tmp_path, "file,site\n1.jpg,back\n2.jpg,moon\n")


@pytest.mark.parametrize("text", ["", "age,sex\n3,female\n", "file\n1.jpg\n"])
def test_a_table_without_the_columns_is_refused(tmp_path, text):
    with pytest.raises(UnknownContext, match="needs a column file"):
        table(tmp_path, text)
