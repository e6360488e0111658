"""Scores on disk: nothing twice, nothing lost, and nobody's scores taken for another's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from train import UserError
from train.batch_inference.score import summarise, table
from train.batch_inference.scorer import OVERLAY, SCHEMA
from train.batch_inference.shards import ScoreShards, read_scores

KEY = {"archive": "a", "checkpoint": "c", "overlay": False}


def scored(*positions: int, **cells: object) -> pa.Table:
    rows = [{"position": k, "file": f"{k}.jpg", "risk": 0.5, "band": "raised", "source": "clinic"} for k in positions]
    return pa.Table.from_pylist([row | cells for row in rows], schema=SCHEMA)


def test_scores_that_come_twice_are_kept_once(tmp_path):
    shards = ScoreShards(tmp_path, KEY, 6)
    assert shards.add(scored(0, 1)) == 2
    assert shards.add(scored(1, 2)) == 1
    shards.flush()
    assert shards.add(scored(2, 3)) == 1
    shards.flush()
    assert read_scores(tmp_path)["position"].to_pylist() == [0, 1, 2, 3]


def test_a_later_call_knows_what_is_there(tmp_path):
    first = ScoreShards(tmp_path, KEY, 6)
    first.add(scored(5, 0))
    first.flush()
    second = ScoreShards(tmp_path, KEY, 6)
    assert second.done.tolist() == [True, False, False, False, False, True]
    second.add(scored(1))
    second.flush()
    assert read_scores(tmp_path)["position"].to_pylist() == [0, 1, 5]


def test_a_full_shard_is_written_without_being_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("train.batch_inference.shards.SHARD_ROWS", 2)
    shards = ScoreShards(tmp_path, KEY, 6)
    shards.add(scored(0))
    assert list(shards.folder.iterdir()) == []
    shards.add(scored(1))
    assert [file.name for file in shards.folder.iterdir()] == ["scores-000000.parquet"]


def test_scores_of_another_checkpoint_are_not_added_to(tmp_path):
    ScoreShards(tmp_path, KEY, 6)
    with pytest.raises(UserError, match=r"another checkpoint\. Choose another folder"):
        ScoreShards(tmp_path, KEY | {"checkpoint": "d"}, 6)


def test_a_damaged_shard_is_named(tmp_path):
    shards = ScoreShards(tmp_path, KEY, 6)
    (shards.folder / "scores-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"scores-000000.parquet is damaged. Delete it"):
        ScoreShards(tmp_path, KEY, 6)


def test_an_overlay_is_a_file_before_its_row_is(tmp_path):
    shards = ScoreShards(tmp_path, KEY, 2000)
    drawn = scored(1234).append_column(OVERLAY, pa.array([b"png"], OVERLAY.type))
    shards.add(drawn)
    assert (tmp_path / "overlays/0001/0001234.png").read_bytes() == b"png"
    shards.flush()
    assert OVERLAY.name not in read_scores(tmp_path).column_names


def test_the_counts_of_a_summary_add_up(tmp_path):
    shards = ScoreShards(tmp_path, KEY, 6)
    shards.add(scored(0, 1, 2))
    shards.add(scored(3, band="cannot_tell", refused="not_skin"))
    shards.add(scored(4, 5, risk=None, band=None, refused="damaged_file", source=""))
    shards.flush()
    found = summarise(shards, 6)
    assert (found["photographs"], found["scored"], found["refused"], found["unreadable"]) == (6, 3, 1, 2)
    assert found["bands"] == {"low": 0, "raised": 3, "high": 0, "cannot_tell": 1}
    assert found["refusals"] == {"damaged_file": 2, "not_skin": 1}
    assert (found["sources"]["clinic"]["photographs"], found["sources"]["clinic"]["unreadable"]) == (4, 0)
    assert table(found).startswith("6 photographs = 3 scored + 1 refused + 2 unreadable\n")


def test_a_summary_whose_counts_do_not_add_up_is_refused(tmp_path):
    shards = ScoreShards(tmp_path, KEY, 6)
    shards.add(scored(0, 1, 2))
    shards.flush()
    with pytest.raises(UserError, match="3 rows for 6 photographs"):
        summarise(shards, 6)
