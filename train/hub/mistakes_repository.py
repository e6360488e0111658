"""A gallery of mistakes to a data set on the Hub, with a card that says whose photographs they are."""

import csv
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from train import UserError
from train.data import licences
from train.evaluation.mistakes import CASES_FILE, GALLERY_FILE, IMAGES, METADATA_FILE
from train.hub.publish import Published, publish
from train.reports.markdown import escaped


def push(
    repo: str,
    gallery: Path,
    *,
    licence: str | None = None,
    version: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    dry_run: bool = False,
) -> Published:
    """Publish what ``python -m train mistakes`` wrote into ``gallery``. Raises UserError.

    licence: SPDX identifiers, separated by commas, under which photographs are published; None for all that are free.
    The other cases travel with their scores and maps but without their photographs, and are counted on stderr.
    """
    published = licences.chosen(licence)
    if bound := sorted(name for name in published if "ND" in name.split("-")):
        raise UserError(f"{bound[0]} forbids derivatives, and a gallery's photographs are resized; leave it out.")
    header = _header(gallery)
    files = [gallery / name for name in (GALLERY_FILE, CASES_FILE, METADATA_FILE)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise UserError(f"{gallery} lacks {missing[0]}. Make the gallery again: python -m train mistakes")
    with tempfile.TemporaryDirectory() as staged:
        folder = Path(staged)
        for file in files:
            shutil.copyfile(file, folder / file.name)
        pictures = _take_pictures(gallery, folder, published)
        (folder / "README.md").write_text(card(repo, header, pictures), encoding="utf-8")
        message = f"Mistakes of checkpoint {header['checkpoint']['hash']} on {_cases_of(header)}"
        options = {"private": private, "create_pr": create_pr, "dry_run": dry_run}
        return publish(folder, repo, "dataset", version=version, message=message, **options)


def card(repo: str, header: dict[str, Any], pictures: int) -> str:
    """README.md: metadata for the Hub, what is inside, and every attribution of gallery.json."""
    from huggingface_hub import DatasetCardData

    counts, checkpoint = header["counts"], header["checkpoint"]
    data = DatasetCardData(
        license="other",
        license_name="by-photograph",
        license_link="#whose-photographs-they-are",
        pretty_name=repo.rpartition("/")[2],
        task_categories=["image-classification"],
        tags=["medical", "dermatology", "skin-cancer", "error-analysis", "self-skin-check"],
        configs=[{"config_name": "cases", "data_files": CASES_FILE, "default": True}],
    )
    lines = [
        f"---\n{data.to_yaml().strip()}\n---",
        "",
        f"# {data.pretty_name}",
        "",
        f"What checkpoint `{checkpoint['hash']}` of Self Skin Check gets wrong on {_cases_of(header)}: all "
        f"{counts['cases']} cases with their scores, {counts['malignant']} of them malignant, and {counts['kept']} of "
        "the worst mistakes with details"
        + (f", {pictures} of them with a photograph." if pictures else ", no picture."),
        "",
        "| threshold | risk | false positives | false negatives |",
        "|---|---|---|---|",
    ]
    for name in ("low", "high"):
        found = counts[name]
        threshold = f"{header['thresholds'][name]:.2%}"
        lines.append(f"| {name} | {threshold} | {found['false_positives']} | {found['false_negatives']} |")
    lines += [
        "",
        "**Do not train on it**: these are the photographs that checkpoints are judged by. It is for looking at "
        "errors, not for diagnosing anybody.",
        "",
        f"Look at it with: `SKIN_MISTAKES={repo} python app.py`",
        "",
        "## Whose photographs they are",
        "",
        "Each row of `cases.csv` names its source and its licence; mind those for non-commercial use only.",
        "",
    ]
    for source, stated in sorted(header["attributions"].items()):
        lines += [f"- {escaped(source)}: {escaped(said)}" for _, said in sorted(stated.items())]
    return "\n".join([*lines, "", header.get("licence_note", "")]).rstrip() + "\n"


def _cases_of(header: dict[str, Any]) -> str:
    return f"the {header['split']} split" if header["split"] else "a folder of photographs"


def _header(gallery: Path) -> dict[str, Any]:
    try:
        header = json.loads((gallery / GALLERY_FILE).read_text(encoding="utf-8"))
        for key in ("checkpoint", "split", "counts", "thresholds", "attributions"):
            header[key]
        return header
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{gallery} is no gallery of mistakes. Make one: python -m train mistakes --work WORK --out {gallery}"
        ) from None


def _take_pictures(gallery: Path, folder: Path, published: frozenset[str]) -> int:
    """Copy photographs under these licences, unname the others in ``folder``'s metadata; how many were copied."""
    with (gallery / CASES_FILE).open(encoding="utf-8", newline="") as stream:
        stated = {row["image_id"]: (row["source"], row["licence"]) for row in csv.DictReader(stream)}
    lines, taken, left = [], 0, Counter()
    (folder / IMAGES).mkdir()
    for line in (gallery / METADATA_FILE).read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if name := case.get("file_name"):
            source, written = stated.get(case["image_id"], (case["source"], ""))
            if licences.normalise(written, source) in published:
                shutil.copyfile(gallery / name, folder / name)
                taken += 1
            else:
                left[source, written or "not stated"] += 1
                case = {key: value for key, value in case.items() if key != "file_name"}
        # Whose photographs the nearest ones are is not told here, so they stay.
        case["nearest"] = [{k: v for k, v in near.items() if k != "picture"} for near in case["nearest"]]
        lines.append(json.dumps(case))
    (folder / METADATA_FILE).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    for (source, written), n in sorted(left.items()):
        tqdm.write(f"Left out: {n} photographs of {source}, licence {written}; their scores are sent.", file=sys.stderr)
    return taken
