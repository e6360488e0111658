"""What a checkpoint was trained on, in a form that may be published and that any later split can be held against.

Beside the weights lies ``trained_on.json``: for every photograph of the training and the validation part (which chose
the epoch, the calibration and the thresholds), and of the test part that stayed locked, short hashes of its image id,
lesion, patient and file. It names nobody, but ids that can be guessed can be looked for in it; do not publish it where
even that is too much.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import write_json
from skin_model.network import hub
from skin_model.network.checkpoint import CONFIG_FILE, EMBEDDED, Checkpoint
from train import UserError
from train.data import splits
from train.data.tables import files_of
from train.digests import file_sha256

TRAINED_ON_FILE = "trained_on.json"
SCHEMA = 1
ABOUT = (
    f"The first {splits.DIGITS} hexadecimal digits of SHA-256: of image, lesion and patient ids as "
    "train.data.splits.identities writes them, and of the files themselves."
)


def keys(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns image_id, lesion_id, patient_id and file of short hashes, "" where unknown; one row a photograph.

    rows: root, file, source and image_id at least.
    """
    found = {}
    for column in splits.IDENTITIES:
        if column in rows:
            found[column] = splits.hashed_identities(rows, column).to_numpy()
    files = files_of(rows)
    found["file"] = [
        file_sha256(file)[: splits.DIGITS] if file.is_file() else ""
        for file in tqdm(files, desc="Hashing photographs", unit="photo", file=sys.stderr, disable=None)
    ]
    return pd.DataFrame(found, index=rows.index)


def write(folder: Path, work: Path, start: Path | None = None) -> Path:
    """Write ``folder/trained_on.json`` of the split in ``work``, aside first.

    start: the checkpoint folder that was trained on, whose own photographs count as well.
    """
    rows = splits.with_identities(work / "split.csv")
    earlier = (read_beside(start, TRAINED_ON_FILE) if start else None) or {}
    content: dict[str, Any] = {"schema": SCHEMA, "about": ABOUT}
    for part in splits.SPLITS:
        found, before = keys(rows[rows["split"] == part]), earlier.get(part, {})
        content[part] = {name: " ".join(sorted({*found[name], *before.get(name, "").split()} - {""})) for name in found}
    file = folder / TRAINED_ON_FILE
    write_json(file, content)
    return file


def placed(reference: str | Path) -> splits.Placed:
    """Where a checkpoint's own split had its photographs, so that its test part stays locked in the next one.

    reference: a checkpoint folder, or owner/name[@revision] on the Hub. Raises UserError where its trained_on.json is
    missing, or from before the test part was kept in it.
    """
    content = read_beside(reference, TRAINED_ON_FILE)
    if not isinstance(content, dict) or "test" not in content:
        raise UserError(f"{reference} does not say in {TRAINED_ON_FILE} what its test part was. Name its split.csv.")
    found: dict[str, dict[str, set[str]]] = {}
    try:
        for part in splits.SPLITS:
            for column in splits.IDENTITIES:
                for key in content[part].get(column, "").split():
                    found.setdefault(column, {}).setdefault(key, set()).add(part)
    except (KeyError, TypeError, AttributeError):
        raise _unreadable(reference) from None
    return found


def locked_groups_seen(
    reference: str | Path | None, checkpoint: Checkpoint, work: Path, split: str, locked: pd.DataFrame | None = None
) -> list[str] | None:
    """The groups of ``split`` in ``work`` that the checkpoint was trained or calibrated on; None where nobody can tell.

    Known from the checkpoint's trained_on.json; without one, from its split being this one, or one that this one was
    grown from with ``prepare --keep-split``. locked: ``keys`` of the rows of ``split``, to not hash them twice.
    """
    content = read_beside(reference, TRAINED_ON_FILE)
    if content is None:
        known = {file_sha256(work / "split.csv"), *splits.lineage(work / "split.csv")}
        return [] if checkpoint.config.training.get("split_sha256") in known else None
    rows = splits.with_identities(work / "split.csv")
    rows = rows[rows["split"] == split]
    locked = keys(rows) if locked is None else locked
    seen = pd.Series(False, index=rows.index)
    try:
        for part in ("train", "validation"):
            for name in locked.columns.intersection(list(content[part])):
                seen |= locked[name].isin(content[part][name].split()).to_numpy()
    except (KeyError, TypeError, AttributeError):
        raise _unreadable(reference) from None
    return sorted(set(rows.loc[seen, "group"]))


def _unreadable(reference: str | Path | None) -> UserError:
    return UserError(f"{TRAINED_ON_FILE} of {reference} cannot be read; copy the checkpoint again.")


def read_beside(reference: str | Path | None, name: str) -> dict[str, Any] | None:
    """A JSON file beside a checkpoint's weights, in its folder or on the Hub; None where there is none."""
    if reference is None:
        file = EMBEDDED / name
    elif Path(reference).is_dir():
        file = Path(reference) / name
    else:
        repo, _, revision = str(reference).partition("@")
        try:
            file = hub.download(repo, revision or None, [CONFIG_FILE], [name]) / name
        except hub.HubError as problem:
            raise UserError(str(problem)) from None
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise UserError(f"{name} of {reference or 'the embedded checkpoint'} is no JSON; copy it again.") from None
