"""A visit is forgotten soon after its visitor left, or when its time is over, whichever comes first."""

from __future__ import annotations

import json
import os
import time

import pytest

from interface.server.sessions import Sessions, held
from tests.own_loop import own_loop

KEEP = 600
GRACE = 30


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(tmp_path, clock):
    folder = tmp_path / "self-skin-check-x"
    folder.mkdir()
    return Sessions(folder, KEEP, clock)


def is_over(sessions, after):
    return sessions.over(["a"], sessions.clock() + after) == ["a"]


def test_a_visit_is_over_soon_after_the_page_was_closed(sessions):
    with sessions.connected("a"):
        assert not is_over(sessions, GRACE)
    assert not is_over(sessions, GRACE - 1)
    assert is_over(sessions, GRACE)


def test_a_page_that_comes_back_in_time_has_not_left(sessions):
    with sessions.connected("a"):
        pass
    with sessions.connected("a"):
        assert not is_over(sessions, GRACE)


def test_a_visit_goes_on_while_one_of_its_connections_lasts(sessions):
    with sessions.connected("a"):
        with sessions.connected("a"):
            pass
        assert not is_over(sessions, GRACE)


def test_an_open_page_does_not_keep_a_photo_beyond_its_time(sessions):
    with sessions.connected("a"):
        assert is_over(sessions, KEEP)


def test_a_program_that_keeps_no_connection_has_its_time_too(sessions):
    sessions.asks("a")
    assert not is_over(sessions, KEEP / 2)
    assert is_over(sessions, KEEP)


def test_a_new_question_starts_the_time_anew(sessions, clock):
    sessions.asks("a")
    clock.now += KEEP / 2
    sessions.asks("a")
    assert not is_over(sessions, KEEP / 2)


def aged(path, seconds):
    """The file's modification time, after it was set back."""
    os.utime(path, (time.time() - seconds,) * 2)
    return path.stat().st_mtime


def owned(sessions, name, *owners):
    """A file in the server's folder that these sessions' messages name."""
    path = sessions.folder / "hash" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"photo")
    aged(path, GRACE)
    for owner in owners:
        sessions.mentions(owner, json.dumps({"data": [{"path": str(path)}]}, ensure_ascii=False).encode())
    return path


class App:
    """What of a Gradio app a forgetting touches."""

    def __init__(self) -> None:
        class Queue:
            def __init__(self) -> None:
                self.pending_messages_per_session, self.pending_event_ids_session, self.cleaned = {}, {}, []

            async def clean_events(self, *, session_hash: str) -> None:
                self.cleaned.append(session_hash)

        class Blocks:
            def __init__(self) -> None:
                self._queue, self.pending_streams, self.pending_diff_streams = Queue(), {}, {}
                self.temp_file_sets: list[set[str]] = []

        class Holder:
            def __init__(self) -> None:
                self.session_data, self.time_last_used = {}, {}

        self.blocks, self.state_holder = Blocks(), Holder()

    def get_blocks(self):
        return self.blocks


def forget(sessions, session, app=None):
    own_loop(sessions.forget(app or App(), session))


@pytest.mark.parametrize("name", ["mole.jpg", "Leberfleck älter.jpg", 'a"b.jpg', "back\\slash.jpg"])
def test_a_visits_files_go_with_it(sessions, name):
    path = owned(sessions, name, "a")
    forget(sessions, "a")
    assert not path.exists()
    assert not path.parent.exists()


def test_a_file_that_another_visit_has_too_stays_until_that_is_over(sessions):
    path = owned(sessions, "mole.jpg", "a", "b")
    forget(sessions, "a")
    assert path.exists()
    forget(sessions, "b")
    assert not path.exists()


def test_a_photo_that_another_visitor_has_just_uploaded_too_is_not_taken_along(sessions):
    path = owned(sessions, "mole.jpg", "a")
    aged(path, 0)  # written once more: places are named after content
    forget(sessions, "a")
    assert path.exists()
    sessions.mentions("b", json.dumps({"path": str(path)}).encode())
    aged(path, GRACE)
    own_loop(sessions.sweep(App()))
    assert path.exists()
    forget(sessions, "b")
    assert not path.exists()


def test_a_photo_just_written_that_nobody_names_goes_with_a_later_sweep(sessions):
    path = owned(sessions, "mole.jpg", "a")
    aged(path, 0)
    forget(sessions, "a")
    aged(path, GRACE)
    own_loop(sessions.sweep(App()))
    assert not path.exists()


def test_nothing_outside_the_servers_folder_is_deleted_whatever_a_message_names(sessions):
    outside = sessions.folder.parent / "outside.jpg"
    outside.write_bytes(b"photo")
    sessions.mentions("a", json.dumps({"path": f"{sessions.folder}/../outside.jpg"}).encode())
    sessions.mentions("a", json.dumps({"path": str(outside)}).encode())
    forget(sessions, "a")
    assert outside.exists()


def shown(sessions, session, place):
    sessions.is_shown(session, json.dumps({"path": str(place)}).encode())


def test_a_picture_that_lay_there_for_another_visitor_has_its_whole_time_before_it(sessions):
    path = owned(sessions, "overlay.webp", "a")
    aged(path, 500)
    shown(sessions, "b", path)
    assert time.time() - path.stat().st_mtime < 60


def test_a_visitor_cannot_keep_a_picture_longer_by_being_shown_it_again(sessions):
    path = owned(sessions, "overlay.webp", "a")
    before = aged(path, 500)
    shown(sessions, "a", path)
    assert path.stat().st_mtime == before


def test_nothing_outside_the_servers_folder_is_touched_whatever_an_answer_names(sessions):
    outside = sessions.folder.parent / "outside.jpg"
    outside.write_bytes(b"photo")
    before = aged(outside, 500)
    shown(sessions, "a", f"{sessions.folder}/../outside.jpg")
    assert outside.stat().st_mtime == before


def test_answers_that_nobody_fetched_and_all_values_go(sessions):
    app = App()
    app.state_holder.session_data["a"] = "the photo"
    app.blocks._queue.pending_messages_per_session["a"] = ["an answer"]
    app.blocks._queue.pending_event_ids_session["a"] = {"event"}
    forget(sessions, "a", app)
    assert app.state_holder.session_data == {}
    assert app.blocks._queue.pending_messages_per_session == {}
    assert app.blocks._queue.pending_event_ids_session == {}
    assert app.blocks._queue.cleaned == ["a"]


def test_what_broke_off_is_dropped_only_in_a_folder_of_ones_own(sessions, tmp_path, clock):
    for folder in (sessions.folder, tmp_path):
        (folder / "tmpabc").write_bytes(b"half a photo")
    sessions.drop_unfinished_uploads()
    Sessions(tmp_path, KEEP, clock).drop_unfinished_uploads()
    assert not (sessions.folder / "tmpabc").exists()
    assert (tmp_path / "tmpabc").exists()


def test_more_visits_are_held_than_may_wait():
    assert held(64) == 128
    assert held(1) == 32
