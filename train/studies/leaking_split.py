"""What a leaking split is worth: the same photographs, scored by networks that know their relatives and that do not.

The usual way removes exact copies and then draws test photographs at random, one by one, so that other photographs of
a tested lesion or patient stay in training. Here lesions and patients are first divided into two halves, whole groups
at a time, and each half is split the usual way. One network is trained on each half's training part, and both score
every test photograph: the network of its own half as the usual split would have it, the other one with all groups
closed. Every network thus plays both parts, on training sets of one size and make-up.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from train.data.tables import files_of
from train.digests import file_sha256
from train.fitting import recipes
from train.studies import resumable
from train.studies.resumable import SCORES_FILE

RECIPE = "self-check-original"
TEST_SHARE = 0.2
EPOCHS = 8
"""Passes over the training photographs, fewer than the original's 10 to 30: what two networks cost on a laptop."""
HALVES = (0, 1)
INPUT_SIZE, SQUARE = 128, 160
"""Side in pixels of the network's input, and of the photographs kept for it."""


def divide(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows with ``half`` (0 or 1), ``part`` (train, test or spare) and ``relatives``.

    rows: source, malignant, group. No group lies in both halves, which resemble each other in sources and classes. In
    each half TEST_SHARE of the photographs, drawn one by one, are test; training photographs of the larger half are
    spared at random until both halves train on equally many. relatives: how many training photographs share
    the row's group.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    strata = rows["source"] + "/" + rows["malignant"].astype(str)
    halves = StratifiedGroupKFold(len(HALVES), shuffle=True, random_state=seed).split(rows, strata, rows["group"])
    half = np.zeros(len(rows), dtype=int)
    half[next(iter(halves))[1]] = 1
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(np.flatnonzero(half == one)) for one in HALVES]
    tested = [round(TEST_SHARE * len(positions)) for positions in shuffled]
    size = min(len(positions) - count for positions, count in zip(shuffled, tested, strict=True))
    part = np.full(len(rows), "spare", dtype=object)
    for positions, count in zip(shuffled, tested, strict=True):
        part[positions[:count]] = "test"
        part[positions[count : count + size]] = "train"
    divided = rows.assign(half=half, part=part)
    trained = divided.loc[divided["part"] == "train", "group"].value_counts()
    return divided.assign(relatives=divided["group"].map(trained).fillna(0).astype(int))


def exact_copies(rows: pd.DataFrame) -> np.ndarray:
    """(N,) whether a file holds the same bytes as an earlier row's. rows: root and file."""
    return pd.Series([file_sha256(file) for file in files_of(rows)]).duplicated().to_numpy()


def study(
    work: Path, out: Path, backbone: Path | None, recipe: str = RECIPE, seeds: int = 1, jobs: int | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train two networks a seed, each on one half, and return their scores and the protocol's facts.

    Writes OUT/seed-S/half-H/ with the history and scores; the same call goes on where one stopped. The scores have a
    row a seed and test photograph: seed, half, file, source, group, malignant, relatives, usual and grouped (risk
    log-odds), and share (of malignant photographs in its source, among the training photographs).
    """
    calls = [(work, out, recipe, seed, half, backbone) for seed in range(seeds) for half in HALVES]
    waiting = [
        (*_, seed, half, start)
        for *_, seed, half, start in calls
        if not resumable.is_done(_folder(out, seed, half), _key(work, recipe, seed, half))
    ]
    if waiting:  # decode before the networks would do it side by side
        from train.studies import train_and_score

        chosen = _recipe(recipe, 0)
        pictures(train_and_score.without_test(work), chosen.border_crop, chosen.remove_hair, out / "cache")
    for done in resumable.side_by_side(network, waiting, jobs):
        tqdm.write(
            f"Seed {done['seed']}, half {done['half']}: validation AUC within source {done['seen_auc']:.4f}, "
            f"{done['seconds']:.0f} s.",
            file=sys.stderr,
        )
    rows, copies = _rows(work)
    tables = []
    for seed in range(seeds):
        pool = divide(rows[rows["split"] == "train"], seed)
        training, tested = pool[pool["part"] == "train"], pool[pool["part"] == "test"]
        by_half = [pd.read_csv(_folder(out, seed, half) / SCORES_FILE)["log_odds"].to_numpy() for half in HALVES]
        own = tested["half"].to_numpy() == 0
        scores = tested[["half", "file", "source", "group", "malignant", "relatives"]].assign(
            seed=seed, usual=np.where(own, *by_half), grouped=np.where(own, *by_half[::-1])
        )
        share = training.groupby(["half", "source"])["malignant"].mean().rename("share")
        tables.append(scores.join(share, on=["half", "source"]))
    facts = {
        "recipe": recipe,
        "seeds": seeds,
        "epochs": EPOCHS,
        "pool": len(pool),
        "copies": copies,
        "training": len(training) // len(HALVES),
    }
    return pd.concat(tables, ignore_index=True), facts


def network(work: Path, out: Path, recipe: str, seed: int, half: int, backbone: Path | None) -> dict[str, Any]:
    """Train on one half's training photographs and score the test photographs of both; what ``fold.json`` holds."""
    import torch

    from train.studies import train_and_score

    torch.set_num_threads(1)
    started, chosen, folder = time.monotonic(), _recipe(recipe, seed), _folder(out, seed, half)
    rows, _ = _rows(work)
    every = train_and_score.without_test(work)
    squares, preprocessing = pictures(every, chosen.border_crop, chosen.remove_hair, out / "cache")
    pool = divide(rows[rows["split"] == "train"], seed)
    tested = pool[pool["part"] == "test"]
    run, log_odds = train_and_score.train_on(
        folder,
        chosen,
        preprocessing,
        every,
        squares,
        pool.index[(pool["half"] == half) & (pool["part"] == "train")].to_numpy(),
        rows.index[rows["split"] == "validation"].to_numpy(),
        tested.index.to_numpy(),
        backbone,
    )
    found = {
        "seed": seed,
        "half": half,
        "seen_auc": run.best["auc"],
        "best_epoch": run.best["epoch"],
        "seconds": round(time.monotonic() - started),
        "key": _key(work, recipe, seed, half),
    }
    resumable.keep(folder, tested[["file"]].assign(log_odds=np.round(log_odds, 5)), found)
    return found


def pictures(rows: pd.DataFrame, border_crop: bool, remove_hair: bool, cache: Path) -> tuple[np.ndarray, Any]:
    """(N, SQUARE, SQUARE, 3) uint8 squares of the rows, kept under ``cache``, and the preprocessing they had."""
    from skin_model.network.preprocessing import Preprocessing
    from train.data import images

    preprocessing = Preprocessing(INPUT_SIZE, crop="border" if border_crop else "none", remove_hair=remove_hair)
    return images.load_squares(rows, preprocessing, cache, SQUARE), preprocessing


def _rows(work: Path) -> tuple[pd.DataFrame, int]:
    """The train and validation rows, less exact copies among those to train on, and how many those were.

    The index is a row's position before copies left, which is that of its picture.
    """
    from train.studies.train_and_score import without_test

    rows = without_test(work)
    training = rows[rows["split"] == "train"]
    copies = training.index[exact_copies(training)]
    return rows.drop(copies), len(copies)


def _recipe(name: str, seed: int) -> recipes.Recipe:
    return recipes.find(name).change(input_size=INPUT_SIZE, epochs=EPOCHS, patience=EPOCHS, seed=seed)


def _folder(out: Path, seed: int, half: int) -> Path:
    return out / f"seed-{seed}" / f"half-{half}"


def _key(work: Path, recipe: str, seed: int, half: int) -> str:
    return resumable.key_of(work, _recipe(recipe, seed), half, TEST_SHARE)
