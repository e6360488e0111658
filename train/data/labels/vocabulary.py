"""The words of the field that labels are made of: names of diagnoses, what may stand beside them, and negations."""

from skin_model.diagnoses import DIAGNOSES
from train.data.labels.meaning import BENIGN, INDETERMINATE, MALIGN, Meaning, of_diagnosis
from train.data.labels.plain_text import plain


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CODES: dict[str, Meaning] = {
    **{code: of_diagnosis(code) for code in DIAGNOSES},
    **dict.fromkeys(("lmm", "ssm"), of_diagnosis("mel")),
    **dict.fromkeys(("ak", "ack", "scc", "sccka", "bod"), of_diagnosis("akiec")),
    "nev": of_diagnosis("nv"),
    **dict.fromkeys(("sek", "sk", "pbk", "lplk"), of_diagnosis("bkl")),
    **dict.fromkeys(("ben oth", "inf"), BENIGN),
    **dict.fromkeys(("mal oth", "nmsc"), MALIGN),
}
"""Upstream short codes in plain words: HAM10000, ISIC 2017 and 2019, PAD-UFES-20, MILK10k."""

_NAMES: dict[str, str] = {
    "mel": """melanoma; malignant melanoma; lentigo maligna; lentigo maligna melanoma; melanom; malignes Melanom;
        mélanome; mélanome malin; melanoma maligno; melanoma cutâneo; czerniak; czerniak złośliwy""",
    "bcc": """basal cell carcinoma; basal cell cancer; basal cell skin cancer; basal cell; basalioma; Basaliom;
        Basaliome; Basalzellkarzinom; Basalzellkarzinome; carcinome basocellulaire; carcinomes basocellulaires;
        carcinoma basocelular; carcinomas basocelulares;
        carcinoma de células basales; carcinoma basocellulare; carcinoma a cellule basali; epitelioma basocelular;
        rak podstawnokomórkowy""",
    "akiec": """actinic keratosis; solar keratosis; squamous cell carcinoma; squamous cell cancer; squamous cell;
        squamous cell skin cancer; squamous carcinoma; Bowen disease; Bowen; Morbus Bowen; M. Bowen;
        intraepithelial carcinoma; intraepidermal carcinoma; intra epithelial carcinoma; maladie de Bowen;
        Plattenepithelkarzinom; Plattenepithelkarzinome; Spinaliom; Spinaliome; aktinische Keratose;
        aktinische Keratosen; carcinome épidermoïde; carcinome spinocellulaire; carcinome à cellules squameuses;
        carcinoma espinocelular; carcinomas espinocelulares;
        carcinoma spinocellulare; carcinoma squamocellulare; carcinoma epidermoide;
        carcinoma de células escamosas; carcinoma escamoso; rak kolczystokomórkowy; kératose actinique;
        kératoses actiniques; queratosis actínica; queratosis actínicas; queratose actínica; ceratose actínica;
        ceratoses actínicas; cheratosi attinica; cheratosi attiniche; rogowacenie słoneczne""",
    "nv": """nevus; melanocytic nevus; nævus mélanocytaire; nævus nævocellulaire; nævus atypique; nævus dysplasique;
        nevus melanocítico; nevo melanocítico; nevos melanocíticos; nevi melanocitici; nevo melanocitico; nevo;
        nevo atípico; nevos atípicos; nevo displásico; nevos displásicos; nevo displastico; nevi displastici;
        nevus atípico; nevus displásico; nevus pigmentosus; mole; Spitz nevus; Spitz; Muttermal; Muttermale;
        Leberfleck; Leberflecke; Leberflecken; Nävuszellnävus; Nävuszellnävi; melanozytärer Nävus;
        melanozytäre Nävi; dysplastischer Nävus; dysplastische Nävi; atypischer Nävus; atypische Nävi;
        grain de beauté; grains de beauté; lunar; lunares; lunar atípico; pieprzyk; znamię; znamiona;
        znamię barwnikowe; znamię melanocytowe""",
    "bkl": """seborrheic keratosis; seborrhoic keratosis; benign keratosis; benign keratosis like lesion;
        benign keratosis like; pigmented benign keratosis; benign lichenoid keratosis; lichenoid keratosis;
        lichen planus like keratosis; lichen planus keratosis; lichen simplex; lentigo; solar lentigo;
        simple lentigo; lentigo simplex; lentigo solaire; lentigo nos; ink spot lentigo; basal cell papilloma;
        seborrhoische Keratose; seborrhoische Keratosen; kératose séborrhéique; kératoses séborrhéiques;
        queratosis seborreica; queratosis seborreicas; queratose seborreica; ceratose seborreica;
        ceratoses seborreicas; cheratosi seborroica; cheratosi seborroiche; brodawka łojotokowa; stucco keratosis""",
    "df": """dermatofibroma; Dermatofibrom; Dermatofibrome; histiocytoma; fibrous histiocytoma; Histiozytom;
        Histiozytome; histiocytome""",
    "vasc": """vascular lesion; vascular; vascular skin lesion; angioma; hemangioma; cherry angioma; cherry hemangioma;
        spider angioma; spider nevus; nevus araneus; nevus flammeus; port wine stain; strawberry nevus; angiokeratoma;
        pyogenic granuloma; hemorrhage; hematoma; venous lake; lymphangioma; telangiectasia; vascular malformation;
        Hämangiom; Hämangiome; Angiom; angiome; hémangiome; lésion vasculaire; lésions vasculaires; lesión vascular;
        lesiones vasculares; lesão vascular; lesões vasculares; lesione vascolare; lesioni vascolari;
        vaskuläre Läsion; vaskuläre Läsionen""",
}
_ANSWERS: tuple[tuple[str, Meaning], ...] = (
    (
        """malignant; malign; malignancy; malignant lesion; cancer; cancerous; skin cancer; carcinoma; sarcoma;
        lymphoma; non melanoma skin cancer; non melanoma cancer; non melanoma skin carcinoma; bösartig; bösartige;
        bösartiger; bösartiges; Krebs; Hautkrebs; maligne; maligner; maligno; maligna; maligni; malin; maline;
        cancéreux; cancéreuse; cancer de la peau; canceroso; cancerosa; cáncer de piel; câncer de pele; cancro;
        złośliwy; złośliwa; złośliwe; carcinoma in situ; dermatofibrosarcoma; angiosarcoma""",
        MALIGN,
    ),
    (
        """benign; benign lesion; normal; normal skin; healthy; healthy skin; gutartig; gutartige; gutartiger;
        gutartiges; bénigne; benigner; benigno; benigna; benigni; bénin; łagodny; łagodna; łagodne; wart; skin tag;
        acrochordon; cyst; epidermal nevus; sebaceous nevus; nevus sebaceous; nevus sebaceus; nevus comedonicus;
        nevus lipomatosus; Becker nevus; nevus depigmentosus; nevus anemicus; anemic nevus; connective tissue nevus;
        eccrine nevus; white sponge nevus; cafe au lait macule; mucosal melanosis; melanosis; freckle;
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
    plain(phrase): meaning
    for phrases, meaning in (*((text, of_diagnosis(code)) for code, text in _NAMES.items()), *_ANSWERS)
    for phrase in " ".join(phrases.split()).split(";")
}
"""Names of diagnoses, and of benign, malignant and indeterminate, in plain words."""

NOT: frozenset[str] = _words(
    """not non no without absence kein keine nicht ohne sans pas sin senza bez nie sem nao isnt negative free"""
)
"""Before what they deny."""
DENIED: frozenset[str] = _words("no non negative neg absent false excluded nein free")
"""Behind what they deny, at the end of a label; followed by anything they may deny that."""
OF: frozenset[str] = _words(
    "a an any the of for de from evidence sign skin is es ist est jest un una ein eine une um uma"
)
"""May stand between a negation and what it denies."""
CANCER: frozenset[str] = _words("cancer cancro kreb hautkreb")
"""What a data set may be called after that holds benign lesions too."""
COMPARED: frozenset[str] = _words("control healthy normal margin adjacent surrounding background")
"""In a folder within that of a class: what the class is compared with."""
JOINED: frozenset[str] = _words("and or und oder et ou y o e i")

FILLERS: frozenset[str] = _words(
    """a an the of for in on at by to with and or from de du la le et y und oder is class classe type category diagnosis
    dx label image photo picture photograph case sample train training test testing val valid validation lesion skin
    cutaneous disease group cancer proliferation tumor neoplasm confirmed proven biopsy present positive yes true
    histopathology"""
)
"""May stand beside any name and tell nothing of it."""
BESIDE: frozenset[str] = FILLERS | _words(
    """nos other specified common typical classic atypical dysplastic clark compound junctional dermal intradermal
    congenital acquired blue combined halo recurrent persistent reed spilus special site acral lentiginous
    acrolentiginous nodular superficial spreading desmoplastic amelanotic hypomelanotic spitzoid nevoid subungual
    mucosal in situ invasive invasion metastasis metastatic primary thin thick early late stage grade low high
    pigmented nonpigmented unpigmented heavily micronodular infiltrating infiltrative morpheaform sclerosing
    cystic fibroepithelial well moderately poorly differentiated keratoacanthoma hypertrophic atrophic lichenoid
    bowenoid irritated inflamed clonal flat facial face scalp nail back trunk palm sole less than more mm cm pt tis
    melanocytic melanocyte epidermal spindle cell pleomorphic cellular hemosiderotic aneurysmal eruptive infantile
    cherry spider solar actinic senile"""
)
"""May stand beside the name of a diagnosis without changing which of the seven it is.

Behind a name that is denied they may be what is denied: "not melanoma in situ".
"""
