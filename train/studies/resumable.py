"""Many trainings of one study: side by side, one core each, and none of them twice."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import write_json
from skin_model.pools import end_with_the_command
from train import UserError
from train.digests import sha256
from train.fitting.recipes import Recipe

FOLD_FILE, SCORES_FILE = "fold.json", "scores.csv"


def side_by_side(
    train: Callable[..., dict[str, Any]], calls: Sequence[tuple[Any, ...]], jobs: int | None
) -> Iterator[dict[str, Any]]:
    """What ``train`` returns for each tuple of arguments, as it comes, ``jobs`` at a time (default: all cores).

    Raises UserError where a process is ended from outside, as a system does that has no memory left.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=context, initializer=end_with_the_command) as pool:
        started = [pool.submit(train, *call) for call in calls]
        try:
            for done in tqdm(as_completed(started), total=len(started), desc="Networks", unit="network", disable=None):
                yield done.result()
        except BrokenProcessPool:
            raise UserError(
                "A training process was ended from outside, perhaps because memory ran out. "
                "Repeat the command with fewer --jobs: it goes on from what is finished."
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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


def _differing(values: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != usual[name]}
