"""What is scored, and in which order: folders, Parquet files, and what is known of their photographs."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skin_model.photo.folders import list_folder
from tests.train.batch_inference.rendered_archives import write_archive, write_parquet
from tests.train.rendered_folders import skin, write, write_text
from train import UserError
from train.batch_inference.archive import BLOCK, Archive, Stored, open_archive


def read(archive: Archive, missing: np.ndarray | None = None) -> list[Stored]:
    """Everything, by an archive as it reaches another machine."""
    missing = np.ones(archive.photographs, bool) if missing is None else missing
    there = pickle.loads(pickle.dumps(archive))
    return [stored for block in archive.blocks(missing) for stored in there.read(block)]


@pytest.fixture
def pictures(tmp_path) -> list[bytes]:
    return [write(tmp_path / "all" / f"{k}.jpg", skin(k, 96)).read_bytes() for k in range(5)]


def test_a_folder_gives_every_photograph_once_and_in_the_order_of_paths(tmp_path):
    archive = open_archive(str(write_archive(tmp_path / "archive", 70)))
    found = read(archive)
    assert [stored.position for stored in found] == list(range(72)) == list(range(archive.photographs))
    assert [stored.file for stored in found] == sorted(stored.file for stored in found)
    assert all((tmp_path / "archive" / stored.file).samefile(stored.content) for stored in found)


def test_a_dead_link_is_a_photograph_that_cannot_be_read_and_a_folder_without_rights_is_named(tmp_path, monkeypatch):
    folder = write_archive(tmp_path / "archive", 3)
    (folder / "dead.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (folder / "closed").mkdir()
    listed = list_folder(folder)
    closed = replace(listed, unreadable=[*listed.unreadable, Path("closed")])  # as for anybody but the test's root
    monkeypatch.setattr("train.batch_inference.archive.list_folder", lambda root: closed)
    archive = open_archive(str(folder))
    assert archive.photographs == 6
    assert {stored.file for stored in read(archive)} >= {"dead.jpg", "cut.jpg", "empty.png"}
    assert archive.not_entered == ["closed"]


def test_only_what_is_missing_is_read_in_blocks_of_limited_size(tmp_path):
    archive = open_archive(str(write_archive(tmp_path / "archive", 70)))
    missing = np.ones(72, bool)
    missing[[3, 40]] = False
    assert {stored.position for stored in read(archive, missing)} == set(range(72)) - {3, 40}
    assert max(block.num_rows for block in archive.blocks(missing)) <= BLOCK


def test_what_a_known_layout_says_of_a_photograph_comes_along_and_the_others_have_no_label(tmp_path):
    folder = tmp_path / "clinic"
    for k in range(3):
        write(folder / f"images/{k}.jpg", skin(k, 96))
    write_text(
        folder / "lesions.csv",
        "file,source,image_id,lesion_id,patient_id,diagnosis,malignant,modality,age",
        "images/0.jpg,clinic,c0,l0,p0,mel,1,dermoscopic,40",
        "images/2.jpg,clinic,c2,l2,,nv,0,,",
    )
    known = [stored.known for stored in read(open_archive(str(folder)))]
    assert [one["malignant"] for one in known] == [1, None, 0]
    assert [one["diagnosis"] for one in known] == ["mel", "", "nv"]
    assert (known[0]["patient_id"], known[0]["age"], known[1]["source"]) == ("p0", "40", "")


def test_rows_of_parquet_files_are_found_again_across_row_groups(tmp_path, pictures):
    many = [pictures[k % 5] for k in range(100)]
    write_parquet(tmp_path / "shards/a.parquet", many, image_id=[f"a{k}" for k in range(100)])
    write_parquet(tmp_path / "shards/b.parquet", many[:7], image_id=[f"b{k}" for k in range(7)])
    archive = open_archive(str(tmp_path / "shards/*.parquet"))
    found = read(archive)
    assert [stored.file for stored in found] == [f"a{k}" for k in range(100)] + [f"b{k}" for k in range(7)]
    assert [stored.content for stored in found] == many + many[:7]
    some = np.zeros(107, bool)
    some[[39, 40, 99, 106]] = True
    assert [stored.file for stored in read(archive, some)] == ["a39", "a40", "a99", "b6"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"malignant": [1, 0, None, 1, 0]}, [1, 0, None, 1, 0]),
        ({"malignant": ["benign", "malignant", "", "yes", "no"]}, [0, 1, None, 1, 0]),
        ({"diagnosis": ["mel", "nevus", "", "bcc", "who knows"]}, [1, 0, None, 1, None]),
        ({"diagnosis": ["mel", "mel", "nv", "nv", "nv"], "malignant": [1, 0, 0, 1, 0]}, [1, None, 0, None, 0]),
    ],
)
def test_labels_of_parquet_rows_are_understood_as_those_of_tables_are(tmp_path, pictures, columns, expected):
    file = write_parquet(tmp_path / "one.parquet", pictures, **columns)
    assert [stored.known["malignant"] for stored in read(open_archive(str(file)))] == expected


def test_a_row_without_a_picture_is_read_as_empty_and_not_lost(tmp_path, pictures):
    file = write_parquet(tmp_path / "one.parquet", [*pictures[:2], None])
    assert [len(stored.content) > 0 for stored in read(open_archive(str(file)))] == [True, True, False]


def test_another_file_in_the_archive_changes_its_digest(tmp_path):
    folder = write_archive(tmp_path / "archive", 3)
    before = open_archive(str(folder)).digest
    assert open_archive(str(folder)).digest == before
    write(folder / "new.jpg", skin(99, 96))
    assert open_archive(str(folder)).digest != before


def test_what_holds_no_photographs_is_refused_in_words(tmp_path, pictures):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    write_text(tmp_path / "table.csv", "a,b", "1,2")
    import pandas as pd

    pd.DataFrame({"risk": [0.1]}).to_parquet(tmp_path / "numbers.parquet")
    for data, says in (
        ("empty", "holds no photographs"),
        ("nowhere/*.parquet", "no folder and no Parquet file"),
        ("broken.parquet", "cannot be read as Parquet"),
        ("numbers.parquet", "no column has bytes. Its columns are risk"),
    ):
        with pytest.raises(UserError, match=says):
            open_archive(str(tmp_path / data))
