"""Whatever a file holds, it ends in a photo or in a refusal with a code, within seconds and megabytes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.hostile import opening
from tests.hostile.corpus import Case, cases

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux records it")

EVERY = cases()
SAMPLE = [case for case in EVERY if not case.slow and not case.name.startswith("heif/grid")][::4]


def wrongs(chosen: list[Case], folder: Path) -> list[str]:
    """What is wrong with the outcomes of these cases, one sentence each."""
    found = []
    file = folder / "upload"
    with opening.Worker() as worker:
        for case in chosen:
            file.write_bytes(case.build())
            outcome = worker.open(file)
            if outcome.what not in case.outcomes:
                found.append(f"{case.name}: {outcome.what}, expected one of {sorted(case.outcomes)}")
            if outcome.seconds > opening.SECONDS:
                found.append(f"{case.name}: {outcome.seconds:.1f} seconds")
            if outcome.megabytes > opening.MEGABYTES:
                found.append(f"{case.name}: {outcome.megabytes:.0f} MB")
            print(f"{case.name:60} {outcome.what:20} {outcome.seconds:5.2f} s {outcome.megabytes:5.0f} MB")
    return found


def test_the_corpus_has_hundreds_of_cases_with_a_name_each():
    assert len({case.name for case in EVERY}) == len(EVERY) >= 150
    families = {case.name.split("/")[0] for case in EVERY}
    assert len({case.name.split("/")[0] for case in SAMPLE}) == len(families)


def test_a_sample_of_bad_files_ends_as_it_should(tmp_path):
    assert wrongs(SAMPLE, tmp_path) == []


@pytest.mark.slow
def test_every_bad_file_ends_as_it_should_within_two_seconds_and_400_megabytes(tmp_path):
    assert wrongs(EVERY, tmp_path) == []


def test_a_worker_that_dies_is_told_and_the_next_file_gets_a_new_one(tmp_path, monkeypatch):
    """Else a decoder's crash would pass for a slow file."""
    good = Path(opening.REPOSITORY) / "examples" / "tone-1.jpg"
    with opening.Worker() as worker:
        assert worker.open(good).what == "photo"
        worker._process.kill()
        worker._process.wait()
        assert worker.open(good).what == "photo"
