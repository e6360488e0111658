"""Pictures of answers are served whole, however many visitors get the same one at the same time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio import processing_utils

from interface.server import answer_pictures

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Saves a picture as a component of Gradio's does; returns the file."""
    monkeypatch.setattr(processing_utils, "save_pil_to_cache", processing_utils.save_pil_to_cache)
    answer_pictures.write_whole()
    return lambda: Path(processing_utils.save_img_array_to_cache(PICTURE, str(tmp_path)))


def test_a_picture_lies_where_gradio_would_have_put_it(tmp_path, written):
    usual = processing_utils.save_img_array_to_cache(PICTURE, str(tmp_path))
    Path(usual).unlink()
    file = written()
    assert str(file) == usual
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [file]


def test_the_same_picture_once_more_leaves_the_file_alone_that_others_read(written):
    file = written()
    before = file.stat()
    os.utime(file, (time.time() - 500,) * 2)
    with file.open("rb") as read:
        assert written() == file
        assert len(read.read()) == before.st_size
    assert file.stat().st_ino == before.st_ino
    assert time.time() - file.stat().st_mtime < 60


def test_two_visitors_may_get_the_same_answer_at_the_same_moment(written, monkeypatch):
    replace, between = Path.replace, []

    def while_another_writes(aside, file):
        if not between:
            between.append(file)
            written()
        return replace(aside, file)

    monkeypatch.setattr(Path, "replace", while_another_writes)
    file = written()
    assert between == [file]
    assert [each for each in file.parent.parent.rglob("*") if each.is_file()] == [file]


def test_a_picture_that_was_deleted_is_there_again(written):
    file = written()
    content = file.read_bytes()
    file.unlink()
    assert written().read_bytes() == content


def test_gradios_components_save_that_way(tmp_path, monkeypatch, written):
    kept = []
    monkeypatch.setattr(processing_utils, "save_pil_to_cache", lambda *a, **k: kept.append(a) or "x.webp")
    slider = gr.ImageSlider()
    slider.GRADIO_CACHE = str(tmp_path)
    slider.postprocess((PICTURE, PICTURE))
    assert len(kept) == 2
