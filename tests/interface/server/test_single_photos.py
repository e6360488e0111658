"""Uploads: a single photo is held to its limit in the middleware, a ZIP only to that of the batch."""

import pytest

from interface.server import single_photos
from interface.server.single_photos import PhotoTooLarge, held
from tests.own_loop import own_loop

LIMIT = 1000


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    monkeypatch.setattr(single_photos, "MAX_BYTES", LIMIT)


def body(*contents):
    head = 'Content-Disposition: form-data; name="files"; filename="{}.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    parts = [b"--B\r\n" + head.format(i).encode() + content + b"\r\n" for i, content in enumerate(contents)]
    return b"".join(parts) + b"--B--\r\n"


def sent_on(data, piece=10**9, content_type="multipart/form-data; boundary=B"):
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    more = [True] * (len(pieces) - 1) + [False]
    messages = iter([{"type": "http.request", "body": p, "more_body": m} for p, m in zip(pieces, more, strict=True)])

    async def receive():
        return next(messages)

    async def all_of_it():
        wait, out = held(receive, content_type), b""
        for _ in pieces:
            out += (await wait())["body"]
        return out

    return own_loop(all_of_it())


@pytest.mark.parametrize("piece", [1, 7, 10**9])
def test_what_is_small_enough_passes_unchanged_however_it_is_cut(piece):
    data = body(b"\xff\xd8" + b"x" * (LIMIT - 2), b"--B", b"")
    assert sent_on(data, piece) == data


def test_the_only_photo_over_the_limit_is_refused():
    with pytest.raises(PhotoTooLarge):
        sent_on(body(b"x" * (LIMIT + 2)))


def test_a_photo_that_the_page_cut_to_the_byte_over_the_limit_passes_so_that_the_gate_says_it_in_its_place():
    assert sent_on(body(b"x" * (LIMIT + 1))) == body(b"x" * (LIMIT + 1))


@pytest.mark.parametrize("piece", [1, 10**9])
def test_one_photo_of_several_that_is_too_large_keeps_the_byte_that_tells_it(piece):
    assert sent_on(body(b"x" * 3 * LIMIT, b"y"), piece) == body(b"x" * (LIMIT + 1), b"y")


@pytest.mark.parametrize("piece", [1, 10**9])
def test_a_zip_passes_whole(piece):
    data = body(b"PK\3\4" + b"z" * 5 * LIMIT)
    assert sent_on(data, piece) == data


def test_what_is_no_form_is_passed_on_for_gradio_to_refuse():
    assert sent_on(b"nonsense" * 10) == b"nonsense" * 10
    assert sent_on(b"nonsense", content_type="text/plain") == b"nonsense"
