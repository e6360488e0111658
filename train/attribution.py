"""Whose photographs they are: one sentence a source and licence, to be shown wherever a photograph or its label is."""

from __future__ import annotations

import re

_ACRAL = "ISIC Archive (isic-archive.com), lesions of palms and soles"
CITATIONS: dict[str, str] = {
    "ham10000": "HAM10000 (Tschandl et al. 2018, doi 10.1038/sdata.2018.161)",
    "ham10000_28x28": "HAM10000 (Tschandl et al. 2018, doi 10.1038/sdata.2018.161)",
    "isic_2016": "ISIC challenge 2016 (Gutman et al. 2016, arXiv 1605.01397)",
    "isic_2017": "ISIC challenge 2017 (Codella et al. 2018, arXiv 1710.05006)",
    "isic_archive": "ISIC Archive (isic-archive.com; Codella et al. 2018, arXiv 1710.05006)",
    "siim_isic_2020": "SIIM-ISIC challenge 2020 (Rotemberg et al. 2021, doi 10.1038/s41597-021-00815-z)",
    "isic_acral_barcelona": f"{_ACRAL}, Barcelona",
    "isic_acral_ids": f"{_ACRAL}, IDS",
    "isic_acral_imperial": f"{_ACRAL}, Imperial",
    "isic_acral_other": _ACRAL,
    "pad_ufes_20": "PAD-UFES-20 (Pacheco et al. 2020, doi 10.1016/j.dib.2020.106221)",
    "kaggle_melanoma_120": "A Kaggle collection of 120 photographs, originally from the ISIC Archive",
}
"""Source -> the set and how its authors ask to be cited."""
_ISIC = re.compile(r"(?:.+\.)?(ISIC_\d{7})(?:_downsampled)?")


def attribution(source: str, licence: str) -> str:
    """The sentence that names a photograph's set and licence; an unknown source is named as it calls itself."""
    return f"{CITATIONS.get(source, source)}. Licence: {licence or 'not stated by the source'}."


def isic_id(image_id: str) -> str | None:
    """The id under which the ISIC Archive shows the photograph, ISIC_ and seven digits; None where it is not there."""
    found = _ISIC.fullmatch(image_id)
    return found[1] if found else None
