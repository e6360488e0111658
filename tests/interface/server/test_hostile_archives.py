"""Whatever a ZIP holds, the batch says what it is, writes nothing anywhere, and looks at the other photos."""

from __future__ import annotations

import time

import pytest

from interface.components import batch_files
from interface.tabs import many_photos
from skin_model.wording import Words
from tests.hostile import archives
from tests.skin_model.pictures import encode, rendered

WORDS = Words()
GOOD = encode(rendered(), "JPEG")
SLIPS = archives.slips(GOOD)
BROKEN = archives.broken(GOOD)


def outcomes(assessor, file):
    """The code with which the whole batch was refused, or what became of each photo (None where it was scored)."""
    try:
        found = batch_files.batch([file], 200).photos
    except batch_files.BatchRefused as problem:
        assert WORDS(f"batch.refused.{problem.code}", **problem.values)
        return problem.code
    scored = [many_photos.score(assessor, name, place) for name, place in found]
    assert all(len(many_photos.row(photo, WORDS)) == 5 for photo in scored)
    return [photo.assessment.refused for photo in scored]


@pytest.fixture
def saved(tmp_path):
    def save(content):
        file = tmp_path / "inside" / "photos.zip"
        file.parent.mkdir()
        file.write_bytes(content)
        return file

    return save


@pytest.mark.parametrize("name", SLIPS)
def test_an_entry_that_wants_to_lie_elsewhere_is_scored_and_lies_nowhere(assessor, saved, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert outcomes(assessor, saved(SLIPS[name])) == [None]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "photos.zip"]


def test_a_link_to_a_file_of_the_server_is_not_followed(assessor, saved, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(GOOD)
    assert outcomes(assessor, saved(archives.link(str(tmp_path / "secret.jpg")))) == ["unsupported_format"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_lying_zip_is_refused_or_its_photos_are(assessor, saved, name):
    build, expected = BROKEN[name]
    file = saved(build())
    began = time.process_time()
    found = outcomes(assessor, file)
    assert time.process_time() - began < 2
    if expected == archives.PHOTOS:
        assert isinstance(found, list), found
    else:
        assert found == expected


def test_a_name_of_60000_letters_is_cut_to_its_end(saved):
    ((name, _),) = batch_files.batch([saved(SLIPS["long"])], 200).photos
    assert (len(name), name[-5:]) == (255, "a.jpg")
