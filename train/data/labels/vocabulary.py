"""The words of the field that labels are made of: names of diagnoses, what may stand beside them, and negations."""

from skin_model.diagnoses import DIAGNOSES
from train.data.labels.meaning import BENIGN, INDETERMINATE, MALIGN, Meaning, of_diagnosis


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CODES: dict[str, Meaning] = {
    **{code: of_diagnosis(code) for code in DIAGNOSES},
    **dict.fromkeys(("ak", "ack", "scc", "sccka", "bod"), of_diagnosis("akiec")),
    "nev": of_diagnosis("nv"),
    **dict.fromkeys(("sek", "sk"), of_diagnosis("bkl")),
    **dict.fromkeys(("ben oth", "inf"), BENIGN),
    **dict.fromkeys(("mal oth", "nmsc"), MALIGN),
}
"""Upstream short codes in plain words: HAM10000, ISIC 2017 and 2019, PAD-UFES-20, MILK10k."""

_NAMES: dict[str, str] = {
    "mel": """melanoma; malignant melanoma; lentigo maligna; lentigo maligna melanoma; melanom; malignes melanom;
        melanome; melanome malin; melanoma maligno; czerniak""",
    "bcc": """basal cell carcinoma; basal cell cancer; basal cell skin cancer; basalioma; basaliom; basalzellcarcinom;
        carcinome basocellulaire; carcinoma basocelular; carcinoma basocellulare; epitelioma basocelular""",
    "akiec": """actinic keratosis; solar keratosis; squamous cell carcinoma; squamous cell cancer;
        squamous cell skin cancer; squamous carcinoma; bowen disease; bowen; intraepithelial carcinoma;
        intraepidermal carcinoma; intra epithelial carcinoma; plattenepithelcarcinom; spinaliom; aktinische keratose;
        carcinome epidermoide; carcinome spinocellulaire; carcinoma espinocelular; carcinoma spinocellulare;
        carcinoma epidermoide; keratose actinique; queratosis actinica; ceratose actinica; cheratosi attinica""",
    "nv": """nevus; melanocytic nevus; naevus melanocytaire; nevus melanocitico; nevus pigmentosus;
        nevo melanocitico; nevo; mole;
        spitz nevus; spitz; muttermal; leberfleck; grain de beaute; lunar; pieprzyk; znamie""",
    "bkl": """seborrheic keratosis; seborrhoic keratosis; benign keratosis; benign keratosis like lesion;
        benign keratosis like; pigmented benign keratosis; benign lichenoid keratosis; lichenoid keratosis;
        lichen planus like keratosis; lichen planus keratosis; lichen simplex; lentigo; solar lentigo;
        lentigo simplex; lentigo nos; ink spot lentigo; seborrhoische keratose; keratose seborrheique;
        queratosis seborreica; ceratose seborreica; cheratosi seborroica; stucco keratosis""",
    "df": "dermatofibroma; dermatofibrom; dermatofibrome; histiocytoma; fibrous histiocytoma",
    "vasc": """vascular lesion; vascular; vascular skin lesion; angioma; hemangioma; cherry angioma; cherry hemangioma;
        spider angioma; angiokeratoma; pyogenic granuloma; hemorrhage; hematoma; venous lake; lymphangioma;
        telangiectasia; vascular malformation; hamangiom; angiom; angiome; lesion vasculaire; lesion vascular""",
}
_ANSWERS: tuple[tuple[str, Meaning], ...] = (
    (
        """malignant; malign; malignancy; malignant lesion; cancer; cancerous; skin cancer; carcinoma; sarcoma;
        lymphoma; non melanoma skin cancer; non melanoma cancer; non melanoma skin carcinoma; bosartig; maligne;
        maligno; maligna; malin; zlosliwy; carcinoma in situ""",
        MALIGN,
    ),
    (
        """benign; benign lesion; normal; normal skin; healthy; healthy skin; gutartig; benigne; benigno; benigna;
        benin; lagodny; wart; skin tag; acrochordon; cyst; epidermal nevus; sebaceous nevus; nevus sebaceous;
        nevus sebaceus; nevus comedonicus; nevus lipomatosus; cafe au lait macule; mucosal melanosis; freckle;
        angiofibroma; fibrous papule; sebaceous hyperplasia; neurofibroma; lipoma""",
        BENIGN,
    ),
    (
        """indeterminate; atypical melanocytic proliferation; atypical melanocytic lesion;
        atypical melanocytic neoplasm; atypical melanocytic tumor; atypical melanocytic hyperplasia;
        atypical intraepithelial melanocytic proliferation; aimp; atypical spitz tumor; spitz tumor;
        melanocytic tumor of uncertain malignant potential; meltump; stump; atypical spitz nevus""",
        INDETERMINATE,
    ),
)
PHRASES: dict[str, Meaning] = {
    phrase.strip(): meaning
    for phrases, meaning in (*((text, of_diagnosis(code)) for code, text in _NAMES.items()), *_ANSWERS)
    for phrase in " ".join(phrases.split()).split(";")
}
"""Names of diagnoses, and of benign, malignant and indeterminate, in plain words."""

NOT: frozenset[str] = _words("not non no without absence kein keine nicht ohne sans pas sin senza bez nie sem nao")
"""Before what they deny."""
DENIED: frozenset[str] = _words("no negative neg absent false excluded nein")
"""Behind what they deny."""
OF: frozenset[str] = _words("a an any the of for de evidence sign skin")
"""May stand between a negation and what it denies."""

BESIDE: frozenset[str] = _words(
    """a an the of for in on at by to with and or from de du la le et y und oder class classe type category diagnosis
    dx label image photo picture photograph case sample lesion skin cutaneous disease group cancer proliferation tumor
    neoplasm confirmed proven biopsy present positive yes true histopathology
    nos other specified common typical classic atypical dysplastic clark compound junctional dermal intradermal
    congenital acquired blue combined halo recurrent persistent reed spilus special site acral lentiginous
    acrolentiginous nodular superficial spreading desmoplastic amelanotic hypomelanotic spitzoid nevoid subungual
    mucosal in situ invasive invasion metastasis metastatic primary thin thick early late stage grade low high
    pigmented nonpigmented unpigmented heavily micronodular infiltrating infiltrative morpheaform sclerosing
    cystic fibroepithelial well moderately poorly differentiated keratoacanthoma hypertrophic atrophic lichenoid
    bowenoid irritated inflamed clonal flat facial face scalp nail back trunk palm sole less than more mm cm pt tis
    melanocytic epidermal spindle cell pleomorphic cellular hemosiderotic aneurysmal eruptive infantile cherry spider
    solar actinic senile"""
)
"""May stand beside the name of a diagnosis without changing which of the seven it is."""
