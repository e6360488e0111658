"""The card of a published data set: what is inside, whose it is, how it was split, and what it is biased towards."""

from typing import Any

import pandas as pd
from huggingface_hub import DatasetCardData

from skin_model.diagnoses import DIAGNOSES
from train.data import licences, splits
from train.data.licences import CITATIONS
from train.data.near_duplicates import TURNED_CORRELATION, UPRIGHT_CORRELATION
from train.data.splits import SHARES
from train.reports.markdown import table

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def left_out_sentences(left_out: pd.DataFrame) -> list[str]:
    """One sentence a source and licence that is not published, with its count; rows as ``read_rows`` gives them."""
    counted = left_out.groupby(["source", "licence", "licence_as_given"]).size()
    return [
        f"Left out: {n} photographs of {source}, licence {identifier}"
        + (f" ({written or 'nothing stated'})" if identifier == licences.UNKNOWN else "")
        + "."
        for (source, identifier, written), n in counted.items()
    ]


def card(rows: pd.DataFrame, left_out: pd.DataFrame, audit: dict[str, Any], *, repo: str, manifest_only: bool) -> str:
    """README.md of a release. rows: what is published; left_out: what is not; audit: of ``prepare``."""
    data = DatasetCardData(
        license=sorted(
            "other" if identifier == licences.UNKNOWN else identifier.lower() for identifier in set(rows["licence"])
        ),
        pretty_name=repo.rpartition("/")[2],
        task_categories=["image-classification"],
        size_categories=[next((name for most, name in _SIZES if len(rows) < most), "n>1M")],
        tags=["medical", "dermatology", "skin-cancer", "self-skin-check"],
        configs=[
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"data/{split}-*"}
                    for split in splits.SPLITS
                    if (rows["split"] == split).any()
                ],
            }
        ],
    )
    what = "ids, labels, splits and hashes of" if manifest_only else "labelled"
    sections = [
        f"---\n{data.to_yaml()}\n---\n\n# {data.pretty_name}\n",
        f"{len(rows)} {what} photographs of skin lesions, {_count(rows)} malignant, split so that no lesion, patient "
        "or near-duplicate is in two parts. For research on screening aids; not for diagnosing anybody.\n"
        + ("\n**It holds no picture.** Rebuild the data set from pictures of your own copy, below.\n" * manifest_only),
        "## Use\n\n" + _use(repo, manifest_only),
        "## What is inside\n\n" + _counts(rows),
        "## Columns\n\n" + _columns(manifest_only),
        "## Licences\n\n" + _licences(rows, left_out),
        "## Sources\n\n" + _sources(rows),
        "## Duplicates and split\n\n" + _protocol(rows, audit),
        "## Known biases\n\n" + _biases(rows),
    ]
    return "\n".join(sections)


def _count(rows: pd.DataFrame) -> int:
    return int((rows["malignant"].astype(int) == 1).sum())


def _use(repo: str, manifest_only: bool) -> str:
    load = f'from datasets import load_dataset\n\ndata = load_dataset("{repo}")\n'
    if manifest_only:
        command = f"python -m train prepare --manifest hub:{repo} --data FOLDER_OF_PICTURES --out WORK"
        note = "Pictures are found by their SHA-256, else by their id and perceptual hash; what is missing is listed."
    else:
        command = f"python -m train prepare --data hub:{repo} --out WORK"
        note = "It keeps the split; photographs of your own may be added with further `--data`."
    return f"```python\n{load}```\n\nTraining with Self Skin Check:\n\n```sh\n{command}\n```\n\n{note}\n"


def _counts(rows: pd.DataFrame) -> str:
    lines = []
    for (source, split), part in rows.groupby(["source", "split"]):
        labelled = {code: int((part["diagnosis"] == code).sum()) for code in DIAGNOSES}
        lines.append([source, split, len(part), _count(part), part["group"].nunique(), *labelled.values()])
    total = {code: int((rows["diagnosis"] == code).sum()) for code in DIAGNOSES}
    lines.append(["all", "all", len(rows), _count(rows), rows["group"].nunique(), *total.values()])
    return table(["source", "split", "photographs", "malignant", "groups", *DIAGNOSES], lines) + (
        "\n\nPhotographs without one of the seven diagnoses are known as benign or malignant only.\n"
    )


def _columns(manifest_only: bool) -> str:
    lines = [] if manifest_only else [["image", "the photograph, without any metadata"]]
    lines += [
        ["malignant", "0 benign, 1 malignant (mel, bcc, akiec: needs a doctor)"],
        ["diagnosis", f"one of {', '.join(DIAGNOSES)}; null where unknown"],
        ["split", ", ".join(splits.SPLITS)],
        ["group", "photographs that belong together; draw and split by it"],
        ["image_id, lesion_id, patient_id", "the source's own ids; null where unknown"],
        ["source, modality, confirmed_by, age, sex, site, fitzpatrick", "as the source says; null where unknown"],
        ["licence, licence_as_given, attribution", "SPDX identifier, the source's words, and whom to name"],
        ["sha256, phash", "of the file that the split was made from; the 64-bit perceptual hash of its picture"],
    ]
    return table(["column", "meaning"], lines) + "\n"


def _licences(rows: pd.DataFrame, left_out: pd.DataFrame) -> str:
    counted = rows["licence"].value_counts()
    lines = [
        [f"[{name}](https://spdx.org/licenses/{name}.html)", licences.NAMES[name], n]
        if name in licences.NAMES
        else [name, "not stated, or none that SPDX names", n]
        for name, n in counted.items()
    ]
    text = table(["licence", "name", "photographs"], lines) + "\n"
    bound = [name for name in counted.index if not licences.is_free(name)]
    if bound:
        text += f"\n**The pictures are not for every use:** {', '.join(bound)}.\n"
    text += "\nEach photograph is under its own licence; name its source as the column `attribution` does.\n"
    if len(left_out):
        text += "\n" + "\n".join(f"- {sentence}" for sentence in left_out_sentences(left_out)) + "\n"
    return text


def _sources(rows: pd.DataFrame) -> str:
    counted = rows["source"].value_counts()
    return "\n".join(f"- `{name}`: {CITATIONS.get(name, name)}, {n} photographs" for name, n in counted.items()) + "\n"


def _protocol(rows: pd.DataFrame, audit: dict[str, Any]) -> str:
    shares = ", ".join(f"{share:.0%} {split}" for split, share in zip(splits.SPLITS, SHARES, strict=True))
    left = audit.get("left_out", {})
    conflicting = left.get("conflicting labels", 0)
    return (
        "Photographs whose perceptual hashes are close were compared by texture (skin lines, hairs, ragged edges), "
        f"turned and mirrored too; pairs that correlate by at least {UPRIGHT_CORRELATION} ({TURNED_CORRELATION} turned)"
        f" are near-duplicates: {audit.get('near_duplicate_pairs', 0)} pairs in all that was prepared. They stay in, "
        f"in one group. {conflicting} photographs whose near-duplicates have another label were left out.\n\n"
        "Photographs that share a lesion, a patient, an id or a near-duplicate, however many steps apart, are one "
        f"group, and a group lies in one part only. Wanted shares of every source and label: {shares}. The test part "
        "is locked: when data grows, old photographs stay where they are (`prepare --keep-split`).\n\n"
        f"Groups here: {rows['group'].nunique()}, the largest of {rows['group'].value_counts().max()} photographs.\n"
    )


def _biases(rows: pd.DataFrame) -> str:
    by_source = rows.groupby("source")["malignant"].apply(lambda labels: labels.astype(int).mean())
    lines = [
        f"- Sources differ in how many photographs are malignant, from {by_source.min():.0%} ({by_source.idxmin()}) to "
        f"{by_source.max():.0%} ({by_source.idxmax()}): a network can read the source in place of the lesion. Judge "
        "within a source.",
        "- What is photographed is what somebody thought worth a photograph, and often cut out; it is no sample of the "
        "skin of a population, and a calibration on it holds for no other prevalence.",
    ]
    for column, words in (
        ("fitzpatrick", "skin type"),
        ("age", "age"),
        ("sex", "sex"),
        ("confirmed_by", "how the diagnosis was confirmed"),
    ):
        known = rows[column] != ""
        shares = [known[rows["malignant"].astype(int) == label].mean() if len(rows) else 0 for label in (0, 1)]
        lines.append(
            f"- {words[0].upper() + words[1:]} is known of {known.mean():.0%}: {shares[0]:.0%} of the benign, "
            f"{shares[1]:.0%} of the malignant. Whether it is known can tell the label; it is no input."
        )
    types = rows.loc[rows["fitzpatrick"] != "", "fitzpatrick"].value_counts().sort_index()
    if len(types):
        said = ", ".join(f"{name}: {n}" for name, n in types.items())
        lines.append(f"- Skin types, where known ({said}): dark skin is rare, and worse judged for it.")
    else:
        lines.append("- No skin type is stated. Public archives hold mostly light skin, and others are judged worse.")
    return "\n".join(lines) + "\n"
