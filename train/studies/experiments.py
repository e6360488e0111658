"""Which ideas help on a centre that training has not seen: all under one protocol, leaving a family out at a time.

Leave-one-centre-out: a visitor's photograph comes from another centre and camera, so an idea is judged on the centre
family that its training left out, on photographs of the train and validation splits alone: the test split is never
opened here.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import write_csv, write_json
from skin_model.pools import die_of_ctrl_c
from train import UserError
from train.bootstrap import Draws
from train.data.catalogue import TEST_ONLY, family
from train.digests import sha256
from train.evaluation.metrics import ranking
from train.fitting.recipes import RECIPES, Recipe
from train.reports.markdown import table as markdown_table
from train.reports.markdown import write_between

FOLD_FILE, SCORES_FILE = "fold.json", "scores.csv"
START, END = "<!-- table: written by python -m train experiments -->", "<!-- end of table -->"
BASELINE = "baseline"
BASIS = "first-release"
"""The recipe that every idea changes."""
FAMILIES = ("ham10000", "isic_2017", "siim_acral", "pad_ufes_20")
RESAMPLES = 500
INPUT_SIZE, SQUARE = 128, 160
"""Side in pixels of the network's input while screening, and of the photographs kept for it."""
PROTOCOL: dict[str, Any] = {
    "input_size": INPUT_SIZE,
    "epochs": 4,
    "epoch_length": 4800,
    "batch_size": 64,
    "ema_decay": 0.98,
    "patience": 4,
    "zero_head": True,
    "seed": 0,
}
"""The same for every idea: 19,200 photographs a fold, one seed."""


@dataclass(frozen=True)
class Idea:
    """One change to the baseline. says: what is asked, for the table. changes, augmentation: fields that differ."""

    name: str
    says: str
    changes: dict[str, Any] = field(default_factory=dict)
    augmentation: dict[str, Any] = field(default_factory=dict)

    def recipe(self) -> Recipe:
        """The baseline under PROTOCOL with this idea's changes."""
        changed = RECIPES[BASIS].change(**{**PROTOCOL, **self.changes})
        return changed.change(augmentation=replace(changed.augmentation, **self.augmentation))


_DRAWN = {"hairs": 0.15, "ruler": 0.1, "ink": 0.1, "phone": 0.25, "melanin": 0.25, "cutout": 0.15}
IDEAS: dict[str, Idea] = {
    idea.name: idea
    for idea in (
        Idea(BASELINE, "the first release's recipe, its new head starting at zero"),
        Idea("random-head", "the first release's recipe, whose random head shakes the backbone", {"zero_head": False}),
        Idea("drawn", "hairs, ruler, ink, phone light, darker skin and cutout, on both classes alike", {}, _DRAWN),
        Idea("another-seed", "nothing but the seed: what chance alone does", {"seed": 1}),
        Idea("twice-as-long", "eight passes in place of four", {"epochs": 8, "patience": 8}),
        Idea("mixup", "mixup, alpha 0.2", {"mixup": 0.2}),
        Idea("unbalanced", "no balancing", {"balance": "none"}),
        Idea("crop", "regions from 40 % of the side", {}, {"scale": (0.4, 1.1)}),
        Idea("robust", "a loss on the spread between centre families", {"robust": 0.5}),
        Idea("one-sharpness", "most photographs softened", {}, {"soft": 0.6, "jpeg": 0.5}),
        Idea("label-smoothing", "label smoothing 0.1", {"label_smoothing": 0.1}),
        Idea("balanced", "every family and diagnosis equally often", {"balance_power": 1.0}),
        Idea("lower-rate", "learning rate 5e-4", {"learning_rate": 5e-4}),
        Idea("higher-rate", "learning rate 2e-3", {"learning_rate": 2e-3}),
        Idea("larger-input", "160 px", {"input_size": 160}),
        Idea("artefacts", "hairs, rulers and ink alone", {}, {"hairs": 0.2, "ruler": 0.1, "ink": 0.15}),
        Idea("phone", "phone light, focus and glints alone, on half of all photographs", {}, {"phone": 0.5}),
        Idea("melanin", "darker skin alone, on half of all photographs", {}, {"melanin": 0.5}),
        Idea("hue", "hue turned by up to 8 degrees, twice the tint", {}, {"hue": 8.0, "tint": 0.16}),
        Idea("cutout", "a square cut out of a third of all photographs", {}, {"cutout": 0.33}),
        Idea("no-strong-colour", "light colour changes only", {}, {"tint": 0.0, "gamma": 0.0, "saturation": 0.1}),
        Idea("focal", "focal loss in place of balanced sampling", {"balance": "focal"}),
        Idea("risk-only-half", "risk loss as heavy as the diagnosis loss", {"risk_weight": 1.0}),
        Idea("no-risk-loss", "diagnoses alone", {"risk_weight": 0.0}),
        Idea("no-border-crop", "the dermatoscope's circle is left in", {"border_crop": False}),
        Idea("hair-removal", "hairs painted over", {"remove_hair": True}),
    )
}


def screen(
    work: Path, out: Path, backbone: Path | None, ideas: list[str] | None = None, jobs: int | None = None
) -> pd.DataFrame:
    """Train and judge every idea on every fold that is not done yet, then return ``table``'s rows.

    Writes OUT/IDEA/FAMILY/ with the run's history, scores.csv and fold.json; the same call goes on where one stopped.
    jobs: folds at a time, each on one core (default: as many as there are cores).
    """
    chosen = [find(name) for name in ideas or list(IDEAS)]
    waiting = [
        (idea, left_out)
        for idea in chosen
        for left_out in FAMILIES
        if not is_done(out / idea.name / left_out, _key(work, idea, left_out))
    ]
    if waiting:  # decode before the folds would do it side by side
        for border_crop, remove_hair in {(r.border_crop, r.remove_hair) for r in (i.recipe() for i, _ in waiting)}:
            pictures(without_test(work), border_crop, remove_hair, out / "cache")
    calls = [(work, out, idea.name, left_out, backbone) for idea, left_out in waiting]
    for found in side_by_side(fold, calls, jobs):
        tqdm.write(
            f"{found['idea']}, without {found['left_out']}: AUC {found['auc']:.4f} on it, "
            f"{found['seen_auc']:.4f} on the others, {found['seconds']:.0f} s.",
            file=sys.stderr,
        )
    return table(out)


def side_by_side(
    train: Callable[..., dict[str, Any]], calls: Sequence[tuple[Any, ...]], jobs: int | None
) -> Iterator[dict[str, Any]]:
    """What ``train`` returns for each tuple of arguments, as it comes, ``jobs`` at a time (default: all cores)."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=context, initializer=die_of_ctrl_c) as pool:
        started = [pool.submit(train, *call) for call in calls]
        try:
            for done in tqdm(as_completed(started), total=len(started), desc="Networks", unit="network", disable=None):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def find(name: str) -> Idea:
    """The idea of that name; raises UserError with the names there are."""
    if name not in IDEAS:
        raise UserError(f"There is no idea {name!r}. The ideas are: {', '.join(IDEAS)}.")
    return IDEAS[name]


def split_off(rows: pd.DataFrame, left_out: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions in ``rows`` of the photographs to train on, to choose the epoch on, and of the family left out.

    rows: source, group and split, without the test split. A group with a photograph in the family left out takes part
    in neither training nor the choice of the epoch.
    """
    inside = rows["source"].map(family).to_numpy(dtype=str) == left_out
    reaches = rows["group"].isin(set(rows.loc[inside, "group"])).to_numpy()
    split = rows["split"].to_numpy(dtype=str)
    return (
        np.flatnonzero(~reaches & (split == "train")),
        np.flatnonzero(~reaches & (split == "validation")),
        np.flatnonzero(inside),
    )


def fold(work: Path, out: Path, name: str, left_out: str, backbone: Path | None) -> dict[str, Any]:
    """Train one idea without one family and score that family; writes and returns what ``fold.json`` holds."""
    import torch

    from train.fitting.validation import within_source_auc
    from train.studies import train_and_score

    torch.set_num_threads(1)
    started = time.monotonic()
    idea, folder = find(name), out / name / left_out
    recipe, rows = idea.recipe(), without_test(work)
    training, validation, unseen = split_off(rows, left_out)
    squares, preprocessing = pictures(rows, recipe.border_crop, recipe.remove_hair, out / "cache")
    run, log_odds = train_and_score.train_on(
        folder, recipe, replace(preprocessing, input_size=recipe.input_size), rows, squares, training, validation,
        unseen, backbone,
    )  # fmt: skip
    scores = rows.iloc[unseen][["file", "source", "group", "malignant"]].assign(log_odds=np.round(log_odds, 5))
    found = {
        "idea": name,
        "left_out": left_out,
        "auc": within_source_auc(log_odds, scores["malignant"].to_numpy(), scores["source"].to_numpy(dtype=str)),
        "seen_auc": run.best["auc"],
        "n": len(unseen),
        "n_malignant": int(scores["malignant"].sum()),
        "n_training": len(training),
        "seconds": round(time.monotonic() - started),
        "key": _key(work, idea, left_out),
    }
    keep(folder, scores, found)
    return found


def table(out: Path) -> pd.DataFrame:
    """One row an idea whose folds are all done, best first.

    Columns: idea, says, one AUC a family left out, mean (over families), difference to the baseline's mean with low and
    high (95 %, paired bootstrap over groups; NaN for the baseline or without it), seen (mean validation AUC of the
    families trained on), minutes.
    """
    done = {name: found for name in IDEAS if len(found := _folds(out, name)) == len(FAMILIES)}
    drawn = {name: _drawn_means(out, name) for name in done}
    rows = []
    for name, folds in done.items():
        apart = drawn[name] - drawn[BASELINE] if BASELINE in drawn and name != BASELINE else np.full(2, np.nan)
        low, high = np.quantile(apart[1:], (0.025, 0.975))
        rows.append(
            {
                "idea": name,
                "says": IDEAS[name].says,
                **{left_out: folds[left_out]["auc"] for left_out in FAMILIES},
                "mean": float(np.mean([fold["auc"] for fold in folds.values()])),
                "difference": float(apart[0]),
                "low": float(low),
                "high": float(high),
                "seen": float(np.mean([fold["seen_auc"] for fold in folds.values()])),
                "minutes": sum(fold["seconds"] for fold in folds.values()) / 60,
            }
        )
    found = pd.DataFrame(rows)
    return found.sort_values("mean", ascending=False, ignore_index=True) if rows else found


def markdown(found: pd.DataFrame) -> str:
    """``table``'s rows as a Markdown table."""
    head = ["idea", "what changes", *(f"without {name}" for name in FAMILIES)]
    head += ["mean", "against the baseline", "families seen", "core minutes"]
    lines = []
    for row in found.to_dict("records"):
        against = "–" if np.isnan(row["difference"]) else (
            f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
        )  # fmt: skip
        cells = [row["idea"], row["says"], *(f"{row[name]:.3f}" for name in FAMILIES)]
        cells += [f"{row['mean']:.3f}", against, f"{row['seen']:.3f}", f"{row['minutes']:.0f}"]
        lines.append(cells)
    return markdown_table(head, lines)


def write_page(
    found: pd.DataFrame, page: Path, content: str, marks: tuple[str, str] = (START, END), ending: str = ".csv"
) -> None:
    """Put ``content`` between the marks of ``page`` and its rows into a CSV file beside it, its name but the ending."""
    write_between(page, {marks[0]: content}, marks[1])
    write_csv(page.with_name(page.stem + ending), found, float_format="%.6f")


def _folds(out: Path, name: str) -> dict[str, dict[str, Any]]:
    files = {left_out: out / name / left_out / FOLD_FILE for left_out in FAMILIES}
    return {left_out: json.loads(file.read_text()) for left_out, file in files.items() if file.is_file()}


def _drawn_means(out: Path, name: str) -> np.ndarray:
    """(RESAMPLES + 1,) mean over families of the AUC within a source, the first of the sample itself.

    Every idea's draws are the same, so that differences are paired.
    """
    means = []
    for left_out in FAMILIES:
        scores = pd.read_csv(out / name / left_out / SCORES_FILE)
        log_odds, ill = scores["log_odds"].to_numpy(), scores["malignant"].to_numpy(dtype=np.float64)
        draws = Draws(scores["group"].to_numpy(dtype=str), RESAMPLES, seed=0)
        weights = draws.weights
        aucs = within_sources(
            lambda of: ranking(log_odds[of], ill[of], weights[:, of])["auc"],  # noqa: B023
            ill,
            scores["source"].to_numpy(dtype=str),
        )
        means.append(aucs)
    return np.mean(means, axis=0)


def within_sources(drawn: Callable[[np.ndarray], np.ndarray], malignant: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """(B,) the mean that ``validation.within_source_auc`` takes, of any figure and over bootstrap draws.

    drawn: gives (B,) values of the photographs in a mask (N,); one that is undefined counts as 0.5. malignant: (N,)
    0/1. sources: (N,) names. Raises UserError where no source has enough of both classes.
    """
    from train.fitting.validation import LEAST_OF_EACH_CLASS

    per_family: dict[str, list[tuple[np.ndarray, float]]] = {}
    for source in np.unique(sources):
        of = sources == source
        positives = malignant[of].sum()
        if min(positives, of.sum() - positives) >= LEAST_OF_EACH_CLASS:
            per_family.setdefault(family(str(source)), []).append((np.nan_to_num(drawn(of), nan=0.5), positives))
    if not per_family:
        raise UserError(f"No source has {LEAST_OF_EACH_CLASS} malignant and as many benign photographs to judge.")
    means = [np.average([v for v, _ in of], axis=0, weights=[n for _, n in of]) for of in per_family.values()]
    return np.mean(means, axis=0)


def without_test(work: Path) -> pd.DataFrame:
    """Rows of the work folder's train and validation splits: all that an experiment may look at."""
    from train.fitting.fit import read_split

    rows = read_split(work)
    return rows[(rows["split"] != "test") & ~rows["source"].isin(TEST_ONLY)].reset_index(drop=True)


def pictures(rows: pd.DataFrame, border_crop: bool, remove_hair: bool, cache: Path) -> tuple[np.ndarray, Any]:
    """(N, SQUARE, SQUARE, 3) uint8 squares of the rows, kept under ``cache``, and the preprocessing they had."""
    from skin_model.network.preprocessing import Preprocessing
    from train.data import images

    preprocessing = Preprocessing(INPUT_SIZE, crop="border" if border_crop else "none", remove_hair=remove_hair)
    return images.load_squares(rows, preprocessing, cache, SQUARE), preprocessing


def keep(folder: Path, scores: pd.DataFrame, found: dict[str, Any]) -> None:
    """Write a network's scores and what was found, in place of the state that training would resume from."""
    from train.fitting.run_folder import STATE_FILE

    scores.to_csv(folder / SCORES_FILE, index=False)
    (folder / STATE_FILE).unlink()
    write_json(folder / FOLD_FILE, found)


def is_done(folder: Path, key: str) -> bool:
    """Whether the folder holds what ``keep`` wrote under this key."""
    file = folder / FOLD_FILE
    return file.is_file() and json.loads(file.read_text())["key"] == key


def key_of(work: Path, recipe: Recipe, *more: Any) -> str:
    """What a result depends on: the split, the recipe and whatever else; one made with other values is made again.

    Of the recipe, only what differs from the defaults, so that a field added later changes nothing.
    """
    usual, settings = asdict(Recipe("", "")), asdict(recipe)
    augmentation = _differing(settings.pop("augmentation"), usual.pop("augmentation"))
    settings = _differing(settings, {**usual, "name": recipe.name, "description": recipe.description})
    content = json.dumps([settings, augmentation, *more], sort_keys=True)
    return sha256((work / "split.csv").read_bytes() + content.encode())


def _key(work: Path, idea: Idea, left_out: str) -> str:
    return key_of(work, idea.recipe(), left_out, PROTOCOL)


def _differing(values: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != usual[name]}
