"""The tables that benchmarks put into pages are those of the results beside them."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks import archive, federated, federated_page, speed_page, table
from tests.conftest import REPOSITORY
from train import UserError


@pytest.mark.parametrize(
    ("page", "marks", "text"),
    [
        ("docs/federated.md", federated_page.MARKS, federated_page.text),
        ("docs/operations.md", archive.MARKS, archive.text),
    ],
)
def test_what_a_page_shows_are_the_results(page, marks, text):
    content = (REPOSITORY / page).read_text(encoding="utf-8")
    assert f"{marks[0]}\n{text(table.RESULTS)}\n{marks[1]}" in content


@pytest.mark.parametrize("part", speed_page.PARTS)
def test_the_page_on_speed_shows_the_results(part):
    content = (REPOSITORY / "docs/speed.md").read_text(encoding="utf-8")
    assert f"{speed_page.mark(part)}\n{speed_page.text(part, table.RESULTS)}\n{speed_page.END}" in content


def test_a_step_is_told_in_milliseconds_and_as_a_multiple_of_the_same_runs_decoding(tmp_path):
    steps = {"decode": 40.0, "quality": 10.0, "all, grad_cam": 60.0}
    rows = [
        {"photo": "large", "step": step, "median ms": taken, "machine": "A machine"} for step, taken in steps.items()
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "photo.csv", index=False)
    assert speed_page.text("photo", tmp_path).splitlines() == [
        "| step | large, ms | × decoding |",
        "|---|---:|---:|",
        "| decode | 40.0 | 1.00 |",
        "| quality | 10.0 | 0.25 |",
        "| all, grad_cam | 60.0 | 1.50 |",
        "",
        "Measured on A machine.",
    ]


def write_results(folder) -> None:
    about = {"recipe": "tiny", "pixels": 32, "rounds": 2, "machine": "A machine"}
    rows = [
        {"trained on": name, "seed": seed, "source": source, "auc": auc + seed / 10, "low": 0.5, "high": 1.0, **about}
        | {"training": 60, "photographs": 40, "malignant": 20}
        for seed in (0, 1)
        for name, aucs in (
            ("all photographs together", (0.8, 0.7)),
            ("bern alone", (0.6, 0.5)),
            ("federated, shared batch norm", (0.7, 0.6)),
        )
        for source, auc in zip(("bern", "graz"), aucs, strict=True)
    ]
    pd.DataFrame(rows).to_csv(folder / "federated.csv", index=False)
    told = {"seed": 0, "loss": 0.5, "validation_auc": 0.65}
    federation = {"run": "federated, shared batch norm", "sites": 2, "bytes_sent": 24_000_000}
    rounds = [{**told, **federation, "round": number, "bytes_received": 12_400_000} for number in (1, 2)]
    rounds += [{**told, "run": "all photographs together", "round": 2, "validation_auc": 0.75}]
    pd.DataFrame(rounds).to_csv(folder / "federated_rounds.csv", index=False)


def test_the_federations_table_shows_means_over_seeds_within_each_source_and_the_bytes_of_one_site(tmp_path):
    write_results(tmp_path)
    lines = federated_page.text(tmp_path).splitlines()
    assert "2 sources (bern: 60 to train on, 40 to validate on, 20 of these malignant; graz: " in lines[0]
    assert "recipe `tiny` at 32 pixels, 2 rounds" in lines[0] and "seeds 0, 1" in lines[0]
    assert [line for line in lines if line.startswith(("| bern", "| fed", "| all"))] == [
        "| bern alone | 0.650 (0.500–1.000) | 0.550 (0.500–1.000) | 0.600 |",
        "| federated, shared batch norm | 0.750 (0.500–1.000) | 0.650 (0.500–1.000) | 0.700 |",
        "| all photographs together | 0.850 (0.500–1.000) | 0.750 (0.500–1.000) | 0.800 |",
    ]
    assert lines[-3] == "|" + "---:|" * 5
    assert lines[-2:] == ["| 1 | 0.650 | – | 12.0 | 6.2 |", "| 2 | 0.650 | 0.750 | 12.0 | 6.2 |"]


def test_the_trial_takes_whole_groups_of_every_part_of_the_named_sites_and_no_test_photographs(tmp_path):
    rows = [
        {"root": "/x", "file": f"{source}{k}.jpg", "source": source, "image_id": f"{source}{k}"}
        | {"group": f"{source}{k // 3}", "split": split, "diagnosis": "mel" if k % 2 else "nv", "malignant": k % 2}
        for source in ("bern", "graz", "linz")
        for first, split in ((0, "train"), (60, "validation"), (90, "test"))
        for k in range(first, first + 30)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "split.csv", index=False)
    kept = federated.sample(tmp_path, tmp_path / "some", "source", ["bern", "linz"], 20)
    found = pd.read_csv(kept / "split.csv")
    assert {(s, p): len(of) for (s, p), of in found.groupby(["source", "split"])} == {
        (source, part): 18 for source in ("bern", "linz") for part in ("train", "validation")
    }
    assert set(found["group"].value_counts()) == {3}
    with pytest.raises(UserError, match=r"has no site wien. It has: bern, graz, linz\."):
        federated.sample(tmp_path, tmp_path / "none", "source", ["wien"], 0)


def test_no_throughput_is_made_up_where_starting_took_longer_than_scoring_everything(monkeypatch, tmp_path):
    seconds = iter([118.0, 190.0])
    monkeypatch.setattr(archive, "watched", lambda command: table.Watched(next(seconds), 1000.0))
    with pytest.raises(UserError, match="took 118 s for 100 photographs and 190 s for one: the machine is too busy"):
        archive._row("python -m skin_model", 2, lambda folder: [str(folder)], tmp_path, tmp_path, 100)
