"""How well malignant is told from benign by each thing that is not the lesion: one row a shortcut, with a verdict.

Every classifier is simple, so that what it finds is plainly there: a lower bound on what a network can find. Each is
fitted and scored on different groups. Where there are several sources, it is also cross-validated inside each one
alone, and the mean over them decides: what differs between sources is the row ``source``, and not to be counted again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from train.bootstrap import FEWEST_GROUPS, RESAMPLES, Draws, Figure, figure, mean_of_known
from train.data import splits
from train.data.outlines import OUTLINES_FILE
from train.evaluation.metrics import ranking
from train.evaluation.shortcuts import features as shortcut_features

FOLDS = 5
FEWEST_WITHIN = 10
"""A source counts by itself from this many groups of each class: the interval of an AUC on
fewer is wider than the step from fine to leak."""
LESION_LEAD = 0.05
"""By how much the lesion alone must do better than its surroundings alone, where those tell anything. It is watched
otherwise, and never a leak, since it is what should tell."""
LESION_ROWS = ("lesion_blanked", "only_lesion")

Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(features, malignant 0/1, features to score) -> scores, higher for malignant."""
Plan = list[tuple[np.ndarray, np.ndarray]]
"""Pairs of positions: fitted on, scored."""


def _share(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    share = pd.Series(truth).groupby(known).mean()
    return pd.Series(asked).map(share).fillna(truth.mean()).to_numpy(dtype=np.float64)


def _trees(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    # Leaves of 20 would leave fewer than 40 photographs in one leaf, and a total leak in them unseen.
    leaf = 20 if len(known) >= 40 else max(1, len(known) // 10)
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=leaf, early_stopping=False, random_state=0
    )
    return model.fit(known, truth).predict_proba(asked)[:, 1]


def _logistic(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    return model.fit(known.astype(np.float64), truth).decision_function(asked.astype(np.float64))


def _nearest(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The malignant share among the photographs whose hashes differ in the fewest bits."""
    scores = np.zeros(len(asked))
    for start in range(0, len(asked), 256):
        bits = np.bitwise_count(asked[start : start + 256, None] ^ known[None, :])
        nearest = bits == bits.min(axis=1, keepdims=True)
        scores[start : start + 256] = (nearest @ truth.astype(np.float64)) / nearest.sum(axis=1)
    return scores


@dataclass(frozen=True)
class Scale:
    """From which AUC a row is to be watched, from which it is a leak, and how its sentence goes on in each case."""

    watch: float
    leak: float
    fine: str
    watched: str
    leaks: str

    def means(self, verdict: str) -> str:
        """The words for a verdict."""
        return {"fine": self.fine, "watch": self.watched, "leak": self.leaks}[verdict]


_LEARNED = "tells malignant from benign, and a network can learn that in place of the lesion"
BLIND = Scale(0.60, 0.70, "tells little or nothing", "tells more than it should", _LEARNED)
"""For what does not see the lesion. A patient's age, which is knowledge, gives 0.69 on PAD-UFES-20 and 0.75 on
HAM10000; what says as much without a patient or a lesion is an accident of how the photographs were gathered. Below
0.60 lies what surroundings may honestly tell: sun-damaged skin, a site, a camera held close to a large lesion."""
COARSE = Scale(0.80, 0.90, "tells no more than colour and size may", "tells more than it should", _LEARNED)
"""For what sees the lesion, but too coarsely to diagnose it. Its colour and size are part of a diagnosis and may well
tell something; without a pattern or an edge they should not do what a network needs the whole picture for."""
SOURCE = Scale(
    0.60,
    0.80,
    "tells little or nothing",
    "tells so much that a figure pooled over sources flatters a network; judge within a source",
    "tells as much as a network sees in photographs of a strange clinic; judge within a source only, and leave sources "
    "out of training to test",
)
"""Sources differ in how many of their photographs are malignant, which is no fault of a photograph: it makes pooled
figures worthless before it makes a network so. The leak begins where a network's AUC on an unseen centre lies."""


@dataclass(frozen=True)
class Row:
    """One shortcut. subject: as its sentence begins. reads: which of ``shortcut_features.read``, and of its columns.

    classifier: in words, for the reader.
    """

    subject: str
    reads: str
    classifier: str
    predict: Predict
    scale: Scale = BLIND
    columns: tuple[int, ...] | None = None


_TREES = "gradient-boosted trees (60 of 8 leaves)"
_LINEAR = "logistic regression (C 0.01, standardised)"


def _of_the_file(subject: str, *columns: str) -> Row:
    positions = tuple(shortcut_features.FILE_COLUMNS.index(name) for name in columns)
    return Row(subject, "file_numbers", _TREES, _trees, columns=positions)


ROWS: dict[str, Row] = {
    "source": Row("The source alone", "source", "the malignant share of the source", _share, SOURCE),
    "border": Row("The border alone (its kind, radius and area)", "border_numbers", _TREES, _trees),
    "file_size": _of_the_file(
        "The file's size (in bytes and per pixel; detail anywhere in the picture adds to it)",
        "bytes",
        "bytes_per_pixel",
    ),
    "sharpness": _of_the_file("Sharpness alone (a lesion's own pattern adds to it)", "sharpness", "sharpness_at_128"),
    "resolution": _of_the_file("The resolution alone (width, height, aspect)", "width", "height", "aspect"),
    "thumbnail": Row("A thumbnail of 8 × 8 pixels", "thumbnail", _LINEAR, _logistic, COARSE),
    "nearest_neighbour": Row(
        "The photograph with the nearest perceptual hash", "nearest", "its label", _nearest, COARSE
    ),
    "lesion_blanked": Row(
        "The picture with the lesion painted over", "lesion_blanked", f"{_LINEAR} on pooled features", _logistic
    ),
    "only_lesion": Row(
        "The lesion alone (cut out by its outline)", "only_lesion", f"{_LINEAR} on pooled features", _logistic
    ),
}
"""In the order in which they are printed. ``only_lesion`` is no shortcut: it is what the others are held against."""


def measure(
    rows: pd.DataFrame,
    cache: Path | None = None,
    *,
    scored: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Every shortcut of labelled photographs.

    rows: root, file, source, malignant (0/1), group, and where known split (see ``protocol``). cache: a folder that
    keeps what was read. scored: the part of a split into train, validation and test that is scored; by default
    validation, and test where there is no validation. What is neither train nor that part is not even opened.

    Returns ``protocol``, a sentence; ``rows``, the part for metrics.json: {ROW: {"auc": Figure, "pooled": Figure,
    "within": Figure, "sources": {SOURCE: Figure}, "n", "n_malignant", "classifier", "verdict": "fine" | "watch" |
    "leak", "says"}}, where auc is the figure that the verdict is about and n counts the photographs scored for it;
    ``not_measured``, {ROW: reason}; and ``n_unopened``.

    The pooled features come from the embedded network. What it was trained on it knows by heart: a lesion row that is
    high on its own training photographs is partly that.
    """
    if "split" in rows and rows["split"].isin(splits.SPLITS).all():
        scored = scored or ("validation" if (rows["split"] == "validation").any() else "test")
        rows = rows[rows["split"].isin(("train", scored))]
    rows = rows.reset_index(drop=True)
    features = shortcut_features.read(rows, cache) | {"source": rows["source"].to_numpy(dtype=str)}
    opened = features.pop("opened").astype(bool)
    truth, groups = rows["malignant"].to_numpy(dtype=int), rows["group"].to_numpy(dtype=str)
    split = rows["split"].to_numpy(dtype=str) if "split" in rows else None
    plan, said = protocol(truth[opened], groups[opened], None if split is None else split[opened])
    found, not_measured = {}, {}
    for name, row in tqdm(ROWS.items(), desc="Measuring shortcuts", unit="row") if plan else ():
        kept = opened & features["cut_out"] if name in LESION_ROWS else opened
        data = _Data(
            features[row.reads][kept] if row.columns is None else features[row.reads][kept][:, row.columns],
            truth[kept],
            groups[kept],
            # The source is no shortcut within a source.
            np.full(kept.sum(), "") if name == "source" else features["source"][kept],
            None if split is None else split[kept],
        )
        measured = _measure_row(row, data, resamples, seed)
        if measured is not None:
            found[name] = measured
        elif kept.any():
            not_measured[name] = "Too few groups of both classes."
        else:
            not_measured[name] = f"No lesion has an outline in {OUTLINES_FILE} that fits."
    for name, measured in found.items():
        measured["verdict"], measured["says"] = _judge(name, measured, found)
    if not plan:
        not_measured = dict.fromkeys(ROWS, said)
    return {"protocol": said, "rows": found, "not_measured": not_measured, "n_unopened": int((~opened).sum())}


def protocol(truth: np.ndarray, groups: np.ndarray, split: np.ndarray | None) -> tuple[Plan | None, str]:
    """Which positions are fitted on and which are scored (None where there are too few), and that as a sentence.

    split: train and the part that is scored, or numbered folds, which are cross-validated as they are. Sources are too
    small to fill a part, so within a source both parts are cross-validated together. No split, or a part that lacks a
    class: five folds, whole groups at a time, each with its share of the malignant.
    """
    if not len(truth):
        return None, "No photograph could be opened."
    if split is not None and set(split) <= set(splits.SPLITS):
        scored = next((name for name in splits.SPLITS[1:] if name in split), "")
        plan = [(np.flatnonzero(split == "train"), np.flatnonzero(split == scored))]
        if all(len(np.unique(truth[part])) == 2 for part in plan[0]):
            return plan, f"Fitted on train, scored on {scored}; within a source, cross-validated in both together."
    elif split is not None:
        plan = [(np.flatnonzero(split != name), np.flatnonzero(split == name)) for name in np.unique(split)]
        plan = [(fit, score) for fit, score in plan if len(np.unique(truth[fit])) == 2]
        return plan or None, "Cross-validated in the folds that the data gives." if plan else "Too few of a class."
    plan = _folds(truth, groups)
    return plan, "Cross-validated in five folds, whole groups at a time." if plan else "Too few groups of both classes."


def _folds(truth: np.ndarray, groups: np.ndarray) -> Plan | None:
    """Groups that hold a malignant photograph are dealt out first, then the others, so that folds are alike."""
    fewest = min(len(np.unique(groups[truth == label])) for label in (0, 1))
    if fewest < 2:
        return None
    fold = np.zeros(len(truth), dtype=int)
    ill = np.isin(groups, groups[truth == 1])
    for part in (np.flatnonzero(ill), np.flatnonzero(~ill)):
        count = min(FOLDS, fewest, len(np.unique(groups[part])))
        dealt = GroupKFold(count).split(part, groups=groups[part]) if count > 1 else []
        for number, (_, score) in enumerate(dealt):
            fold[part[score]] = number
    plan = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in np.unique(fold)]
    return [(fit, score) for fit, score in plan if len(np.unique(truth[fit])) == 2] or None


@dataclass(frozen=True)
class _Data:
    features: np.ndarray
    truth: np.ndarray
    groups: np.ndarray
    sources: np.ndarray
    split: np.ndarray | None

    def of(self, kept: np.ndarray) -> _Data:
        split = None if self.split is None else self.split[kept]
        return _Data(self.features[kept], self.truth[kept], self.groups[kept], self.sources[kept], split)

    def fewest_groups(self) -> int:
        return min(len(np.unique(self.groups[self.truth == label])) for label in (0, 1))


def _scored(row: Row, data: _Data, fewest: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions scored and their scores, None where a class has fewer groups scored than ``fewest``."""
    if data.fewest_groups() < fewest:
        return None
    plan, _ = protocol(data.truth, data.groups, data.split)
    if plan is None:
        return None
    places = np.concatenate([score for _, score in plan])
    if data.of(places).fewest_groups() < fewest:
        return None
    features = data.features
    scores = [row.predict(features[fit], data.truth[fit], features[score]) for fit, score in plan]
    return places, np.concatenate(scores)


def _measure_row(row: Row, data: _Data, resamples: int, seed: int) -> dict[str, Any] | None:
    """Figures of one row, without its verdict; None where the pool could not be scored."""
    scored = _scored(row, data, 1)
    if scored is None:
        return None
    places, scores = scored
    pooled, _ = _figures([scores], data.of(places), [np.arange(len(places))], resamples, seed)
    sources, within, counted = _within(row, data, resamples, seed)
    deciding = data.of(places if within is None else counted)
    return {
        "auc": within or pooled[0],
        "pooled": pooled[0],
        "within": within,
        "sources": sources,
        "n": len(deciding.truth),
        "n_malignant": int(deciding.truth.sum()),
        "classifier": row.classifier,
    }


def _within(row: Row, data: _Data, resamples: int, seed: int) -> tuple[dict[str, Figure], Figure, np.ndarray]:
    """The figure of each source that has enough groups, their mean's, and the positions of their photographs."""
    names = np.unique(data.sources)
    if data.split is not None and set(data.split) <= set(splits.SPLITS):
        data = replace(data, split=None)
    scores, places = {}, {}
    for name in names if len(names) > 1 else ():
        members = np.flatnonzero(data.sources == name)
        scored = _scored(row, data.of(members), FEWEST_WITHIN)
        if scored is not None:
            places[str(name)], scores[str(name)] = members[scored[0]], scored[1]
    if not scores:
        return {}, None, np.zeros(0, int)
    found, mean = _figures(list(scores.values()), data, list(places.values()), resamples, seed)
    return dict(zip(scores, found, strict=True)), mean, np.concatenate(list(places.values()))


def _figures(
    scores: list[np.ndarray], data: _Data, places: list[np.ndarray], resamples: int, seed: int
) -> tuple[list[Figure], Figure]:
    """The AUC of each set of scored positions, and the mean over the sets, all from the same draws of groups."""
    draws = Draws(data.groups, resamples, seed)

    def areas(weights: np.ndarray) -> np.ndarray:
        of = zip(scores, places, strict=True)
        return np.stack([ranking(s, data.truth[at], weights[:, at])["auc"] for s, at in of], axis=1)

    values = draws.measure(areas).T
    few = [data.of(at).fewest_groups() < FEWEST_GROUPS for at in places]
    # A resample may hold no malignant photograph of a small source; its mean is over the others.
    return [figure(v, f) for v, f in zip(values, few, strict=True)], figure(mean_of_known(values), all(few))


def verdict(found: Figure, scale: Scale) -> str:
    """fine, watch or leak: the value reaches the limit, and the interval does not reach down to where it means nothing.

    That is chance (0.5) for watch, and the watch limit for leak.
    """
    if found is None:
        return "fine"
    if found["value"] >= scale.leak and found["low"] >= scale.watch:
        return "leak"
    return "watch" if found["value"] >= scale.watch and found["low"] > 0.5 else "fine"


def _judge(name: str, measured: dict[str, Any], found: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """The verdict of a row and its sentence."""
    row, auc = ROWS[name], measured["auc"]
    said = "AUC undefined" if auc is None else f"AUC {auc['value']:.2f}, {auc['low']:.2f} to {auc['high']:.2f}"
    if measured["within"] is not None:
        said += ", within a source"
    if name == "only_lesion":
        return _judge_lesion(row, said, auc, found.get("lesion_blanked"))
    judged = verdict(auc, row.scale)
    marked = {source: of for source, of in measured["sources"].items() if verdict(of, row.scale) != "fine"}
    if marked:
        worst = max(marked, key=lambda source: marked[source]["value"])
        said += f"; most in {worst}, {marked[worst]['value']:.2f}"
        if judged == "fine" and verdict(marked[worst], row.scale) == "leak":
            # Nine clean sources would hide the tenth, and a network that is trained on all learns it all the same.
            return "watch", f"{row.subject} tells little on average, but much in one source ({said})."
    return judged, f"{row.subject} {row.scale.means(judged)} ({said})."


def _judge_lesion(row: Row, said: str, auc: Figure, blanked: dict[str, Any] | None) -> tuple[str, str]:
    around = blanked["auc"] if blanked else None
    if auc is None or around is None or verdict(around, BLIND) == "fine":
        return "fine", f"{row.subject} is what should tell, and its surroundings do not ({said})."
    if auc["value"] - around["value"] >= LESION_LEAD:
        return "fine", f"{row.subject} tells more than its surroundings, as it should ({said})."
    return "watch", f"{row.subject} tells hardly more than its surroundings, or less ({said})."
