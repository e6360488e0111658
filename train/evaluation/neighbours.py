"""What the network takes a photograph for: the training photographs whose features lie nearest to its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from skin_model.atomic_files import replacing
from skin_model.pools import thread_pool
from train.data import images
from train.data.per_photograph import measure_each
from train.data.tables import photo_of
from train.digests import cache_key

if TYPE_CHECKING:
    from skin_model.assess import Assessor
    from skin_model.network.checkpoint import Checkpoint
    from skin_model.photo import Photo

BATCH_SIZE = 32
PICTURE_SIDE, JPEG_QUALITY = 160, 90
SAVED_EVERY = 256
"""Photographs between two savings; a multiple of BATCH_SIZE."""


def learned_from(rows: pd.DataFrame, checkpoint: Checkpoint) -> pd.DataFrame:
    """The training photographs that its recipe took: smaller ones it left out, and they explain no mistake."""
    settings = checkpoint.config.training.get("settings", {})
    return rows[images.large_enough(rows, settings.get("least_side", 0))].reset_index(drop=True)


@torch.inference_mode()
def pooled(network: nn.Module, batch: Tensor) -> Tensor:
    """What the network's last layer is given, (B, D): for MobileNetV3-Small 1024 features pooled over the picture."""
    caught: list[Tensor] = []
    hook = network.get_classifier().register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    try:
        network(batch)
    finally:
        hook.remove()
    return caught[0].flatten(1)


def features(assessor: Assessor, rows: pd.DataFrame, kept: Path, title: str) -> np.ndarray:
    """(N, D) float32 features of ``rows`` (root, file), of length 1; NaN for a photograph that cannot be opened.

    kept: a folder that they are saved to as they come; a repeated call of the same checkpoint and photographs takes
    them from there. title: what the progress bar says.
    """
    checkpoint = assessor.checkpoint
    names = rows[["root", "file"]].to_csv(index=False)
    folder = kept / cache_key(json.dumps([checkpoint.hash, str(checkpoint.config.preprocessing), names]))
    found = []
    with tqdm(total=len(rows), desc=title, unit="photo", file=sys.stderr, disable=None) as bar:
        for start in range(0, len(rows), SAVED_EVERY):
            chunk, file = rows.iloc[start : start + SAVED_EVERY], folder / f"{start:08}.npy"
            if not file.is_file():
                with replacing(file) as aside, aside.open("wb") as stream:
                    np.save(stream, _features(assessor, chunk, bar))
            else:
                bar.update(len(chunk))
            found.append(np.load(file, allow_pickle=False))
    return np.concatenate(found).astype(np.float32)


def _features(assessor: Assessor, rows: pd.DataFrame, bar: tqdm) -> np.ndarray:
    """(N, D) float16, of length 1."""
    size = assessor.checkpoint.config.preprocessing.input_size
    blank = torch.zeros(1, 3, size, size)

    def given_to_the_network(row: Any) -> Tensor:
        photo = photo_of(row)
        return blank if photo is None else assessor.view(photo).tensor

    found = []
    # Decoding and locating leave Python's lock free.
    with thread_pool(os.cpu_count()) as pool:
        # One queue for all, so that the next batch is opened while the network looks at this one.
        opened = pool.imap(given_to_the_network, rows.itertuples(index=False))
        while inputs := list(islice(opened, BATCH_SIZE)):
            bar.update(len(inputs))
            batch = torch.cat(inputs).contiguous(memory_format=torch.channels_last)
            features = pooled(assessor.checkpoint.network, batch).numpy().astype(np.float32)
            features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
            features[[given is blank for given in inputs]] = np.nan
            found.append(features.astype(np.float16))
    return np.concatenate(found)


def nearest(asked: np.ndarray, among: np.ndarray, forbidden: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` rows of ``among`` (M, D) nearest to each row of ``asked`` (N, D), both of length 1, by cosine distance.

    forbidden: (N, M) bool, pairs that do not count, such as two photographs of one lesion. Returns positions and
    distances (0…2), each (N, k), nearest first; position -1 and distance NaN where there are not enough.
    """
    distances = 1 - asked.astype(np.float64) @ among.astype(np.float64).T
    distances[forbidden | np.isnan(distances)] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(distances, order, axis=1)
    if order.shape[1] < k:
        missing = ((0, 0), (0, k - order.shape[1]))
        order, found = np.pad(order, missing), np.pad(found, missing, constant_values=np.inf)
    lacking = np.isinf(found)
    return np.where(lacking, -1, order), np.where(lacking, np.nan, np.maximum(found, 0))


def save_pictures(
    neighbours: list[list[dict[str, Any]]], training: pd.DataFrame, folder: Path, name_of: Callable[[str], str]
) -> None:
    """Small copies of all neighbours' photographs into ``folder``, named in each neighbour as ``picture``.

    neighbours: lists of dicts with image_id, changed in place. name_of: from an image_id to the copy's name.
    """
    wanted = {near["image_id"] for line in neighbours for near in line}
    rows = training[training["image_id"].isin(wanted)].drop_duplicates("image_id")

    def copy(row: Any) -> list[dict[str, Any]]:
        if photo := photo_of(row):
            save_reduced(photo, PICTURE_SIDE, folder / name_of(row.image_id))
        return [{"image_id": row.image_id, "copied": photo is not None}]

    found = measure_each(rows, copy, "Copying the nearest", threads=os.cpu_count() or 1)
    copied = set(found.loc[found["copied"], "image_id"]) if len(rows) else set()
    for near in (near for line in neighbours for near in line):
        if near["image_id"] in copied:
            near["picture"] = name_of(near["image_id"])


def save_reduced(photo: Photo, side: int, file: Path) -> None:
    """A JPEG at most ``side`` pixels long that holds nothing but the picture."""
    picture = Image.fromarray(photo.rgb)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    picture.save(file, "JPEG", quality=JPEG_QUALITY)
