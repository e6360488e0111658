"""The gate: who was trained on what is locked, what is scored again, how looks are counted, and when it opens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.train.evaluation.test_evaluate import make_checkpoint
from tests.train.rendered_lesions import write_work
from train import UserError
from train.commands.command_line import main
from train.data import provenance
from train.digests import file_sha256
from train.evaluation import evaluate
from train.hub import gate
from train.hub.non_inferiority import Row
from train.reports import model_card

LOCKED = "validation"
"""The rendered work folders have no test split; here the other part that training never sees is the locked one."""


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """8 training and 12 locked photographs; of locked number 9 the lesion and patient are known."""
    work = write_work(tmp_path_factory.mktemp("rendered"), training=8, validation=12)
    rows = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    rows["lesion_id"] = np.where(rows["image_id"] == "9", "L9", "")
    rows["patient_id"] = np.where(rows["image_id"] == "9", "P9", "")
    rows.to_csv(work / "catalogue.csv", index=False)
    return work


@pytest.fixture
def checkpoint(work, tmp_path):
    """Writes a checkpoint of random weights: ``checkpoint(name, seed)``, trained on the work folder's own split."""

    def make(name: str, seed: int = 0, split: str | None = None) -> Path:
        digest = file_sha256(work / "split.csv") if split is None else split
        make_checkpoint(seed=seed, split_sha256=digest).save(tmp_path / name)
        return tmp_path / name

    return make


def held(candidate, published, work, out, **options) -> gate.GateVerdict:
    asked = {"split": LOCKED, "resamples": 10, "altered_photographs": 2, **options}
    return gate.compare_with_published(candidate, published, work, out, **asked)


def trained_on(folder: Path, rows: pd.DataFrame, file: Path | None = None) -> Path:
    """Write the record of a checkpoint that was trained on ``rows`` (root, file, source, image_id …)."""
    found = provenance.keys(rows)
    part = {name: " ".join(set(found[name]) - {""}) for name in found}
    content = {"schema": 1, "train": part, "validation": dict.fromkeys(part, "")}
    (folder / "trained_on.json").write_text(json.dumps(content))
    return folder


def test_each_checkpoint_is_scored_once_however_often_it_is_compared(work, checkpoint, tmp_path, monkeypatch):
    scored = []
    honest = evaluate.score

    def counting(assessor, rows, out):
        scored.append(assessor.checkpoint.hash)
        return honest(assessor, rows, out)

    monkeypatch.setattr(evaluate, "score", counting)
    published, first, second = checkpoint("published", 10), checkpoint("a", 11), checkpoint("b", 12)
    for candidate in (first, second, first):
        held(candidate, published, work, tmp_path / "out")
    assert len(scored) == len(set(scored)) == 3


def test_the_figures_are_those_of_what_the_checkpoints_say(work, checkpoint, tmp_path):
    candidate, published = checkpoint("candidate", 1), checkpoint("published", 2)
    verdict = held(candidate, published, work, tmp_path / "out")
    row = next(row for row in verdict.rows if row.name == "sensitivity")
    for folder, found in ((candidate, row.candidate), (published, row.published)):
        evaluate.evaluate(folder, tmp_path / "report", work=work, split=LOCKED, resamples=2)
        metrics = json.loads((tmp_path / "report/metrics.json").read_text())
        assert found == pytest.approx(metrics["pooled"]["sensitivity"]["value"], abs=1e-6)
    written = json.loads((tmp_path / "out/gate.json").read_text())
    assert written["candidate"] == verdict.candidate and len(written["rows"]) == len(verdict.rows)


def test_with_nothing_published_yet_it_is_not_said_to_have_passed_a_comparison(work, checkpoint, tmp_path):
    candidate = checkpoint("candidate", 1)
    said = gate.table(held(candidate, None, work, tmp_path / "out"))
    assert "Nothing is published to compare with: only leaks were looked for" in said
    assert "The gate is passed" not in said


def test_too_few_groups_to_judge_by_close_the_gate(work, checkpoint, tmp_path):
    verdict = held(checkpoint("candidate", 1), checkpoint("published", 2), work, tmp_path / "out")
    assert all(row.passed is None for row in verdict.rows)
    assert len(verdict.problems) == 1 and "too few malignant or benign groups" in verdict.problems[0]
    assert not verdict.may_push


def test_without_anything_published_a_clean_candidate_passes(work, checkpoint, tmp_path):
    verdict = held(checkpoint("candidate"), None, work, tmp_path / "out")
    assert verdict.passed and verdict.published is None and verdict.rows[0].published is None


def test_training_on_the_train_part_of_the_same_split_is_no_leak(work, checkpoint, tmp_path):
    candidate = checkpoint("candidate", split="0" * 64)
    provenance.write(candidate, work)
    rows = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    trained_on(candidate, rows[rows["split"] == "train"])
    assert held(candidate, None, work, tmp_path / "out").leaks == {}


def test_a_fitted_record_holds_training_and_validation_alike(work, checkpoint, tmp_path):
    # What chose the epoch and the thresholds must not judge them; here that part is what is locked.
    candidate = checkpoint("candidate")
    provenance.write(candidate, work)
    verdict = held(candidate, None, work, tmp_path / "out")
    assert len(verdict.leaks["candidate"]) == 12


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"image_id": "other", "lesion_id": "", "patient_id": "", "source": "renamed"},
        {"image_id": "other", "file": "gone.png", "patient_id": ""},
        {"image_id": "other", "file": "gone.png", "lesion_id": ""},
        {"file": "gone.png", "lesion_id": "", "patient_id": ""},
    ],
    ids=["the very row", "the file under another name", "another picture of the lesion", "of the patient", "the id"],
)
def test_a_locked_group_in_training_closes_the_gate_and_is_named(work, checkpoint, tmp_path, changed):
    rows = pd.read_csv(work / "catalogue.csv", dtype=str, keep_default_na=False)
    leaky = trained_on(checkpoint("leaky", 3), rows[rows["image_id"] == "9"].assign(**changed))
    verdict = held(leaky, None, work, tmp_path / "out")
    assert verdict.leaks == {"candidate": ["g9"]} and not verdict.passed
    assert "trained on 1 locked groups of the validation split (g9)" in verdict.problems[0]


def test_a_published_checkpoint_that_saw_what_is_locked_closes_the_gate_too(work, checkpoint, tmp_path):
    rows = pd.read_csv(work / "catalogue.csv", dtype=str, keep_default_na=False)
    published = trained_on(checkpoint("published", 4), rows[rows["image_id"] == "9"])
    assert held(checkpoint("candidate"), published, work, tmp_path / "out").leaks == {"published": ["g9"]}


def test_a_checkpoint_of_an_unknown_split_without_a_record_closes_the_gate(work, checkpoint, tmp_path):
    verdict = held(checkpoint("foreign", split="0" * 64), None, work, tmp_path / "out")
    assert verdict.leaks == {"candidate": None} and "Nobody can tell" in verdict.problems[0]


def test_a_checkpoint_of_a_split_that_this_one_was_grown_from_is_known_to_be_clean(work, checkpoint, tmp_path):
    grown = tmp_path / "grown"
    shutil.copytree(work, grown)
    (grown / "audit.json").write_text(json.dumps({"kept_split": {"lineage": ["e" * 64, "f" * 64]}}))
    assert held(checkpoint("ancestor", split="e" * 64), None, grown, tmp_path / "out").leaks == {}


def test_looks_are_counted_by_candidate_and_those_of_what_is_published_are_added(work, checkpoint, tmp_path):
    fresh = tmp_path / "work"
    shutil.copytree(work, fresh, ignore=shutil.ignore_patterns("gate"))
    published, candidate = checkpoint("published", 5), checkpoint("a", 6)
    first = held(candidate, published, fresh, tmp_path / "out")
    assert [found["looks"] for found in first.attempts] == [1]
    assert held(candidate, published, fresh, tmp_path / "out").attempts == first.attempts  # shown again
    again = held(candidate, published, fresh, tmp_path / "elsewhere")
    assert [found["looks"] for found in again.attempts] == [2]
    earlier = {**first.attempts[0], "candidate": "feedfacecafe", "first": "2020-01-01T00:00:00.000000+00:00"}
    (published / "attempts.json").write_text(json.dumps({"schema": 1, "attempts": [earlier]}))
    third = held(checkpoint("b", 7), published, fresh, tmp_path / "out")
    assert [(found["candidate"][:4], found["looks"]) for found in third.attempts] == [
        ("feed", 1),
        (first.candidate[:4], 2),
        (third.candidate[:4], 1),
    ]
    assert model_card.counted(third.attempts) == (
        "3 candidates have been held against these locked photographs, 4 times in all."
    )
    assert json.loads((tmp_path / "out/attempts.json").read_text())["attempts"] == third.attempts


def test_looks_that_came_along_twice_count_once():
    look = {"candidate": "a", "published": "p", "locked_sha256": "l", "passed": False, "override": None}
    mine, theirs = look | {"first": "2026-01-01", "looks": 3}, look | {"first": "2026-01-01", "looks": 2}
    assert gate.joined_attempts([[mine], [theirs]]) == [mine]


def test_an_override_opens_the_gate_and_its_reason_is_recorded(work, checkpoint, tmp_path):
    verdict = held(checkpoint("candidate", 8), checkpoint("p", 9), work, tmp_path / "out", override=" a hot fix ")
    assert verdict.may_push and not verdict.passed
    assert json.loads((tmp_path / "out/gate.json").read_text())["override"] == "a hot fix"
    assert json.loads((tmp_path / "out/attempts.json").read_text())["attempts"][-1]["override"] == "a hot fix"
    assert "Overridden: a hot fix" in gate.table(verdict)


def test_photographs_to_alter_are_drawn_evenly_from_families_and_labels():
    labels = [("a", 0)] * 50 + [("a", 1)] * 2 + [("b", 0)] * 20 + [("b", 1)] * 20
    locked = pd.DataFrame(labels, columns=["family", "malignant"])
    drawn = gate.balanced(locked, 29, seed=0)
    assert drawn.value_counts().to_dict() == {("a", 0): 9, ("a", 1): 2, ("b", 0): 9, ("b", 1): 9}
    assert len(gate.balanced(locked, 1000, seed=0)) == 92


def test_an_override_without_a_reason_is_refused(work, checkpoint, tmp_path):
    with pytest.raises(UserError, match="at least one word"):
        held(checkpoint("candidate"), None, work, tmp_path / "out", override="  ")


def test_a_figure_beyond_its_margin_is_one_sentence_that_names_both_numbers():
    row = Row("sensitivity", 0.80, 0.90, -0.10, -0.13, -0.07, 0.05, True, False)
    assert gate.problems([row], {}, "test") == [
        "sensitivity: 0.800 against 0.900; it may be 0.130 lower, and the margin is 0.050."
    ]


def test_a_figure_within_its_margin_is_no_problem_and_one_not_judged_beside_it_neither():
    good = Row("AUC within sources", 0.89, 0.90, -0.01, -0.015, 0.002, 0.02, True, True)
    few = Row("AUC within few", 0.50, 0.90, -0.4, -0.6, -0.1, 0.05, True, None)
    assert gate.problems([good, few], {}, "test") == []


def test_the_command_ends_with_status_1_where_the_gate_is_closed_and_0_where_it_is_overridden(
    work, checkpoint, tmp_path, capsys
):
    command = ["gate", "--checkpoint", checkpoint("candidate", 1), "--published", checkpoint("p", 2), "--work", work]
    command += ["--out", tmp_path / "out", "--split", LOCKED, "--resamples", "5"]

    def status(*more) -> int:
        with pytest.raises(SystemExit) as ending:
            main([str(argument) for argument in (*command, *more)])
        return ending.value.code or 0

    assert status() == 1
    said = capsys.readouterr().out
    assert "Stop: The validation split has too few" in said and "The gate is closed." in said
    assert status("--override", "only a rehearsal") == 0
