"""What a label's wording means, in every spelling, and what is not understood and so means nothing."""

from __future__ import annotations

import pytest

from train.data import labels
from train.data.labels import plain, vocabulary


def taken_for(text):
    return labels.taken_for([labels.Told("label", text, labels.meaning(text))])


@pytest.mark.parametrize(
    "wording",
    [
        "NotMelanoma",
        "not melanoma",
        "Non Melanoma",
        "no melanoma",
        "non-melanoma",
        "nonmelanoma",
        "non_melanoma",
        "notmelanoma",
        "NonMEL",
        "melanoma_no",
        "melanoma negative",
        "without melanoma",
        "no evidence of melanoma",
        "non-malignant",
        "not_malignant",
        "NonCancerous",
        "no cancer",
        "kein Melanom",
        "pas de mélanome",
        "melanoma-free",
        "free of melanoma",
        "negative for melanoma",
        "isn't melanoma",
        "no es melanoma",
        "kein Krebs",
        "non cancéreux",
        "mélanome: non",
    ],
)
def test_a_denied_cancer_is_benign_without_a_diagnosis(wording):
    assert taken_for(wording) == "benign, no diagnosis"


@pytest.mark.parametrize(
    "wording",
    [
        "benign (no melanoma)",
        "melanoma no metastasis",
        "Melanoma No. 12",
        "melanoma: no, nevus: yes",
        "no nevus or melanoma",
        "no nevus, melanoma",
        "not benign or malignant",
        "not melanoma in situ",
        "other than melanoma",
    ],
)
def test_where_it_cannot_be_told_what_is_denied_nothing_is_said(wording):
    assert taken_for(wording).startswith("no label")


def test_what_is_denied_behind_another_name_takes_nothing_from_it():
    assert taken_for("nevus (not melanoma)") == "nv, benign"
    assert taken_for("benign, not malignant") == "benign, no diagnosis"


def test_non_melanoma_skin_cancer_is_a_cancer():
    assert {taken_for(text) for text in ("non-melanoma skin cancer", "NMSC", "Nonmelanoma skin cancers")} == {
        "malignant, no diagnosis"
    }


@pytest.mark.parametrize("wording", ["not nevus", "NonNevus", "not BCC", "no dermatofibroma", "not a mole"])
def test_another_denied_diagnosis_says_nothing(wording):
    assert taken_for(wording).startswith("no label")


@pytest.mark.parametrize("cancer", ["melanoma", "MEL", "BCC", "carcinoma", "malignant", "skin cancer", "Mélanome"])
def test_no_denial_or_doubt_beside_a_cancer_makes_it_one(cancer):
    denials = "not non no never without kein pas sin sem senza nie former suspected possible rule_out post vs neither"
    denials = [*denials.replace("_", " ").split(), "history of", "?", "!", "-ve", "absent", "free", "-1", "false"]
    written = (
        "{0} {1}",
        "{0}_{1}",
        "{1} {0}",
        "{1}_{0}",
        "{1} ({0})",
        "{1}: {0}",
        "lesion, {0} {1}",
        "benign ({0} {1})",
    )
    labels_of = [form.format(denial, cancer) for denial in denials for form in written]
    assert [text for text in labels_of if labels.meaning(text).malignant == 1] == []


def test_a_denied_property_is_not_a_denied_diagnosis():
    assert taken_for("melanoma, non-invasive") == "mel, malignant"
    assert taken_for("non-pigmented basal cell carcinoma") == "bcc, malignant"
    assert taken_for("amelanotic melanoma") == "mel, malignant"


@pytest.mark.parametrize(
    ("code", "wordings"),
    [
        (
            "mel",
            ["melanoma", "MelanomaInSitu", "superficial-spreading_melanoma", "Mélanome", "melanoma (0.76 to 1.5 mm)"],
        ),
        ("bcc", ["basal_cell_carcinoma", "BasalCellCarcinoma", "basalcellcarcinoma", "Basal Cell Carcinomas", "BCC"]),
        ("akiec", ["actinic_keratoses", "squamous_cell_carcinoma", "Bowen's disease", "SCC", "AK", "solar keratosis"]),
        (
            "nv",
            [
                "melanocytic_Nevi",
                "Melanocytic_nevus",
                "naevi",
                "NÄVUS",
                "Nævus",
                "dysplastic-nevus",
                "1. Nevus",
                "moles",
            ],
        ),
        ("bkl", ["benign_keratosis-like_lesions", "seborrheic-keratosis", "Seborrhoeic keratoses", "solar lentigines"]),
        ("bkl", ["pigmented_benign_keratosis", "lichen planus-like keratosis", "SEK"]),
        ("df", ["dermatofibroma", "Dermatofibromas", "DF"]),
        ("vasc", ["vascular_lesions", "haemangiomata", "angiokeratoma", "PyogenicGranuloma"]),
    ],
)
def test_case_separators_camel_case_plurals_and_accents_do_not_matter(code, wordings):
    assert {wording: labels.diagnosis(wording) for wording in wordings} == dict.fromkeys(wordings, code)


def test_ham10000s_long_names_are_understood():
    long = {
        "Actinic keratoses and intraepithelial carcinoma / Bowen's disease": "akiec",
        "benign keratosis-like lesions (solar lentigines / seborrheic keratoses, lichen-planus like keratoses)": "bkl",
        "vascular lesions (angiomas, angiokeratomas, pyogenic granulomas and hemorrhage)": "vasc",
    }
    assert {name: labels.diagnosis(name) for name in long} == long


@pytest.mark.parametrize(
    "wording",
    [
        "melanoma?",
        "suspected melanoma",
        "rule out melanoma",
        "nevus vs melanoma",
        "melanoma or nevus",
        "melanoma-like nevus",
        "family history of melanoma",
        "malignant nevus",
        "premalignant",
        "suspicious",
        "other",
        "unknown",
        "keratosis",
        "images",
        "HAM10000_images_part_1",
        "kaggle_melanoma_120",
        "Skin cancer ISIC collaboration",
        "melanocytic",
        "3",
        "",
    ],
)
def test_what_is_not_understood_in_full_is_not_guessed(wording):
    assert taken_for(wording) == "no label: neither a known diagnosis nor benign or malignant"


def test_milk10ks_classes_have_their_meaning():
    names = ("AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC")
    assert {name: taken_for(name) for name in names} == {
        "AKIEC": "akiec, malignant",
        "BCC": "bcc, malignant",
        "BEN_OTH": "benign, no diagnosis",
        "BKL": "bkl, benign",
        "DF": "df, benign",
        "INF": "benign, no diagnosis",
        "MAL_OTH": "malignant, no diagnosis",
        "MEL": "mel, malignant",
        "NV": "nv, benign",
        "SCCKA": "akiec, malignant",
        "VASC": "vasc, benign",
    }


def test_places_that_disagree_leave_no_label():
    told = [labels.Told(place, text, labels.meaning(text)) for place, text in (("dx", "nevus"), ("label", "malignant"))]
    with pytest.raises(labels.NoLabel, match="conflicting label: diagnosis nv, but called malignant"):
        labels.settle(told)


def test_the_name_of_an_indeterminate_lesion_yields_to_upstreams_own_answer():
    told = [labels.Told("diagnosis", "AIMP", labels.meaning("AIMP"))]
    with pytest.raises(labels.NoLabel, match="indeterminate"):
        labels.settle(told)
    assert labels.settle([*told, labels.Told("target", "0", labels.meaning("benign"))]) == ("", 0)


@pytest.mark.parametrize(
    ("code", "wordings"),
    [
        ("mel", ["Malignes Melanom", "mélanomes", "melanoma cutáneo", "czerniak", "LMM"]),
        ("bcc", ["Basaliome", "Basalzellkarzinom", "carcinoma de células basales", "carcinomas basocelulares"]),
        ("akiec", ["aktinische Keratosen", "M. Bowen", "carcinome à cellules squameuses", "queratosis actínica"]),
        ("nv", ["melanozytäre Nävi", "Leberflecken", "nævus nævocellulaire", "lunares", "nevo displastico"]),
        (
            "bkl",
            ["Seborrhoische Keratosen", "kératoses séborrhéiques", "brodawka łojotokowa", "lentigo solaire", "PBK"],
        ),
        ("df", ["Histiozytom", "Dermatofibrome"]),
        ("vasc", ["Hämangiome", "lésions vasculaires", "lesiones vasculares", "lesão vascular"]),
    ],
)
def test_names_of_other_languages_are_understood(code, wordings):
    assert {wording: labels.diagnosis(wording) for wording in wordings} == dict.fromkeys(wordings, code)


def test_a_nevus_of_vessels_is_vascular_and_one_of_other_tissue_benign_without_a_diagnosis():
    assert {taken_for(text) for text in ("spider naevus", "naevus flammeus", "strawberry nevus")} == {"vasc, benign"}
    assert {taken_for(text) for text in ("Becker's nevus", "connective tissue nevus", "epidermal nevus")} == {
        "benign, no diagnosis"
    }


def test_a_name_with_others_beside_it_keeps_only_what_is_said_of_all():
    assert taken_for("Seborrheic Keratoses and other Benign Tumors") == "benign, no diagnosis"
    assert taken_for("melanoma and other lesions").startswith("no label")


@pytest.mark.parametrize(
    "wording",
    [
        "!melanoma",
        "~melanoma",
        "\u00acmelanoma",
        "-melanoma",
        "melanoma(-)",
        "melanoma=-1",
        "<>melanoma",
        "nevus \u2192 melanoma",
    ],
)
def test_a_sign_that_may_deny_or_change_a_name_leaves_nothing(wording):
    assert taken_for(wording).startswith("no label")


@pytest.mark.parametrize("wording", ["melanoma 0.02", "melanoma: 30%", "benign 90 %", "p(melanoma)=.5"])
def test_how_likely_a_name_is_makes_it_no_label(wording):
    assert taken_for(wording).startswith("no label")


def test_a_thickness_is_not_how_likely_a_melanoma_is():
    wordings = ("melanoma 0.8 mm", "melanoma (< 0.76 mm)", "melanoma (0.76 to 1.5 mm)")
    assert {taken_for(text) for text in wordings} == {"mel, malignant"}


@pytest.mark.parametrize(
    "wording", ["mel-", "mel -", "BCC\u2212", "melanoma=0", "malignant: 0", "malignant_0", "benign=0", "melanoma (0)"]
)
def test_a_name_with_a_minus_or_a_zero_behind_it_is_not_guessed(wording):
    assert taken_for(wording).startswith("no label")


@pytest.mark.parametrize("name", sorted({*vocabulary.PHRASES, *vocabulary.CODES}))
def test_every_name_of_the_vocabulary_is_spelled_as_labels_are_compared(name):
    assert plain(name) == name


def test_a_plus_or_a_number_elsewhere_turns_no_name_round():
    assert taken_for("mel+") == "mel, malignant"
    assert taken_for("0_melanoma") == "mel, malignant"
    assert taken_for("melanoma stage 0") == "mel, malignant"
    assert taken_for("00-benign") == "benign, no diagnosis"
