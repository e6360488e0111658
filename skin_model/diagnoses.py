"""The seven diagnoses that the network tells apart, and which of them need a doctor.

Codes and order follow HAM10000 (Tschandl et al. 2018, doi 10.1038/sdata.2018.161) with the malignant ones first.
"""

DIAGNOSES: tuple[str, ...] = ("mel", "bcc", "akiec", "nv", "bkl", "df", "vasc")
"""Output order of the network's seven-diagnosis head."""

MALIGNANT: frozenset[str] = frozenset({"mel", "bcc", "akiec"})
"""Diagnoses that need a doctor: ``akiec`` holds actinic keratosis, Bowen's disease and squamous cell carcinoma."""


def malignant_mask(diagnoses: tuple[str, ...] = DIAGNOSES) -> list[bool]:
    """One flag per network output: whether that diagnosis is malignant."""
    return [code in MALIGNANT for code in diagnoses]
