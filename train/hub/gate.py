"""The gate before a push: candidate and published checkpoint on the same locked photographs, every look counted."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from skin_model.atomic_files import write_json
from train import UserError
from train.bootstrap import RESAMPLES
from train.data import provenance, splits
from train.digests import cache_key
from train.evaluation import evaluate
from train.evaluation.stress import robustness
from train.hub import non_inferiority
from train.hub.non_inferiority import Row, Scores
from train.reports import model_card

if TYPE_CHECKING:
    from skin_model.assess import Assessor

VERDICT_FILE, ATTEMPTS_FILE, CACHE = "gate.json", "attempts.json", "gate"
SCHEMA = 1
ALTERED_PHOTOGRAPHS = 300
"""Drawn from the locked ones, families and labels alike; each is altered in every way and scored by both."""
CANDIDATE, PUBLISHED = "candidate", "published"
PAIR = (CANDIDATE, PUBLISHED, "locked_sha256")
"""What is the same in every look of one candidate at the same photographs."""


@dataclass(frozen=True)
class GateVerdict:
    """What the gate found.

    rows: every figure of both. leaks: whose ("candidate", "published") -> the locked groups it was trained on, or None
    where nobody can tell; only those with something to say. problems: one sentence for each reason to stop. attempts:
    every candidate that was held against these locked photographs so far, this one the last.
    """

    candidate: str
    published: str | None
    split: str
    locked_sha256: str
    photographs: int
    rows: list[Row]
    leaks: dict[str, list[str] | None]
    problems: list[str]
    override: str | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against publishing the candidate."""
        return not self.problems

    @property
    def may_push(self) -> bool:
        """Whether it passed, or somebody gave a reason to publish it all the same."""
        return self.passed or bool(self.override)

    def to_json(self) -> dict[str, Any]:
        """The content of gate.json."""
        content = dataclasses.asdict(self)
        content["attempts"] = len(self.attempts)
        return {"schema": SCHEMA, "passed": self.passed, **content}


def compare_with_published(
    candidate: str | Path | None,
    published: str | Path | None,
    work: Path,
    out: Path,
    *,
    split: str = "test",
    resamples: int = RESAMPLES,
    seed: int = 0,
    altered_photographs: int = ALTERED_PHOTOGRAPHS,
    override: str | None = None,
) -> GateVerdict:
    """Hold a candidate against what is published, and write gate.json and attempts.json to ``out``.

    candidate: a checkpoint folder, owner/name[@revision] on the Hub, or None for the embedded one; published the same,
    but None where nothing is published yet: then only leaks are looked for. Scores are kept in ``work/gate``, so each
    checkpoint is scored once, and an interrupted call goes on. override: why to publish whatever the gate finds.
    The count of attempts is that of what is published and that of ``work``, joined; where ``out`` holds the verdict on
    the same two already, it is shown again and is no further look. Raises UserError.
    """
    from skin_model.assess import Assessor
    from train.fitting.networks.architectures import load_checkpoint

    if override is not None and not override.strip():
        raise UserError('A reason has at least one word: --override "why".')
    locked = evaluate.read_split(work, split)
    references = {CANDIDATE: candidate} | ({} if published is None else {PUBLISHED: published})
    assessors = {name: Assessor(load_checkpoint(reference)) for name, reference in references.items()}
    identified = splits.with_identities(work / "split.csv")
    locked_keys = provenance.keys(identified[identified["split"] == split])
    leaks: dict[str, list[str] | None] = {}
    for name, reference in references.items():
        seen = provenance.locked_groups_seen(reference, assessors[name].checkpoint, work, split, locked_keys)
        if seen is None or seen:
            leaks[name] = seen

    drawn = balanced(locked, altered_photographs, seed) if altered_photographs and published is not None else None
    scores = {name: _scores(assessor, locked, drawn, work / CACHE) for name, assessor in assessors.items()}
    opened = ~pd.isna([found.risks for found in scores.values()]).any(axis=0)
    rows = non_inferiority.compare(
        locked[opened].reset_index(drop=True),
        _of(scores[CANDIDATE], opened),
        _of(scores[PUBLISHED], opened) if PUBLISHED in scores else None,
        drawn,
        resamples=resamples,
        seed=seed,
    )
    verdict = GateVerdict(
        candidate=assessors[CANDIDATE].checkpoint.hash,
        published=assessors[PUBLISHED].checkpoint.hash if PUBLISHED in assessors else None,
        split=split,
        locked_sha256=evaluate.rows_hash(locked),
        photographs=int(opened.sum()),
        rows=rows,
        leaks=leaks,
        problems=problems(rows, leaks, split),
        override=override.strip() if override else None,
    )
    known = [_attempts(work / CACHE / ATTEMPTS_FILE)]
    if published is not None:
        known.append((provenance.read_beside(published, ATTEMPTS_FILE) or {}).get("attempts", []))
    counted = joined_attempts([*known, [attempt(verdict)]])
    if _was_seen(verdict, out / VERDICT_FILE):
        counted = seen_again(joined_attempts(known), verdict)
    verdict = dataclasses.replace(verdict, attempts=counted)
    for folder in (work / CACHE, out):
        write_json(folder / ATTEMPTS_FILE, {"schema": SCHEMA, "attempts": counted})
    write_json(out / VERDICT_FILE, verdict.to_json(), allow_nan=False)
    return verdict


def balanced(locked: pd.DataFrame, photographs: int, seed: int) -> pd.DataFrame:
    """At most so many rows, families and labels taking turns until they have no more, each drawn at random.

    An AUC over as few as can be altered in minutes would else hang on the handful of cancers of some family.
    """
    shuffled = locked.sample(frac=1, random_state=seed)
    turn = shuffled.groupby(["family", "malignant"]).cumcount()
    chosen = turn.sort_values(kind="stable").index[:photographs]
    return locked.loc[sorted(chosen)].reset_index(drop=True)


def problems(rows: Sequence[Row], leaks: dict[str, list[str] | None], split: str) -> list[str]:
    """One sentence for each reason not to publish; none where the gate is passed."""
    found = []
    for name, groups in leaks.items():
        if groups is None:
            found.append(
                f"Nobody can tell whether the {name} checkpoint was trained on locked photographs: it has no "
                f"{provenance.TRAINED_ON_FILE}, and its split is not one that this one was grown from."
            )
        else:
            said = ", ".join(groups[:5]) + ", …" * (len(groups) > 5)
            found.append(
                f"The {name} checkpoint was trained on {len(groups)} locked groups of the {split} split ({said}). "
                "Keep the lock when data grows: python -m train prepare --keep-split OLD/split.csv."
            )
    compared = [row for row in rows if row.difference is not None]
    if compared and all(row.passed is None for row in compared):
        found.append(
            f"The {split} split has too few malignant or benign groups to judge anything by; add photographs to it."
        )
    for row in compared:
        if row.passed is False:
            worse = "lower" if row.higher_is_better else "higher"
            extreme = abs(row.low if row.higher_is_better else row.high)
            found.append(
                f"{row.name}: {row.candidate:.3f} against {row.published:.3f}; it may be {extreme:.3f} {worse}, and "
                f"the margin is {row.margin:.3f}."
            )
    return found


def table(verdict: GateVerdict) -> str:
    """The comparison as text, one line a figure, and what follows from it."""
    lines = [f"{'':34}{'candidate':>10}{'published':>10}  {'difference (95 % interval)':<28}{'margin':>7}  verdict"]
    for row in verdict.rows:
        if row.difference is None:
            lines.append(f"{row.name:34}{row.candidate:>10.3f}{'–':>10}")
            continue
        said = {True: "not worse", False: "WORSE, or too few to tell", None: "too few, not judged"}[row.passed]
        difference = f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
        margin = f"{-row.margin if row.higher_is_better else row.margin:+.2f}"
        lines.append(f"{row.name:34}{row.candidate:>10.3f}{row.published:>10.3f}  {difference:<28}{margin:>7}  {said}")
    looked = f"{verdict.photographs} photographs of the locked {verdict.split} split"
    lines.append(f"\n{looked}; candidate {verdict.candidate}, published {verdict.published or 'nothing yet'}.")
    lines.append(model_card.counted(verdict.attempts))
    lines += [f"Stop: {sentence}" for sentence in verdict.problems]
    if verdict.passed and verdict.published is None:
        lines.append("Nothing is published to compare with: only leaks were looked for, and none was found.")
    elif verdict.passed:
        lines.append("The gate is passed.")
    elif verdict.override:
        lines.append(f"Overridden: {verdict.override}")
    else:
        lines.append('The gate is closed. To publish all the same, and say so in the card: --override "reason".')
    return "\n".join(lines)


def attempt(verdict: GateVerdict) -> dict[str, Any]:
    """The record of one look: who was held against whom on which photographs, how it ended, and when (UTC)."""
    return {
        "candidate": verdict.candidate,
        "published": verdict.published,
        "locked_sha256": verdict.locked_sha256,
        "passed": verdict.passed,
        "override": verdict.override,
        "first": datetime.now(UTC).isoformat(timespec="microseconds"),
        "looks": 1,
    }


def seen_again(attempts: list[dict[str, Any]], verdict: GateVerdict) -> list[dict[str, Any]]:
    """The attempts as they are, but for an override that this verdict's own may only have got now."""
    return [
        found | {"passed": verdict.passed, "override": verdict.override or found["override"]}
        if all(found[name] == getattr(verdict, name) for name in PAIR)
        else found
        for found in attempts
    ]


def joined_attempts(records: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Attempts of several records as one, by first look; those of one pair on the same photographs are one with looks.

    A record that came along from elsewhere holds the same looks again, so the same ``first`` is counted once, with
    the higher number of looks.
    """
    by_pair: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for record in records:
        for found in record:
            seen = by_pair.setdefault(tuple(found[name] for name in PAIR), {})
            kept = seen.get(found["first"], found)
            seen[found["first"]] = found if found["looks"] >= kept["looks"] else kept
    attempts = []
    for seen in by_pair.values():
        looks = sorted(seen.values(), key=lambda found: found["first"])
        overrides = [found["override"] for found in looks if found["override"]]
        attempts.append(
            looks[-1]
            | {"first": looks[0]["first"], "looks": sum(found["looks"] for found in looks)}
            | {"override": overrides[-1] if overrides else None}
        )
    return sorted(attempts, key=lambda found: found["first"])


def _was_seen(verdict: GateVerdict, file: Path) -> bool:
    if not file.is_file():
        return False
    before = json.loads(file.read_text(encoding="utf-8"))
    return all(before.get(name) == getattr(verdict, name) for name in PAIR)


def _attempts(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_text(encoding="utf-8"))["attempts"] if file.is_file() else []


def _scores(assessor: Assessor, locked: pd.DataFrame, drawn: pd.DataFrame | None, cache: Path) -> Scores:
    """Of the locked photographs, and of the drawn ones altered; from the cache where this checkpoint was scored."""
    key = f"{evaluate.checkpoint_key(assessor)} {evaluate.rows_hash(locked)}"
    folder = cache / cache_key(key)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / evaluate.PREDICTIONS_FILE
    if file.is_file():
        tqdm.write(f"Checkpoint {assessor.checkpoint.hash} was scored before: {file}.", file=sys.stderr)
        predictions = evaluate.read_predictions(file)
    else:
        predictions = evaluate.score(assessor, locked, folder)
    config = assessor.checkpoint.config
    altered = None if drawn is None else robustness.altered_risks(assessor, drawn, folder)
    return Scores(
        predictions["risk"].to_numpy(dtype=float),
        config.thresholds.low,
        config.calibration.reference_prevalence,
        altered,
    )


def _of(scores: Scores, opened: Any) -> Scores:
    return dataclasses.replace(scores, risks=scores.risks[opened])
