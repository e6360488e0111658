"""What data sets call things, in the visitor's words: sources, sites, modalities, rows of the figures."""

from skin_model.diagnoses import MEDICAL_NAMES
from skin_model.network.context import SITES
from skin_model.wording import Words

SOURCES = {
    "ham10000": "HAM10000",
    "isic_2017": "ISIC 2017",
    "isic_archive": "ISIC Archive",
    "siim_isic_2020": "SIIM-ISIC 2020",
    "bcn20000_84px": "BCN20000 (84 px)",
    "isic_acral_ids": "ISIC acral, IDS",
    "isic_acral_barcelona": "ISIC acral, Barcelona",
    "isic_acral_imperial": "ISIC acral, Imperial",
    "isic_acral_other": "ISIC acral",
    "pad_ufes_20": "PAD-UFES-20",
    "kaggle_melanoma_120": "Kaggle Melanoma 120",
}
"""Names of their own, the same in every language."""
ROWS: tuple[str, ...] = (
    *("dark_circle", "hairs", "ruler", "ink", "bubbles", "blur", "jpeg_30", "brighter", "darker"),
    *("colour_cast", "rotated_90", "source", "border", "file_size", "sharpness", "resolution", "thumbnail"),
    *("nearest_neighbour", "lesion_blanked", "only_lesion", "random", "pointing_game", "energy_inside"),
    *("under_30", "75_and_over"),
)
"""What has a sentence ``evidence.row.`` of its own."""
_METHODS = {"integrated_gradients": "Integrated Gradients", "grad_cam": "Grad-CAM", "occlusion": "Occlusion"}
_ATTRIBUTES = {name: name for name in ("source", "modality", "diagnosis", "confirmed_by", "sex", "site", "fitzpatrick")}
_ATTRIBUTES["age_band"] = "age"
_KNOWN = {
    "modality": ("dermoscopic", "smartphone", "clinical"),
    "confirmed_by": ("histo", "follow_up", "consensus", "confocal", "clinical"),
    "border": ("circle", "frame"),
}


def named(words: Words, attribute: str, value: str) -> str:
    """A value of the data in words; one that nobody named stays as the data set wrote it."""
    if value in ("", "unknown"):
        return words("mistakes.unknown")
    if attribute == "source":
        return SOURCES.get(value, value)
    if attribute == "diagnosis" and value in MEDICAL_NAMES:
        return words(f"diagnosis.{value}.name")
    if attribute == "site" and value in SITES:
        return words(f"context.site.{value}")
    if attribute == "sex" and value in ("female", "male"):
        return words(f"context.sex.{value}")
    return words(f"value.{attribute}.{value}") if value in _KNOWN.get(attribute, ()) else value


def row(words: Words, name: str) -> str:
    """A row of a figure as its metrics name it, such as "ham10000:dermoscopic", "sex: male" or "jpeg_30"."""
    first, divided, rest = name.partition(":")
    rest = rest.strip()
    if not divided:
        return _row(words, name)
    if first in _ATTRIBUTES:
        value = named(words, first, rest) if first != "age_band" else _row(words, rest.replace(" ", "_"), rest)
        return f"{words(f'mistakes.fact.{_ATTRIBUTES[first]}')}: {value}"
    return f"{_row(words, first)}: {_row(words, rest, named(words, 'modality', rest))}"


def _row(words: Words, name: str, otherwise: str | None = None) -> str:
    if name in SOURCES or name in _METHODS:
        return SOURCES.get(name) or _METHODS[name]
    if name == "unknown":
        return words("mistakes.unknown")
    return words(f"evidence.row.{name}") if name in ROWS else otherwise or name


def diagnosis(words: Words, code: str, malignant: bool) -> str:
    """A true diagnosis, or where there is none only whether it was malignant."""
    return named(words, "diagnosis", code) if code else words("mistakes.malignant" if malignant else "mistakes.benign")
