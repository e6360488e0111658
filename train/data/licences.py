"""Licences and authors of photographs: SPDX identifiers, what may be published anew, and how each set is cited."""

import re
from collections.abc import Iterable, Mapping

from train import UserError

UNKNOWN = "unknown"
NAMES: dict[str, str] = {
    "CC0-1.0": "CC0 1.0 Universal",
    "CC-BY-4.0": "Creative Commons Attribution 4.0",
    "CC-BY-3.0": "Creative Commons Attribution 3.0",
    "CC-BY-SA-4.0": "Creative Commons Attribution Share Alike 4.0",
    "CC-BY-SA-3.0": "Creative Commons Attribution Share Alike 3.0",
    "CC-BY-NC-4.0": "Creative Commons Attribution Non Commercial 4.0",
    "CC-BY-NC-3.0": "Creative Commons Attribution Non Commercial 3.0",
    "CC-BY-ND-4.0": "Creative Commons Attribution No Derivatives 4.0",
    "CC-BY-NC-SA-4.0": "Creative Commons Attribution Non Commercial Share Alike 4.0",
    "CC-BY-NC-ND-4.0": "Creative Commons Attribution Non Commercial No Derivatives 4.0",
    "MIT": "MIT License",
    "Apache-2.0": "Apache License 2.0",
}
"""SPDX identifier -> name, of the licences that are recognised (spdx.org/licenses)."""

_BY_LOWER = {identifier.lower(): identifier for identifier in NAMES}
_OF_THE_ISIC_ARCHIVE = re.compile(r"isic_|siim_isic_|ham10000")
_NOTE = re.compile(r"\s*\((?P<note>[^()]*)\)$")
_A_LICENCE = re.compile(r"\bcc\b|\bcc[- ]?(0|by)|licen[cs]e|none|\b(by|nc|nd|sa)\b", re.IGNORECASE)


def normalise(written: str, source: str = "") -> str:
    """The SPDX identifier of a licence as upstream wrote it, or UNKNOWN.

    The whole text has to name one licence; one note in brackets is ignored unless it speaks of licences itself. A
    Creative Commons licence without a version is unknown, except in the ISIC Archive, whose terms link version 4.0,
    and except CC0, which has one version only.
    """
    text = written.strip()
    if (found := _NOTE.search(text)) and not _A_LICENCE.search(found["note"]):
        text = text[: found.start()]
    plain = re.sub(r"[\s_-]+", "-", text.strip().lower().replace("cc-0", "cc0"))
    plain = re.sub(r"^cc-?0(-1\.0)?(-universal)?$", "cc0-1.0", plain)
    if re.fullmatch(r"cc-by(-nc)?(-sa|-nd)?", plain) and _OF_THE_ISIC_ARCHIVE.match(source):
        plain += "-4.0"
    return _BY_LOWER.get(plain, UNKNOWN)


def is_free(identifier: str) -> bool:
    """Whether photographs under it may be published anew for any use: known, neither NC nor ND."""
    parts = identifier.split("-")
    return identifier in NAMES and "NC" not in parts and "ND" not in parts


def of_weights(stated: Mapping[str, Mapping[str, int]]) -> tuple[str, str]:
    """What may be done with weights that such photographs trained: the licence as the Hub writes it, and a sentence.

    stated: source -> licence as the source states it -> photographs. Any photograph for non-commercial use binds the
    weights to it; where a licence is not stated, or forbids derivatives, the identifier is "other".
    """
    sources: dict[str, set[str]] = {}
    for source, written in stated.items():
        for text in written:
            sources.setdefault(normalise(text, source), set()).add(source)

    def named(identifiers: Iterable[str]) -> str:
        return "; ".join(f"{name} ({', '.join(sorted(sources[name]))})" for name in sorted(identifiers))

    bound = {name for name in sources if "NC" in name.split("-")}
    unclear = {name for name in sources if name == UNKNOWN or "ND" in name.split("-")} - bound
    aid = "A screening aid, not a diagnosis."
    if bound:
        share = "-sa" if any("SA" in name.split("-") for name in bound) else ""
        said = f"Weights trained in part on photographs under {named(bound)}: for non-commercial use only. {aid}"
        return f"cc-by-nc{share}-4.0", said
    if unclear or not sources:
        owners = sorted(set().union(*(sources[name] for name in unclear)))
        whose = f" ({', '.join(owners)})" if owners else ""
        return "other", (
            f"Weights trained in part on photographs whose licence{whose} is not stated or allows no changes: ask the "
            f"owners before you use or share them. {aid}"
        )
    share = "-sa" if any("SA" in name.split("-") for name in sources) else ""
    free = "cc0-1.0" if set(sources) == {"CC0-1.0"} else f"cc-by{share}-4.0"
    return free, f"Weights trained on photographs under {named(sources)}: name these sources. {aid}"


def chosen(wanted: str | None) -> frozenset[str]:
    """The identifiers in a list like ``CC0-1.0,CC-BY-4.0``; without one, every licence that is free.

    Raises UserError for one that is not an SPDX identifier known here.
    """
    if wanted is None:
        return frozenset(identifier for identifier in NAMES if is_free(identifier))
    asked = [part.strip() for part in wanted.split(",") if part.strip()]
    for part in asked:
        if part.lower() not in _BY_LOWER:
            raise UserError(f"{part!r} is not a licence known here. Name them whole, as SPDX does: {', '.join(NAMES)}.")
    if not asked:
        raise UserError("--licence names no licence; leave it away for all that are free, or name some.")
    return frozenset(_BY_LOWER[part.lower()] for part in asked)


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
    "bcn20000_84px": "BCN20000 (Combalia et al. 2019, arXiv 1908.02288)",
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
