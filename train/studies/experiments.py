"""Which recipe is worth releasing: each at its full length, judged on photographs that its network did not learn from.

What is held out is one of five folds (other lesions of the centres that were learned from), or a whole family of
centres, since a visitor's photograph comes from a centre and a camera that are in no training data. Only photographs
of the train and validation splits are looked at: the test split is never opened here.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from train import UserError
from train.bootstrap import Draws
from train.data import images, splits
from train.data.catalogue import family
from train.data.tables import read_text_table
from train.digests import file_sha256
from train.evaluation.metrics import ranking
from train.fitting.recipes import Recipe
from train.fitting.recipes import find as find_recipe
from train.fitting.run_folder import HISTORY_FILE
from train.reports.markdown import fill
from train.reports.markdown import table as markdown_table
from train.studies.resumable import FOLD_FILE, SCORES_FILE, is_done, keep, key_of, side_by_side
from train.studies.train_and_score import within_sources, without_test

START, END = "<!-- table: written by python -m train experiments -->", "<!-- end of table -->"
FOLD, FOLDS = "fold", 5
FAMILIES = ("ham10000", "isic_2017", "siim_acral", "pad_ufes_20")
PARTS = (FOLD, *FAMILIES)
"""What can be held out: the first of FOLDS folds, or a family of centres."""
LEAST_SIDE = 128
"""Photographs whose shorter side has fewer pixels take no part: they would be judged by their blur."""
RESAMPLES = 500
_LESS = "-less-"
"""Between the name of a recipe and that of the table of photographs that it did not learn from."""


def compare(
    work: Path,
    out: Path,
    recipes: Sequence[str],
    parts: Sequence[str] = (FOLD,),
    *,
    seeds: int = 1,
    less: Path | None = None,
    backbone: Path | None = None,
    jobs: int | None = None,
) -> pd.DataFrame:
    """Train every recipe that is not done yet without each part, and return ``table``'s rows of all that OUT holds.

    Writes OUT/NAME/seed-S/PART/ with the run's history, scores.csv and fold.json; the same call goes on where one
    stopped. less: a table of photographs (source, image_id) that are not learned from; NAME then ends in its stem, so
    that a call with it and one without it stand side by side. jobs: networks at a time, each on one core (default: as
    many as there are cores). Raises UserError on input that the user can mend.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise UserError(f"There is no part {', '.join(unknown) or 'named'}. Choose: {', '.join(PARTS)}.")
    rows = photographs(work)
    for part in parts:
        split_off(rows, part)  # what is wrong with it is told before hours of training
    calls = [
        (work, _folder(out, name, less, seed, part), name, seed, part, less, backbone)
        for name in recipes
        for part in parts
        for seed in range(seeds)
    ]
    waiting = [
        call for call in calls if not is_done(call[1], _key(work, recipe_of(*call[2:4]), part=call[4], less=less))
    ]
    for name in dict.fromkeys(call[2] for call in waiting):  # decode before the networks would do it side by side
        _squares(rows, work, recipe_of(name, 0))
    for found in side_by_side(network, waiting, jobs):
        tqdm.write(
            f"{found['name']}, seed {found['seed']}, without {found['part']}: AUC {found['auc']:.4f}, "
            f"{found['seconds']:.0f} s.",
            file=sys.stderr,
        )
    return table(out)


def check(out: Path, recipes: Sequence[str], against: str, page: Path | None) -> None:
    """Raises UserError, before hours of training, where the comparison could not be written at their end."""
    known = {*recipes, *_done(out)}
    if against not in known:
        raise UserError(f"{out} holds no {against} to compare with. Add it to --recipes, or choose another --against.")
    if page is None:
        return
    if not page.is_file():
        raise UserError(f"There is no page {page}.")
    fill(page.read_text(encoding="utf-8", errors="replace"), {START: ""}, END, str(page))
    rows = page.with_suffix(".csv")
    named = read_text_table(rows, usecols=["name"])["name"] if rows.is_file() else []
    lost = [name for name in named if name not in known]
    if lost:
        raise UserError(
            f"{page} has rows of {', '.join(lost)}, which {out} does not hold, so they would be lost. "
            "Name the folder that holds them after --out, or a copy of the page after --page."
        )


def recipe_of(name: str, seed: int) -> Recipe:
    """The recipe at its full length, of which the last epoch is kept, so that what is held out decides nothing.

    Raises UserError for one that learns from teachers: their folds would have seen what is held out.
    """
    recipe = find_recipe(name)
    if recipe.distil:
        raise UserError(f"{name} learns from the networks of folds. Compare what those are trained with: strong-crops.")
    return recipe.change(keep="last", seed=seed, folds=0, views=1, patience=recipe.epochs)


def photographs(work: Path) -> pd.DataFrame:
    """The rows of the photographs that take part, numbered from 0."""
    rows = without_test(work)
    return rows[images.large_enough(rows, LEAST_SIDE)].reset_index(drop=True)


def split_off(rows: pd.DataFrame, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions in ``rows`` of the photographs to learn from, and of those that are held out.

    rows: source, diagnosis, malignant and group, without the test split. A group with a photograph in the family left
    out is not learned from. Raises UserError where nothing is left to judge.
    """
    if part == FOLD:
        fold = splits.folds(rows, FOLDS)
        return np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    inside = rows["source"].map(family).to_numpy(dtype=str) == part
    if not inside.any() or inside.all():
        raise UserError(f"The split has {'no' if not inside.any() else 'only'} photographs of the family {part}.")
    reaches = rows["group"].isin(set(rows.loc[inside, "group"])).to_numpy()
    return np.flatnonzero(~reaches), np.flatnonzero(inside)


def network(
    work: Path, folder: Path, name: str, seed: int, part: str, less: Path | None, backbone: Path | None
) -> dict[str, Any]:
    """Train one recipe without one part and score that; writes and returns what ``fold.json`` holds."""
    import torch

    from train.fitting import fit
    from train.fitting.validation import within_source_auc
    from train.studies import train_and_score

    torch.set_num_threads(1)
    started, recipe = time.monotonic(), recipe_of(name, seed)
    rows = photographs(work)
    training, unseen = split_off(rows, part)
    training = training[~_named(rows.iloc[training], less)]
    squares, preprocessing = _squares(rows, work, recipe), fit.preprocessing_of(recipe)
    run, log_odds = train_and_score.train_on(
        folder, recipe, preprocessing, rows, squares, training, unseen[:0], unseen, backbone
    )
    scores = rows.iloc[unseen][["file", "source", "group", "malignant"]].assign(log_odds=np.round(log_odds, 5))
    found = {
        "name": _name(name, less),
        "says": recipe.description + ("" if less is None else f" Without the photographs of {less.name}."),
        "seed": seed,
        "part": part,
        "auc": within_source_auc(log_odds, scores["malignant"].to_numpy(), scores["source"].to_numpy(dtype=str)),
        "n": len(unseen),
        "n_malignant": int(scores["malignant"].sum()),
        "n_training": len(training),
        "epochs": len(run.history),
        "seconds": round(time.monotonic() - started),
        "key": _key(work, recipe, part, less),
    }
    keep(folder, scores, found)
    return found


def table(out: Path) -> pd.DataFrame:
    """One row a recipe that has anything done, in the order of PARTS' first AUC, best first.

    Columns: name, says, epochs, seeds (the fewest of any part), one AUC a part (mean over seeds; NaN where it was not
    trained), mean (over its parts), minutes: of all its networks, each its epochs times the median of an epoch, since a
    run that was interrupted has lost the time of what it did twice.
    """
    rows = []
    for name, of_parts in _done(out).items():
        aucs = {part: _mean([one["auc"] for one in of_parts.get(part, [])]) for part in PARTS}
        every = [one for of in of_parts.values() for one in of]
        rows.append(
            {
                "name": name,
                "says": every[0]["says"],
                "epochs": every[0]["epochs"],
                "seeds": min(map(len, of_parts.values())),
                **aucs,
                "mean": float(np.mean([auc for auc in aucs.values() if not np.isnan(auc)])),
                "minutes": sum(one["epochs"] * one["seconds_an_epoch"] for one in every) / 60,
            }
        )
    found = pd.DataFrame(rows)
    return found.sort_values(list(PARTS), ascending=False, ignore_index=True) if rows else found


def differences(out: Path, baseline: str) -> pd.DataFrame:
    """Of every other recipe: name, against, part, difference to that one's AUC with low and high (95 %), on the
    photographs and seeds that both have; the part "mean" is that over all such parts.

    One trained with ``less`` photographs is compared with the same recipe that had them, the others with the baseline.
    Paired bootstrap over groups: both networks are judged on the same draws. Raises UserError without the baseline.
    """
    done = _done(out)
    if baseline not in done:
        raise UserError(f"{out} holds no {baseline}. Train it too, or compare with one of: {', '.join(done)}.")
    rows = []
    for name in done:
        apart, whole = {}, name.partition(_LESS)[0]
        against = whole if name != whole and whole in done else baseline
        for part in (p for p in PARTS if name != against and p in done[name] and p in done[against]):
            seeds = range(min(len(done[name][part]), len(done[against][part])))
            mine, theirs = ([_drawn(out, one, part, seed) for seed in seeds] for one in (name, against))
            apart[part] = np.mean(mine, axis=0) - np.mean(theirs, axis=0)
        if apart:
            apart["mean"] = np.mean(list(apart.values()), axis=0)
        for part, values in apart.items():
            low, high = np.quantile(values[1:], (0.025, 0.975))
            row = {"name": name, "against": against, "part": part}
            rows.append(row | {"difference": values[0], "low": low, "high": high})
    return pd.DataFrame(rows, columns=["name", "against", "part", "difference", "low", "high"])


def markdown(found: pd.DataFrame, apart: pd.DataFrame) -> str:
    """``table``'s rows, and ``differences``' by part, as two Markdown tables."""
    parts = ["one fold", *(f"without {name}" for name in FAMILIES)]
    lines = []
    for row in found.to_dict("records"):
        aucs = ["–" if np.isnan(row[part]) else f"{row[part]:.3f}" for part in PARTS]
        lines.append([row["name"], row["says"], row["epochs"], row["seeds"], *aucs, f"{row['minutes']:.0f}"])
    tables = [markdown_table(["recipe", "what it is", "epochs", "seeds", *parts, "minutes"], lines)]
    lines = []
    for (name, against), rows in apart.groupby(["name", "against"], sort=False):
        of = {
            row.part: f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
            for row in rows.itertuples(index=False)
        }
        lines.append([name, against, *(of.get(part, "–") for part in (*PARTS, "mean"))])
    if lines:
        tables.append(markdown_table(["difference of", "to", *parts, "mean"], lines))
    return "\n\n".join(tables)


def _done(out: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Name -> part -> what ``fold.json`` holds of each seed, in the order of PARTS and seeds, and seconds_an_epoch."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for file in sorted(out.glob(f"*/seed-*/*/{FOLD_FILE}")):
        one = json.loads(file.read_text())
        one["seconds_an_epoch"] = pd.read_csv(file.with_name(HISTORY_FILE))["seconds"].median()
        found.setdefault(one["name"], {}).setdefault(one["part"], []).append(one)
    return found


def _drawn(out: Path, name: str, part: str, seed: int) -> np.ndarray:
    """(RESAMPLES + 1,) AUC within a source, the first of the sample itself; the draws are the same for every name."""
    scores = pd.read_csv(out / name / f"seed-{seed}" / part / SCORES_FILE)
    log_odds, ill = scores["log_odds"].to_numpy(), scores["malignant"].to_numpy(dtype=np.float64)
    weights = Draws(scores["group"].to_numpy(dtype=str), RESAMPLES, seed=0).weights
    return within_sources(
        lambda of: ranking(log_odds[of], ill[of], weights[:, of])["auc"], ill, scores["source"].to_numpy(dtype=str)
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _squares(rows: pd.DataFrame, work: Path, recipe: Recipe) -> np.ndarray:
    from train.fitting import fit

    return images.load_squares(rows, fit.preprocessing_of(recipe), work / "cache")


def _named(rows: pd.DataFrame, less: Path | None) -> np.ndarray:
    """(N,) whether a photograph stands in the table ``less``."""
    if less is None:
        return np.full(len(rows), False)
    named = read_text_table(less, usecols=["source", "image_id"])
    columns = ["source", "image_id"]
    return pd.MultiIndex.from_frame(rows[columns]).isin(pd.MultiIndex.from_frame(named[columns]))


def _name(recipe: str, less: Path | None) -> str:
    return recipe if less is None else f"{recipe}{_LESS}{less.stem}"


def _folder(out: Path, name: str, less: Path | None, seed: int, part: str) -> Path:
    return out / _name(name, less) / f"seed-{seed}" / part


def _key(work: Path, recipe: Recipe, part: str, less: Path | None) -> str:
    return key_of(work, recipe, part, None if less is None else file_sha256(less))
